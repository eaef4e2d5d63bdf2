//! The main job, end to end: a living lab, real migrations, one JSON document.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::process::{Command, Output};

use crate::common::lab::alone;
use serde_json::Value;

/// Runs `baton demo --headless` and returns its document.
fn demo(method: &str, extra: &[&str]) -> (Output, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_baton"))
        .args(["demo", "--headless", "--method", method, "--migrations", "4", "--json"])
        .args(extra)
        .output()
        .expect("baton starts");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let document = serde_json::from_str(&stdout).unwrap_or_else(|e| {
        panic!("stdout is not one JSON document ({e}):\n{stdout}\n{}", String::from_utf8_lossy(&output.stderr))
    });
    (output, document)
}

/// Checks one document: exit code, outcomes, phase names, and that the interruption is reported three ways.
fn check(method: &str, output: &Output, document: &Value) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{method}: {document:#}\n{stderr}");
    assert_eq!(document["ok"], true);
    let runs = document["runs"].as_array().expect("runs");
    assert_eq!(runs.iter().map(|r| r["order"].as_str().unwrap_or("?")).collect::<Vec<_>>(), ["M", "MB", "M", "MB"]);
    for run in runs {
        assert_eq!(run["outcome"], "ok", "{run:#}");
        assert_eq!(run["method"], method);
        assert!(run["reason"].is_null());
        let mut names: Vec<_> =
            run["phases"].as_array().expect("phases").iter().map(|p| p["name"].as_str().unwrap_or("?")).collect();
        names.sort_unstable();
        assert_eq!(names, ["eth3", "link_usrp", "make_usrp", "start_d2d", "stop_source", "sync", "tun_ip"], "{run:#}");
        let felt = &run["interruption"];
        let number = |name: &str| felt[name].as_f64().unwrap_or_else(|| panic!("{name} is missing: {run:#}"));
        assert!(number("probes_sent") > number("probes_lost"), "nothing was answered: {run:#}");
        assert!((number("by_loss_ms") - number("probes_lost") * number("probe_interval_ms")).abs() < 0.5, "{run:#}");
        // The gap contains the outage that the phases describe; both are clocks of the same run, so this is no absolute time.
        assert!(number("gap_ms") > 0.5 * number("by_phases_ms"), "{run:#}");
    }
}

fn link_phases(document: &Value) -> Vec<f64> {
    let mut all: Vec<f64> = document["runs"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|run| run["phases"].as_array().into_iter().flatten())
        .filter(|p| p["name"] == "link_usrp")
        .filter_map(|p| p["ms"].as_f64())
        .collect();
    all.sort_by(f64::total_cmp);
    all
}

#[test]
fn both_methods_move_the_running_radio_and_classic_links_faster_than_cold() {
    let Some(_turn) = alone() else { return };
    let (output, classic) = demo("classic", &[]);
    check("classic", &output, &classic);
    let (output, cold) = demo("cold", &["--probe-interval", "20ms"]);
    check("cold", &output, &cold);
    let (classic, cold) = (link_phases(&classic), link_phases(&cold));
    assert!(classic[classic.len() / 2] < cold[cold.len() / 2], "classic {classic:?} cold {cold:?}");
}
