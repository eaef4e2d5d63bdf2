//! What every message does to the model. Pure: work outside the model is returned as effects.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::action::Action;
use super::arguments::{Arguments, CopyWhat};
use super::asking;
use super::command_line::Typed;
use super::copy::copy;
use super::model::Model;
use super::msg::{Effect, Heard, LinkState, Msg};
use super::ordering::{self, log_failure};
use super::outcomes;
use super::performing::{READ_ONLY, open_preflight, refuse};
use super::place::{Place, Screen};
use super::plans;
use super::pool::keys::Keyed;
use super::pool::{self, radios};
use super::preflight;
use super::questions;
use super::recent;
use super::reload;
use super::runs;
use super::service;
use super::typing;
use super::view;
use protocol::Level;

/// A question takes no key for so long after it was asked or changed: two frames, and less than between two keys of a person who reads.
const UNREAD_MS: u64 = 100;

/// Handles one message.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(key) => return on_key(model, key),
        Msg::Paste(text) if model.command_line.open => {
            model.command_line.paste(&text);
            model.dirty = true;
        }
        Msg::Paste(text) if model.screen == Screen::Runs && model.runs.typing => {
            model.runs.paste(&text);
            model.dirty = true;
        }
        Msg::Paste(text) => {
            if let Some(filter) = typing::typed_into(model) {
                filter.paste(&text);
                model.dirty = true;
            }
        }
        Msg::Mouse(event, size) => {
            return view::on_mouse(model, event, size).map_or_else(Vec::new, |key| on_key(model, key));
        }
        Msg::Resize => model.dirty = true,
        Msg::Tick { now_ms, at } => return radios::tick(model, (now_ms, at), on_tick),
        Msg::Heard(heard) if model.has_others() => return radios::hear(model, heard, &on_heard),
        Msg::Heard(heard) => return on_heard(model, heard),
        Msg::OfRadio(radio, msg) => return of_radio(model, &radio, *msg),
        Msg::Answer { purpose, host, result } => return ordering::answered(model, purpose, &host, result),
        Msg::RunsLoaded(result) => {
            model.runs.loaded(result, model.at);
            model.dirty = true;
        }
        Msg::Exported(Ok(written)) => {
            let files = written.files;
            let first = files.first().map(|f| f.display().to_string()).unwrap_or_default();
            let also: Vec<String> = files.iter().skip(1).filter_map(|f| f.extension()).map(|e| e.display().to_string()).collect();
            let also = also.join(model.skin.lang.tr(" and ."));
            model.say(Level::Info, model.skin.lang.fill("this screen is in {0}, also as .{1}", &[&first, &also]));
            if written.missing_glyphs {
                let text = "the PNG lacks characters: no font of this machine has them; SVG and text are complete";
                model.say(Level::Warning, model.skin.lang.tr(text).to_owned());
            }
        }
        Msg::SettingsSaved(result) => return reload::saved(model, result),
        Msg::Exported(Err(failure)) => log_failure(model, model.skin.lang.tr("export failed"), &failure),
    }
    Vec::new()
}

/// A message for one radio. What it tells of an errand of the whole pool is read first.
fn of_radio(model: &mut Model, radio: &str, msg: Msg) -> Vec<Effect> {
    let told = pool::errands::told(model, radio, &msg);
    let mut effects = radios::of(model, radio, |model| update(model, msg));
    if let Some(told) = told {
        effects.extend(pool::errands::go_on(model, radio, told));
    }
    effects
}

fn on_tick(model: &mut Model, now_ms: u64, at: chrono::DateTime<chrono::Utc>) -> Vec<Effect> {
    // The clock and the ages on the screen count seconds; elapsed times of a run move with its telemetry.
    model.dirty |= at.timestamp() != model.at.timestamp();
    // A question that names an age tells the present one, and one whose server is heard again says so.
    let asked = model.confirm.as_ref().map(|question| question.action).filter(|_| model.dirty);
    model.now_ms = now_ms;
    model.at = at;
    let effects = service::note_change(model);
    if asked == Some(Action::Failover) {
        model.confirm = Some(questions::failover(model));
    }
    model.dirty |= model.replay.as_mut().is_some_and(|replay| replay.tick(now_ms));
    effects
}

