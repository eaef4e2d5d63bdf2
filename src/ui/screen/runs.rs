//! The Runs screen: the list of recorded runs, the details of one, or several side by side.
//!
//! A small terminal drops, in this order: who ordered, from and to, the gap, the details of the run under the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::model::Model;
use crate::ui::panel::{comparison, history};

/// Rows of the list that are kept before the details are shown.
const LIST: u16 = 12;

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    if model.runs.comparing {
        comparison::draw(model, area, buf);
        return;
    }
    let details = if area.height >= LIST + history::DETAILS { history::DETAILS } else { 0 };
    let list = Rect { height: area.height - details, ..area };
    history::draw(model, list, buf);
    if details > 0 {
        history::details(model, Rect { y: list.bottom(), height: details, ..area }, buf);
    }
}
