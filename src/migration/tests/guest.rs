//! The flows of a guest: never two guests that run, and never none that the record does not name.

use super::*;
use crate::migration::fleet::Fault;
use crate::migration::fleet::guest::FakeGuests;
use protocol::{Form, GuestCopy, GuestState, Mechanism, Outcome, PhaseName};

const FAULTS: [Fault; 4] = [Fault::Refused, Fault::Lost, Fault::Silent, Fault::Late];
const MOVES: [Order; 2] = [Order::M, Order::MB];

fn setting(order: Order, method: Method, hold: bool) -> Setting {
    let mut config = config(Path::new("/nowhere"), true);
    config.workload.form = Form::Guest;
    let request = OrderRequest { hold, ..OrderRequest::new(order, method) };
    Setting::new("run".into(), chrono::Utc::now(), &request, &config)
}

fn order(fleet: &mut Fleet, order: Order, method: Method, wish: impl Fn(&State) -> Decision) -> RunRecord {
    let time = |_: &str, _: &str| Duration::from_millis(1);
    run_setting(fleet, setting(order, method, false), time, &mut |_: &State, _: Duration| (), wish)
}

fn moved(fleet: &mut Fleet, by: Order) -> RunRecord {
    order(fleet, by, Method::Vm, |_| Decision::None)
}

fn before_move(order: Order, guests: FakeGuests) -> Fleet {
    let (from, to) = (Host::with_guest(), Host::default());
    let mut fleet = if order == Order::M { Fleet::with_guests(from, to) } else { Fleet::with_guests(to, from) };
    fleet.guests = Some(guests);
    fleet
}

fn kinds() -> Vec<FakeGuests> {
    let copies = [GuestCopy::Pre, GuestCopy::Post];
    copies.into_iter().flat_map(|copy| [false, true].map(|eager| FakeGuests { copy, eager, ..FakeGuests::default() })).collect()
}

