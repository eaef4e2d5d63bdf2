//! What the USRP process answers to its agent.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::bridge::Bridge;
use super::follow;
use super::session::Session;
use workload::contract::{Ask, Status, Unfollowed};

/// Answers a question.
///
/// # Errors
/// A sentence for the operator.
pub fn answer(session: &Arc<Session>, bridge: &Arc<Bridge>, ask: Ask) -> Result<Value, String> {
    match ask {
        Ask::Status => {
            let status = Status {
                // What it only receives is another's.
                linked: Some(session.linked() && !session.overlaps()),
                frozen: session.park.is_parking().then_some(true),
                counters: Some(session.counters.snapshot()),
                reference_locked: session.radio.locked(),
                session_mark: session.radio.session_mark(),
                follows: session.follow_status(),
                sends_heartbeats: session.sends_heartbeats(),
                ..Status::default()
            };
            said(status)
        }
        Ask::Link => session.link().map(|()| Value::Null),
        Ask::Freeze => session.freeze().and_then(said),
        Ask::Resume => session.resume().and_then(said),
        Ask::TakeOver(asked) => session.take_over(asked).and_then(said),
        Ask::Relink => session.relink().map(|()| Value::Null),
        Ask::Export => session.stream().and_then(said),
        Ask::Overlap(beside) => session.overlap(beside).and_then(said),
        Ask::Settle => session.settle().map(|()| Value::Null),
        Ask::SendHeartbeats(to) => session.send_heartbeats(&to).map(|()| Value::Null),
        Ask::EndHeartbeats => {
            session.end_heartbeats();
            Ok(Value::Null)
        }
        Ask::Follow(asked) => follow::start(session, bridge, &asked).and_then(said),
        Ask::Unfollow => said(Unfollowed { has_taken_over: session.stop_following() }),
        Ask::Import { .. } => Err("the USRP process has no soft state; ask the D2D process, or freeze this one".into()),
        Ask::GetControl
        | Ask::Describe
        | Ask::GetRoutes
        | Ask::SetRoutes { .. }
        | Ask::Unsent
        | Ask::Forward(_)
        | Ask::ReportProgress { .. } => Err("the USRP process only moves samples; ask the D2D process".into()),
    }
}

fn said(answer: impl Serialize) -> Result<Value, String> {
    serde_json::to_value(answer).map_err(|e| format!("the answer cannot be written: {e}"))
}
