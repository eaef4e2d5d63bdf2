//! One panel a file; the screens put them together. Panels only read.

pub mod comparison;
pub mod confirm;
pub mod control;
pub mod distribution;
pub mod felt;
pub mod footer;
pub mod guest;
pub mod header;
pub mod help;
pub mod history;
pub mod interruption;
pub mod load;
pub mod log;
pub mod pen;
pub mod phases;
pub mod pool;
pub mod pool_dialog;
pub mod pool_head;
pub mod pool_moves;
pub mod preflight;
pub mod probe;
pub mod radio;
pub mod ready;
pub mod receiver;
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
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget};
use unicode_width::UnicodeWidthStr;

#[cfg(test)]
use super::text::drawn;
use super::text::{ELLIPSIS, atoms, clip, cut};
use super::theme::Skin;

/// A piece of text in a style.
pub fn span<'a>(text: impl Into<String>, style: Style) -> Span<'a> {
    Span::styled(text.into(), style)
}

/// Draws lines from the top of an area; see [`line`].
pub fn lines<'a>(area: Rect, buf: &mut Buffer, rows: impl IntoIterator<Item = Line<'a>>) {
    for (y, row) in (area.top()..area.bottom()).zip(rows) {
        line(area, y, buf, &row);
    }
}

/// Draws one line at row `y` of an area. What has no room is marked; numbers and their units go whole.
pub fn line(area: Rect, y: u16, buf: &mut Buffer, row: &Line<'_>) {
    let area = area.intersection(buf.area);
    if y < area.top() || y >= area.bottom() {
        return;
    }
    let width = usize::from(area.width);
    // The usual case costs nothing.
    let short = if row.width() > width { shortened(row, width) } else { None };
    let row = short.as_ref().unwrap_or(row);
    #[cfg(test)]
    drawn::text(area.left(), y, area.width, || row.to_string());
    buf.set_line(area.left(), y, row, area.width);
}

/// A row that is too long, cut; `None` where only blanks at its end have no room.
fn shortened<'a>(row: &Line<'a>, width: usize) -> Option<Line<'a>> {
    let text: String = row.spans.iter().map(|span| span.content.as_ref()).collect();
    if text.trim_end().width() <= width {
        return None;
    }
    let mut left = cut(&text, width.saturating_sub(1));
    let mut spans = Vec::new();
    for piece in &row.spans {
        let part = piece.content.get(..left.min(piece.content.len())).unwrap_or_default();
        left -= part.len();
        spans.push(span(part, piece.style));
        if part.len() < piece.content.len() {
            spans.push(span(if width > 0 { ELLIPSIS } else { "" }, piece.style));
            break;
        }
    }
    let short = Line { spans, ..row.clone() };
    #[cfg(test)]
    drawn::clipped(&text, &short.to_string());
    Some(short)
}

/// The rule above a section: its title on the left, a note on the right where there is room.
pub fn rule(area: Rect, buf: &mut Buffer, skin: &Skin, title: &str, note: &str) {
    let (t, g) = (&skin.theme, &skin.glyphs);
    let width = usize::from(area.width);
    let title = clip(title, width.saturating_sub(6), g.ellipsis);
    let behind = width.saturating_sub(title.width() + 4);
    let left =
        Line::from(vec![span(g.rule.repeat(2), t.rule), span(format!(" {title} "), t.strong), span(g.rule.repeat(behind), t.rule)]);
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

/// A box with a title on the left of its upper edge and a note on the right, where there is room for both; returns what is inside.
pub fn framed(area: Rect, buf: &mut Buffer, border: (border::Set<'static>, Style), title: &Line<'_>, note: &Line<'_>) -> Rect {
    let block = Block::bordered().border_set(border.0).border_style(border.1);
    let inner = block.inner(area);
    block.render(area, buf);
    let edge = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    line(edge, area.y, buf, title);
    let x = edge.right().saturating_sub(note.width() as u16);
    if usize::from(edge.x) + title.width() <= usize::from(x) {
        line(Rect { x, width: edge.right() - x, ..edge }, area.y, buf, note);
    }
    inner
}

/// Makes a rule whose note is a warning stand out.
pub fn emphasise(area: Rect, buf: &mut Buffer, skin: &Skin) {
    buf.set_style(Rect { height: 1, ..area }.intersection(buf.area), skin.theme.warn);
}

/// Empties a place for a dialog. A wide character or a number that reaches over an edge goes whole: a half would hide the frame, leave a
/// hole, or read as another number.
pub fn clear(place: Rect, buf: &mut Buffer, style: Style) {
    let place = place.intersection(buf.area);
    for y in place.top()..place.bottom() {
        for (from, to) in reaching_over(place, y, buf) {
            #[cfg(test)]
            drawn::cleared(Rect { x: from, y, width: to - from, height: 1 });
            for x in from..to {
                if let Some(cell) = buf.cell_mut((x, y)) {
                    cell.set_symbol(" ").set_style(style);
                }
            }
        }
    }
    #[cfg(test)]
    drawn::cleared(place);
    Clear.render(place, buf);
    buf.set_style(place, style);
}

/// The columns of a row in which something stands that reaches over an edge of a place, each up to and without the second.
fn reaching_over(place: Rect, y: u16, buf: &Buffer) -> Vec<(u16, u16)> {
    let mut text = String::new();
    // The column of each byte; behind the last, the right edge.
    let mut columns = Vec::new();
    let mut x = buf.area.left();
    let mut found = Vec::new();
    let edges = [place.left(), place.right()];
    while x < buf.area.right() {
        let symbol = buf[(x, y)].symbol();
        let wide = symbol.width().max(1) as u16;
        if wide > 1 && edges.iter().any(|edge| x < *edge && *edge < x + wide) {
            found.push((x, x + wide));
        }
        columns.extend(std::iter::repeat_n(x, symbol.len()));
        text.push_str(symbol);
        x += wide;
    }
    columns.push(x);
    let reaches = |from: u16, to: u16| edges.iter().any(|edge| from < *edge && *edge < to);
    let numbers = atoms(&text).into_iter().map(|atom| (columns[atom.start], columns[atom.end]));
    found.extend(numbers.filter(|(from, to)| reaches(*from, *to)));
    found
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
