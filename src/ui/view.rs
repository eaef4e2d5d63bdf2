//! How the operator looks at things: enlarge, freeze, scroll, point. None of it reaches a host.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect, Size};

use super::action::{Action, RunsAction};
use super::filters::TextFilter;
use super::model::Model;
use super::panel::history::At;
use super::place::{PanelName, Place, Screen};
use super::pool::keys::{asks, move_radio};
use super::screen;
use protocol::Level;

/// Lines that one turn of the wheel, and one page, move the log.
const WHEEL: usize = 3;
pub const PAGE: usize = 10;

/// Enlarges the radio, or shows all panels again. Timing and Runs have no panels to enlarge.
pub fn zoom(model: &mut Model) {
    if model.screen != Screen::Operate {
        let operate = model.keys.key(Action::Show(Screen::Operate));
        model.say(Level::Warning, model.skin.lang.fill("panels are enlarged on Operate ({0})", &[&operate]));
        return;
    }
    model.zoom = match model.zoom {
        None => Some(PanelName::Radio),
        Some(_) => None,
    };
}

/// Freezes the screen, or continues. The records cannot be frozen: they do not change.
pub fn freeze(model: &mut Model) {
    match model.place() {
        Place::Runs => {
            return model.say(Level::Warning, model.skin.lang.tr("nothing to freeze: the list changes only when it is read again"));
        }
        Place::Replay => {
            let pause = model.keys.key(Action::Runs(RunsAction::Pause));
            return model.say(Level::Warning, model.skin.lang.fill("nothing to freeze: {0} pauses the replay", &[&pause]));
        }
        Place::Pool => {
            let operate = model.keys.key(Action::Show(Screen::Operate));
            return model.say(
                Level::Warning,
                model.skin.lang.fill("the pool is always of now; one radio is frozen on Operate ({0})", &[&operate]),
            );
        }
        Place::Anywhere | Place::Opened => {}
    }
    model.frozen = match model.frozen.take() {
        None => {
            // The records stand still by themselves: thousands of them are not copied.
            let runs = std::mem::take(&mut model.runs);
            let page = model.pool_page.take();
            let copy = model.clone();
            (model.runs, model.pool_page) = (runs, page);
            Some(Box::new(copy))
        }
        Some(_) => None,
    };
}

/// Handles a key that moves the view; `false` for any other key.
pub fn on_key(model: &mut Model, code: KeyCode) -> bool {
    if model.screen == Screen::Timing && code == KeyCode::Esc {
        return model.frozen.take().is_some();
    }
    if model.screen != Screen::Operate {
        return false;
    }
    match (code, model.zoom) {
        (KeyCode::PageUp, _) => scroll(model, PAGE as isize),
        (KeyCode::PageDown, _) => scroll(model, -(PAGE as isize)),
        (KeyCode::Left | KeyCode::Up, Some(panel)) => model.zoom = Some(panel.turn(-1)),
        (KeyCode::Right | KeyCode::Down, Some(panel)) => model.zoom = Some(panel.turn(1)),
        (KeyCode::Esc | KeyCode::Enter, Some(_)) => model.zoom = None,
        (KeyCode::Enter, None) => zoom(model),
        (KeyCode::Esc, None) if model.frozen.is_some() => model.frozen = None,
        (KeyCode::Esc, None) if !model.log_filter.is_empty() => model.log_filter = TextFilter::default(),
        _ => return false,
    }
    true
}

/// The mouse: a click in the bottom line stands for the key there, which is returned; one on a panel enlarges it, and another one puts it
/// back; one on a run chooses it, and another one opens it; one on the head of a column sorts by it, and another one the other way. The wheel
/// scrolls. A question takes no clicks: an order must not start by an accidental click.
pub fn on_mouse(model: &mut Model, event: MouseEvent, size: Size) -> Option<KeyEvent> {
    if model.confirm.is_some() || model.command_line.open || model.leaving || asks(model) {
        return None;
    }
    let (area, at) = (Rect::from((Position::ORIGIN, size)), Position::new(event.column, event.row));
    if event.kind == MouseEventKind::Down(MouseButton::Left) {
        model.dirty = true;
        if let Some(code) = screen::key_at(model, area, at) {
            return Some(KeyEvent::new(code, KeyModifiers::NONE));
        }
        if model.screen == Screen::Runs && model.replay.is_none() {
            let hit = screen::record_at(model, area, at)?;
            return on_record(model, hit).then(|| KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
        }
    }
    let up = event.kind == MouseEventKind::ScrollUp;
    match (event.kind, model.screen) {
        (MouseEventKind::ScrollUp | MouseEventKind::ScrollDown, Screen::Operate) => {
            scroll(model, if up { WHEEL as isize } else { -(WHEEL as isize) });
        }
        (MouseEventKind::ScrollUp | MouseEventKind::ScrollDown, Screen::Help { scroll }) => {
            let scroll = if up { scroll.saturating_sub(WHEEL as u16) } else { scroll.saturating_add(WHEEL as u16) };
            model.screen = Screen::Help { scroll };
        }
        (MouseEventKind::ScrollUp | MouseEventKind::ScrollDown, Screen::Pool) => {
            move_radio(model, if up { -(WHEEL as isize) } else { WHEEL as isize });
        }
        (MouseEventKind::ScrollUp | MouseEventKind::ScrollDown, Screen::Runs) => {
            model.runs.move_by(if up { -(WHEEL as isize) } else { WHEEL as isize });
        }
        (MouseEventKind::Down(MouseButton::Left), Screen::Operate) => {
            model.zoom = match model.zoom {
                Some(_) => None,
                None => screen::panel_at(area, at),
            };
        }
        _ => return None,
    }
    model.dirty = true;
    None
}

/// A click in the list of records; whether it opens the run.
fn on_record(model: &mut Model, hit: At) -> bool {
    match hit {
        At::Head(key) => {
            model.runs.sort_by(key);
            false
        }
        At::Run(row) => {
            let again = model.runs.row() == Some(row);
            model.runs.move_to(row);
            again && !model.runs.typing
        }
    }
}

/// Moves the log towards older lines, or back.
fn scroll(model: &mut Model, lines: isize) {
    let scrolled = |model: &Model| model.log_scroll.saturating_add_signed(lines).min(model.shown_log().len());
    model.log_scroll = scrolled(model);
    // The frozen copy scrolls together with the present log.
    if let Some(mut frozen) = model.frozen.take() {
        frozen.log_scroll = scrolled(&frozen);
        model.frozen = Some(frozen);
    }
}
