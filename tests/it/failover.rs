//! A host that falls silent in a whole lab: the other one takes the work over, and the one that comes back gives way; a source that was frozen by
//! somebody who then fell silent goes on by itself.
//!
//! Needs root.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use std::process::Output;
use std::time::{Duration, Instant};

use crate::common::lab::{Lab, alone, text};
use crate::common::transmitters::Transmitters;
use crate::common::watch::Watch;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const HOSTS: [&str; 2] = ["server1", "server2"];

impl Lab {
    fn faults(&self, verb: &str, host: &str, faults: &[&str]) {
        for fault in faults {
            let output = self.baton(&["lab", verb, host, fault]);
            assert!(output.status.success(), "{verb} {fault}: {}", text(&output.stderr));
        }
    }

    /// docs/examples/agent.py, asking an agent on its local socket.
    fn ask(&self, host: &str, question: &[&str]) -> Output {
        let agent = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/agent.py");
        let endpoint = format!("ipc:///run/baton/{host}/command.ipc");
        self.exec("console", &[&["/usr/bin/python3", agent, &endpoint, host], question].concat())
    }

    /// Waits until server2 has collected what server1 does after that time.
    fn server2_knows_server1(&self, after: &str) {
        self.knows("server2", "server1", after);
    }

    /// Waits until a host has collected what another does after that time.
    fn knows(&self, host: &str, other: &str, after: &str) {
        let since = Instant::now();
        loop {
            let output = self.ask(host, &["get_collected", &format!("{{\"of\": \"{other}\"}}")]);
            let reply: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            // Both are UTC in one form.
            if reply["result"]["at"].as_str().is_some_and(|at| at > after) {
                return;
            }
            assert!(since.elapsed() < Duration::from_secs(20), "{host} knows nothing new of {other}: {reply:#}");
        }
    }
}

fn holds_radio(status: &Value) -> bool {
    status["radio_port"]["addresses"] == json!(["192.168.10.1/24"])
}

#[test]
fn the_work_of_a_silent_host_is_taken_over_and_that_host_gives_way() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("failover", &[]);
    lab.done(&["DS"]);
    lab.until("server1", "collected", |status| !status["control"]["values"]["phy_cell_ID"].is_null());

    // A host that answers keeps its work.
    let record = lab.order(&["M", "--method", "failover"]);
    assert_eq!(record["outcome"], "rolled_back", "{record:#}");
    assert!(record["reason"].as_str().unwrap().contains("the agent of server1 answers"), "{record:#}");

    lab.server2_knows_server1("");
    // Only its agent is silent: server1 serves, and its eth3 says so.
    lab.faults("fault", "server1", &["pause-agent"]);
    let record = lab.order(&["M", "--method", "failover"]);
    assert_eq!((&record["outcome"], &record["failure"]["code"]), (&json!("failed"), &json!("address_conflict")), "{record:#}");
    lab.is_served();

    // And now the whole host.
    lab.faults("fault", "server1", &["cut-eth3", "cut-mgmt0", "kill-d2d", "kill-usrp"]);
    let record = lab.order(&["M", "--method", "failover"]);
    assert_eq!((&record["outcome"], &record["to"]), (&json!("ok"), &json!("server2")), "{record:#}");
    let warnings = record["warnings"].to_string();
    assert!(warnings.contains("server1 does not answer") && warnings.contains("The control variables are those"), "{record:#}");
    lab.is_served();
    lab.faults("mend", "server1", &["cut-eth3", "cut-mgmt0", "pause-agent"]);
    lab.until("server1", "parked", |status| status["radio_port"]["addresses"] == json!(["192.168.20.2/24"]));
    assert!(holds_radio(&lab.status("server2")));
    lab.is_served();

    // By force, from a host that still serves: it ends its work as soon as it hears of the new owner.
    lab.done(&["KL"]);
    let record = lab.done(&["MB"]);
    lab.server2_knows_server1(record["started"].as_str().unwrap());
    lab.faults("fault", "server1", &["pause-agent"]);
    let record = lab.order(&["M", "--method", "failover", "--force"]);
    assert_eq!(record["outcome"], "ok", "{record:#}");
    assert!(record["warnings"].to_string().contains("took the radio all the same"), "{record:#}");
    lab.faults("mend", "server1", &["pause-agent"]);
    let gone = lab.until("server1", "parked", |status| status["radio_port"]["addresses"] == json!(["192.168.20.2/24"]));
    let gone = if gone["d2d"]["pid"].is_null() { gone } else { lab.until("server1", "ended", |s| s["d2d"]["pid"].is_null()) };
    assert_eq!((&gone["d2d"]["state"], &gone["usrp"]["state"]), (&json!("stopped"), &json!("stopped")));
    lab.is_served();
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn a_frozen_source_that_nobody_takes_over_from_goes_on_by_itself() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("lease", &[]);
    let watch = Watch::over(&lab, ["server1", "server2"], "192.168.10.1/24");
    lab.done(&["DS"]);
    lab.is_served();
    let before = lab.status("server1");
    let frozen = lab.ask("server1", &["freeze"]);
    assert!(frozen.status.success(), "{}{}", text(&frozen.stdout), text(&frozen.stderr));
    let after = lab.until("server1", "on again", |status| holds_radio(status) && status["owner_epoch"] != before["owner_epoch"]);
    let changes: Vec<bool> = watch.changes().into_iter().skip_while(|change| change.holds).map(|change| change.holds).collect();
    assert!(matches!(changes.as_slice(), [false, true, ..]), "frozen, then on again: {changes:?}");
    assert_eq!((&after["d2d"]["pid"], &after["usrp"]["pid"]), (&before["d2d"]["pid"], &before["usrp"]["pid"]));
    assert!(after["owner_epoch"].as_u64() > before["owner_epoch"].as_u64(), "what comes late is refused");
    lab.is_served();
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

