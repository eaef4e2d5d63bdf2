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
    let shown = model.shown_log();
    // Never further back than to a full panel of the oldest lines.
    let newer = model.log_scroll.min(shown.len().saturating_sub(rows));
    if area.height > 1 {
        let zone = model.log_zone();
        let note = if newer > 0 { lang.fill("{0} newer below, {1}", &[&newer, &zone]) } else { zone };
        let title = lang.tr(if model.replay.is_some() { "LOG of the present" } else { "LOG" });
        let filter = model.log_filter.input.value().trim();
        let sizes: [&dyn std::fmt::Display; 4] = [&title, &filter, &shown.len(), &model.log.len()];
        let title = if filter.is_empty() { title.to_owned() } else { lang.fill("{0} with \"{1}\": {2} of {3}", &sizes) };
        rule(area, buf, &model.skin, &title, &note);
    }
    let first = shown.len().saturating_sub(rows + newer);
    lines(body, buf, shown.into_iter().skip(first).take(rows).map(|event| row(model, event)));
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
        span(model.log_time(event.at) + " ", t.dim),
        span(pad(&clip(host, 2 * NAME, model.skin.glyphs.ellipsis), NAME) + " ", t.dim),
        span(lang.tr(word), style),
        span(event.text.clone(), style),
    ])
}
