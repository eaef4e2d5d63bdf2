//! Privacy mode: addresses and names of people are masked in the finished cells, so that no panel can forget it, and exports show what
//! the screen shows.
//!
//! A mask has the width of what it hides: nothing moves. Masked are IPv4 and IPv6 addresses, MAC addresses, `user@host`, and the names of
//! the operator and of this machine wherever they stand as words.

use std::collections::BTreeSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use protocol::{Failure, Rollback, RunRecord};

/// Stands for every letter and digit that is hidden.
const MASK: char = 'x';

/// Names to hide wherever they stand as words.
#[derive(Debug, Clone, Default)]
pub struct MaskedNames(Vec<Vec<char>>);

impl MaskedNames {
    /// The operator and this machine, and those who ordered the runs; both as `user@host`. The hosts of others stay: they may
    /// be the servers, which the screen is about.
    pub fn from_operators<'a>(here: Option<&'a str>, others: impl IntoIterator<Item = &'a str>) -> Self {
        let others = others.into_iter().filter_map(|by| by.split('@').next());
        let names: BTreeSet<&str> = here.into_iter().flat_map(|by| by.split('@')).chain(others).filter(|n| !n.is_empty()).collect();
        Self(names.into_iter().map(|name| name.chars().collect()).collect())
    }

    /// A text with addresses and names masked.
    pub fn text(&self, text: &str) -> String {
        let row: Vec<char> = text.chars().collect();
        row.iter().zip(hidden(&row, &self.0, false)).map(|(c, hide)| if hide { MASK } else { *c }).collect()
    }

    /// A record with addresses and names masked wherever it holds words.
    pub fn record(&self, record: &RunRecord) -> RunRecord {
        let text = |text: &String| self.text(text);
        let failure = record.failure.as_ref().map(|failure| Failure {
            message: text(&failure.message),
            hint: failure.hint.as_ref().map(text),
            ..failure.clone()
        });
        RunRecord {
            radio: record.radio.as_ref().map(text),
            from: text(&record.from),
            to: text(&record.to),
            by: record.by.as_ref().map(text),
            reason: record.reason.as_ref().map(text),
            failure,
            warnings: record.warnings.iter().map(text).collect(),
            rollback: record.rollback.clone().map(|back| Rollback { to: text(&back.to), ..back }),
            ..record.clone()
        }
    }
}

/// Letters of a name that was cut from which it is taken for that name.
const LEAST: usize = 3;

/// Masks what an area shows.
pub fn mask(buf: &mut Buffer, area: Rect, names: &MaskedNames) {
    let area = area.intersection(buf.area);
    for y in area.top()..area.bottom() {
        // One character a cell is all that an address is made of; anything longer only ends it.
        let row: Vec<char> = (area.left()..area.right()).map(|x| buf[(x, y)].symbol().chars().next().unwrap_or(' ')).collect();
        for (x, hide) in (area.left()..).zip(hidden(&row, &names.0, true)) {
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
    let alone = |i: Option<&char>| i.is_none_or(|c| !c.is_alphanumeric());
    for name in names {
        for start in 0..row.len() {
            let same = row[start..].iter().zip(name).take_while(|(a, b)| a == b).count();
            let (end, before) = (start + same, start.checked_sub(1).and_then(|i| row.get(i)));
            let whole = same == name.len() && alone(row.get(end));
            let cut = same >= LEAST && row.get(end).is_some_and(|c| is_cut(*c));
            if alone(before) && (whole || cut) {
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
    // Most words are none at a glance: a frame has hundreds.
    if !word.iter().any(|c| matches!(c, '.' | ':')) {
        return false;
    }
    // Ends of sentences and ports are no part of an address.
    let text: String = word.iter().collect();
    let text = text.trim_matches(['.', ':', '-', '_']);
    let v4 = |text: &str| {
        let parts: Vec<&str> = text.split('.').collect();
        let digits = parts.iter().all(|p| !p.is_empty() && p.len() <= 3 && p.bytes().all(|b| b.is_ascii_digit()));
        digits && (parts.len() > 3 || (cut && parts.len() > 1))
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
        MaskedNames::from_operators(Some(by), ["magdalena@server1"]).text(text)
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
            ("magdal~ at server1, magdalena", "xxxxxx~ at server1, xxxxxxxxx"),
            ("baton 0.2.0", "baton 0.2.0"),
            ("2026-11-20 09:56:24 UTC", "2026-11-20 09:56:24 UTC"),
        ] {
            assert_eq!(masked(shown, "ada@lab"), hidden);
        }
    }
}
