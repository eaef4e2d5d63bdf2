//! Errands of the whole pool: the plan is shown first, and carried out on yes, by the same course as in `baton pool`.

use std::collections::BTreeSet;

use super::heads::heads;
use super::planning::{expectations, plan_of};
use super::radios;
use super::rows::all;
use super::spoken::{errand_words, log_errand_end};
use super::{Ask, Dialog, Errand, Running};
use crate::pool::{Asked, Course, asked};
use crate::ui::action::{Action, PoolAction};
use crate::ui::model::Model;
use crate::ui::msg::{Effect, Msg, Purpose};
use crate::ui::{ordering, preflight};
use config::RadioName;
use placement::{Change, Plan};
use protocol::{Command, ErrorCode, Failure, Level, RunRecord};

/// An agent notes at once whether it takes on work, ms.
const NOTED_MS: u64 = 5_000;
/// A standby has to start its processes and come into sync, ms.
const ARMED_MS: u64 = 20_000;

/// Shows what an errand would change, before anything is done.
pub fn ask(model: &mut Model, errand: Errand) -> Vec<Effect> {
    let lang = model.skin.lang;
    if let Some(text) = not_now(model, &errand) {
        model.say(Level::Warning, text);
        return Vec::new();
    }
    let plan = match plan_of(model, &errand) {
        Ok(plan) => plan,
        Err(failure) => {
            let text = lang.fill("{0}: {1}", &[&errand_words(lang, &errand), &lang.said(&failure.message)]);
            model.say(Level::Warning, text);
            return Vec::new();
        }
    };
    let nothing = plan.as_ref().is_some_and(|plan| plan.changes().next().is_none() && plan.is_whole());
    if nothing && errand.marks().is_none() {
        model.say(Level::Info, lang.fill("{0}: nothing is to be done", &[&errand_words(lang, &errand)]));
        return Vec::new();
    }
    open(model, Ask { errand, plan, anew: false, scroll: 0 })
}

fn open(model: &mut Model, ask: Ask) -> Vec<Effect> {
    let effects = expectations(model, &ask);
    model.asked_ms = Some(model.now_ms);
    if let Some(page) = &mut model.pool_page {
        page.dialog = Some(Dialog::Ask(ask));
    }
    effects
}

/// Why an errand is not for the pool as it is now.
fn not_now(model: &Model, errand: &Errand) -> Option<String> {
    let (lang, page) = (model.skin.lang, model.pool_page.as_ref()?);
    if let Some(running) = page.running.as_ref().filter(|running| running.over_ms.is_none()) {
        let key = model.keys.key(Action::Cancel);
        return Some(lang.fill("{0} is under way; {1} begins nothing more of it", &[&errand_words(lang, &running.errand), &key]));
    }
    let radios = all(model);
    let heads = heads(model, &radios);
    let head = |server: &str| heads.iter().find(|head| head.name.as_str() == server);
    if let Errand::Drain(server) = errand
        && let Some(row) = radios.iter().find(|row| row.comes_to(server))
    {
        return Some(lang.fill("{0} is on its way to {1}, which is drained when it is there", &[row.name, server]));
    }
    match errand {
        Errand::Failover(server) if head(server).is_some_and(|head| head.heard) => {
            let key = model.keys.key(Action::Pool(PoolAction::Drain));
            Some(lang.fill("{0} is heard: its radios are not lost; {1} drains it", &[server, &key]))
        }
        Errand::Undrain(server) if head(server).is_some_and(|head| head.heard && !head.drained) => {
            Some(lang.fill("{0} is not drained: it takes on work", &[server]))
        }
        Errand::Drain(server) | Errand::Undrain(server) if head(server).is_some_and(|head| !head.heard) => {
            let key = model.keys.key(Action::Failover);
            Some(lang.fill("{0} is not heard and takes no orders; {1} serves elsewhere what it had", &[server, &key]))
        }
        _ => None,
    }
}

/// The operator has said yes to what was shown. A pool that has changed meanwhile is asked about again: nothing is done that was not shown.
pub fn go(model: &mut Model, ask: Ask) -> Vec<Effect> {
    let lang = model.skin.lang;
    let now = match plan_of(model, &ask.errand) {
        Ok(now) => now,
        Err(failure) => {
            let text = lang.fill("{0}: {1}", &[&errand_words(lang, &ask.errand), &lang.said(&failure.message)]);
            model.say(Level::Warning, text);
            return Vec::new();
        }
    };
    let waves = |plan: &Option<Plan>| plan.as_ref().map(|plan| plan.waves.clone());
    if waves(&now) != waves(&ask.plan) {
        return open(model, Ask { plan: now, anew: true, scroll: 0, ..ask });
    }
    model.say(Level::Info, lang.fill("{0} begins", &[&errand_words(lang, &ask.errand)]));
    let marking = marked_radios(model, &ask.errand);
    let effects = marking.iter().filter_map(|radio| mark(&ask.errand, radio)).collect();
    let course = ask.plan.map(Course::new);
    let running = Running { errand: ask.errand, course, marking, refused: None, since_ms: model.now_ms, over_ms: None };
    let waits = !running.marking.is_empty();
    if let Some(page) = &mut model.pool_page {
        page.running = Some(running);
    }
    // Before anything moves: nothing is to start there meanwhile.
    if waits { effects } else { advance(model) }
}

/// Radios for which a server has to be told whether it takes on work.
fn marked_radios(model: &Model, errand: &Errand) -> BTreeSet<RadioName> {
    let (Some((server, _)), Some(page)) = (errand.marks(), &model.pool_page) else { return BTreeSet::new() };
    let may_serve = page.views.radios().iter().filter(|(_, view)| view.is_server(server));
    may_serve.map(|(radio, _)| radio.clone()).collect()
}

