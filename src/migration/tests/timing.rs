//! Phases, totals and interruption from scripted times.

use super::*;
use crate::migration::fleet::Fault;
use protocol::{Outcome, PhaseName, StepState};

/// Scripted times, ms.
fn time(_: &str, command: &str) -> Duration {
    Duration::from_millis(match command {
        "status" | "probe_mark" => 1000,
        "get_tun_ip" => 1,
        "set_tun_ip" => 2,
        "get_control" => 3,
        "start_d2d" => 50,
        "make_usrp" => 55,
        "double_kill" | "kill_usrp" => 20,
        "link_usrp" | "start_usrp" => 1700,
        "await_sync" => 106,
        "kill_d2d" => 5000,
        _ => 0,
    })
}

fn phases(record: &RunRecord) -> Vec<(PhaseName, f64)> {
    record.phases.iter().map(|p| (p.name, p.ms)).collect()
}

#[test]
fn what_programs_send_into_the_frozen_source_is_forwarded_and_counted() {
    let moved = |unsent: &[&str], faults: &[(&'static str, &'static str, Fault)]| {
        let mut fleet = before(Order::M);
        fleet.faults.extend_from_slice(faults);
        fleet.hosts.get_mut("server1").unwrap().unsent = unsent.iter().map(|&packet| packet.to_owned()).collect();
        let record = run(&mut fleet, Order::M, Method::Hot, true);
        (record.outcome, record.packets_forwarded, fleet.hosts["server2"].forwarded.len())
    };
    assert_eq!(moved(&["AQID", "BAUG"], &[]), (Outcome::Ok, 2, 2));
    assert_eq!(moved(&[], &[]), (Outcome::Ok, 0, 0));
    assert_eq!(moved(&["AQID"], &[("server1", "double_kill", Fault::Refused)]), (Outcome::Ok, 0, 0));
    assert_eq!(moved(&["AQID"], &[("server2", "commit", Fault::Refused)]), (Outcome::Ok, 0, 0));
}

#[test]
fn phases_add_up_to_the_total_and_probes_count_outside_it() {
    use PhaseName::{Eth3, LinkUsrp, MakeUsrp, StartD2d, StopSource, Sync, TunIp};
    let classic =
        [(TunIp, 3.0), (StartD2d, 53.0), (MakeUsrp, 55.0), (StopSource, 20.0), (Eth3, 2.0), (LinkUsrp, 1698.0), (Sync, 106.0)];
    let cold =
        [(TunIp, 3.0), (StopSource, 20.0), (StartD2d, 50.0), (Eth3, 2.0), (MakeUsrp, 3.0), (LinkUsrp, 1695.0), (Sync, 106.0)];
    for order in [Order::M, Order::MB] {
        for (method, expected, by_phases) in [(Method::Classic, classic, 1806.0), (Method::Cold, cold, 1856.0)] {
            let record = run_watched(&mut before(order), order, method, true, time, &mut |_, _| ());
            assert_eq!(phases(&record), expected, "{order} {method}");
            assert_eq!(record.total_ms, expected.iter().map(|p| p.1).sum::<f64>());
            assert_eq!(record.interruption.by_phases_ms, Some(by_phases));
            assert_eq!(record.interruption.probes_lost, Some(19));
            assert_eq!(record.interruption.by_loss_ms, Some(1900.0));
            assert_eq!(record.interruption.gap_ms, Some(1900.5));
        }
    }
}

#[test]
fn a_failed_run_keeps_the_phases_that_were_completed() {
    let mut fleet = before(Order::M);
    fleet.faults.push(("server2", "make_usrp", Fault::Refused));
    let record = run_watched(&mut fleet, Order::M, Method::Classic, true, time, &mut |_, _| ());
    assert_eq!(phases(&record), [(PhaseName::TunIp, 3.0), (PhaseName::StartD2d, 53.0)]);
    assert_eq!(record.interruption.by_phases_ms, None);
    assert_eq!(record.interruption.probes_lost, Some(19));
}

#[test]
fn without_a_far_end_the_probe_columns_are_empty_and_the_record_says_so() {
    let mut fleet = before(Order::M);
    let record = run(&mut fleet, Order::M, Method::Classic, false);
    assert_eq!(record.interruption.probes_sent, None);
    assert_eq!(record.warnings.len(), 1);
    assert!(fleet.log.iter().all(|(_, name)| !name.starts_with("probe")));
}

#[test]
fn a_far_end_that_does_not_answer_is_a_warning() {
    for command in ["probe_mark", "probe_window"] {
        let mut fleet = before(Order::M);
        fleet.faults.push(("server3", command, Fault::Lost));
        let record = run(&mut fleet, Order::M, Method::Classic, true);
        assert_eq!(record.outcome, protocol::Outcome::Ok);
        assert_eq!((record.interruption.probes_lost, record.warnings.len()), (None, 1), "{command}");
    }
}

#[test]
fn progress_goes_forward_only() {
    let rank = |state: StepState| match state {
        StepState::Waiting => 0,
        StepState::Running => 1,
        StepState::Done | StepState::Failed | StepState::Unmeasured => 2,
    };
    for (order, method) in [(Order::M, Method::Classic), (Order::MB, Method::Classic), (Order::M, Method::Cold)] {
        let mut last: Vec<i32> = Vec::new();
        let mut names = Vec::new();
        run_watched(&mut before(order), order, method, true, time, &mut |state, at| {
            let progress = state.progress(at);
            let ranks: Vec<i32> = progress.steps.iter().map(|s| rank(s.state)).collect();
            // A phase of two steps with another between them rests in between: only Done is final.
            let back = last.iter().zip(&ranks).any(|(before, now)| *before == 2 && now < before);
            assert!(!back, "{order} {method}: {last:?} -> {ranks:?} ({})", progress.now);
            assert!(!progress.now.is_empty());
            names = progress.steps.iter().map(|s| s.name).collect();
            last = ranks;
        });
        assert!(last.iter().all(|r| *r == 2), "{order} {method}: {last:?}");
        assert!(!names.contains(&PhaseName::SetRoute));
    }
}
