//! What every message does to the model. Pure: what is to be done outside comes back as effects.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use serde_json::Value;

use super::action::{self, Action, Place};
use super::command_line::Typed;
use super::confirm::Confirm;
use super::model::{Model, Pending, Screen};
use super::msg::{Asked, Effect, Heard, LinkState, Msg};
use super::runs;
use super::text::ms;
use super::view;
use crate::protocol::{Command, ErrorCode, Failure, Level, Method, Order, OrderRequest, Outcome, RunRecord};

/// Longest wait for an order, ms: eight tries of discovery and a full initialisation, twice over.
const ORDER_DEADLINE_MS: u64 = 120_000;
/// Longest wait for `end`, ms.
const END_DEADLINE_MS: u64 = 5_000;

/// Said where something that changes a host is ordered from a console that only watches.
const READ_ONLY: &str = "this console is read-only: nothing was sent";

/// Takes one message.
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
        Msg::Tick { now_ms, at } => on_tick(model, now_ms, at),
        Msg::Heard(heard) => on_heard(model, heard),
        Msg::Answer { asked, host, result } => return on_answer(model, asked, &host, result),
        Msg::RunsLoaded(result) => {
            model.runs.loaded(result, model.at);
            model.dirty = true;
        }
        Msg::Exported(Ok(files)) => {
            let first = files.first().map(|f| f.display().to_string()).unwrap_or_default();
            let also: Vec<String> = files.iter().skip(1).filter_map(|f| f.extension()).map(|e| e.display().to_string()).collect();
            let also = also.join(model.skin.lang.tr(" and ."));
            model.say(Level::Info, model.skin.lang.fill("this screen is in {0}, also as .{1}", &[&first, &also]));
        }
        Msg::Exported(Err(failure)) => complain(model, model.skin.lang.tr("export failed"), &failure),
    }
    Vec::new()
}

fn on_tick(model: &mut Model, now_ms: u64, at: chrono::DateTime<chrono::Utc>) {
    // The clock and the ages on the screen count seconds; elapsed times of a run move with its telemetry.
    model.dirty |= at.timestamp() != model.at.timestamp();
    model.now_ms = now_ms;
    model.at = at;
    model.dirty |= model.replay.as_mut().is_some_and(|replay| replay.tick(now_ms));
}

fn on_heard(model: &mut Model, heard: Heard) {
    match heard {
        Heard::Telemetry(telemetry) => {
            model.hear(telemetry);
            end_replay_for_the_present(model);
        }
        Heard::Event(event) => model.log(event),
        Heard::Link { host, state } => {
            let Some(view) = model.hosts.get_mut(&host) else { return };
            view.link = state;
            model.dirty = true;
            let trouble = match state {
                LinkState::Silent { .. } => "{0}'s agent is silent",
                LinkState::Retrying { .. } => "{0}'s agent can not be reached",
                LinkState::Connecting | LinkState::Connected => return,
            };
            // Said once: the box of the host counts the seconds.
            if !std::mem::replace(&mut view.down_said, true) {
                model.say(Level::Warning, model.skin.lang.fill(trouble, &[&host]));
            }
        }
    }
}

