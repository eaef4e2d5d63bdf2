//! Questions before what can not be taken back: what will happen, and to whom.

use super::action::Action;
use super::model::Model;
use super::text::ms;
use crate::protocol::{Method, Order, SOURCE_INTERRUPTION_MS};

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirm {
    /// What is done on yes.
    pub action: Action,
    /// The question.
    pub title: String,
    /// What will happen.
    pub lines: Vec<String>,
}

impl Confirm {
    /// The question before an action; `None` if nothing is at stake now.
    pub fn before(action: Action, model: &Model) -> Option<Self> {
        let [one, two] = model.pool();
        let (title, lines) = match action {
            Action::Order(Order::M) => migration(model, Order::M, one, two),
            Action::Order(Order::MB) => migration(model, Order::MB, two, one),
            Action::Order(Order::KL) => kill(model, "KL", one),
            Action::Order(Order::KR) => kill(model, "KR", two),
            Action::End => end(model, two),
            Action::Quit => quit(model)?,
            _ => return None,
        };
        Some(Self { action, title, lines })
    }
}

fn migration(model: &Model, order: Order, from: &str, to: &str) -> (String, Vec<String>) {
    let method = model.method;
    let how = match method {
        Method::Classic => {
            format!("{to} is made ready first; then {from} stops, and {to} takes the radio without initialising it.")
        }
        Method::Hot => format!("{to} is made ready first; then {from} is frozen, {to} goes on, and only then {from} ends."),
        Method::Cold => format!("{from} stops first; then {to} starts from nothing and initialises the radio in full."),
    };
    let expected = model
        .migration()
        .and_then(|(_, p)| p.record.as_ref())
        .filter(|record| record.method == method)
        .and_then(|record| record.interruption.by_phases_ms)
        .map_or_else(
            || format!("No {method} migration measured yet; the source's interruption was {} ms.", ms(SOURCE_INTERRUPTION_MS)),
            |last| format!("Last {method} migration here: service interrupted for {} ms by phases.", ms(last)),
        );
    let mut lines = vec![how, expected];
    if !model.works(from) {
        lines.push(format!("{from} runs no work now: the order will likely fail."));
    }
    (format!("{order}: move the work from {from} to {to} ({method})?"), lines)
}

fn kill(model: &Model, name: &str, host: &str) -> (String, Vec<String>) {
    let effect = if model.holds_radio(host) {
        "It owns the radio: the service ends, and nobody serves until DS or DSR.".to_owned()
    } else {
        "It does not own the radio: the service is not touched.".to_owned()
    };
    (format!("{name}: stop D2D and USRP on {host}?"), vec![format!("{host} parks its eth3."), effect])
}

fn end(model: &Model, host: &str) -> (String, Vec<String>) {
    let mut lines = vec![format!("{host}'s agent leaves and must be started by hand; until then {host} takes no orders.")];
    if model.works(host) {
        lines.push(format!("{host} runs the work: it ends with the agent."));
    }
    (format!("end: stop {host}'s controller?"), lines)
}

fn quit(model: &Model) -> Option<(String, Vec<String>)> {
    let working: Vec<&str> = model.pool().into_iter().filter(|host| model.works(host)).collect();
    if working.is_empty() && model.under_way().is_none() && model.pending.is_empty() {
        return None;
    }
    let [_, two] = model.pool();
    let mut lines = vec![format!("{two}'s controller is ended, then the console leaves.")];
    if let Some((host, progress)) = model.under_way() {
        lines.push(format!("{} is under way on {host}.", progress.order));
    }
    if !working.is_empty() {
        lines.push(format!("Work runs on {}. In a demo the lab ends with the console.", working.join(" and ")));
    }
    lines.push("Ctrl-C leaves without ending any controller.".into());
    Some(("quit: end and leave?".into(), lines))
}
