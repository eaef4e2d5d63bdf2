//! "Fails at this step -> exactly these commands, this outcome, this reason": docs/spec.md, "Flows", as a table.

use super::*;
use crate::migration::fleet::Fault::{self, Half, Late, Lost, Refused, Silent};
use protocol::Method::{Classic, Cold, Hot, Seamless};
use protocol::Order::{DS, DSR, KL, KR, M, MB};
use protocol::Outcome::{self, Failed, Ok as Done, RolledBack};
use protocol::Route;

/// Commands that change something when nothing fails.
const WITHOUT_FAILURE: [(Order, Method, &[&str]); 10] = [
    (M, Classic, &["set_tun_ip@server2", "start_d2d@server2", "make_usrp@server2", "double_kill@server1", "link_usrp@server2"]),
    (
        MB,
        Classic,
        &[
            "set_tun_ip@server1",
            "start_d2d@server1",
            "make_usrp@server1",
            "kill_usrp@server2",
            "link_usrp@server1",
            "kill_d2d@server2",
        ],
    ),
    (M, Cold, &["set_tun_ip@server2", "double_kill@server1", "start_d2d@server2", "start_usrp@server2"]),
    (MB, Cold, &["set_tun_ip@server1", "double_kill@server2", "start_d2d@server1", "start_usrp@server1"]),
    (
        M,
        Hot,
        &[
            "set_tun_ip@server2",
            "start_d2d@server2",
            "make_usrp@server2",
            "prepare@server2",
            "freeze@server1",
            "take_over@server2",
            "double_kill@server1",
            "commit@server2",
        ],
    ),
    (
        MB,
        Seamless,
        &[
            "set_tun_ip@server1",
            "start_d2d@server1",
            "make_usrp@server1",
            "prepare@server1",
            "overlap@server1",
            "freeze@server2",
            "take_over@server1",
            "double_kill@server2",
            "commit@server1",
        ],
    ),
    (DS, Classic, &["set_eth3@server1", "start_d2d@server1", "start_usrp@server1"]),
    (DSR, Classic, &["start_d2d@server2", "start_usrp@server2"]),
    (KL, Classic, &["double_kill@server1"]),
    (KR, Classic, &["double_kill@server2"]),
];

#[test]
fn flows_without_failure_ask_in_the_papers_order() {
    for (order, method, commands) in WITHOUT_FAILURE {
        let mut fleet = before(order);
        let record = run(&mut fleet, order, method, true);
        assert_eq!(fleet.changes(), commands, "{order} {method}");
        assert_eq!((record.outcome, record.reason, record.warnings), (Done, None, vec![]), "{order} {method}");
        let host = &fleet.hosts[&record.to];
        assert_eq!(host.serves(), !matches!(order, KL | KR), "{order} {method}: {host:?}");
        if order.is_migration() {
            assert_eq!(host.tun, "192.168.40.9/24", "{order} {method}");
            let left = &fleet.hosts[&record.from];
            assert!(!left.d2d && !left.active, "{order} {method}: {left:?}");
        }
    }
}

/// A failing step, its fault, what is then asked, the outcome, and how the reason ends.
type Branch = (Order, Method, &'static str, &'static str, Fault, &'static [&'static str], Outcome, &'static str);

/// The destination leaves the radio alone before the source has it again.
const BACK: &[&str] = &["set_eth3@server2", "resume@server1", "double_kill@server2", "set_tun_ip@server2"];

