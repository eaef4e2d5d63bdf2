//! Whoever was stopped within a cut comes too late, and knows it: one owner, and the service goes on without it.
//!
//! Needs root.

use std::fs;
use std::path::Path;

use crate::common::lab::{Lab, alone};
use crate::common::transmitters::Transmitters;
use crate::common::watch::Watch;
use nix::sys::signal::Signal;
use serde_json::Value;

const HOSTS: [&str; 2] = ["server1", "server2"];

/// The agent that gets the command is stopped before it carries it out, for so long.
fn stopped_at(file: &Path, command: &str, seconds: f32) {
    let script = format!("(sleep {seconds}; kill -CONT $PPID) & kill -STOP $PPID");
    // A new text each time: a file that has not changed is not read again.
    let text = format!(
        "# {:?}\n[[fault]]\ncommand = \"{command}\"\noccurrence = 1\ndo = \"run\"\nrun = [\"sh\", \"-c\", \"{script}\"]\n",
        std::time::Instant::now()
    );
    fs::write(file, text).unwrap();
}

fn serves(status: &Value) -> bool {
    status["usrp"]["state"] == "running" && status["radio_port"]["addresses"] == serde_json::json!(["192.168.10.1/24"])
}

#[test]
fn a_destination_that_was_stopped_takes_over_in_time_or_not_at_all() {
    let Some(_turn) = alone() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server2.toml");
    fs::write(&file, "").unwrap();
    let lab = Lab::start("cut", &["--faults", &format!("server2={}", file.display())]);
    let watch = Watch::over(&lab, HOSTS, "192.168.10.1/24");
    let transmitters = Transmitters::at(&lab.root());
    lab.done(&["DS"]);
    lab.is_served();
    for method in ["hot", "seamless"] {
        for seconds in [0.3, 1.0, 3.0] {
            stopped_at(&file, "take_over", seconds);
            let record = lab.order(&["M", "--method", method]);
            let (outcome, gap) = (&record["outcome"], &record["interruption"]["gap_ms"]);
            println!("{method}, stopped for {seconds} s: {outcome}, gap {gap} ms; {}", record["reason"]);
            assert_eq!(outcome, "rolled_back", "{record:#}");
            lab.until("server1", "serves", serves);
            lab.is_served();
            let changes = watch.changes();
            // The address may be said again when the agent that has woken up calls the source back.
            let lost = changes.iter().rposition(|change| change.host == "server1" && !change.holds).unwrap();
            let (lost, regained) = (&changes[lost], &changes[lost + 1]);
            assert!((regained.host, regained.holds) == ("server1", true), "{changes:?}");
            // The source has not waited for the agent that was stopped, which alone could have called it back.
            let without = (regained.at - lost.at).as_seconds_f32();
            assert!(seconds < 3.0 || without < seconds / 2.0, "server1 was without the address for {without} s");
        }
        fs::write(&file, "").unwrap();
        for order in ["M", "MB"] {
            lab.done(&[order, "--method", method]);
            lab.is_served();
        }
    }
    let (handovers, overlaps) = watch.verdict();
    assert!(handovers > 4 && overlaps.is_empty(), "{handovers} handovers; two owners: {overlaps:?}");
    let (turns, at_once) = transmitters.verdict();
    assert!(turns > 4 && at_once.is_empty(), "{turns} turns; two transmitters: {at_once:?}");
    drop(transmitters);
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}
