//! What the drawing helpers were given, for the test that no number on the screen is a cut one. Recorded by thread, while somebody asks.

use std::cell::RefCell;

use ratatui::layout::Rect;

/// Something that was done to the screen.
#[derive(Debug, Clone)]
pub enum Drawn {
    /// A text was drawn from a cell on, in at most so many columns.
    Text { x: u16, y: u16, room: u16, text: String },
    /// A place was emptied.
    Cleared(Rect),
    /// A text was cut before it was drawn.
    Clipped { given: String, shown: String },
}

thread_local! {
    static RECORD: RefCell<Option<Vec<Drawn>>> = const { RefCell::new(None) };
}

/// Does something, and returns what was drawn meanwhile.
pub fn recorded<R>(work: impl FnOnce() -> R) -> (R, Vec<Drawn>) {
    RECORD.set(Some(Vec::new()));
    let result = work();
    (result, RECORD.take().unwrap_or_default())
}

fn add(drawn: impl FnOnce() -> Drawn) {
    RECORD.with_borrow_mut(|record| {
        if let Some(record) = record {
            record.push(drawn());
        }
    });
}

pub fn text(x: u16, y: u16, room: u16, text: impl FnOnce() -> String) {
    add(|| Drawn::Text { x, y, room, text: text() });
}

pub fn cleared(place: Rect) {
    add(|| Drawn::Cleared(place));
}

pub fn clipped(given: &str, shown: &str) {
    add(|| Drawn::Clipped { given: given.to_owned(), shown: shown.to_owned() });
}
