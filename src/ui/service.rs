//! The verdict on the service, as the screens say it: in one word, with its cause, and with the key that mends it.

use std::borrow::Cow;

use ratatui::style::Style;

use super::action::Action;
use super::host::HostView;
use super::model::Model;
use super::msg::Effect;
use super::text::duration;
use crate::migration::service::{self, Cause, Mend, SeenHost, Service, ServiceState};
use protocol::{Level, Method, Telemetry};

/// The verdict on what the hosts said last; none during a replay, which is not the present, and before any host was heard.
pub fn verdict(model: &Model) -> Option<Service> {
    if model.replay.is_some() || model.hosts.values().all(|view| view.telemetry.is_none()) {
        return None;
    }
    let told: Vec<_> = model.hosts.iter().map(|(name, view)| (name, as_told(view))).collect();
    let seen: Vec<SeenHost<'_>> =
        told.iter().map(|(name, status)| SeenHost { name, status: status.as_deref(), heard: model.is_heard(name) }).collect();
    Some(service::judge(&model.config, &seen))
}

/// A host's last snapshot as it was told. An order that is over by its answer was under way then: beside its processes, which may have been on
/// their way, its end would look like a fault.
fn as_told(view: &HostView) -> Option<Cow<'_, Telemetry>> {
    let telemetry = view.telemetry.as_deref()?;
    if !view.overtaken {
        return Some(Cow::Borrowed(telemetry));
    }
    let mut told = telemetry.clone();
    if let Some(progress) = &mut told.migration {
        progress.finished = false;
    }
    Some(Cow::Owned(told))
}

/// The verdict, where the service is down.
pub fn down(model: &Model) -> Option<Service> {
    verdict(model).filter(|service| service.state == ServiceState::Down)
}

/// For how long it has been so, ms: as the far end counts, else since this console has seen it.
pub fn age_ms(model: &Model, service: &Service) -> u64 {
    let seen =
        model.service_since.filter(|(state, _)| *state == service.state).map(|(_, since)| model.now_ms.saturating_sub(since));
    service.silent_ms.or(seen).unwrap_or_default()
}

/// How the word is drawn: its capitals tell the same without colours.
pub fn style(model: &Model, state: ServiceState) -> Style {
    let t = &model.skin.theme;
    match state {
        ServiceState::Serving => t.good,
        ServiceState::Starting => t.action_tag,
        ServiceState::Down => t.bad_tag,
        ServiceState::Unknown => t.warn,
    }
}

/// The word, with its age where it is not as it should be.
pub fn word(model: &Model, service: &Service) -> String {
    let (lang, word) = (model.skin.lang, model.skin.lang.tr(service.state.word()));
    match service.state {
        ServiceState::Serving | ServiceState::Starting => word.to_owned(),
        ServiceState::Down | ServiceState::Unknown => match age_ms(model, service) / 1000 {
            0 => word.to_owned(),
            seconds => lang.fill("{0} for {1}", &[&word, &duration(seconds * 1000)]),
        },
    }
}

/// The cause as a sentence.
pub fn cause(model: &Model, cause: &Cause) -> String {
    let (template, arguments) = cause.sentence();
    let arguments: Vec<&dyn std::fmt::Display> = arguments.iter().map(|argument| argument as _).collect();
    model.skin.lang.fill(template, &arguments)
}

/// What to do by hand.
pub fn advice(model: &Model, service: &Service) -> Option<String> {
    let advice = service.cause.as_ref()?.advice()?;
    Some(model.skin.lang.tr(advice).to_owned())
}

/// The action whose key mends it.
pub fn action(mend: Mend) -> Action {
    match mend.method {
        None => Action::Order(mend.order),
        Some(Method::Failover) => Action::Failover,
        Some(_) => Action::Recover,
    }
}

/// The key that mends it, and what it does: in full, and for a narrow place.
pub fn mend(model: &Model, service: &Service) -> Option<[String; 2]> {
    let mend = service.mend.filter(|_| !model.read_only)?;
    let (lang, key) = (model.skin.lang, model.keys.key(action(mend)));
    let to = model.config.executor(mend.order);
    Some(match mend.method {
        None => [lang.fill("{0} starts it on {1}", &[&key, &to]), lang.fill("{0} starts it", &[&key])],
        Some(Method::Failover) => {
            [lang.fill("{0}: {1} takes the work over", &[&key, &to]), lang.fill("{0}: {1} takes over", &[&key, &to])]
        }
        Some(_) => [lang.fill("{0} recovers it on {1}", &[&key, &to]), lang.fill("{0} recovers it", &[&key])],
    })
}

/// Word and cause, where no order can be given yet.
pub fn word_and_cause(model: &Model, service: &Service) -> String {
    let lang = model.skin.lang;
    let line = lang.fill("service {0}", &[&word(model, service)]);
    service.cause.as_ref().map_or(line.clone(), |why| lang.fill("{0}: {1}", &[&line, &cause(model, why)]))
}

/// All of it in one line: for a screen without a story.
pub fn sentence(model: &Model, service: &Service) -> String {
    explained(model, service, &word(model, service))
}

/// The same for the log, whose lines have a time of their own.
pub fn log_line(model: &Model, service: &Service) -> String {
    explained(model, service, model.skin.lang.tr(service.state.word()))
}

fn explained(model: &Model, service: &Service, word: &str) -> String {
    let lang = model.skin.lang;
    let mut line = lang.fill("service {0}", &[&word]);
    if let Some(why) = &service.cause {
        line = lang.fill("{0}: {1}", &[&line, &cause(model, why)]);
    }
    let next = mend(model, service).map(|[full, _]| full).or_else(|| advice(model, service));
    next.map_or(line.clone(), |next| lang.fill("{0}; {1}", &[&line, &next]))
}

/// Notes a change of the verdict, and tells it in the log, which stays when the screens show the next one. A change from or to a service that is down
/// is told to the terminal as well.
pub fn note_change(model: &mut Model) -> Vec<Effect> {
    let Some(service) = verdict(model) else { return Vec::new() };
    let before = model.service_since.map(|(state, _)| state);
    if before == Some(service.state) {
        return Vec::new();
    }
    model.service_since = Some((service.state, model.now_ms));
    model.dirty = true;
    let (level, text) = match (before, service.state) {
        (_, ServiceState::Down) => (Level::Error, log_line(model, &service)),
        (Some(ServiceState::Down), ServiceState::Serving) => (Level::Info, model.skin.lang.tr("the service is back").to_owned()),
        _ => return Vec::new(),
    };
    model.tell(level, text.clone());
    vec![Effect::Notify(text)]
}
