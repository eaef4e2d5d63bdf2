//! The screens: which panels stand where.

mod operate;
mod runs;
mod timing;

pub use timing::run_alone;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;

use super::model::{Model, Screen};
use super::panel::{confirm, footer, header, help, line, span};

/// Smallest terminal on which the screen still tells the story, columns and rows.
pub const MINIMUM: (u16, u16) = (60, 16);

/// Draws the whole screen; returns where the cursor stands, if it is shown.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let t = &model.skin.theme;
    buf.set_style(area, t.base);
    if area.width < MINIMUM.0 || area.height < MINIMUM.1 {
        let text = format!("baton needs {} x {}, this is {} x {}", MINIMUM.0, MINIMUM.1, area.width, area.height);
        line(area, area.y + area.height / 2, buf, &Line::from(span(text, t.warn)));
        return None;
    }
    let top = Rect { height: 1, ..area };
    let bottom = Rect { y: area.bottom() - 1, height: 1, ..area };
    let body = Rect { y: area.y + 1, height: area.height - 2, ..area };
    // Where there is room, a blank column on either side keeps the text off the edge.
    let inset = |r: Rect| if area.width >= 100 { Rect { x: r.x + 1, width: r.width - 2, ..r } } else { r };
    let (top, body, bottom) = (inset(top), inset(body), inset(bottom));
    header::draw(model, top, buf);
    match model.screen {
        Screen::Operate => operate::draw(model, body, buf),
        Screen::Timing => timing::draw(model, body, buf),
        Screen::Runs => runs::draw(model, body, buf),
        Screen::Help { scroll } => help::draw(model, scroll, body, buf),
    }
    if let Some(question) = &model.confirm {
        confirm::draw(model, question, body, buf);
    }
    footer::draw(model, bottom, buf).map(|x| Position::new(x, bottom.y))
}
