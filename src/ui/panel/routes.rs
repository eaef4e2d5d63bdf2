//! The route table of both sides.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{below, lines, rule, span};
use crate::ui::model::Model;

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    rule(area, buf, &model.skin, lang.tr("ROUTE TABLE"), "destID via nexthop");
    let rows = model.pool().into_iter().map(|host| {
        let routes = model.telemetry(host).map(|x| x.route_list.as_slice()).unwrap_or_default();
        let text: Vec<String> = routes.iter().map(|r| format!("{} via {}", r.dest_id, r.nexthop)).collect();
        let text = match text.is_empty() {
            true if model.replay.is_some() => lang.tr("not in a record").into(),
            true => lang.tr("empty").into(),
            false => text.join(", "),
        };
        Line::from(vec![span(format!("{host:<9} "), t.dim), span(text, t.base)])
    });
    lines(below(area, 1), buf, rows);
}
