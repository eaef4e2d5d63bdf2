//! Requests to hosts (orders, go, cancel, `end`, the interval of the pings) and their answers.

use super::action::Action;
use super::failover::Failover;
use super::model::{Model, PendingOrder};
use super::msg::{Effect, LinkState, Purpose};
use super::outcomes;
use super::place::Screen;
use super::plans;
use super::preflight;
use super::recent;
use super::runs;
use super::service;
use super::text::trim;
use crate::migration::hold::{HOLD_LIMIT, ORDER_LIMIT};
use crate::migration::service::ServiceState;
use protocol::{Answer, Command, ErrorCode, Failure, Level, Method, Order, OrderRequest, OrderStage};

/// Longest wait for `end`, ms.
const END_DEADLINE_MS: u64 = 5_000;
/// Longest wait for what is answered at once: go, cancel, another interval, ms.
const SHORT_DEADLINE_MS: u64 = 5_000;
/// Times between pings that the key goes through, ms: the paper's, and what a short cut needs.
const INTERVALS_MS: [f64; 3] = [100.0, 10.0, 1.0];

/// Asks a host, unless its link is known to be down: an order must not wait there and run when nobody expects it.
pub fn request(model: &mut Model, host: String, command: Command, deadline_ms: u64, purpose: Purpose) -> Vec<Effect> {
    let down = model.hosts.get(&host).is_some_and(|view| view.reported_down && !is_connected(view.link));
    if down {
        let failure =
            Failure::new(ErrorCode::Unreachable, model.skin.lang.fill("{0}'s agent cannot be reached; nothing was sent", &[&host]))
                .hint(model.skin.lang.fill("start it on {0} with `baton agent --host {0}`", &[&host]));
        return answered(model, purpose, &host, Err(failure));
    }
    vec![Effect::Request { host, command, deadline_ms, purpose }]
}

fn is_connected(link: LinkState) -> bool {
    matches!(link, LinkState::Connected | LinkState::Silent { .. })
}

/// Sends an order; a migration by the chosen method.
pub fn order(model: &mut Model, order: Order) -> Vec<Effect> {
    order_by(model, order, model.method, model.hold && order.is_migration())
}

/// Tells the other server to take over from the one that does not answer. It never holds: there is no source to serve meanwhile.
pub fn failover(model: &mut Model) -> Vec<Effect> {
    let order = Failover::from_owner(model).order;
    order_by(model, order, Method::Failover, false)
}

/// Why there is nothing to recover, or nothing that an order could; `None` where there is.
pub fn nothing_to_recover(model: &Model) -> Option<String> {
    let lang = model.skin.lang;
    let Some(service) = service::verdict(model) else { return Some(lang.tr("no server is heard yet").to_owned()) };
    match (service.state, service.mend) {
        (ServiceState::Serving, _) => {
            let key = model.keys.key(Action::Order(preflight::next_order(model)));
            Some(lang.fill("it serves: there is nothing to recover; {0} moves the work", &[&key]))
        }
        (ServiceState::Starting, _) => Some(lang.tr("it is starting: there is nothing to recover yet").to_owned()),
        (_, Some(_)) => None,
        (_, None) => Some(service::sentence(model, &service)),
    }
}

/// Orders what brings the service back, as it is judged now.
pub fn recover(model: &mut Model) -> Vec<Effect> {
    if let Some(text) = nothing_to_recover(model) {
        model.say(Level::Warning, text);
        return Vec::new();
    }
    let Some(mend) = service::verdict(model).and_then(|service| service.mend) else { return Vec::new() };
    order_by(model, mend.order, mend.method.unwrap_or_default(), false)
}

fn order_by(model: &mut Model, order: Order, method: Method, hold: bool) -> Vec<Effect> {
    model.before_look = None;
    // The run to come is what Timing is for.
    model.opened = model.opened.take().filter(|_| !order.is_migration());
    if matches!(model.screen, Screen::Preflight { .. }) {
        model.screen = model.before_help;
    }
    let between = model.config.roles_to_tell();
    send(model, OrderRequest { hold, between, ..OrderRequest::new(order, method) })
}

