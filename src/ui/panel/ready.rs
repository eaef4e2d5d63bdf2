//! A migration that waits for go, large enough to be read from a distance.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Widget};

use super::{centred, clear, lines, span};
use crate::migration::hold::HOLD_LIMIT;
use crate::ui::action::Action;
use crate::ui::big;
use crate::ui::model::Model;
use crate::ui::preflight::ready;
use crate::ui::service;
use crate::ui::text::{clip, duration};

/// The word; in every language, because its letters are drawn.
const WORD: &str = "READY";
/// Times the large size at most.
const MOST: usize = 3;
/// Rows besides the word: frame, who waits, who serves, keys, and blanks between.
const FRAME: u16 = 8;

/// Draws it over the top of an area, if a migration waits.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let Some((_, progress)) = ready(model) else { return };
    let (t, g, lang) = (&model.skin.theme, &model.skin.glyphs, model.skin.lang);
    let trouble = service::down(model);
    let (edge, tag) = if trouble.is_some() { (t.bad, t.bad_tag) } else { (t.warn, t.action_tag) };
    // All of the width: nothing of what it covers is left beside it.
    let width = area.width;
    let room = usize::from(area.height.saturating_sub(FRAME));
    let word = big::largest(WORD, usize::from(width.saturating_sub(4)), room, MOST, g).unwrap_or_else(|| vec![WORD.into()]);
    let height = (word.len() as u16 + FRAME).min(area.height);
    let place = Rect { width, height, ..area };
    let place = place.intersection(buf.area);
    clear(place, buf, t.base);
    let title = lang.fill(" {0} {1} WAITS FOR GO ", &[&progress.order, &progress.method]);
    let block = Block::bordered().border_set(g.thick).border_style(edge).title(span(title, tag));
    let inner = block.inner(place);
    block.render(place, buf);
    let tight = height < word.len() as u16 + FRAME;
    // Sentence and keys before the word, where there are but a few rows.
    let word = if usize::from(inner.height) < word.len() + 3 { Vec::new() } else { word };
    let since = model.ready_ms.map(|seen| duration(model.now_ms.saturating_sub(seen) / 1000 * 1000)).unwrap_or_default();
    let minutes = HOLD_LIMIT.as_secs() / 60;
    let text = |text: String, style| Line::from(span(clip(&text, usize::from(inner.width), g.ellipsis), style));
    let mut rows: Vec<Line<'_>> = if tight { Vec::new() } else { vec![Line::default()] };
    rows.extend(word.into_iter().map(|row| Line::from(span(row, if trouble.is_some() { t.bad } else { t.measured }))));
    rows.extend((!tight).then(Line::default));
    match &trouble {
        Some(service) => {
            rows.push(text(service::word_and_cause(model, service), t.bad));
            let [cancel, recover] = [Action::Cancel, Action::Recover].map(|action| model.keys.key(action));
            rows.push(text(lang.fill("{0} gives the move up, then {1} recovers the service", &[&cancel, &recover]), t.strong));
        }
        None => {
            rows.push(text(lang.fill("{0} is ready to take over; {1} still serves", &[&progress.to, &progress.from]), t.strong))
        }
    }
    let waited = text(lang.fill("seen waiting for {0}; given up after {1} min without go", &[&since, &minutes]), t.dim);
    if !tight && trouble.is_none() {
        rows.extend([waited.clone(), Line::default()]);
    }
    let [go, cancel] = [Action::Go, Action::Cancel].map(|action| model.keys.key(action));
    let keys = vec![
        span(format!(" {go} "), t.owner_tag),
        span(lang.tr(" go: the cut      "), t.strong),
        span(format!(" {cancel} "), t.bad_tag),
        span(lang.tr(" cancel: nothing moves"), t.strong),
    ];
    if !model.read_only {
        rows.push(Line::from(keys));
    }
    rows.extend((tight && trouble.is_none()).then_some(waited));
    lines(inner, buf, rows.into_iter().map(|row| centred(row, inner.width)));
}
