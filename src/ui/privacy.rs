//! Privacy mode: addresses and names of people are masked in the finished cells, so that no panel can forget to do it, and what is exported
//! is what is seen.
//!
//! A mask has the width of what it hides: nothing moves. Masked are IPv4 and IPv6 addresses, MAC addresses, `user@host`, and the name of
//! who sits here and of this machine wherever they stand as words.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Stands for every letter and digit that is hidden.
const MASK: char = 'x';

/// Masks what an area shows; `by` is who sits here, as `user@host`.
pub fn mask(buf: &mut Buffer, area: Rect, by: Option<&str>) {
    let area = area.intersection(buf.area);
    let names: Vec<Vec<char>> = by.into_iter().flat_map(|by| by.split('@')).map(|name| name.chars().collect()).collect();
    for y in area.top()..area.bottom() {
        // One character a cell is all that an address is made of; anything longer only ends it.
        let row: Vec<char> = (area.left()..area.right()).map(|x| buf[(x, y)].symbol().chars().next().unwrap_or(' ')).collect();
        for (x, hide) in (area.left()..).zip(hidden(&row, &names, true)) {
            if hide {
                buf[(x, y)].set_char(MASK);
            }
        }
    }
}

/// Which characters of a row are hidden; what reaches the edge of a screen may go on behind it.
fn hidden(row: &[char], names: &[Vec<char>], edge: bool) -> Vec<bool> {
    let mut hide = vec![false; row.len()];
    let mut at = 0;
    // A word: what addresses and names consist of.
    while at < row.len() {
        let end = at + row[at..].iter().take_while(|c| is_part(**c)).count();
        if end == at {
            at += 1;
            continue;
        }
        let cut = row.get(end).map_or(edge, |c| is_cut(*c));
        let secret = is_secret(&row[at..end], cut) || (row[at..end].contains(&'@') && end - at > 1);
        for i in at..end {
            hide[i] |= secret && row[i].is_alphanumeric();
        }
        at = end;
    }
    for name in names.iter().filter(|name| !name.is_empty()) {
        for start in 0..row.len().saturating_sub(name.len() - 1) {
            let end = start + name.len();
            let alone = |i: Option<&char>| i.is_none_or(|c| !c.is_alphanumeric());
            let before = start.checked_sub(1).and_then(|i| row.get(i));
            if row[start..end] == name[..] && alone(before) && alone(row.get(end)) {
                hide[start..end].fill(true);
            }
        }
    }
    hide
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '@' | '-' | '_')
}

/// Marks of text that was cut, and frames that cut it: an address may go on behind them.
fn is_cut(c: char) -> bool {
    matches!(c, '\u{2026}' | '~' | '|' | '#' | '\u{2500}'..='\u{257f}')
}

/// Whether a word is an address, or the beginning of one that was cut.
fn is_secret(word: &[char], cut: bool) -> bool {
    // Ends of sentences and ports are no part of an address.
    let text: String = word.iter().collect();
    let text = text.trim_matches(['.', ':', '-', '_']);
    let v4 = |text: &str| {
        let parts: Vec<&str> = text.split('.').collect();
        let digits = parts.iter().all(|p| !p.is_empty() && p.len() <= 3 && p.bytes().all(|b| b.is_ascii_digit()));
        digits && (parts.len() > 2 || (cut && parts.len() > 1))
    };
    let hex = |text: &str| {
        let colons = text.matches(':').count();
        let digits = text.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
        // A time of day has two colons.
        digits && (colons >= 4 || text.contains("::") || (cut && colons >= 3))
    };
    // host:port, and the host of a URL's rest.
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
    v4(text) || v4(host) || hex(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str, by: &str) -> String {
        let names: Vec<Vec<char>> = by.split('@').map(|name| name.chars().collect()).collect();
        let row: Vec<char> = text.chars().collect();
        row.iter().zip(hidden(&row, &names, false)).map(|(c, hide)| if hide { MASK } else { *c }).collect()
    }

    #[test]
    fn addresses_and_people_are_hidden_and_figures_stay() {
        for (shown, hidden) in [
            ("eth3 192.168.10.1/24 to the radio", "eth3 xxx.xxx.xx.x/24 to the radio"),
            ("tcp://10.77.0.11:7600 is silent.", "tcp://xx.xx.x.xx:xxxx is silent."),
            ("192.168.40.9, 192.168.2~", "xxx.xxx.xx.x, xxx.xxx.x~"),
            ("by ada@lab at 09:53:22", "by xxx@xxx at 09:53:22"),
            ("/home/ada/baton.svg on lab", "/home/xxx/baton.svg on xxx"),
            ("adamant label", "adamant label"),
            ("fe80::1 and 00:80:2f:0a:16:9e", "xxxx::x and xx:xx:xx:xx:xx:xx"),
            ("4.98 / 6.52 ms, 1 855 ms", "4.98 / 6.52 ms, 1 855 ms"),
            ("\u{2502}192.168\u{2502} 23.4 dB", "\u{2502}xxx.xxx\u{2502} 23.4 dB"),
            ("2026-11-20 09:56:24 UTC", "2026-11-20 09:56:24 UTC"),
        ] {
            assert_eq!(masked(shown, "ada@lab"), hidden);
        }
    }
}