fn on_key(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    // Always, in every dialog: the ways out that ask nobody.
    match key.code {
        KeyCode::Char('c' | 'C') if key.modifiers.contains(KeyModifiers::CONTROL) => return vec![Effect::Leave],
        KeyCode::Char('z' | 'Z') if key.modifiers.contains(KeyModifiers::CONTROL) => return vec![Effect::Suspend],
        _ => {}
    }
    model.dirty = true;
    if model.leaving {
        return Vec::new();
    }
    if let Some(confirm) = model.confirm.take() {
        return match key.code {
            KeyCode::Enter | KeyCode::Char('y' | 'Y') => perform(model, confirm.action),
            KeyCode::Esc | KeyCode::Char('n' | 'N') => Vec::new(),
            _ => {
                model.confirm = Some(confirm);
                Vec::new()
            }
        };
    }
    if model.command_line.open {
        return match model.command_line.key(key) {
            Typed::Command(action) => ask(model, action),
            Typed::More => Vec::new(),
        };
    }
    if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return Vec::new();
    }
    if let Screen::Help { scroll } = model.screen {
        model.screen = match key.code {
            KeyCode::Down => Screen::Help { scroll: scroll.saturating_add(1) },
            KeyCode::Up => Screen::Help { scroll: scroll.saturating_sub(1) },
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('h' | '?' | 'q') => model.before_help,
            _ => model.screen,
        };
        return Vec::new();
    }
    if let Some(effects) = runs::on_key(model, key) {
        return effects;
    }
    if view::on_key(model, key.code) {
        return Vec::new();
    }
    match key.code {
        KeyCode::Tab => on_char(model, '\t'),
        KeyCode::Char(c) => on_char(model, c),
        KeyCode::Esc => {
            back(model);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// A key that may stand for an action here.
fn on_char(model: &mut Model, key: char) -> Vec<Effect> {
    if let Some(entry) = model.keys.entry(key, model.place()) {
        return ask(model, entry.action);
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
fn back(model: &mut Model) {
    model.screen = if model.screen == Screen::Timing && model.opened.take().is_some() { Screen::Runs } else { Screen::Operate };
}

/// Work that really moves now is never hidden behind a replay.
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
fn show(model: &mut Model, screen: Screen) -> Vec<Effect> {
    model.screen = screen;
    if screen != Screen::Runs {
        return Vec::new();
    }
    // Records stand still by themselves, and a frozen copy of them would not follow the cursor.
    model.frozen = None;
    runs::load(model)
}

/// Does an action, or asks first.
fn ask(model: &mut Model, action: Action) -> Vec<Effect> {
    if !model.may(action) {
        model.say(Level::Warning, model.skin.lang.tr(READ_ONLY));
        return Vec::new();
    }
    if model.replay.is_some() && action.changes_hosts() {
        model.say(Level::Warning, model.skin.lang.tr("this is a replay, not the present: Esc ends it, then orders are taken"));
        return Vec::new();
    }
    let dangerous = action::entry(action).is_some_and(|entry| entry.dangerous);
    match dangerous.then(|| Confirm::before(action, model)).flatten() {
        Some(confirm) => {
            model.confirm = Some(confirm);
            Vec::new()
        }
        None => perform(model, action),
    }
}

fn perform(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Order(order) => return send_order(model, order),
        Action::End => return send_end(model, Asked::End),
        Action::Quit if model.read_only => return vec![Effect::Leave],
        Action::Quit => {
            model.leaving = true;
            return send_end(model, Asked::EndThenLeave);
        }
        Action::Method => {
            model.method = match model.method {
                Method::Classic => Method::Cold,
                Method::Cold => Method::Hot,
                Method::Hot => Method::Classic,
            };
            model.say(Level::Info, model.skin.lang.fill("the next migration will be {0}", &[&model.method]));
        }
        Action::Export => return vec![Effect::Export],
        Action::Zoom => view::zoom(model),
        Action::Freeze => view::freeze(model),
        Action::Privacy => model.privacy = !model.privacy,
        Action::CommandLine => model.command_line.open(),
        Action::Show(screen) => return show(model, screen),
        Action::NextScreen => {
            let next = match model.screen {
                Screen::Operate => Screen::Timing,
                // A replay has two screens: the records are not played.
                Screen::Timing if model.replay.is_none() => Screen::Runs,
                _ => Screen::Operate,
            };
            return show(model, next);
        }
        Action::Runs(action) => return runs::perform(model, action),
        Action::Help => {
            model.before_help = model.screen;
            model.screen = Screen::Help { scroll: 0 };
        }
    }
    Vec::new()
}

/// Asks a host, unless its link is known to be down: an order must not wait there and be carried out when nobody expects it.
fn request(model: &mut Model, host: String, command: Command, deadline_ms: u64, asked: Asked) -> Vec<Effect> {
    let down = model.hosts.get(&host).is_some_and(|view| view.down_said && !is_connected(view.link));
    if down {
        let failure = Failure::new(
            ErrorCode::Unreachable,
            model.skin.lang.fill("{0}'s agent can not be reached; nothing was sent", &[&host]),
        )
        .hint(model.skin.lang.fill("start it on {0} with `baton agent --host {0}`", &[&host]));
        return on_answer(model, asked, &host, Err(failure));
    }
    vec![Effect::Request { host, command, deadline_ms, asked }]
}

fn is_connected(link: LinkState) -> bool {
    matches!(link, LinkState::Connected | LinkState::Silent { .. })
}

fn send_order(model: &mut Model, order: Order) -> Vec<Effect> {
    let host = model.config.executor(order).to_owned();
    // The run to come is what Timing is for.
    model.opened = model.opened.take().filter(|_| !order.is_migration());
    let how = if order.is_migration() { format!(" ({})", model.method) } else { String::new() };
    model.say(Level::Info, model.skin.lang.fill("{0}{1} ordered from {2}", &[&order, &how, &host]));
    let previous = model.run_of(&host).map(str::to_owned);
    model.pending.push(Pending { order, host: host.clone(), since_ms: model.now_ms, previous });
    let order_request = OrderRequest { by: model.by.clone(), ..OrderRequest::new(order, model.method) };
    request(model, host, Command::Order(order_request), ORDER_DEADLINE_MS, Asked::Order(order))
}

fn send_end(model: &mut Model, asked: Asked) -> Vec<Effect> {
    let host = model.config.roles.destination.clone();
    model.say(Level::Info, model.skin.lang.fill("end ordered from {0}", &[&host]));
    request(model, host, Command::End, END_DEADLINE_MS, asked)
}

fn on_answer(model: &mut Model, asked: Asked, host: &str, result: Result<Value, Failure>) -> Vec<Effect> {
    match (asked, result) {
        (Asked::Order(order), result) => {
            if let Some(at) = model.pending.iter().position(|pending| pending.order == order) {
                model.pending.remove(at);
            }
            match result {
                Ok(value) => report(model, order, host, value),
                Err(failure) => complain(model, &model.skin.lang.fill("{0} failed", &[&order]), &failure),
            }
        }
        (Asked::End | Asked::EndThenLeave, Ok(_)) => {
            model.say(Level::Info, model.skin.lang.fill("{0}'s controller has ended", &[&host]));
        }
        (Asked::End, Err(failure)) => complain(model, &model.skin.lang.fill("{0} failed", &[&"end"]), &failure),
        (Asked::EndThenLeave, Err(failure)) => {
            model.farewell.push(model.skin.lang.fill("end of {0} failed: {1}", &[&host, &failure]));
        }
    }
    match asked {
        Asked::EndThenLeave => vec![Effect::Leave],
        // Its record is among those that are looked at.
        Asked::Order(_) if model.screen == Screen::Runs => runs::load(model),
        Asked::Order(_) | Asked::End => Vec::new(),
    }
}

/// The log's line for an order that was answered.
fn report(model: &mut Model, order: Order, host: &str, value: Value) {
    let Ok(record) = serde_json::from_value::<RunRecord>(value) else {
        let text = "{0} answered {1}, but not with a record this console can read";
        model.say(Level::Warning, model.skin.lang.fill(text, &[&host, &order]));
        return;
    };
    for warning in &record.warnings {
        model.say(Level::Warning, format!("{order}: {warning}"));
    }
    let lang = model.skin.lang;
    let reason = record.reason.as_deref().unwrap_or(lang.tr("no reason given"));
    let hint = record.failure.as_ref().and_then(|f| f.hint.as_deref());
    match record.outcome {
        Outcome::Ok => {
            let felt = record.interruption.by_phases_ms.filter(|_| order.is_migration());
            let felt = felt.map_or_else(String::new, |v| lang.fill(", service interrupted for {0} ms by phases", &[&ms(v)]));
            model.say(Level::Info, lang.fill("{0} done by {1} in {2} ms", &[&order, &host, &ms(record.total_ms)]) + &felt);
        }
        Outcome::Failed => model.say(Level::Error, lang.fill("{0} failed: {1}", &[&order, &reason])),
        Outcome::RolledBack => model.say(Level::Error, lang.fill("{0} rolled back: {1}", &[&order, &reason])),
        Outcome::Cancelled => model.say(Level::Warning, lang.fill("{0} cancelled: {1}", &[&order, &reason])),
    }
    if let Some(hint) = hint.filter(|_| record.outcome != Outcome::Ok) {
        model.say(Level::Info, model.skin.lang.fill("what to do: {0}", &[&hint]));
    }
}

fn complain(model: &mut Model, what: &str, failure: &Failure) {
    model.say(Level::Error, format!("{what}: {failure}"));
    if let Some(hint) = &failure.hint {
        model.say(Level::Info, model.skin.lang.fill("what to do: {0}", &[&hint]));
    }
}
