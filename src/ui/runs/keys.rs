//! What the keys of the Runs screen and of a replay do.

use crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

use super::replay::Replay;
use super::{LONGEST, Loading};
use crate::ui::action::RunsAction;
use crate::ui::model::Model;
use crate::ui::msg::Effect;
use crate::ui::place::Screen;
use crate::ui::timeline;
use protocol::Level;

/// Rows of a page.
const PAGE: isize = 10;

/// Handles a key that moves the cursor on the Runs screen or goes to the filter; `None` for any other key.
pub fn on_key(model: &mut Model, key: KeyEvent) -> Option<Vec<Effect>> {
    if let Some(replay) = &mut model.replay {
        match key.code {
            KeyCode::Left => replay.seek(false),
            KeyCode::Right => replay.seek(true),
            // First the enlarged panel goes, then the replay.
            KeyCode::Esc if model.screen != Screen::Operate || model.zoom.is_none() => {
                model.replay = None;
                model.screen = Screen::Runs;
            }
            _ => return None,
        }
        return Some(Vec::new());
    }
    if model.screen != Screen::Runs {
        return None;
    }
    if model.runs.typing {
        type_filter(model, key);
        return Some(Vec::new());
    }
    let runs = &mut model.runs;
    match key.code {
        KeyCode::Down => runs.move_by(1),
        KeyCode::Up => runs.move_by(-1),
        KeyCode::PageDown => runs.move_by(PAGE),
        KeyCode::PageUp => runs.move_by(-PAGE),
        KeyCode::Home => runs.move_by(isize::MIN),
        KeyCode::End => runs.move_by(isize::MAX),
        KeyCode::Enter => open(model),
        KeyCode::Esc => back(model),
        _ => return None,
    }
    Some(Vec::new())
}

fn type_filter(model: &mut Model, key: KeyEvent) {
    let runs = &mut model.runs;
    match key.code {
        KeyCode::Enter => runs.typing = false,
        KeyCode::Esc => {
            runs.typing = false;
            runs.input.reset();
            runs.apply_filter();
        }
        KeyCode::Char(_) if runs.input.value().chars().count() >= LONGEST => {}
        _ => {
            runs.input.handle_event(&Event::Key(key));
            runs.apply_filter();
        }
    }
}

/// One step back: from the comparison, from the marks, from the filter, from the screen.
fn back(model: &mut Model) {
    let runs = &mut model.runs;
    if runs.comparing {
        runs.comparing = false;
    } else if runs.marks() > 0 {
        runs.marked.clear();
    } else if !runs.filter.is_empty() || runs.complaint.is_some() {
        runs.input.reset();
        runs.apply_filter();
    } else {
        model.screen = Screen::Operate;
    }
}

/// Shows the run under the cursor on the Timing screen.
fn open(model: &mut Model) {
    let Some(record) = model.runs.selected().cloned() else { return };
    model.opened = Some(timeline::finished(record));
    model.screen = Screen::Timing;
}

/// Does an action.
pub fn perform(model: &mut Model, action: RunsAction) -> Vec<Effect> {
    let runs = &mut model.runs;
    match action {
        RunsAction::Filter => {
            runs.typing = true;
            runs.comparing = false;
        }
        RunsAction::SortRight | RunsAction::SortLeft => {
            runs.sort = runs.sort.step(if action == RunsAction::SortRight { 1 } else { -1 });
            runs.arrange();
        }
        RunsAction::Invert => {
            runs.reverse = !runs.reverse;
            runs.arrange();
        }
        RunsAction::Mark => {
            runs.mark();
            runs.refresh();
        }
        RunsAction::Compare => {
            runs.comparing = !runs.comparing;
            runs.refresh();
        }
        RunsAction::Group => {
            runs.by = runs.by.next();
            runs.refresh();
        }
        RunsAction::Reload => return load(model),
        RunsAction::Replay => {
            let opened = model.opened.as_ref().filter(|_| model.screen == Screen::Timing).and_then(|p| p.record.as_ref());
            let record = opened.or_else(|| model.runs.selected()).cloned();
            if record.as_ref().is_some_and(|record| !record.began()) {
                model.say(
                    Level::Warning,
                    model.skin.lang.tr("refused, or cancelled before its first step: there is nothing to play"),
                );
            } else if let Some(record) = record {
                model.replay = Some(Replay::new(record, model.now_ms));
                model.frozen = None;
                model.screen = Screen::Timing;
            }
        }
        RunsAction::Pause | RunsAction::Faster | RunsAction::Slower => {
            let Some(replay) = &mut model.replay else { return Vec::new() };
            match action {
                RunsAction::Pause => replay.pause(),
                RunsAction::Faster => replay.faster(),
                _ => replay.slower(),
            }
        }
    }
    Vec::new()
}

/// Has the records read, unless that is under way.
pub fn load(model: &mut Model) -> Vec<Effect> {
    if model.runs.loading == Loading::UnderWay {
        return Vec::new();
    }
    model.runs.loading = Loading::UnderWay;
    vec![Effect::LoadRuns]
}
