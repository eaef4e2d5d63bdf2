//! The headless twins as the operator calls them: exit codes and sentences. tests/it/demo.rs has the whole lab.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn baton(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_baton")).args(arguments).env_remove("BATON_CONFIG").output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A cluster file whose agents do not run.
fn deserted(folder: &Path) -> String {
    let text = config::example_in(folder);
    let file = folder.join("baton.toml");
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

#[test]
fn what_can_not_be_done_is_a_sentence_and_an_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = deserted(folder.path());
    let missing = folder.path().join("missing.toml").display().to_string();
    let table: [(&[&str], i32, &str); 14] = [
        (&["--config", &missing, "do", "DS"], 2, "cannot be read"),
        (&["--config", &file, "do", "FLY"], 2, "unknown command \"FLY\""),
        (&["--config", &file, "do", "M", "--method", "magic"], 2, "magic"),
        (&["--config", &file, "do"], 2, "COMMAND"),
        (&["--config", &file, "do", "M", "--budget", "soon"], 2, "write 100ms or 0.5s"),
        (&["--config", &file, "do", "M", "--budget=-1"], 2, "\"-1\" is not a time"),
        (&["--config", &file, "do", "go"], 1, "no host that answers is carrying out an order"),
        (&["--config", &file, "do", "cancel"], 1, "not every host answers"),
        (&["--config", &file, "plan", "M"], 3, "server2"),
        (&["--config", &file, "check", "FLY"], 2, "unknown command \"FLY\""),
        (&["--config", &file, "do", "end"], 3, "server2"),
        (&["demo", "--headless", "--probe-interval", "0ms"], 2, "1ms to 60s"),
        (&["demo", "--json"], 2, "--headless"),
        (&["--config", &file, "runs", "--last", "many"], 2, "many"),
    ];
    for (arguments, code, words) in table {
        let output = baton(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_status_of_silent_hosts_says_so_and_exits_with_3() {
    let folder = tempfile::tempdir().unwrap();
    let file = deserted(folder.path());
    let output = baton(&["--config", &file, "status", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ok"], false);
    assert_eq!(report["hosts"].as_object().unwrap().len(), 3);
    assert_eq!(report["hosts"]["server1"]["error"]["code"], "unreachable");
}

#[test]
fn a_check_of_silent_hosts_names_the_blockers_and_exits_with_3() {
    let folder = tempfile::tempdir().unwrap();
    let file = deserted(folder.path());
    let output = baton(&["--config", &file, "check", "M", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["ok"], &report["order"]), (&false.into(), &"M".into()));
    let grade = |host: &str| {
        let findings = report["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["subject"] == host).unwrap()["grade"].clone()
    };
    assert_eq!((grade("server1"), grade("server2"), grade("server3")), ("blocker".into(), "blocker".into(), "warning".into()));
}

#[test]
fn runs_without_records_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = deserted(folder.path());
    let output = baton(&["--config", &file, "runs", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), serde_json::json!({"runs": []}));
}
