//! The parts of the cut over several runs: when each begins and how long it takes.

use std::fmt::Write;

use serde::Serialize;

use super::spread::Spread;
use crate::metrics::trace;
use output::{one_line, pad};
use protocol::RunRecord;

/// One part of the cut over all groups.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartRow {
    /// `source`, `destination`, or the name of another host. Servers take turns in being either.
    pub side: String,
    /// What was done there.
    pub part: String,
    /// From that host's first part to the beginning of this one, us; one for each group, `None` where no run has the part.
    pub begins_us: Vec<Option<Spread>>,
    /// How long it took, us; one for each group.
    pub took_us: Vec<Option<Spread>>,
}

/// Compares the traces of the runs of each group; parts in the order in which they first appear, the source's first.
pub(super) fn compare(groups: &[&[&RunRecord]]) -> Vec<PartRow> {
    // Which part it is, and for each group its beginnings and durations.
    type Seen = (String, String, Vec<[Vec<f64>; 2]>);
    let mut seen: Vec<Seen> = Vec::new();
    for (group, runs) in groups.iter().enumerate() {
        for (run, part) in runs.iter().flat_map(|run| trace::parts(&run.trace).into_iter().map(move |part| (run, part))) {
            let side = side(run, part.host);
            let at = seen.iter().position(|(s, name, _)| s == side && name == part.part).unwrap_or_else(|| {
                seen.push((side.to_owned(), part.part.to_owned(), vec![Default::default(); groups.len()]));
                seen.len() - 1
            });
            if let Some([begins, took]) = seen.get_mut(at).and_then(|(_, _, of)| of.get_mut(group)) {
                begins.push(part.start_us as f64);
                took.push(part.us as f64);
            }
        }
    }
    seen.sort_by_key(|(side, ..)| side != "source");
    let row = |(side, part, of): Seen| {
        let (begins_us, took_us) =
            of.into_iter().map(|[begins, took]| (Spread::from_values(begins), Spread::from_values(took))).unzip();
        PartRow { side, part, begins_us, took_us }
    };
    seen.into_iter().map(row).collect()
}

fn side<'a>(run: &RunRecord, host: &'a str) -> &'a str {
    match host {
        host if host == run.from => "source",
        host if host == run.to => "destination",
        host => host,
    }
}

/// The parts as text, a column for each group; empty without parts.
pub(super) fn text(groups: &[&str], parts: &[PartRow]) -> String {
    const NAME: usize = 58;
    let mut text = String::new();
    if parts.is_empty() {
        return text;
    }
    let head = "the cut in parts, us: median begin / took / p95 / max";
    let _ = write!(text, "{head:NAME$}");
    for group in groups {
        let _ = write!(text, "  {group:>30}");
    }
    text.push('\n');
    for PartRow { side, part, begins_us, took_us } in parts {
        let _ = write!(text, "{:NAME$}", format!("{} {}", pad(&one_line(side), 12), one_line(part)));
        for spreads in begins_us.iter().zip(took_us) {
            let figures = match spreads {
                (Some(begins), Some(took)) => {
                    format!("{:.0} / {:.0} / {:.0} / {:.0}", begins.median, took.median, took.p95, took.max)
                }
                _ => "-".into(),
            };
            let _ = write!(text, "  {figures:>30}");
        }
        text.push('\n');
    }
    text
}
