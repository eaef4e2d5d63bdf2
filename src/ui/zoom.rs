//! One panel as large as the screen: for the back row, and for what a small terminal has dropped.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::model::Model;
use super::panel::{control, log, phases, probe, radio, routes, server};

/// A panel of the Operate screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    /// The initiator.
    Left,
    /// The radio and the story.
    Radio,
    /// The destination.
    Right,
    /// The far end's pings.
    Pings,
    /// The phases.
    Phases,
    /// The control variables.
    Control,
    /// The route table.
    Routes,
    /// The log.
    Log,
}

impl Panel {
    /// All, in the order of the screen.
    pub const ALL: [Self; 8] =
        [Self::Left, Self::Radio, Self::Right, Self::Pings, Self::Phases, Self::Control, Self::Routes, Self::Log];

    /// The panel so many places further on, round and round.
    pub fn turn(self, places: isize) -> Self {
        let here = Self::ALL.iter().position(|panel| *panel == self).unwrap_or(0) as isize;
        Self::ALL[(here + places).rem_euclid(Self::ALL.len() as isize) as usize]
    }

    /// Draws it over an area.
    pub fn draw(self, model: &Model, area: Rect, buf: &mut Buffer) {
        let [one, two] = model.pool();
        match self {
            Self::Left => server::draw(model, one, area, buf),
            Self::Right => server::draw(model, two, area, buf),
            Self::Radio => radio::draw(model, area, buf),
            Self::Pings => probe::draw(model, area, buf),
            Self::Phases => phases::draw(model, area, buf),
            Self::Control => control::draw(model, area, buf),
            Self::Routes => routes::draw(model, area, buf),
            Self::Log => log::draw(model, area, buf),
        }
    }
}
