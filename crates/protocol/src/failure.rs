//! What a controller answers when it could not do what was asked.

use serde::{Deserialize, Serialize};

/// Stable identity of a failure: tools match on it, people read [`Failure::message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The frame is not a request: bad JSON, missing field, wrong type, too large.
    BadRequest,
    /// The command name is none that this agent knows.
    UnknownCommand,
    /// The peer speaks another version of the protocol.
    Version,
    /// Who asks is not known, or has no right to it.
    Unauthorized,
    /// The message's time is off.
    Expired,
    /// The message was seen before.
    Replayed,
    /// The message was addressed to another host.
    WrongAddressee,
    /// Another order is being carried out.
    Busy,
    /// An address could not be read or set.
    Address,
    /// Another host has the address that was to be set.
    AddressConflict,
    /// The radio has a newer owner than the one that was named.
    StaleEpoch,
    /// The agent was started again after the command was first sent: whether it was carried out is not known.
    Restarted,
    /// The radio did not answer discovery.
    RadioNotFound,
    /// The radio answered, but initialising or linking failed.
    Radio,
    /// A workload process did not start, died, or could not be stopped.
    Process,
    /// The workload answered with an error or not at all.
    Workload,
    /// A phase exceeded its deadline.
    Deadline,
    /// The time in which it could be done has passed: it was not done.
    TooLate,
    /// The peer could not be reached.
    Unreachable,
    /// The configuration is wrong or incomplete.
    Config,
    /// The operation is not possible in the present state.
    State,
    /// Missing rights, device or library on this machine.
    Environment,
    /// Reading or writing a file failed.
    Io,
    /// The interruption to be expected is longer than the operator accepts.
    OverBudget,
    /// The operator cancelled.
    Cancelled,
    /// Whether it was carried out is not known.
    Indeterminate,
    /// A fault of baton's own, answered as "command failed: ...".
    Internal,
}

/// A failure as the operator reads it: one plain sentence, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Stable code.
    pub code: ErrorCode,
    /// What failed and where, as a sentence.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The request has never left this process, so that nothing of it was carried out. Known to its sender alone.
    #[serde(skip)]
    pub not_sent: bool,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, not_sent: false }
    }

    /// The same failure with what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Exit code of a command that ends with this failure: 1 failed, 2 usage or configuration, 3 could not reach a host, 4 whether it was carried
    /// out is not known.
    pub fn exit_code(&self) -> u8 {
        match self.code {
            ErrorCode::Config | ErrorCode::BadRequest | ErrorCode::UnknownCommand => 2,
            ErrorCode::Unreachable => 3,
            ErrorCode::Indeterminate => 4,
            _ => 1,
        }
    }
}