fn running(fleet: &Fleet) -> Vec<&str> {
    fleet.hosts.iter().filter(|(_, host)| host.guest == GuestState::Running).map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_guest_moves_and_the_record_has_what_qemu_reports() {
    for by in MOVES {
        for copy in [GuestCopy::Pre, GuestCopy::Post] {
            let mut fleet = before_move(by, FakeGuests { copy, ..FakeGuests::default() });
            let record = moved(&mut fleet, by);
            assert_eq!((record.outcome, running(&fleet)), (Outcome::Ok, vec![record.to.as_str()]), "{record:?}");
            assert_eq!(fleet.hosts[&record.from].guest, GuestState::Stopped);
            let phases: Vec<PhaseName> = record.phases.iter().map(|phase| phase.name).collect();
            let last = if copy == GuestCopy::Post { vec![PhaseName::Postcopy] } else { vec![] };
            assert_eq!(phases, [vec![PhaseName::GuestStart, PhaseName::Precopy, PhaseName::Switchover], last].concat());
            // Two steps of a millisecond each, in which the guest stood still.
            assert_eq!(record.interruption.by_phases_ms, Some(2.0));
            assert_eq!(record.mechanism.and_then(|Mechanism { downtime_ms, .. }| downtime_ms), Some(20.0));
        }
    }
}

#[test]
fn one_fault_never_leaves_nobody_serving_or_two() {
    for (by, guests) in MOVES.into_iter().flat_map(|by| kinds().into_iter().map(move |guests| (by, guests))) {
        for (at, fault) in (0..24).flat_map(|at| FAULTS.map(|fault| (at, fault))) {
            let mut fleet = before_move(by, guests);
            fleet.faults_at.insert(at, fault);
            let record = moved(&mut fleet, by);
            fleet.settle();
            let case = format!("{by} {guests:?}, command {at} {fault:?}: {record:?} {:?}", fleet.log);
            assert_eq!((running(&fleet).len(), &fleet.collision), (1, &None), "{case}");
            assert_eq!(record.outcome == Outcome::Ok, record.reason.is_none(), "{case}");
        }
    }
}

#[test]
fn two_faults_never_make_two_guests_and_what_is_said_is_so() {
    for (by, guests) in MOVES.into_iter().flat_map(|by| kinds().into_iter().map(move |guests| (by, guests))) {
        for (first, second) in (2..18).flat_map(|first| (first + 1..18).map(move |second| (first, second))) {
            for faults in FAULTS.into_iter().flat_map(|one| FAULTS.map(|two| [one, two])) {
                let mut fleet = before_move(by, guests);
                fleet.faults_at = [(first, faults[0]), (second, faults[1])].into();
                let record = moved(&mut fleet, by);
                fleet.settle();
                let case = format!("{by} {guests:?}, {first} and {second} {faults:?}: {record:?} {:?}", fleet.log);
                assert_eq!(fleet.collision, None, "{case}");
                let running = running(&fleet);
                match record.outcome {
                    Outcome::Ok => assert_eq!(running, [record.to.as_str()], "{case}"),
                    Outcome::RolledBack => assert_eq!(running, [record.from.as_str()], "{case}"),
                    _ => {
                        let reason = record.reason.unwrap();
                        assert!(!reason.contains("Nobody serves") || running.is_empty(), "{case}");
                        // A source that cannot be asked may have sent its guest to a destination that was ended then.
                        assert!(
                            !running.is_empty() || ["Nobody serves", "is not known"].iter().any(|said| reason.contains(said)),
                            "{case}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_destination_that_dies_leaves_the_guest_at_the_source() {
    for dead in 0..14 {
        let mut fleet = before_move(Order::M, FakeGuests::default());
        fleet.dead.insert("server2", dead);
        let record = moved(&mut fleet, Order::M);
        fleet.settle();
        assert_eq!(fleet.collision, None, "{dead}: {record:?}");
        // What is beyond reach may run the guest: then the source must not.
        assert!(running(&fleet).len() <= 1, "{dead}: {record:?}");
        assert!(record.outcome != Outcome::Ok || running(&fleet) == ["server2"], "{dead}: {record:?}");
    }
}

#[test]
fn a_hold_goes_before_the_copy() {
    let mut fleet = before_move(Order::M, FakeGuests::default());
    let time = |_: &str, _: &str| Duration::from_millis(1);
    let wish = |state: &State| match state.stage {
        crate::migration::state::Stage::Ready(_) => Decision::Cancel,
        _ => Decision::None,
    };
    let record = run_setting(&mut fleet, setting(Order::M, Method::Vm, true), time, &mut |_: &State, _: Duration| (), wish);
    assert_eq!(record.outcome, Outcome::Cancelled, "{record:?}");
    assert!(!fleet.log.iter().any(|(_, command)| *command == "migrate_guest"), "{:?}", fleet.log);
    assert_eq!((running(&fleet), fleet.hosts["server2"].guest), (vec!["server1"], GuestState::Stopped));
}

#[test]
fn what_is_cancelled_while_it_copies_stays_at_the_source() {
    let mut fleet = before_move(Order::M, FakeGuests { never: true, ..FakeGuests::default() });
    let wish = |state: &State| match state.stage {
        crate::migration::state::Stage::Stepping(2) => Decision::Cancel,
        _ => Decision::None,
    };
    let record = order(&mut fleet, Order::M, Method::Vm, wish);
    assert_eq!((record.outcome, running(&fleet)), (Outcome::Cancelled, vec!["server1"]), "{record:?}");
    assert_eq!(fleet.hosts["server2"].guest, GuestState::Stopped);
}

#[test]
fn a_guest_is_started_recovered_and_ended() {
    let free = || Fleet::with_guests(Host::default(), Host::default());
    let mut fleet = free();
    assert_eq!(order(&mut fleet, Order::DS, Method::Vm, |_| Decision::None).outcome, Outcome::Ok);
    assert_eq!(running(&fleet), ["server1"]);
    let refused = order(&mut fleet, Order::DSR, Method::Vm, |_| Decision::None);
    assert!(refused.reason.unwrap().contains("server1 runs the guest, and there is one guest only"));
    assert_eq!(order(&mut fleet, Order::KL, Method::Vm, |_| Decision::None).outcome, Outcome::Ok);
    assert!(running(&fleet).is_empty());
    let mut fleet = Fleet::with_guests(Host { guest: GuestState::Paused, ..Host::default() }, Host::default());
    assert_eq!(order(&mut fleet, Order::DSR, Method::Recover, |_| Decision::None).outcome, Outcome::Ok);
    assert_eq!((running(&fleet), fleet.hosts["server1"].guest), (vec!["server2"], GuestState::Stopped));
}
