//! The top line: what this is, who is who, the method, the time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{line, span};
use crate::ui::model::{Model, Screen};

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let t = &model.skin.theme;
    let [one, two] = model.pool();
    let missed: u64 = model.hosts.values().fold(0, |sum, host| sum.saturating_add(host.missed));
    let mut row = vec![span(" baton ", t.owner_tag), span(format!(" {one} and {two}"), t.strong)];
    let screen = match model.screen {
        Screen::Timing => " TIMING ",
        Screen::Runs => " RUNS ",
        Screen::Operate | Screen::Help { .. } => "",
    };
    row.insert(1, span(screen, t.strong));
    if let Some(replay) = &model.replay {
        // Nothing of the present is shown, so nothing of it stands in the header either.
        row.truncate(2);
        row.extend([span(" ", t.base), span(" REPLAY ", t.action_tag), span(format!(" {}", replay.words()), t.strong)]);
        line(area, area.y, buf, &Line::from(row));
        return;
    }
    if let Some(far) = model.config.roles.far_end.as_ref().filter(|_| area.width >= 76) {
        row.push(span(format!(", far end {far}"), t.dim));
    }
    row.push(span("  method ", t.dim));
    row.push(span(model.method.to_string(), t.strong));
    if missed > 0 {
        row.push(span(format!("  telemetry lost {missed}"), t.warn));
    }
    line(area, area.y, buf, &Line::from(row));
    let long = model.at.format(" %Y-%m-%d %H:%M:%S UTC").to_string();
    let time = if area.width >= 90 { long } else { model.at.format(" %H:%M:%S UTC").to_string() };
    let x = area.right().saturating_sub(time.len() as u16).max(area.x);
    line(Rect { x, width: area.right() - x, ..area }, area.y, buf, &Line::from(span(time, t.dim)));
}
