//! The method vm in a whole lab: QEMU moves a guest to and fro, and a move that fails or is given up leaves it at the source.
//!
//! Needs root, and QEMU as `scripts/install-qemu` unpacks it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use std::path::Path;
use std::process::{Child, Stdio};

use crate::common::lab::{self, Lab, alone};
use crate::common::machine::Turn;
use crate::common::needs;
use nix::sys::signal::Signal;
use serde_json::Value;

/// The machine, where QEMU is unpacked.
fn with_qemu() -> Option<Turn> {
    let unpacked = Path::new(env!("CARGO_BIN_EXE_baton")).parent().unwrap().join("../qemu/complete");
    if !unpacked.exists() && !needs::missing("QEMU is not unpacked: scripts/install-qemu") {
        return None;
    }
    alone()
}

/// A lab whose guest runs on server1.
fn started(test: &str, options: &[&str]) -> Lab {
    let lab = Lab::start(test, &[&["--form", "guest", "--probe-interval", "10ms"], options].concat());
    lab.done(&["DS"]);
    lab.is_served();
    lab
}

fn names(record: &Value) -> Vec<&str> {
    record["phases"].as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap()).collect()
}

fn guest(lab: &Lab, host: &str) -> Value {
    lab.status(host)["guest"].clone()
}

/// An order under way.
fn begun(lab: &Lab, words: &[&str]) -> Child {
    let mut command = lab::baton(lab.state.path());
    command.args(["--in", &lab.name, "do"]).args(words).arg("--json");
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn record(child: Child) -> Value {
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", lab::text(&output.stderr)))
}

/// Until the guest has found all of its memory whole once more on that host: what it checks then has come with it.
fn is_whole(lab: &Lab, host: &str) {
    let passes = |status: &Value| status["guest"]["memory_passes"].as_u64().unwrap_or_default();
    let before = passes(&lab.status(host));
    let status = lab.until(host, "checked its memory", |status| passes(status) > before + 1);
    assert_eq!(status["guest"]["damage"], Value::Null, "{status:#}");
}

/// Until the source copies the guest's memory for the second time: it would not end by itself.
fn copies(lab: &Lab) {
    let second = |status: &Value| {
        let migration = &status["guest"]["migration"];
        // Not that of an earlier one, which is shown until the next begins.
        migration["state"] == "active" && migration["iteration"].as_u64() >= Some(2)
    };
    lab.until("server1", "copied", second);
}

#[test]
fn a_guest_moves_to_and_fro_with_its_memory_whole() {
    let Some(_turn) = with_qemu() else { return };
    let lab = started("vm", &[]);
    for (order, from, to) in [("M", "server1", "server2"), ("MB", "server2", "server1")] {
        let record = lab.done(&[order]);
        assert_eq!((&record["method"], &record["to"]), (&"vm".into(), &to.into()), "{record:#}");
        assert_eq!(names(&record), ["guest_start", "precopy", "switchover"]);
        let mechanism = &record["mechanism"];
        assert!(mechanism["downtime_ms"].as_f64() > Some(0.0) && mechanism["iterations"].as_u64() >= Some(1), "{record:#}");
        assert!(mechanism["accelerator"].is_string() && mechanism["bytes_moved"].as_u64() > Some(1 << 20), "{record:#}");
        assert_eq!((&guest(&lab, from)["state"], &guest(&lab, to)["state"]), (&"stopped".into(), &"running".into()));
        lab.is_served();
        is_whole(&lab, to);
        println!("{order}: felt {} ms, QEMU says {} ms", record["interruption"]["gap_ms"], mechanism["downtime_ms"]);
    }

    let waits = begun(&lab, &["M", "--hold"]);
    lab.until("server2", "waited", |status| status["migration"]["stage"] == "ready");
    assert_eq!(guest(&lab, "server2")["state"], "incoming");
    lab.is_served();
    assert!(lab.baton(&["do", "cancel"]).status.success());
    assert_eq!(record(waits)["outcome"], "cancelled");
    assert_eq!(guest(&lab, "server2")["state"], "stopped");

    let refused = lab.baton(&["do", "M", "--method", "hot"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("moves by vm") && said.contains("--method: vm"), "{said}");
    lab.done(&["KL"]);
    assert_eq!(guest(&lab, "server1")["state"], "stopped");
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn a_copy_that_is_given_up_or_fails_leaves_the_guest_at_the_source() {
    let Some(_turn) = with_qemu() else { return };
    // Faster than it can be copied within the downtime that is allowed.
    let lab = started("vm-copy", &["--dirty", "400", "--bandwidth", "60"]);
    let pid = guest(&lab, "server1")["pid"].clone();
    let stays = |record: &Value, outcome: &str| {
        assert_eq!(record["outcome"], outcome, "{record:#}");
        let left = guest(&lab, "server1");
        assert_eq!((&left["state"], &left["pid"]), (&"running".into(), &pid), "{record:#}");
        assert_eq!(guest(&lab, "server2")["state"], "stopped", "{record:#}");
        lab.is_served();
    };

    let moves = begun(&lab, &["M"]);
    copies(&lab);
    assert!(lab.baton(&["do", "cancel"]).status.success());
    stays(&record(moves), "cancelled");

    let moves = begun(&lab, &["M"]);
    copies(&lab);
    let waiting = guest(&lab, "server2")["pid"].to_string();
    lab.says("server2", &["kill", "-9", &waiting]);
    stays(&record(moves), "rolled_back");

    // The source's QEMU dies while it copies: nobody has the guest, and the record says so.
    let moves = begun(&lab, &["M"]);
    copies(&lab);
    lab.says("server1", &["kill", "-9", &pid.to_string()]);
    let record = record(moves);
    assert_ne!(record["outcome"], "ok", "{record:#}");
    lab.is_served();
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn post_copy_gets_away_what_pre_copy_never_would() {
    let Some(_turn) = with_qemu() else { return };
    let lab = started("vm-post", &["--dirty", "400", "--copy", "post"]);
    let record = lab.done(&["M"]);
    assert_eq!(names(&record), ["guest_start", "precopy", "switchover", "postcopy"]);
    assert_eq!(guest(&lab, "server1")["state"], "stopped");
    lab.is_served();
    is_whole(&lab, "server2");
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}