const BRANCHES: &[Branch] = &[
    (M, Classic, "server1", "get_control", Refused, &[], RolledBack, "server1 still serves."),
    (M, Classic, "server1", "get_tun_ip", Refused, &[], RolledBack, "server1 still serves."),
    (M, Classic, "server2", "set_tun_ip", Refused, &["set_tun_ip@server2"], RolledBack, "server1 still serves."),
    (M, Classic, "server2", "start_d2d", Refused, &["set_tun_ip@server2"], RolledBack, "server1 still serves."),
    (M, Classic, "server2", "start_d2d", Silent, &["kill_d2d@server2", "set_tun_ip@server2"], RolledBack, "server1 still serves."),
    (M, Classic, "server2", "make_usrp", Refused, &["kill_d2d@server2", "set_tun_ip@server2"], RolledBack, "server1 still serves."),
    (
        M,
        Classic,
        "server2",
        "make_usrp",
        Silent,
        &["double_kill@server2", "set_tun_ip@server2"],
        RolledBack,
        "server1 still serves.",
    ),
    (
        M,
        Classic,
        "server1",
        "double_kill",
        Refused,
        &["double_kill@server2", "set_tun_ip@server2"],
        RolledBack,
        "server1 still serves.",
    ),
    (
        M,
        Classic,
        "server1",
        "double_kill",
        Half,
        &["double_kill@server2", "start_d2d@server1", "set_tun_ip@server2"],
        RolledBack,
        "server1 serves again after 6 ms.",
    ),
    (
        M,
        Classic,
        "server1",
        "double_kill",
        Silent,
        &[
            "double_kill@server2",
            "set_tun_ip@server1",
            "start_d2d@server1",
            "make_usrp@server1",
            "link_usrp@server1",
            "set_tun_ip@server2",
        ],
        RolledBack,
        "server1 serves again after 9 ms.",
    ),
    (
        M,
        Classic,
        "server2",
        "link_usrp",
        Refused,
        &["double_kill@server2", "start_d2d@server1", "make_usrp@server1", "link_usrp@server1", "set_tun_ip@server2"],
        RolledBack,
        "server1 serves again after 9 ms.",
    ),
    (
        M,
        Classic,
        "server2",
        "link_usrp",
        Silent,
        &["double_kill@server2", "start_d2d@server1", "make_usrp@server1", "link_usrp@server1", "set_tun_ip@server2"],
        RolledBack,
        "server1 serves again after 9 ms.",
    ),
    (
        M,
        Classic,
        "server2",
        "await_sync",
        Refused,
        &["double_kill@server2", "start_d2d@server1", "make_usrp@server1", "link_usrp@server1", "set_tun_ip@server2"],
        RolledBack,
        "server1 serves again after 10 ms.",
    ),
    (MB, Classic, "server2", "get_tun_ip", Refused, &[], RolledBack, "server2 still serves."),
    (MB, Classic, "server2", "get_control", Refused, &[], RolledBack, "server2 still serves."),
    (MB, Classic, "server1", "set_tun_ip", Refused, &["set_tun_ip@server1"], RolledBack, "server2 still serves."),
    (MB, Classic, "server1", "start_d2d", Refused, &["set_tun_ip@server1"], RolledBack, "server2 still serves."),
    (MB, Classic, "server1", "start_d2d", Lost, &["kill_d2d@server1", "set_tun_ip@server1"], RolledBack, "server2 still serves."),
    (
        MB,
        Classic,
        "server1",
        "make_usrp",
        Refused,
        &["kill_d2d@server1", "set_tun_ip@server1"],
        RolledBack,
        "server2 still serves.",
    ),
    (
        MB,
        Classic,
        "server1",
        "make_usrp",
        Silent,
        &["double_kill@server1", "set_tun_ip@server1"],
        RolledBack,
        "server2 still serves.",
    ),
    (
        MB,
        Classic,
        "server2",
        "kill_usrp",
        Refused,
        &["double_kill@server1", "set_tun_ip@server1"],
        RolledBack,
        "server2 still serves.",
    ),
    (
        MB,
        Classic,
        "server2",
        "kill_usrp",
        Half,
        &["double_kill@server1", "set_eth3@server2", "set_tun_ip@server1"],
        RolledBack,
        "server2 serves again after 6 ms.",
    ),
    (
        MB,
        Classic,
        "server1",
        "link_usrp",
        Refused,
        &["double_kill@server1", "make_usrp@server2", "link_usrp@server2", "set_tun_ip@server1"],
        RolledBack,
        "server2 serves again after 8 ms.",
    ),
    (
        MB,
        Classic,
        "server1",
        "await_sync",
        Refused,
        &[
            "kill_d2d@server2",
            "double_kill@server1",
            "start_d2d@server2",
            "make_usrp@server2",
            "link_usrp@server2",
            "set_tun_ip@server1",
        ],
        RolledBack,
        "server2 serves again after 11 ms.",
    ),
    (M, Cold, "server1", "get_tun_ip", Refused, &[], RolledBack, "server1 still serves."),
    (M, Cold, "server2", "set_tun_ip", Refused, &["set_tun_ip@server2"], RolledBack, "server1 still serves."),
    (M, Cold, "server1", "double_kill", Refused, &["set_tun_ip@server2"], RolledBack, "server1 still serves."),
    (
        M,
        Cold,
        "server1",
        "double_kill",
        Half,
        &["double_kill@server1", "start_d2d@server1", "start_usrp@server1", "set_tun_ip@server2"],
        RolledBack,
        "server1 serves again after 7 ms.",
    ),
    (
        M,
        Cold,
        "server2",
        "start_d2d",
        Refused,
        &["double_kill@server1", "start_d2d@server1", "start_usrp@server1", "set_tun_ip@server2"],
        RolledBack,
        "server1 serves again after 8 ms.",
    ),
    (
        M,
        Cold,
        "server2",
        "start_d2d",
        Silent,
        &["kill_d2d@server2", "double_kill@server1", "start_d2d@server1", "start_usrp@server1", "set_tun_ip@server2"],
        RolledBack,
        "server1 serves again after 9 ms.",
    ),
    (
        M,
        Cold,
        "server2",
        "start_usrp",
        Half,
        &["kill_d2d@server2", "double_kill@server1", "start_d2d@server1", "start_usrp@server1", "set_tun_ip@server2"],
        RolledBack,
        "server1 serves again after 10 ms.",
    ),
    (
        M,
        Cold,
        "server2",
        "start_usrp",
        Silent,
        &["double_kill@server2", "double_kill@server1", "start_d2d@server1", "start_usrp@server1", "set_tun_ip@server2"],
        RolledBack,
        "server1 serves again after 10 ms.",
    ),
    (
        M,
        Cold,
        "server2",
        "await_sync",
        Refused,
        &["double_kill@server2", "double_kill@server1", "start_d2d@server1", "start_usrp@server1", "set_tun_ip@server2"],
        RolledBack,
        "server1 serves again after 11 ms.",
    ),
    (MB, Cold, "server2", "double_kill", Refused, &["set_tun_ip@server1"], RolledBack, "server2 still serves."),
    (
        MB,
        Cold,
        "server1",
        "start_d2d",
        Refused,
        &["double_kill@server2", "start_d2d@server2", "start_usrp@server2", "set_tun_ip@server1"],
        RolledBack,
        "server2 serves again after 8 ms.",
    ),
    (
        MB,
        Cold,
        "server1",
        "start_usrp",
        Half,
        &["kill_d2d@server1", "double_kill@server2", "start_d2d@server2", "start_usrp@server2", "set_tun_ip@server1"],
        RolledBack,
        "server2 serves again after 10 ms.",
    ),
    // Hot: whatever happens up to the first good subframe, the source serves again.
    (M, Hot, "server1", "export", Refused, &[], RolledBack, "server1 still serves."),
    (M, Hot, "server1", "get_control", Refused, &[], RolledBack, "server1 still serves."),
    (M, Hot, "server1", "get_tun_ip", Refused, &[], RolledBack, "server1 still serves."),
    (M, Hot, "server2", "set_tun_ip", Refused, &["set_tun_ip@server2"], RolledBack, "server1 still serves."),
    (M, Hot, "server2", "start_d2d", Silent, &["kill_d2d@server2", "set_tun_ip@server2"], RolledBack, "server1 still serves."),
    (M, Hot, "server2", "make_usrp", Refused, &["kill_d2d@server2", "set_tun_ip@server2"], RolledBack, "server1 still serves."),
    (M, Hot, "server2", "prepare", Refused, &["double_kill@server2", "set_tun_ip@server2"], RolledBack, "server1 still serves."),
    (
        M,
        Hot,
        "server1",
        "freeze",
        Refused,
        &["resume@server1", "double_kill@server2", "set_tun_ip@server2"],
        RolledBack,
        "server1 still serves.",
    ),
    (
        M,
        Hot,
        "server1",
        "freeze",
        Silent,
        &["resume@server1", "double_kill@server2", "set_tun_ip@server2"],
        RolledBack,
        "server1 still serves.",
    ),
    (M, Hot, "server2", "take_over", Half, BACK, RolledBack, "server1 still serves."),
    (M, Hot, "server2", "take_over", Silent, BACK, RolledBack, "server1 still serves."),
    (M, Hot, "server2", "await_sync", Refused, BACK, RolledBack, "server1 still serves."),
    (
        MB,
        Hot,
        "server1",
        "take_over",
        Lost,
        &["set_eth3@server1", "resume@server2", "double_kill@server1", "set_tun_ip@server1"],
        RolledBack,
        "server2 still serves.",
    ),
    // Seamless: until the cut the source is not touched, from then on it is as with hot.
    (M, Seamless, "server1", "export", Refused, &[], RolledBack, "server1 still serves."),
    (M, Seamless, "server1", "get_control", Refused, &[], RolledBack, "server1 still serves."),
    (M, Seamless, "server1", "get_tun_ip", Refused, &[], RolledBack, "server1 still serves."),
    (M, Seamless, "server2", "set_tun_ip", Refused, &["set_tun_ip@server2"], RolledBack, "server1 still serves."),
    (M, Seamless, "server2", "start_d2d", Silent, &["kill_d2d@server2", "set_tun_ip@server2"], RolledBack, "server1 still serves."),
    (
        M,
        Seamless,
        "server2",
        "make_usrp",
        Refused,
        &["kill_d2d@server2", "set_tun_ip@server2"],
        RolledBack,
        "server1 still serves.",
    ),
    (
        M,
        Seamless,
        "server2",
        "prepare",
        Refused,
        &["double_kill@server2", "set_tun_ip@server2"],
        RolledBack,
        "server1 still serves.",
    ),
    (
        M,
        Seamless,
        "server2",
        "overlap",
        Refused,
        &["double_kill@server2", "set_tun_ip@server2"],
        RolledBack,
        "server1 still serves.",
    ),
    (
        M,
        Seamless,
        "server2",
        "overlap",
        Silent,
        &["double_kill@server2", "set_tun_ip@server2"],
        RolledBack,
        "server1 still serves.",
    ),
    (M, Seamless, "server2", "overlap", Late, &["double_kill@server2", "set_tun_ip@server2"], RolledBack, "server1 still serves."),
    (
        M,
        Seamless,
        "server1",
        "freeze",
        Silent,
        &["resume@server1", "double_kill@server2", "set_tun_ip@server2"],
        RolledBack,
        "server1 still serves.",
    ),
    (M, Seamless, "server2", "take_over", Half, BACK, RolledBack, "server1 still serves."),
    (M, Seamless, "server2", "take_over", Silent, BACK, RolledBack, "server1 still serves."),
    (M, Seamless, "server2", "await_sync", Refused, BACK, RolledBack, "server1 still serves."),
    (DS, Classic, "server1", "set_eth3", Refused, &[], Failed, "set_eth3 was refused."),
    (DS, Classic, "server1", "set_eth3", Silent, &["set_eth3@server1"], Failed, "did not answer set_eth3."),
    (DS, Classic, "server1", "start_d2d", Refused, &["set_eth3@server1"], Failed, "start_d2d was refused."),
    (DS, Classic, "server1", "start_d2d", Silent, &["double_kill@server1"], Failed, "did not answer start_d2d."),
    (DS, Classic, "server1", "start_usrp", Refused, &["set_eth3@server1", "kill_d2d@server1"], Failed, "start_usrp was refused."),
    (DS, Classic, "server1", "start_usrp", Silent, &["double_kill@server1"], Failed, "did not answer start_usrp."),
    (DS, Classic, "server1", "await_sync", Refused, &[], Done, ""),
    (DSR, Classic, "server2", "start_d2d", Refused, &[], Failed, "start_d2d was refused."),
    (DSR, Classic, "server2", "start_usrp", Half, &["kill_d2d@server2"], Failed, "start_usrp was refused."),
    (DSR, Classic, "server2", "start_usrp", Silent, &["double_kill@server2"], Failed, "did not answer start_usrp."),
    (KL, Classic, "server1", "double_kill", Half, &[], Failed, "double_kill was refused."),
    (KR, Classic, "server2", "double_kill", Lost, &[], Failed, "did not answer double_kill."),
];

