//! Columns of a table: a Chinese character is two of them wide.

use unicode_width::UnicodeWidthStr;

/// Fills up to `width` columns behind the text.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Fills up to `width` columns before the text.
pub fn pad_left(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(pad("\u{670d}\u{52a1}1", 8), "\u{670d}\u{52a1}1   ");
        assert_eq!(pad_left("\u{670d}", 4), "  \u{670d}");
        assert_eq!(pad("longer than that", 4), "longer than that");
    }
}
