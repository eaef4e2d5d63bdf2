//! The far end's pings of the last minutes, in spans of time: a strip of them has cells of equal time at any interval.

use std::collections::VecDeque;

use protocol::{ProbeSpan, ProbeStatus};

/// Spans kept: over a minute of the shortest, 50 ms, on the widest terminal.
const SPANS: usize = 2_048;
/// What a strip shows at least, ms.
const MINUTE: f64 = 60_000.0;

/// The pings of the last minutes in spans of time, and where the work was cut.
#[derive(Debug, Clone, Default)]
pub struct PingHistory {
    spans: VecDeque<ProbeSpan>,
    interval_ms: f64,
    /// The migration whose cut was seen last, and the span that was the newest then.
    cut: Option<(String, u64)>,
}

/// What one column of the strip stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cell {
    /// Pings given up.
    pub lost: u32,
    /// Shortest and longest round trip, ms.
    pub rtt_ms: Option<[f64; 2]>,
    /// Something was sent, whatever became of it.
    pub sent: bool,
}

/// The newest pings, the oldest cell first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Strip {
    /// One a column, but for the column of the cut.
    pub cells: Vec<Cell>,
    /// The cell before which the work was cut; then the strip has a cell less than columns.
    pub cut: Option<usize>,
    /// What a cell stands for, ms.
    pub cell_ms: f64,
}

impl PingHistory {
    /// Takes in what a far end says of its probe.
    pub fn hear(&mut self, probe: &ProbeStatus) {
        let derived = if probe.spans.is_empty() { spans_of_recent(probe) } else { Vec::new() };
        let said = if probe.spans.is_empty() { &derived } else { &probe.spans };
        let newest = said.last().map(|span| span.span);
        // Smaller numbers, or spans of another length: the probe was restarted.
        if newest < self.newest() || self.interval_ms.to_bits() != probe.interval_ms.to_bits() {
            *self = Self { interval_ms: probe.interval_ms, ..Self::default() };
        }
        for span in said {
            match self.spans.binary_search_by_key(&span.span, |known| known.span) {
                Ok(at) => self.spans[at] = *span,
                Err(at) => self.spans.insert(at, *span),
            }
        }
        while self.spans.len() > SPANS {
            self.spans.pop_front();
        }
    }

    /// Forgets all: nobody probes.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// A migration is seen to be past its cut.
    pub fn cut(&mut self, run: &str) {
        if let Some(newest) = self.newest().filter(|_| self.cut.as_ref().is_none_or(|(known, _)| known != run)) {
            self.cut = Some((run.to_owned(), newest));
        }
    }

    /// The spans, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &ProbeSpan> {
        self.spans.iter().rev()
    }

    fn newest(&self) -> Option<u64> {
        self.spans.back().map(|span| span.span)
    }

    /// A strip of so many columns: at least the last minute, in cells of equal time.
    pub fn strip(&self, columns: usize) -> Strip {
        let span_ms = ProbeSpan::probes(self.interval_ms) as f64 * self.interval_ms;
        let Some(newest) = self.newest().filter(|_| span_ms.is_finite() && span_ms > 0.0 && columns > 1) else {
            return Strip::default();
        };
        let scale = |columns: usize| {
            // Spans of a cell; far below u64's range.
            let each = ((MINUTE / span_ms / columns as f64).ceil() as u64).max(1);
            // The number of the leftmost cell: below zero where the probe is younger than the strip.
            let first = i128::from(newest / each) + 1 - columns as i128;
            (each, first)
        };
        let place = |span: u64, (each, first): (u64, i128)| usize::try_from(i128::from(span / each) - first).ok();
        let cut = self.cut.as_ref().map(|(_, span)| *span);
        let in_sight = cut.is_some_and(|span| place(span, scale(columns)).is_some());
        let columns = columns - usize::from(in_sight);
        let scale = scale(columns);
        let mut cells = vec![Cell::default(); columns];
        for span in self.spans.iter().rev() {
            let Some(cell) = place(span.span, scale).and_then(|at| cells.get_mut(at)) else { break };
            cell.sent = true;
            cell.lost = cell.lost.saturating_add(span.lost);
            if let Some([least, most]) = span.rtt_ms {
                let [shortest, longest] = cell.rtt_ms.unwrap_or([least, most]);
                cell.rtt_ms = Some([shortest.min(least), longest.max(most)]);
            }
        }
        let cut = cut.filter(|_| in_sight).and_then(|span| place(span, scale));
        Strip { cells, cut, cell_ms: scale.0 as f64 * span_ms }
    }
}