/// Sends an order as it is.
pub fn send(model: &mut Model, wanted: OrderRequest) -> Vec<Effect> {
    let OrderRequest { order, method, hold, .. } = wanted;
    // Whoever names two servers has them from the cluster file.
    let host = model
        .config
        .of_order(&wanted)
        .map_or_else(|_| model.config.executor(order).to_owned(), |config| config.executor(order).to_owned());
    let how = match (order.is_migration(), hold) {
        (false, _) if method == Method::Recover => format!(" ({method})"),
        (false, _) => String::new(),
        (true, false) => format!(" ({method})"),
        (true, true) => format!(" ({method}, hold)"),
    };
    model.tell(Level::Info, model.skin.lang.fill("{0}{1} ordered from {2}", &[&order, &how, &host]));
    let previous = model.run_on(&host).map(str::to_owned);
    model.pending.push(PendingOrder { order, host: host.clone(), since_ms: model.now_ms, hold, previous });
    let ordered = OrderRequest { by: model.by.clone(), ..wanted };
    let limit = if hold { ORDER_LIMIT + HOLD_LIMIT } else { ORDER_LIMIT };
    // Minutes: far below u64's range.
    request(model, host, Command::Order(ordered), limit.as_millis() as u64, Purpose::Order(order))
}

/// Sends `end`.
pub fn end(model: &mut Model, purpose: Purpose) -> Vec<Effect> {
    let host = model.config.roles.destination.to_string();
    model.say(Level::Info, model.skin.lang.fill("end ordered from {0}", &[&host]));
    request(model, host, Command::End, END_DEADLINE_MS, purpose)
}

/// Tells the host that carries a migration out to go on with the cut.
pub fn go(model: &mut Model) -> Vec<Effect> {
    let Some((host, progress)) = preflight::before_cut(model) else {
        model.say(Level::Warning, model.skin.lang.tr("no migration waits for go"));
        return Vec::new();
    };
    let (host, order, ready) = (host.to_owned(), progress.order, progress.stage == OrderStage::Ready);
    // The run that the operator sees, and no other.
    let run = Some(progress.run.clone());
    if !ready {
        model.say(Level::Warning, model.skin.lang.fill("{0} is not ready yet: use go when it waits", &[&order]));
        return Vec::new();
    }
    request(model, host, Command::Go { run }, SHORT_DEADLINE_MS, Purpose::Go(order))
}

/// Tells the host that carries a migration out to give it up.
pub fn cancel(model: &mut Model) -> Vec<Effect> {
    if let Some((host, progress)) = preflight::before_cut(model) {
        let (host, order, run) = (host.to_owned(), progress.order, Some(progress.run.clone()));
        return request(model, host, Command::Cancel { run }, SHORT_DEADLINE_MS, Purpose::Cancel(order));
    }
    let text = match model.under_way() {
        Some((host, progress)) => {
            model.skin.lang.fill("{0} on {1} cannot be cancelled any more: wait until it ends", &[&progress.order, &host])
        }
        None => model.skin.lang.tr("no migration is under way that could be cancelled").to_owned(),
    };
    model.say(Level::Warning, text);
    Vec::new()
}

/// Gives the far end's pings another interval: the wanted one, or the next.
pub fn interval(model: &mut Model, wanted: Option<f64>) -> Vec<Effect> {
    match next_interval(model, None) {
        Ok(next) => change_interval(model, wanted.unwrap_or(next), Purpose::Interval),
        Err(text) => {
            model.say(Level::Warning, text);
            Vec::new()
        }
    }
}

/// Gives them another interval, and orders a migration once they have it: the pings of a run are counted under one interval.
pub fn interval_before(model: &mut Model, order: Order, interval_ms: f64) -> Vec<Effect> {
    match next_interval(model, None) {
        Ok(_) => change_interval(model, interval_ms, Purpose::IntervalBefore(order, model.method, model.hold)),
        Err(text) => {
            model.say(Level::Warning, text);
            Vec::new()
        }
    }
}

/// The interval that follows the present one or another, ms.
///
/// # Errors
/// Why it cannot be changed now, as a sentence.
pub fn next_interval(model: &Model, after: Option<f64>) -> Result<f64, String> {
    let lang = model.skin.lang;
    let Some(host) = model.config.roles.far_end.as_ref() else {
        return Err(lang.tr("the configuration names no far end: nobody probes").to_owned());
    };
    // The pings of a run are counted under one interval.
    if model.under_way().is_some() {
        return Err(lang.tr("a run is under way: the interval stays until it ends").to_owned());
    }
    let probe = model.probe().ok_or_else(|| lang.fill("{0} reports no probe yet", &[host]))?;
    let now = after.unwrap_or(probe.interval_ms);
    Ok(INTERVALS_MS.into_iter().find(|ms| *ms < now).unwrap_or(INTERVALS_MS[0]))
}

