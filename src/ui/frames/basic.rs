//! Colours as terminals of eight or sixteen know them. crossterm names every colour by the extension of xterm (38;5;N), which older terminals
//! take for other attributes.

/// The same bytes with the first sixteen colours named as ECMA-48 and aixterm do: 30 to 37, 40 to 47, 90 to 97, 100 to 107.
pub fn basic_colours(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(start) = rest.windows(2).position(|two| two == b"\x1b[") {
        let (before, sequence) = rest.split_at(start);
        out.extend_from_slice(before);
        // The final byte of a control sequence (ECMA-48, 5.4).
        let Some(end) = sequence.iter().skip(2).position(|byte| (0x40..=0x7e).contains(byte)).map(|at| at + 2) else {
            rest = sequence;
            break;
        };
        match sequence.get(2..end).map(std::str::from_utf8) {
            Some(Ok(parameters)) if sequence.get(end) == Some(&b'm') => {
                out.extend_from_slice(b"\x1b[");
                out.extend_from_slice(renamed(parameters).as_bytes());
                out.push(b'm');
            }
            _ => out.extend_from_slice(&sequence[..=end]),
        }
        rest = &sequence[end + 1..];
    }
    out.extend_from_slice(rest);
    out
}

fn renamed(parameters: &str) -> String {
    let mut words = parameters.split(';').peekable();
    let mut out: Vec<String> = Vec::new();
    while let Some(word) = words.next() {
        let ground = word == "48";
        if !(ground || word == "38") || words.next_if(|next| *next == "5").is_none() {
            out.push(word.to_owned());
            continue;
        }
        let number: u8 = words.next().and_then(|n| n.parse().ok()).unwrap_or(7);
        let first = match number {
            0..=7 => 30,
            // What no such terminal has is not asked for by its themes.
            _ => 90,
        };
        out.push((first + number % 8 + if ground { 10 } else { 0 }).to_string());
    }
    out.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_are_renamed() {
        for (before, after) in [
            ("\x1b[38;5;7;48;5;0mtext 38;5;7", "\x1b[37;40mtext 38;5;7"),
            ("\x1b[38;5;11m\x1b[48;5;15mx", "\x1b[93m\x1b[107mx"),
            ("\x1b[1m\x1b[4;38;5;1mx\x1b[39;49m\x1b[0m", "\x1b[1m\x1b[4;31mx\x1b[39;49m\x1b[0m"),
            ("\x1b[2;38H\x1b[?2026h\x1b[38;5;2mx", "\x1b[2;38H\x1b[?2026h\x1b[32mx"),
            ("\x1b[38;2;1;2;3mx", "\x1b[38;2;1;2;3mx"),
            ("\x1b]52;c;eA==\x07\x1b[38;5", "\x1b]52;c;eA==\x07\x1b[38;5"),
            ("plain", "plain"),
        ] {
            assert_eq!(String::from_utf8(basic_colours(before.as_bytes())).unwrap(), after, "{before:?}");
        }
    }
}
