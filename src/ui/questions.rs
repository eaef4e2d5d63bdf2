//! Questions before what cannot be taken back: what will happen, and to whom.

use super::action::Action;
use super::confirm::Confirm;
use super::failover::Failover;
use super::model::Model;
use super::pings;
use super::service;
use super::text::duration;
use protocol::{Method, Order};

/// The question before an action; `None` if nothing is at stake now.
pub fn before(action: Action, model: &Model) -> Option<Confirm> {
    let [one, two] = model.pool();
    let (title, lines) = match action {
        Action::Failover => return Some(failover(model)),
        Action::Recover => return recover(model),
        Action::Order(Order::M) => migration(model, Order::M, one, two),
        Action::Order(Order::MB) => migration(model, Order::MB, two, one),
        Action::Order(Order::KL) => kill(model, "KL", one),
        Action::Order(Order::KR) => kill(model, "KR", two),
        Action::End => end(model, two),
        Action::Quit => quit(model)?,
        _ => return None,
    };
    Some(Confirm { action, title, lines })
}

/// The question before a failover: the risk in plain words, and what is known.
pub fn failover(model: &Model) -> Confirm {
    let lang = model.skin.lang;
    let Failover { order, from, to } = Failover::from_owner(model);
    let mut lines = Vec::new();
    if model.is_heard(from) {
        let text = "{0} answers. A failover is for a server that does not, and {1} refuses it otherwise; {2} ({3}) moves the work.";
        let key = model.keys.key(Action::Order(order));
        lines.push(lang.fill(text, &[&from, &to, &key, &order]));
    } else {
        let risk = "{0} does not answer. If it still runs, two servers may drive the radio until it is fenced.";
        lines.push(lang.fill(risk, &[&from]));
    }
    lines.push(match model.control_age_ms(from) {
        Some(age) => lang.fill("{0} restarts the work with control variables collected {1} ago.", &[&to, &duration(age)]),
        None => lang.fill("{0} restarts the work. This console has received no control variables of {1}.", &[&to, &from]),
    });
    lines.extend(pings::sentence(model));
    Confirm { action: Action::Failover, title: lang.fill("failover: {0} takes the work over from {1}?", &[&to, &from]), lines }
}

/// The question before a recovery: why, and what will be done to whom.
fn recover(model: &Model) -> Option<Confirm> {
    let lang = model.skin.lang;
    let service = service::verdict(model)?;
    let mend = service.mend?;
    if mend.method == Some(Method::Failover) {
        return Some(Confirm { action: Action::Recover, ..failover(model) });
    }
    let to = model.config.executor(mend.order);
    let [one, two] = model.pool();
    let other = if to == one { two } else { one };
    let mut lines: Vec<String> = service.cause.iter().map(|cause| capitalised(&service::cause(model, cause)) + ".").collect();
    lines.push(match (mend.method, model.is_heard(other)) {
        (None, _) => lang.fill("{0} starts the work.", &[&to]),
        (_, true) if model.works(other) => lang.fill(
            "What is left of the work on {0} and {1} is ended, then {0} starts it anew and initialises the radio.",
            &[&to, &other],
        ),
        (_, true) => {
            lang.fill("What is left of the work on {0} is ended, then {0} starts it anew and initialises the radio.", &[&to])
        }
        (_, false) => lang.fill(
            "{1} does not answer: it is fenced, then {0} starts the work anew. It is refused while {1} has the radio's address.",
            &[&to, &other],
        ),
    });
    Some(Confirm { action: Action::Recover, title: lang.fill("recover: start the work anew on {0}?", &[&to]), lines })
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn migration(model: &Model, order: Order, from: &str, to: &str) -> (String, Vec<String>) {
    let (method, lang) = (model.method, model.skin.lang);
    let how = match method {
        Method::Classic => "{1} is made ready first; then {0} stops, and {1} takes the radio without initialising it.",
        Method::Hot => "{1} is made ready first; then {0} is frozen, {1} goes on, and only then {0} ends.",
        Method::Seamless => "{1} receives beside {0} first; then {0} is frozen, {1} transmits on, and only then {0} ends.",
        Method::Cold => "{0} stops first; then {1} starts from nothing and initialises the radio in full.",
        Method::Failover | Method::Recover => "{1} restarts the work without asking {0}.",
    };
    let how = lang.fill(how, &[&from, &to]);
    (lang.fill("{0}: move the work from {1} to {2} ({3})?", &[&order, &from, &to, &method]), vec![how])
}

fn kill(model: &Model, name: &str, host: &str) -> (String, Vec<String>) {
    let lang = model.skin.lang;
    let effect = if model.holds_radio(host) {
        "It owns the radio: the service ends, and nobody serves until DS or DSR."
    } else {
        "It does not own the radio: the service is not touched."
    };
    let title = lang.fill("{0}: stop D2D and USRP on {1}?", &[&name, &host]);
    (title, vec![lang.fill("{0} parks its eth3.", &[&host]), lang.tr(effect).to_owned()])
}

fn end(model: &Model, host: &str) -> (String, Vec<String>) {
    let lang = model.skin.lang;
    let leaves = "{0}'s agent leaves and must be started by hand; until then {0} takes no orders.";
    let mut lines = vec![lang.fill(leaves, &[&host])];
    if model.works(host) {
        lines.push(lang.fill("{0} runs the work: it ends with the agent.", &[&host]));
    }
    (lang.fill("end: stop {0}'s controller?", &[&host]), lines)
}

fn quit(model: &Model) -> Option<(String, Vec<String>)> {
    let working: Vec<&str> = model.pool().into_iter().filter(|host| model.works(host)).collect();
    if model.read_only {
        return None;
    }
    if working.is_empty() && model.under_way().is_none() && model.pending.is_empty() {
        return None;
    }
    let ([_, two], lang) = (model.pool(), model.skin.lang);
    let mut lines = vec![lang.fill("{0}'s controller is ended, then the console leaves.", &[&two])];
    if let Some((host, progress)) = model.under_way() {
        lines.push(lang.fill("{0} is under way on {1}.", &[&progress.order, &host]));
        if model.pending.iter().any(|pending| pending.hold && pending.order == progress.order) && progress.is_before_cut() {
            lines.push(lang.fill("This console asked for its hold, which ends with it: {0} is given up.", &[&progress.order]));
        }
    }
    if !working.is_empty() {
        lines.push(lang.fill("Work runs on {0}. In a demo the lab ends with the console.", &[&working.join(lang.tr(" and "))]));
    }
    lines.push(lang.tr("Ctrl-C leaves without ending any controller.").into());
    Some((lang.tr("quit: end and leave?").into(), lines))
}
