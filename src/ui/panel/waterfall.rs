//! The phases of a run on one time axis, and the bracket of the interruption under them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use unicode_width::UnicodeWidthStr;

use super::{below, line, lines, rule, span};
use crate::ui::shown::TimingView;
use crate::ui::text::{clip, first_that_fits, ms, pad, pad_left};
use crate::ui::theme::Skin;
use crate::ui::timeline::{Bar, Timeline, ticks};
use protocol::{Method, StepState};

/// Columns of the bracket of the interruption and the mark of a step.
const MARK: usize = 3;
/// Columns of the longest explanation.
const NAME: usize = 28;
/// Columns of a figure.
const FIGURE: usize = 8;
/// Columns between two marks of the axis, at least: the longest label and a gap.
const TICK: usize = 12;
/// Rows besides the phases: rule, axis, bracket, sums.
pub const FRAME: u16 = 4;

/// Draws it.
pub fn draw(view: &TimingView<'_>, area: Rect, buf: &mut Buffer) {
    let (skin, lang) = (view.skin, view.skin.lang);
    let axis = view.timeline();
    let (title, note) = match view.run {
        Some(s) => (
            lang.fill("PHASES of {0} {1}, measured", &[&s.progress.order, &s.progress.method]),
            ["laid end to end as completed; starts are not recorded", "laid end to end"],
        ),
        None => (lang.tr("PHASES of the paper's migration, published").into(), ["laid end to end", ""]),
    };
    let room = usize::from(area.width).saturating_sub(title.width() + 10);
    let note = first_that_fits(note.map(|note| if note.is_empty() { String::new() } else { lang.tr(note).to_owned() }), room);
    rule(area, buf, skin, &title, &note);
    let body = below(area, 1);
    let name = NAME.min(usize::from(area.width) / 3);
    let left = MARK + name + (2 + usize::from(view.plan.is_some())) * FIGURE + 2;
    let place = Rect { x: body.x + (left as u16).min(body.width), width: body.width.saturating_sub(left as u16), ..body };
    let ours = view.run.is_some();
    heads(view, body, name, buf);
    scale(skin, &axis, place, buf);
    let (bars, pitch) = fitting(&axis, body.height.saturating_sub(FRAME - 1));
    let mut y = body.y + 1;
    for bar in bars {
        row(view, &axis, bar, name, Rect { y, height: 1, ..body }, buf);
        let style = if !ours { skin.theme.paper } else { style(skin, bar) };
        for dy in 0..pitch.min(2) {
            mark(skin, bar, axis.length_ms, style, Rect { y: y + dy, height: 1, ..place }, buf);
        }
        y += pitch;
    }
    bracket(view, &axis, Rect { y, height: 1, ..place }, buf);
    lines(
        Rect { y: y + 1, height: body.bottom().saturating_sub(y + 1), ..body },
        buf,
        [sums(view, &axis, usize::from(body.width))],
    );
}

/// The bars that fit, and the rows of each: the phases before the cut go first, but never the one under way.
fn fitting(axis: &Timeline, rows: u16) -> (&[Bar], u16) {
    let count = axis.bars.len();
    let running = axis.bars.iter().position(|bar| bar.state == StepState::Running).unwrap_or(usize::MAX);
    let skip = count.saturating_sub(usize::from(rows)).min(running);
    let bars = &axis.bars[skip..count.min(skip + usize::from(rows))];
    (bars, if usize::from(rows) >= 2 * count { 2 } else { 1 })
}

fn heads(view: &TimingView<'_>, area: Rect, name: usize, buf: &mut Buffer) {
    let (t, lang) = (&view.skin.theme, view.skin.lang);
    let row = vec![
        span(format!("{:<1$}", "ms", MARK + name), t.dim),
        span(pad_left(lang.tr("ours"), FIGURE), t.measured),
        span(if view.plan.is_some() { pad_left(lang.tr("expect"), FIGURE) } else { String::new() }, t.base),
        span(pad_left(lang.tr("paper"), FIGURE), t.paper),
    ];
    line(area, area.y, buf, &Line::from(row));
}

