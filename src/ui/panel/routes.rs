//! The route table of both sides.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use super::{below, lines, rule, span};
use crate::ui::model::Model;
use crate::ui::text::{clip, duration, pad};

/// Columns of a host's name with the gap behind it.
const HOST: usize = 10;

/// Draws it: as many rows a server as there are, the entries that have no room counted.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    rule(area, buf, &model.skin, lang.tr("ROUTE TABLE"), "destID via nexthop");
    let each = usize::from(area.height.saturating_sub(1) / 2).max(1);
    let mut rows = Vec::new();
    for host in model.pool() {
        let routes = model.telemetry(host).map(|x| x.route_list.as_slice()).unwrap_or_default();
        let entries: Vec<String> = routes.iter().map(|r| format!("{} via {}", r.dest_id, r.nexthop)).collect();
        // Routes of a host that is not heard are old.
        let stale = model.stale_ms(host);
        let age = stale.map(|age| lang.fill("{0} ago: ", &[&duration(age)])).unwrap_or_default();
        let texts = match entries.is_empty() {
            true if model.replay.is_some() => vec![lang.tr("not in a record").to_owned()],
            true => vec![lang.tr("empty").to_owned()],
            false => folded(&entries, usize::from(area.width).saturating_sub(HOST + age.width()), each),
        };
        let name = clip(host, HOST - 1, model.skin.glyphs.ellipsis);
        for (i, text) in texts.into_iter().enumerate() {
            let name = pad(if i == 0 { &name } else { "" }, HOST);
            let style = if stale.is_some() { t.dim } else { t.base };
            rows.push(Line::from(vec![span(name, t.dim), span(age.clone(), t.warn), span(text, style)]));
        }
    }
    lines(below(area, 1), buf, rows);
}

/// Entries in at most `most` rows of `width` columns; the last says how many more there are.
fn folded(entries: &[String], width: usize, most: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        let more = format!(", +{}", entries.len() - i);
        // Room for the count is kept until it is known not to be needed.
        let last = i + 1 == entries.len();
        let fits = |row: &String, kept: usize| row.len() + 2 + entry.len() + kept <= width;
        let on_last_row = rows.len() == most;
        let kept = if on_last_row && !last { more.len() } else { 0 };
        match rows.last_mut() {
            Some(row) if fits(row, kept) => row.extend([", ", entry]),
            Some(row) if on_last_row => {
                row.push_str(&more);
                break;
            }
            _ => rows.push(entry.clone()),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_counted() {
        let entries: Vec<String> = (0..9).map(|n| format!("{n} via 1")).collect();
        assert_eq!(folded(&entries[..2], 16, 1), ["0 via 1, 1 via 1"]);
        assert_eq!(folded(&entries, 22, 1), ["0 via 1, 1 via 1, +7"]);
        assert_eq!(folded(&entries, 22, 2), ["0 via 1, 1 via 1", "2 via 1, 3 via 1, +5"]);
        assert_eq!(folded(&entries, 16, 9).len(), 5);
        assert!(folded(&entries, 22, 3).iter().all(|row| row.len() <= 22));
    }
}
