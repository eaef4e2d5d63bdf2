//! Statistics of probes: when each was sent and answered. Pure: times are nanoseconds since the probe started, and there is no socket here.

use std::collections::VecDeque;

use protocol::{ErrorCode, Failure, ProbeOutcome, ProbeSpan, ProbeStatus, ProbeWindow};

/// A reply later than this counts as lost for ever, as `ping` has it by default for its last packet. ns.
pub const LOSS_TIMEOUT: u64 = 1_000_000_000;
/// Probes kept: over two minutes at 1 ms, over three hours at 100 ms, in 2 MB.
const KEPT: usize = 131_072;
/// Probes shown in a status: a wide strip.
const RECENT: usize = 200;
/// Length of the spans shown in a status, ms: within it a probe is answered or lost, and a second of messages may be missed.
const SPANS_MS: f64 = 2_000.0;
/// Round trips that the percentiles are taken over.
const ROUND_TRIPS: usize = 1000;

/// Stands for "no reply" in [`SentProbe::replied`]; 584 years after the start otherwise.
const NO_REPLY: u64 = u64::MAX;

#[derive(Debug, Clone, Copy)]
struct SentProbe {
    sent: u64,
    replied: u64,
}

impl SentProbe {
    fn reply(self) -> Option<u64> {
        (self.replied != NO_REPLY).then_some(self.replied)
    }

    fn is_settled(self, now: u64) -> bool {
        self.replied != NO_REPLY || now.saturating_sub(self.sent) >= LOSS_TIMEOUT
    }
}

/// The latest probes, by sequence number from 0.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    probes: VecDeque<SentProbe>,
    first: u64,
    received: u64,
    /// The lowest number that was ever answered.
    served_from: Option<u64>,
    /// All probes below are answered or lost.
    settled: u64,
}

impl Ledger {
    /// Number of the next probe, which is the number of probes sent.
    pub fn next(&self) -> u64 {
        self.first + self.probes.len() as u64
    }

    /// The probe after the latest that was answered.
    pub fn unanswered_from(&self) -> Option<u64> {
        let back = self.probes.iter().rev().position(|probe| probe.reply().is_some())?;
        Some(self.next() - back as u64)
    }

    /// Books a probe that is sent now, whether or not the network took it, and returns its number.
    pub fn sent(&mut self, now: u64) -> u64 {
        if self.probes.len() == KEPT {
            self.probes.pop_front();
            self.first += 1;
        }
        let seq = self.next();
        self.probes.push_back(SentProbe { sent: now, replied: NO_REPLY });
        seq
    }

    /// Books a reply; the round trip, ns. Ignored: a number never sent or long gone, a duplicate, and a reply beyond [`LOSS_TIMEOUT`].
    pub fn replied(&mut self, seq: u64, now: u64) -> Option<u64> {
        let index = seq.checked_sub(self.first).and_then(|i| usize::try_from(i).ok())?;
        let probe = self.probes.get_mut(index).filter(|probe| !probe.is_settled(now))?;
        probe.replied = now.max(probe.sent);
        self.received += 1;
        self.served_from = Some(self.served_from.map_or(seq, |earlier| earlier.min(seq)));
        Some(probe.replied - probe.sent)
    }

    /// All probes below this number are answered or lost.
    pub fn settled(&mut self, now: u64) -> u64 {
        self.settled = self.settled.max(self.first);
        while let Some(probe) = self.at(self.settled)
            && probe.is_settled(now)
        {
            self.settled += 1;
        }
        self.settled
    }

    fn at(&self, seq: u64) -> Option<SentProbe> {
        self.probes.get(usize::try_from(seq.checked_sub(self.first)?).ok()?).copied()
    }

