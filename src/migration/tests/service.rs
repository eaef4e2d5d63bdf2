//! The verdict on the service, from what hosts say.

use std::path::Path;

use super::*;
use crate::migration::fleet::{ACTIVE, Fleet, Host, PARKED, config};
use protocol::{AddressHolder, Command, OrderStage, Port, ProbeOutcome};

/// Server1 serves, server2 is free, the far end is answered.
fn serving() -> [Telemetry; 3] {
    let mut fleet = Fleet::new(Host::serving(), Host::default());
    let mut ask = |host: &str| fleet.answer(host, &Command::Status).unwrap().into_result::<Telemetry>().unwrap();
    let [mut one, mut two, mut far] = [ask("server1"), ask("server2"), ask("server3")];
    one.d2d.sync = Some(SyncState::Synced { for_ms: 60_000 });
    for status in [&mut one, &mut two] {
        (status.owner_epoch, status.owner) = (Some(4), Some("server1".into()));
    }
    far.d2d = one.d2d.clone();
    far.usrp = one.usrp.clone();
    pinged(&mut far, 0);
    [one, two, far]
}

/// So many pings in a row without an answer, one every 100 ms.
fn pinged(far: &mut Telemetry, unanswered: u64) {
    let ping = |seq| ProbeOutcome { seq, rtt_ms: (seq < 50).then_some(12.0), lost: false };
    far.probe =
        Some(ProbeStatus { interval_ms: 100.0, recent: (0..50 + unanswered).map(ping).collect(), ..ProbeStatus::default() });
}

fn verdict_heard(statuses: &[Telemetry; 3], heard: [bool; 3]) -> Service {
    let seen: Vec<SeenHost<'_>> =
        statuses.iter().zip(heard).map(|(status, heard)| SeenHost { name: &status.host, status: Some(status), heard }).collect();
    judge(&config(Path::new("/nowhere"), true), &seen)
}

fn verdict(statuses: &[Telemetry; 3]) -> Service {
    verdict_heard(statuses, [true; 3])
}

/// State, cause in English, and the command that mends it.
fn said(service: &Service) -> (ServiceState, String, String) {
    let cause = service.cause.as_ref().map(Cause::text).unwrap_or_default();
    (service.state, cause, service.mend.map(Mend::command).unwrap_or_default())
}

/// What the service says once a fault has silenced the pings for half a second.
fn broken(fault: impl Fn(&mut [Telemetry; 3])) -> (ServiceState, String, String) {
    let mut statuses = serving();
    pinged(&mut statuses[2], 5);
    fault(&mut statuses);
    said(&verdict(&statuses))
}

#[test]
fn pings_decide_and_one_or_two_may_be_missing() {
    let mut statuses = serving();
    for (unanswered, state) in [(0, ServiceState::Serving), (3, ServiceState::Serving), (4, ServiceState::Down)] {
        pinged(&mut statuses[2], unanswered);
        assert_eq!(verdict(&statuses).state, state, "{unanswered}");
    }
    assert_eq!(verdict(&statuses).silent_ms, Some(400));
    // An agent that is not heard does not end its work.
    pinged(&mut statuses[2], 0);
    assert_eq!(verdict_heard(&statuses, [false, true, true]).state, ServiceState::Serving);
}

#[test]
fn the_first_replies_of_a_work_that_has_just_come_into_sync_are_waited_for() {
    let mut statuses = serving();
    pinged(&mut statuses[2], 9);
    for (for_ms, unanswered_ms, state) in
        [(400, None, ServiceState::Starting), (400, Some(300), ServiceState::Down), (1_000, None, ServiceState::Down)]
    {
        statuses[0].d2d.sync = Some(SyncState::Synced { for_ms });
        statuses[0].d2d.unanswered_ms = unanswered_ms;
        assert_eq!(verdict(&statuses).state, state, "{for_ms} {unanswered_ms:?}");
    }
}

