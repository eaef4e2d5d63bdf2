//! What the USRP process answers to its agent.

use serde_json::{Value, json};

use super::session::Session;
use crate::workload::contract::{Ask, Status};

/// Answers a question.
///
/// # Errors
/// A sentence for the operator.
pub fn answer(session: &Session, ask: Ask) -> Result<Value, String> {
    match ask {
        Ask::Status => {
            let status = Status {
                linked: Some(session.linked()),
                frozen: session.park.is_parking().then_some(true),
                counters: Some(session.counters.snapshot()),
                ..Status::default()
            };
            serde_json::to_value(status).map_err(|e| e.to_string())
        }
        Ask::Link => session.link().map(|()| Value::Null),
        Ask::Freeze => session.freeze().and_then(|mark| serde_json::to_value(mark).map_err(|e| e.to_string())),
        Ask::Resume => session.resume().map(|(took, restarted)| json!({"ms": took.as_secs_f64() * 1e3, "restarted": restarted})),
        Ask::Export | Ask::Import { .. } => {
            Err("the USRP process has no soft state; ask the D2D process, or freeze this one".into())
        }
        Ask::GetControl | Ask::Describe | Ask::GetRoutes | Ask::SetRoutes { .. } => {
            Err("the USRP process only moves samples; ask the D2D process".into())
        }
    }
}
