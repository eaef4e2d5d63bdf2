//! The question in the middle of the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Widget};

use super::{clear, lines, preflight as panel, span};
use crate::ui::action::Action;
use crate::ui::confirm::Confirm;
use crate::ui::model::Model;
use crate::ui::preflight;
use crate::ui::text::{trim, wrap};
use protocol::Order;

/// Widest question, columns: a line that is still read at a glance; with the findings of a migration.
const WIDEST: [u16; 2] = [72, 88];
/// Rows of a screen from which findings without a problem are listed as well.
const ROOMY: u16 = 34;

/// Draws it over `area`.
pub fn draw(model: &Model, confirm: &Confirm, area: Rect, buf: &mut Buffer) {
    let (t, g, lang) = (&model.skin.theme, &model.skin.glyphs, model.skin.lang);
    let migration = confirm.migration();
    let width = WIDEST[usize::from(migration.is_some())].min(area.width);
    let inner = usize::from(width.saturating_sub(6));
    let mut rows: Vec<Line<'_>> = Vec::new();
    // Of several radios the one that it is about.
    let of = model.config.radio_to_tell().filter(|_| confirm.action != Action::Leave);
    let title = of.map_or(confirm.title.clone(), |radio| format!("{radio}: {}", confirm.title));
    rows.extend(wrap(&title, inner).into_iter().map(|text| Line::from(span(format!("  {text}"), t.strong))));
    rows.push(Line::default());
    if let Some(alarm) = &confirm.alarm {
        rows.extend(wrap(alarm, inner).into_iter().map(|text| Line::from(span(format!("  {text}"), t.bad))));
    }
    for text in &confirm.lines {
        rows.extend(wrap(text, inner).into_iter().map(|text| Line::from(span(format!("  {text}"), t.base))));
    }
    if let Some(order) = migration {
        rows.extend(options(model, confirm, order, inner, area.height));
    }
    if let Some((key, _)) = confirm.instead().filter(|_| !model.read_only) {
        rows.push(Line::default());
        let style = if confirm.action == Action::Leave && ends_service(model) { t.bad } else { t.base };
        let (key, text) = (model.keys.key(key), instead(model, confirm.action));
        rows.extend(wrap(&text, inner.saturating_sub(3)).into_iter().enumerate().map(|(i, text)| {
            let mark = if i == 0 { span(format!("  {key}  "), t.key) } else { span("     ", t.base) };
            Line::from(vec![mark, span(text, style)])
        }));
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
    clear(place, buf, t.base);
    let block = Block::bordered().border_set(g.thick).border_style(t.warn).title(span(lang.tr(" ARE YOU SURE? "), t.action_tag));
    let body = block.inner(place);
    block.render(place, buf);
    lines(body, buf, rows);
}

/// Whether the service ends with the destination's controller.
fn ends_service(model: &Model) -> bool {
    let [_, two] = model.pool();
    model.holds_radio(two)
}

/// What else may be chosen on leaving.
fn instead(model: &Model, asked: Action) -> String {
    let ([_, two], lang) = (model.pool(), model.skin.lang);
    match asked {
        Action::Leave if ends_service(model) => lang.fill("end {0}'s controller as well: THE SERVICE STOPS", &[&two]),
        Action::Leave => lang.fill("end {0}'s controller as well", &[&two]),
        _ => lang.fill("leave, and do not end {0}'s controller", &[&two]),
    }
}

/// What stands for and against a migration, what each method is expected to take, and the keys that change how it is done.
fn options<'a>(model: &Model, confirm: &Confirm, order: Order, inner: usize, rows: u16) -> Vec<Line<'a>> {
    let (t, lang) = (&model.skin.theme, model.skin.lang);
    let found = preflight::findings(model, order);
    let indented = |mut row: Line<'a>| {
        row.spans.insert(0, span("  ", t.base));
        row
    };
    let mut out = vec![Line::default(), indented(panel::verdict(model, &found))];
    out.extend(panel::finding_rows(model, &found, inner, rows >= ROOMY).into_iter().map(indented));
    if preflight::blocked(&found) {
        out.push(Line::from(span(format!("  {}", lang.tr("The order would be refused now.")), t.bad)));
    }
    out.push(Line::default());
    let key = |action| model.keys.key(action);
    out.push(Line::from(vec![
        span(format!("  {} ", key(Action::Method)), t.key),
        span(lang.tr("method; expected interruption by phases"), t.base),
    ]));
    out.extend(panel::method_rows(model, order, inner));
    let hold = if model.hold { "hold: stops before the cut, waits for go" } else { "no hold: cuts as soon as it is ready" };
    out.push(Line::from(vec![
        span(format!("  {} ", key(Action::Hold)), t.key),
        span(lang.tr(hold), if model.hold { t.warn } else { t.base }),
    ]));
    if let Some(probe) = model.probe() {
        let text = lang.fill("pings every {0} ms", &[&trim(confirm.interval_ms.unwrap_or(probe.interval_ms))]);
        let style = if confirm.interval_ms.is_some() { t.warn } else { t.base };
        out.push(Line::from(vec![span(format!("  {} ", key(Action::Interval)), t.key), span(text, style)]));
    }
    out
}