#[test]
fn every_cause_is_named_with_what_mends_it() {
    use ServiceState::Down;
    type Fault = fn(&mut [Telemetry; 3]);
    let table: [(&str, &str, Fault); 10] = [
        ("the USRP process of server1 died", "recover", |s| s[0].usrp.state = ProcessState::Died),
        ("the D2D process of server1 died", "recover", |s| s[0].d2d.state = ProcessState::Died),
        ("server1 runs without its USRP process", "recover", |s| s[0].usrp.state = ProcessState::Stopped),
        ("the USRP process of server1 is not linked to the radio", "recover", |s| s[0].usrp.state = ProcessState::Made),
        ("the D2D process of server1 does not answer: stopped by a signal, or hung", "recover", |s| {
            s[0].d2d.unanswered_ms = Some(700)
        }),
        ("eth3 of server1 does not have the radio's address", "recover", |s| s[0].radio_port.addresses = vec![PARKED.into()]),
        ("no samples come from the radio to server1", "recover", |s| s[0].d2d.sync = Some(SyncState::NoSamples)),
        ("server1 does not find the far end's signal", "recover", |s| s[0].d2d.sync = Some(SyncState::Searching)),
        ("at the far end: server3 has no USRP process", "", |s| s[2].usrp.state = ProcessState::Died),
        ("at the far end: server3 does not find the signal", "", |s| s[2].d2d.sync = Some(SyncState::Searching)),
    ];
    for (cause, mend, fault) in table {
        assert_eq!(broken(fault), (Down, cause.to_owned(), mend.to_owned()));
    }
}

#[test]
fn what_is_certain_needs_no_ping() {
    let mut statuses = serving();
    statuses[0].usrp.state = ProcessState::Died;
    // The pings lag behind: the last replies are on the screen still.
    assert_eq!(verdict(&statuses).state, ServiceState::Down);
    statuses[2].probe = None;
    assert_eq!(verdict(&statuses).state, ServiceState::Down);
    // What a cut looks like from the source, before the order has told of it.
    let mut statuses = serving();
    statuses[0].radio_port.addresses = vec![PARKED.into()];
    assert_eq!(verdict(&statuses).state, ServiceState::Down);
    statuses[0].takes_part = Some(protocol::RunPart { run: "run".into(), order: Order::M, executor: "server2".into() });
    assert_eq!(verdict(&statuses).state, ServiceState::Serving);
    // And when the source's work has ended, while the latest word of the destination is from before its own began.
    let mut ended = statuses.clone();
    (ended[0].d2d.state, ended[0].usrp.state) = (ProcessState::Stopped, ProcessState::Stopped);
    assert_eq!(verdict(&ended).state, ServiceState::Serving);
    pinged(&mut ended[2], 9);
    assert_eq!(verdict(&ended).state, ServiceState::Down);
    // And from the destination, which has the address and has not claimed the radio yet.
    statuses[1].radio_port.addresses = vec![ACTIVE.into()];
    (statuses[1].d2d.state, statuses[1].usrp.state) = (ProcessState::Running, ProcessState::Made);
    assert_eq!(verdict(&statuses).state, ServiceState::Down);
    statuses[1].migration = Some(progress(OrderStage::Preparing));
    assert_eq!(verdict(&statuses).state, ServiceState::Serving);
}

#[test]
fn a_host_that_cannot_serve_any_more_is_left_for_the_other() {
    let out = |s: &mut [Telemetry; 3]| {
        // The agent gives the radio's address up without its cable.
        s[0].radio_port = Port { name: "eth3".into(), up: false, ..Port::default() };
    };
    let mut statuses = serving();
    pinged(&mut statuses[2], 5);
    out(&mut statuses);
    let service = verdict(&statuses);
    assert_eq!(said(&service).1, "eth3 of server1 has no link: the cable to the radio is out");
    assert_eq!(service.mend, Some(Mend { order: Order::DSR, method: Some(Method::Recover) }));
    // Drained, and its process has died: it would refuse to take the work on again, and server2 does not.
    let mut statuses = serving();
    (statuses[0].drained, statuses[0].d2d.state) = (true, ProcessState::Died);
    assert_eq!(verdict(&statuses).mend, Some(Mend { order: Order::DSR, method: Some(Method::Recover) }));
    statuses[1].drained = true;
    assert_eq!(verdict(&statuses).mend, Some(Mend { order: Order::DS, method: Some(Method::Recover) }));
    // Server1 is gone altogether: a failover, which fences it.
    let mut statuses = serving();
    pinged(&mut statuses[2], 5);
    let service = verdict_heard(&statuses, [false, true, true]);
    assert_eq!(service.mend, Some(Mend { order: Order::M, method: Some(Method::Failover) }));
    assert_eq!(verdict_heard(&statuses, [false, false, true]).mend, None);
}

