//! Figures and strings as the screen shows them: one unit rule for all panels.

mod atoms;
#[cfg(test)]
pub mod drawn;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use atoms::atoms;
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

/// A length of time in its largest unit: `850 ms`, `7 s`, `3 m`, `1 h`, `2 d`.
pub fn brief(ms: u64) -> String {
    let long = duration(ms);
    long.split(' ').take(2).collect::<Vec<_>>().join(" ")
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

/// Marks what was cut, one column wide; a console in ASCII shows its own mark.
pub const ELLIPSIS: &str = "\u{2026}";

/// Cuts to `width` columns; what was cut is marked with `ellipsis` (one column wide). Numbers and their units go whole.
pub fn clip(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else { return String::new() };
    let mut out = text[..cut(text, room)].to_owned();
    out.push_str(ellipsis);
    #[cfg(test)]
    drawn::clipped(text, &out);
    out
}

/// Where a text is cut so that at most `room` columns are left and a mark may follow: never in a number or its unit, nor directly behind
/// one, where the mark would read as more digits. In bytes.
pub fn cut(text: &str, room: usize) -> usize {
    let end = cut_letters(text, room);
    let Some(atom) = atoms(text).into_iter().find(|atom| atom.start < end && end <= atom.end) else { return end };
    if !text[..atom.start].trim().is_empty() {
        return atom.start;
    }
    // A name alone is told by its first letters.
    let letters = text[atom.clone()].chars().take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum::<usize>();
    end.min(atom.start + letters)
}

/// A name in at most `width` columns: its beginning and its end, because the names of a cluster often differ in the last letters. A number
/// in it goes whole.
pub fn short_name(name: &str, width: usize, ellipsis: &str) -> String {
    if name.width() <= width {
        return name.to_owned();
    }
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let tail = width.saturating_sub(1) / 2;
    let starts = name.char_indices().map(|(at, _)| at);
    let whole = |at: &usize| !(digit(name[..*at].chars().last()) && digit(name[*at..].chars().next()));
    let Some(end) = starts.filter(|at| name[*at..].width() <= tail).find(whole) else { return clip(name, width, ellipsis) };
    let mut head = cut_letters(name, width.saturating_sub(1 + name[end..].width()));
    while digit(name[..head].chars().last()) {
        head -= 1;
    }
    format!("{}{ellipsis}{}", &name[..head], &name[end..])
}

/// The bytes of at most so many columns.
fn cut_letters(text: &str, room: usize) -> usize {
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= room
    };
    text.chars().take_while(fits).map(char::len_utf8).sum()
}

/// Breaks text at spaces, and Chinese text behind any character, into lines of at most `width` columns. Numbers stay with their units;
/// words longer than a line are broken behind punctuation, and between letters where they have none.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut out: Vec<String> = vec![String::new()];
    for word in bound(text).split(' ') {
        for (i, part) in parts(word).into_iter().flat_map(|part| pieces(part, width)).enumerate() {
            let part = part.replace(BOUND, " ");
            // Parts of one word stand together.
            let gap = if i == 0 { " " } else { "" };
            match out.last_mut() {
                Some(line) if line.is_empty() => line.push_str(&part),
                Some(line) if line.width() + gap.len() + part.width() <= width => line.extend([gap, &part]),
                _ => out.push(part),
            }
        }
    }
    // Where a row of figures was broken, the blank behind its mark.
    let last = out.len() - 1;
    out.iter_mut().take(last).for_each(|line| line.truncate(line.trim_end().len()));
    out
}

/// Stands for a space at which no line may end.
const BOUND: char = '\u{a0}';

/// The text with the spaces inside of numbers and before their units made such that no line ends there.
fn bound(text: &str) -> String {
    let atoms = atoms(text);
    let inside = |at: usize| atoms.iter().any(|atom| atom.contains(&at));
    text.char_indices().map(|(at, c)| if c == ' ' && inside(at) { BOUND } else { c }).collect()
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

/// A part that is longer than a line, in pieces that are not.
fn pieces(part: String, width: usize) -> Vec<String> {
    if part.width() <= width {
        return vec![part];
    }
    let mut out = vec![String::new()];
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let mut before: [Option<char>; 2] = [None; 2];
    for c in part.chars() {
        // Behind a mark in a path or an address, but not in a number; and between the figures of a row.
        let mark = |mark: char| {
            mark.is_ascii_punctuation() && !matches!(mark, '+' | '<' | '.' | '%') && !(digit(before[0]) && digit(Some(c)))
        };
        let breaks = match before {
            [Some('/' | 'x'), Some(BOUND)] => true,
            [Some(BOUND) | None, _] | [_, None | Some(BOUND)] => false,
            [_, Some(last)] => mark(last),
        };
        match out.last_mut() {
            Some(last) if !breaks => last.push(c),
            _ => out.push(c.to_string()),
        }
        before = [before[1], Some(c)];
    }
    out.into_iter().flat_map(|piece| broken(piece, width)).collect()
}

/// What no punctuation breaks: letters anywhere; a number that is longer than a line cannot be shown.
fn broken(piece: String, width: usize) -> Vec<String> {
    if piece.width() <= width {
        return vec![piece];
    }
    if piece.bytes().any(|b| b.is_ascii_digit()) {
        return vec![clip(&piece, width, ELLIPSIS)];
    }
    let mut out = vec![String::new()];
    for c in piece.chars() {
        match out.last_mut() {
            Some(last) if last.width() + c.width().unwrap_or(0) <= width => last.push(c),
            _ => out.push(c.to_string()),
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
    match text.char_indices().nth(LONGEST) {
        // Not in a number.
        Some((end, _)) => output::one_line(&text[..cut(&text[..end], LONGEST - ELLIPSIS.len())]).into_owned() + ELLIPSIS,
        None => output::one_line(text).into_owned(),
    }
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

    #[test]
    fn a_number_goes_whole_or_not_at_all() {
        for (text, width, cut) in [
            ("took 1 855 ms in all", 12, "took ~"),
            ("took 1 855 ms in all", 13, "took ~"),
            ("took 1 855 ms in all", 15, "took 1 855 ms ~"),
            ("lost 12 of 345", 8, "lost ~"),
            ("lost 12 of 345", 9, "lost 12 ~"),
            ("server2", 4, "ser~"),
            ("192.168.10.1", 8, "~"),
            ("\u{5171}19\u{6b21}", 4, "\u{5171}~"),
        ] {
            assert_eq!(clip(text, width, "~"), cut, "{text} in {width}");
        }
        assert_eq!(wrap("RTT 6.52 / 9.11 / 12.2 ms", 12), ["RTT 6.52 /", "9.11 /", "12.2 ms"]);
        assert_eq!(wrap("in /var/lib/baton/run-7f3a.json now", 12), ["in /var/lib/", "baton/run-", "7f3a.json", "now"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("12345678", 4), ["\u{2026}"]);
        for (width, short) in
            [(40, "station-north-07-server-one"), (13, "statio~er-one"), (16, "station-~ver-one"), (23, "station-nor~-server-one")]
        {
            assert_eq!(short_name("station-north-07-server-one", width, "~"), short);
        }
        assert_eq!(short_name("rack-123456", 8, "~"), "rack~");
    }
}
