//! Whatever fails: a record at the end, never two owners, and what the record says is so.

use proptest::prelude::*;

use super::*;
use crate::migration::fleet::Fault;
use protocol::{Outcome, ProcessState};

const FAULTS: [Fault; 7] = [Fault::Refused, Fault::Half, Fault::Lost, Fault::Silent, Fault::Late, Fault::Stuck, Fault::Blind];

fn fault() -> impl Strategy<Value = Fault> {
    proptest::sample::select(FAULTS.to_vec())
}

fn host() -> impl Strategy<Value = Host> {
    let usrp = prop_oneof![Just(ProcessState::Stopped), Just(ProcessState::Made), Just(ProcessState::Running)];
    prop_oneof![
        Just(Host::serving()),
        Just(Host::default()),
        (any::<bool>(), usrp, any::<bool>()).prop_map(|(d2d, usrp, active)| Host { d2d, usrp, active, ..Host::default() }),
    ]
}

fn orders() -> impl Strategy<Value = Vec<(Order, Method)>> {
    let order = proptest::sample::select(Order::ALL.to_vec());
    let method = proptest::sample::select(METHODS.to_vec());
    proptest::collection::vec((order, method), 1..6)
}

/// The orders that a reason names after "Nobody serves now:".
fn advised(reason: &str) -> Vec<Order> {
    let advice = reason.split("Nobody serves now:").nth(1).unwrap_or_default();
    advice.split([' ', ',']).filter_map(|word| Order::ALL.into_iter().find(|o| o.to_string() == word)).collect()
}

const METHODS: [Method; 5] = [Method::Cold, Method::Classic, Method::Hot, Method::Seamless, Method::Criu];

/// Each way by each method.
fn moves() -> impl Iterator<Item = (Order, Method)> {
    [Order::M, Order::MB].into_iter().flat_map(|order| METHODS.map(|method| (order, method)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn never_two_owners_and_always_a_record(
        server1 in host(),
        mut server2 in host(),
        orders in orders(),
        faults in proptest::collection::btree_map(0_usize..70, fault(), 0..8),
        far_end in any::<bool>(),
        deaf in any::<bool>(),
        dead in proptest::option::of((proptest::sample::select(vec!["server1", "server2"]), 0_usize..60)),
    ) {
        server2.active &= !server1.active;
        let mut fleet = Fleet::new(server1, server2);
        (fleet.faults_at, fleet.deaf) = (faults, deaf);
        fleet.dead = dead.into_iter().collect();
        for (order, method) in orders {
            let record = run(&mut fleet, order, method, far_end);
            fleet.settle();
            prop_assert_eq!(&fleet.collision, &None);
            let serves = |name: &str| fleet.hosts[name].serves();
            let reason = record.reason.clone().unwrap_or_default();
            prop_assert_eq!(record.outcome == Outcome::Ok, record.reason.is_none());
            if record.outcome == Outcome::Ok && order.is_migration() {
                prop_assert!(serves(&record.to) && !serves(&record.from), "{:?}", fleet);
            }
            if record.outcome == Outcome::RolledBack {
                prop_assert!(serves(&record.from), "{}", reason);
            }
            if reason.contains("Nobody serves") {
                prop_assert!(!serves("server1") && !serves("server2"), "{}", reason);
            }
        }
    }

    #[test]
    fn the_advice_brings_the_service_back(
        order in proptest::sample::select(vec![Order::M, Order::MB]),
        method in proptest::sample::select(METHODS.to_vec()),
        faults in proptest::collection::btree_map(5_usize..18, fault(), 1..4),
    ) {
        let mut fleet = before(order);
        fleet.faults_at = faults;
        let record = run(&mut fleet, order, method, true);
        let advice = advised(&record.reason.clone().unwrap_or_default());
        if advice.is_empty() {
            return Ok(());
        }
        fleet.faults_at.clear();
        for order in advice {
            let outcome = run(&mut fleet, order, method, true);
            prop_assert_eq!(outcome.outcome, Outcome::Ok, "{:?} after {:?}", outcome, record);
        }
        prop_assert!(fleet.hosts[&record.from].serves());
    }
}

/// One fault of any kind at any command never leaves nobody serving.
#[test]
fn one_fault_never_leaves_nobody_serving() {
    for (order, method) in moves() {
        for at in 0..40 {
            for fault in FAULTS {
                let mut fleet = before(order);
                fleet.faults_at.insert(at, fault);
                let record = run(&mut fleet, order, method, true);
                fleet.settle();
                let serving: Vec<&String> = fleet.hosts.iter().filter(|(_, host)| host.serves()).map(|(name, _)| name).collect();
                let case = format!("{order} {method}, command {at} {fault:?}: {record:?}");
                assert_eq!((serving.len(), &fleet.collision), (1, &None), "{case}");
            }
        }
    }
}

/// Two faults of any kind at any two commands leave one host serving.
#[test]
fn two_faults_leave_one_host_serving() {
    for (order, method) in moves() {
        for (first, second) in (5..24).flat_map(|first| (first + 1..24).map(move |second| (first, second))) {
            for faults in FAULTS.into_iter().flat_map(|one| FAULTS.map(|two| [one, two])) {
                let mut fleet = before(order);
                fleet.faults_at = [(first, faults[0]), (second, faults[1])].into();
                let record = run(&mut fleet, order, method, true);
                fleet.settle();
                let serving = fleet.hosts.values().filter(|host| host.serves()).count();
                let case = format!("{order} {method}, {first} and {second} {faults:?}: {record:?} {:?}", fleet.log);
                assert_eq!(fleet.collision, None, "{case}");
                assert!(serving == 1, "{case}");
            }
        }
    }
}
