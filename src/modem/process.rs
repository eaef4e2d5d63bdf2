//! The D2D process.

use std::process::ExitCode;

use crate::protocol::{ErrorCode, Failure};

/// Options.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {}

/// Runs it.
///
/// # Errors
/// Not built yet.
pub fn run(_args: &Args) -> Result<ExitCode, Failure> {
    Err(Failure::new(ErrorCode::State, "not built yet"))
}
