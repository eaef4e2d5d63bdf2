//! The error of every value that the cluster file may not hold.

use std::fmt::Display;

use protocol::{ErrorCode, Failure};

/// What is wrong with a value, and what is allowed in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{wrong}; {allowed}")]
pub struct BadValue {
    /// A clause that quotes the value: `"hello" is not an endpoint`.
    pub wrong: String,
    /// A clause that says what to write: `write tcp://ADDRESS:PORT or ipc://PATH`.
    pub allowed: String,
}

impl BadValue {
    /// A value that is wrong, and what is allowed.
    pub fn new(wrong: impl Display, allowed: impl Display) -> Self {
        Self { wrong: wrong.to_string(), allowed: allowed.to_string() }
    }

    /// The same as a failure of the given code; what is allowed becomes its hint.
    pub fn into_failure(self, code: ErrorCode) -> Failure {
        Failure::new(code, self.wrong).hint(self.allowed)
    }
}

impl From<BadValue> for Failure {
    fn from(bad: BadValue) -> Self {
        bad.into_failure(ErrorCode::Config)
    }
}
