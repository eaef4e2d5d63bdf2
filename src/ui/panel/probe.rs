//! The far end's pings: one cell a probe, newest on the right; counters and round trips.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::{below, emphasise, line, rule, span};
use crate::ui::model::Model;
use crate::ui::pings::{self, LostPings};
use crate::ui::text::{count, duration, ms, one_line, trim};
use protocol::{ProbeOutcome, ProbeStatus};

/// Spans of a figure: its label, itself, a gap.
const FIGURE: usize = 3;
/// From this width on, all figures are shown.
const ALL_FIGURES: u16 = 110;
/// From this width on, their distribution as well, in so many steps.
const WITH_HISTOGRAM: u16 = 160;
const BUCKETS: usize = 16;

/// Draws it: the rule, the strip, what was lost where, the figures.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let far = model.config.roles.far_end.as_deref();
    let (Some(far), Some(probe)) = (far, model.probe()) else {
        rule(area, buf, &model.skin, lang.tr("PINGS"), "");
        let text = far.map_or_else(
            || lang.tr("the configuration names no far end: nobody probes").to_owned(),
            |far| match model.replay {
                Some(_) => lang.tr("single pings are not in a record, their count is: see Timing").into(),
                None => lang.fill("{0} reports no probe yet", &[&far]),
            },
        );
        line(area, area.y + 1, buf, &Line::from(span(text, t.dim)));
        return;
    };
    let stale = model.stale_ms(far).map(|age| lang.fill(", {0} OLD", &[&duration(age)])).unwrap_or_default();
    let title = lang.fill("PINGS {0} to {1} every {2} ms", &[&far, &one_line(&probe.target), &trim(probe.interval_ms)]) + &stale;
    // What lasts is of the present, or not known.
    let latest = pings::latest(model).filter(|interruption| !interruption.lasts || model.is_heard(far));
    rule(area, buf, &model.skin, &title, &note(model, latest, usize::from(area.width).saturating_sub(title.width() + 10)));
    if latest.is_some_and(|interruption| interruption.lasts) {
        emphasise(area, buf, &model.skin);
    }
    let body = below(area, 1);
    let with_losses = body.height >= 4;
    let strip_rows = body.height.saturating_sub(if with_losses { 2 } else { 1 }).max(1);
    let cells: Vec<&ProbeOutcome> = newest(model, area.width);
    strip(model, &cells, Rect { height: strip_rows.min(body.height), ..body }, buf);
    if with_losses {
        losses(model, &cells, Rect { y: body.y + strip_rows, height: 1, ..body }, buf);
    }
    figures(model, probe, &cells, body, buf);
}

/// The interruption that lasts, or the last one, in the fullest wording that fits: its length is lost pings times their interval.
fn note(model: &Model, latest: Option<LostPings>, room: usize) -> String {
    let (lang, Some(LostPings { lost, ms: length, lasts })) = (model.skin.lang, latest) else { return String::new() };
    let (lost, length) = (count(lost), ms(length));
    let wordings = match lasts {
        true => [
            lang.fill("NO REPLY for {0} ms, {1} lost in a row", &[&length, &lost]),
            lang.fill("NO REPLY for {0} ms", &[&length]),
            lang.fill("NO REPLY {0} ms", &[&length]),
        ],
        false => [
            lang.fill("last interruption {0} ms, {1} lost in a row", &[&length, &lost]),
            lang.fill("last interruption {0} ms", &[&length]),
            lang.fill("last {0} ms", &[&length]),
        ],
    };
    wordings.into_iter().find(|text| text.width() <= room).unwrap_or_default()
}

/// As many probes as there are columns, oldest first.
fn newest(model: &Model, width: u16) -> Vec<&ProbeOutcome> {
    let mut cells: Vec<&ProbeOutcome> = model.probes.values().rev().take(usize::from(width)).collect();
    cells.reverse();
    cells
}

/// The longest round trip shown: the top of the scale, ms.
fn top(cells: &[&ProbeOutcome]) -> Option<f64> {
    cells.iter().filter_map(|p| p.rtt_ms).filter(|v| v.is_finite()).reduce(f64::max)
}

/// Number of the first probe that was ever answered: nobody served before.
fn before_service(model: &Model) -> u64 {
    model.probe().map_or(0, |probe| probe.before_service)
}

fn strip(model: &Model, cells: &[&ProbeOutcome], area: Rect, buf: &mut Buffer) {
    let (t, g) = (&model.skin.theme, &model.skin.glyphs);
    let rows = usize::from(area.height);
    let top = top(cells).filter(|v| *v > 0.0).unwrap_or(1.0);
    let before_service = before_service(model);
    for row in 0..rows {
        // Eighths below this row.
        let floor = (rows - 1 - row) * 8;
        let mut spans: Vec<Span<'_>> = vec![span(" ".repeat(usize::from(area.width).saturating_sub(cells.len())), t.base)];
        for probe in cells {
            spans.push(match probe.rtt_ms {
                _ if probe.lost && probe.seq >= before_service => span(g.lost, t.bad_tag),
                None => span(if row + 1 == rows { g.waiting } else { " " }, t.dim),
                Some(rtt) => {
                    let eighths = ((rtt / top).clamp(0.0, 1.0) * (rows * 8) as f64).round().max(1.0) as usize;
                    match eighths.saturating_sub(floor) {
                        0 => span(" ", t.base),
                        n => span(g.heights[n.min(8) - 1], t.good),
                    }
                }
            });
        }
        line(area, area.y + row as u16, buf, &Line::from(spans));
    }
}