fn mark(errand: &Errand, radio: &RadioName) -> Option<Effect> {
    let (server, drains) = errand.marks()?;
    let command = if drains { Command::Drain } else { Command::Undrain };
    let (host, purpose) = (server.to_string(), Purpose::Drain { drains });
    let effect = Effect::Request { host, command, deadline_ms: NOTED_MS, purpose };
    Some(Effect::OfRadio(radio.clone(), Box::new(effect)))
}

/// Begins what can begin now, and says how it all ended once nothing is left.
fn advance(model: &mut Model) -> Vec<Effect> {
    let mut effects = Vec::new();
    loop {
        let Some(page) = &mut model.pool_page else { return effects };
        let Some(running) = page.running.as_mut().filter(|running| running.over_ms.is_none()) else { return effects };
        if !running.marking.is_empty() {
            return effects;
        }
        let wave = match &mut running.course {
            Some(course) if running.refused.is_none() => course.next_wave(),
            _ => Vec::new(),
        };
        if wave.is_empty() {
            let over = running.refused.is_some() || running.course.as_ref().is_none_or(Course::is_over);
            if over {
                running.over_ms = Some(model.now_ms);
                log_errand_end(model);
            }
            return effects;
        }
        for change in wave {
            effects.extend(begin(model, &change));
        }
    }
}

/// Begins a change. One whose host is known to be gone is over at once.
fn begin(model: &mut Model, change: &Change) -> Vec<Effect> {
    let view = model.pool_page.as_ref().and_then(|page| page.views.radios().get(change.radio())).cloned();
    let Some(view) = view else { return Vec::new() };
    let request = asked(&view, change);
    let effects = radios::of(model, change.radio(), |radio| match request {
        Asked::Order(request) => ordering::send(radio, request),
        Asked::Arm(at) => ordering::request(radio, at, Command::Arm, ARMED_MS, Purpose::Standby { arms: true }),
        Asked::Disarm(at) => ordering::request(radio, at, Command::Disarm, ARMED_MS, Purpose::Standby { arms: false }),
    });
    if effects.is_empty() {
        let text = model.skin.lang.tr("its agent cannot be reached; nothing was sent").to_owned();
        end(model, change, Err(Failure::new(ErrorCode::Unreachable, text)));
    }
    effects
}

fn end(model: &mut Model, change: &Change, result: Result<Option<RunRecord>, Failure>) {
    let running = model.pool_page.as_mut().and_then(|page| page.running.as_mut());
    if let Some(course) = running.and_then(|running| running.course.as_mut()) {
        course.end(change, result);
    }
}

/// What an answer means for the errand under way.
#[derive(Debug)]
pub enum Told {
    /// A change is over.
    Change(Change, Box<Result<Option<RunRecord>, Failure>>),
    /// A server has noted whether it takes on work, or has not.
    Marked(Result<(), Failure>),
}

/// Reads an answer before the radio that it is for takes it.
pub fn told(model: &Model, radio: &str, msg: &Msg) -> Option<Told> {
    let Msg::Answer { purpose, result, .. } = msg else { return None };
    let running = model.pool_page.as_ref()?.running.as_ref().filter(|running| running.over_ms.is_none())?;
    if let Purpose::Drain { .. } = purpose {
        return Some(Told::Marked(result.as_ref().map(drop).map_err(Clone::clone)));
    }
    // Never two of one radio are under way.
    let change = running.course.as_ref()?.under_way().iter().find(|change| change.radio().as_str() == radio)?;
    let end = match (purpose, change) {
        (Purpose::Standby { arms: true }, Change::Arm { .. }) | (Purpose::Standby { arms: false }, Change::Disarm { .. }) => {
            result.as_ref().map(|_| None).map_err(Clone::clone)
        }
        (Purpose::Order(_), Change::Move { .. } | Change::FailOver { .. } | Change::Start { .. }) => match result {
            Ok(answer) => answer.clone().into_result::<RunRecord>().map(Some),
            Err(failure) => Err(failure.clone()),
        },
        _ => return None,
    };
    Some(Told::Change(change.clone(), Box::new(end)))
}

/// Goes on after an answer.
pub fn go_on(model: &mut Model, radio: &str, told: Told) -> Vec<Effect> {
    match told {
        Told::Change(change, result) => end(model, &change, *result),
        Told::Marked(result) => {
            let running = model.pool_page.as_mut().and_then(|page| page.running.as_mut());
            if let Some(running) = running {
                running.marking.retain(|name| name.as_str() != radio);
                if let Err(failure) = result {
                    running.refused.get_or_insert(failure.message);
                }
            }
        }
    }
    model.dirty = true;
    advance(model)
}

/// Begins nothing more, and gives up what is before its cut.
pub fn stop(model: &mut Model) -> Vec<Effect> {
    let lang = model.skin.lang;
    let running = model.pool_page.as_mut().and_then(|page| page.running.as_mut()).filter(|running| running.over_ms.is_none());
    let Some(running) = running else { return Vec::new() };
    let text = lang.fill("{0}: nothing more is begun", &[&errand_words(lang, &running.errand)]);
    let mut under_way = Vec::new();
    if let Some(course) = &mut running.course {
        course.stop();
        under_way.extend(course.under_way().iter().map(|change| change.radio().clone()));
    }
    model.say(Level::Warning, text);
    let mut effects = Vec::new();
    for radio in under_way {
        let cancelled =
            radios::of(
                model,
                &radio,
                |radio| {
                    if preflight::before_cut(radio).is_some() { ordering::cancel(radio) } else { Vec::new() }
                },
            );
        effects.extend(cancelled);
    }
    effects.extend(advance(model));
    effects
}
