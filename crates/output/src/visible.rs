//! Control characters made visible.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a terminal, a browser or a spreadsheet may act on a character instead of showing it: the control characters C0, DEL and C1, line
/// and paragraph separators, and what reorders the text beside it (Unicode Standard Annex 9).
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escape(out: &mut String, c: char) {
    let _ = match c {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        c if c.is_ascii() => write!(out, "\\x{:02x}", u32::from(c)),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    };
}

fn escaped(text: &str, leave: impl Fn(char) -> bool) -> Cow<'_, str> {
    let acts = |c: char| acts(c) && !leave(c);
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) { escape(&mut out, c) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Text of several lines, in which nothing but the end of a line acts: `\x1b[2J` for a clear-screen sequence.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n')
}

/// Text for one line or one cell of a table: the end of a line is shown as well.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// A JSON document with `\u` escapes for what JSON itself would leave as it is: DEL, C1, and what reorders text. They can stand in its
/// strings only, so that it means the same.
pub fn json(document: String) -> String {
    let acts = |c: char| acts(c) && !c.is_ascii_control() || c == '\u{7f}';
    if !document.contains(acts) {
        return document;
    }
    let mut out = String::with_capacity(document.len() + 16);
    for c in document.chars() {
        if acts(c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// [`visible`] for bytes that come in pieces. A character that is cut by the end of a piece waits for the next one.
#[derive(Debug, Default)]
pub struct VisibleBytes {
    rest: Vec<u8>,
}

impl VisibleBytes {
    /// The text of the next piece. Bytes that are not UTF-8 become U+FFFD.
    pub fn next(&mut self, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let mut out = String::with_capacity(all.len());
        let mut left = all.as_slice();
        loop {
            match std::str::from_utf8(left) {
                Ok(text) => {
                    out.push_str(&visible(text));
                    return out;
                }
                Err(e) => {
                    let (good, bad) = left.split_at(e.valid_up_to());
                    out.push_str(&visible(&String::from_utf8_lossy(good)));
                    let Some(length) = e.error_len() else {
                        self.rest = bad.to_vec();
                        return out;
                    };
                    out.push(char::REPLACEMENT_CHARACTER);
                    left = &bad[length..];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOSTILE: &str =
        "a\u{1b}]0;title\u{7}\u{1b}[2J\u{1b}]52;c;AAAA\u{7}\r\t\u{7f}\u{9b}2J\u{202e}\u{2066}\u{2028}\u{200f}\nok";

    #[test]
    fn nothing_acts_and_everything_is_shown() {
        let shown = visible(HOSTILE);
        assert_eq!(
            shown,
            "a\\x1b]0;title\\x07\\x1b[2J\\x1b]52;c;AAAA\\x07\\r\\t\\x7f\\u{9b}2J\\u{202e}\\u{2066}\\u{2028}\\u{200f}\nok"
        );
        assert_eq!(one_line(HOSTILE), shown.replace('\n', "\\n"));
        for plain in ["", "server1: no radio", "\u{670d}\u{52a1}\u{5668} \u{e9}"] {
            assert!(matches!(visible(plain), Cow::Borrowed(text) if text == plain));
        }
    }

    #[test]
    fn a_json_document_stays_the_same_document() {
        assert_eq!(json("{\n \"a\": \"\u{9b}\u{202e}\u{7f}\\u001b\"\n}".into()), "{\n \"a\": \"\\u009b\\u202e\\u007f\\u001b\"\n}");
    }

    proptest! {
        #[test]
        fn any_text_is_made_harmless(text in any::<String>(), cut in 0_usize..64) {
            prop_assert!(!one_line(&text).contains(acts));
            prop_assert!(!visible(&text).contains(|c| c != '\n' && acts(c)));
            let cut = cut.min(text.len());
            let mut pieces = VisibleBytes::default();
            let joined = pieces.next(&text.as_bytes()[..cut]) + &pieces.next(&text.as_bytes()[cut..]);
            prop_assert_eq!(joined, visible(&text));
        }

        #[test]
        fn any_bytes_are_made_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let shown = VisibleBytes::default().next(&bytes);
            prop_assert!(!shown.contains(|c| c != '\n' && acts(c)));
        }
    }
}
