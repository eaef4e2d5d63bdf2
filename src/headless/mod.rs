//! The headless twins of the console: the same orders and the same data, for scripts.

use std::process::ExitCode;

use crate::protocol::{ErrorCode, Failure};

pub mod demo;
pub mod order;
pub mod runs;
pub mod status;

/// Writes the manual page to stdout.
///
/// # Errors
/// [`ErrorCode::Io`] when stdout is closed.
pub fn write_man(command: clap::Command) -> Result<ExitCode, Failure> {
    clap_mangen::Man::new(command)
        .render(&mut std::io::stdout())
        .map_err(|e| Failure::new(ErrorCode::Io, format!("the manual page could not be written: {e}")))?;
    Ok(ExitCode::SUCCESS)
}
