//! The agent that carries an order out ends at any moment, and the next one takes the order up.

use super::*;
use crate::migration::engine::take_up;
use crate::migration::fleet::Fault;
use protocol::Method::{Classic, Cold, Failover, Hot, Seamless};
use protocol::Order::{M, MB};
use protocol::{Outcome, ProcessState};

fn setting(order: Order, method: Method) -> Setting {
    Setting::new("run".into(), chrono::Utc::now(), &OrderRequest::new(order, method), &config(Path::new("/nowhere"), true))
}

/// Sends so many commands, and then takes the order up; nothing where it ends before.
fn broken_off(fleet: &mut Fleet, order: Order, method: Method, commands: usize) -> Option<RunRecord> {
    let tick = |_: &str, _: &str| Duration::from_millis(1);
    let nobody = |_: &State| Decision::None;
    let begun = engine::begin(setting(order, method));
    if follow(fleet, begun, commands, tick, &mut |_, _| (), nobody).is_some() {
        return None;
    }
    let next = take_up(setting(order, method), String::new());
    Some(follow(fleet, next, usize::MAX, tick, &mut |_, _| (), nobody).expect("the order does not end"))
}

fn serving(fleet: &Fleet) -> Vec<&str> {
    fleet.hosts.iter().filter(|(_, host)| host.serves()).map(|(name, _)| name.as_str()).collect()
}

#[test]
fn wherever_it_was_broken_off_one_host_serves_and_nothing_is_left() {
    for (order, method) in [M, MB].into_iter().flat_map(|order| [Classic, Cold, Hot, Seamless].map(|method| (order, method))) {
        let mut ways = std::collections::BTreeSet::new();
        for commands in 2.. {
            let mut fleet = before(order);
            let Some(record) = broken_off(&mut fleet, order, method, commands) else { break };
            let case = format!("{order} {method} after {commands}: {record:?} {:?}", fleet.log);
            assert!(record.taken_up && record.phases.is_empty() && record.interruption.by_phases_ms.is_none(), "{case}");
            assert_eq!((serving(&fleet).len(), &fleet.collision), (1, &None), "{case}");
            let idle = fleet.hosts.values().filter(|host| !host.serves());
            for host in idle {
                assert_eq!((host.d2d, host.usrp, host.active), (false, ProcessState::Stopped, false), "{case}");
            }
            match record.outcome {
                Outcome::Ok => assert_eq!(serving(&fleet), [record.to.as_str()], "{case}"),
                Outcome::RolledBack => assert_eq!(serving(&fleet), [record.from.as_str()], "{case}"),
                _ => panic!("{case}"),
            }
            ways.insert(format!("{:?}", record.outcome));
        }
        assert_eq!(ways.len(), 2, "{order} {method} goes on, and back");
    }
}

#[test]
fn one_fault_more_still_leaves_one_host_serving() {
    for (order, method) in [M, MB].into_iter().flat_map(|order| [Classic, Cold, Hot, Seamless].map(|method| (order, method))) {
        for (commands, at) in (2..16).flat_map(|commands| (0..14).map(move |at| (commands, commands + at))) {
            for fault in [Fault::Refused, Fault::Half, Fault::Lost, Fault::Silent, Fault::Late, Fault::Blind] {
                let mut fleet = before(order);
                fleet.faults_at.insert(at, fault);
                let Some(record) = broken_off(&mut fleet, order, method, commands) else { continue };
                fleet.settle();
                let case = format!("{order} {method} after {commands}, {at} {fault:?}: {record:?} {:?}", fleet.log);
                assert_eq!((serving(&fleet).len(), &fleet.collision), (1, &None), "{case}");
            }
        }
    }
}

#[test]
fn the_way_back_has_the_sources_control_variables_and_the_tun_is_as_it_was() {
    let mut fleet = before(M);
    fleet.hosts.get_mut("server2").unwrap().tun = "10.0.0.1/24".into();
    let tick = |_: &str, _: &str| Duration::from_millis(1);
    let upto = {
        let mut whole = before(M);
        run(&mut whole, M, Classic, true);
        whole.log.iter().position(|(_, command)| *command == "link_usrp").unwrap()
    };
    assert!(follow(&mut fleet, engine::begin(setting(M, Classic)), upto, tick, &mut |_, _| (), |_| Decision::None).is_none());
    let next = take_up(setting(M, Classic), "10.0.0.1/24".into());
    let record = follow(&mut fleet, next, usize::MAX, tick, &mut |_, _| (), |_| Decision::None).unwrap();
    assert_eq!((record.outcome, serving(&fleet)), (Outcome::RolledBack, vec!["server1"]), "{record:?}");
    assert_eq!(fleet.hosts["server2"].tun, "10.0.0.1/24");
    let reason = record.reason.unwrap();
    assert!(reason.starts_with("the agent of server2 ended while it carried out M, and the next one has taken it up."), "{reason}");
}

