//! What is measured of a run: one name for each measure, on screens, in tables and in exports.

use protocol::{
    Interruption, PAPER_INTERRUPTION_MS, PAPER_PINGS_LOST, PAPER_RELAY_INTERRUPTION_MS, PAPER_RELAY_TOTAL_MS, PAPER_TOTAL_MS,
    RunRecord,
};

/// Interval of the paper's pings, ms.
pub const PAPER_PING_INTERVAL_MS: f64 = 100.0;
/// The interruption by pings that the paper lost, ms.
pub const PAPER_BY_LOSS_MS: f64 = PAPER_PINGS_LOST as f64 * PAPER_PING_INTERVAL_MS;

/// Names of the measures.
pub const TOTAL: &str = "total";
/// Sum of the phases during which nobody serves.
pub const BY_PHASES: &str = "interruption by phases";
/// Pings that were never answered.
pub const LOST: &str = "pings lost";
/// Their number times their interval.
pub const BY_LOSS: &str = "interruption by lost pings";
/// From the last reply before to the first reply after.
pub const GAP: &str = "gap at the far end";

/// Reads one figure of a run.
pub type Figure = fn(&RunRecord) -> Option<f64>;

/// A measure of a whole run; phases are measured beside these.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// Name in records, filters and data.
    pub name: &'static str,
    /// Name in words.
    pub title: &'static str,
    /// `ms`, or `count`.
    pub unit: &'static str,
    /// The figure of a run.
    pub figure: Figure,
    /// The paper's figure.
    pub paper: Option<f64>,
    /// The paper's figure in its relay scenario (its table 4-2).
    pub paper_relay: Option<f64>,
}

impl Measure {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 5] = [
        Self {
            name: "total",
            title: TOTAL,
            unit: "ms",
            figure: RunRecord::total,
            paper: Some(PAPER_TOTAL_MS),
            paper_relay: Some(PAPER_RELAY_TOTAL_MS),
        },
        Self {
            name: "by_phases",
            title: BY_PHASES,
            unit: "ms",
            figure: |r| r.interruption.by_phases_ms,
            paper: Some(PAPER_INTERRUPTION_MS),
            paper_relay: Some(PAPER_RELAY_INTERRUPTION_MS),
        },
        Self {
            name: "lost",
            title: LOST,
            unit: "count",
            figure: |r| r.interruption.probes_lost.map(|lost| lost as f64),
            paper: Some(PAPER_PINGS_LOST as f64),
            paper_relay: None,
        },
        Self {
            name: "by_loss",
            title: BY_LOSS,
            unit: "ms",
            figure: |r| r.interruption.by_loss_ms,
            paper: Some(PAPER_BY_LOSS_MS),
            paper_relay: None,
        },
        Self { name: "gap", title: GAP, unit: "ms", figure: |r| r.interruption.gap_ms, paper: None, paper_relay: None },
    ];

    /// The measure of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name == name)
    }

    /// The paper's figure for a run with a relay, or without.
    pub fn paper_of(&self, relay: bool) -> Option<f64> {
        if relay { self.paper_relay } else { self.paper }
    }

    /// A figure of it as text: a count, and what is counted in whole pings, without needless decimals.
    pub fn text(&self, value: f64) -> String {
        if matches!(self.name, "lost" | "by_loss") { trim(value) } else { number(value) }
    }
}

/// Milliseconds as text: three significant figures below 100, whole ones above. More digits than that vary from run to run.
pub fn number(value: f64) -> String {
    match value {
        v if !v.is_finite() => "-".into(),
        v if v.abs() < 9.995 => format!("{v:.2}"),
        v if v.abs() < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

/// A number without needless decimals: 100, 2.5.
pub fn trim(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value}") }
}

/// The interval of the pings of these runs, ms, where all had the same.
pub fn one_interval<'a>(runs: impl Iterator<Item = &'a RunRecord>) -> Option<f64> {
    let mut intervals = runs.filter_map(|run| run.interruption.probe_interval_ms);
    let first = intervals.next()?;
    intervals.all(|interval| interval == first).then_some(first)
}

/// What limits the measures that are taken from pings, as a sentence; nothing where the runs had different intervals.
pub fn resolution<'a>(runs: impl Iterator<Item = &'a RunRecord>) -> Option<String> {
    let interval = trim(one_interval(runs)?);
    Some(format!("one ping every {interval} ms: {BY_LOSS} has a resolution of {interval} ms, and the gap is {interval} ms at rest"))
}

/// Whether pings were counted and none was lost: less than one interval cannot be told from nothing.
pub fn none_lost(felt: &Interruption) -> Option<f64> {
    felt.probe_interval_ms.filter(|_| felt.probes_lost == Some(0))
}

/// How two lengths of time compare: the larger over the smaller, and whether ours is the shorter; nothing where one of them is no length.
pub fn times(ours: f64, paper: f64) -> Option<(f64, bool)> {
    let is_length = |v: f64| v.is_finite() && v > 0.0;
    (is_length(ours) && is_length(paper)).then(|| if ours <= paper { (paper / ours, true) } else { (ours / paper, false) })
}

/// A factor without decimals that say nothing: 475, 12, 1.1.
pub fn factor(value: f64) -> String {
    if value < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_no_more_digits_than_they_are_worth() {
        let measure = |name| Measure::named(name).unwrap();
        assert_eq!((measure("lost").text(17.0), measure("lost").text(3.5)), ("17".into(), "3.5".into()));
        assert_eq!((measure("by_loss").text(0.0), measure("by_loss").text(300.0)), ("0".into(), "300".into()));
        assert_eq!((measure("gap").text(101.234), measure("total").text(27.31)), ("101".into(), "27.3".into()));
        assert_eq!(number(f64::NAN), "-");
    }

    #[test]
    fn ratios_are_factors() {
        let said = |ours, paper| times(ours, paper).map(|(times, shorter)| (factor(times), shorter));
        assert_eq!(said(3.9, 1855.0), Some(("476".into(), true)));
        assert_eq!(said(1700.0, 1855.0), Some(("1.1".into(), true)));
        assert_eq!(said(3710.0, 1855.0), Some(("2.0".into(), false)));
        assert_eq!((said(0.0, 1855.0), said(f64::NAN, 1.0)), (None, None));
    }

    #[test]
    fn the_resolution_is_said_only_where_it_is_one() {
        use crate::metrics::table::tests::run;
        use protocol::Method;
        let mut runs = [run(Method::Hot, 3.0, Some(0)), run(Method::Hot, 3.0, Some(1))];
        assert!(resolution(runs.iter()).unwrap().contains("the gap is 100 ms at rest"));
        assert_eq!((none_lost(&runs[0].interruption), none_lost(&runs[1].interruption)), (Some(100.0), None));
        runs[1].interruption.probe_interval_ms = Some(1.0);
        assert_eq!(resolution(runs.iter()), None);
    }
}
