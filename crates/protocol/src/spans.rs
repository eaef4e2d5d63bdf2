//! Pings, one by one and in spans of time, so that a strip of a minute is complete also at an interval of 1 ms.

use serde::{Deserialize, Serialize};

/// What became of one probe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProbeOutcome {
    /// Sequence number, counted from the start of the probe.
    pub seq: u64,
    /// Round trip, ms; `null` while waiting and when lost.
    pub rtt_ms: Option<f64>,
    /// Given up.
    pub lost: bool,
}

/// A span is this long, or one probe where their interval is longer, ms.
const PROBE_SPAN_MS: f64 = 50.0;

/// What became of the probes of one span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbeSpan {
    /// Number of the span since the probe started: that of its first probe, divided by [`ProbeSpan::probes`].
    pub span: u64,
    /// Not yet answered, nor given up.
    pub waiting: u32,
    /// Given up.
    pub lost: u32,
    /// Shortest and longest round trip, ms; `null` where none was answered.
    pub rtt_ms: Option<[f64; 2]>,
}

impl ProbeSpan {
    /// Probes of a span at an interval, ms.
    pub fn probes(interval_ms: f64) -> u64 {
        // A hostile or missing interval counts as a long one. At most 50 by the shortest interval, 1 ms.
        let probes = (PROBE_SPAN_MS / interval_ms).clamp(1.0, PROBE_SPAN_MS);
        if probes.is_finite() { probes as u64 } else { 1 }
    }

    /// Outcomes in spans, oldest first. Those sent before the first reply ever were given up by nobody.
    pub fn of(outcomes: impl IntoIterator<Item = ProbeOutcome>, interval_ms: f64, before_service: u64) -> Vec<Self> {
        let mut spans: Vec<Self> = Vec::new();
        let probes = Self::probes(interval_ms);
        for outcome in outcomes {
            let number = outcome.seq / probes;
            if spans.last().is_none_or(|last| last.span != number) {
                spans.push(Self { span: number, ..Self::default() });
            }
            let Some(span) = spans.last_mut() else { continue };
            match outcome.rtt_ms {
                Some(rtt) => {
                    let [least, most] = span.rtt_ms.unwrap_or([rtt; 2]);
                    span.rtt_ms = Some([least.min(rtt), most.max(rtt)]);
                }
                None if outcome.lost && outcome.seq >= before_service => span.lost += 1,
                None => span.waiting += 1,
            }
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_keeps_the_worst_of_its_probes() {
        let outcome = |seq: u64| ProbeOutcome {
            seq,
            rtt_ms: (!(60..80).contains(&seq)).then_some(5.0 + (seq % 7) as f64),
            lost: (60..70).contains(&seq),
        };
        let spans = ProbeSpan::of((0..120).map(outcome), 1.0, 0);
        assert_eq!(
            spans.iter().map(|span| (span.span, span.lost, span.waiting)).collect::<Vec<_>>(),
            [(0, 0, 0), (1, 10, 10), (2, 0, 0)]
        );
        assert_eq!(spans[0].rtt_ms, Some([5.0, 11.0]));
        // Nobody served before the first reply.
        assert_eq!(ProbeSpan::of((60..70).map(outcome), 1.0, 70)[0].lost, 0);
        assert_eq!(ProbeSpan::of((0..3).map(outcome), 100.0, 0).len(), 3);
        for (interval, probes) in [(1.0, 50), (10.0, 5), (100.0, 1), (0.0, 50), (f64::NAN, 1), (-1.0, 1)] {
            assert_eq!(ProbeSpan::probes(interval), probes, "{interval}");
        }
    }
}