fn change_interval(model: &mut Model, interval_ms: f64, purpose: Purpose) -> Vec<Effect> {
    let far_end = model.config.roles.far_end.as_ref().map(ToString::to_string);
    let Some((host, target)) = far_end.zip(model.probe().map(|probe| probe.target.clone())) else { return Vec::new() };
    model.say(Level::Info, model.skin.lang.fill("pings of {0}: one every {1} ms", &[&host, &trim(interval_ms)]));
    request(model, host, Command::ProbeStart { target, interval_ms }, SHORT_DEADLINE_MS, purpose)
}

/// Handles an answer.
pub fn answered(model: &mut Model, purpose: Purpose, host: &str, result: Result<Answer, Failure>) -> Vec<Effect> {
    let lang = model.skin.lang;
    match (purpose, result) {
        (Purpose::Order(order), result) => {
            if let Some(at) = model.pending.iter().position(|pending| pending.order == order) {
                model.pending.remove(at);
            }
            match result {
                Ok(answer) => outcomes::of_record(model, order, host, answer),
                Err(failure) => outcomes::of_failure(model, order, &failure),
            }
        }
        (Purpose::Go(order), Ok(_)) => model.say(Level::Info, lang.fill("{0} was told to go on with {1}", &[&host, &order])),
        (Purpose::Cancel(order), Ok(_)) => model.say(Level::Info, lang.fill("{0} was told to give {1} up", &[&host, &order])),
        (Purpose::Go(_), Err(failure)) => log_failure(model, &lang.fill("{0} failed", &[&"go"]), &failure),
        (Purpose::Cancel(_), Err(failure)) => log_failure(model, &lang.fill("{0} failed", &[&"cancel"]), &failure),
        (Purpose::Plan(..), Ok(answer)) => plans::store(model, answer),
        (Purpose::Recent, Ok(answer)) => recent::merge(model, answer),
        // Nothing depends on it: the screen says that nothing is known, and an agent of an older version has no memory of events.
        (Purpose::Plan(..) | Purpose::Recent, Err(_)) | (Purpose::Interval, Ok(_)) => {}
        (Purpose::Interval, Err(failure)) => log_failure(model, lang.tr("the interval was not changed"), &failure),
        (Purpose::IntervalBefore(order, method, hold), Ok(_)) => return order_by(model, order, method, hold),
        (Purpose::IntervalBefore(order, ..), Err(failure)) => {
            log_failure(model, &lang.fill("the interval was not changed, so {0} was not ordered", &[&order]), &failure);
        }
        (Purpose::End | Purpose::EndThenLeave, Ok(_)) => {
            model.say(Level::Info, lang.fill("{0}'s controller has ended", &[&host]));
        }
        // The agent's own word follows.
        (Purpose::Standby { arms: true } | Purpose::Drain { .. }, Ok(_)) => {}
        (Purpose::Standby { arms: false }, Ok(_)) => model.say(Level::Info, lang.fill("{0} follows no longer", &[&host])),
        (Purpose::Standby { arms }, Err(failure)) => {
            let what = if arms { "arm" } else { "disarm" };
            log_failure(model, &lang.fill("{0} failed", &[&what]), &failure);
        }
        (Purpose::Drain { drains }, Err(failure)) => {
            let what = if drains { "drain" } else { "undrain" };
            log_failure(model, &lang.fill("{0} failed", &[&what]), &failure);
        }
        (Purpose::End, Err(failure)) => log_failure(model, &lang.fill("{0} failed", &[&"end"]), &failure),
        (Purpose::EndThenLeave, Err(failure)) => {
            model.farewell.push(lang.fill("end of {0} failed: {1}", &[&host, &failure]));
        }
    }
    match purpose {
        Purpose::EndThenLeave => vec![Effect::Leave],
        // Its record is among those that are looked at.
        Purpose::Order(_) if model.screen == Screen::Runs => runs::keys::load(model),
        _ => Vec::new(),
    }
}

/// A failure as the log has it, and what to do.
pub fn log_failure(model: &mut Model, what: &str, failure: &Failure) {
    outcomes::say_failure(model, Level::Error, what, failure);
}