#[test]
fn every_failure_branch_cleans_up_as_the_source_has_it() {
    for &(order, method, host, command, fault, clean_up, outcome, reason) in BRANCHES {
        let name = format!("{order} {method}: {command}@{host} {fault:?}");
        let mut fleet = before(order);
        fleet.faults.push((host, command, fault));
        let record = run(&mut fleet, order, method, true);
        let failed = fleet.log.iter().position(|(h, c)| (h.as_str(), *c) == (host, command)).unwrap();
        fleet.log.drain(..=failed);
        assert_eq!(fleet.changes(), clean_up, "{name}");
        assert_eq!(record.outcome, outcome, "{name}: {record:?}");
        assert!(record.reason.clone().unwrap_or_default().ends_with(reason), "{name}: {record:?}");
        if outcome != Done {
            let start = format!("{command} on {host}: ");
            assert!(record.reason.unwrap().starts_with(&start), "{name}");
        }
        if outcome == RolledBack {
            let destination = &fleet.hosts[&record.to];
            assert!(!destination.d2d && !destination.active, "{name}: something is left: {destination:?}");
        }
    }
}

#[test]
fn the_table_of_branches_names_every_step() {
    for (order, method) in [
        (M, Classic),
        (MB, Classic),
        (M, Cold),
        (M, Hot),
        (M, Seamless),
        (DS, Classic),
        (DSR, Classic),
        (KL, Classic),
        (KR, Classic),
    ] {
        let flow = crate::migration::flows::of(order, method, protocol::Form::Processes);
        for step in flow.steps.iter().filter(|s| s.when == crate::migration::flow::When::Always) {
            let command = step.ask.command(&crate::migration::flow::Facts::default());
            let listed = BRANCHES.iter().any(|b| (b.0, b.1, b.3) == (order, method, command.name()));
            let warned = step.failure_is == crate::migration::flow::FailureIs::Warning;
            assert!(listed || warned, "{order} {method}: {} fails nowhere", command.name());
        }
    }
}

