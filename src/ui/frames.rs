//! Frames as bytes for a terminal of any speed: a row is the unit, and a row that waits is replaced by its newest content.
//!
//! A frame is compared with what the terminal shows, and each row that differs becomes one piece. On a slow line the next frame throws away
//! the pieces that were not begun, so that the operator never watches a backlog of old frames.

use std::collections::VecDeque;
use std::io;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::queue;
use crossterm::style::{Attribute, Colors, Print, ResetColor, SetAttribute, SetColors};
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use ratatui::backend::{Backend, CrosstermBackend, IntoCrossterm};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use super::capability::ColourDepth;
pub use basic::basic_colours;

mod basic;

/// Sequences outside of frames that wait; the oldest of more are dropped.
const ASIDES: usize = 4;

/// Bytes to be written in one go, and the row that the terminal shows after them.
struct Piece {
    row: Option<u16>,
    bytes: Vec<u8>,
}

/// What the terminal shows, and what is on its way there.
#[derive(Default)]
pub struct Frames {
    /// The rows that were sent, or begun.
    shown: Buffer,
    /// The newest frame.
    newest: Buffer,
    waiting: VecDeque<Piece>,
    /// What is to be sent between two pieces and belongs to no frame.
    asides: VecDeque<Vec<u8>>,
    /// The colours of the terminal.
    depth: ColourDepth,
    /// The piece that is being written, and how much of it was.
    current: (Vec<u8>, usize),
    /// Where the next frame begins, so that the lower rows of a slow terminal have their turn too.
    next_row: u16,
}

impl Frames {
    /// Frames for a terminal of so many colours.
    pub fn new(depth: ColourDepth) -> Self {
        Self { depth, ..Self::default() }
    }

    /// Nothing is known of what the terminal shows: the next frame clears it.
    pub fn forget(&mut self) {
        *self = Self { newest: std::mem::take(&mut self.newest), ..Self::new(self.depth) };
    }

    /// The terminal is given other colours; what it shows is drawn anew.
    pub fn set_depth(&mut self, depth: ColourDepth) {
        self.depth = depth;
        self.shown = Buffer::default();
    }

    /// Sends bytes that belong to no frame, behind the piece that is being written.
    pub fn tell(&mut self, bytes: Vec<u8>) {
        if self.asides.len() >= ASIDES {
            self.asides.pop_front();
        }
        self.asides.extend((!bytes.is_empty()).then_some(bytes));
    }

    /// Whether bytes wait to be written.
    pub fn busy(&self) -> bool {
        self.current.1 < self.current.0.len() || !self.waiting.is_empty() || !self.asides.is_empty()
    }

    /// The newest frame.
    pub fn newest(&self) -> &Buffer {
        &self.newest
    }

    /// Replaces the frame; rows of the previous one that were not begun are dropped.
    ///
    /// # Errors
    /// None but those of writing into memory.
    pub fn replace(&mut self, frame: Buffer, cursor: Option<Position>) -> io::Result<()> {
        self.waiting.clear();
        self.newest = frame;
        let mut bytes = Vec::new();
        queue!(bytes, BeginSynchronizedUpdate, Hide)?;
        if self.shown.area != self.newest.area {
            self.shown = Buffer::empty(self.newest.area);
            queue!(bytes, ResetColor, Clear(ClearType::All))?;
        }
        self.waiting.push_back(Piece { row: None, bytes });
        self.rows()?;
        let mut bytes = Vec::new();
        if let Some(at) = cursor {
            queue!(bytes, MoveTo(at.x, at.y), Show)?;
        }
        queue!(bytes, EndSynchronizedUpdate)?;
        self.waiting.push_back(Piece { row: None, bytes });
        Ok(())
    }

