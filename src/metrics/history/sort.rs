//! Sorting runs.

use std::cmp::Ordering;

use crate::metrics::table::outcome_name;
use protocol::RunRecord;

/// What runs are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SortKey {
    /// When the order began.
    #[default]
    Started,
    /// The order.
    Order,
    /// The method of migration.
    Method,
    /// How it ended.
    Outcome,
    /// Who ordered it.
    GroupBy,
    /// Total, ms.
    Total,
    /// Interruption by phases, ms.
    Phases,
    /// Pings lost.
    Lost,
    /// Longest gap at the far end, ms.
    Gap,
}

impl SortKey {
    /// All keys, in the order of the columns.
    pub const ALL: [Self; 9] =
        [Self::Started, Self::Order, Self::Method, Self::Outcome, Self::By, Self::Total, Self::Phases, Self::Lost, Self::Gap];

    /// The key `steps` columns further on, in a circle.
    pub fn step(self, steps: isize) -> Self {
        let at = Self::ALL.iter().position(|key| *key == self).unwrap_or(0) as isize;
        Self::ALL[(at + steps).rem_euclid(Self::ALL.len() as isize) as usize]
    }

    /// Name, as options have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Order => "order",
            Self::Method => "method",
            Self::Outcome => "outcome",
            Self::By => "by",
            Self::Total => "total",
            Self::Phases => "phases",
            Self::Lost => "lost",
            Self::Gap => "gap",
        }
    }
}

/// Which of two runs stands first: the smaller or, reversed, the larger; what was not measured stands last either way, equals by
/// start.
pub fn order(key: SortKey, reverse: bool) -> impl Fn(&RunRecord, &RunRecord) -> Ordering {
    move |a, b| {
        let order = match key {
            SortKey::Started => Ordering::Equal,
            SortKey::Order => turned(a.order.to_string().cmp(&b.order.to_string()), reverse),
            SortKey::Method => turned(a.method.to_string().cmp(&b.method.to_string()), reverse),
            SortKey::Outcome => turned(outcome_name(a.outcome).cmp(outcome_name(b.outcome)), reverse),
            SortKey::By => turned(a.by.cmp(&b.by), reverse),
            SortKey::Total => figures(Some(a.total_ms), Some(b.total_ms), reverse),
            SortKey::Phases => figures(a.interruption.by_phases_ms, b.interruption.by_phases_ms, reverse),
            SortKey::Lost => {
                let lost = |run: &RunRecord| run.interruption.probes_lost.map(|n| n as f64);
                figures(lost(a), lost(b), reverse)
            }
            SortKey::Gap => figures(a.interruption.gap_ms, b.interruption.gap_ms, reverse),
        };
        order.then_with(|| turned((a.started, &a.run).cmp(&(b.started, &b.run)), reverse))
    }
}

fn turned(order: Ordering, reverse: bool) -> Ordering {
    if reverse { order.reverse() } else { order }
}

fn figures(a: Option<f64>, b: Option<f64>, reverse: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => turned(a.total_cmp(&b), reverse),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}