#[test]
fn a_d2d_that_can_not_be_killed_after_mb_is_a_warning() {
    let mut fleet = before(MB);
    fleet.faults.push(("server2", "kill_d2d", Refused));
    let record = run(&mut fleet, MB, Classic, true);
    assert_eq!(record.outcome, Done);
    assert_eq!(record.warnings, ["kill_d2d on server2: kill_d2d was refused."]);
}

#[test]
fn a_clean_up_that_fails_is_told() {
    let mut fleet = before(M);
    fleet.faults = vec![("server2", "link_usrp", Refused), ("server2", "double_kill", Refused)];
    let record = run(&mut fleet, M, Classic, true);
    assert_eq!(record.warnings, ["Clean-up: double_kill on server2: double_kill was refused."]);
    // Asked once more before the way back, it worked.
    assert_eq!(record.outcome, RolledBack);
    assert!(!fleet.hosts["server2"].active && fleet.hosts["server1"].serves());
}

#[test]
fn a_source_is_not_resumed_while_the_destination_may_hold_the_radio() {
    // Ended instead of parked, then resumed; or, where that is not confirmed either, started anew once it is.
    for (faults, resumed) in [
        (&[("server2", "set_eth3", Refused)][..], true),
        (&[("server2", "set_eth3", Lost), ("server2", "double_kill", Refused)], false),
    ] {
        let mut fleet = before(M);
        fleet.faults = faults.iter().copied().chain([("server2", "take_over", Silent)]).collect();
        let record = run(&mut fleet, M, Hot, true);
        let changes = fleet.changes();
        let at = |change: &str| changes.iter().position(|c| c == change);
        assert!(at("set_eth3@server2") < at("double_kill@server2"), "{changes:?}");
        assert_eq!(at("resume@server1").is_some(), resumed, "{changes:?}");
        assert!(!resumed || at("double_kill@server2") < at("resume@server1"), "{changes:?}");
        assert_eq!((record.outcome, &fleet.collision), (RolledBack, &None), "{record:?}");
    }
}

