//! What can go wrong, as sentences for the operator.

use std::time::Duration;

use config::{HostName, RadioName};
use protocol::{ErrorCode, Failure};

use crate::ownership::{Ownership, Reserved};

/// Longest text of others in an error, characters.
const LONGEST_TEXT: usize = 200;

/// What one endpoint answered, or why it did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Host and port.
    pub endpoint: String,
    /// Why there is nothing better, e.g. `did not answer within 500 ms`.
    pub why: String,
    /// Whether anybody answered, if not as was wished: one who refuses a certificate has.
    pub answered: bool,
}

/// Why the store did not do what was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// Members answer, but too few of them to agree on anything.
    #[error(
        "the pool's store has no quorum: {}; what serves goes on serving, and nothing starts or moves. Start etcd on the members that are silent",
        members_seen(.answering, .silent)
    )]
    NoQuorum {
        /// Endpoints that answer, without a leader.
        answering: Vec<String>,
        /// Those that do not.
        silent: Vec<Attempt>,
    },
    /// No endpoint does what was asked, and none says that there is no quorum.
    #[error("the pool's store cannot be reached: {}. Check the network of this host, and that etcd runs there", attempts(.0))]
    Unreachable(Vec<Attempt>),
    /// The owner is not as the caller expects. Nothing was changed.
    #[error("{radio} {}: nothing was changed. Look at who serves it, and give the order again if it is still wanted", owned(.owner.as_ref()))]
    Stale {
        /// The radio.
        radio: RadioName,
        /// Who owns it.
        owner: Option<Ownership>,
    },
    /// The radio is reserved. Nothing was changed.
    #[error("{} has reserved {radio} for {}{}: nothing was changed. Wait for that move, or cancel it", .reserved.by, .reserved.to, left(.reserved.left))]
    Reserved {
        /// The radio.
        radio: RadioName,
        /// By whom, for whom, and until when.
        reserved: Reserved,
    },
    /// A reservation was to be renewed that holds no longer.
    #[error("the reservation of {radio} for {to} has ended. Reserve it again before the move goes on")]
    ReservationOver {
        /// The radio.
        radio: RadioName,
        /// For whom it was.
        to: HostName,
    },
    /// An etcd has no room left (alarm NOSPACE): it takes no change until an operator has made room.
    #[error(
        "the disk quota of etcd is used up, says {endpoint}: it takes no changes. Compact and defragment it (etcdctl compact, defrag), then etcdctl alarm disarm"
    )]
    DiskFull {
        /// Who says so.
        endpoint: String,
    },
    /// What answers is another store than before: its data was lost or put back. Nothing was changed.
    #[error(
        "the pool's store is not the one from before: it was rebuilt, or the endpoints name another pool's. Nothing was changed. If it was rebuilt, adopt it, so that every host raises the epochs that it knows"
    )]
    Rebuilt,
    /// What answers is no etcd, or none that was meant.
    #[error("what answers at {endpoint} is not the etcd of this pool: {what}. Check the endpoint, its port and its certificates")]
    NotEtcd {
        /// Host and port.
        endpoint: String,
        /// What was seen.
        what: String,
    },
    /// The certificates for the store cannot be used.
    #[error("the certificates for the pool's store cannot be used: {what}. Check the files that the configuration names")]
    Certificates {
        /// What is wrong with them.
        what: String,
    },
    /// What is in the store cannot be read, or is too large.
    #[error(
        "what the pool's store has under {key} cannot be used: {what}. Look at it with etcdctl get, and delete it if nobody needs it"
    )]
    Malformed {
        /// Which entry.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// etcd refuses, for a reason of its own.
    #[error("etcd at {endpoint} refuses: {message}. Its log says more")]
    Refused {
        /// Host and port.
        endpoint: String,
        /// Its words.
        message: String,
    },
    /// The change was sent, and no answer came: whether it was carried out is not known.
    #[error("whether {what} was carried out is not known: {cause}. Look at who owns the radio once the store answers again")]
    Unknown {
        /// Which change.
        what: String,
        /// Why the answer could not be looked up.
        cause: Box<Error>,
    },
    /// Others changed the same entry all the time.
    #[error("{what} did not come about within {} s, since others changed the same entry all the while. Nothing was changed. Try again", .within.as_secs())]
    Contended {
        /// Which change.
        what: String,
        /// How long it was tried.
        within: Duration,
    },
    /// An epoch that nobody believes, or the next one would be that.
    #[error(
        "epoch {epoch} of {radio} is above the highest that is believed ({}): a broken file or a forged message. Nothing was changed",
        protocol::MAX_EPOCH
    )]
    EpochTooHigh {
        /// The radio.
        radio: RadioName,
        /// The epoch.
        epoch: u64,
    },
}

impl Error {
    /// Whether no endpoint answered anything: as far as this host sees, nobody is there.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Unreachable(attempts) if attempts.iter().all(|attempt| !attempt.answered))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::NoQuorum { .. } | Error::Unreachable(_) => ErrorCode::Unreachable,
            Error::Stale { .. } => ErrorCode::StaleEpoch,
            Error::Reserved { .. } | Error::Contended { .. } => ErrorCode::Busy,
            Error::ReservationOver { .. } => ErrorCode::TooLate,
            Error::DiskFull { .. } | Error::Refused { .. } => ErrorCode::Environment,
            Error::Rebuilt | Error::Malformed { .. } => ErrorCode::State,
            Error::NotEtcd { .. } | Error::Certificates { .. } => ErrorCode::Config,
            Error::Unknown { .. } => ErrorCode::Indeterminate,
            Error::EpochTooHigh { .. } => ErrorCode::BadRequest,
        };
        Self::new(code, error.to_string())
    }
}

/// Text of others for an error: cut, and nothing in it acts.
pub(crate) fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(LONGEST_TEXT).collect();
    output::one_line(&cut).into_owned()
}

fn members_seen(answering: &[String], silent: &[Attempt]) -> String {
    let all = answering.len() + silent.len();
    let silent = if silent.is_empty() { String::new() } else { format!("; {}", attempts(silent)) };
    format!("{} of {all} members answer{} and have no leader{silent}", answering.len(), listed(answering))
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}

fn attempts(attempts: &[Attempt]) -> String {
    let each: Vec<String> = attempts.iter().map(|Attempt { endpoint, why, .. }| format!("{endpoint} {why}")).collect();
    if each.is_empty() { "there is no endpoint".to_owned() } else { each.join(", ") }
}

fn owned(owner: Option<&Ownership>) -> String {
    owner.map_or("has no owner".to_owned(), |Ownership { host, epoch, .. }| format!("is owned by {host} under epoch {epoch}"))
}

fn left(left: Option<Duration>) -> String {
    left.map_or(String::new(), |left| format!(" for another {} s", left.as_secs().max(1)))
}