    /// Statistics of the probes from `since` up to, not including, `until`; to be asked once they are settled.
    ///
    /// `gap_ms` is the longest time between two consecutive replies to whichever probes, beginning with the last one before the window. Where the last
    /// probes of the window were lost, the silence is still going on and lasts at least until `now`; where there never was a reply, it
    /// counts from the first probe of the window. `silent_ms` is how long that silence has lasted by now.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when the window began before the oldest probe that is kept.
    pub fn window(&self, since: u64, until: u64, interval_ms: f64, now: u64) -> Result<ProbeWindow, Failure> {
        let until = until.min(self.next());
        if since < self.first {
            return Err(Failure::new(
                ErrorCode::State,
                format!("the window begins with probe {since}, and the oldest one kept is {}", self.first),
            )
            .hint("probe at a longer interval"));
        }
        let window = || (since..until).filter_map(|seq| self.at(seq));
        let received = window().filter(|p| p.reply().is_some()).count() as u64;
        let sent = until.saturating_sub(since);
        let mut replies: Vec<u64> = window().filter_map(SentProbe::reply).collect();
        let began = window().next().map_or(now, |first| first.sent);
        // A probe that was under way when the window began may have been answered only after the silence that is looked for.
        let before = (self.first..since.min(until)).rev().filter_map(|seq| self.at(seq));
        let may_be_late = |probe: &SentProbe| began.saturating_sub(probe.sent) < LOSS_TIMEOUT;
        let earlier: Vec<u64> = before.take_while(may_be_late).filter_map(SentProbe::reply).collect();
        let last_before = earlier.iter().copied().filter(|&reply| reply <= began).max();
        let last_before = last_before.or_else(|| self.last_reply_by(began));
        replies.extend(earlier.into_iter().filter(|&reply| reply > began).chain(last_before));
        replies.sort_unstable();
        let mut silent_ms = None;
        if window().next_back().is_some_and(|last| last.reply().is_none()) {
            if replies.is_empty() {
                replies.extend(window().next().map(|first| first.sent));
            }
            silent_ms = replies.last().map(|last| rounded_ms(now.saturating_sub(*last)));
            replies.push(now);
        }
        let gap = replies.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or(0);
        Ok(ProbeWindow { interval_ms, sent, lost: sent - received, gap_ms: rounded_ms(gap), silent_ms })
    }

    /// The last reply that came by then.
    fn last_reply_by(&self, then: u64) -> Option<u64> {
        self.probes.iter().rev().filter_map(|probe| probe.reply()).find(|&reply| reply <= then)
    }

    /// What the console shows.
    pub fn status(&self, target: String, interval_ms: f64, now: u64) -> ProbeStatus {
        let before_service = self.served_from.unwrap_or(self.next());
        let outstanding = (self.settled.max(before_service)..self.next())
            .filter(|&seq| self.at(seq).is_some_and(|p| !p.is_settled(now)))
            .count() as u64;
        let recent = self.probes.len().saturating_sub(RECENT);
        let mut trips: Vec<u64> =
            self.probes.iter().rev().filter_map(|p| p.reply().map(|r| r - p.sent)).take(ROUND_TRIPS).collect();
        trips.sort_unstable();
        ProbeStatus {
            target,
            interval_ms,
            sent: self.next(),
            before_service,
            received: self.received,
            lost: (self.next() - before_service - self.received).saturating_sub(outstanding),
            rtt_ms: percentiles(&trips),
            recent: self.outcomes(recent, now).collect(),
            spans: self.spans(interval_ms, before_service, now),
        }
    }

    /// What became of the probes from an index on.
    fn outcomes(&self, from: usize, now: u64) -> impl Iterator<Item = ProbeOutcome> {
        self.probes.range(from..).zip(self.first + from as u64..).map(move |(probe, seq)| ProbeOutcome {
            seq,
            rtt_ms: probe.reply().map(|r| rounded_ms(r - probe.sent)),
            lost: probe.reply().is_none() && probe.is_settled(now),
        })
    }

    /// Spans that may have changed since the message before last, and some older ones for messages that were lost.
    fn spans(&self, interval_ms: f64, before_service: u64, now: u64) -> Vec<ProbeSpan> {
        let within = (SPANS_MS / interval_ms).ceil();
        let since = self.next().saturating_sub(if within.is_finite() { within as u64 } else { 0 }).max(self.first);
        let probes = ProbeSpan::probes(interval_ms);
        let whole = since.div_ceil(probes) * probes;
        let from = usize::try_from(whole - self.first).unwrap_or(usize::MAX).min(self.probes.len());
        ProbeSpan::of(self.outcomes(from, now), interval_ms, before_service)
    }
}

/// Minimum, median, 95th percentile and maximum of sorted values, by nearest rank.
fn percentiles(sorted: &[u64]) -> Option<[f64; 4]> {
    let rank = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    Some([rank(0)?, rank(50)?, rank(95)?, rank(100)?].map(rounded_ms))
}

/// Nanoseconds as milliseconds with three decimals.
fn rounded_ms(ns: u64) -> f64 {
    (ns as f64 / 1e3).round() / 1e3
}

#[cfg(test)]
mod tests;