fn on_heard(model: &mut Model, heard: Heard) -> Vec<Effect> {
    match heard {
        Heard::Telemetry(telemetry) => {
            let host = telemetry.host.clone();
            let before = model.hear(telemetry);
            model.follow_the_work();
            end_replay_for_the_present(model);
            let seen = model.ready_ms.unwrap_or(model.now_ms);
            model.ready_ms = preflight::ready(model).map(|_| seen);
            let mut effects = service::note_change(model);
            effects.extend(plans::request_after(model, &host, before.as_deref()));
            return effects;
        }
        // An outcome is told once: whoever ordered it has it from the record.
        Heard::Event(event) if outcomes::is_said(model, &event) => {}
        Heard::Event(event) => {
            let alert = event.alert.then(|| model.skin.lang.said(&event.text));
            model.log(event);
            return alert.map(Effect::Notify).into_iter().collect();
        }
        Heard::Link { host, state } => {
            let Some(view) = model.hosts.get_mut(&host) else { return Vec::new() };
            view.link = state;
            model.dirty = true;
            // At every connection, because what was said before it was not heard; not when a silent host speaks again.
            view.remembers &= !matches!(state, LinkState::Connecting | LinkState::Retrying { .. });
            if state == LinkState::Connected && !std::mem::replace(&mut view.remembers, true) {
                return vec![recent::request(&host)];
            }
            let trouble = match state {
                LinkState::Silent { .. } => "{0}'s agent is silent",
                LinkState::Retrying { .. } => "{0}'s agent cannot be reached",
                LinkState::Connecting | LinkState::Connected => return Vec::new(),
            };
            // Logged once: the box of the host counts the seconds.
            if !std::mem::replace(&mut view.reported_down, true) {
                model.say(Level::Warning, model.skin.lang.fill(trouble, &[&host]));
            }
        }
    }
    Vec::new()
}

