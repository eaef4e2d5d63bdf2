//! The cut of a run in parts, in microseconds: who did what when.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{below, lines, rule, span};
use crate::metrics::trace::{PlacedPart, length_us, parts};
use crate::ui::shown::TimingView;
use crate::ui::text::{clip, count, one_line, pad, pad_left};

/// Columns of a host's name, of what it did, of a figure.
const HOST: usize = 10;
const PART: usize = 34;
const FIGURE: usize = 8;
/// Rows besides the parts: the rule, the heads.
pub const FRAME: u16 = 2;

/// Rows that the run's parts need; none where the method keeps none.
pub fn rows(view: &TimingView<'_>) -> u16 {
    match view.record().map_or(0, |record| record.trace.len()) {
        0 => 0,
        parts => FRAME.saturating_add(u16::try_from(parts).unwrap_or(u16::MAX)),
    }
}

/// Draws it.
pub fn draw(view: &TimingView<'_>, area: Rect, buf: &mut Buffer) {
    let (skin, lang) = (view.skin, view.skin.lang);
    let (t, g) = (&skin.theme, &skin.glyphs);
    let Some(record) = view.record().filter(|record| !record.trace.is_empty() && area.height > FRAME) else { return };
    let parts = parts(&record.trace);
    rule(area, buf, skin, lang.tr("THE CUT IN PARTS, us"), lang.tr("each host from its own first part, on its own clock"));
    let width = usize::from(area.width);
    let what = PART.min(width / 3);
    let room = width.saturating_sub(HOST + what + 2 * FIGURE + 2);
    let length = length_us(&parts).max(1) as f64;
    let mut rows = vec![Line::from(vec![
        span(" ".repeat(HOST + what), t.dim),
        span(pad_left(lang.tr("begins"), FIGURE), t.dim),
        span(pad_left(lang.tr("took"), FIGURE), t.measured),
    ])];
    rows.extend(parts.iter().map(|PlacedPart { host, part, start_us, us }| {
        let cells = |us: f64| us / length * room as f64;
        let start = (cells(*start_us as f64).round() as usize).min(room.saturating_sub(1));
        let eighths = ((cells(*start_us as f64 + *us as f64) - start as f64) * 8.0).round().max(1.0) as usize;
        let mut bar = g.lengths[7].repeat(eighths / 8);
        if !eighths.is_multiple_of(8) {
            bar.push_str(g.lengths[eighths % 8 - 1]);
        }
        Line::from(vec![
            span(pad(&clip(&one_line(host), HOST - 1, g.ellipsis), HOST), t.strong),
            span(pad(&clip(lang.offer(&one_line(part)), what - 1, g.ellipsis), what), t.base),
            span(pad_left(&count(*start_us), FIGURE), t.dim),
            span(pad_left(&count(*us), FIGURE), t.measured),
            span(format!("  {}", " ".repeat(start)), t.base),
            span(bar, t.measured),
        ])
    }));
    lines(below(area, 1), buf, rows);
}