/// Under every run of lost probes, how many they are.
fn losses(model: &Model, cells: &[&ProbeOutcome], area: Rect, buf: &mut Buffer) {
    let t = &model.skin.theme;
    let offset = area.width.saturating_sub(cells.len() as u16);
    let before_service = before_service(model);
    let mut i = 0;
    let mut free = 0;
    while i < cells.len() {
        let run = cells[i..].iter().take_while(|p| p.lost && p.seq >= before_service).count();
        if run == 0 {
            i += 1;
            continue;
        }
        let text = model.skin.lang.fill("{0} lost", &[&run]);
        // Ends with the run when the run is longer than its label; never over the label before it or the edge.
        let start = usize::from(offset) + i + run.saturating_sub(text.width()) / 2;
        let start = start.min(usize::from(area.width).saturating_sub(text.width()));
        if start >= free {
            let x = area.x + start as u16;
            free = start + text.width() + 1;
            line(Rect { x, width: area.right().saturating_sub(x), ..area }, area.y, buf, &Line::from(span(text, t.bad)));
        }
        i += run;
    }
}

/// How often which round trip was seen, from the shortest to the longest.
fn histogram(model: &Model, cells: &[&ProbeOutcome]) -> Option<(String, f64, f64)> {
    let trips: Vec<f64> = cells.iter().filter_map(|probe| probe.rtt_ms).filter(|rtt| rtt.is_finite()).collect();
    let (least, most) = trips.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), rtt| (least.min(*rtt), most.max(*rtt)));
    if trips.len() < BUCKETS || most <= least {
        return None;
    }
    let mut counts = [0_usize; BUCKETS];
    for rtt in trips {
        let bucket = ((rtt - least) / (most - least) * BUCKETS as f64) as usize;
        counts[bucket.min(BUCKETS - 1)] += 1;
    }
    let highest = counts.into_iter().max().unwrap_or(1).max(1);
    let bars = counts.map(|n| if n == 0 { " " } else { model.skin.glyphs.heights[(n * 8).div_ceil(highest) - 1] });
    Some((bars.concat(), least, most))
}

fn figures(model: &Model, probe: &ProbeStatus, cells: &[&ProbeOutcome], body: Rect, buf: &mut Buffer) {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let figure =
        |label: &str, value: String, style| [span(format!("{} ", lang.tr(label)), t.dim), span(value, style), span("  ", t.base)];
    let counted = probe.sent.saturating_sub(probe.before_service);
    let share = if counted > 0 { 100.0 * probe.lost as f64 / counted as f64 } else { 0.0 };
    let lost_style = if probe.lost > 0 { t.bad } else { t.strong };
    let mut row: Vec<Span<'_>> = Vec::new();
    row.extend(figure("sent", count(probe.sent), t.strong));
    row.extend(figure("received", count(probe.received), t.strong));
    row.extend(figure("LOST", format!("{} ({share:.1} %)", count(probe.lost)), lost_style));
    if probe.before_service > 0 && body.width >= ALL_FIGURES {
        row.extend(figure("before service", count(probe.before_service), t.dim));
    }
    if let Some([min, median, p95, max]) = probe.rtt_ms {
        if body.width >= ALL_FIGURES {
            let text = format!("{} / {} / {} / {} ms", ms(min), ms(median), ms(p95), ms(max));
            row.extend(figure("RTT min/median/p95/max", text, t.base));
        } else {
            row.extend(figure("RTT median/p95", format!("{} / {} ms", ms(median), ms(p95)), t.base));
        }
    }
    if let Some(top) = top(cells).filter(|_| body.width >= ALL_FIGURES) {
        row.extend(figure("highest cell", format!("{} ms", ms(top)), t.base));
    }
    if let Some((bars, least, most)) = histogram(model, cells).filter(|_| body.width >= WITH_HISTOGRAM) {
        row.extend(figure("RTT of these cells", format!("{} {bars} {} ms", ms(least), ms(most)), t.base));
    }
    // Three spans a figure: the last ones go where they would be cut.
    while row.iter().map(Span::width).sum::<usize>() > usize::from(body.width) + 2 && row.len() > FIGURE {
        row.truncate(row.len() - FIGURE);
    }
    let y = body.bottom().saturating_sub(1);
    line(body, y, buf, &Line::from(row));
}