/// A switch that answers ARP for the radio's address in the place of a host that is dead.
#[test]
fn a_switch_that_answers_for_a_dead_host_keeps_nobody_from_taking_over() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("proxy", &[]);
    let transmitters = Transmitters::at(&lab.root());
    lab.done(&["DS"]);
    lab.until("server1", "collected", |status| !status["control"]["values"]["phy_cell_ID"].is_null());
    lab.server2_knows_server1("");
    lab.is_served();
    let proxy = |command: &str| lab.says("switch", &[&["ip"], &command.split(' ').collect::<Vec<_>>()[..]].concat());
    for command in [
        "link add proxy address 02:00:00:00:00:88 type veth peer name port8",
        "link set port8 master switch0",
        "link set port8 up",
        "link set proxy up",
        "address add 192.168.10.1/32 dev proxy",
    ] {
        proxy(command);
    }
    lab.until("server2", "sees the proxy", |status| status["address_holders"].to_string().contains("02:00:00:00:00:88"));
    lab.faults("fault", "server1", &["pause-agent", "cut-eth3", "cut-mgmt0", "kill-d2d", "kill-usrp"]);
    let lost = |status: &Value| status["probe"]["lost"].as_u64().unwrap_or_default();
    let before = lost(&lab.status("server3"));
    // What is lost before the order is a part of the interruption.
    lab.until("server3", "nobody serves", |status| lost(status) >= before + 10);
    let record = lab.order(&["M", "--method", "failover"]);
    assert_eq!((&record["outcome"], &record["to"]), (&json!("ok"), &json!("server2")), "{record:#}");
    assert!(record["warnings"].to_string().contains("02:00:00:00:00:88"), "{record:#}");
    assert!(record["interruption"]["probes_lost"].as_u64().unwrap() >= 10, "{record:#}");
    let gap = record["interruption"]["gap_ms"].as_f64().unwrap();
    assert!(gap > record["total_ms"].as_f64().unwrap() + 900.0, "{record:#}");
    lab.is_served();
    let (_, at_once) = transmitters.verdict();
    assert!(at_once.is_empty(), "two transmitters: {at_once:?}");
    drop(transmitters);
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

/// Addresses of a host's eth3, asked of its kernel.
fn eth3_of(lab: &Lab, host: &str) -> String {
    lab.says(host, &["ip", "-4", "-o", "addr", "show", "dev", "eth3"])
}