    /// A piece for every row that differs.
    fn rows(&mut self) -> io::Result<()> {
        let changes = self.shown.diff(&self.newest);
        let mut pieces = Vec::new();
        for row in changes.chunk_by(|a, b| a.1 == b.1) {
            let mut bytes = Vec::new();
            CrosstermBackend::new(&mut bytes).draw(row.iter().copied())?;
            let bytes = if self.depth.is_basic() { basic_colours(&bytes) } else { bytes };
            pieces.push(Piece { row: row.first().map(|(_, y, _)| *y), bytes });
        }
        let first = pieces.iter().position(|piece| piece.row >= Some(self.next_row)).unwrap_or(0);
        pieces.rotate_left(first);
        self.waiting.extend(pieces);
        Ok(())
    }

    /// What is to be written next; empty when there is nothing.
    pub fn next(&mut self) -> &[u8] {
        let free = self.current.1 >= self.current.0.len();
        if let Some(bytes) = self.asides.pop_front_if(|_| free) {
            self.current = (bytes, 0);
        } else if free && let Some(piece) = self.waiting.pop_front() {
            if let Some(y) = piece.row {
                copy_row(&self.newest, &mut self.shown, y);
                self.next_row = y + 1;
            }
            self.current = (piece.bytes, 0);
        }
        self.current.0.get(self.current.1..).unwrap_or_default()
    }

    /// So many bytes of [`next`](Self::next) were written.
    pub fn written(&mut self, n: usize) {
        self.current.1 += n;
    }

    /// Drops what waits and returns what must still be written so that no sequence is left half sent.
    pub fn stop(&mut self) -> Vec<u8> {
        self.waiting.clear();
        self.asides.clear();
        let (bytes, sent) = std::mem::take(&mut self.current);
        let rest = bytes.get(sent..).unwrap_or_default();
        if sent == 0 {
            return Vec::new();
        }
        let end = rest.iter().position(|byte| *byte == 0x1b).unwrap_or(rest.len());
        rest[..end].to_vec()
    }
}

fn copy_row(from: &Buffer, to: &mut Buffer, y: u16) {
    let area = from.area.intersection(to.area).intersection(Rect { y, height: 1, ..from.area });
    for at in area.positions() {
        to[at] = from[at].clone();
    }
}

/// The first rows of a screen as lines for a terminal's normal screen: with its colours, without the blanks and the empty rows at the end.
///
/// # Errors
/// None but those of writing into memory.
pub fn as_lines(buffer: &Buffer, rows: u16) -> io::Result<Vec<u8>> {
    let area = Rect { height: rows.min(buffer.area.height), ..buffer.area };
    let mut out = Vec::new();
    for y in area.top()..area.bottom() {
        let filled = |cell: &Cell| !cell.symbol().trim().is_empty() || cell.modifier.contains(Modifier::REVERSED);
        let end = (area.left()..area.right()).rev().find(|x| filled(&buffer[(*x, y)])).map_or(area.left(), |x| x + 1);
        let mut x = area.left();
        let mut style = None;
        while x < end {
            let cell = &buffer[(x, y)];
            if style != Some(cell.style()) {
                style = Some(cell.style());
                set_style(&mut out, cell)?;
            }
            queue!(out, Print(cell.symbol()))?;
            x = x.saturating_add(cell.symbol().width().max(1) as u16);
        }
        queue!(out, SetAttribute(Attribute::Reset), Print("\r\n"))?;
    }
    Ok(out)
}

fn set_style(out: &mut Vec<u8>, cell: &Cell) -> io::Result<()> {
    queue!(out, SetAttribute(Attribute::Reset))?;
    let attributes = [
        (Modifier::BOLD, Attribute::Bold),
        (Modifier::UNDERLINED, Attribute::Underlined),
        (Modifier::REVERSED, Attribute::Reverse),
    ];
    for (_, attribute) in attributes.into_iter().filter(|(modifier, _)| cell.modifier.contains(*modifier)) {
        queue!(out, SetAttribute(attribute))?;
    }
    let colours = Colors::new(cell.fg.into_crossterm(), cell.bg.into_crossterm());
    if cell.fg != Color::Reset || cell.bg != Color::Reset {
        queue!(out, SetColors(colours))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
