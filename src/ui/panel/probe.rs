//! The far end's pings: the last minute, newest on the right, in cells of equal time; counters and round trips.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::{below, emphasise, line, rule, span};
use crate::ui::model::Model;
use crate::ui::ping_history::Strip;
use crate::ui::pings::{self, LostPings};
use crate::ui::text::{count, duration, ms, one_line, pad_left, trim};
use protocol::ProbeStatus;

/// Spans of a figure: its label, itself, a gap.
const FIGURE: usize = 3;
/// From this width on, all figures are shown.
const ALL_FIGURES: u16 = 110;
/// From this width on, their distribution as well, in so many steps.
const WITH_HISTOGRAM: u16 = 160;
const BUCKETS: usize = 16;
/// Pings of which the distribution is shown.
const LATEST: usize = 200;
/// The upper end of the scale is at least so many times the lower one: jitter below it says nothing.
const FLAT: f64 = 1.2;

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
    let place = Rect { height: strip_rows.min(body.height), ..body };
    let scale = Scale::of(&model.pings.strip(usize::from(area.width)));
    let labels = scale.labels();
    let gutter =
        labels.iter().map(|label| label.width() + 1).max().filter(|gutter| *gutter < usize::from(area.width) / 4).unwrap_or(0);
    let cells = Rect { x: place.x + gutter as u16, width: place.width - gutter as u16, ..place };
    let pings = model.pings.strip(usize::from(cells.width));
    if gutter > 0 {
        axis(model, &labels, gutter, place, buf);
    }
    strip(model, &pings, &scale, model.is_heard(far), cells, buf);
    if with_losses {
        below_strip(model, &pings, Rect { y: body.y + strip_rows, height: 1, ..cells }, buf);
    }
    figures(model, probe, body, buf);
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

/// The round trips at the lower and at the upper end of the strip, ms: the shortest one, and the longest.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    fn of(strip: &Strip) -> Self {
        let trips = strip.cells.iter().filter_map(|cell| cell.rtt_ms).filter(|trips| trips.iter().all(|rtt| rtt.is_finite()));
        let [least, most] =
            trips.reduce(|[least, most], [shortest, longest]| [least.min(shortest), most.max(longest)]).unwrap_or([f64::NAN; 2]);
        // Round trips that are nearly equal are drawn so.
        Self { least, most: most.max(least * FLAT) }
    }

    /// The upper end and the lower one; none where nothing was answered.
    fn labels(&self) -> Vec<String> {
        let label = |rtt: f64| format!("{} ms", ms(rtt));
        if self.least.is_finite() { vec![label(self.most), label(self.least)] } else { Vec::new() }
    }

    /// Of so many eighths, those that a round trip fills; at least one.
    fn eighths(&self, rtt: f64, all: usize) -> usize {
        let share = (rtt - self.least) / (self.most - self.least);
        // Finite and at most `all` by the clamp.
        if share.is_finite() { ((share.clamp(0.0, 1.0) * all as f64).round() as usize).max(1) } else { 1 }
    }
}

/// The ends of the scale, left of the strip; of one row, the upper end.
fn axis(model: &Model, labels: &[String], gutter: usize, area: Rect, buf: &mut Buffer) {
    let rows = [area.y, area.bottom().saturating_sub(1)];
    for (label, y) in labels.iter().zip(rows).take(usize::from(area.height)) {
        let place = Rect { width: gutter as u16, ..area };
        line(place, y, buf, &Line::from(span(pad_left(label, gutter - 1), model.skin.theme.dim)));
    }
}

/// One column a cell, the newest on the right: its height is the longest round trip, a mark on top says that some were lost. A column
/// of its own stands where the work was cut. Writes cells, not texts: a frame costs no memory.
fn strip(model: &Model, pings: &Strip, scale: &Scale, current: bool, area: Rect, buf: &mut Buffer) {
    let (t, g) = (&model.skin.theme, &model.skin.glyphs);
    let area = area.intersection(buf.area);
    let rows = usize::from(area.height);
    let style = |style| if current { style } else { t.dim };
    for (i, cell) in pings.cells.iter().enumerate() {
        let x = column(pings, i, area);
        let all_lost = cell.lost > 0 && cell.rtt_ms.is_none();
        for row in 0..rows {
            let floor = (rows - 1 - row) * 8;
            let (symbol, style) = match cell.rtt_ms {
                _ if all_lost || (cell.lost > 0 && row == 0) => (g.lost, style(t.bad_tag)),
                Some([_, rtt]) => match scale.eighths(rtt, rows * 8).saturating_sub(floor) {
                    0 => (" ", t.base),
                    n => (g.heights[n.min(8) - 1], style(t.good)),
                },
                None if cell.sent && row + 1 == rows => (g.waiting, t.dim),
                None => (" ", t.base),
            };
            if let Some(place) = buf.cell_mut((x, area.y + row as u16)).filter(|_| x < area.right()) {
                place.set_symbol(symbol).set_style(style);
            }
        }
    }
    let Some(x) = pings.cut.map(|at| column(pings, at, area).saturating_sub(1)) else { return };
    for y in area.top()..area.bottom() {
        if let Some(place) = buf.cell_mut((x, y)) {
            place.set_symbol(g.bracket[1]).set_style(t.warn);
        }
    }
}

