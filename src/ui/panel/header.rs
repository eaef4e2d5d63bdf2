//! The top line: what this is, who is who, how it is shown, the method, the time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{line, span};
use crate::ui::model::{Model, Screen};
use crate::ui::text::span as length;

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let [one, two] = model.pool();
    let missed: u64 = model.hosts.values().fold(0, |sum, host| sum.saturating_add(host.missed));
    let mut row = vec![span(" baton ", t.owner_tag)];
    let screen = match model.screen {
        Screen::Timing => " TIMING ",
        Screen::Runs => " RUNS ",
        Screen::Preflight { .. } => " PREFLIGHT ",
        Screen::Operate | Screen::Help { .. } => "",
    };
    row.push(span(lang.tr(screen), t.strong));
    if let Some(replay) = &model.replay {
        // Nothing of the present is shown, so nothing of it stands in the header either.
        row.extend([span(" ", t.base), span(lang.tr(" REPLAY "), t.action_tag)]);
        row.extend(ways(model));
        row.push(span(format!(" {}", replay.words(lang)), t.strong));
        line(area, area.y, buf, &Line::from(row));
        return;
    }
    row.extend(ways(model));
    row.push(span(lang.fill(" {0} and {1}", &[&one, &two]), t.strong));
    if let Some(far) = model.config.roles.far_end.as_ref().filter(|_| area.width >= 84) {
        row.push(span(lang.fill(", far end {0}", &[far]), t.dim));
    }
    row.push(span(lang.tr("  method "), t.dim));
    row.push(span(model.method.to_string(), t.strong));
    if model.hold {
        row.push(span(lang.tr(", hold"), t.warn));
    }
    if missed > 0 {
        row.push(span(lang.fill("  telemetry lost {0}", &[&missed]), t.warn));
    }
    line(area, area.y, buf, &Line::from(row));
    let long = model.at.format(" %Y-%m-%d %H:%M:%S UTC").to_string();
    let time = if area.width >= 90 { long } else { model.at.format(" %H:%M:%S UTC").to_string() };
    let x = area.right().saturating_sub(time.len() as u16).max(area.x);
    line(Rect { x, width: area.right() - x, ..area }, area.y, buf, &Line::from(span(time, t.dim)));
}

/// How the screen is shown, where that is not how it usually is.
fn ways<'a>(model: &Model) -> Vec<Span<'a>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let mut tags = Vec::new();
    if let Some(frozen) = &model.frozen {
        let age = length(model.now_ms.saturating_sub(frozen.now_ms) / 1000 * 1000);
        tags.push(span(lang.fill(" FROZEN for {0} ", &[&age]), t.action_tag));
        // What moves behind a picture that stands is said in front of it.
        if let Some((_, progress)) = model.under_way() {
            tags.push(span(lang.fill(" {0} runs now ", &[&progress.order]), t.bad_tag));
        }
    }
    if model.read_only {
        tags.push(span(lang.tr(" READ-ONLY "), t.action_tag));
    }
    if model.privacy {
        tags.push(span(lang.tr(" MASKED "), t.action_tag));
    }
    tags.into_iter().flat_map(|tag| [span(" ", t.base), tag]).collect()
}
