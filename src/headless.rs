//! The headless twins of the console: the same orders and the same data, for scripts.

use std::process::ExitCode;
use std::sync::Arc;

use crate::link::client::Client;
use config::{ClusterFile, Config};
use protocol::{ErrorCode, Failure, Method};

mod attend;
pub mod check;
mod clocks;
pub mod demo;
pub mod doctor;
mod follow;
pub mod key;
pub mod manual;
pub mod order;
pub mod plan;
pub mod pool;
pub mod recorder;
pub mod repair;
pub mod runs;
mod service;
mod standby;
pub mod status;
pub mod wait;
pub mod watch;

#[cfg(test)]
mod tests;

/// Writes to stdout what a command is there for. A reader that has seen enough is no error.
///
/// # Errors
/// [`ErrorCode::Io`] when stdout has no room: what was asked for is not there.
pub fn write_out(bytes: &[u8]) -> Result<ExitCode, Failure> {
    output::write_stdout(bytes).map_err(|e| Failure::new(ErrorCode::Io, unwritten(&e)))?;
    Ok(ExitCode::SUCCESS)
}

fn unwritten(error: &std::io::Error) -> String {
    format!("the report could not be written to standard output: {error}")
}

/// The cluster, and a client for its agents.
struct Cluster {
    config: Arc<Config>,
    client: Client,
}

impl Cluster {
    fn load(file: &ClusterFile) -> Result<Self, Failure> {
        Self::of(file.view()?)
    }

    fn of(config: Config) -> Result<Self, Failure> {
        let config = Arc::new(config);
        let client = Client::new(Arc::clone(&config))?;
        Ok(Self { config, client })
    }

    /// The method that was named, or that of the work's form.
    fn method(&self, named: Option<Method>) -> Method {
        named.unwrap_or(self.config.workload.form.default_method())
    }
}

/// Runs `work` on a runtime of its own; log messages of the libraries go to stderr.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    workload::log::to_stderr("RUST_LOG", tracing::level_filters::LevelFilter::WARN);
    workload::runtime::current_thread()?.block_on(work)
}

/// Writes the report of what was done or judged to stdout. The exit code says how that went, whatever becomes of the report: one that
/// cannot be written is a line on stderr.
fn print(text: &str) {
    if let Err(error) = output::write_stdout(&lines(text)) {
        output::say(&format!("baton: {}", unwritten(&error)));
    }
}

/// A report as it leaves: nothing in it acts on a terminal but the ends of its lines.
fn lines(text: &str) -> Vec<u8> {
    format!("{}\n", output::visible(text.trim_end())).into_bytes()
}

/// A report as one JSON document.
fn json(report: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(report)
        .map(output::json)
        .map_err(|e| Failure::new(ErrorCode::Internal, format!("the report has no JSON form: {e}")))
}
