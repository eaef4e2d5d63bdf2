//! Records as text: the timing table with the paper's figures beside ours, and a list of runs.

use std::fmt::Write;

use super::measure::{self, Measure, number, trim};
use output::{one_line, pad};
use protocol::{Handover, Mechanism, Method, Outcome, PhaseName, RunRecord};

/// A row of the timing table.
#[derive(Debug, Clone, PartialEq)]
pub struct TimingRow {
    /// Name as records have it.
    pub name: &'static str,
    /// What it is, in the operator's words.
    pub explanation: &'static str,
    /// One figure for each column of [`TimingTable::columns`]; `None` where nothing was measured.
    pub figures: Vec<Option<f64>>,
    /// The paper's figure.
    pub paper: Option<f64>,
    /// The paper's figure in its relay scenario.
    pub paper_relay: Option<f64>,
}

/// What a column is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// How the work was moved.
    pub method: Method,
    /// Whether the host that served relayed.
    pub relay: bool,
    /// Runs over which the medians are taken.
    pub runs: usize,
}

/// The timing table: medians of the successful migrations, a column for each method, with and without a relay.
#[derive(Debug, Clone, PartialEq)]
pub struct TimingTable {
    /// In the order of their first run.
    pub columns: Vec<Column>,
    /// Phases, total, interruption.
    pub rows: Vec<TimingRow>,
    /// What limits the measures that are taken from pings, where all runs had the same interval.
    resolution: Option<String>,
}

impl Column {
    fn holds(&self, run: &RunRecord) -> bool {
        (self.method, self.relay) == (run.method, run.relay)
    }
}

impl TimingTable {
    /// The table of these runs; other orders than migrations and runs that did not succeed or have no times are left out.
    pub fn from_runs(runs: &[RunRecord]) -> Self {
        let done = |run: &&RunRecord| run.order.is_migration() && run.outcome == Outcome::Ok && !run.taken_up;
        let mut columns: Vec<Column> = Vec::new();
        for run in runs.iter().filter(done) {
            match columns.iter_mut().find(|column| column.holds(run)) {
                Some(column) => column.runs += 1,
                None => columns.push(Column { method: run.method, relay: run.relay, runs: 1 }),
            }
        }
        let figures = |figure: &dyn Fn(&RunRecord) -> Option<f64>| -> Vec<Option<f64>> {
            let of = |column: &Column| runs.iter().filter(done).filter(|run| column.holds(run)).filter_map(figure).collect();
            columns.iter().map(|column| median(of(column))).collect()
        };
        let phases = PhaseName::ALL.into_iter().map(|phase| TimingRow {
            name: phase.name(),
            explanation: phase.explanation(),
            figures: figures(&|run| run.phases.iter().find(|p| p.name == phase).map(|p| p.ms)),
            paper: phase.paper_ms(),
            paper_relay: None,
        });
        let sums = Measure::ALL.into_iter().map(|measure| TimingRow {
            name: measure.name,
            explanation: measure.title,
            figures: figures(&measure.figure),
            paper: measure.paper,
            paper_relay: measure.paper_relay,
        });
        // A phase that nobody ran and the paper did not time (routes, outside the relay scenario) says nothing.
        let said = |row: &TimingRow| row.paper.is_some() || row.figures.iter().any(Option::is_some);
        let rows = phases.chain(sums).filter(said).collect();
        Self { columns, rows, resolution: measure::resolution(runs.iter().filter(done)) }
    }

    /// The table as text for a terminal or a file, ms.
    pub fn text(&self) -> String {
        const FIRST: usize = 42;
        const WIDTH: usize = 27;
        let mut text = String::new();
        let _ = write!(text, "{:FIRST$}", "ms");
        let relay = self.columns.iter().any(|column| column.relay);
        for Column { method, relay, runs } in &self.columns {
            let relay = if *relay { ", relay" } else { "" };
            let head = if *runs == 1 { format!("{method}{relay}") } else { format!("{method}{relay} (median of {runs})") };
            let _ = write!(text, "  {head:>WIDTH$}");
        }
        let _ = writeln!(text, "  {:>8}{}", "paper", if relay { format!("  {:>13}", "paper, relay") } else { String::new() });
        for row in &self.rows {
            let _ = write!(text, "{:FIRST$}", format!("{:<12} {}", row.name, row.explanation));
            for &figure in &row.figures {
                let _ = write!(text, "  {:>WIDTH$}", figure.map_or_else(|| "-".into(), |f| row.figure(f)));
            }
            let paper = |figure: Option<f64>| figure.map_or_else(|| "-".into(), trim);
            let last = if relay { format!("  {:>13}", paper(row.paper_relay)) } else { String::new() };
            let _ = writeln!(text, "  {:>8}{last}", paper(row.paper));
        }
        if let Some(resolution) = &self.resolution {
            let _ = writeln!(text, "{resolution}");
        }
        text
    }
}

