//! Figures and strings as the screen shows them: one unit rule for all panels.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use output::{pad, pad_left};

/// Groups digits by threes with a space: 1 234 567.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// Milliseconds without the unit: three significant figures below 100, grouped digits above; `-` for what is not a number.
pub fn ms(value: f64) -> String {
    if !value.is_finite() || value < 0.0 {
        return "-".into();
    }
    match value {
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        // Saturates far beyond any phase: 1e18 ms are 31 million years.
        v => count(v.round().min(1e18) as u64),
    }
}

/// A length of time in the two largest units that matter: `850 ms`, `7 s`, `3 m 02 s`, `1 h 02 m`, `2 d 03 h`.
pub fn duration(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0 => format!("{ms} ms"),
        1..60 => format!("{s} s"),
        60..3600 => format!("{} m {:02} s", s / 60, s % 60),
        3600..86400 => format!("{} h {:02} m", s / 3600, s / 60 % 60),
        _ => format!("{} d {:02} h", s / 86400, s / 3600 % 24),
    }
}

/// Bytes in decimal units.
pub fn bytes(n: u64) -> String {
    scaled(n as f64, "B")
}

/// Bytes per second as bits per second, the network's unit.
pub fn bit_rate(bytes_per_s: u64) -> String {
    scaled(bytes_per_s as f64 * 8.0, "bit/s")
}

/// Hertz.
pub fn hertz(f: f64) -> String {
    scaled(f, "Hz")
}

/// A value with a decimal prefix and three significant figures, trailing zeros dropped: `6.25 Msps`.
pub fn scaled(value: f64, unit: &str) -> String {
    let (scale, prefix) = match value.abs() {
        v if v >= 1e9 => (1e9, "G"),
        v if v >= 1e6 => (1e6, "M"),
        v if v >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let scaled = value / scale;
    let text = match scaled.abs() {
        v if v >= 100.0 => format!("{scaled:.0}"),
        v if v >= 10.0 => format!("{scaled:.1}"),
        _ => format!("{scaled:.2}"),
    };
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{short} {prefix}{unit}")
}

/// Cuts to `width` columns; what was cut is marked with `ellipsis` (one column wide).
pub fn clip(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > width {
            break;
        }
        out.push(c);
        used += w;
    }
    if width > 0 {
        out.push_str(ellipsis);
    }
    out
}

/// Breaks text at spaces, and Chinese text behind any character, into lines of at most `width` columns; longer words are cut.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut out: Vec<String> = vec![String::new()];
    for word in words(text) {
        for (i, part) in parts(&word).into_iter().enumerate() {
            let part = clip(&part, width, "~");
            // Parts of one word stand together.
            let gap = if i == 0 { " " } else { "" };
            match out.last_mut() {
                Some(line) if line.is_empty() => line.push_str(&part),
                Some(line) if line.width() + gap.len() + part.width() <= width => line.extend([gap, &part]),
                _ => out.push(part),
            }
        }
    }
    out
}

/// Where a word may be broken: before every wide character that is no punctuation mark.
fn parts(word: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut wide_before = false;
    for c in word.chars() {
        let wide = c.width() == Some(2);
        let mark = matches!(c, '\u{3001}' | '\u{3002}' | '\u{ff01}' | '\u{ff0c}' | '\u{ff1a}' | '\u{ff1b}' | '\u{ff1f}');
        match out.last_mut() {
            Some(last) if mark || !(wide || wide_before) => last.push(c),
            _ => out.push(c.to_string()),
        }
        wide_before = wide;
    }
    if out.is_empty() { vec![String::new()] } else { out }
}

/// Words between spaces; the space that groups digits does not part them.
fn words(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    for word in text.split(' ') {
        match out.last_mut() {
            Some(last) if digit(last.chars().last()) && digit(word.chars().next()) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => out.push(word.to_owned()),
        }
    }
    out
}

/// A number of milliseconds as configured, without needless decimals.
pub fn trim(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value}") }
}

/// The first of several wordings that fits, or nothing.
pub fn first_that_fits<const N: usize>(wordings: [String; N], room: usize) -> String {
    wordings.into_iter().find(|text| text.width() <= room).unwrap_or_default()
}

/// Text from another machine, fit for one line of the screen: control characters are shown and do not act, and its length is bounded.
pub fn one_line(text: &str) -> String {
    // Longer than any line of the screen; bounds the memory that a log of hostile events can take.
    const LONGEST: usize = 600;
    let text = text.char_indices().nth(LONGEST).map_or(text, |(end, _)| &text[..end]);
    output::one_line(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_an_operator_writes_them() {
        for (value, expected) in
            [(0.412, "0.41"), (6.0, "6.00"), (53.21, "53.2"), (106.4, "106"), (1743.0, "1 743"), (f64::NAN, "-"), (-1.0, "-")]
        {
            assert_eq!(ms(value), expected);
        }
        for (value, expected) in
            [(850, "850 ms"), (7_400, "7 s"), (182_000, "3 m 02 s"), (3_720_000, "1 h 02 m"), (183_600_000, "2 d 03 h")]
        {
            assert_eq!(duration(value), expected);
        }
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(bytes(12_340_000), "12.3 MB");
        assert_eq!(hertz(10e6), "10 MHz");
        assert_eq!(scaled(6_250_000.0, "sps"), "6.25 Msps");
    }

    #[test]
    fn clipping_respects_columns() {
        assert_eq!(clip("abcdef", 4, "~"), "abc~");
        assert_eq!(clip("abc", 3, "~"), "abc");
        assert_eq!(clip("\u{6f22}\u{5b57}\u{6f22}", 4, "~"), "\u{6f22}~");
        assert_eq!(wrap("it took 1 855 ms", 10), ["it took", "1 855 ms"]);
        assert_eq!(wrap("\u{5148}\u{505c}\u{3002}ab cd", 6), ["\u{5148}\u{505c}\u{3002}", "ab cd"]);
        assert_eq!(clip("abc", 0, "~"), "");
        assert_eq!(one_line("a\nb\u{1b}[2Jc\u{202e}"), "a\\nb\\x1b[2Jc\\u{202e}");
    }
}