fn on_key(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    // Always, in every dialog: the ways out without a question.
    match key.code {
        KeyCode::Char('c' | 'C') if key.modifiers.contains(KeyModifiers::CONTROL) => return vec![Effect::Leave],
        KeyCode::Char('z' | 'Z') if key.modifiers.contains(KeyModifiers::CONTROL) => return vec![Effect::Suspend],
        _ => {}
    }
    model.dirty = true;
    if model.leaving {
        return Vec::new();
    }
    let asks = pool::keys::asks(model);
    if (model.confirm.is_some() || asks) && is_unread(model) {
        return Vec::new();
    }
    if let Some(confirm) = model.confirm.take() {
        return asking::on_key(model, confirm, key.code);
    }
    if asks {
        let keyed = pool::keys::on_dialog_key(model, key.code);
        return on_pool(model, keyed).unwrap_or_default();
    }
    if model.command_line.open {
        return match model.command_line.key(key) {
            Typed::Command(action, arguments) => on_typed(model, action, &arguments),
            Typed::More => Vec::new(),
        };
    }
    if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return Vec::new();
    }
    if typing::on_key(model, key) {
        return Vec::new();
    }
    if let Some(effects) = runs::keys::on_key(model, key) {
        return effects;
    }
    pool::keys::settle(model);
    let keyed = pool::keys::on_key(model, key);
    if let Some(effects) = on_pool(model, keyed) {
        return effects;
    }
    if on_preflight_key(model, key.code) || view::on_key(model, key.code) {
        return Vec::new();
    }
    match key.code {
        KeyCode::Tab => on_char(model, '\t'),
        KeyCode::Char(c) => on_char(model, c),
        KeyCode::Esc => {
            step_back(model);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// What a key of the Pool page leads to; `None` where it is none.
fn on_pool(model: &mut Model, keyed: Keyed) -> Option<Vec<Effect>> {
    match keyed {
        Keyed::No => None,
        Keyed::Done(effects) => Some(effects),
        Keyed::Order(order) => Some(asking::confirm_or_perform_for_radio(model, Action::Order(order))),
    }
}

/// Whether the question is so new that nobody can mean it yet: the key came with the one that asked, as in pasted text. Each such key starts the time anew.
fn is_unread(model: &mut Model) -> bool {
    model.asked_ms = model.asked_ms.filter(|asked| model.now_ms < asked.saturating_add(UNREAD_MS)).map(|_| model.now_ms);
    model.asked_ms.is_some()
}

/// Handles a key that scrolls or closes the preflight screen; `false` for any other key.
fn on_preflight_key(model: &mut Model, code: KeyCode) -> bool {
    let Screen::Preflight { order, scroll } = model.screen else { return false };
    let rows = match code {
        KeyCode::Down => 1,
        KeyCode::Up => -1,
        KeyCode::PageDown => view::PAGE as i16,
        KeyCode::PageUp => -(view::PAGE as i16),
        KeyCode::Esc => {
            model.screen = model.before_help;
            // The method was named to look at it, not to use it.
            model.method = model.before_look.take().unwrap_or(model.method);
            return true;
        }
        _ => return false,
    };
    model.screen = Screen::Preflight { order, scroll: scroll.saturating_add_signed(rows) };
    true
}

/// A typed command with its arguments.
fn on_typed(model: &mut Model, action: Action, words: &Arguments) -> Vec<Effect> {
    if refuse(model, action) {
        return Vec::new();
    }
    let before = (model.method, model.hold);
    model.method = words.method.unwrap_or(model.method);
    model.hold |= words.hold;
    match action {
        Action::Method if words.method.is_some() => {
            model.say(Level::Info, model.skin.lang.fill("the next migration will be {0}", &[&model.method]));
            Vec::new()
        }
        Action::Interval if words.interval_ms.is_some() => ordering::interval(model, words.interval_ms),
        Action::Check | Action::Plan => {
            model.before_look = words.method.map(|_| before.0);
            open_preflight(model, words.order)
        }
        Action::Copy => copy(model, words.copy.unwrap_or(CopyWhat::Run)),
        _ => {
            let effects = asking::confirm_or_perform(model, action);
            let chooses = pool::keys::asks(model);
            match &mut model.confirm {
                Some(question) => question.before = Some(before),
                // Refused: nothing was ordered, and nothing is changed.
                None if effects.is_empty() && matches!(action, Action::Order(_)) && !chooses => (model.method, model.hold) = before,
                None => {}
            }
            effects
        }
    }
}

/// A key that may stand for an action here.
fn on_char(model: &mut Model, key: char) -> Vec<Effect> {
    if let Some(entry) = model.keys.entry(key, model.place()) {
        return asking::confirm_or_perform(model, entry.action);
    }
    let elsewhere = model.keys.entry(key, Place::Anywhere).filter(|_| model.screen == Screen::Runs);
    if let Some(entry) = elsewhere {
        if model.may(entry.action) {
            let [operate, timing] = [Screen::Operate, Screen::Timing].map(|screen| model.keys.key(Action::Show(screen)));
            let text = match entry.action {
                Action::FilterLog => "the log is on Operate ({0})",
                _ => "orders are given on Operate ({0}), on Timing ({1}) or typed at :",
            };
            model.say(Level::Warning, model.skin.lang.fill(text, &[&operate, &timing]));
        } else {
            model.say(Level::Warning, model.skin.lang.tr(READ_ONLY));
        }
    }
    Vec::new()
}

/// Esc: one step back. A run that was opened from the records goes back to them, a radio to its pool.
fn step_back(model: &mut Model) {
    if model.screen == Screen::Operate && model.has_others() {
        model.screen = Screen::Pool;
        return;
    }
    model.screen = if model.screen == Screen::Timing && model.opened.take().is_some() { Screen::Runs } else { Screen::Operate };
}

/// A migration under way is never hidden behind a replay.
fn end_replay_for_the_present(model: &mut Model) {
    let Some(text) =
        model.really_under_way().map(|p| model.skin.lang.fill("{0} is under way on {1}: the replay is ended", &[&p.order, &p.to]))
    else {
        return;
    };
    if model.replay.take().is_some() {
        model.say(Level::Warning, text);
    }
}
