//! What the agents have said before this console was there: asked for once at every connection, and put where it belongs in the log.

use super::journal::{LOG_LINES, kept};
use super::model::Model;
use super::msg::{Effect, Purpose};
use super::outcomes;
use protocol::{Answer, Command, Event, RecentEvents};

/// Longest wait for them, ms.
const DEADLINE_MS: u64 = 5_000;

/// Asks an agent.
pub fn request(host: &str) -> Effect {
    Effect::Request { host: host.to_owned(), command: Command::RecentEvents, deadline_ms: DEADLINE_MS, purpose: Purpose::Recent }
}

/// Merges what an agent remembers into the log, by its time; what was heard already stays as it is.
pub fn merge(model: &mut Model, answer: Answer) {
    let Ok(RecentEvents { events }) = answer.into_result::<RecentEvents>() else { return };
    let lang = model.skin.lang;
    let events = events.into_iter().map(kept).map(|event| Event { text: lang.said(&event.text), ..event });
    let events: Vec<Event> = events.collect();
    let same = |a: &Event, b: &Event| a.at == b.at && a.host == b.host && a.text == b.text;
    let new: Vec<Event> = events
        .into_iter()
        .filter(|event| !outcomes::is_said(model, event) && !model.log.iter().any(|old| same(old, event)))
        .collect();
    if new.is_empty() {
        return;
    }
    model.log.extend(new);
    // Stable: lines of one moment keep their order.
    model.log.make_contiguous().sort_by_key(|event| event.at);
    let surplus = model.log.len().saturating_sub(LOG_LINES);
    model.log.drain(..surplus);
    model.dirty = true;
}
