//! Runs as JSON and CSV, stamped with the program's version and what was measured: the same records give the same bytes.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::metrics::measure::Measure;
use crate::metrics::table::outcome_of;
use protocol::RunRecord;

/// What the figures of an export are.
const MEASURED: &str = "ms and counts measured in the run; paper: the figures that the paper has published";

/// Runs as one JSON document.
pub fn json(runs: &[&RunRecord]) -> Value {
    json!({"baton": env!("CARGO_PKG_VERSION"), "figures": MEASURED, "runs": runs})
}

/// Runs as CSV, one row a figure.
pub fn csv(runs: &[&RunRecord]) -> String {
    let mut out = String::from("run,started,version,order,method,from,to,by,outcome,figure,explanation,unit,measured,paper\n");
    for run in runs {
        let stamp = [
            run.run.clone(),
            run.started.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            env!("CARGO_PKG_VERSION").into(),
            run.order.to_string(),
            if run.order.is_migration() { run.method.to_string() } else { String::new() },
            run.from.clone(),
            run.to.clone(),
            run.by.clone().unwrap_or_default(),
            outcome_of(run).into(),
        ];
        let stamp: Vec<String> = stamp.iter().map(|text| quoted(text)).collect();
        let phases =
            run.phases.iter().map(|p| (p.name.name(), p.name.explanation(), "ms", Some(p.ms), p.paper_ms.filter(|_| !run.relay)));
        let sums = Measure::ALL.into_iter().map(|m| (m.name, m.title, m.unit, (m.figure)(run), m.paper_of(run.relay)));
        for (name, explanation, unit, measured, paper) in phases.chain(sums) {
            let figure = |v: Option<f64>| v.filter(|v| v.is_finite()).map(|v| v.to_string()).unwrap_or_default();
            let (measured, paper) = (figure(measured), figure(paper));
            let _ = writeln!(out, "{},{name},{},{unit},{measured},{paper}", stamp.join(","), quoted(explanation));
        }
    }
    out
}

/// A text field as RFC 4180 wants it, in one line. What a spreadsheet would take for a formula is made text, also behind white space, which
/// it takes away.
fn quoted(text: &str) -> String {
    let formula = text
        .trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || output::acts(c))
        .starts_with(['=', '+', '-', '@']);
    let text = format!("{}{}", if formula { "'" } else { "" }, output::one_line(text));
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}
