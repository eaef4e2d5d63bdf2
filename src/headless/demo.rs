//! The demonstration without a screen.

use std::path::Path;
use std::process::ExitCode;

use crate::protocol::{ErrorCode, Failure};

/// Options.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// No screen: start the work, migrate, tear down, print one JSON document on stdout.
    #[arg(long)]
    pub headless: bool,
}

impl Args {
    /// Options of the lab underneath.
    pub fn lab(&self) -> crate::lab::Args {
        crate::lab::Args { name: "demo".into(), ..Default::default() }
    }
}

/// Runs it.
///
/// # Errors
/// Not built yet.
pub fn run(_file: &Path, _args: &Args) -> Result<ExitCode, Failure> {
    Err(Failure::new(ErrorCode::State, "not built yet"))
}
