//! Lines for whoever reads a program's standard error.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Writes the log to standard error from now on: what the environment variable `variable` asks for, e.g. `debug` or `info,baton::link=trace`, else
/// what is at least as grave as `default`. A process that logs already goes on as it does.
pub fn to_stderr(variable: &str, default: LevelFilter) {
    let asked = std::env::var(variable).ok().and_then(|text| text.parse().ok());
    let targets: Targets = asked.unwrap_or_else(|| Targets::new().with_default(default));
    let stderr = std::io::stderr;
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal());
    // Fails only when a log is set up already.
    let _ = tracing_subscriber::registry().with(lines).with(targets).try_init();
}