impl TimingRow {
    fn figure(&self, value: f64) -> String {
        match Measure::named(self.name) {
            // Less than one ping cannot be told from nothing.
            Some(Measure { name: "by_loss", .. }) if value == 0.0 => "none lost".into(),
            Some(measure) => measure.text(value),
            None => number(value),
        }
    }
}

/// The median; of an even number, the mean of the middle two.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let lower = if values.len().is_multiple_of(2) { *values.get(middle.checked_sub(1)?)? } else { upper };
    Some(f64::midpoint(lower, upper))
}

/// One run in a few lines: how it ended, why, and what to do.
pub fn outcome(run: &RunRecord) -> String {
    let what = if run.order.is_migration() {
        format!("{} {}: {} -> {}", run.order, run.method, one_line(&run.from), one_line(&run.to))
    } else {
        format!("{}: {}", run.order, one_line(&run.to))
    };
    let after = run.total().map_or_else(String::new, |ms| format!(" after {} ms", number(ms)));
    let mut text = format!("{what}: {}{after}\n", outcome_of(run));
    for line in run.reason.iter().chain(run.failure.as_ref().and_then(|f| f.hint.as_ref())) {
        let _ = writeln!(text, "  {}", one_line(line));
    }
    for warning in &run.warnings {
        let _ = writeln!(text, "  warning: {}", one_line(warning));
    }
    let counted = counted_at_the_cut(run);
    if !counted.is_empty() {
        let _ = writeln!(text, "  at the cut: {}", counted.join(", "));
    }
    let reported = run.mechanism.as_ref().map(Mechanism::parts).unwrap_or_default();
    if !reported.is_empty() {
        let _ = writeln!(text, "  reported by the mechanism itself: {}", reported.join(", "));
    }
    text
}

/// Payloads and packets that the cut came across, where the method counts them.
fn counted_at_the_cut(run: &RunRecord) -> Vec<String> {
    let mut counted = Vec::new();
    if let Some(Handover { payloads_again, payloads_missing, packets_left_behind }) = run.handover {
        counted.push(format!("{payloads_again} payloads received by both hosts and delivered once"));
        counted.push(format!("{payloads_missing} by neither"));
        counted.push(format!("{packets_left_behind} waiting packets left behind"));
    }
    if run.packets_forwarded > 0 {
        counted.push(format!("{} packets of the source's programs forwarded", run.packets_forwarded));
    }
    counted
}

/// Runs, one a line.
pub fn list(runs: &[RunRecord]) -> String {
    let mut text = format!(
        "{:<20} {:<5} {:<8} {:<20} {:<11} {:>10} {:>12} {:>6} {:>10}\n",
        "started (UTC)", "order", "method", "from -> to", "outcome", "total ms", "by phases ms", "lost", "gap ms"
    );
    let number = |figure: Option<f64>| figure.map_or_else(|| "-".into(), |f| format!("{f:.1}"));
    for run in runs {
        let moves = run.order.is_migration();
        let path = if moves { format!("{} -> {}", run.from, run.to) } else { run.to.clone() };
        let path = pad(&one_line(&path), 20);
        let method = if moves { run.method.to_string() } else { "-".into() };
        let _ = writeln!(
            text,
            "{:<20} {:<5} {:<8} {path} {:<11} {:>10} {:>12} {:>6} {:>10}",
            run.started.format("%Y-%m-%d %H:%M:%S").to_string(),
            run.order.to_string(),
            method,
            outcome_of(run),
            number(run.total()),
            number(run.interruption.by_phases_ms),
            run.interruption.probes_lost.map_or_else(|| "-".into(), |lost| lost.to_string()),
            number(run.interruption.gap_ms),
        );
        if let Some(reason) = &run.reason {
            let _ = writeln!(text, "  {}", one_line(reason));
        }
    }
    text
}

/// How a run ended, in words; an order that was not begun was refused, whoever serves.
pub fn outcome_of(run: &RunRecord) -> &'static str {
    match run.outcome {
        Outcome::Failed | Outcome::RolledBack if !run.began() => "refused",
        outcome => outcome_name(outcome),
    }
}

/// An outcome in words.
pub fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Failed => "failed",
        Outcome::RolledBack => "rolled back",
        Outcome::Cancelled => "cancelled",
    }
}

#[cfg(test)]
pub(crate) mod tests;
