//! What stays whole when text is cut or wrapped: numbers, with the unit behind them.
//!
//! A word that holds a digit is never cut: a figure, an address, a time, a name that ends in a digit. To it belong the groups of digits
//! behind it (`1 855`), its unit (`1 855 ms`), the smaller unit of a duration (`3 m 02 s`), and the other figures of a row
//! (`6.52 / 9.11 ms`, `60 x 16`).

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

/// Units that stand behind a figure with a space between.
const UNITS: [&str; 28] = [
    "ns", "us", "\u{b5}s", "ms", "s", "m", "min", "h", "d", "%", "dB", "dBm", "Hz", "kHz", "MHz", "GHz", "sps", "ksps", "Msps",
    "Gsps", "B", "kB", "MB", "GB", "bit/s", "kbit/s", "Mbit/s", "Gbit/s",
];
/// Units of time behind which a smaller one may follow.
const LARGER: [&str; 3] = ["d", "h", "m"];

/// A word, and in it what is left without the punctuation around it.
struct Word<'t> {
    all: Range<usize>,
    core: Range<usize>,
    text: &'t str,
}

impl Word<'_> {
    fn core(&self) -> &str {
        &self.text[self.core.clone()]
    }

    fn has_digit(&self) -> bool {
        self.core().bytes().any(|b| b.is_ascii_digit())
    }

    fn ends_in_digit(&self) -> bool {
        self.core().ends_with(|c: char| c.is_ascii_digit())
    }

    fn begins_with_digit(&self) -> bool {
        self.core().trim_start_matches(['+', '-', '<']).starts_with(|c: char| c.is_ascii_digit())
    }

    fn is_unit(&self) -> bool {
        UNITS.contains(&self.core())
    }

    /// Whether `next` is one more group of this word's digits.
    fn goes_on_in(&self, next: &Self) -> bool {
        let digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit()).count();
        let own: Vec<u8> = self.core().bytes().rev().collect();
        let run = digits(&own);
        // A name, an address, a time and a fraction have no groups.
        let whole = !own.get(run).is_some_and(|before| before.is_ascii_alphanumeric() || b".:/".contains(before));
        let rest = &next.core()[digits(next.core().as_bytes())..];
        let last = rest.is_empty() || rest.strip_prefix('.').is_some_and(|decimals| decimals.bytes().all(|b| b.is_ascii_digit()));
        (1..=3).contains(&run) && whole && last && digits(next.core().as_bytes()) == 3
    }
}

/// The parts of a text that stay whole, as byte ranges, in their order.
pub fn atoms(text: &str) -> Vec<Range<usize>> {
    // Most words of most lines: no digit, nothing to keep together.
    if !text.bytes().any(|b| b.is_ascii_digit()) {
        return Vec::new();
    }
    let words = words(text);
    let mut found = Vec::new();
    let mut first = 0;
    while first < words.len() {
        let mut last = first;
        if words[first].has_digit() {
            while let Some(more) = joined(&words, last) {
                last = more;
            }
            found.push(words[first].core.start..words[last].core.end);
        }
        first = last + 1;
    }
    found
}

/// The last word of what belongs to the words up to `at`, if there is more of it.
fn joined(words: &[Word<'_>], at: usize) -> Option<usize> {
    let behind = |i: usize| {
        let (word, next) = (words.get(i)?, words.get(i + 1)?);
        let touch = word.core.end == word.all.end && next.core.start == next.all.start;
        let gap = &word.text[word.all.end..next.all.start];
        (touch && gap == " ").then_some(next)
    };
    let (word, next) = (&words[at], behind(at)?);
    let figure = word.ends_in_digit();
    if figure && (word.goes_on_in(next) || next.is_unit()) {
        return Some(at + 1);
    }
    let third = behind(at + 1)?;
    let other = matches!(next.core(), "/" | "x") && third.begins_with_digit();
    if other && (figure || word.is_unit()) {
        return Some(at + 2);
    }
    // A smaller unit of the same duration.
    let smaller = LARGER.contains(&word.core()) && next.core().bytes().all(|b| b.is_ascii_digit()) && third.is_unit();
    smaller.then_some(at + 2)
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (is_part(c), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push(word(text, from..at));
                start = None;
            }
            _ => {}
        }
    }
    words
}

fn word(text: &str, all: Range<usize>) -> Word<'_> {
    let whole = &text[all.clone()];
    let left = whole.trim_start_matches(['(', '[', '{', '"', '\'', '`']);
    let core = left.trim_end_matches([')', ']', '}', '"', '\'', '`', ',', ';', ':', '.', '!', '?']);
    let start = all.end - left.len();
    let core = start..start + core.len();
    Word { all, core, text }
}

/// Letters, digits and what stands between them in one word; no frames, bars or wide characters.
fn is_part(c: char) -> bool {
    let frame = matches!(c, '|' | '#' | '=');
    (c.is_ascii_graphic() && !frame) || (c.is_alphanumeric() && c.width() == Some(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> Vec<&str> {
        atoms(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn numbers_keep_their_groups_and_units() {
        for (text, whole) in [
            ("it took 1 855 ms, then (0.7 %)", &["1 855 ms", "0.7 %"] as &[&str]),
            ("3 m 02 s ago", &["3 m 02 s"]),
            ("RTT 6.52 / 9.11 ms  up", &["6.52 / 9.11 ms"]),
            ("needs 60 x 16, this", &["60 x 16"]),
            ("eth3 is 192.168.10.1/24; epoch 4: server1, server2", &["eth3", "192.168.10.1/24", "4", "server1", "server2"]),
            ("SNR -12.3 dB  CFO +1 234 567 Hz", &["-12.3 dB", "+1 234 567 Hz"]),
            ("09:53:22 UTC 12, 345 ms", &["09:53:22", "12", "345 ms"]),
            ("10.0.0.1 123 B", &["10.0.0.1", "123 B"]),
            ("server1 192.168.10.1, epoch 1 100.0.0.1", &["server1", "192.168.10.1", "1", "100.0.0.1"]),
            ("\u{4e2d}\u{65ad} 1 741 ms\u{ff0c}\u{5171}9\u{6b21}", &["1 741 ms", "9"]),
            ("\u{2502}1 741 ms\u{2502}", &["1 741 ms"]),
            ("no number at all", &[]),
        ] {
            assert_eq!(kept(text), whole, "{text}");
        }
    }
}
