//! The question in the middle of the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Widget};

use super::{lines, span};
use crate::ui::confirm::Confirm;
use crate::ui::model::Model;
use crate::ui::text::wrap;

/// Widest question, columns: a line that is still read at a glance.
const WIDEST: u16 = 72;

/// Draws it over `area`.
pub fn draw(model: &Model, confirm: &Confirm, area: Rect, buf: &mut Buffer) {
    let (t, g, lang) = (&model.skin.theme, &model.skin.glyphs, model.skin.lang);
    let width = WIDEST.min(area.width);
    let inner = usize::from(width.saturating_sub(6));
    let mut rows: Vec<Line<'_>> = Vec::new();
    rows.extend(wrap(&confirm.title, inner).into_iter().map(|text| Line::from(span(format!("  {text}"), t.strong))));
    rows.push(Line::default());
    for text in &confirm.lines {
        rows.extend(wrap(text, inner).into_iter().map(|text| Line::from(span(format!("  {text}"), t.base))));
    }
    rows.push(Line::default());
    rows.push(Line::from(vec![
        span("  Enter", t.key),
        span(lang.tr(" or "), t.dim),
        span("y", t.key),
        span(lang.tr(" yes      "), t.base),
        span("Esc", t.key),
        span(lang.tr(" or "), t.dim),
        span("n", t.key),
        span(lang.tr(" no"), t.base),
    ]));
    let height = (rows.len() as u16 + 2).min(area.height);
    let place =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }.intersection(buf.area);
    Clear.render(place, buf);
    buf.set_style(place, t.base);
    let block = Block::bordered().border_set(g.thick).border_style(t.warn).title(span(lang.tr(" ARE YOU SURE? "), t.action_tag));
    let body = block.inner(place);
    block.render(place, buf);
    lines(body, buf, rows);
}
