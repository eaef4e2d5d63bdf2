//! Records of past orders: listed, shown, compared. The console exports them as pictures.

use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{json, lines, write_out};
use crate::metrics::figure::{self, AxisKind, Distribution, PaperFormat};
use crate::metrics::history::{Filter, GroupBy, SortKey, compare, find, find_in, order};
use crate::metrics::measure::Measure;
use crate::metrics::records::{self, Records};
use crate::metrics::table::{TimingTable, list, outcome};
use crate::metrics::trace;
use output::one_line;
use protocol::{ErrorCode, Failure, RunRecord};

/// Options of the list.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Only the latest N, before they are filtered.
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
    /// Only runs that meet every word: anywhere, or as field:word (run, order, method, from, to, by, outcome, reason, started), or as
    /// figure>ms and figure<ms (total, by_phases, lost, by_loss, gap, any phase); ! before a word: not.
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true)]
    pub filter: String,
    /// Sort key, smallest first. Runs without that figure come last.
    #[arg(long, value_enum, default_value_t)]
    pub sort: SortKey,
    /// Largest, or newest, first.
    #[arg(long)]
    pub reverse: bool,
    /// One JSON document on stdout: `{"runs": [...]}`, oldest first if not sorted otherwise.
    #[arg(long)]
    pub json: bool,
}

/// What to do with records.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum ReportCommand {
    /// List them, with the medians of each method (as without a subcommand).
    List(Args),
    /// One run in full.
    Show {
        /// The run, or any part of its identity that no other run has; the newest if not given.
        #[arg(default_value = "last")]
        run: String,
        /// The record as one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Runs side by side: median, 95th percentile, smallest and largest of every figure.
    Compare(Compare),
}

/// Options of the comparison.
#[derive(Debug, Clone, clap::Args)]
pub struct Compare {
    /// The runs, each by any part of its identity that no other run has; all migrations if none is given.
    pub runs: Vec<String>,
    /// Of those, only the ones that meet every word (as for `list`).
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true)]
    pub filter: String,
    /// What makes a group. Without it, every run that is named is a group, and other runs are grouped by method.
    #[arg(long, value_enum)]
    pub by: Option<GroupBy>,
    /// One JSON document: `{"groups": [...], "rows": [...], "parts": [...]}`, the spreads of a row in the order of the groups.
    #[arg(long)]
    pub json: bool,
    /// For a paper, instead of the text: the distribution of each group as a figure, or the table.
    #[arg(long, value_enum, conflicts_with = "json")]
    pub format: Option<PaperFormat>,
    /// Where to write it; without it, to stdout.
    #[arg(long, short, value_name = "FILE", requires = "format")]
    pub out: Option<PathBuf>,
    /// The measure on the figure's axis.
    #[arg(long, value_name = "MEASURE", default_value = "by_phases", value_parser = ["by_phases", "gap", "total"])]
    pub measure: String,
    /// The figure's axis; without it, by decades where the runs span more than one.
    #[arg(long, value_enum)]
    pub axis: Option<AxisKind>,
}

/// Reports what the folder `records` holds.
///
/// # Errors
/// The records cannot be read, or hold no such run; a word is not a filter.
pub fn run(records: &Path, command: &ReportCommand) -> Result<ExitCode, Failure> {
    let text = match command {
        ReportCommand::List(args) => listed(records, args)?,
        ReportCommand::Show { run, json } => shown(&find_in(records, run)?, *json)?,
        ReportCommand::Compare(args) if let Some(format) = args.format => return drawn(records, args, format),
        ReportCommand::Compare(args) => compared(&told(records, records::select(records, |run| run.order.is_migration())?), args)?,
    };
    write_out(&lines(&text))
}

/// The records, after a word about lines that are none.
fn told(folder: &Path, records: Records) -> Vec<RunRecord> {
    if records.unreadable > 0 {
        let many = if records.unreadable == 1 { "one line".into() } else { format!("{} lines", records.unreadable) };
        let (file, first) = match records.first_unreadable {
            Some((file, line)) => (file, format!(" (line {line} is the first)")),
            None => (folder.join(records::FILE), String::new()),
        };
        output::say(&format!(
            "baton: {many} of {} could not be read{first}: torn by a crash, or written by another version; the rest is shown",
            file.display()
        ));
    }
    records.runs
}