#[test]
fn nobody_takes_over_from_a_source_that_has_been_frozen_for_long() {
    let mut fleet = before(M);
    let slow = |_: &str, command: &str| Duration::from_millis(if command == "freeze" { 1500 } else { 1 });
    let record = run_watched(&mut fleet, M, Hot, true, slow, &mut |_, _| ());
    assert!(fleet.log.iter().all(|(_, command)| *command != "take_over"));
    assert_eq!((record.outcome, serving(&fleet)), (Outcome::RolledBack, vec!["server1"]), "{record:?}");
    assert!(record.reason.unwrap().contains("take_over on server2: server1 was asked to freeze 1500 ms ago"));
}

#[test]
fn a_failover_starts_with_what_was_collected_and_only_from_a_host_that_is_silent() {
    let mut fleet = before(M);
    let record = run(&mut fleet, M, Failover, true);
    assert_eq!(record.outcome, Outcome::RolledBack);
    assert!(record.reason.unwrap().contains("the agent of server1 answers, and a failover is for one that does not"));
    assert_eq!(fleet.changes(), Vec::<String>::new());

    let mut fleet = before(M);
    fleet.dead.insert("server1", 0);
    let record = run(&mut fleet, M, Failover, true);
    assert!(record.reason.unwrap().contains("get_collected on server2"), "nothing to start from");
    assert_eq!(fleet.changes(), Vec::<String>::new());

    let mut fleet = before(M);
    // Without power: nobody has the radio's address.
    *fleet.hosts.get_mut("server1").unwrap() = Host::default();
    fleet.dead.insert("server1", 0);
    fleet.collected = Some("server1".into());
    let record = run(&mut fleet, M, Failover, true);
    assert_eq!((record.outcome, serving(&fleet)), (Outcome::Ok, vec!["server2"]), "{record:?}");
    assert_eq!(fleet.changes(), ["fence_host@server2", "set_tun_ip@server2", "start_d2d@server2", "start_usrp@server2"]);
    assert_eq!(fleet.hosts["server2"].carried.clone().unwrap().0["RNTI"], 61);
    assert!(record.warnings.iter().any(|text| text.contains("server1 does not answer")), "{record:?}");
    assert_eq!(record.interruption.by_phases_ms, None, "nobody was cut off");
    assert_eq!(record.interruption.probes_sent, Some(32), "from the last reply, not from the order");
    assert!(record.warnings.iter().any(|text| text.contains("no fence_command")), "{record:?}");
}

#[test]
fn a_failover_takes_nothing_from_a_host_that_is_not_certainly_off() {
    let silent = || {
        let mut fleet = before(M);
        *fleet.hosts.get_mut("server1").unwrap() = Host::default();
        fleet.dead.insert("server1", 0);
        fleet.collected = Some("server1".into());
        fleet
    };
    let mut fleet = silent();
    fleet.fences = true;
    let record = run(&mut fleet, M, Failover, true);
    assert!(record.outcome == Outcome::Ok && !record.warnings.iter().any(|text| text.contains("fence")), "{record:?}");
    for force in [false, true] {
        let mut fleet = silent();
        fleet.faults.push(("server2", "fence_host", Fault::Refused));
        let request = OrderRequest { force, ..OrderRequest::new(M, Failover) };
        let setting = Setting::new("run".into(), chrono::Utc::now(), &request, &config(Path::new("/nowhere"), true));
        let record = run_setting(&mut fleet, setting, |_, _| Duration::from_millis(1), &mut |_, _| (), |_| Decision::None);
        assert_eq!(record.outcome == Outcome::Ok, force, "{record:?}");
        assert_eq!(fleet.hosts["server2"].active, force);
    }
}

/// A switch may answer for a host that is dead: the radio tells who serves.
#[test]
fn a_machine_that_is_no_host_does_not_stand_against_a_failover() {
    let mut fleet = before(M);
    *fleet.hosts.get_mut("server1").unwrap() = Host::default();
    fleet.dead.insert("server1", 0);
    fleet.collected = Some("server1".into());
    fleet.stranger_from = Some("");
    let record = run(&mut fleet, M, Failover, true);
    assert_eq!((record.outcome, serving(&fleet)), (Outcome::Ok, vec!["server2"]), "{record:?}");
    // The silent host itself does.
    let mut fleet = before(M);
    fleet.dead.insert("server1", 0);
    fleet.collected = Some("server1".into());
    fleet.arp_tells = true;
    let record = run(&mut fleet, M, Failover, true);
    assert!(record.outcome != Outcome::Ok && fleet.changes().is_empty(), "{record:?}");
}
