//! One run: its phases on a time axis, and the interruption as the service felt it, beside the paper's.

use super::axis::Axis;
use super::canvas::{Anchor, BAND, Canvas, DARK, FAINT, GRID, INK, LIGHT, NOTE, TEXT, WIDTH, width_of};
use crate::metrics::history::short;
use crate::metrics::measure::{Measure, TOTAL, none_lost, number, trim};
use crate::metrics::table::outcome_name;
use output::one_line;
use protocol::{Method, Outcome, PhaseName, RunRecord};

/// Where the axes begin and end, and where the columns of figures end, pt.
const LEFT: f64 = 76.0;
const RIGHT: f64 = 180.0;
const OURS: f64 = 212.0;
const PAPER: f64 = WIDTH - 2.0;
/// Height of a row, and of a bar in it, pt.
const ROW: f64 = 9.6;
const BAR: f64 = 5.4;
/// From the top of a row to the base line of its text, pt.
const BASE: f64 = 7.0;
/// What was not measured, or not published.
const NONE: &str = "\u{2013}";
/// The narrowest bar, pt.
const LEAST: f64 = 0.7;

/// A phase in the few words that a figure has room for.
fn label(name: PhaseName) -> &'static str {
    match name {
        PhaseName::TunIp => "tun address",
        PhaseName::SetRoute => "route table",
        PhaseName::StartD2d => "start D2D",
        PhaseName::MakeUsrp => "make USRP",
        PhaseName::Detect => "notice",
        PhaseName::StopSource => "stop the source",
        PhaseName::Eth3 => "eth3 address",
        PhaseName::LinkUsrp => "link to radio",
        PhaseName::Sync => "synchronise",
        PhaseName::PreparePod => "prepare the pod",
        PhaseName::GuestStart => "start the guest",
        PhaseName::Precopy => "pre-copy",
        PhaseName::Dump => "dump",
        PhaseName::Copy => "copy images",
        PhaseName::Restore => "restore",
        PhaseName::Network => "pod's network",
        PhaseName::Resume => "go on",
        PhaseName::Switchover => "switch over",
        PhaseName::Postcopy => "post-copy",
    }
}

/// Whether nobody serves during the phase at `index`: those after the stopping of the source; of a failover, all.
fn interrupts(run: &RunRecord, index: usize) -> bool {
    matches!(run.method, Method::Failover | Method::Takeover)
        || run.phases.get(index).is_some_and(|phase| phase.name == PhaseName::Switchover)
        || run.phases.iter().position(|phase| phase.name == PhaseName::StopSource).is_some_and(|stop| index > stop)
}

/// The figure of a run.
pub fn of_run(run: &RunRecord) -> Canvas {
    let started = run.started.format("%Y-%m-%d %H:%M UTC");
    let version = env!("CARGO_PKG_VERSION");
    let which = format!("{}, run {}, {started}; baton {version}", outcome_name(run.outcome), one_line(short(&run.run)));
    let method = if run.relay { format!("{}, relay", run.method) } else { run.method.to_string() };
    let mut canvas = Canvas::new(format!("Phases and interruption of a migration ({method}): {which}"));
    let y = phases(&mut canvas, run, &method);
    let y = interruption(&mut canvas, run, y + 9.0);
    let y = legend(&mut canvas, run, y + 8.0);
    canvas.text((0.5, y + 8.0), NOTE, Anchor::Start, FAINT, &which);
    canvas.end_at(y + 11.0);
    canvas
}

/// The heads of a panel and its columns; returns where its rows begin.
fn heads(canvas: &mut Canvas, y: f64, title: &str) -> f64 {
    canvas.text((0.5, y + BASE), TEXT, Anchor::Start, INK, title);
    canvas.text((OURS, y + BASE), NOTE, Anchor::End, FAINT, "this run");
    canvas.text((PAPER, y + BASE), NOTE, Anchor::End, FAINT, "paper");
    canvas.line((0.0, y + ROW), (WIDTH, y + ROW), FAINT, 0.4);
    y + ROW + 1.5
}

fn figures(canvas: &mut Canvas, y: f64, ours: Option<String>, paper: Option<f64>) {
    let ours = ours.unwrap_or_else(|| NONE.into());
    canvas.text((OURS, y + BASE), TEXT, Anchor::End, INK, &ours);
    let paper = paper.map_or_else(|| NONE.into(), trim);
    canvas.text((PAPER, y + BASE), TEXT, Anchor::End, FAINT, &paper);
}

