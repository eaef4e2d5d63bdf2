//! Budget, hold, go, cancel.

use super::*;
use crate::migration::fleet::Fault::Silent;
use protocol::Method::{Classic, Cold, Hot, Seamless};
use protocol::Order::{M, MB};
use protocol::{Answer, ErrorCode, Expected, OrderStage, Origin, Outcome};

fn setting(request: &OrderRequest) -> Setting {
    Setting::new("run".into(), chrono::Utc::now(), request, &config(Path::new("/nowhere"), true))
}

fn time(_: &str, _: &str) -> Duration {
    Duration::from_millis(1)
}

#[test]
fn a_hold_stops_ready_before_the_cut_and_goes_on_at_go() {
    for (order, method) in [(M, Classic), (MB, Classic), (M, Cold), (M, Hot), (MB, Seamless)] {
        let request = OrderRequest { hold: true, ..OrderRequest::new(order, method) };
        let mut fleet = before(order);
        let mut stages = Vec::new();
        let mut seen = |state: &State, at: Duration| stages.push(state.progress(at).stage);
        let record = run_setting(&mut fleet, setting(&request), time, &mut seen, |state| {
            if state.progress(Duration::ZERO).stage == OrderStage::Ready { Decision::Go } else { Decision::None }
        });
        assert_eq!(record.outcome, Outcome::Ok, "{record:?}");
        assert!(record.held_ms.is_some());
        // The time of the wait is in no phase and not in the total.
        assert!((record.total_ms - record.phases.iter().map(|p| p.ms).sum::<f64>()).abs() < 1e-6, "{record:?}");
        stages.dedup();
        use OrderStage::{Checking, Closing, Moving, Preparing, Ready};
        assert_eq!(stages, [Checking, Preparing, Ready, Moving, Closing]);
    }
}

#[test]
fn a_hold_that_everybody_forgot_ends_with_the_source_serving() {
    let request = OrderRequest { hold: true, ..OrderRequest::new(M, Classic) };
    let mut fleet = before(M);
    let record = run_setting(&mut fleet, setting(&request), time, &mut |_, _| (), |_| Decision::None);
    assert_eq!(record.outcome, Outcome::Cancelled);
    assert!(record.reason.unwrap().contains("nobody said go within 10 minutes"));
    assert!(fleet.hosts["server1"].serves() && !fleet.hosts["server2"].d2d);
}

#[test]
fn cancelled_at_any_moment_before_the_cut_the_source_serves_on_and_nothing_is_left() {
    for (order, method) in [M, MB].into_iter().flat_map(|order| [Classic, Cold, Hot, Seamless].map(|method| (order, method))) {
        for hold in [false, true] {
            for after in 0..18 {
                let request = OrderRequest { hold, ..OrderRequest::new(order, method) };
                let mut fleet = before(order);
                let count = std::cell::Cell::new(0);
                let record = run_setting(&mut fleet, setting(&request), time, &mut |_, _| count.set(count.get() + 1), |_| {
                    if count.get() > after { Decision::Cancel } else { Decision::None }
                });
                let case = format!("{order} {method} after {after}: {record:?}");
                let (from, to) = (&fleet.hosts[&record.from], &fleet.hosts[&record.to]);
                match record.outcome {
                    Outcome::Cancelled => {
                        assert!(from.serves() && !to.d2d && !to.active && to.usrp == protocol::ProcessState::Stopped, "{case}");
                        assert!(record.reason.as_deref().unwrap().ends_with("still serves."), "{case}");
                        assert_eq!(record.failure.unwrap().code, ErrorCode::Cancelled);
                        assert_ne!(to.tun, "192.168.40.9/24", "the tun address is there twice");
                    }
                    Outcome::Ok => assert!(to.serves() && !hold, "{case}"),
                    _ => panic!("{case}"),
                }
                assert!(record.outcome == Outcome::Cancelled || after >= 4, "{case}");
            }
        }
    }
}