#[test]
fn a_hot_source_that_can_not_be_ended_is_a_warning() {
    for method in [Hot, Seamless] {
        let mut fleet = before(M);
        fleet.faults.push(("server1", "double_kill", Refused));
        let record = run(&mut fleet, M, method, true);
        assert_eq!((record.outcome, record.warnings), (Done, vec!["double_kill on server1: double_kill was refused.".to_owned()]));
    }
}

/// Where the radio's link carries one stream only, or the USRP process does not tell its stream, nothing is changed.
#[test]
fn seamless_is_refused_before_anything_is_changed_and_offers_hot() {
    let refused = |record: &RunRecord, words: &str| {
        let failure = record.failure.clone().unwrap();
        assert!(failure.message.contains(words) && failure.hint.unwrap().contains("hot"), "{record:?}");
    };
    let folder = std::path::Path::new("/nowhere");
    for (rate, fits) in [(12.5e6, true), (100e6 / 7.0, false)] {
        let mut config = crate::migration::fleet::config(folder, true);
        config.radio.get_mut("pool").unwrap().rate = rate;
        let request = OrderRequest::new(M, Seamless);
        let setting = Setting::new("run".into(), chrono::Utc::now(), &request, &config);
        let mut fleet = before(M);
        let record =
            run_setting(&mut fleet, setting, |_, _| Duration::from_millis(1), &mut |_: &State, _: Duration| (), |_| Decision::None);
        assert_eq!((record.outcome == Done, fleet.changes().is_empty()), (fits, !fits), "{record:?}");
        if !fits {
            refused(&record, "do not fit on the radio's gigabit together");
        }
    }
    let mut fleet = before(M);
    fleet.untold_stream = true;
    let record = run(&mut fleet, M, Seamless, true);
    assert_eq!((record.outcome, fleet.changes()), (RolledBack, vec![]));
    refused(&record, "does not tell its receive stream");
    assert_eq!(run(&mut fleet, M, Hot, true).outcome, Done);
}

