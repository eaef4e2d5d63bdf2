//! One panel a file; the screens put them together. Panels only read.

pub mod comparison;
pub mod confirm;
pub mod control;
pub mod distribution;
pub mod felt;
pub mod footer;
pub mod header;
pub mod help;
pub mod history;
pub mod interruption;
pub mod load;
pub mod log;
pub mod pen;
pub mod phases;
pub mod preflight;
pub mod probe;
pub mod radio;
pub mod ready;
pub mod routes;
pub mod run;
pub mod server;
pub mod story;
pub mod trace;
pub mod track;
pub mod waterfall;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};
use unicode_width::UnicodeWidthStr;

use super::text::clip;
use super::theme::Skin;

/// A piece of text in a style.
pub fn span<'a>(text: impl Into<String>, style: Style) -> Span<'a> {
    Span::styled(text.into(), style)
}

/// Draws lines from the top of an area, each cut at its width.
pub fn lines<'a>(area: Rect, buf: &mut Buffer, rows: impl IntoIterator<Item = Line<'a>>) {
    for (y, row) in (area.top()..area.bottom()).zip(rows) {
        line(area, y, buf, &row);
    }
}

/// Draws one line at row `y` of an area, cut at its width.
pub fn line(area: Rect, y: u16, buf: &mut Buffer, row: &Line<'_>) {
    let area = area.intersection(buf.area);
    if y >= area.top() && y < area.bottom() {
        buf.set_line(area.left(), y, row, area.width);
    }
}

/// The rule above a section: its title on the left, a note on the right where there is room.
pub fn rule(area: Rect, buf: &mut Buffer, skin: &Skin, title: &str, note: &str) {
    let (t, g) = (&skin.theme, &skin.glyphs);
    let width = usize::from(area.width);
    let title = clip(title, width.saturating_sub(6), g.ellipsis);
    let left =
        Line::from(vec![span(g.rule.repeat(2), t.rule), span(format!(" {title} "), t.strong), span(g.rule.repeat(width), t.rule)]);
    line(area, area.y, buf, &left);
    // Two columns of rule on either side of the note, its spaces, and the title before it.
    let room = width.saturating_sub(title.width() + 10);
    if !note.is_empty() && room > 8 {
        let note = format!(" {} ", clip(note, room, g.ellipsis));
        let row = Line::from(span(note, t.dim));
        let x = area.right().saturating_sub(row.width() as u16 + 2);
        line(Rect { x, width: area.right() - x, ..area }, area.y, buf, &row);
    }
}

/// Makes a rule whose note is a warning stand out.
pub fn emphasise(area: Rect, buf: &mut Buffer, skin: &Skin) {
    buf.set_style(Rect { height: 1, ..area }.intersection(buf.area), skin.theme.warn);
}

/// Empties a place for a dialog. A wide character that reaches over an edge goes whole: a half would hide the frame, or leave a hole.
pub fn clear(place: Rect, buf: &mut Buffer, style: Style) {
    let place = place.intersection(buf.area);
    for y in place.top()..place.bottom() {
        let reaches = |x: Option<u16>| x.filter(|x| buf.cell((*x, y)).is_some_and(|cell| cell.symbol().width() > 1));
        let before = reaches(place.left().checked_sub(1));
        let behind = reaches(place.right().checked_sub(1)).map(|_| place.right());
        for x in before.into_iter().chain(behind) {
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.set_symbol(" ").set_style(style);
            }
        }
    }
    Clear.render(place, buf);
    buf.set_style(place, style);
}

/// A line in the middle of a width.
pub fn centred<'a>(mut row: Line<'a>, width: u16) -> Line<'a> {
    let pad = usize::from(width).saturating_sub(row.width()) / 2;
    row.spans.insert(0, Span::raw(" ".repeat(pad)));
    row
}

/// What is left of an area below its first `rows` rows.
pub fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}
