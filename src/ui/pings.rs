//! What the far end's pings tell about the service: an interruption that lasts, or the last one that ended.

use super::model::Model;
use super::text::{count, duration};

/// Pings that were lost one after the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LostPings {
    /// How many.
    pub lost: u64,
    /// Their number times the interval, ms; while it lasts, with those that are not yet given up.
    pub ms: f64,
    /// None was answered since.
    pub lasts: bool,
}

/// The latest interruption among the kept pings; `None` where none was lost.
pub fn latest(model: &Model) -> Option<LostPings> {
    let probe = model.probe()?;
    let (mut lost, mut open, mut lasts) = (0_u64, 0_u64, true);
    for span in model.pings.newest_first() {
        let answered = span.rtt_ms.is_some();
        match (span.lost, answered) {
            (0, true) if lost > 0 => break,
            (0, true) => lasts = false,
            // Not yet answered, not yet lost.
            (0, false) => open += u64::from(span.waiting),
            (n, _) => {
                // Of those of one span the order is not known; it is short.
                lasts &= !answered || lost > 0;
                (lost, open) = (lost + u64::from(n), open + u64::from(span.waiting));
            }
        }
    }
    let unanswered = if lasts { lost + open } else { lost };
    (lost > 0).then_some(LostPings { lost, ms: unanswered as f64 * probe.interval_ms, lasts })
}

/// The same in a few words, for a narrow place.
pub fn brief(model: &Model) -> Option<String> {
    sentence(model)?;
    let served = model.probes.values().any(|outcome| outcome.rtt_ms.is_some()) && latest(model).is_none_or(|latest| !latest.lasts);
    Some(model.skin.lang.tr(if served { "pings are answered" } else { "pings not answered" }).to_owned())
}

/// Whether the work is seen to serve, as a sentence for who has to decide; `None` where nobody probes or the far end is not heard.
pub fn sentence(model: &Model) -> Option<String> {
    let far = model.config.roles.far_end.as_deref().filter(|far| model.is_heard(far))?;
    model.probe()?;
    let lang = model.skin.lang;
    let lasting = latest(model).filter(|interruption| interruption.lasts);
    let answered = model.probes.values().any(|outcome| outcome.rtt_ms.is_some());
    Some(match lasting {
        Some(LostPings { lost, ms, .. }) => {
            // Positive and far below u64's range: probes times their interval.
            let silence = duration(ms as u64);
            lang.fill("{0}'s pings are not answered: {1} lost in a row, {2}. Nobody serves.", &[&far, &count(lost), &silence])
        }
        None if answered => lang.fill("{0}'s pings are answered: the work still serves.", &[&far]),
        None => lang.fill("{0}'s pings were never answered.", &[&far]),
    })
}