#[test]
fn a_host_whose_cable_comes_back_first_finds_that_it_was_replaced() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("cable", &[]);
    let watch = Watch::over(&lab, HOSTS, "192.168.10.1/24");
    let transmitters = Transmitters::at(&lab.root());
    lab.done(&["DS"]);
    lab.until("server1", "collected", |status| !status["control"]["values"]["phy_cell_ID"].is_null());
    lab.server2_knows_server1("");
    lab.is_served();
    // A cable that is out for a moment costs what it takes.
    lab.faults("fault", "server1", &["cut-eth3"]);
    wait_until("the address to be given up", || !eth3_of(&lab, "server1").contains("192.168.10.1/"));
    lab.faults("mend", "server1", &["cut-eth3"]);
    wait_until("the address to be back", || eth3_of(&lab, "server1").contains("192.168.10.1/"));
    lab.until("server1", "in sync", |status| status["d2d"]["sync"]["state"] == "synced");
    lab.is_served();

    lab.faults("fault", "server1", &["cut-mgmt0", "cut-eth3"]);
    lab.done(&["M", "--method", "failover"]);
    lab.is_served();
    // The radio's network is back, and the management network is not: nobody can tell server1.
    lab.faults("mend", "server1", &["cut-eth3"]);
    wait_until("server1 to give way", || eth3_of(&lab, "server1").contains("192.168.20.2/"));
    lab.is_served();
    lab.faults("mend", "server1", &["cut-mgmt0"]);
    lab.until("server1", "ended", |status| status["usrp"]["state"] == "stopped" && status["owner"] == "server2");
    let (_, overlaps) = watch.verdict();
    assert!(overlaps.is_empty(), "{overlaps:?}");
    let (turns, at_once) = transmitters.verdict();
    assert!(turns > 1 && at_once.is_empty(), "{turns} turns; two transmitters: {at_once:?}");
    drop(transmitters);
    lab.is_served();
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

/// Nobody serves, the hosts do not hear each other, and each is told at the same moment to take the other one's work.
#[test]
fn of_two_failovers_at_once_one_takes_the_radio() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("failovers", &[]);
    let watch = Watch::over(&lab, HOSTS, "192.168.10.1/24");
    let transmitters = Transmitters::at(&lab.root());
    lab.done(&["DS"]);
    lab.until("server1", "collected", |status| !status["control"]["values"]["phy_cell_ID"].is_null());
    lab.knows("server2", "server1", "");
    lab.is_served();
    let record = lab.done(&["M"]);
    lab.knows("server1", "server2", record["started"].as_str().unwrap());
    let mut taken = watch.verdict().0;
    for _ in 0..3 {
        lab.done(&["KL"]);
        lab.done(&["KR"]);
        HOSTS.iter().for_each(|host| lab.faults("fault", host, &["cut-mgmt0"]));
        let order = |host: &str, order: &str| {
            let asked = lab.ask(host, &["order", &json!({"order": order, "method": "failover"}).to_string()]);
            serde_json::from_slice::<Value>(&asked.stdout).unwrap_or_default()
        };
        let replies = std::thread::scope(|scope| {
            [scope.spawn(|| order("server1", "MB")), scope.spawn(|| order("server2", "M"))].map(|asked| asked.join().unwrap())
        });
        let ends = replies.each_ref().map(|reply| (&reply["result"]["outcome"], &reply["result"]["failure"]["code"]));
        println!("{ends:?}");
        let won = ends.iter().position(|(outcome, _)| *outcome == "ok").unwrap_or_else(|| panic!("nobody: {replies:#?}"));
        assert_eq!(ends[1 - won], (&json!("failed"), &json!("address_conflict")), "{replies:#?}");
        lab.is_served();
        assert!(eth3_of(&lab, HOSTS[won]).contains("192.168.10.1/") && !eth3_of(&lab, HOSTS[1 - won]).contains("192.168.10.1/"));
        HOSTS.iter().for_each(|host| lab.faults("mend", host, &["cut-mgmt0"]));
        lab.until(HOSTS[1 - won], "told", |status| status["owner"] == HOSTS[won]);
        lab.is_served();
        let (handovers, overlaps) = watch.verdict();
        assert_eq!((handovers, overlaps), (taken + 1, vec![]), "one host was given the address, once");
        taken = handovers;
    }
    let (turns, at_once) = transmitters.verdict();
    assert!(turns > 2 && at_once.is_empty(), "{turns} turns; two transmitters: {at_once:?}");
    drop(transmitters);
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

fn wait_until(what: &str, is: impl Fn() -> bool) {
    let since = Instant::now();
    while !is() {
        assert!(since.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
