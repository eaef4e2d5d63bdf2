//! The way back: what it costs, what it leaves, and where it must not go.

use super::*;
use crate::migration::fleet::Fault::{Blind, Late, Lost, Refused, Silent, Stuck};
use protocol::Method::{Classic, Cold, Hot, Seamless};
use protocol::Order::{M, MB};
use protocol::{ErrorCode, Outcome, PhaseName};

fn reason(record: &RunRecord) -> &str {
    record.reason.as_deref().unwrap_or_default()
}

#[test]
fn the_record_says_how_long_nobody_served() {
    let mut fleet = before(M);
    fleet.faults.push(("server2", "link_usrp", Refused));
    let time = |_: &str, command: &str| {
        Duration::from_millis(match command {
            "double_kill" => 20,
            "link_usrp" => 100,
            "start_d2d" => 50,
            "make_usrp" => 5,
            "await_sync" => 7,
            "status" => 1,
            _ => 0,
        })
    };
    let record = run_watched(&mut fleet, M, Classic, true, time, &mut |_, _| ());
    let back = record.rollback.clone().unwrap();
    assert_eq!((back.to.as_str(), back.serves), ("server1", true));
    // Clean-up 20, two questions 2, the way back 50 + 5 + 100 + 7.
    assert_eq!(back.rollback_ms, Some(184.0));
    // The cut 20 and the link that failed 100 come before.
    assert_eq!(back.unserved_ms, Some(304.0));
    let phases: Vec<(PhaseName, f64)> = back.phases.iter().map(|p| (p.name, p.ms)).collect();
    use PhaseName::{Eth3, LinkUsrp, MakeUsrp, StartD2d, Sync};
    assert_eq!(phases, [(StartD2d, 50.0), (MakeUsrp, 5.0), (Eth3, 2.0), (LinkUsrp, 98.0), (Sync, 7.0)]);
    assert!(reason(&record).ends_with("server1 serves again after 304 ms."), "{record:?}");
    // The phases of the migration itself are not mixed with them.
    assert!(record.phases.iter().all(|p| p.name != Sync && p.name != LinkUsrp));
}

#[test]
fn an_order_that_never_cut_has_no_way_back() {
    let mut fleet = before(M);
    fleet.faults.push(("server2", "make_usrp", Refused));
    assert_eq!(run(&mut fleet, M, Classic, true).rollback, None);
}

#[test]
fn the_tun_of_the_destination_is_as_it_was() {
    for tun in ["", "10.0.0.1/24", "192.168.40.9/24"] {
        for method in [Classic, Cold] {
            let mut fleet = before(M);
            fleet.hosts.get_mut("server2").unwrap().tun = tun.into();
            fleet.faults.push(("server2", "start_d2d", Refused));
            let record = run(&mut fleet, M, method, true);
            assert_eq!(record.outcome, Outcome::RolledBack);
            assert_eq!(fleet.hosts["server2"].tun, tun, "{method}");
            assert_eq!(fleet.hosts["server1"].tun, "192.168.40.9/24");
        }
    }
}

#[test]
fn a_source_that_could_not_resume_in_order_is_said_to_serve_only_when_it_does() {
    for serves in [true, false] {
        let mut fleet = before(M);
        // As a radio that hears nothing: the processes get eth3 back, and go on once it answers.
        fleet.faults.extend([("server2", "take_over", Refused), ("server1", "resume", Stuck)]);
        if !serves {
            fleet.faults.push(("server1", "await_sync", Refused));
        }
        let record = run(&mut fleet, M, Hot, true);
        let (outcome, words) = match serves {
            true => (Outcome::RolledBack, "server1 serves again after "),
            false => (Outcome::Failed, "server1 has the radio again and its processes run, but they are not in sync"),
        };
        assert!(record.outcome == outcome && reason(&record).contains(words), "{record:?}");
        assert_eq!(record.rollback.map(|back| back.serves), Some(serves));
        assert!(fleet.hosts["server1"].serves() && !fleet.changes().contains(&"double_kill@server1".to_owned()), "{:?}", fleet.log);
    }
}