#[test]
fn no_sync_leaves_the_radio_with_the_destination() {
    let mut fleet = before(M);
    fleet.deaf = true;
    let record = run(&mut fleet, M, Classic, true);
    assert_eq!(record.outcome, Failed);
    assert_eq!(
        record.reason.as_deref(),
        Some(
            "await_sync on server2: the signal processing did not synchronise in time. \
             server2 keeps the radio and its processes run."
        )
    );
    assert!(fleet.hosts["server2"].serves());
}

#[test]
fn routes_and_control_variables_are_carried_before_the_start() {
    let routes = vec![Route { dest_id: 4, nexthop: 2 }];
    for (order, from) in [(M, "server1"), (MB, "server2")] {
        let mut fleet = before(order);
        fleet.hosts.get_mut(from).unwrap().routes.clone_from(&routes);
        let record = run(&mut fleet, order, Classic, true);
        assert_eq!(record.outcome, Done);
        assert!(fleet.changes()[0].starts_with("set_route@"), "{:?}", fleet.changes());
        let carried = fleet.hosts[&record.to].carried.clone();
        assert_eq!(carried, Some((serde_json::json!({"RNTI": 61}), routes.clone())));
        assert!(record.phases.iter().any(|p| p.name == protocol::PhaseName::SetRoute));
        let mut fleet = before(order);
        fleet.hosts.get_mut(from).unwrap().routes.clone_from(&routes);
        let to = if from == "server1" { "server2" } else { "server1" };
        fleet.faults.push((to, "set_route", Refused));
        let record = run(&mut fleet, order, Classic, true);
        assert_eq!((record.outcome, fleet.changes().len()), (RolledBack, 1), "{record:?}");
    }
}

