//! The operator's orders and the methods of migration.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ErrorCode, Failure};

/// What the operator may order, in the source's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Order {
    /// Double start: start D2D and USRP on the initiator (server1).
    DS,
    /// Kill local: stop both on the initiator.
    KL,
    /// Move from the initiator to the destination (server2).
    M,
    /// Migrate back.
    MB,
    /// Double start remote: start both on the destination.
    DSR,
    /// Kill remote: stop both on the destination.
    KR,
}

impl Order {
    /// All orders, in the order of docs/spec.md.
    pub const ALL: [Self; 6] = [Self::DS, Self::KL, Self::M, Self::MB, Self::DSR, Self::KR];

    /// Whether the order moves the work between hosts.
    pub fn is_migration(self) -> bool {
        matches!(self, Self::M | Self::MB)
    }

    /// What the order does, as the help shows it.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::DS => "double start: start D2D and USRP on server1",
            Self::KL => "kill local: stop D2D and USRP on server1",
            Self::M => "migrate server1 -> server2",
            Self::MB => "migrate back, server2 -> server1",
            Self::DSR => "double start remote: start D2D and USRP on server2",
            Self::KR => "kill remote: stop D2D and USRP on server2",
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl FromStr for Order {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text.to_ascii_uppercase().as_str() {
            "DS" => Ok(Self::DS),
            "KL" => Ok(Self::KL),
            "M" | "MIGRATION" => Ok(Self::M),
            "MB" => Ok(Self::MB),
            "DSR" => Ok(Self::DSR),
            "KR" => Ok(Self::KR),
            _ => Err(Failure::new(ErrorCode::UnknownCommand, format!("unknown command \"{text}\""))
                .hint("the orders are DS, KL, M (or Migration), MB, DSR and KR; end ends server2's controller")),
        }
    }
}

/// The run of an order that a host takes part in, as the source of a migration that another host carries out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPart {
    /// Identity of the run.
    pub run: String,
    /// What was ordered.
    pub order: Order,
    /// The host that carries it out.
    pub executor: String,
}

/// How a migration is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Stop at the source, full start with initialisation at the destination: the baseline.
    Cold,
    /// The source's flow: addresses swapped, probe up to 8 times, link without initialising.
    Classic,
    /// All that can be is done before the cut; the source is frozen and resumed when the cut fails.
    #[default]
    Hot,
    /// As hot, and the destination receives beside the source and is in sync before the cut: only the transmit side changes hands.
    Seamless,
    /// The source no longer answers: started at the destination with what was last collected there.
    Failover,
    /// For comparison, of a work in a pod: CRIU dumps its processes at the source and restores them at the destination.
    Criu,
    /// For comparison, of a work in a virtual machine: QEMU migrates the guest.
    Vm,
    /// Of nobody's order: the source fell silent, and the armed standby went on in its place.
    #[value(skip)]
    Takeover,
    /// Of DS and DSR: whatever is left of the work on either host is cleared away first. Named by its own command, `recover`.
    #[value(skip)]
    Recover,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cold => "cold",
            Self::Classic => "classic",
            Self::Hot => "hot",
            Self::Seamless => "seamless",
            Self::Failover => "failover",
            Self::Criu => "criu",
            Self::Vm => "vm",
            Self::Takeover => "takeover",
            Self::Recover => "recover",
        })
    }
}

impl Method {
    /// Whether it is there for comparison alone: no order takes it unless the form of the work has no other.
    pub const fn is_for_comparison(self) -> bool {
        matches!(self, Self::Criu | Self::Vm)
    }
}

/// An order with its options, as sent to the agent that carries it out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderRequest {
    /// What to do.
    pub order: Order,
    /// How, for M and MB.
    #[serde(default)]
    pub method: Method,
    /// Who ordered it, as `user@host`, for the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Longest interruption by phases that the operator accepts, ms: a migration for which a longer one is to be expected is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_ms: Option<f64>,
    /// Migrate whatever the budget says; fail over although another host's eth3 still answers for the radio's address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Stop before the cut, ready, and wait for `go` or `cancel`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
    /// Identity of the run, a UUID that the asker has made; absent: the agent makes one. Whoever knows it can follow the run and decide on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The two servers between which the order's words are meant, where a radio has more: the first one has the part of the initiator, the second one
    /// that of the destination. Absent: those of the cluster file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<[String; 2]>,
    /// With `hold`: the order is given up when nobody has sent `renew_hold` for so long, ms; absent: it waits as long as a hold may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u64>,
}

impl OrderRequest {
    /// An order without options.
    pub fn new(order: Order, method: Method) -> Self {
        Self { order, method, by: None, budget_ms: None, force: false, hold: false, run: None, between: None, lease_ms: None }
    }
}