/// The axis: a mark and its time, ms.
fn scale(skin: &Skin, axis: &Timeline, area: Rect, buf: &mut Buffer) {
    let t = &skin.theme;
    for tick in ticks(axis.length_ms, usize::from(area.width) / TICK) {
        let x = area.x + cell(tick, axis.length_ms, area.width);
        let unit = if tick == 0.0 { " ms" } else { "" };
        let label =
            Line::from(vec![span(skin.glyphs.thin.vertical_left, t.rule), span(format!("{}{unit}", axis_label(tick)), t.dim)]);
        line(Rect { x, width: area.right().saturating_sub(x), ..area }, area.y, buf, &label);
    }
}

fn axis_label(tick: f64) -> String {
    // Round values: no decimals that a step of 1, 2 or 5 does not need.
    if tick == 0.0 || (tick >= 1.0 && tick.fract() == 0.0) { crate::ui::text::count(tick as u64) } else { ms(tick) }
}

/// The column of a time.
fn cell(at: f64, length: f64, width: u16) -> u16 {
    if length <= 0.0 {
        return 0;
    }
    // Below u16's range by the clamp.
    ((at / length).clamp(0.0, 1.0) * f64::from(width)).round() as u16
}

fn style(skin: &Skin, bar: &Bar) -> Style {
    let t = &skin.theme;
    match bar.state {
        StepState::Running => t.warn,
        StepState::Failed => t.bad,
        StepState::Waiting | StepState::Unmeasured => t.dim,
        // Beside the bracket in front of its name.
        StepState::Done if bar.interrupts => t.bad,
        StepState::Done => t.measured,
    }
}

fn row(view: &TimingView<'_>, axis: &Timeline, bar: &Bar, name: usize, area: Rect, buf: &mut Buffer) {
    let ours = view.run.is_some();
    let (skin, t, g) = (view.skin, &view.skin.theme, &view.skin.glyphs);
    let mark = match bar.state {
        _ if !ours => " ",
        StepState::Waiting => g.step[0],
        StepState::Running => g.step[1],
        StepState::Done | StepState::Unmeasured => g.step[2],
        StepState::Failed => g.step[3],
    };
    let measured = ours && axis.is_measured(bar);
    let text = match (bar.state, ours) {
        (StepState::Waiting, true) => t.dim,
        (StepState::Running, true) => t.warn,
        (StepState::Failed, true) => t.bad,
        _ => t.base,
    };
    let figure = |v: Option<f64>| v.map_or_else(|| "-".into(), ms);
    let expected = view.plan.map(|plan| plan.phases.iter().find(|p| p.name == bar.name).and_then(|p| p.expected.ms));
    let expected = expected.map_or_else(String::new, |v| pad_left(&figure(v), FIGURE));
    let spans: Vec<Span<'_>> = vec![
        span(beside(skin, axis, bar), if ours { t.bad } else { t.paper }),
        span(pad(mark, MARK - 1), text),
        span(pad(&clip(skin.lang.tr(bar.name.explanation()), name, g.ellipsis), name), text),
        span(format!("{:>FIGURE$}", figure(measured.then_some(bar.ms))), if measured { t.measured } else { t.dim }),
        span(expected, t.base),
        span(format!("{:>FIGURE$}", figure(view.paper().phase_ms(bar.name))), t.paper),
    ];
    line(area, area.y, buf, &Line::from(spans));
}

/// The part of the bracket in front of a phase that interrupts the service.
fn beside<'a>(skin: &Skin, axis: &Timeline, bar: &Bar) -> &'a str {
    let g = &skin.glyphs;
    let of = |bar: Option<&Bar>| bar.map(|bar| bar.name);
    let first = of(axis.bars.iter().find(|bar| bar.interrupts));
    let last = of(axis.bars.iter().rfind(|bar| bar.interrupts));
    match Some(bar.name) {
        _ if !bar.interrupts => " ",
        name if first == last && name == first => g.bracket[3],
        name if name == first => g.bracket[0],
        name if name == last => g.bracket[2],
        _ => g.bracket[1],
    }
}

/// The bar of a phase: it begins at the nearest cell, and its end is right to an eighth of one.
fn mark(skin: &Skin, bar: &Bar, length: f64, style: Style, area: Rect, buf: &mut Buffer) {
    if bar.ms <= 0.0 || length <= 0.0 || area.width == 0 {
        return;
    }
    let g = &skin.glyphs;
    // The shortest phase is still seen, also at the right edge.
    let start = cell(bar.start_ms, length, area.width).min(area.width - 1);
    let end = ((bar.start_ms + bar.ms) / length).clamp(0.0, 1.0) * f64::from(area.width);
    let eighths = (((end - f64::from(start)) * 8.0).round() as usize).max(1);
    let mut text = g.lengths[7].repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        text.push_str(g.lengths[eighths % 8 - 1]);
    }
    let x = area.x + start;
    line(Rect { x, width: area.right().saturating_sub(x), ..area }, area.y, buf, &Line::from(span(text, style)));
}

