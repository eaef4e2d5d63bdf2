//! Questions before what cannot be taken back: what will happen, and to whom.

use std::collections::BTreeSet;

use super::action::Action;
use super::confirm::Confirm;
use super::failover::Failover;
use super::model::Model;
use super::pings;
use super::place::Screen;
use super::service;
use super::text::duration;
use protocol::{Method, Order};

/// The question before an action; `None` if nothing is at stake now.
pub fn before(action: Action, model: &Model) -> Option<Confirm> {
    let [one, two] = model.pool();
    match action {
        Action::Failover => Some(failover(model)),
        Action::Recover => recover(model),
        Action::Order(order @ Order::M) => Some(migration(model, order, one, two)),
        Action::Order(order @ Order::MB) => Some(migration(model, order, two, one)),
        Action::Order(order @ Order::KL) => Some(kill(model, order, one)),
        Action::Order(order @ Order::KR) => Some(kill(model, order, two)),
        Action::End => Some(end(model, two)),
        Action::Leave => leave(model),
        Action::Quit => quit(model),
        _ => None,
    }
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
    Confirm::new(Action::Failover, lang.fill("failover: {0} takes the work over from {1}?", &[&to, &from]), lines)
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
    let mut lines: Vec<String> =
        service.cause.iter().map(|cause| lang.fill("Why: {0}", &[&service::cause(model, cause)])).collect();
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
    Some(Confirm::new(Action::Recover, lang.fill("recover: start the work anew on {0}?", &[&to]), lines))
}

fn migration(model: &Model, order: Order, from: &str, to: &str) -> Confirm {
    let (method, lang) = (model.method, model.skin.lang);
    let how = match method {
        Method::Classic => "{1} is made ready first; then {0} stops, and {1} takes the radio without initialising it.",
        Method::Hot => "{1} is made ready first; then {0} is frozen, {1} goes on, and only then {0} ends.",
        Method::Seamless => "{1} receives beside {0} first; then {0} is frozen, {1} transmits on, and only then {0} ends.",
        Method::Cold => "{0} stops first; then {1} starts from nothing and initialises the radio in full.",
        Method::Criu => "For comparison: {0} is frozen, CRIU dumps its processes and restores them on {1}; only then {0} ends.",
        Method::Vm => "For comparison: QEMU copies the guest of {0} to {1}; only then the one on {0} ends.",
        Method::Failover | Method::Recover => "{1} restarts the work without asking {0}.",
        // Of nobody's order.
        Method::Takeover => "{1} goes on in the place of {0}.",
    };
    let title = lang.fill("{0}: move the work from {1} to {2} ({3})?", &[&order, &from, &to, &method]);
    Confirm::new(Action::Order(order), title, vec![lang.fill(how, &[&from, &to])])
}

/// That the service stops when a host's work ends, where it is the one that serves.
fn alarm(model: &Model, host: &str, text: &'static str) -> Option<String> {
    model.holds_radio(host).then(|| model.skin.lang.fill(text, &[&host]))
}

fn kill(model: &Model, order: Order, host: &str) -> Confirm {
    let lang = model.skin.lang;
    let alarm = alarm(model, host, "THE SERVICE STOPS: {0} owns the radio, and nobody serves until DS or DSR.");
    let mut lines = vec![lang.fill("{0} parks its eth3.", &[&host])];
    if alarm.is_none() {
        lines.push(lang.tr("It does not own the radio: the service is not touched.").to_owned());
    }
    Confirm::new(Action::Order(order), lang.fill("{0}: stop D2D and USRP on {1}?", &[&order, &host]), lines).alarm(alarm)
}

const ENDS_WITH: &str = "THE SERVICE STOPS: {0} owns the radio, and its work ends with its controller.";

