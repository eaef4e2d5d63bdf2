//! A bad cluster file is refused by every subcommand that reads it, with the place of the value and exit code 2.

use std::path::Path;
use std::process::{Command, Stdio};

use config::EXAMPLE;

/// Subcommands that read the cluster file.
const SUBCOMMANDS: [&[&str]; 10] = [
    &["status"],
    &["status", "--json"],
    &["check"],
    &["check", "M"],
    &["plan", "M"],
    &["do", "M"],
    &["do", "go"],
    &["runs"],
    &["agent", "--host", "server1"],
    &["console"],
];

/// A change of the example that makes it wrong, and what is said of it.
const CHANGES: [(&str, &str, &str); 4] = [
    (
        "active = \"192.168.10.1/24\"",
        "active = \"192.168.10.1\"",
        "key `addresses.active`: \"192.168.10.1\" is not an IPv4 address",
    ),
    (
        "telemetry = \"tcp://10.77.0.12:7601\"",
        "telemetry = \"hello\"",
        "key `host.server2.telemetry`: \"hello\" is not an endpoint",
    ),
    ("collect_interval_s = 10.0", "collect_interval_s = -5", "key `workload.collect_interval_s`: -5.0 is out of range"),
    (
        "parked = \"192.168.20.2/24\"",
        "parked = \"192.168.10.1/24\"",
        "key `addresses.parked`: 192.168.10.1/24 is the active address",
    ),
];

fn refused(file: &Path, subcommand: &[&str], expected: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_baton"))
        .arg("--config")
        .arg(file)
        .args(subcommand)
        .env_remove("BATON_CONFIG")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{subcommand:?}: {stderr}");
    assert!(stderr.contains(&format!("{}, line ", file.display())) && stderr.contains(expected), "{subcommand:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{subcommand:?} printed {}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn every_subcommand_refuses_a_bad_file() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (good, bad, expected)) in CHANGES.into_iter().enumerate() {
        assert!(EXAMPLE.contains(good), "{good}");
        let file = folder.path().join(format!("{number}.toml"));
        std::fs::write(&file, EXAMPLE.replacen(good, bad, 1)).unwrap();
        for subcommand in SUBCOMMANDS {
            refused(&file, subcommand, expected);
        }
    }
}
