//! The control variables of both sides: names, values, meanings, differences.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::{below, lines, rule, span};
use crate::ui::action::Action;
use crate::ui::model::Model;
use crate::ui::text::{clip, duration, one_line, pad};
use protocol::ControlReport;

/// Columns of a name and of a value.
const NAME: usize = 13;
const VALUE: usize = 8;

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let (t, g, lang) = (&model.skin.theme, &model.skin.glyphs, model.skin.lang);
    let [one, two] = model.pool();
    let reports = [one, two].map(|host| model.telemetry(host).map(|x| &x.control));
    rule(area, buf, &model.skin, lang.tr("CONTROL VARIABLES"), &ages(model));
    let names = names(reports);
    // Behind name, two values and the mark of a difference.
    let room = usize::from(area.width).saturating_sub(NAME + 2 * (VALUE + 1) + 3);
    let mut rows = vec![Line::from(vec![
        span(pad(lang.tr("name"), NAME), t.dim),
        span(format!(" {:>VALUE$}", clip(one, VALUE, g.ellipsis)), t.dim),
        span(format!(" {:>VALUE$}", clip(two, VALUE, g.ellipsis)), t.dim),
        span(format!("   {}", lang.tr("meaning")), t.dim),
    ])];
    if names.is_empty() {
        let text = match model.replay {
            Some(_) => "not in a record",
            None => "none collected yet: the work publishes them every 10 s",
        };
        rows.push(Line::from(span(lang.tr(text), t.dim)));
    }
    let mut equal = Vec::new();
    for name in names {
        let [a, b] = reports.map(|r| r.and_then(|r| r.values.get(&name).filter(|value| !value.is_null())));
        let differ = a.is_some() && b.is_some() && a != b;
        // The values of a host that is not heard are old; the rule says how old.
        let style = |host| match differ {
            _ if model.stale_ms(host).is_some() => t.dim,
            true => t.warn,
            false => t.strong,
        };
        let value =
            |v: Option<&Value>| format!(" {:>VALUE$}", v.map_or_else(|| "-".into(), |v| clip(&plain(v), VALUE, g.ellipsis)));
        if !differ {
            equal.push(rows.len());
        }
        let meaning = reports.into_iter().flatten().find_map(|r| r.meanings.get(&name)).map(plain).unwrap_or_default();
        rows.push(Line::from(vec![
            span(format!("{:<NAME$}", clip(&one_line(&name), NAME, g.ellipsis)), t.base),
            span(value(a), style(one)),
            span(value(b), style(two)),
            span(format!(" {} ", if differ { g.differs } else { " " }), t.warn),
            span(clip(brief(lang.offer(&meaning), room), room, g.ellipsis), t.dim),
        ]));
    }
    lines(below(area, 1), buf, fitting(model, rows, &equal, usize::from(area.height.saturating_sub(1))));
}

/// The rows that have room: those whose values differ stay, and the last one says how many of the others there are.
fn fitting<'a>(model: &Model, mut rows: Vec<Line<'a>>, equal: &[usize], room: usize) -> Vec<Line<'a>> {
    if rows.len() <= room {
        return rows;
    }
    // One more row for saying so.
    let gone = (rows.len() + 1 - room).min(equal.len());
    for at in equal.iter().rev().take(gone) {
        rows.remove(*at);
    }
    let key = model.keys.key(Action::Zoom);
    let text = model.skin.lang.fill("{0} more without a difference; {1} enlarges", &[&gone, &key]);
    rows.truncate(room.saturating_sub(1));
    rows.push(Line::from(span(text, model.skin.theme.dim)));
    rows
}

/// A meaning, or where it does not fit what stands before its list of values.
fn brief(meaning: &str, room: usize) -> &str {
    match meaning.split_once([':', '\u{ff1a}']) {
        Some((head, _)) if meaning.width() > room => head,
        _ => meaning,
    }
}

/// How old the values of both sides are.
fn ages(model: &Model) -> String {
    let age = |host: &str| model.control_age_ms(host).map(duration);
    let [one, two] = model.pool().map(|host| age(host).unwrap_or_else(|| "-".into()));
    model.skin.lang.fill("age {0} / {1}", &[&one, &two])
}

/// Names in the workload's order: the first side's, then what only the second has.
fn names(reports: [Option<&ControlReport>; 2]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in reports.into_iter().flatten().flat_map(|r| r.values.keys()) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// A value without JSON's quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => one_line(text),
        Value::Null => "-".into(),
        other => one_line(&other.to_string()),
    }
}
