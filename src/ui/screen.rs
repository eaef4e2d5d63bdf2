//! The screens: which panels stand where.

mod enlarged;
mod operate;
mod pool;
mod runs;
mod timing;

pub use timing::run_alone;

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;

use super::model::Model;
use super::panel::{confirm, footer, header, help, history, line, pool_dialog, preflight, span};
use super::place::{PanelName, Screen};
use super::privacy;
use super::text::ELLIPSIS;
use super::theme::Glyphs;

/// Smallest terminal on which the screen still tells the story, columns and rows.
pub const MINIMUM: (u16, u16) = (60, 16);

/// Draws the whole screen; returns where the cursor stands, if it is shown.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let t = &model.skin.theme;
    buf.set_style(area, t.base);
    if area.width < MINIMUM.0 || area.height < MINIMUM.1 {
        let sizes: [&dyn std::fmt::Display; 4] = [&MINIMUM.0, &MINIMUM.1, &area.width, &area.height];
        let text = model.skin.lang.fill("baton needs {0} x {1}, this is {2} x {3}", &sizes);
        line(area, area.y + area.height / 2, buf, &Line::from(span(text, t.warn)));
        return None;
    }
    let [top, body, bottom] = parts(area);
    header::draw(model, top, buf);
    // A frozen screen shows a copy; the view and the questions belong to the present.
    let shown = model.frozen.as_deref().unwrap_or(model);
    match (model.screen, model.zoom) {
        (Screen::Operate, Some(panel)) => enlarged::draw(panel, shown, body, buf),
        (Screen::Operate, None) => operate::draw(shown, body, buf),
        (Screen::Timing, _) => timing::draw(shown, body, buf),
        (Screen::Runs, _) => runs::draw(model, body, buf),
        (Screen::Pool, _) => pool::draw(model, body, buf),
        (Screen::Preflight { order, scroll }, _) => preflight::draw(model, order, scroll, body, buf),
        (Screen::Help { scroll }, _) => help::draw(model, scroll, body, buf),
    }
    if let Some(dialog) = model.pool_page.as_ref().and_then(|page| page.dialog.as_ref()).filter(|_| model.screen == Screen::Pool) {
        pool_dialog::draw(model, dialog, body, buf);
    }
    if let Some(question) = &model.confirm {
        confirm::draw(model, question, body, buf);
    }
    let cursor = footer::draw(model, bottom, buf).map(|x| Position::new(x, bottom.y));
    if model.privacy {
        privacy::mask(buf, area, &model.names());
    }
    show_controls(buf);
    if model.skin.glyphs.ascii {
        to_ascii(buf, &model.skin.glyphs);
    }
    cursor
}

/// Whatever hosts have said: a terminal that has but ASCII gets no other character.
fn to_ascii(buf: &mut Buffer, glyphs: &Glyphs) {
    for cell in buf.content.iter_mut().filter(|cell| !cell.symbol().is_ascii()) {
        let mark = if cell.symbol() == ELLIPSIS { glyphs.ellipsis } else { "?" };
        cell.set_symbol(mark);
    }
}

/// The last look at the finished cells: whatever a panel has put there, nothing in them acts on the terminal or on a picture's reader.
pub fn show_controls(buf: &mut Buffer) {
    for cell in buf.content.iter_mut().filter(|cell| cell.symbol().contains(output::acts)) {
        cell.set_symbol("?");
    }
}

/// Header, body and footer of a screen.
fn parts(area: Rect) -> [Rect; 3] {
    // Where there is room, a blank column on either side keeps the text off the edge.
    let area = if area.width >= 100 { Rect { x: area.x + 1, width: area.width - 2, ..area } } else { area };
    let top = Rect { height: 1, ..area };
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area };
    [top, body, Rect { y: area.bottom().saturating_sub(1), ..top }]
}

/// The key that stands in the bottom line at a place of the terminal.
pub fn key_at(model: &Model, area: Rect, at: Position) -> Option<KeyCode> {
    let [_, _, bottom] = parts(area);
    (at.y == bottom.y && area.width >= MINIMUM.0 && area.height >= MINIMUM.1).then(|| footer::key_at(model, bottom, at.x)).flatten()
}

/// What of the list of records stands at a place of the terminal.
pub fn record_at(model: &Model, area: Rect, at: Position) -> Option<history::At> {
    let [_, body, _] = parts(area);
    runs::record_at(model, body, at)
}

/// The panel of the Operate screen at a place of the terminal.
pub fn panel_at(area: Rect, at: Position) -> Option<PanelName> {
    let [_, body, _] = parts(area);
    operate::panel_at(body, at).filter(|_| area.width >= MINIMUM.0 && area.height >= MINIMUM.1)
}
