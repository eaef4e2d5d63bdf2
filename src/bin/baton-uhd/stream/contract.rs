//! What the process answers to its agent.

use protocol::Method;
use serde_json::Value;
use workload::contract::{Ask, Status};

use super::session::{ENDS_WITHIN, LINKS_WITHIN, Session};

/// Answers a question.
///
/// # Errors
/// A sentence for the operator.
pub fn answer(session: &Session, ask: Ask) -> Result<Value, String> {
    let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).ok();
    match ask {
        Ask::Status => {
            let status = Status {
                linked: Some(session.linked()),
                counters: Some(session.counters.snapshot()),
                reference_locked: session.reference_locked(),
                methods: Some(vec![Method::Cold]),
                link_within_ms: ms(LINKS_WITHIN),
                end_within_ms: ms(ENDS_WITHIN),
                ..Status::default()
            };
            serde_json::to_value(status).map_err(|e| format!("the answer cannot be written: {e}"))
        }
        Ask::Link => session.link().map(|()| Value::Null),
        Ask::Relink => session.relink().map(|()| Value::Null),
        Ask::Freeze | Ask::Resume => Err(cannot("be frozen: libuhd has the radio for itself until this process ends")),
        Ask::TakeOver(_) => Err(cannot("take streams over: libuhd initialises the radio whenever it opens it")),
        Ask::Export | Ask::Overlap(_) | Ask::Settle | Ask::SendHeartbeats(_) | Ask::Follow(_) | Ask::Unfollow => {
            Err(cannot("share the radio: libuhd has it for itself"))
        }
        Ask::EndHeartbeats => Ok(Value::Null),
        Ask::Import { .. } => Err("the USRP process has no soft state; ask the D2D process".into()),
        Ask::GetControl
        | Ask::Describe
        | Ask::GetRoutes
        | Ask::SetRoutes { .. }
        | Ask::Unsent
        | Ask::Forward(_)
        | Ask::ReportProgress { .. } => Err("the USRP process only moves samples; ask the D2D process".into()),
    }
}

fn cannot(what: &str) -> String {
    format!("baton-uhd stream cannot {what}; move the work with cold")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use workload::contract::{Stream, TakeOver};

    #[test]
    fn what_needs_an_n210_is_refused_with_what_to_do() {
        let session = Session::idle();
        for ask in [
            Ask::Freeze,
            Ask::Resume,
            Ask::TakeOver(TakeOver::default()),
            Ask::Export,
            Ask::Overlap(Stream { chain: 0, tick: 1 }),
            Ask::Settle,
        ] {
            let refused = answer(&session, ask.clone()).unwrap_err();
            assert!(refused.ends_with("move the work with cold"), "{ask:?}: {refused}");
        }
        assert!(answer(&session, Ask::Relink).unwrap_err().contains("not linked"));
        let status = answer(&session, Ask::Status).unwrap();
        assert_eq!((&status["linked"], &status["methods"]), (&json!(false), &json!(["cold"])));
        assert_eq!(status["counters"]["rx_samples"], 0);
    }
}
