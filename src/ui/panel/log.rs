//! The log: what happened, oldest above.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{below, lines, rule, span};
use crate::protocol::{Event, Level};
use crate::ui::model::Model;

/// Draws it; with a single row, only the newest line without a rule.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let body = if area.height > 1 {
        let title = if model.replay.is_some() { "LOG of the present" } else { "LOG" };
        rule(area, buf, &model.skin, title, "UTC");
        below(area, 1)
    } else {
        area
    };
    let rows = usize::from(body.height);
    let first = model.log.len().saturating_sub(rows);
    lines(body, buf, model.log.iter().skip(first).map(|event| row(model, event)));
}

fn row<'a>(model: &Model, event: &Event) -> Line<'a> {
    let t = &model.skin.theme;
    let (word, style) = match event.level {
        Level::Info => ("", t.base),
        Level::Warning => ("warning: ", t.warn),
        Level::Error => ("ERROR: ", t.bad),
    };
    Line::from(vec![
        span(event.at.format("%H:%M:%S ").to_string(), t.dim),
        span(format!("{:<8} ", event.host), t.dim),
        span(word, style),
        span(event.text.clone(), style),
    ])
}
