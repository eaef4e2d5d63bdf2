//! The lab: a whole cluster on one machine, in namespaces of its own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::protocol::{ErrorCode, Failure};

pub mod n210;

/// Options of `baton lab`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Name of the lab, for `--in` of the other commands.
    #[arg(long, default_value = "lab")]
    pub name: String,
}

/// Brings the lab up in namespaces of its own, runs `work` inside with the cluster file, and takes everything down.
///
/// # Errors
/// What is missing on this machine, or the failure of `work`.
pub fn supervise(_args: &Args, _work: impl FnOnce(&Path) -> Result<ExitCode, Failure>) -> Result<ExitCode, Failure> {
    Err(Failure::new(ErrorCode::State, "not built yet"))
}

/// Joins the namespaces of a running lab and names its cluster file.
///
/// # Errors
/// No lab runs, or several do and none was named.
pub fn enter(_name: Option<&str>) -> Result<PathBuf, Failure> {
    Err(Failure::new(ErrorCode::State, "not built yet"))
}

/// Waits until the operator ends the lab.
///
/// # Errors
/// None so far.
pub fn wait() -> Result<ExitCode, Failure> {
    Err(Failure::new(ErrorCode::State, "not built yet"))
}
