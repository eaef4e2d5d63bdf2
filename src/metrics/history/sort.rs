//! Sorting runs.

use std::cmp::Ordering;

use strum::VariantArray;

use crate::metrics::table::outcome_of;
use protocol::RunRecord;

/// What runs are sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
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
    By,
    /// Total, ms.
    Total,
    /// Interruption by phases, ms.
    Phases,
    /// Pings lost.
    Lost,
    /// Gap at the far end, ms.
    Gap,
}

impl SortKey {
    /// The key `steps` columns further on, in a circle.
    pub fn step(self, steps: isize) -> Self {
        let at = Self::VARIANTS.iter().position(|key| *key == self).unwrap_or(0) as isize;
        Self::VARIANTS[(at + steps).rem_euclid(Self::VARIANTS.len() as isize) as usize]
    }

    /// Name, as options have it.
    pub fn name(self) -> &'static str {
        self.into()
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
            SortKey::Outcome => turned(outcome_of(a).cmp(outcome_of(b)), reverse),
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