#[test]
fn a_hold_whose_asker_or_agent_is_gone_ends_with_the_source_serving() {
    for (decision, words) in [
        (Decision::AskerGone, "whoever asked for the hold is not heard any more"),
        (Decision::AgentStops, "the agent that carries it out was told to stop"),
    ] {
        let request = OrderRequest { hold: true, ..OrderRequest::new(M, Hot) };
        let mut fleet = before(M);
        let record = run_setting(&mut fleet, setting(&request), time, &mut |_, _| (), |state| {
            if state.progress(Duration::ZERO).stage == OrderStage::Ready { decision } else { Decision::None }
        });
        assert_eq!(record.outcome, Outcome::Cancelled, "{record:?}");
        let reason = record.reason.unwrap();
        assert!(reason.contains(words) && reason.ends_with("server1 still serves."), "{reason}");
        assert!(fleet.hosts["server1"].serves() && !fleet.hosts["server2"].d2d);
    }
}

#[test]
fn work_that_the_operator_has_ended_is_not_started_again() {
    for (order, method) in [M, MB].into_iter().flat_map(|order| [Classic, Cold, Hot, Seamless].map(|method| (order, method))) {
        // Known by a word of the source before the cut, or by its refusal of any later step.
        for told in [false, true] {
            let request = OrderRequest { hold: true, ..OrderRequest::new(order, method) };
            let fleet = std::cell::RefCell::new(before(order));
            let ended = std::cell::Cell::new(false);
            let (mut state, mut effect) = engine::begin(setting(&request));
            let record = loop {
                let mut decision = Decision::None;
                let result = match effect {
                    Effect::Request { host, command } => {
                        let from = state.progress(Duration::ZERO).from;
                        if ended.get() && host == from && !command.only_reads() {
                            Err(protocol::Failure::new(ErrorCode::Cancelled, "the work was ended by KL"))
                        } else {
                            fleet.borrow_mut().answer(&host, &command)
                        }
                    }
                    Effect::AwaitGo(_) => {
                        ended.set(true);
                        let from = state.progress(Duration::ZERO).from;
                        let tun = fleet.borrow().hosts[&from].tun.clone();
                        fleet.borrow_mut().hosts.insert(from, Host { tun, ..Host::default() });
                        if told {
                            decision = Decision::WorkEnded;
                            Err(Decision::WorkEnded.failure().unwrap())
                        } else {
                            Ok(Answer::Done)
                        }
                    }
                    Effect::Reserve { .. } | Effect::Wait(_) => Ok(Answer::Done),
                    Effect::End(record) => break *record,
                };
                (state, effect) = engine::step(state, Event { at: Duration::ZERO, result, decision });
            };
            let fleet = fleet.into_inner();
            let case = format!("{order} {method} {told}: {record:?} {:?}", fleet.changes());
            assert_eq!(record.outcome, Outcome::Failed, "{case}");
            assert!(record.reason.as_deref().unwrap().contains("Nobody serves now"), "{case}");
            assert!(record.rollback.is_none() && fleet.hosts.values().all(|host| !host.d2d && !host.active), "{case}");
        }
    }
}

#[test]
fn a_failover_that_was_cancelled_is_not_carried_out() {
    let mut fleet = before(M);
    *fleet.hosts.get_mut("server1").unwrap() = Host::default();
    fleet.dead.insert("server1", 0);
    fleet.collected = Some("server1".into());
    let request = OrderRequest::new(M, protocol::Method::Failover);
    let record = run_setting(&mut fleet, setting(&request), time, &mut |_, _| (), |_| Decision::Cancel);
    assert_eq!(record.failure.clone().unwrap().code, ErrorCode::Cancelled, "{record:?}");
    assert_eq!(fleet.changes(), Vec::<String>::new());
}

#[test]
fn a_failure_of_the_clean_up_of_a_cancelled_order_is_told() {
    let request = OrderRequest { hold: true, ..OrderRequest::new(M, Classic) };
    let mut fleet = before(M);
    fleet.faults.push(("server2", "double_kill", Silent));
    let record = run_setting(&mut fleet, setting(&request), time, &mut |_, _| (), |state| {
        if state.progress(Duration::ZERO).stage == OrderStage::Ready { Decision::Cancel } else { Decision::None }
    });
    assert_eq!(record.outcome, Outcome::Cancelled, "{record:?}");
    assert!(record.warnings[0].starts_with("Clean-up: double_kill on server2"));
}

