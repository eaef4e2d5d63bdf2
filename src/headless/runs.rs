//! Records of past orders.

use std::path::Path;
use std::process::ExitCode;

use super::{json, print};
use crate::metrics::records::{self, Records};
use crate::metrics::table::{Table, list};
use crate::protocol::Failure;

/// Options.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Only the latest N.
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
    /// One JSON document on stdout: `{"runs": [...]}`, oldest first.
    #[arg(long)]
    pub json: bool,
}

/// Lists what the folder `records` holds.
///
/// # Errors
/// The records can not be read.
pub fn run(records: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let Records { mut runs, unreadable } = records::load(records)?;
    if !unreadable.is_empty() {
        let lines: Vec<String> = unreadable.iter().map(ToString::to_string).collect();
        eprintln!("baton: {} holds lines that are no record: {}", records.join(records::FILE).display(), lines.join(", "));
    }
    runs.drain(..runs.len().saturating_sub(args.last.unwrap_or(usize::MAX)));
    let text = match (args.json, runs.is_empty()) {
        (true, _) => json(&serde_json::json!({"runs": runs}))?,
        (false, true) => format!("No runs are recorded in {}.", records.display()),
        (false, false) => format!("{}\n{}", list(&runs), Table::of(&runs).text()),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
