//! The flows and their branches against a fake fleet.

mod branches;
mod driving;
mod guest;
mod holding;
mod properties;
mod recover;
mod rollback;
mod store;
mod take_up;
mod timing;

use std::path::Path;
use std::time::Duration;

use super::decision::Decision;
use super::engine::{self, Effect, Event, State};
use super::fleet::{Fleet, Host, config};
use super::setting::Setting;
use protocol::{Answer, Failure, Method, Order, OrderRequest, RunRecord};

/// Runs an order against a fleet without a driver: every effect takes a millisecond.
fn run(fleet: &mut Fleet, order: Order, method: Method, far_end: bool) -> RunRecord {
    let mut seen = |_: &State, _: Duration| ();
    run_watched(fleet, order, method, far_end, |_, _| Duration::from_millis(1), &mut seen)
}

/// Carries out a request in a cluster.
pub fn carry_out(fleet: &mut Fleet, request: &OrderRequest, config: &config::Config) -> RunRecord {
    let setting = Setting::new("run".into(), chrono::Utc::now(), request, config);
    run_setting(fleet, setting, |_, _| Duration::from_millis(1), &mut |_: &State, _: Duration| (), |_| Decision::None)
}

/// The same with a time for each effect, and a look at each state.
fn run_watched(
    fleet: &mut Fleet,
    order: Order,
    method: Method,
    far_end: bool,
    time: impl Fn(&str, &str) -> Duration,
    seen: &mut impl FnMut(&State, Duration),
) -> RunRecord {
    let request = OrderRequest { by: Some("tester@here".into()), ..OrderRequest::new(order, method) };
    let setting = Setting::new("run".into(), chrono::Utc::now(), &request, &config(Path::new("/nowhere"), far_end));
    run_setting(fleet, setting, time, seen, |_| Decision::None)
}

/// The same for a setting, with what is decided at each state.
fn run_setting(
    fleet: &mut Fleet,
    setting: Setting,
    time: impl Fn(&str, &str) -> Duration,
    seen: &mut impl FnMut(&State, Duration),
    decide: impl Fn(&State) -> Decision,
) -> RunRecord {
    follow(fleet, engine::begin(setting), usize::MAX, time, seen, decide).expect("the order does not end")
}

/// Follows an order up to its record, or until so many commands were sent.
fn follow(
    fleet: &mut Fleet,
    (mut state, mut effect): (State, Effect),
    commands: usize,
    time: impl Fn(&str, &str) -> Duration,
    seen: &mut impl FnMut(&State, Duration),
    decide: impl Fn(&State) -> Decision,
) -> Option<RunRecord> {
    let mut at = Duration::ZERO;
    let mut left = commands;
    // No order has this many steps: an engine that goes round in circles fails here.
    for _ in 0..400 {
        seen(&state, at);
        let result = match effect {
            Effect::Request { .. } if left == 0 => return None,
            Effect::Request { host, command } => {
                left -= 1;
                at += time(&host, command.name());
                fleet.answer(&host, &command)
            }
            Effect::Reserve { to, above } => reserve(fleet, &mut state, &to, above),
            Effect::Wait(wait) => {
                at += wait;
                Ok(Answer::Done)
            }
            Effect::AwaitGo(limit) => match decide(&state) {
                Decision::Go => Ok(Answer::Done),
                Decision::None => {
                    at += limit;
                    Err(super::hold::forgotten())
                }
                decision => Err(decision.failure().unwrap()),
            },
            Effect::End(record) => return Some(*record),
        };
        let decision = decide(&state);
        (state, effect) = engine::step(state, Event { at, result, decision });
    }
    None
}

/// As the driver has the radio reserved.
fn reserve(fleet: &mut Fleet, state: &mut State, to: &str, above: u64) -> Result<Answer, Failure> {
    fleet.store.reserve(to, above).map(|epoch| {
        epoch.into_iter().for_each(|epoch| state.may_take(epoch));
        Answer::Done
    })
}

/// The fleet before a migration: the source serves, the destination is free.
fn before(order: Order) -> Fleet {
    match order {
        Order::MB => Fleet::new(Host::default(), Host::serving()),
        Order::M => Fleet::new(Host::serving(), Host::default()),
        _ => Fleet::new(Host::default(), Host::default()),
    }
}