/// As where the management network carries one way only: the source goes on by itself, and nobody ends it to be certain.
#[test]
fn a_source_that_answered_neither_freeze_nor_resume_is_asked_again_and_not_ended() {
    for (freeze, resume) in [(Silent, Silent), (Silent, Lost), (Lost, Lost), (Lost, Silent), (Late, Late)] {
        for method in [Hot, Seamless] {
            let mut fleet = before(M);
            fleet.faults.extend([("server1", "freeze", freeze), ("server1", "resume", resume)]);
            let record = run(&mut fleet, M, method, true);
            let case = format!("{method} {freeze:?} {resume:?}: {record:?} {:?}", fleet.log);
            assert!(!fleet.changes().contains(&"double_kill@server1".to_owned()), "{case}");
            assert_eq!((record.outcome, fleet.hosts["server1"].serves()), (Outcome::RolledBack, true), "{case}");
            assert!(reason(&record).contains("server1 serves again after "), "{case}");
            assert!(!fleet.hosts["server2"].d2d && fleet.collision.is_none(), "{case}");
        }
    }
}

#[test]
fn the_source_is_not_given_the_radio_before_the_destination_is_known_to_be_silent() {
    for order in [M, MB] {
        let mut fleet = before(order);
        let (from, to) = if order == M { ("server1", "server2") } else { ("server2", "server1") };
        // The link may have been made; neither the clean-up nor the question is answered.
        fleet.faults.push((to, "link_usrp", Lost));
        let cut = {
            let mut whole = fleet.clone();
            whole.faults.clear();
            run(&mut whole, order, Classic, true);
            whole.log.iter().position(|(_, c)| *c == "link_usrp").unwrap()
        };
        fleet.dead.insert(to, cut + 1);
        let record = run(&mut fleet, order, Classic, true);
        assert_eq!(record.outcome, Outcome::Failed);
        assert!(!fleet.hosts[from].active, "{:?}", fleet.log);
        let text =
            format!("{from} was not given the radio: {to} did not confirm that its eth3 is parked and its USRP process gone.");
        assert!(reason(&record).contains(&text), "{record:?}");
        assert!(reason(&record).contains(&format!("Start it with `baton agent --host {to}`")), "{record:?}");
    }
}

#[test]
fn a_source_that_has_died_after_the_cut_leaves_the_work_to_the_destination() {
    let mut fleet = before(M);
    fleet.faults.push(("server2", "link_usrp", Refused));
    let cut = {
        let mut whole = before(M);
        run(&mut whole, M, Classic, true);
        whole.log.iter().position(|(_, c)| *c == "link_usrp").unwrap()
    };
    fleet.dead.insert("server1", cut);
    let record = run(&mut fleet, M, Classic, true);
    assert!(fleet.hosts["server2"].serves() && fleet.collision.is_none(), "{record:?}");
    assert_eq!(record.outcome, Outcome::Failed);
    assert!(reason(&record).contains("server1 could not take the work back; server2 was started anew and serves"), "{record:?}");
}

#[test]
fn without_a_radio_nobody_serves_and_the_sentence_names_the_order_that_repairs_it() {
    let mut fleet = before(M);
    for command in ["link_usrp", "start_usrp"] {
        fleet.faults.extend(vec![("server2", command, Blind); 100]);
        fleet.faults.extend(vec![("server1", command, Blind); 100]);
    }
    let record = run(&mut fleet, M, Classic, true);
    assert_eq!(record.outcome, Outcome::Failed);
    assert!(reason(&record).ends_with("Nobody serves now: DS starts server1 again."), "{record:?}");
    assert_eq!(record.warnings.len(), 3, "each host says once what each command met: {record:?}");
    let looks = fleet.log.iter().filter(|(host, command)| host == "server1" && *command == "start_usrp").count();
    assert!(looks > 10, "{looks} looks");
    assert_eq!(record.rollback.unwrap().unserved_ms, None);
    assert!(fleet.hosts.values().all(|host| !host.active), "nobody holds a radio that is away");
}

#[test]
fn a_radio_that_was_away_for_a_moment_is_found_again() {
    for method in [Classic, Cold] {
        let mut fleet = before(M);
        for command in ["link_usrp", "start_usrp"] {
            fleet.faults.extend([("server2", command, Blind), ("server1", command, Blind)]);
        }
        let record = run(&mut fleet, M, method, true);
        assert_eq!(record.outcome, Outcome::RolledBack, "{record:?}");
        assert!(fleet.hosts["server1"].serves() && fleet.collision.is_none(), "{record:?}");
        // The wait, and two failures.
        assert!(record.rollback.unwrap().unserved_ms > Some(1000.0));
    }
}

#[test]
fn a_destination_that_dies_after_the_move_does_not_leave_nobody_serving() {
    for method in [Classic, Cold, Hot, Seamless] {
        for far_end in [true, false] {
            let mut fleet = before(M);
            fleet.dies = Some(("server2", "await_sync"));
            let record = run(&mut fleet, M, method, far_end);
            assert_eq!(record.outcome, Outcome::RolledBack, "{record:?}");
            assert!(
                reason(&record).starts_with("the work had moved to server2, which then lost its D2D process. server1 serves again")
            );
            assert!(fleet.hosts["server1"].serves() && !fleet.hosts["server2"].active && fleet.collision.is_none());
        }
    }
}

