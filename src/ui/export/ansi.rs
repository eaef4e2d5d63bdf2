//! A screen as text with its colours, for `cat` in a terminal of 256 colours.

use std::fmt::Write;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use super::columns;

/// The screen, each row with its own colours and ended by a reset.
pub fn ansi(buffer: &Buffer) -> String {
    let area = buffer.area;
    let mut out = String::new();
    for y in area.top()..area.bottom() {
        let mut last = None;
        let mut x = area.left();
        while x < area.right() {
            let cell = &buffer[(x, y)];
            let look = (cell.fg, cell.bg, cell.modifier);
            if last != Some(look) {
                sequence(&mut out, look);
                last = Some(look);
            }
            out.push_str(cell.symbol());
            x += columns(cell.symbol());
        }
        out.push_str("\u{1b}[0m\n");
    }
    out
}

fn sequence(out: &mut String, (fg, bg, modifier): (Color, Color, Modifier)) {
    out.push_str("\u{1b}[0");
    for (flag, code) in [(Modifier::BOLD, 1), (Modifier::DIM, 2), (Modifier::UNDERLINED, 4), (Modifier::REVERSED, 7)] {
        if modifier.contains(flag) {
            let _ = write!(out, ";{code}");
        }
    }
    for (base, color) in [(38, fg), (48, bg)] {
        let _ = match color {
            Color::Indexed(n) => write!(out, ";{base};5;{n}"),
            Color::Rgb(r, g, b) => write!(out, ";{base};2;{r};{g};{b}"),
            // Themes leave the other names to the terminal.
            _ => Ok(()),
        };
    }
    out.push('m');
}
