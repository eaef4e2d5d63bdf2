//! A screen as SVG.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::{columns, png::is_wide, shapes};
use crate::metrics::figure::canvas::escape;
use crate::ui::theme::xterm_rgb;

/// Size of a cell, in whole units so that neighbouring shapes meet without a seam.
const CELL: (f64, f64) = (9.0, 19.0);
/// Font size at which DejaVu Sans Mono's advance (0.602 em) is the cell's width; other monospaced fonts are within a percent.
const EM: f64 = 14.95;
/// Height of the baseline above the cell's bottom.
const DESCENT: f64 = 5.0;
/// Empty border around the screen.
const MARGIN: f64 = 10.0;
/// Ground and text where a theme leaves them to the terminal.
const GROUND: &str = "#121212";
const TEXT: &str = "#d0d0d0";

/// Colours and weight of a cell as they are drawn.
#[derive(Clone, PartialEq)]
struct Look {
    fg: String,
    bg: String,
    bold: bool,
    underlined: bool,
}

/// The whole screen as one SVG document; `description` says what it shows.
pub fn svg(buffer: &Buffer, description: &str) -> String {
    let area = buffer.area;
    let (w, h) = (f64::from(area.width) * CELL.0 + 2.0 * MARGIN, f64::from(area.height) * CELL.1 + 2.0 * MARGIN);
    let ground = commonest_ground(buffer);
    let mut out = String::new();
    let _ = writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0}" height="{h:.0}" viewBox="0 0 {w:.2} {h:.2}" font-family="'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="{EM}" shape-rendering="crispEdges" xml:space="preserve">"#
    );
    let _ = writeln!(out, "<desc>{}</desc>", escape(description));
    let _ = writeln!(out, r#"<rect width="100%" height="100%" rx="6" fill="{ground}"/>"#);
    for y in area.top()..area.bottom() {
        grounds(&mut out, buffer, y, &ground);
        row(&mut out, buffer, y);
    }
    out.push_str("</svg>\n");
    out
}

/// The background of most cells.
fn commonest_ground(buffer: &Buffer) -> String {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for cell in &buffer.content {
        *counts.entry(look(cell).bg).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, n)| *n).map_or_else(|| GROUND.to_owned(), |(bg, _)| bg)
}

fn corner(buffer: &Buffer, x: u16, y: u16) -> (f64, f64) {
    (MARGIN + f64::from(x - buffer.area.left()) * CELL.0, MARGIN + f64::from(y - buffer.area.top()) * CELL.1)
}

