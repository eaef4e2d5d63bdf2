//! What the page says: the log of all radios in one, and how errands are called and end.

use std::collections::BTreeSet;

use super::{Errand, Running};
use crate::pool::Course;
use crate::ui::lang::Lang;
use crate::ui::model::Model;
use crate::ui::text::duration;
use placement::Change;
use protocol::{Event, Level};

/// The same sentence of several radios within this is one, ms.
const SAME_MS: i64 = 2_000;

/// The newest lines of all radios, oldest first. Who speaks has the radio before it; what is said of a host is said once.
pub fn log(model: &Model, most: usize) -> Vec<Event> {
    let radios = model.radios();
    let mut lines: Vec<&Event> = radios.values().flat_map(|radio| radio.log.iter().rev().take(most)).collect();
    lines.sort_by_key(|event| event.at);
    let mut kept: Vec<Event> = Vec::new();
    for event in lines {
        let mut recent = kept.iter().rev().take_while(|old| (event.at - old.at).num_milliseconds() <= SAME_MS);
        if !recent.any(|old| old.text == event.text && old.radio == event.radio && old.host == event.host) {
            kept.push(event.clone());
        }
    }
    let surplus = kept.len().saturating_sub(most);
    kept.drain(..surplus);
    let named = |event: Event| match &event.radio {
        Some(radio) => Event { host: format!("{radio} {}", event.host), ..event },
        None => event,
    };
    kept.into_iter().map(named).collect()
}

/// An errand as it is called.
pub fn errand_words(lang: Lang, errand: &Errand) -> String {
    match errand {
        Errand::Drain(server) => lang.fill("drain {0}", &[server]),
        Errand::Undrain(server) => lang.fill("undrain {0}", &[server]),
        Errand::Failover(server) => lang.fill("failover of {0}", &[server]),
        Errand::Rebalance => lang.tr("rebalance").to_owned(),
        Errand::Consolidate => lang.tr("consolidate").to_owned(),
    }
}

/// A change in words.
pub fn change_words(lang: Lang, change: &Change) -> String {
    match change {
        Change::Start { radio, to } => lang.fill("start {0} on {1}", &[radio, to]),
        Change::FailOver { radio, from, to, armed: true } => {
            lang.fill("fail {0} over from {1} to its standby on {2}", &[radio, from, to])
        }
        Change::FailOver { radio, from, to, .. } => lang.fill("fail {0} over from {1} to {2}", &[radio, from, to]),
        Change::Move { radio, from, to, detour: false } => lang.fill("move {0} from {1} to {2}", &[radio, from, to]),
        Change::Move { radio, from, to, .. } => {
            lang.fill("move {0} from {1} to {2}, on its way to another server", &[radio, from, to])
        }
        Change::Arm { radio, at } => lang.fill("arm a standby of {0} on {1}", &[radio, at]),
        Change::Disarm { radio, at } => lang.fill("disarm the standby of {0} on {1}", &[radio, at]),
    }
}

/// How an errand ended, in one line, and how much of an end that is.
pub fn end_words(lang: Lang, running: &Running) -> (Level, String) {
    let what = errand_words(lang, &running.errand);
    if let Some(why) = &running.refused {
        return (Level::Error, lang.fill("{0} was refused, and nothing was moved: {1}", &[&what, &lang.said(why)]));
    }
    let took = duration(running.over_ms.unwrap_or(running.since_ms).saturating_sub(running.since_ms));
    let Some(course) = &running.course else {
        return (Level::Info, lang.fill("{0}: done", &[&what]));
    };
    let (done, left) = (course.done().iter().filter(|done| done.ok).count(), course.left().count());
    let failed: BTreeSet<&str> = course.done().iter().filter(|done| !done.ok).map(|done| done.change.radio().as_str()).collect();
    let names = failed.into_iter().collect::<Vec<_>>().join(", ");
    if course.has_failed() {
        return (Level::Error, lang.fill("{0} failed at {1}: {2} done, {3} not begun", &[&what, &names, &done, &left]));
    }
    if course.is_stopped() {
        return (Level::Warning, lang.fill("{0} was stopped: {1} done, {2} not begun", &[&what, &done, &left]));
    }
    let unplaced = course.plan().unplaced.len();
    if unplaced > 0 {
        let text = "{0}: {1} done in {2}; {3} have no place and stay where they are";
        return (Level::Warning, lang.fill(text, &[&what, &done, &took, &unplaced]));
    }
    (Level::Info, lang.fill("{0}: {1} done in {2}", &[&what, &done, &took]))
}

/// Logs how the errand ended, and what an operator wants to know of it.
pub fn log_errand_end(model: &mut Model) {
    let lang = model.skin.lang;
    let Some(running) = model.pool_page.as_ref().and_then(|page| page.running.as_ref()) else { return };
    let (level, text) = end_words(lang, running);
    let plan = running.course.as_ref().filter(|course| course.is_ok()).map(Course::plan);
    let empty: Vec<&str> = plan.iter().flat_map(|plan| &plan.empty).map(|server| server.as_str()).collect();
    let consolidated = running.errand == Errand::Consolidate && !empty.is_empty();
    let empty = consolidated.then(|| lang.fill("with nothing to do: {0}", &[&empty.join(", ")]));
    model.say(level, text);
    if let Some(text) = empty {
        model.say(Level::Info, text);
    }
}
