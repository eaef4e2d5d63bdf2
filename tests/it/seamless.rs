//! The method seamless in a whole lab: both receive chains in both parts, next to the same moves by the source's method, and failures before
//! and in the cut.
//!
//! Needs root.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use crate::common::lab::{Lab, alone, baton, text};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

impl Lab {
    /// Nothing of an overlap is left on a host.
    fn is_tidy(&self, host: &str) {
        let routes = text(&self.exec(host, &["ip", "-4", "route"]).stdout).to_owned();
        assert!(!routes.lines().any(|route| route.starts_with("192.168.10.2 ")), "{host}: {routes}");
    }
}

/// The four migrations of a demonstration with a probe every ms.
fn moves(method: &str) -> Vec<Value> {
    let state = tempfile::tempdir().unwrap();
    let output = baton(state.path())
        .args(["demo", "--headless", "--method", method, "--migrations", "4", "--probe-interval", "1ms", "--json"])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stderr)));
    assert_eq!(report["ok"], true, "{report:#}");
    report["runs"].as_array().unwrap().clone()
}

fn lost(records: &[Value]) -> Vec<u64> {
    records.iter().map(|record| record["interruption"]["probes_lost"].as_u64().unwrap_or_else(|| panic!("{record:#}"))).collect()
}

#[test]
fn each_receive_chain_takes_each_part_and_less_is_lost_than_with_classic() {
    let Some(_turn) = alone() else { return };
    let (seamless, classic) = (moves("seamless"), moves("classic"));
    for record in &seamless {
        assert_eq!((&record["outcome"], record.get("warnings")), (&json!("ok"), None), "{record:#}");
        let names: Vec<&str> = record["phases"].as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["tun_ip", "start_d2d", "make_usrp", "sync", "stop_source", "eth3", "link_usrp"]);
        assert_eq!(record["handover"]["packets_left_behind"], 0, "{record:#}");
    }
    let (seamless, classic) = (lost(&seamless), lost(&classic));
    println!("lost at 1 ms: seamless {seamless:?}, classic {classic:?}");
    assert!(seamless.iter().sum::<u64>() < classic.iter().sum(), "seamless lost {seamless:?}, classic {classic:?}");
}

#[test]
fn a_failed_overlap_or_cut_leaves_the_source_serving() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("seamless-fails", &[]);
    lab.done(&["DS"]);
    lab.is_served();
    let d2d = lab.status("server1")["d2d"]["pid"].clone();
    // The radio does not hear that the second chain's stream should come, or its samples do not arrive.
    for fault in [
        "kind = \"drop\", port = 49158, direction = \"in\", every = 1",
        "kind = \"drop\", port = 49158, direction = \"out\", every = 1",
    ] {
        lab.n210_fault(fault);
        let record = lab.order(&["M", "--method", "seamless"]);
        assert_eq!(record["outcome"], "rolled_back", "{record:#}");
        let reason = record["reason"].as_str().unwrap();
        assert!(reason.starts_with("overlap on server2: ") && reason.ends_with("server1 still serves."), "{reason}");
        assert!(record["failure"]["hint"].as_str().unwrap().contains("hot"), "{record:#}");
        lab.n210_fault("kind = \"none\"");
        let back = lab.status("server1");
        assert_eq!((&back["d2d"]["pid"], &back["radio_port"]["addresses"]), (&d2d, &json!(["192.168.10.1/24"])));
        let left = lab.status("server2");
        assert_eq!((&left["d2d"]["state"], &left["usrp"]["state"]), (&json!("stopped"), &json!("stopped")));
        lab.is_tidy("server2");
        lab.is_served();
    }
    // And then it moves.
    lab.done(&["M", "--method", "seamless"]);
    assert_eq!(lab.status("server2")["radio_port"]["addresses"], json!(["192.168.10.1/24"]));
    ["server1", "server2"].iter().for_each(|host| lab.is_tidy(host));
    // From the second chain by the other methods, which go on with it or begin anew on the first.
    lab.done(&["MB", "--method", "hot"]);
    lab.is_served();
    lab.done(&["M", "--method", "classic"]);
    lab.is_served();
    lab.done(&["MB", "--method", "seamless"]);
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn what_nobody_committed_is_committed_before_the_next_move() {
    let Some(_turn) = alone() else { return };
    let faults = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(faults.path(), "[[fault]]\ncommand = \"commit\"\noccurrence = 1\ndo = \"lose\"\n").unwrap();
    let lab = Lab::start("uncommitted", &["--faults", &format!("server2={}", faults.path().display())]);
    lab.done(&["DS"]);
    let record = lab.done(&["M", "--method", "seamless"]);
    assert!(record["warnings"].to_string().contains("commit on server2"), "{record:#}");
    assert_eq!(lab.status("server2")["radio_port"]["addresses"].as_array().map(Vec::len), Some(2), "the fault did not strike");
    lab.is_served();
    let record = lab.done(&["MB", "--method", "seamless"]);
    assert_eq!(record.get("warnings"), None, "{record:#}");
    ["server1", "server2"].iter().for_each(|host| lab.is_tidy(host));
    lab.is_served();
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}
