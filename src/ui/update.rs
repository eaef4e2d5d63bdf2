//! What every message does to the model. Pure: work outside the model is returned as effects.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::action::{self, Action};
use super::arguments::{Arguments, CopyWhat};
use super::command_line::Typed;
use super::confirm::Confirm;
use super::copy::copy;
use super::methods::next_method;
use super::model::Model;
use super::msg::{Effect, Heard, LinkState, Msg, Purpose};
use super::ordering::{self, log_failure};
use super::place::{Place, Screen};
use super::plans;
use super::preflight;
use super::questions;
use super::reload;
use super::runs;
use super::service;
use super::view;
use protocol::{Level, Order};

/// Logged when a read-only console is asked to change a host.
const READ_ONLY: &str = "this console is read-only: nothing was sent";

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
        Msg::Paste(text) if model.runs.typing => {
            model.runs.paste(&text);
            model.dirty = true;
        }
        Msg::Paste(_) => {}
        Msg::Mouse(event, size) => view::on_mouse(model, event, size),
        Msg::Resize => model.dirty = true,
        Msg::Tick { now_ms, at } => return on_tick(model, now_ms, at),
        Msg::Heard(heard) => return on_heard(model, heard),
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
            end_replay_for_the_present(model);
            let seen = model.ready_ms.unwrap_or(model.now_ms);
            model.ready_ms = preflight::ready(model).map(|_| seen);
            let mut effects = service::note_change(model);
            effects.extend(plans::request_after(model, &host, before.as_deref()));
            return effects;
        }
        Heard::Event(event) => model.log(event),
        Heard::Link { host, state } => {
            let Some(view) = model.hosts.get_mut(&host) else { return Vec::new() };
            view.link = state;
            model.dirty = true;
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
    if model.confirm.is_some() && is_unread(model) {
        return Vec::new();
    }
    if let Some(confirm) = model.confirm.take() {
        return on_confirm_key(model, confirm, key.code);
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
    if let Screen::Help { scroll } = model.screen {
        on_help_key(model, scroll, key.code);
        return Vec::new();
    }
    if let Some(effects) = runs::keys::on_key(model, key) {
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

/// Whether the question is so new that nobody can mean it yet: the key came with the one that asked, as in pasted text. Each such key starts the time anew.
fn is_unread(model: &mut Model) -> bool {
    model.asked_ms = model.asked_ms.filter(|asked| model.now_ms < asked.saturating_add(UNREAD_MS)).map(|_| model.now_ms);
    model.asked_ms.is_some()
}

/// A key while a question is open; what does not answer it leaves it open.
fn on_confirm_key(model: &mut Model, confirm: Confirm, code: KeyCode) -> Vec<Effect> {
    match code {
        KeyCode::Enter | KeyCode::Char('y' | 'Y') => perform(model, confirm.action),
        KeyCode::Esc | KeyCode::Char('n' | 'N') => Vec::new(),
        code => {
            model.confirm = Some(confirm);
            on_option_key(model, code)
        }
    }
}

fn on_help_key(model: &mut Model, scroll: u16, code: KeyCode) {
    model.screen = match code {
        KeyCode::Down => Screen::Help { scroll: scroll.saturating_add(1) },
        KeyCode::Up => Screen::Help { scroll: scroll.saturating_sub(1) },
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('h' | '?' | 'q') => model.before_help,
        _ => model.screen,
    };
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
            return true;
        }
        _ => return false,
    };
    model.screen = Screen::Preflight { order, scroll: scroll.saturating_add_signed(rows) };
    true
}

/// Keys of a question about a migration: how it is done. They are the ones that do the same outside of questions.
fn on_option_key(model: &mut Model, code: KeyCode) -> Vec<Effect> {
    let migrates = model.confirm.as_ref().is_some_and(|question| question.migration().is_some());
    let KeyCode::Char(key) = code else { return Vec::new() };
    let effects = match model.keys.entry(key, Place::Anywhere).map(|entry| entry.action) {
        // A question can be shown to others, too.
        Some(Action::Export) => return vec![Effect::Export],
        Some(action @ (Action::Method | Action::Hold | Action::Interval)) if migrates => perform(model, action),
        _ => return Vec::new(),
    };
    // The question says what will happen, so it is written again.
    let action = model.confirm.as_ref().map(|question| question.action);
    model.confirm = action.and_then(|action| questions::before(action, model));
    model.asked_ms = Some(model.now_ms);
    effects
}

/// A typed command with its arguments.
fn on_typed(model: &mut Model, action: Action, words: &Arguments) -> Vec<Effect> {
    if refuse(model, action) {
        return Vec::new();
    }
    let (named, hold) = (words.method, words.hold);
    model.method = named.unwrap_or(model.method);
    model.hold |= hold;
    match action {
        Action::Method if named.is_some() => {
            model.say(Level::Info, model.skin.lang.fill("the next migration will be {0}", &[&model.method]));
            Vec::new()
        }
        Action::Interval if words.interval_ms.is_some() => ordering::interval(model, words.interval_ms),
        Action::Check | Action::Plan => open_preflight(model, words.order),
        Action::Copy => copy(model, words.copy.unwrap_or(CopyWhat::Run)),
        _ => confirm_or_perform(model, action),
    }
}

/// A key that may stand for an action here.
fn on_char(model: &mut Model, key: char) -> Vec<Effect> {
    if let Some(entry) = model.keys.entry(key, model.place()) {
        return confirm_or_perform(model, entry.action);
    }
    let elsewhere = model.keys.entry(key, Place::Anywhere).filter(|_| model.screen == Screen::Runs);
    if let Some(entry) = elsewhere {
        if model.may(entry.action) {
            let [operate, timing] = [Screen::Operate, Screen::Timing].map(|screen| model.keys.key(Action::Show(screen)));
            let text = "orders are given on Operate ({0}), on Timing ({1}) or typed at :";
            model.say(Level::Warning, model.skin.lang.fill(text, &[&operate, &timing]));
        } else {
            model.say(Level::Warning, model.skin.lang.tr(READ_ONLY));
        }
    }
    Vec::new()
}

/// Esc: one step back. A run that was opened from the records goes back to them.
fn step_back(model: &mut Model) {
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

/// Shows a screen; the records are read whenever they are looked at.
fn show_screen(model: &mut Model, screen: Screen) -> Vec<Effect> {
    model.screen = screen;
    if screen != Screen::Runs {
        return Vec::new();
    }
    // Records stand still by themselves, and a frozen copy of them would not follow the cursor.
    model.frozen = None;
    runs::keys::load(model)
}

/// Whether an action is not allowed for this operator, or not now; logs why.
fn refuse(model: &mut Model, action: Action) -> bool {
    if !model.may(action) {
        model.say(Level::Warning, model.skin.lang.tr(READ_ONLY));
        return true;
    }
    let replayed = model.replay.is_some() && action.changes_hosts();
    if replayed {
        model.say(Level::Warning, model.skin.lang.tr("this is a replay, not the present: Esc ends it, then orders are taken"));
    }
    replayed
}

/// Opens the preflight screen.
fn open_preflight(model: &mut Model, order: Option<Order>) -> Vec<Effect> {
    if !matches!(model.screen, Screen::Preflight { .. } | Screen::Help { .. }) {
        model.before_help = model.screen;
    }
    let order = order.unwrap_or_else(|| preflight::next_order(model));
    model.screen = Screen::Preflight { order, scroll: 0 };
    plans::request_all(model, order)
}

/// Performs an action, or asks first.
fn confirm_or_perform(model: &mut Model, action: Action) -> Vec<Effect> {
    if refuse(model, action) {
        return Vec::new();
    }
    if action == Action::Recover
        && let Some(text) = ordering::nothing_to_recover(model)
    {
        model.say(Level::Warning, text);
        return Vec::new();
    }
    let dangerous = action::entry(action).is_some_and(|entry| entry.dangerous);
    match dangerous.then(|| questions::before(action, model)).flatten() {
        Some(confirm) => {
            // What the plans say may have changed since they were last asked for.
            let plans = confirm.migration().map_or_else(Vec::new, |order| plans::request_all(model, order));
            model.confirm = Some(confirm);
            model.asked_ms = Some(model.now_ms);
            plans
        }
        None => perform(model, action),
    }
}

fn perform(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Order(order) => return ordering::order(model, order),
        Action::Failover => return ordering::failover(model),
        Action::Recover => return ordering::recover(model),
        Action::End => return ordering::end(model, Purpose::End),
        Action::Quit if model.read_only => return vec![Effect::Leave],
        Action::Quit => {
            model.leaving = true;
            return ordering::end(model, Purpose::EndThenLeave);
        }
        Action::Method => {
            model.method = next_method(model.method);
            model.say(Level::Info, model.skin.lang.fill("the next migration will be {0}", &[&model.method]));
        }
        Action::Hold => {
            model.hold = !model.hold;
            let text =
                if model.hold { "the next migration will wait for go before its cut" } else { "the next migration will not wait" };
            model.say(Level::Info, model.skin.lang.tr(text).to_owned());
        }
        Action::Go => return ordering::go(model),
        Action::Cancel => return ordering::cancel(model),
        Action::Interval => return ordering::interval(model, None),
        Action::Check | Action::Plan => return open_preflight(model, None),
        Action::Export => return vec![Effect::Export],
        // The command line completes what can be copied.
        Action::Copy => model.command_line.open_with("copy "),
        Action::Zoom => view::zoom(model),
        Action::Freeze => view::freeze(model),
        Action::Privacy => model.privacy = !model.privacy,
        Action::CommandLine => model.command_line.open(),
        Action::Show(screen) => return show_screen(model, screen),
        Action::NextScreen => {
            let next = match model.screen {
                Screen::Operate => Screen::Timing,
                // A replay has two screens: the records are not played.
                Screen::Timing if model.replay.is_none() => Screen::Runs,
                _ => Screen::Operate,
            };
            return show_screen(model, next);
        }
        Action::Runs(action) => return runs::keys::perform(model, action),
        Action::Help => {
            if !matches!(model.screen, Screen::Preflight { .. }) {
                model.before_help = model.screen;
            }
            model.screen = Screen::Help { scroll: 0 };
        }
    }
    Vec::new()
}
