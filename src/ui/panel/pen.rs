//! How the rows of a server's box are written: a label, and what stands behind it.

use ratatui::text::{Line, Span};

use super::span;
use crate::ui::lang::Lang;
use crate::ui::text::{clip, pad};
use crate::ui::theme::Theme;

/// From this inner width on, labels and words are written in full.
pub const WIDE: u16 = 36;
/// From this inner width on, counters are named in full.
pub const WIDER: u16 = 60;

/// How the rows of a server are written.
pub struct Pen<'t> {
    /// Colours.
    pub theme: &'t Theme,
    /// Language.
    pub lang: Lang,
    /// Columns.
    pub width: u16,
    /// Age of the figures, ms; zero while they are of the present.
    pub age_ms: u64,
    /// Marks a label that was cut.
    pub ellipsis: &'static str,
}

impl Pen<'_> {
    /// Whether labels and words are written in full.
    pub fn wide(&self) -> bool {
        self.width >= WIDE
    }

    /// Columns of a label with the gap behind it.
    pub fn label(&self) -> usize {
        if self.wide() { 8 } else { 6 }
    }

    /// Columns behind a label.
    pub fn room(&self) -> usize {
        usize::from(self.width).saturating_sub(self.label())
    }

    /// A label and what stands behind it.
    pub fn row<'a>(&self, label: &str, spans: Vec<Span<'a>>) -> Line<'a> {
        let columns = self.label();
        // A label may be the name of a port.
        let mut row = vec![span(pad(&clip(self.lang.offer(label), columns - 1, self.ellipsis), columns), self.theme.dim)];
        row.extend(spans);
        Line::from(row)
    }

    /// A label and the fields behind it that have room: the first one in any case, the others whole or not at all.
    pub fn fields<'a>(&self, label: &str, fields: impl IntoIterator<Item = Vec<Span<'a>>>) -> Line<'a> {
        let mut kept: Vec<Span<'a>> = Vec::new();
        let mut used = 0;
        for field in fields {
            let width: usize = field.iter().map(Span::width).sum();
            if !kept.is_empty() && used + width > self.room() {
                continue;
            }
            used += width;
            kept.extend(field);
        }
        self.row(label, kept)
    }
}
