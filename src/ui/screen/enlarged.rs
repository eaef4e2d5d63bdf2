//! One panel as large as the screen: to be read from a distance, and for what a small terminal leaves out.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::model::Model;
use crate::ui::panel::{control, log, phases, probe, radio, routes, server};
use crate::ui::place::PanelName;

/// Draws the panel over an area.
pub fn draw(panel: PanelName, model: &Model, area: Rect, buf: &mut Buffer) {
    let [one, two] = model.pool();
    match panel {
        PanelName::Left => server::draw(model, one, area, buf),
        PanelName::Right => server::draw(model, two, area, buf),
        PanelName::Radio => radio::draw(model, area, buf),
        PanelName::Pings => probe::draw(model, area, buf),
        PanelName::Phases => phases::draw(model, area, buf),
        PanelName::Control => control::draw(model, area, buf),
        PanelName::Routes => routes::draw(model, area, buf),
        PanelName::Log => log::draw(model, area, buf),
    }
}
