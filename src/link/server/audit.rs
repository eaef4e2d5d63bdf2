//! Who has asked for what, from where, and what came of it.

use serde::Serialize;
use serde_json::Value;

use crate::link::identity::{Identity, Peer, Who};
use protocol::{Command, ErrorCode, Failure, Method, Order};

/// A command that changes something, asked for by anybody but another agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEntry {
    /// The host whose agent answered.
    pub host: String,
    /// Who asked.
    pub by: String,
    /// From where; absent on this machine's own socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The command.
    pub command: &'static str,
    /// Of an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// Of an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// The run of an order that was carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// `refused`, `failed`, `done`; of an order its outcome, as in records.
    pub outcome: String,
    /// Why it was refused, or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Stable code of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
}

/// What is asked for so often, and changes so little, that it would hide the rest.
fn is_routine(command: &Command) -> bool {
    matches!(command, Command::RenewHold { .. } | Command::ProbeStart { .. } | Command::ProbeStop)
}

/// What was asked for, before it is known what comes of it; none where it is nobody's business.
pub(super) struct Asked {
    by: String,
    from: Option<String>,
    command: &'static str,
    order: Option<(Order, Method)>,
}

impl Asked {
    pub(super) fn new(command: &Command, peer: &Peer) -> Option<Self> {
        if command.only_reads() || is_routine(command) || matches!(peer.who, Who::Certified(Identity::Host(_))) {
            return None;
        }
        let (by, order) = match command {
            Command::Order(order) => (peer.ordered_by(order.by.clone().unwrap_or_default()), Some((order.order, order.method))),
            _ => (peer.ordered_by(String::new()), None),
        };
        let by = if by.is_empty() { "somebody".into() } else { by };
        Some(Self { by, from: peer.address.map(|address| address.to_string()), command: command.name(), order })
    }

    /// `refused`: it was not even tried.
    pub(super) fn answered(self, host: &str, refused: bool, result: &Result<Value, Failure>) -> AuditEntry {
        let text = |key: &str| result.as_ref().ok().and_then(|value| value.get(key)?.as_str()).map(str::to_owned);
        let failure = result.as_ref().err();
        let of_record = |key: &str| self.order.and_then(|_| text(key));
        let outcome = match failure {
            Some(_) if refused => "refused".into(),
            Some(_) => "failed".into(),
            None => of_record("outcome").unwrap_or_else(|| "done".into()),
        };
        AuditEntry {
            host: host.to_owned(),
            from: self.from,
            command: self.command,
            order: self.order.map(|(order, _)| order),
            method: self.order.map(|(_, method)| method),
            run: of_record("run"),
            reason: failure.map(|failure| failure.message.clone()).or_else(|| of_record("reason")),
            code: failure.map(|failure| failure.code),
            by: self.by,
            outcome,
        }
    }
}

impl std::fmt::Display for AuditEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.order.zip(self.method) {
            Some((order, method)) => write!(f, "{order} ({method})")?,
            None => f.write_str(self.command)?,
        }
        write!(f, " by {}", self.by)?;
        self.from.as_ref().map_or(Ok(()), |from| write!(f, " from {from}"))?;
        write!(f, ": {}", self.outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::identity::{Operator, Role};
    use serde_json::json;

    fn operator() -> Peer {
        let operator = Operator { name: "ada@lab".into(), role: Role::Operate };
        Peer { who: Who::Certified(Identity::Operator(operator)), address: Some("10.0.0.9:1234".parse().unwrap()) }
    }

    #[test]
    fn an_order_is_noted_with_who_where_and_what_came_of_it() {
        let order = Command::order(Order::M, Method::Hot);
        let asked = || Asked::new(&order, &operator()).unwrap();
        let done = asked().answered(
            "server2",
            false,
            &Ok(json!({"run": "r1", "outcome": "rolled_back", "reason": "the radio is silent"})),
        );
        assert_eq!(done.to_string(), "M (hot) by ada@lab from 10.0.0.9:1234: rolled_back");
        let entry = serde_json::to_value(&done).unwrap();
        for (key, value) in
            [("order", "M"), ("run", "r1"), ("by", "ada@lab"), ("reason", "the radio is silent"), ("host", "server2")]
        {
            assert_eq!(entry[key], value, "{entry}");
        }
        let refused = asked().answered("server2", true, &Err(Failure::new(ErrorCode::Unauthorized, "no")));
        assert_eq!((refused.outcome.as_str(), refused.code), ("refused", Some(ErrorCode::Unauthorized)));
        let done = Asked::new(&Command::DoubleKill, &operator()).unwrap().answered("server2", false, &Ok(json!({"outcome": "x"})));
        assert_eq!(done.to_string(), "double_kill by ada@lab from 10.0.0.9:1234: done");
    }

    #[test]
    fn what_reads_and_what_agents_ask_each_other_is_not_noted() {
        let host = Peer { who: Who::Certified(Identity::Host("server1".into())), address: None };
        assert!(Asked::new(&Command::Status, &operator()).is_none() && Asked::new(&Command::ProbeStop, &operator()).is_none());
        assert!(Asked::new(&Command::DoubleKill, &host).is_none());
    }
}