/// The same from the latest probes, for a far end that sends no spans; without the oldest one, of which a part may be missing.
fn spans_of_recent(probe: &ProbeStatus) -> Vec<ProbeSpan> {
    let mut spans = ProbeSpan::of(probe.recent.iter().copied(), probe.interval_ms, probe.before_service);
    let whole = probe.recent.first().is_none_or(|first| first.seq % ProbeSpan::probes(probe.interval_ms) == 0);
    if !whole && !spans.is_empty() {
        spans.remove(0);
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ProbeOutcome;

    /// A far end that has sent probes up to `sent`, of which those of `lost` are lost.
    fn status(interval_ms: f64, sent: u64, lost: std::ops::Range<u64>) -> ProbeStatus {
        let settled = (1_000.0 / interval_ms) as u64;
        let outcome = |seq: u64| {
            let gone = lost.contains(&seq);
            let known = seq + settled < sent;
            ProbeOutcome { seq, rtt_ms: (!gone && seq + 2 < sent).then_some(5.0 + (seq % 5) as f64), lost: gone && known }
        };
        let seen = sent.saturating_sub((2_000.0 / interval_ms) as u64)..sent;
        // Only whole spans, as the far end sends them.
        let probes = ProbeSpan::probes(interval_ms);
        let first = seen.start.div_ceil(probes) * probes;
        ProbeStatus {
            interval_ms,
            sent,
            spans: ProbeSpan::of((first..sent).map(outcome), interval_ms, 0),
            recent: seen.map(outcome).collect(),
            ..ProbeStatus::default()
        }
    }

    #[test]
    fn a_cut_at_one_millisecond_stays_for_a_minute() {
        let mut history = PingHistory::default();
        // Ten messages a second for 70 s; 200 ms are lost after one.
        for message in 0..700_u64 {
            let sent = 1_000 + 100 * message;
            history.hear(&status(1.0, sent, 2_000..2_200));
            if sent == 2_100 {
                history.cut("run");
            }
            let strip = history.strip(110);
            assert!((60_000.0..66_000.0).contains(&(strip.cell_ms * strip.cells.len() as f64)), "{}", strip.cell_ms);
            let lost: u32 = strip.cells.iter().map(|cell| cell.lost).sum();
            if (3_400..61_000).contains(&sent) {
                assert_eq!(lost, 200, "at {sent}");
                assert!(
                    strip.cut.is_some_and(|at| strip.cells[at..at + 2].iter().any(|cell| cell.lost > 0)),
                    "at {sent}: {:?}",
                    strip.cut
                );
            }
        }
        assert_eq!(history.strip(110).cut, None);
        assert!(history.spans.len() <= SPANS);
        // Probed anew at another interval.
        history.hear(&status(100.0, 4, 0..0));
        let strip = history.strip(50);
        assert_eq!(strip.cells.iter().filter(|cell| cell.sent).count(), 1, "four probes are one cell of 1.2 s: {strip:?}");
        assert!(strip.cells[49].sent && strip.cell_ms == 1_200.0);
    }

    #[test]
    fn a_far_end_without_spans_is_shown_as_well() {
        let mut history = PingHistory::default();
        let probe = ProbeStatus { spans: Vec::new(), ..status(100.0, 40, 21..28) };
        history.hear(&probe);
        let strip = history.strip(700);
        assert_eq!(strip.cells.iter().map(|cell| cell.lost).sum::<u32>(), 7);
        assert_eq!(strip.cells.iter().filter(|cell| cell.sent).count(), 20);
        assert_eq!(PingHistory::default().strip(80), Strip::default());
    }
}