/// What becomes of a host whose controller ends.
fn without_controller(model: &Model, host: &str) -> Vec<String> {
    let lang = model.skin.lang;
    let leaves = "{0}'s agent leaves and must be started by hand; until then {0} takes no orders.";
    let mut lines = vec![lang.fill(leaves, &[&host])];
    if model.works(host) {
        lines.push(lang.fill("{0} runs the work: it ends with the agent.", &[&host]));
    }
    lines
}

fn end(model: &Model, host: &str) -> Confirm {
    let title = model.skin.lang.fill("end: stop {0}'s controller?", &[&host]);
    Confirm::new(Action::End, title, without_controller(model, host)).alarm(alarm(model, host, ENDS_WITH))
}

/// The question before leaving, where something of this console is at stake: its orders, its hold, its lab.
fn leave(model: &Model) -> Option<Confirm> {
    let lang = model.skin.lang;
    let radios = model.radios();
    let lines: Vec<String> = radios.values().flat_map(|radio| orders_of_this_console(radio)).collect();
    let working = lab_at_work(model);
    let busy = model.pool_page.as_ref().is_some_and(|page| page.is_busy());
    if model.read_only && working.is_empty() || working.is_empty() && lines.is_empty() && !busy {
        return None;
    }
    let mut lines = lines;
    if busy {
        lines.push(lang.tr("Nothing more of what is carried out for the pool begins without this console.").into());
    }
    if working.is_empty() {
        lines.push(lang.tr("The service goes on: no controller is ended.").into());
    }
    let title = if model.ends_lab { "leave, and end the lab?" } else { "leave this console?" };
    let alarm = (!working.is_empty()).then(|| working.join(" "));
    let alone = model.screen == Screen::Pool;
    Some(Confirm { alone, ..Confirm::new(Action::Leave, lang.tr(title).into(), lines).alarm(alarm) })
}

/// The question before `end` and leaving.
fn quit(model: &Model) -> Option<Confirm> {
    if model.read_only {
        return leave(model);
    }
    let ([_, two], lang) = (model.pool(), model.skin.lang);
    let mut lines = without_controller(model, two);
    lines.extend(orders_of_this_console(model));
    lines.extend(lab_at_work(model));
    let title = lang.fill("quit: end {0}'s controller, then leave?", &[&two]);
    Some(Confirm::new(Action::Quit, title, lines).alarm(alarm(model, two, ENDS_WITH)))
}

/// In a demo: that the lab ends with the console, where work runs in it.
fn lab_at_work(model: &Model) -> Vec<String> {
    let lang = model.skin.lang;
    let radios = model.radios();
    let servers = |radio: &Model| radio.config.servers().into_iter().map(|host| host.to_string()).collect::<Vec<_>>();
    let at_work = radios.values().flat_map(|radio| servers(radio).into_iter().filter(|host| radio.works(host)));
    let working: Vec<String> = at_work.collect::<BTreeSet<_>>().into_iter().collect();
    let ends = model.ends_lab && (!working.is_empty() || radios.values().any(|radio| radio.under_way().is_some()));
    let and = lang.tr(" and ");
    match ends {
        false => Vec::new(),
        true if working.is_empty() => vec![lang.tr("The lab ends with this console.").into()],
        true => vec![lang.fill("The lab ends with this console, and the work on {0} with it.", &[&working.join(and)])],
    }
}

/// What becomes of the orders that this console has asked for and that are not over.
fn orders_of_this_console(model: &Model) -> Vec<String> {
    let lang = model.skin.lang;
    let of = |pending: &super::model::PendingOrder| {
        // Once it is past its cut, nobody waits for go any more.
        let cut = model.under_way().is_some_and(|(_, p)| p.order == pending.order && !p.is_before_cut());
        if pending.hold && !cut {
            lang.fill(
                "{0} on {1} has a hold of this console, which ends with it: {0} is given up.",
                &[&pending.order, &pending.host],
            )
        } else {
            lang.fill("{0}, ordered here, is not over: it goes on, on {1}.", &[&pending.order, &pending.host])
        }
    };
    model.pending.iter().map(of).collect()
}
