//! The method criu in a whole lab: a pod moves to and fro, and a move that fails at any of its steps leaves the source serving.
//!
//! Needs root, and CRIU as scripts/install-criu unpacks it.

use std::path::Path;

use crate::common::lab::{Lab, alone, baton, text};
use crate::common::needs;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// The steps of the flow that are the pod's own, and the host that is asked.
const STEPS: [(&str, &str); 7] = [
    ("prepare_pod", "server2"),
    ("freeze_pod", "server1"),
    ("dump_pod", "server1"),
    ("copy_images", "server2"),
    ("restore_pod", "server2"),
    ("connect_pod", "server2"),
    ("resume", "server2"),
];

fn installed() -> bool {
    let beside = Path::new(env!("CARGO_BIN_EXE_baton")).with_file_name("../criu/criu");
    beside.exists() || needs::missing("there is no CRIU (scripts/install-criu)")
}

fn names(record: &Value) -> Vec<&str> {
    record["phases"].as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap()).collect()
}

/// Both processes of the work run there, it has the radio, and the far end is served.
fn serves(lab: &Lab, host: &str) {
    lab.until(host, "in sync", |status| {
        let runs = |role: &str| status[role]["state"] == "running";
        runs("d2d") && runs("usrp") && status["radio_port"]["addresses"] == json!(["192.168.10.1/24"])
    });
    lab.is_served();
}

/// Nothing of a pod is left on a host.
fn is_tidy(lab: &Lab, host: &str) {
    let links = lab.says(host, &["ip", "-brief", "link"]);
    assert!(!links.contains("podv"), "{host}: {links}");
    let status = lab.status(host);
    assert_eq!((&status["d2d"]["state"], &status["usrp"]["state"]), (&json!("stopped"), &json!("stopped")), "{status:#}");
    assert!(!lab.root().join(format!("run/baton/{host}/images")).exists(), "{host} keeps the memory of the processes");
}

#[test]
fn a_pod_moves_to_and_fro_with_what_its_processes_knew() {
    let Some(_turn) = alone() else { return };
    if !installed() {
        return;
    }
    let lab = Lab::start("criu", &["--form", "pod", "--probe-interval", "10ms"]);
    lab.done(&["DS"]);
    serves(&lab, "server1");
    for (order, from, to) in [("M", "server1", "server2"), ("MB", "server2", "server1"), ("M", "server1", "server2")] {
        let before = lab.status(from);
        // The method of the work's form, unnamed.
        let record = lab.done(&[order]);
        assert_eq!((&record["method"], record.get("warnings")), (&json!("criu"), None), "{record:#}");
        assert_eq!(
            names(&record),
            ["tun_ip", "prepare_pod", "stop_source", "dump", "copy", "restore", "network", "resume", "sync"],
            "{record:#}"
        );
        let mechanism = &record["mechanism"];
        assert!(mechanism["downtime_ms"].as_f64() > Some(0.0) && mechanism["restore_ms"].as_f64() > Some(0.0), "{record:#}");
        assert_eq!(mechanism["bytes_moved"], mechanism["image_bytes"], "{record:#}");
        serves(&lab, to);
        is_tidy(&lab, from);
        // The processes are the ones that ran before: their counters go on.
        let after = lab.status(to);
        let sent = |status: &Value| status["usrp"]["counters"]["tx_samples"].as_u64().unwrap_or_default();
        assert!(sent(&after) > sent(&before), "{} then {}", sent(&before), sent(&after));
        println!("{order} criu: {mechanism}, interruption {}", record["interruption"]);
    }
    lab.done(&["KR"]);
    is_tidy(&lab, "server2");
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn a_move_that_fails_at_any_step_leaves_the_source_serving() {
    let Some(_turn) = alone() else { return };
    if !installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |host: &str| folder.path().join(format!("{host}.toml"));
    let options: Vec<String> = ["server1", "server2"]
        .into_iter()
        .flat_map(|host| {
            std::fs::write(file(host), "").unwrap();
            ["--faults".to_owned(), format!("{host}={}", file(host).display())]
        })
        .collect();
    let options: Vec<&str> = ["--form", "pod"].into_iter().chain(options.iter().map(String::as_str)).collect();
    let lab = Lab::start("criu-fails", &options);
    lab.done(&["DS"]);
    serves(&lab, "server1");
    for (number, (command, host)) in STEPS.into_iter().enumerate() {
        for action in ["fail", "no_reply"] {
            // The number makes it another file each time, from whose change the occurrences are counted.
            let fault = format!("# {number} {action}\n[[fault]]\ncommand = \"{command}\"\noccurrence = 1\ndo = \"{action}\"\n");
            std::fs::write(file(host), fault).unwrap();
            let record = lab.order(&["M"]);
            assert_eq!(record["outcome"], "rolled_back", "{command} {action}: {record:#}");
            let reason = record["reason"].as_str().unwrap();
            assert!(reason.starts_with(&format!("{command} on {host}: ")), "{reason}");
            serves(&lab, "server1");
            is_tidy(&lab, "server2");
        }
    }
    // All is as before: the next one succeeds.
    lab.done(&["M"]);
    serves(&lab, "server2");
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn a_method_of_another_form_is_refused_with_those_that_there_are() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("criu-refused", &["--form", "pod", "--bare"]);
    let refused = |words: &[&str]| {
        let output = lab.baton(words);
        assert!(!output.status.success(), "{words:?}");
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    };
    assert!(refused(&["check", "M", "--method", "hot"]).contains("which moves by criu"));
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
    let state = tempfile::tempdir().unwrap();
    let output = baton(state.path()).args(["lab", "--form", "barrel"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}