/// Under the bars, from the first interrupting phase to the end of the last.
fn bracket(view: &TimingView<'_>, axis: &Timeline, area: Rect, buf: &mut Buffer) {
    let (t, g, lang) = (&view.skin.theme, &view.skin.glyphs, view.skin.lang);
    let Some((start, end)) = axis.interruption().filter(|(start, end)| end > start) else { return };
    let (from, to) = (cell(start, axis.length_ms, area.width), cell(end, axis.length_ms, area.width));
    let style = if view.run.is_some() { t.bad } else { t.paper };
    let felt = view.record().map(|record| &record.interruption);
    let label = match (felt.and_then(|felt| felt.gap_ms), is_failover(view)) {
        (Some(gap), true) => lang.fill(" nobody serves, {0} ms from the last reply ", &[&ms(gap)]),
        (None, true) => lang.tr(" nobody serves ").into(),
        // The record's own sum, where there is one.
        (_, false) => {
            let sum = felt.and_then(|felt| felt.by_phases_ms).or_else(|| axis.interruption_ms());
            lang.fill(" nobody serves, {0} ms ", &[&ms(sum.unwrap_or(end - start))])
        }
    };
    // Rather a short label than half of one.
    let short = format!(" {} ms ", ms(end - start));
    let span_of = usize::from(to.saturating_sub(from));
    let fits = |label: &String| label.width() + 2 <= span_of || label.width() + span_of.max(2) <= usize::from(area.width);
    let label = Some(label).filter(fits).unwrap_or(short);
    let inner = usize::from(to.saturating_sub(from)).saturating_sub(2);
    let dash = g.thin.horizontal_bottom;
    let (text, from) = if inner >= label.width() {
        let before = (inner - label.width()) / 2;
        let after = inner - label.width() - before;
        (format!("{}{}{label}{}{}", g.thin.bottom_left, dash.repeat(before), dash.repeat(after), g.thin.bottom_right), from)
    } else {
        // Too narrow to write in: the label stands beside it, on the side that has room.
        let marks = format!("{}{}{}", g.thin.bottom_left, dash.repeat(inner), g.thin.bottom_right);
        let width = marks.chars().count() as u16;
        let room = area.width.saturating_sub(from + width);
        if usize::from(room) >= label.width() {
            (format!("{marks}{label}"), from)
        } else {
            let from = from.min(area.width.saturating_sub(width));
            (format!("{label}{marks}"), from.saturating_sub(label.width() as u16))
        }
    };
    let x = area.x + from;
    line(Rect { x, width: area.right().saturating_sub(x), ..area }, area.y, buf, &Line::from(span(text, style)));
}

fn is_failover(view: &TimingView<'_>) -> bool {
    view.run.is_some_and(|run| run.progress.method == Method::Failover)
}

fn sums<'a>(view: &TimingView<'_>, axis: &Timeline, width: usize) -> Line<'a> {
    let (t, paper, lang) = (&view.skin.theme, view.paper(), view.skin.lang);
    let word = match view.run {
        None => "total, paper ",
        Some(s) if s.record().is_some() => "total, measured ",
        Some(_) => "so far ",
    };
    let mut row = Line::from(vec![span(lang.tr(word), t.dim), span(format!("{} ms", ms(axis.elapsed_ms)), t.strong)]);
    let published = vec![span(format!("  {} {} ms", lang.tr(paper.name), ms(paper.total_ms)), t.paper)];
    let between = vec![span(lang.tr(", between phases "), t.dim), span(format!("{} ms", ms(axis.between_ms())), t.base)];
    let wanted = [Some(between).filter(|_| view.record().is_some()), Some(published).filter(|_| view.run.is_some())];
    // What has no room goes as a whole.
    for part in wanted.into_iter().flatten() {
        if row.width() + part.iter().map(Span::width).sum::<usize>() <= width {
            row.spans.extend(part);
        }
    }
    row
}
