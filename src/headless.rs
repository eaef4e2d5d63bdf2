//! The headless twins of the console: the same orders and the same data, for scripts.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::link::client::Client;
use config::Config;
use protocol::{ErrorCode, Failure};

pub mod check;
pub mod demo;
pub mod order;
pub mod plan;
pub mod recorder;
pub mod repair;
pub mod runs;
pub mod status;

#[cfg(test)]
mod tests;

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

/// The cluster, and a client for its agents.
struct Cluster {
    config: Arc<Config>,
    client: Client,
}

impl Cluster {
    fn load(file: &Path) -> Result<Self, Failure> {
        let config = Arc::new(Config::load(file)?);
        let client = Client::new(Arc::clone(&config))?;
        Ok(Self { config, client })
    }
}

/// Runs `work` on a runtime of its own; log messages of the libraries go to stderr.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    workload::log::to_stderr("RUST_LOG", tracing::level_filters::LevelFilter::WARN);
    workload::runtime::current_thread()?.block_on(work)
}

/// Writes a report to stdout.
///
/// # Errors
/// [`ErrorCode::Io`] when stdout is closed.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let text = text.trim_end();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .map_err(|e| Failure::new(ErrorCode::Io, format!("the report could not be written to stdout: {e}")))
}

/// A report as one JSON document.
fn json(report: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(report).map_err(|e| Failure::new(ErrorCode::Internal, format!("the report has no JSON form: {e}")))
}
