//! What the USRP process answers to its agent.

use serde_json::Value;

use super::session::Session;
use crate::workload::contract::{Ask, Status};

/// Answers a question.
///
/// # Errors
/// A sentence for the operator.
pub fn answer(session: &Session, ask: Ask) -> Result<Value, String> {
    match ask {
        Ask::Status => {
            let status =
                Status { linked: Some(session.linked()), counters: Some(session.counters.snapshot()), ..Status::default() };
            serde_json::to_value(status).map_err(|e| e.to_string())
        }
        Ask::Link => session.link().map(|()| Value::Null),
        Ask::GetControl | Ask::Describe | Ask::GetRoutes | Ask::SetRoutes { .. } => {
            Err("the USRP process only moves samples; ask the D2D process".into())
        }
    }
}