#[test]
fn an_order_past_its_cut_is_a_start_and_one_before_it_is_not() {
    let mut statuses = serving();
    pinged(&mut statuses[2], 9);
    let mut order = progress(OrderStage::Preparing);
    statuses[1].migration = Some(order.clone());
    assert_eq!(verdict(&statuses).state, ServiceState::Down);
    order.stage = OrderStage::Moving;
    statuses[1].migration = Some(order.clone());
    assert_eq!(verdict(&statuses).state, ServiceState::Starting);
    order.finished = true;
    statuses[1].migration = Some(order);
    assert_eq!(verdict(&statuses).state, ServiceState::Down);
}

fn progress(stage: OrderStage) -> Progress {
    Progress {
        run: "run".into(),
        order: Order::M,
        method: Method::Hot,
        from: "server1".into(),
        to: "server2".into(),
        steps: vec![],
        stage,
        now: String::new(),
        finished: false,
        record: None,
    }
}

#[test]
fn without_pings_a_receiver_in_sync_is_the_proof() {
    let mut statuses = serving();
    assert_eq!(verdict_heard(&statuses, [true, true, false]).state, ServiceState::Serving);
    statuses[0].d2d.sync = Some(SyncState::Unreported);
    let service = verdict_heard(&statuses, [true, true, false]);
    assert_eq!(said(&service), (ServiceState::Unknown, "the agent of the far end server3 is not heard".into(), String::new()));
    for (sync, uptime_ms, state) in [
        (SyncState::Lost { for_ms: 100 }, 60_000, ServiceState::Serving),
        (SyncState::Searching, 800, ServiceState::Starting),
        (SyncState::Searching, 60_000, ServiceState::Down),
    ] {
        (statuses[0].d2d.sync, statuses[0].d2d.uptime_ms) = (Some(sync), Some(uptime_ms));
        assert_eq!(verdict_heard(&statuses, [true, true, false]).state, state, "{sync:?}");
    }
    statuses[0].d2d.sync = Some(SyncState::Lost { for_ms: 900 });
    assert_eq!(verdict_heard(&statuses, [true, true, false]).state, ServiceState::Down);
    // Nobody of the pool is heard, and nobody pings.
    assert_eq!(verdict_heard(&statuses, [false; 3]).state, ServiceState::Unknown);
}

#[test]
fn a_work_that_runs_nowhere_is_started() {
    let idle = |s: &mut [Telemetry; 3]| {
        (s[0].d2d.state, s[0].usrp.state) = (ProcessState::Stopped, ProcessState::Stopped);
        (s[0].d2d.sync, s[0].radio_port.addresses) = (None, vec![PARKED.into()]);
    };
    assert_eq!(broken(idle), (ServiceState::Down, "the work runs nowhere".into(), "DS".into()));
    // Something is left on the other one: a plain start would be refused.
    let left = |s: &mut [Telemetry; 3]| {
        idle(s);
        s[1].radio_port.addresses = vec![ACTIVE.into()];
    };
    assert_eq!(broken(left).2, "recover");
}

#[test]
fn who_has_the_address_as_well_is_named() {
    let stranger = |s: &mut [Telemetry; 3]| {
        s[0].address_holders =
            vec![AddressHolder { mac: "02:00:00:00:00:99".into(), host: None, since: chrono::DateTime::UNIX_EPOCH }];
    };
    let said = broken(stranger);
    assert_eq!((said.1.as_str(), said.2.as_str()), ("02:00:00:00:00:99 has the radio's address as well", ""));
    let second = |s: &mut [Telemetry; 3]| s[1].radio_port.addresses = vec![ACTIVE.into()];
    assert_eq!(broken(second).1, "server2 has the radio's address as well");
}
