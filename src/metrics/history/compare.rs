//! Runs side by side: the spread of every figure in each group.

use std::fmt::Write;

use serde::Serialize;

use super::parts::{self, PartRow};
use super::short;
use super::spread::Spread;
use crate::metrics::measure::{self, Measure, number, one_interval, trim};
use protocol::{Outcome, PhaseName, RunRecord};

/// What makes a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum GroupBy {
    /// Every run by itself.
    #[default]
    Run,
    /// All runs of a method.
    Method,
    /// All runs of a method and an order, M and MB apart.
    Direction,
}

impl GroupBy {
    /// The next way, in a circle.
    pub fn next(self) -> Self {
        match self {
            Self::Run => Self::Method,
            Self::Method => Self::Direction,
            Self::Direction => Self::Run,
        }
    }

    /// The way in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Method => "method",
            Self::Direction => "method and direction",
        }
    }
}

/// Runs that are taken together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The method, or the end of the run's identity.
    pub name: String,
    /// Successful migrations in it: what every figure is taken over, where it was measured.
    pub runs: usize,
    /// Runs of the group that failed or were cancelled: their figures are left out.
    pub left_out: usize,
}

/// One figure over all groups.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedFigure {
    /// Name, as records have it.
    pub name: &'static str,
    /// What it is.
    pub explanation: &'static str,
    /// `ms`, or `count`.
    pub unit: &'static str,
    /// The paper's figure.
    pub paper: Option<f64>,
    /// One for each group; `None` where nothing was measured.
    pub spreads: Vec<Option<Spread>>,
}

/// Groups side by side.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// The groups, in the order in which they first appear.
    pub groups: Vec<Group>,
    /// Phases, total, interruption.
    pub rows: Vec<ComparedFigure>,
    /// The parts of the cut, where runs kept a trace.
    pub parts: Vec<PartRow>,
    /// What limits the measures that are taken from pings, where all runs had the same interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
}

/// The runs of a group, apart from those that have no figures.
pub type Members<'a> = (Group, Vec<&'a RunRecord>);

/// Puts runs into groups, in the order in which these first appear. Orders that move nothing, were refused, or were cancelled before
/// their first step are no migrations and not counted.
pub fn grouped<'a>(runs: &[&'a RunRecord], by: GroupBy) -> Vec<Members<'a>> {
    let mut groups: Vec<Members<'a>> = Vec::new();
    for &run in runs.iter().filter(|run| run.order.is_migration() && run.began()) {
        let name = match by {
            GroupBy::Run => output::one_line(short(&run.run)).into_owned(),
            GroupBy::Method => method(run),
            GroupBy::Direction => format!("{} {}", method(run), run.order),
        };
        let at = groups.iter().position(|(group, _)| group.name == name).unwrap_or_else(|| {
            groups.push((Group { name, runs: 0, left_out: 0 }, Vec::new()));
            groups.len() - 1
        });
        if let Some((group, members)) = groups.get_mut(at) {
            if run.outcome == Outcome::Ok && !run.taken_up {
                group.runs += 1;
                members.push(run);
            } else {
                group.left_out += 1;
            }
        }
    }
    groups
}

/// Compares runs. Orders that move nothing have no figures to compare and are not counted.
pub fn compare(runs: &[&RunRecord], by: GroupBy) -> Comparison {
    let groups = grouped(runs, by);
    // The paper's two scenarios have figures of their own; of the relay's, no phases are known.
    let relay = groups.iter().flat_map(|(_, members)| members).any(|run| run.relay);
    let plain = groups.iter().flat_map(|(_, members)| members).any(|run| !run.relay);
    let relay = relay && !plain;
    let spreads = |figure: &dyn Fn(&RunRecord) -> Option<f64>| -> Vec<Option<Spread>> {
        groups.iter().map(|(_, members)| Spread::from_values(members.iter().filter_map(|run| figure(run)).collect())).collect()
    };
    let phases = PhaseName::ALL.into_iter().map(|phase| ComparedFigure {
        name: phase.name(),
        explanation: phase.explanation(),
        unit: "ms",
        paper: phase.paper_ms().filter(|_| !relay),
        spreads: spreads(&|run| run.phases.iter().find(|p| p.name == phase).map(|p| p.ms)),
    });
    let sums = Measure::ALL.into_iter().map(|measure| ComparedFigure {
        name: measure.name,
        explanation: measure.title,
        unit: measure.unit,
        paper: measure.paper_of(relay),
        // A count says nothing of runs that were probed at different intervals.
        spreads: spreads(&measure.figure)
            .into_iter()
            .zip(&groups)
            .map(|(spread, (_, members))| spread.filter(|_| measure.name != "lost" || same_interval(members)))
            .collect(),
    });
    let said = |row: &ComparedFigure| row.paper.is_some() || row.spreads.iter().any(Option::is_some);
    let rows = phases.chain(sums).filter(said).collect();
    let parts = parts::compare(&groups.iter().map(|(_, members)| members.as_slice()).collect::<Vec<_>>());
    let resolution = measure::resolution(groups.iter().flat_map(|(_, members)| members.iter().copied()));
    Comparison { groups: groups.into_iter().map(|(group, _)| group).collect(), rows, parts, resolution }
}

fn same_interval(runs: &[&RunRecord]) -> bool {
    one_interval(runs.iter().copied()).is_some() || runs.iter().all(|run| run.interruption.probe_interval_ms.is_none())
}

/// A method; a relay's work is more, and stands apart.
fn method(run: &RunRecord) -> String {
    if run.relay { format!("{}, relay", run.method) } else { run.method.to_string() }
}

impl ComparedFigure {
    /// One value of it, without digits that say nothing.
    pub fn value(&self, value: f64) -> String {
        Measure::named(self.name).map_or_else(|| number(value), |measure| measure.text(value))
    }

    fn text(&self, spread: &Spread) -> String {
        let Spread { n, median, p95, min, max, .. } = *spread;
        match (self.name, n) {
            ("by_loss", _) if max == 0.0 => "none lost".into(),
            (_, 1) => self.value(median),
            _ => [median, p95, min, max].map(|v| self.value(v)).join(" / "),
        }
    }
}

impl Comparison {
    /// The comparison as text for a terminal or a file.
    pub fn text(&self) -> String {
        const NAME: usize = 42;
        let mut text = format!("{:NAME$}", "ms: median / p95 / min / max, measured");
        for group in &self.groups {
            let left_out = if group.left_out > 0 { format!(", {} left out", group.left_out) } else { String::new() };
            let _ = write!(text, "  {:>38}", format!("{} (n = {}{left_out})", group.name, group.runs));
        }
        let _ = writeln!(text, "  {:>8}", "paper");
        for row in &self.rows {
            let _ = write!(text, "{:NAME$}", format!("{:<12} {}", row.name, row.explanation));
            for spread in &row.spreads {
                let figures = spread.map_or_else(|| "-".into(), |s| row.text(&s));
                let _ = write!(text, "  {figures:>38}");
            }
            let _ = writeln!(text, "  {:>8}", row.paper.map_or_else(|| "-".into(), trim));
        }
        if let Some(resolution) = &self.resolution {
            let _ = writeln!(text, "{resolution}");
        }
        text
    }

    /// The parts of the cut as text for a terminal or a file; empty where no run kept a trace.
    pub fn parts_text(&self) -> String {
        let groups: Vec<&str> = self.groups.iter().map(|group| group.name.as_str()).collect();
        parts::text(&groups, &self.parts)
    }
}