#[test]
fn an_interruption_beyond_the_budget_is_refused_with_both_figures() {
    let history = Expected { ms: Some(149.0), origin: Origin::History, runs: 12 };
    let source = Expected { ms: Some(1855.0), origin: Origin::Paper, runs: 0 };
    let none = Expected { ms: None, origin: Origin::NoHistory, runs: 0 };
    for (expected, budget, force, refused) in [
        (history, 100.0, false, Some("149 ms is to be expected (median of 12 earlier runs), which exceeds the budget of 100 ms")),
        (source, 500.0, false, Some("1855 ms is to be expected (the paper's figure, for there is no history)")),
        (history, 150.0, false, None),
        (history, 100.0, true, None),
        (none, 1.0, false, None),
    ] {
        let request = OrderRequest { budget_ms: Some(budget), force, ..OrderRequest::new(M, Classic) };
        let mut fleet = before(M);
        let setting = Setting { expected, ..setting(&request) };
        let record = run_setting(&mut fleet, setting, time, &mut |_, _| (), |_| Decision::None);
        match refused {
            Some(words) => {
                assert!(record.reason.as_deref().unwrap().contains(words), "{record:?}");
                assert_eq!(record.failure.unwrap().code, ErrorCode::OverBudget);
                assert_eq!((record.outcome, fleet.changes().len()), (Outcome::RolledBack, 0));
            }
            None => assert_eq!(record.outcome, Outcome::Ok, "{record:?}"),
        }
    }
}

#[test]
fn links_carry_an_epoch_above_all_that_either_host_knows() {
    for faulty in [false, true] {
        let mut fleet = before(M);
        fleet.hosts.get_mut("server1").unwrap().epoch = Some(4);
        fleet.hosts.get_mut("server2").unwrap().epoch = Some(7);
        if faulty {
            fleet.faults.push(("server2", "link_usrp", Silent));
        }
        let record = run(&mut fleet, M, Classic, true);
        assert!(record.outcome != Outcome::Failed, "{record:?}");
        // The destination's word may still be on its way when the source links: the source's must be newer all the same.
        assert_eq!(fleet.epochs, if faulty { vec![8, 9] } else { vec![8] });
    }
}

#[test]
fn what_died_at_the_destination_during_a_hold_is_found_before_the_cut() {
    for died in ["D2D", "USRP"] {
        let request = OrderRequest { hold: true, ..OrderRequest::new(M, Classic) };
        let fleet = std::cell::RefCell::new(before(M));
        let (mut state, mut effect) = engine::begin(setting(&request));
        let record = loop {
            let result = match effect {
                Effect::Request { host, command } => fleet.borrow_mut().answer(&host, &command),
                Effect::AwaitGo(_) => {
                    let mut fleet = fleet.borrow_mut();
                    let host = fleet.hosts.get_mut("server2").unwrap();
                    if died == "D2D" {
                        host.d2d = false
                    } else {
                        host.usrp = protocol::ProcessState::Stopped
                    }
                    Ok(Answer::Done)
                }
                Effect::Reserve { .. } | Effect::Wait(_) => Ok(Answer::Done),
                Effect::End(record) => break *record,
            };
            (state, effect) = engine::step(state, Event { at: Duration::ZERO, result, decision: Decision::None });
        };
        let fleet = fleet.into_inner();
        assert_eq!(record.outcome, Outcome::RolledBack, "{record:?}");
        let words = format!("server2 is not ready any more: its {died} process ended while the order waited");
        assert!(record.reason.as_deref().unwrap().starts_with(&words), "{record:?}");
        assert!(fleet.hosts["server1"].serves() && record.rollback.is_none());
        assert!(!fleet.changes().contains(&"double_kill@server1".to_owned()), "the source was touched");
    }
}
