//! From system errors to sentences.

use std::fmt::Display;

use super::{ErrorCode, Failure};

/// Something this machine does not give, with what was tried.
pub fn missing(what: impl Display, error: impl Display) -> Failure {
    Failure::new(ErrorCode::Environment, format!("{what}: {error}"))
}

/// Turns any error into a [`Failure`] that says what was tried.
pub trait Trying<T> {
    /// `what` reads as the start of a sentence: "the private /run could not be mounted".
    fn trying<W: Display>(self, what: impl FnOnce() -> W) -> Result<T, Failure>;
}

impl<T, E: Display> Trying<T> for Result<T, E> {
    fn trying<W: Display>(self, what: impl FnOnce() -> W) -> Result<T, Failure> {
        self.map_err(|error| missing(what(), error))
    }
}
