//! The table beside a figure, as LaTeX and as Markdown: medians, and the 95th percentile where there are several runs.

use std::fmt::Write;

use crate::metrics::history::{ComparedFigure, Comparison, Spread};
use crate::metrics::measure::trim;

/// The comparison as a LaTeX table (package booktabs).
pub fn latex(comparison: &Comparison) -> String {
    let mut out = format!("% {}\n", stamp(comparison));
    let _ = writeln!(out, "\\begin{{tabular}}{{l{}}}\n\\toprule", "r".repeat(comparison.groups.len() + 1));
    let rows = cells(comparison).into_iter().map(|row| row.iter().map(|cell| escaped(cell)).collect::<Vec<_>>().join(" & "));
    for (index, row) in rows.enumerate() {
        let _ = writeln!(out, "{row} \\\\");
        if index + 1 == HEADS || index + 1 == HEADS + phases(comparison) {
            out.push_str("\\midrule\n");
        }
    }
    out.push_str("\\bottomrule\n\\end{tabular}\n");
    out
}

/// The comparison as a Markdown table.
pub fn markdown(comparison: &Comparison) -> String {
    let mut out = String::new();
    for (index, row) in cells(comparison).into_iter().enumerate() {
        let _ = writeln!(out, "| {} |", row.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>().join(" | "));
        if index == 0 {
            let _ = writeln!(out, "|---|{}", "---:|".repeat(comparison.groups.len() + 1));
        }
    }
    let _ = writeln!(out, "\n{}", stamp(comparison));
    out
}

/// Rows of heads: the groups, the number of runs in each.
const HEADS: usize = 2;

/// How many rows are of phases: they stand before the sums.
fn phases(comparison: &Comparison) -> usize {
    comparison.rows.iter().take_while(|row| row.name != "total").count()
}

/// The table, heads first.
fn cells(comparison: &Comparison) -> Vec<Vec<String>> {
    let row = |first: &str, of: &mut dyn Iterator<Item = String>, last: String| -> Vec<String> {
        std::iter::once(first.to_owned()).chain(of).chain([last]).collect()
    };
    let groups = &comparison.groups;
    let heads = row("ms", &mut groups.iter().map(|group| group.name.clone()), "paper".into());
    let runs = row("runs", &mut groups.iter().map(|group| group.runs.to_string()), String::new());
    let figures = comparison.rows.iter().map(|figure| {
        let unit = if figure.unit == "count" { " (count)" } else { "" };
        let spreads = &mut figure.spreads.iter().map(|spread| spread.map_or_else(|| "-".into(), |s| text(figure, &s)));
        row(&format!("{}{unit}", figure.explanation), spreads, figure.paper.map_or_else(|| "-".into(), trim))
    });
    [heads, runs].into_iter().chain(figures).collect()
}

fn text(figure: &ComparedFigure, spread: &Spread) -> String {
    let value = |v: f64| figure.value(v);
    match (figure.name, spread.n) {
        ("by_loss", _) if spread.max == 0.0 => "none lost".into(),
        (_, 1) => value(spread.median),
        _ => format!("{} ({})", value(spread.median), value(spread.p95)),
    }
}

/// What the figures are, and where they come from.
fn stamp(comparison: &Comparison) -> String {
    let several = comparison.groups.iter().any(|group| group.runs > 1);
    let what = if several { "medians, 95th percentile in brackets" } else { "one run" };
    let resolution = comparison.resolution.as_ref().map(|text| format!("; {text}")).unwrap_or_default();
    format!("baton {}: {what}; paper: published figures{resolution}", env!("CARGO_PKG_VERSION"))
}

/// Text as LaTeX wants it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            c => out.push(c),
        }
    }
    if out == "-" { "--".into() } else { out }
}
