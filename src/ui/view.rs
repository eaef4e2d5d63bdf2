//! How the operator looks at things: enlarge, freeze, scroll, point. None of it reaches a host.

use crossterm::event::{KeyCode, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect, Size};

use super::action::{Action, RunsAction};
use super::model::Model;
use super::place::{PanelName, Place, Screen};
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
        Place::Anywhere | Place::Opened => {}
    }
    model.frozen = match model.frozen.take() {
        None => {
            // The records stand still by themselves: thousands of them are not copied.
            let runs = std::mem::take(&mut model.runs);
            let copy = model.clone();
            model.runs = runs;
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
        _ => return false,
    }
    true
}

/// The mouse: a click enlarges the panel under it, and another one puts it back; the wheel scrolls log and help. A question takes
/// no clicks: an order must not start by an accidental click.
pub fn on_mouse(model: &mut Model, event: MouseEvent, size: Size) {
    if model.confirm.is_some() || model.command_line.open || model.leaving {
        return;
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
        (MouseEventKind::ScrollUp | MouseEventKind::ScrollDown, Screen::Runs) => {
            model.runs.move_by(if up { -(WHEEL as isize) } else { WHEEL as isize });
        }
        (MouseEventKind::Down(MouseButton::Left), Screen::Operate) => {
            let area = Rect::from((Position::ORIGIN, size));
            model.zoom = match model.zoom {
                Some(_) => None,
                None => screen::panel_at(area, Position::new(event.column, event.row)),
            };
        }
        _ => return,
    }
    model.dirty = true;
}

/// Moves the log towards older lines, or back.
fn scroll(model: &mut Model, lines: isize) {
    let scrolled = |model: &Model| model.log_scroll.saturating_add_signed(lines).min(model.log.len());
    model.log_scroll = scrolled(model);
    // The frozen copy scrolls together with the present log.
    if let Some(mut frozen) = model.frozen.take() {
        frozen.log_scroll = scrolled(&frozen);
        model.frozen = Some(frozen);
    }
}
