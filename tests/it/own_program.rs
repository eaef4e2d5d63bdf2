//! A foreign program as the workload: docs/examples/spectrum.py speaks the contract, docs/examples/beacon.sh does not; both are moved.
//!
//! Needs root and python3.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use crate::common::lab::{Lab, beside};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

fn example(name: &str) -> String {
    format!("{}/docs/examples/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn an_energy_detector_keeps_what_it_has_learned() {
    let Some(_turn) = beside() else { return };
    let lab = Lab::start("spectrum", &["--workload", &example("spectrum.toml")]);
    lab.done(&["DS"]);
    let learned = lab.until("server1", "in sync with a noise floor", |status| {
        status["d2d"]["sync"]["state"] == "synced" && status["control"]["values"]["noise_floor_dbfs"].is_number()
    });
    let floor = learned["control"]["values"]["noise_floor_dbfs"].clone();
    assert_eq!(learned["control"]["meanings"]["detections"], "how often a signal began, over all servers");
    lab.done(&["M", "--method", "classic"]);
    let moved = lab.until("server2", "in sync", |status| status["d2d"]["sync"]["state"] == "synced");
    assert_eq!(moved["control"]["values"]["noise_floor_dbfs"], floor, "it was carried, not learned again");
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn a_shell_script_is_moved_with_the_count_that_another_program_prints() {
    let Some(_turn) = beside() else { return };
    let lab = Lab::start("beacon", &["--workload", &example("beacon.toml")]);
    lab.done(&["DS"]);
    let at_work = |least: u64| move |status: &Value| status["control"]["values"]["count"].as_u64() >= Some(least);
    let before = lab.until("server1", "counting", at_work(5));
    assert_eq!(before["control"]["meanings"]["period_s"], "length of a period, s");
    assert_eq!(before["d2d"]["sync"], Value::Null);
    let check = String::from_utf8(lab.baton(&["check", "M"]).stdout).unwrap();
    assert!(
        check.contains("the D2D process of server1 does not offer the method hot: it moves by classic and cold only"),
        "{check}"
    );
    let record = lab.done(&["M", "--method", "classic"]);
    let warnings = record["warnings"].to_string();
    assert!(warnings.contains("does not tell when it is in sync"), "{record:#}");
    assert!(record["phases"].as_array().unwrap().iter().all(|phase| phase["name"] != "sync"), "{record:#}");
    // It went on from the last count that was collected.
    lab.until("server2", "counting on", at_work(6));
    assert_eq!(lab.until("server1", "stopped", |status| status["d2d"]["state"] == "stopped")["d2d"]["pid"], json!(null));
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}
