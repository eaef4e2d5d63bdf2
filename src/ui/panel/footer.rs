//! The bottom line: the keys, or the command line while it is open.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{line, span};
use crate::ui::action::{Action, TABLE};
use crate::ui::model::{Model, Screen};

/// Draws it; returns the column of the cursor while the command line is open.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) -> Option<u16> {
    if model.command_line.open && model.confirm.is_none() {
        return Some(command_line(model, area, buf));
    }
    let t = &model.skin.theme;
    if model.leaving {
        let [_, two] = model.pool();
        let text = model.skin.lang.fill("ending {0}'s controller, then leaving; Ctrl-C leaves at once", &[&two]);
        line(area, area.y, buf, &Line::from(span(text, t.warn)));
        return None;
    }
    if model.confirm.is_some() {
        line(area, area.y, buf, &keys(model, &[("Enter", "yes, do it"), ("Esc", "no")]));
        return None;
    }
    if model.screen == Screen::Operate && model.zoom.is_some() {
        let [zoom, freeze] = [Action::Zoom, Action::Freeze].map(|action| model.keys.key(action));
        let pairs = [("Left Right", "other panel"), ("PgUp PgDn", "scroll the log"), (&freeze, "freeze"), (&zoom, "back")];
        line(area, area.y, buf, &keys(model, &pairs));
        return None;
    }
    if matches!(model.screen, Screen::Help { .. }) {
        line(area, area.y, buf, &keys(model, &[("Esc", "back"), ("Up Down", "scroll")]));
        return None;
    }
    let fits = |row: &Line<'_>| row.width() <= usize::from(area.width) + 1;
    let rows = [action_keys(model, "  ", |_| true), action_keys(model, " ", |_| true), action_keys(model, " ", essential)];
    let [.., shortest] = &rows;
    line(area, area.y, buf, rows.iter().find(|row| fits(row)).unwrap_or(shortest));
    None
}

fn keys<'a>(model: &Model, pairs: &[(&str, &str)]) -> Line<'a> {
    let t = &model.skin.theme;
    Line::from_iter(
        pairs.iter().flat_map(|(key, label)| [span(*key, t.key), span(format!(" {}   ", model.skin.lang.tr(label)), t.base)]),
    )
}

/// What the footer shows when there is no room for all.
fn essential(action: Action) -> bool {
    matches!(action, Action::Order(_) | Action::End | Action::CommandLine | Action::Help | Action::Quit)
}

fn action_keys<'a>(model: &Model, gap: &str, shown: fn(Action) -> bool) -> Line<'a> {
    let t = &model.skin.theme;
    let mut row = Vec::new();
    for entry in TABLE.iter().filter(|entry| shown(entry.action) && model.may(entry.action)) {
        let label = match entry.action {
            Action::CommandLine => "type",
            _ => entry.label,
        };
        let label = model.skin.lang.tr(label);
        row.push(span(model.keys.key(entry.action), t.key));
        row.push(span(format!(" {label}{gap}"), t.base));
    }
    Line::from(row)
}

fn command_line(model: &Model, area: Rect, buf: &mut Buffer) -> u16 {
    let t = &model.skin.theme;
    let input = &model.command_line.input;
    let room = usize::from(area.width).saturating_sub(2);
    let scroll = input.visual_scroll(room.max(1));
    let shown: String = input.value().chars().skip(scroll).collect();
    let mut row = vec![span(":", t.key), span(shown, t.strong)];
    if let Some(complaint) = &model.command_line.complaint {
        row.push(span(format!("   {complaint}"), t.warn));
    } else if input.value().is_empty() {
        let hint = model.skin.lang.tr("a command, then Enter; Tab completes, Up recalls, Esc closes");
        row.push(span(format!("   {hint}"), t.dim));
    }
    line(area, area.y, buf, &Line::from(row));
    let column = input.visual_cursor().saturating_sub(scroll) as u16;
    area.x.saturating_add(1).saturating_add(column).min(area.right().saturating_sub(1))
}
