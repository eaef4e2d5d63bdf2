//! Recoveries against the fake fleet: whatever is left is cleared away, and never are there two owners.

use super::*;
use crate::migration::fleet::Fault;
use protocol::Order::{DS, DSR};
use protocol::{ErrorCode, OrderRequest, Outcome, ProcessState};

fn recover(fleet: &mut Fleet, order: Order) -> RunRecord {
    run(fleet, order, Method::Recover, true)
}

/// The work with its USRP process gone.
fn broken() -> Host {
    Host { usrp: ProcessState::Died, ..Host::serving() }
}

#[test]
fn a_dead_process_is_replaced_on_the_same_host() {
    let mut fleet = Fleet::new(broken(), Host::default());
    let record = recover(&mut fleet, DS);
    assert_eq!(record.outcome, Outcome::Ok, "{record:#?}");
    assert_eq!(record.method, Method::Recover);
    assert!(fleet.hosts["server1"].serves());
    let tun = "set_tun_ip@server1";
    assert_eq!(fleet.changes(), ["double_kill@server2", "double_kill@server1", tun, "start_d2d@server1", "start_usrp@server1"]);
}

#[test]
fn the_other_host_starts_with_what_is_known_of_the_work() {
    let mut fleet = Fleet::new(broken(), Host::default());
    let record = recover(&mut fleet, DSR);
    assert_eq!(record.outcome, Outcome::Ok, "{record:#?}");
    assert!(fleet.hosts["server2"].serves() && !fleet.hosts["server1"].active);
    assert_eq!(fleet.hosts["server2"].tun, "192.168.40.9/24");
    assert!(fleet.collision.is_none(), "{:?}", fleet.collision);
}

#[test]
fn one_that_serves_is_not_ended() {
    for order in [DS, DSR] {
        let mut fleet = Fleet::new(Host::serving(), Host::default());
        let record = recover(&mut fleet, order);
        assert_eq!(record.outcome, Outcome::Failed);
        assert!(record.reason.unwrap().contains("server1 serves, and is in sync"), "{order}");
        assert!(fleet.changes().is_empty() && fleet.hosts["server1"].serves());
    }
}

#[test]
fn a_silent_host_is_fenced_and_one_that_holds_the_address_stops_it() {
    let mut fleet = Fleet::new(broken(), Host::default());
    fleet.dead.insert("server2", 0);
    let record = recover(&mut fleet, DS);
    assert_eq!(record.outcome, Outcome::Ok, "{record:#?}");
    assert!(fleet.log.contains(&("server1".into(), "fence_host")));
    assert!(record.warnings.iter().any(|text| text.contains("server2 does not answer")), "{:#?}", record.warnings);
    // The silent one still answers for the radio's address.
    let mut fleet = Fleet::new(Host::default(), Host::serving());
    fleet.dead.insert("server2", 0);
    fleet.arp_tells = true;
    let record = recover(&mut fleet, DS);
    assert_eq!(record.failure.map(|failure| failure.code), Some(ErrorCode::AddressConflict));
    assert!(fleet.changes().is_empty() && fleet.collision.is_none());
}

#[test]
fn what_cannot_be_started_is_cleared_away() {
    for fault in [Fault::Refused, Fault::Half, Fault::Lost, Fault::Silent, Fault::Late] {
        let mut fleet = Fleet::new(broken(), Host::default());
        fleet.faults.push(("server1", "start_usrp", fault));
        let record = recover(&mut fleet, DS);
        fleet.settle();
        assert_eq!(record.outcome, Outcome::Failed, "{fault:?}");
        assert!(!fleet.hosts["server1"].d2d && !fleet.hosts["server1"].active, "{fault:?}: {:#?}", fleet.hosts);
    }
}

#[test]
fn only_a_start_can_recover() {
    for order in Order::ALL {
        let possible = OrderRequest::new(order, Method::Recover).check(protocol::Form::Processes).is_ok();
        assert_eq!(possible, matches!(order, DS | DSR), "{order}");
    }
}
