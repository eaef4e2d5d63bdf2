//! The Runs screen: the list of recorded runs, the details of one, or several side by side.
//!
//! A small terminal drops, in this order: who ordered, from and to, the gap, the details of the run under the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

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
    let [list, details] = parts(area);
    history::draw(model, list, buf);
    if details.height > 0 {
        history::details(model, details, buf);
    }
}

/// What of the list stands at a place.
pub fn record_at(model: &Model, area: Rect, at: Position) -> Option<history::At> {
    let [list, _] = parts(area);
    (!model.runs.comparing && list.contains(at)).then(|| history::at(model, list, at)).flatten()
}

/// The list, and the details of the run under the cursor.
fn parts(area: Rect) -> [Rect; 2] {
    let details = if area.height >= LIST + history::DETAILS { history::DETAILS } else { 0 };
    let list = Rect { height: area.height.saturating_sub(details), ..area };
    [list, Rect { y: list.bottom(), height: details, ..area }]
}