#[test]
fn orders_that_would_do_harm_are_refused_before_anything_is_changed() {
    let serving = Host::serving;
    let half = || Host { d2d: true, ..Host::default() };
    let table = [
        (
            DS,
            serving(),
            Host::default(),
            "DS was not begun: server1 already runs D2D and USRP.",
            "server1 already serves; to move the work away from it: M",
        ),
        (DS, half(), Host::default(), "DS was not begun: server1 already runs D2D.", "it does not serve: KL clears it"),
        (
            DS,
            Host::default(),
            serving(),
            "DS was not begun: server2 points eth3 at the radio, and the radio can serve one host only.",
            "server2 already serves; to move the work away from it: MB",
        ),
        (
            DSR,
            Host::default(),
            serving(),
            "DSR was not begun: server2 already runs D2D and USRP.",
            "server2 already serves; to move the work away from it: MB",
        ),
        (
            M,
            Host::default(),
            Host::default(),
            "M was not begun: server1 runs nothing that could be moved. Nobody serves now: DS starts server1 again.",
            "DS starts it",
        ),
        (
            M,
            serving(),
            half(),
            "M was not begun: server2 already runs D2D. server1 still serves.",
            "it does not serve: KR clears it",
        ),
        (
            MB,
            serving(),
            Host::default(),
            "MB was not begun: server2 runs nothing that could be moved. server1 keeps the radio and its processes run.",
            "server1 already serves; to move the work away from it: M",
        ),
    ];
    for (order, server1, server2, reason, hint) in table {
        let mut fleet = Fleet::new(server1, server2);
        let record = run(&mut fleet, order, Classic, true);
        assert_eq!(fleet.changes(), [""; 0], "{order}");
        assert_eq!(record.reason.as_deref(), Some(reason), "{order}");
        assert_eq!(record.failure.unwrap().hint.as_deref(), Some(hint), "{order}");
        assert_ne!(record.outcome, Done);
    }
}

#[test]
fn a_host_that_does_not_say_whether_it_is_parked_stops_a_start() {
    let mut fleet = before(DS);
    fleet.faults.push(("server2", "status", Lost));
    let record = run(&mut fleet, DS, Classic, true);
    assert_eq!((record.outcome, fleet.changes().len()), (Failed, 0));
}

#[test]
fn who_serves_is_not_guessed() {
    let mut fleet = before(M);
    fleet.faults = vec![("server1", "double_kill", Lost)];
    // The fourth to last command before the end asks server1 again: let it be silent, too.
    fleet.faults_at = (9..30).map(|n| (n, Lost)).collect();
    let record = run(&mut fleet, M, Classic, true);
    assert_eq!(record.outcome, Failed);
    assert!(record.reason.unwrap().contains("Whether server1 serves is not known"));
}

#[test]
fn an_order_gives_way_to_one_on_another_host() {
    for (order, other) in [(DS, "server2"), (DSR, "server1"), (M, "server1"), (MB, "server2")] {
        for finished in [false, true] {
            let mut fleet = before(order);
            let mut theirs = None;
            run_watched(&mut before(KL), KL, Classic, false, |_, _| Duration::ZERO, &mut |state, at| {
                theirs = Some(state.progress(at))
            });
            let theirs = theirs.map(|progress| protocol::Progress { run: "theirs".into(), finished, ..progress });
            fleet.hosts.get_mut(other).unwrap().order = theirs;
            let record = run(&mut fleet, order, Classic, false);
            assert_eq!(record.outcome == Done, finished, "{order}: {record:?}");
            if !finished {
                assert_eq!(fleet.changes(), [""; 0], "{order}");
                assert_eq!(record.failure.unwrap().code, protocol::ErrorCode::Busy);
            }
        }
    }
}
