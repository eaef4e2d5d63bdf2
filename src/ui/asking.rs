//! Questions: when one is asked, what may be chosen in it, and what a yes and a no do. A no leaves everything as it was before.

use crossterm::event::KeyCode;

use super::action::{self, Action};
use super::confirm::Confirm;
use super::methods::next_method;
use super::model::Model;
use super::msg::Effect;
use super::ordering;
use super::performing::{perform, refuse};
use super::place::{Place, Screen};
use super::plans;
use super::pool::keys::{Acted, act};
use super::possible;
use super::questions;
use protocol::Level;

/// Performs an action, or asks first, or says why it is not possible now.
pub fn confirm_or_perform(model: &mut Model, action: Action) -> Vec<Effect> {
    if refuse(model, action) {
        return Vec::new();
    }
    if model.screen != Screen::Pool || model.pool_page.is_none() {
        return confirm_or_perform_for_radio(model, action);
    }
    match act(model, action) {
        Acted::Done(effects) => effects,
        Acted::As(action) => confirm_or_perform_for_radio(model, action),
    }
}

/// The same for the radio that the screens are about.
pub fn confirm_or_perform_for_radio(model: &mut Model, action: Action) -> Vec<Effect> {
    if let Some(refusal) = possible::refusal(model, action) {
        let name = action::entry(action).map_or("", |entry| entry.label);
        let text = model.skin.lang.fill("{0} was not ordered: {1}", &[&name, &refusal.sentence()]);
        model.say(Level::Warning, text);
        return Vec::new();
    }
    let dangerous = action::entry(action).is_some_and(|entry| entry.dangerous);
    match dangerous.then(|| questions::before(action, model)).flatten() {
        Some(confirm) => ask(model, confirm),
        None => perform(model, action),
    }
}

/// Asks a question.
fn ask(model: &mut Model, confirm: Confirm) -> Vec<Effect> {
    // What the plans say may have changed since they were last asked for.
    let plans = confirm.migration().map_or_else(Vec::new, |order| plans::request_all(model, order));
    let before = confirm.migration().map(|_| (model.method, model.hold));
    model.confirm = Some(Confirm { before, ..confirm });
    model.asked_ms = Some(model.now_ms);
    plans
}

/// A key while a question is open; what does not answer it leaves it open.
pub fn on_key(model: &mut Model, confirm: Confirm, code: KeyCode) -> Vec<Effect> {
    match code {
        KeyCode::Enter | KeyCode::Char('y' | 'Y') => yes(model, &confirm),
        KeyCode::Esc | KeyCode::Char('n' | 'N') => {
            (model.method, model.hold) = confirm.before.unwrap_or((model.method, model.hold));
            Vec::new()
        }
        code => on_option(model, confirm, code),
    }
}

fn yes(model: &mut Model, confirm: &Confirm) -> Vec<Effect> {
    match (confirm.migration(), confirm.interval_ms) {
        // The pings of a run are counted under one interval: it changes before the run begins.
        (Some(order), Some(ms)) => ordering::interval_before(model, order, ms),
        _ => perform(model, confirm.action),
    }
}

/// What may be chosen in a question: how a migration is done, and what else is done on leaving.
fn on_option(model: &mut Model, mut confirm: Confirm, code: KeyCode) -> Vec<Effect> {
    let KeyCode::Char(key) = code else { return keep(model, confirm) };
    let migrates = confirm.migration().is_some();
    match model.keys.entry(key, Place::Anywhere).map(|entry| entry.action) {
        // A question can be shown to others, too.
        Some(Action::Export) => {
            keep(model, confirm);
            return vec![Effect::Export];
        }
        Some(Action::Method) if migrates => model.method = next_method(model.form(), model.method),
        Some(Action::Hold) if migrates => model.hold = !model.hold,
        Some(Action::Interval) if migrates => match ordering::next_interval(model, confirm.interval_ms) {
            Ok(ms) => confirm.interval_ms = Some(ms),
            Err(text) => model.say(Level::Warning, text),
        },
        Some(action) => {
            return match confirm.instead().filter(|(key, _)| *key == action && !model.read_only) {
                Some((_, instead)) => {
                    let asked = questions::before(instead, model).filter(|asked| asked.action != confirm.action);
                    match asked {
                        Some(asked) => ask(model, asked),
                        None => perform(model, instead),
                    }
                }
                None => keep(model, confirm),
            };
        }
        None => return keep(model, confirm),
    }
    // The question says what will happen, so it is written again.
    if let Some(again) = questions::before(confirm.action, model) {
        model.confirm = Some(Confirm { before: confirm.before, interval_ms: confirm.interval_ms, ..again });
        model.asked_ms = Some(model.now_ms);
    }
    Vec::new()
}

fn keep(model: &mut Model, confirm: Confirm) -> Vec<Effect> {
    model.confirm = Some(confirm);
    Vec::new()
}
