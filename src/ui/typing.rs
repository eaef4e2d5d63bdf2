//! Keys of the filters that are typed in the bottom line, and of the help.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::Action;
use super::filters::TextFilter;
use super::model::Model;
use super::place::Screen;
use super::view;

/// The filter that takes what is typed now.
pub fn typed_into(model: &mut Model) -> Option<&mut TextFilter> {
    let filter = match model.screen {
        Screen::Help { .. } => &mut model.help,
        Screen::Operate => &mut model.log_filter,
        Screen::Pool => &mut model.pool_page.as_mut()?.filter,
        _ => return None,
    };
    Some(filter).filter(|filter| filter.typing)
}

/// Handles every key of the help, and of a filter that is typed; `false` for any other key.
pub fn on_key(model: &mut Model, key: KeyEvent) -> bool {
    if let Some(filter) = typed_into(model) {
        filter.key(key);
        model.log_scroll = 0;
        if let Screen::Help { scroll } = &mut model.screen {
            *scroll = 0;
        }
        return true;
    }
    let Screen::Help { scroll } = model.screen else { return false };
    on_help_key(model, scroll, key);
    true
}

/// Opens the log's filter.
pub fn open_log(model: &mut Model) {
    if model.screen == Screen::Operate {
        model.log_filter.typing = true;
        model.log_scroll = 0;
    } else {
        let operate = model.keys.key(Action::Show(Screen::Operate));
        model.say(protocol::Level::Warning, model.skin.lang.fill("the log is on Operate ({0})", &[&operate]));
    }
}

/// The help is modal: no key of it reaches an action.
fn on_help_key(model: &mut Model, scroll: u16, key: KeyEvent) {
    if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return;
    }
    let page = view::PAGE as u16;
    let scroll = match key.code {
        KeyCode::Char('/') => {
            model.help.typing = true;
            0
        }
        // One step back: the filter, then the help.
        KeyCode::Esc if !model.help.is_empty() => {
            model.help = TextFilter::default();
            0
        }
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('h' | '?' | 'q') => {
            model.screen = model.before_help;
            return;
        }
        KeyCode::Char(key) if [Action::Help, Action::Leave].iter().any(|closes| model.keys.keys(*closes).contains(&key)) => {
            model.screen = model.before_help;
            return;
        }
        KeyCode::Down => scroll.saturating_add(1),
        KeyCode::Up => scroll.saturating_sub(1),
        KeyCode::PageDown | KeyCode::Char(' ') => scroll.saturating_add(page),
        KeyCode::PageUp => scroll.saturating_sub(page),
        KeyCode::Home => 0,
        _ => return,
    };
    model.screen = Screen::Help { scroll };
}