fn listed(records: &Path, args: &Args) -> Result<String, Failure> {
    let filter = Filter::parse(&args.filter)?;
    let found = match args.last {
        Some(last) => records::latest(records, last, u64::MAX, |_| true)?,
        None => records::load(records)?,
    };
    let mut runs = told(records, found);
    let all = runs.len();
    runs.retain(|run| filter.admits(run));
    runs.sort_by(order(args.sort, args.reverse));
    Ok(match (args.json, runs.is_empty()) {
        (true, _) => json(&serde_json::json!({"runs": runs}))?,
        (false, true) if all > 0 => format!("None of the {all} runs in {} meets the filter.", records.display()),
        (false, true) => format!("No runs are recorded in {}.", records.display()),
        (false, false) => format!("{}\n{}", list(&runs), TimingTable::from_runs(&runs).text()),
    })
}

fn shown(run: &RunRecord, as_json: bool) -> Result<String, Failure> {
    if as_json {
        return json(run);
    }
    let by = one_line(run.by.as_deref().unwrap_or("not recorded"));
    let started = run.started.format("%Y-%m-%d %H:%M:%S%.3f UTC");
    let mut text = format!("run {}\nstarted {started} by {by}\n{}", one_line(&run.run), outcome(run));
    if run.order.is_migration() {
        text.push('\n');
        text.push_str(&compare(&[run], GroupBy::Run).text());
        let felt = &run.interruption;
        if let (Some(sent), Some(interval)) = (felt.probes_sent, felt.probe_interval_ms) {
            text.push_str(&format!("\n{sent} pings sent during the run, one every {interval} ms; the paper's every 100 ms\n"));
        }
        text.push_str(&format!("phases timed on one clock, {}'s\n", one_line(&run.to)));
        let cut = trace::text(run);
        if !cut.is_empty() {
            text.push_str(&format!("\n{cut}"));
        }
    }
    Ok(text)
}

/// Writes the comparison as a figure or a table for a paper.
fn drawn(records: &Path, args: &Compare, format: PaperFormat) -> Result<ExitCode, Failure> {
    let runs = told(records, records::select(records, |run| run.order.is_migration())?);
    let (of, by) = chosen(&runs, args)?;
    let wrong = |text: &str| Failure::new(ErrorCode::BadRequest, text);
    let measure = Measure::named(&args.measure).ok_or_else(|| wrong("there is no such measure"))?;
    let content = figure::bytes(&of, &Distribution { by, measure, axis: args.axis }, format)?;
    let content = content.ok_or_else(|| wrong("no migration among them has a figure to draw"))?;
    match &args.out {
        Some(path) => std::fs::write(path, content)
            .map_err(|e| Failure::new(ErrorCode::Io, format!("{} cannot be written: {e}", path.display())))?,
        None if format == PaperFormat::Pdf && stdout().is_terminal() => {
            return Err(wrong("a PDF is not for a terminal").hint("name a file with --out"));
        }
        None => output::write_stdout(&content)
            .map_err(|e| Failure::new(ErrorCode::Io, format!("the figure could not be written to standard output: {e}")))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The runs to compare, and what makes a group of them.
fn chosen<'a>(runs: &'a [RunRecord], args: &Compare) -> Result<(Vec<&'a RunRecord>, GroupBy), Failure> {
    let filter = Filter::parse(&args.filter)?;
    let named = args.runs.iter().map(|id| find(runs, id)).collect::<Result<Vec<&RunRecord>, Failure>>()?;
    let of: Vec<&RunRecord> = if named.is_empty() { runs.iter().collect() } else { named };
    let by = args.by.unwrap_or(if args.runs.is_empty() { GroupBy::Method } else { GroupBy::Run });
    Ok((of.into_iter().filter(|run| filter.admits(run)).collect(), by))
}

fn compared(runs: &[RunRecord], args: &Compare) -> Result<String, Failure> {
    let (of, by) = chosen(runs, args)?;
    let comparison = compare(&of, by);
    Ok(match (args.json, comparison.groups.is_empty()) {
        (true, _) => json(&comparison)?,
        (false, true) => "No migration among them: orders that move nothing have no phases to compare.".into(),
        (false, false) => [comparison.text(), comparison.parts_text()].join("\n"),
    })
}
