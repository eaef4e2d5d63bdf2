//! The bottom line: the keys, or the command line while it is open.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{line, span};
use crate::ui::action::{Action, RunsAction, TABLE};
use crate::ui::arguments;
use crate::ui::failover::Failover;
use crate::ui::model::Model;
use crate::ui::place::{Place, Screen};
use crate::ui::preflight;
use crate::ui::service;
use protocol::Method;

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
        let [method, hold, interval] = [Action::Method, Action::Hold, Action::Interval].map(|action| model.keys.key(action));
        let mut pairs = vec![("Enter", "yes, do it"), ("Esc", "no")];
        if model.confirm.as_ref().is_some_and(|question| question.migration().is_some()) {
            pairs.extend([(method.as_str(), "method"), (&hold, "hold"), (&interval, "interval")]);
        }
        line(area, area.y, buf, &keys(model, &pairs));
        return None;
    }
    if model.screen == Screen::Operate && model.zoom.is_some() {
        let [zoom, freeze] = [Action::Zoom, Action::Freeze].map(|action| model.keys.key(action));
        let mut pairs = vec![("Left Right", "other panel"), ("PgUp PgDn", "scroll the log"), (&freeze, "freeze"), (&zoom, "back")];
        if model.replay.is_some() {
            pairs = vec![("Left Right", "phase"), ("Up Down", "other panel"), (&zoom, "back")];
        }
        line(area, area.y, buf, &keys(model, &pairs));
        return None;
    }
    if matches!(model.screen, Screen::Preflight { .. }) {
        let order = preflight::next_order(model);
        let (key, method) = (model.keys.key(Action::Order(order)), model.keys.key(Action::Method));
        let name = order.to_string();
        line(area, area.y, buf, &keys(model, &[("Esc", "back"), ("Up Down", "scroll"), (&key, &name), (&method, "method")]));
        return None;
    }
    if matches!(model.screen, Screen::Help { .. }) {
        line(area, area.y, buf, &keys(model, &[("Esc", "back"), ("Up Down", "scroll")]));
        return None;
    }
    let places = [Place::Replay, Place::Runs, Place::Opened];
    if let Some(place) = places.into_iter().find(|place| *place == model.place()) {
        line(area, area.y, buf, &local_keys(model, place));
        return None;
    }
    let fits = |row: &Line<'_>| row.width() <= usize::from(area.width) + 1;
    let rows = [
        action_keys(model, "  ", |_| true),
        action_keys(model, " ", |_| true),
        action_keys(model, " ", usual),
        action_keys(model, " ", |action| essential(action) || matches!(action, Action::Show(_))),
        action_keys(model, " ", essential),
    ];
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

/// The keys of a place, and how to leave it.
fn local_keys<'a>(model: &Model, place: Place) -> Line<'a> {
    let t = &model.skin.theme;
    let [compare, group] = [RunsAction::Compare, RunsAction::Group].map(|action| model.keys.key(Action::Runs(action)));
    let [export, next] = [Action::Export, Action::NextScreen].map(|action| model.keys.key(action));
    let moves: &[(&str, &str)] = match place {
        Place::Replay => &[("Left Right", "phase"), ("Esc", "end")],
        Place::Runs if model.runs.typing => &[("Enter", "keep"), ("Esc", "remove")],
        Place::Runs if model.runs.comparing => &[(&compare, "list"), (&group, "group"), (&export, "export"), ("Esc", "back")],
        Place::Runs => &[("Enter", "open"), ("Esc", "back")],
        Place::Opened | Place::Anywhere => &[("Esc", "back to runs"), (&export, "export"), (&next, "next")],
    };
    let mut row = keys(model, moves);
    let own = !matches!(place, Place::Runs) || !(model.runs.typing || model.runs.comparing);
    for entry in TABLE.iter().filter(|entry| own && matches!(entry.action, Action::Runs(_)) && entry.action.counts_in(place)) {
        let key = model.keys.key(entry.action);
        let key = match entry.action {
            Action::Runs(RunsAction::SortLeft) => continue,
            // Both ways in one.
            Action::Runs(RunsAction::SortRight) => format!("{} {key}", model.keys.key(Action::Runs(RunsAction::SortLeft))),
            _ => key,
        };
        row.push_span(span(key, t.key));
        row.push_span(span(format!(" {}  ", model.skin.lang.tr(entry.label)), t.base));
    }
    row
}

/// What the footer shows when there is no room for all.
fn essential(action: Action) -> bool {
    let first = matches!(action, Action::Go | Action::Cancel | Action::Failover | Action::Recover);
    first || matches!(action, Action::Order(_) | Action::End | Action::CommandLine | Action::Help | Action::Quit)
}

/// What it still shows when there is room for nearly all.
fn usual(action: Action) -> bool {
    !matches!(action, Action::NextScreen | Action::Privacy | Action::Hold | Action::Interval | Action::Plan)
}

fn action_keys<'a>(model: &Model, gap: &str, shown: fn(Action) -> bool) -> Line<'a> {
    let t = &model.skin.theme;
    let mut row = Vec::new();
    let here = Action::Show(model.screen);
    // What a screen would refuse is not offered on it.
    let refused = |action: Action| match action {
        Action::Zoom => model.screen != Screen::Operate,
        Action::Go => preflight::ready(model).is_none(),
        Action::Cancel => preflight::before_cut(model).is_none(),
        Action::Failover => Failover::offered(model).is_none(),
        Action::Recover => {
            service::verdict(model).and_then(|service| service.mend).is_none_or(|mend| mend.method != Some(Method::Recover))
        }
        // While one can still be given up, no other order is taken, and nothing is prepared for the next.
        Action::Order(_) | Action::Method | Action::Hold | Action::Interval | Action::Check | Action::Plan => {
            preflight::before_cut(model).is_some()
        }
        _ => false,
    };
    let counts = |action: Action| {
        // Copying is seldom wanted: the help has it.
        action != here
            && action != Action::Copy
            && !refused(action)
            && action.counts_in(Place::Anywhere)
            && shown(action)
            && model.may(action)
    };
    for entry in TABLE.iter().filter(|entry| counts(entry.action)) {
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
    } else if input.value().ends_with(' ') {
        let words = arguments::completions(input.value());
        let words: Vec<&str> = words.iter().filter_map(|line| line.rsplit(' ').next()).collect();
        let hint = if words.is_empty() { String::new() } else { model.skin.lang.fill("Tab: {0}", &[&words.join(", ")]) };
        row.push(span(format!("   {hint}"), t.dim));
    }
    line(area, area.y, buf, &Line::from(row));
    let column = input.visual_cursor().saturating_sub(scroll) as u16;
    area.x.saturating_add(1).saturating_add(column).min(area.right().saturating_sub(1))
}