/// Backgrounds that differ from the ground, one rectangle a run.
fn grounds(out: &mut String, buffer: &Buffer, y: u16, ground: &str) {
    let mut x = buffer.area.left();
    while x < buffer.area.right() {
        let bg = look(&buffer[(x, y)]).bg;
        let start = x;
        // The cell behind a wide character is its own, whatever style it has.
        while x < buffer.area.right() && look(&buffer[(x, y)]).bg == bg {
            x += columns(buffer[(x, y)].symbol());
        }
        x = x.min(buffer.area.right());
        if bg != ground {
            let (left, top) = corner(buffer, start, y);
            let width = f64::from(x - start) * CELL.0;
            let _ = writeln!(out, r#"<rect x="{left:.2}" y="{top:.2}" width="{width:.2}" height="{:.2}" fill="{bg}"/>"#, CELL.1);
        }
    }
}

/// Words of one look as text, each placed at its own cell, so that errors of a font's advance do not add up; the rest as shapes.
fn row(out: &mut String, buffer: &Buffer, y: u16) {
    let mut x = buffer.area.left();
    while x < buffer.area.right() {
        let cell = &buffer[(x, y)];
        let here = look(cell);
        if cell.symbol().trim().is_empty() && !here.underlined {
            x += 1;
            continue;
        }
        if shape(out, buffer, x, y, &here) {
            x += 1;
            continue;
        }
        let start = x;
        let mut word = String::new();
        while x < buffer.area.right() {
            let cell = &buffer[(x, y)];
            let blank = cell.symbol().trim().is_empty() && !here.underlined;
            if blank || look(cell) != here || single(cell).is_some_and(is_shape) {
                break;
            }
            word.push_str(cell.symbol());
            x += columns(cell.symbol());
        }
        let (_, top) = corner(buffer, start, y);
        let left = positions(buffer, start, y, &word);
        let weight = if here.bold { r#" font-weight="bold""# } else { "" };
        let line = if here.underlined { r#" text-decoration="underline""# } else { "" };
        let _ = writeln!(
            out,
            r#"<text x="{left}" y="{:.2}" fill="{}"{weight}{line}>{}</text>"#,
            top + CELL.1 - DESCENT,
            here.fg,
            escape(&word)
        );
    }
}

/// Where the characters of a word stand: the first, or where wide ones are among them each by itself, because no two fonts agree on how
/// wide those are.
fn positions(buffer: &Buffer, start: u16, y: u16, word: &str) -> String {
    let at = |x: u16| format!("{:.2}", corner(buffer, x, y).0);
    if !word.chars().any(is_wide) {
        return at(start);
    }
    let mut x = start;
    let all = word.chars().map(|c| {
        let here = at(x);
        x = x.saturating_add(unicode_width::UnicodeWidthChar::width(c).unwrap_or(0) as u16);
        here
    });
    all.collect::<Vec<_>>().join(" ")
}

fn shape(out: &mut String, buffer: &Buffer, x: u16, y: u16, here: &Look) -> bool {
    single(&buffer[(x, y)]).is_some_and(|c| shapes::draw(out, c, corner(buffer, x, y), CELL, &here.fg))
}

fn is_shape(c: char) -> bool {
    shapes::draw(&mut String::new(), c, (0.0, 0.0), CELL, "")
}

/// The character of a cell that holds exactly one.
fn single(cell: &Cell) -> Option<char> {
    let mut chars = cell.symbol().chars();
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

fn look(cell: &Cell) -> Look {
    let (mut fg, mut bg) = (colour(cell.fg, TEXT), colour(cell.bg, GROUND));
    if cell.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut fg, &mut bg);
    }
    let has = |m| cell.modifier.contains(m);
    Look { fg, bg, bold: has(Modifier::BOLD), underlined: has(Modifier::UNDERLINED) }
}

fn colour(color: Color, default: &str) -> String {
    match color {
        Color::Indexed(n) if n >= 16 => {
            let (r, g, b) = xterm_rgb(n);
            format!("#{r:02x}{g:02x}{b:02x}")
        }
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        _ => default.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn words_are_text_lines_are_shapes() {
        let mut buffer = Buffer::empty(ratatui::layout::Rect::new(0, 0, 12, 1));
        buffer.set_string(0, 0, "\u{2501}\u{25b6} a<b \u{258c}", Style::new().fg(Color::Indexed(196)));
        let picture = svg(&buffer, "one & two");
        assert!(picture.contains("a&lt;b"));
        assert!(picture.contains("one &amp; two"));
        for drawn in ['\u{2501}', '\u{25b6}', '\u{258c}'] {
            assert!(!picture.contains(drawn), "{drawn} was left to a font");
        }
        assert!(picture.contains("#ff0000"));
        assert_eq!(picture, svg(&buffer, "one & two"));
    }

    /// A column is a column, whatever the font takes for a Chinese character.
    #[test]
    fn wide_characters_stand_in_their_own_columns() {
        let mut buffer = Buffer::empty(ratatui::layout::Rect::new(0, 0, 12, 1));
        buffer.set_string(0, 0, "a\u{8fc1}\u{79fb}b", Style::new());
        let picture = svg(&buffer, "");
        let at = |column: f64| format!("{:.2}", MARGIN + column * CELL.0);
        let wanted = format!("x=\"{} {} {} {}\"", at(0.0), at(1.0), at(3.0), at(5.0));
        assert!(picture.contains(&wanted), "{wanted} is not in {picture}");
    }

    /// On any ground: what stands behind them is one piece.
    #[test]
    fn wide_characters_leave_no_holes_in_their_ground() {
        let mut buffer = Buffer::empty(ratatui::layout::Rect::new(0, 0, 6, 1));
        let white = Style::new().bg(Color::Indexed(231));
        buffer.set_style(buffer.area, white);
        buffer.set_string(0, 0, "a\u{8fc1}\u{79fb}b", white);
        let mut grounds_of = String::new();
        grounds(&mut grounds_of, &buffer, 0, &colour(Color::Indexed(231), GROUND));
        assert_eq!(grounds_of, "");
    }

    #[test]
    fn every_glyph_beyond_ascii_is_a_shape_but_the_letters() {
        use crate::ui::theme::Glyphs;
        let text = ['\u{b7}', '\u{2026}', '\u{2260}'];
        let all = format!("{:?}", Glyphs::FULL);
        for c in all.chars().filter(|c| !c.is_ascii() && !text.contains(c)) {
            assert!(is_shape(c), "U+{:04X} is left to a font", c as u32);
        }
    }
}
