//! The parts of a cut, on one scale: what each host did when, in microseconds.
//!
//! Each host's parts are placed from its own first part on: clocks of two hosts are not compared.

use std::fmt::Write;

use output::{one_line, pad};
use protocol::{RunRecord, TracePart};

/// A part on the axis of its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacedPart<'a> {
    /// The host.
    pub host: &'a str,
    /// What it did.
    pub part: &'a str,
    /// From the host's first part to the beginning of this one, us.
    pub start_us: u64,
    /// How long it took, us.
    pub us: u64,
}

impl PlacedPart<'_> {
    /// Where it ends on the axis, us.
    pub fn end_us(&self) -> u64 {
        self.start_us.saturating_add(self.us)
    }
}

/// The parts, host by host in the order in which the hosts appear, each host's by time.
pub fn parts(trace: &[TracePart]) -> Vec<PlacedPart<'_>> {
    let mut hosts: Vec<&str> = Vec::new();
    for part in trace {
        if !hosts.contains(&part.host.as_str()) {
            hosts.push(&part.host);
        }
    }
    let mut out = Vec::with_capacity(trace.len());
    for host in hosts {
        let mut of_host: Vec<&TracePart> = trace.iter().filter(|part| part.host == host).collect();
        of_host.sort_by_key(|part| part.at_us);
        let first = of_host.first().map_or(0, |part| part.at_us);
        out.extend(of_host.into_iter().map(|part| PlacedPart {
            host,
            part: &part.part,
            start_us: part.at_us.saturating_sub(first),
            us: part.us,
        }));
    }
    out
}

/// Where the longest of the hosts' axes ends, us.
pub fn length_us(parts: &[PlacedPart<'_>]) -> u64 {
    parts.iter().map(PlacedPart::end_us).max().unwrap_or(0)
}

/// The parts as text for a terminal or a file; empty where the run has none.
pub fn text(run: &RunRecord) -> String {
    /// Columns of the bars.
    const BAR: usize = 40;
    let parts = parts(&run.trace);
    let length = length_us(&parts).max(1);
    // Below the bar's width by construction.
    let cell = |us: u64| (us as f64 / length as f64 * BAR as f64) as usize;
    let mut text = String::new();
    if !parts.is_empty() {
        let _ = writeln!(text, "the cut in parts, us; each host from its own first part, on its own clock");
        let _ = writeln!(text, "{:<10} {:>9} {:>9}  {:BAR$}  what", "host", "begins", "took", "");
    }
    for PlacedPart { host, part, start_us, us } in &parts {
        let start = cell(*start_us).min(BAR - 1);
        let bar = "#".repeat(cell(start_us.saturating_add(*us)).saturating_sub(start).max(1));
        let (host, part, bar) = (pad(&one_line(host), 10), one_line(part), format!("{:start$}{bar}", ""));
        let _ = writeln!(text, "{host} {start_us:>9} {us:>9}  {bar:BAR$}  {part}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::table::tests::run;
    use protocol::Method;

    fn part(host: &str, part: &str, at_us: u64, us: u64) -> TracePart {
        TracePart { host: host.into(), part: part.into(), at_us, us }
    }

    #[test]
    fn every_host_begins_at_its_own_first_part() {
        let trace = [part("one", "freeze", 1_000, 300), part("two", "take over", 70, 50), part("one", "away", 900, 80)];
        let parts = parts(&trace);
        let seen: Vec<(&str, &str, u64)> = parts.iter().map(|p| (p.host, p.part, p.start_us)).collect();
        assert_eq!(seen, [("one", "away", 0), ("one", "freeze", 100), ("two", "take over", 0)]);
        assert_eq!(length_us(&parts), 400);
    }

    #[test]
    fn the_text_has_a_row_and_a_bar_for_every_part_and_none_without_a_trace() {
        let mut record = run(Method::Hot, 3.0, Some(0));
        assert_eq!(text(&record), "");
        record.trace = vec![part("one", "freeze", 10, 300), part("two", "take over", 0, 0), part("two", "all", u64::MAX, u64::MAX)];
        let text = text(&record);
        assert_eq!(text.lines().skip(2).filter(|line| line.contains('#')).count(), 3, "{text}");
        record.trace.truncate(1);
        assert!(super::text(&record).contains(&format!("{}  freeze", "#".repeat(40))));
    }
}
