//! Several failures told as one.

use protocol::Failure;

/// Success if all succeeded; else the first failure, with the messages of the others.
pub(super) fn all_of(results: impl IntoIterator<Item = Result<(), Failure>>) -> Result<(), Failure> {
    let mut failures = results.into_iter().filter_map(Result::err);
    let Some(first) = failures.next() else { return Ok(()) };
    let message = failures.fold(first.message, |message, next| format!("{message}; {}", next.message));
    Err(Failure { message, ..first })
}

/// A failure, and that of cleaning up after it, if that failed too.
pub(super) fn joined(failure: Failure, cleaning: Result<(), Failure>) -> Failure {
    match cleaning {
        Ok(()) => failure,
        Err(second) => Failure { message: format!("{}; and {}", failure.message, second.message), ..failure },
    }
}

/// A failure whose message begins with what was being done.
pub(super) fn in_context(what: impl std::fmt::Display, failure: Failure) -> Failure {
    Failure { message: format!("{what}: {}", failure.message), ..failure }
}