/// The column of a cell.
fn column(pings: &Strip, cell: usize, area: Rect) -> u16 {
    let behind_cut = usize::from(pings.cut.is_some_and(|cut| cell >= cut));
    let used = pings.cells.len() + usize::from(pings.cut.is_some());
    area.left() + (usize::from(area.width).saturating_sub(used) + cell + behind_cut) as u16
}

/// Under the strip: how far back it goes, where the work was cut, and how many of each run of lost pings were lost.
fn below_strip(model: &Model, pings: &Strip, area: Rect, buf: &mut Buffer) {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let mut draw = |x: u16, text: String, style| {
        let fits = x >= area.left() && usize::from(x) + text.width() <= usize::from(area.right());
        if fits {
            line(Rect { x, width: area.right() - x, ..area }, area.y, buf, &Line::from(span(text, style)));
        }
    };
    // Left of it the oldest pings, where the strip is full.
    let age = lang.fill("{0} ago", &[&duration((pings.cell_ms * pings.cells.len() as f64) as u64 / 1000 * 1000)]);
    let mut free = area.left();
    if pings.cells.first().is_some_and(|cell| cell.sent) {
        free += age.width() as u16 + 1;
        draw(area.left(), age, t.dim);
    }
    let mut low = free;
    let mut mark = pings.cut.map_or(0, |cut| column(pings, cut, area));
    let mut i = 0;
    while i < pings.cells.len() {
        let run = pings.cells[i..].iter().take_while(|cell| cell.lost > 0).count();
        if run == 0 {
            i += 1;
            continue;
        }
        let lost: u64 = pings.cells[i..i + run].iter().map(|cell| u64::from(cell.lost)).sum();
        let text = lang.fill("{0} lost", &[&count(lost)]);
        let width = text.width() as u16;
        // In the middle of the run, or where there is room beside what stands there; never over the edge.
        let middle = column(pings, i, area) + (run as u16).saturating_sub(width) / 2;
        let start = middle.max(free).min(area.right().saturating_sub(width));
        let near = start <= column(pings, i + run - 1, area) + 1;
        if start >= free && near {
            // The count stands before the word of the mark, which steps aside.
            if start <= mark && mark < start + width + 4 {
                (mark, low) = (start.saturating_sub(1), free);
            }
            free = start + width + 1;
            draw(start, text, t.bad);
        }
        i += run;
    }
    let text = lang.tr("cut");
    let start = mark.saturating_sub(text.width() as u16);
    if pings.cut.is_some() && start >= low {
        draw(start, text.to_owned(), t.warn);
    }
}

/// How often which round trip was seen, from the shortest to the longest.
fn histogram(model: &Model) -> Option<(String, f64, f64)> {
    let latest = model.probes.values().rev().take(LATEST);
    let trips: Vec<f64> = latest.filter_map(|probe| probe.rtt_ms).filter(|rtt| rtt.is_finite()).collect();
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

fn figures(model: &Model, probe: &ProbeStatus, body: Rect, buf: &mut Buffer) {
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
    if let Some((bars, least, most)) = histogram(model).filter(|_| body.width >= WITH_HISTOGRAM) {
        row.extend(figure("latest RTT", format!("{} {bars} {} ms", ms(least), ms(most)), t.base));
    }
    if !model.config.roles.far_end.as_deref().is_some_and(|far| model.is_heard(far)) {
        // The rule says how old they are.
        row.iter_mut().for_each(|span| span.style = t.dim);
    }
    // Three spans a figure: the last ones go where they would be cut.
    while row.iter().map(Span::width).sum::<usize>() > usize::from(body.width) + 2 && row.len() > FIGURE {
        row.truncate(row.len() - FIGURE);
    }
    let y = body.bottom().saturating_sub(1);
    line(body, y, buf, &Line::from(row));
}