fn phases(canvas: &mut Canvas, run: &RunRecord, method: &str) -> f64 {
    let top = heads(canvas, 0.0, &format!("(a) phases, {method}, ms"));
    let sum: f64 = run.phases.iter().map(|phase| phase.ms).sum();
    let axis = Axis::linear(run.total().unwrap_or(0.0).max(sum), (LEFT, RIGHT));
    let bottom = top + ROW * run.phases.len() as f64;
    let starts: Vec<f64> = run.phases.iter().scan(0.0, |end, phase| Some(std::mem::replace(end, *end + phase.ms))).collect();
    // The time in which nobody serves, behind all rows.
    let cut: Vec<(f64, f64)> = run
        .phases
        .iter()
        .zip(&starts)
        .enumerate()
        .filter(|(index, _)| interrupts(run, *index))
        .map(|(_, (phase, start))| (*start, start + phase.ms))
        .collect();
    if let (Some((from, _)), Some((_, to))) = (cut.first(), cut.last()) {
        let (from, to) = (axis.at(*from), axis.at(*to));
        canvas.rect((from, top), ((to - from).max(LEAST), bottom - top), BAND);
    }
    axis.grid(canvas, (top, bottom));
    for (index, (phase, start)) in run.phases.iter().zip(&starts).enumerate() {
        let y = top + ROW * index as f64;
        let ink = if interrupts(run, index) { DARK } else { LIGHT };
        let (from, to) = (axis.at(*start), axis.at(start + phase.ms));
        // The shortest phase is seen, and stays on the axis.
        let from = from.min(RIGHT - LEAST);
        canvas.rect((from, y + (ROW - BAR) / 2.0), ((to - from).max(LEAST), BAR), ink);
        canvas.text((0.5, y + BASE), TEXT, Anchor::Start, INK, label(phase.name));
        // Of the paper's relay scenario no phases are known; records up to 0.2.0 have the plain ones all the same.
        figures(canvas, y, Some(number(phase.ms)), phase.paper_ms.filter(|_| !run.relay));
    }
    let y = axis.draw(canvas, bottom);
    canvas.line((0.0, y + 1.0), (WIDTH, y + 1.0), GRID, 0.4);
    canvas.text((0.5, y + 1.5 + BASE), TEXT, Anchor::Start, INK, TOTAL);
    let paper = Measure::named("total").and_then(|measure| measure.paper_of(run.relay));
    figures(canvas, y + 1.5, run.total().map(number), paper);
    y + 1.5 + ROW
}

/// The three ways, each with the paper's, on one scale by decades.
fn interruption(canvas: &mut Canvas, run: &RunRecord, y: f64) -> f64 {
    let top = heads(canvas, y, "(b) interruption of service, ms");
    let ways: Vec<(Measure, &str)> = [("by_phases", "by phases"), ("by_loss", "by lost pings"), ("gap", "gap at the far end")]
        .into_iter()
        .filter_map(|(name, label)| Some((Measure::named(name)?, label)))
        .collect();
    let interval = run.interruption.probe_interval_ms;
    let values = ways.iter().flat_map(|(measure, _)| [(measure.figure)(run), measure.paper_of(run.relay)]).flatten();
    let axis = Axis::log(values.chain(interval), (LEFT, RIGHT));
    let bottom = top + ROW * ways.len() as f64;
    axis.grid(canvas, (top, bottom));
    let mut y = top;
    for (measure, label) in ways {
        let middle = y + ROW / 2.0;
        canvas.text((0.5, y + BASE), TEXT, Anchor::Start, INK, label);
        let (ours, paper) = ((measure.figure)(run), measure.paper_of(run.relay));
        if let Some(paper) = paper {
            canvas.diamond((axis.at(paper), middle), 2.2);
        }
        // What pings cannot tell from nothing, and what the gap is at rest: one interval.
        if let Some(interval) = interval.filter(|_| measure.name != "by_phases") {
            let x = axis.at(interval);
            canvas.line((x, middle - 3.0), (x, middle + 3.0), INK, 0.8);
        }
        let none = measure.name == "by_loss" && none_lost(&run.interruption).is_some();
        if let Some(ours) = ours.filter(|_| !none) {
            canvas.dot((axis.at(ours), middle), 2.0, DARK);
        }
        figures(canvas, y, if none { Some("none lost".into()) } else { ours.map(|v| measure.text(v)) }, paper);
        y += ROW;
    }
    axis.draw(canvas, bottom)
}

/// What the marks mean.
fn legend(canvas: &mut Canvas, run: &RunRecord, y: f64) -> f64 {
    let mut x = 0.5;
    let say = |canvas: &mut Canvas, x: &mut f64, mark: &dyn Fn(&mut Canvas, (f64, f64)), text: &str| {
        mark(canvas, (*x + 2.5, y - 2.0));
        canvas.text((*x + 7.0, y), NOTE, Anchor::Start, INK, text);
        *x += 12.0 + width_of(text, NOTE);
    };
    if run.outcome == Outcome::Ok || !run.phases.is_empty() {
        say(canvas, &mut x, &|canvas, (x, y)| canvas.rect((x - 2.5, y - 2.0), (5.0, 4.0), DARK), "nobody serves");
        say(canvas, &mut x, &|canvas, (x, y)| canvas.rect((x - 2.5, y - 2.0), (5.0, 4.0), LIGHT), "before");
    }
    say(canvas, &mut x, &|canvas, at| canvas.dot(at, 2.0, DARK), "this run");
    say(canvas, &mut x, &|canvas, at| canvas.diamond(at, 2.0), "paper");
    if let Some(interval) = run.interruption.probe_interval_ms {
        let tick = |canvas: &mut Canvas, (x, y): (f64, f64)| canvas.line((x, y - 2.6), (x, y + 2.6), INK, 0.8);
        say(canvas, &mut x, &tick, &format!("ping interval {} ms", trim(interval)));
    }
    y
}