#[test]
fn a_source_that_dies_before_the_cut_is_started_again() {
    for method in [Classic, Cold, Hot, Seamless] {
        let mut fleet = before(M);
        fleet.dies = Some(("server1", "get_tun_ip"));
        fleet.faults.push(("server2", "set_tun_ip", Refused));
        let record = run(&mut fleet, M, method, true);
        assert_eq!(record.outcome, Outcome::RolledBack, "{record:?}");
        assert!(reason(&record).contains("server1 serves again") && fleet.hosts["server1"].serves(), "{record:?}");
    }
}

#[test]
fn where_neither_end_comes_into_sync_the_source_keeps_the_radio() {
    let mut fleet = before(M);
    fleet.faults = vec![("server2", "await_sync", Refused), ("server1", "await_sync", Refused)];
    let record = run(&mut fleet, M, Classic, true);
    assert_eq!(record.outcome, Outcome::Failed);
    assert!(reason(&record).contains("server1 has the radio again and its processes run, but they are not in sync"), "{record:?}");
    assert!(fleet.hosts["server1"].serves() && !fleet.hosts["server2"].active);
}

#[test]
fn a_stranger_that_was_there_before_refuses_the_order_and_one_that_comes_later_does_not_close_the_way_back() {
    for method in [Classic, Cold, Hot, Seamless] {
        for order in [M, MB] {
            let mut fleet = before(order);
            fleet.stranger_from = Some("");
            let record = run(&mut fleet, order, method, true);
            let code = record.failure.as_ref().map(|failure| failure.code);
            assert_eq!(
                (record.outcome, code),
                (Outcome::RolledBack, Some(ErrorCode::AddressConflict)),
                "{order} {method}: {record:?}"
            );
            assert!(fleet.changes().is_empty(), "{order} {method}: nothing was touched: {:?}", fleet.changes());
            assert!(reason(&record).contains("02:00:00:00:00:99"), "{record:?}");

            let mut fleet = before(order);
            let source = if order == M { "server1" } else { "server2" };
            fleet.stranger_from = Some(if order == MB && method == Classic { "kill_usrp" } else { "double_kill" });
            let record = run(&mut fleet, order, method, true);
            if matches!(method, Classic | Cold) {
                assert!(record.outcome == Outcome::RolledBack && fleet.hosts[source].serves(), "{order} {method}: {record:?}");
            } else {
                assert_eq!(record.outcome, Outcome::Ok, "{order} {method}: a cut that asks nothing: {record:?}");
            }
        }
    }
}

#[test]
fn by_force_a_stranger_is_a_warning() {
    for method in [Classic, Hot] {
        let mut fleet = before(M);
        fleet.stranger_from = Some("");
        let request = OrderRequest { force: true, ..OrderRequest::new(M, method) };
        let setting = Setting::new("run".into(), chrono::Utc::now(), &request, &config(Path::new("/nowhere"), true));
        let record = run_setting(&mut fleet, setting, |_, _| Duration::from_millis(1), &mut |_, _| (), |_| Decision::None);
        assert_eq!(record.outcome, Outcome::Ok, "{method}: {record:?}");
        assert!(record.warnings.iter().any(|text| text.contains("02:00:00:00:00:99")), "{method}: {record:?}");
    }
}

/// Both processes run and eth3 points at the radio, and nothing reaches the far end all the same: that is no service.
#[test]
fn a_source_that_the_far_end_does_not_hear_does_not_serve() {
    let outcome = |silent_ms, fails: bool| {
        let mut fleet = before(M);
        fleet.silent_ms = silent_ms;
        if fails {
            fleet.faults.push(("server2", "take_over", Refused));
        }
        let record = run(&mut fleet, M, Hot, true);
        (record.outcome, record.reason.unwrap_or_default(), record.warnings.join(" "))
    };
    let (now, reason, _) = outcome(Some(2500.0), true);
    assert_eq!(now, Outcome::Failed);
    assert!(reason.contains("server1") && reason.contains("no reply for 2.5 s"), "{reason}");
    let (now, _, warnings) = outcome(Some(2500.0), false);
    assert!(now == Outcome::Ok && warnings.contains("no reply for 2.5 s"), "{warnings}");
    // A single lost probe is none.
    assert_eq!(outcome(Some(1100.0), true).0, Outcome::RolledBack);
    assert_eq!(outcome(None, true).0, Outcome::RolledBack);
}
