//! Groups of runs: a dot for every run, a line at the median, the paper's figure below.

use super::Distribution;
use super::axis::Axis;
use super::canvas::{Anchor, Canvas, DARK, FAINT, INK, NOTE, TEXT, WIDTH, width_of};
use crate::metrics::history::{Spread, grouped};
use crate::metrics::measure::trim;
use protocol::RunRecord;

/// Height of a group, pt.
const ROW: f64 = 19.0;
/// How far a dot stands off the middle of its group at most, pt.
const JITTER: f64 = 5.6;
/// Ends of the columns of figures, pt: the median, the number of runs.
const MEDIAN: f64 = 216.0;
const COUNT: f64 = WIDTH - 2.0;
/// A dot: its ink, lighter than the median, and its radius.
const DOT: &str = "#7d9dbd";
const RADIUS: f64 = 1.1;
/// Turns round the middle: the golden ratio spreads any number of dots evenly, and gives the same picture every time.
const GOLDEN: f64 = 0.618_033_988_749_895;

/// The figure of several runs; nothing where none of them has one.
pub fn of_groups(runs: &[&RunRecord], distribution: &Distribution) -> Option<Canvas> {
    let measure = distribution.measure;
    let groups: Vec<(String, Vec<f64>)> = grouped(runs, distribution.by)
        .into_iter()
        .map(|(group, members)| {
            let values = members.iter().filter_map(|run| (measure.figure)(run)).filter(|v| v.is_finite());
            (group.name, values.collect::<Vec<f64>>())
        })
        .filter(|(_, values)| !values.is_empty())
        .collect();
    let relay = runs.iter().any(|run| run.relay);
    // The figure of the scenario that is drawn; where both are, each.
    let papers = [(runs.iter().any(|run| !run.relay), measure.paper, "paper"), (relay, measure.paper_relay, "paper, relay")];
    let papers: Vec<(&str, f64)> =
        papers.into_iter().filter(|(drawn, ..)| *drawn).filter_map(|(_, v, name)| Some((name, v?))).collect();
    let values: Vec<f64> =
        groups.iter().flat_map(|(_, values)| values.iter().copied()).chain(papers.iter().map(|(_, v)| *v)).collect();
    if groups.is_empty() {
        return None;
    }
    let names = groups.iter().map(|(name, _)| name.as_str()).chain(papers.iter().map(|(name, _)| *name));
    let left = names.map(|name| width_of(name, TEXT)).fold(30.0, f64::max).min(90.0) + 6.0;
    let axis = Axis::around(&values, distribution.axis, (left, MEDIAN - 28.0));
    let scale = if axis.is_log() { ", logarithmic" } else { "" };
    let mut canvas = Canvas::new(format!(
        "{} of {} migrations, ms{scale}: a dot a run",
        measure.title,
        groups.iter().map(|(_, v)| v.len()).sum::<usize>()
    ));
    canvas.text((0.5, 7.0), TEXT, Anchor::Start, INK, &format!("{}, ms{scale}", measure.title));
    canvas.text((MEDIAN, 7.0), NOTE, Anchor::End, FAINT, "median");
    canvas.text((COUNT, 7.0), NOTE, Anchor::End, FAINT, "runs");
    canvas.line((0.0, 10.0), (WIDTH, 10.0), FAINT, 0.4);
    let top = 12.0;
    let bottom = top + ROW * groups.len() as f64 + 12.0 * papers.len() as f64;
    axis.grid(&mut canvas, (top, bottom));
    let mut y = top;
    for (name, values) in groups {
        group(&mut canvas, &axis, y + ROW / 2.0, &name, values, &|v| measure.text(v));
        y += ROW;
    }
    for (name, value) in papers {
        canvas.diamond((axis.at(value), y + 6.0), 2.2);
        canvas.text((0.5, y + 8.3), TEXT, Anchor::Start, INK, name);
        canvas.text((MEDIAN, y + 8.3), TEXT, Anchor::End, FAINT, &trim(value));
        y += 12.0;
    }
    let end = axis.draw(&mut canvas, bottom);
    let note = format!("a dot a run, a line at the median; baton {}", env!("CARGO_PKG_VERSION"));
    canvas.text((0.5, end + 8.0), NOTE, Anchor::Start, FAINT, &note);
    canvas.end_at(end + 11.0);
    Some(canvas)
}

fn group(canvas: &mut Canvas, axis: &Axis, middle: f64, name: &str, values: Vec<f64>, text: &dyn Fn(f64) -> String) {
    canvas.text((0.5, middle + 2.3), TEXT, Anchor::Start, INK, name);
    for (i, value) in values.iter().enumerate() {
        let off = if values.len() == 1 { 0.0 } else { ((i as f64 * GOLDEN).fract() * 2.0 - 1.0) * JITTER };
        canvas.dot((axis.at(*value), middle + off), RADIUS, DOT);
    }
    let runs = values.len();
    if let Some(spread) = Spread::from_values(values) {
        let x = axis.at(spread.median);
        canvas.line((x, middle - ROW * 0.4), (x, middle + ROW * 0.4), DARK, 1.0);
        canvas.text((MEDIAN, middle + 2.3), TEXT, Anchor::End, INK, &text(spread.median));
    }
    canvas.text((COUNT, middle + 2.3), TEXT, Anchor::End, FAINT, &runs.to_string());
}
