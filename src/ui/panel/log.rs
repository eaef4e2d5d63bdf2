//! The log: what happened, oldest above.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{below, lines, rule, span};
use crate::ui::model::Model;
use crate::ui::text::{clip, pad};
use protocol::{Event, Level};

/// Columns of the name of who speaks.
const NAME: usize = 8;

/// Draws it; with a single row, only the newest line without a rule.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let lang = model.skin.lang;
    let body = if area.height > 1 { below(area, 1) } else { area };
    let rows = usize::from(body.height);
    // Never further back than to a full panel of the oldest lines.
    let newer = model.log_scroll.min(model.log.len().saturating_sub(rows));
    if area.height > 1 {
        let note = if newer > 0 { lang.fill("{0} newer below, UTC", &[&newer]) } else { "UTC".into() };
        let title = if model.replay.is_some() { "LOG of the present" } else { "LOG" };
        rule(area, buf, &model.skin, lang.tr(title), &note);
    }
    let first = model.log.len().saturating_sub(rows + newer);
    lines(body, buf, model.log.iter().skip(first).take(rows).map(|event| row(model, event)));
}

fn row<'a>(model: &Model, event: &Event) -> Line<'a> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let (word, style) = match event.level {
        Level::Info => ("", t.base),
        Level::Warning => ("warning: ", t.warn),
        Level::Error => ("ERROR: ", t.bad),
    };
    let host = if event.host == "console" { lang.tr("console") } else { &event.host };
    Line::from(vec![
        span(event.at.format("%H:%M:%S ").to_string(), t.dim),
        span(pad(&clip(host, 2 * NAME, model.skin.glyphs.ellipsis), NAME) + " ", t.dim),
        span(lang.tr(word), style),
        span(event.text.clone(), style),
    ])
}
