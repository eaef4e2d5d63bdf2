//! Hosts whose wall clocks are wrong, or are set while the work moves: orders do not notice. The clocks are faked for each agent alone
//! (libfaketime): a time namespace has no wall clock of its own, and the machine's is not the test's to set.
//!
//! Needs root and libfaketime.

use std::fs;
use std::path::Path;

use crate::common::lab::{Lab, alone, text};
use crate::common::needs;
use crate::common::watch::Watch;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const HOSTS: [&str; 3] = ["server1", "server2", "server3"];
/// $LIB is where this machine has its libraries; the dynamic linker fills it in.
const PRELOAD: &str = "/usr/$LIB/faketime/libfaketimeMT.so.1";
/// Offsets of a clock that is set again and again, s: by NTP after minutes, a time zone taken for UTC, a battery that was empty.
const STEPS: [i64; 6] = [60, -60, 3600, -3600, 28_800, -600_000_000];

/// The programs of a lab in which each agent has a clock of its own, and a file of faults.
fn programs(folder: &Path) -> String {
    let baton = env!("CARGO_BIN_EXE_baton");
    let program = |title: &str, log: &str, namespace: &str, command: &[&str], ready: &str| {
        let command = json!(command);
        format!("{{ title = \"{title}\", log = \"{log}\", namespace = \"{namespace}\", command = {command}, ready = \"{ready}\" }}")
    };
    let agents = HOSTS.map(|host| {
        let at = folder.display();
        let clock = [format!("LD_PRELOAD={PRELOAD}"), format!("FAKETIME_TIMESTAMP_FILE={at}/{host}.clock")];
        let faults = format!("{at}/{host}.toml");
        let fixed = ["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"];
        let command = [&["env", &clock[0], &clock[1]], &fixed[..], &[baton, "agent", "--host", host, "--faults", &faults]].concat();
        program(&format!("the agent of {host}"), host, host, &command, "agent ready")
    });
    let radios = [baton, "n210", "--control", "/run/baton/n210.sock", "--radio=pool=n210", "--radio=far=n210-far"];
    let radios = program("the software N210s", "n210", "console", &radios, "n210 ready");
    format!("stage = [[{radios}], [{}]]", agents.join(", "))
}

fn set_clock(folder: &Path, host: &str, offset: i64) {
    fs::write(folder.join(format!("{host}.clock")), format!("{offset:+}\n")).unwrap();
}

/// The clock of a host is set at each of these commands that it gets, to another time each.
fn set_at(folder: &Path, host: &str, commands: &[&str], first: usize) {
    let clock = folder.join(format!("{host}.clock"));
    let fault = |(index, command): (usize, &&str)| {
        let offset = STEPS[(first + index) % STEPS.len()];
        let run = json!(["sh", "-c", format!("echo {offset:+} > {}", clock.display())]);
        format!("[[fault]]\ncommand = \"{command}\"\noccurrence = 1\ndo = \"run\"\nrun = {run}\n")
    };
    let faults: String = commands.iter().enumerate().map(fault).collect();
    put(folder, host, &format!("# {first} {host} {commands:?}\n{faults}"));
}

fn put(folder: &Path, host: &str, faults: &str) {
    fs::write(folder.join("new"), faults).unwrap();
    fs::rename(folder.join("new"), folder.join(format!("{host}.toml"))).unwrap();
}

fn log(lab: &Lab, host: &str) -> String {
    text(&fs::read(lab.root().join(format!("run/baton/log/{host}.log"))).unwrap_or_default())
}

/// The steps of a move, of its failure and of its way back, at the source and at the destination.
const AT_SOURCE: [&str; 8] = ["export", "get_control", "get_tun_ip", "freeze", "resume", "double_kill", "kill_usrp", "kill_d2d"];
const AT_DESTINATION: [&str; 11] = [
    "set_tun_ip",
    "start_d2d",
    "make_usrp",
    "start_usrp",
    "prepare",
    "overlap",
    "link_usrp",
    "take_over",
    "await_sync",
    "commit",
    "set_eth3",
];

#[test]
fn a_clock_that_is_wrong_or_is_set_at_every_step_of_a_move_changes_nothing() {
    if !needs::tools(&["faketime"]) {
        return;
    }
    let Some(_turn) = alone() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for host in HOSTS {
        set_clock(at, host, 0);
        put(at, host, "");
    }
    fs::write(at.join("programs.toml"), programs(at)).unwrap();
    // An agent that was started before NTP had set a clock in local time right.
    set_clock(at, "server1", 28_800);
    let lab = Lab::start("clocks", &["--programs", &at.join("programs.toml").display().to_string()]);
    let watch = Watch::over(&lab, ["server1", "server2"], "192.168.10.1/24");
    set_clock(at, "server1", 0);
    // Before the first order, and with a warning.
    set_clock(at, "server2", 120);
    let check = text(&lab.baton(&["check"]).stdout);
    assert!(check.contains("server2's clock is 120.0 s ahead of this machine's"), "{check}");
    lab.done(&["DS"]);
    lab.is_served();

    let mut first = 0;
    let mut stepped = |source: &str, destination: &str| {
        first += 1;
        set_at(at, source, &AT_SOURCE, first);
        set_at(at, destination, &AT_DESTINATION, first + 3);
    };
    for method in ["classic", "cold", "hot", "seamless"] {
        for (order, source, destination) in [("M", "server1", "server2"), ("MB", "server2", "server1")] {
            stepped(source, destination);
            let record = lab.done(&[order, "--method", method]);
            println!("{order} {method}: gap {} ms", record["interruption"]["gap_ms"]);
            lab.is_served();
        }
    }
    // And on the way back.
    for method in ["classic", "hot", "seamless"] {
        stepped("server1", "server2");
        let faults = fs::read_to_string(at.join("server2.toml")).unwrap();
        let fails = if method == "classic" { "link_usrp" } else { "take_over" };
        let refuses = faults.replacen(&format!("command = \"{fails}\""), "command = \"survey\"", 1)
            + &format!("[[fault]]\ncommand = \"{fails}\"\noccurrence = 1\ndo = \"fail\"\n");
        put(at, "server2", &refuses);
        let record = lab.order(&["M", "--method", method]);
        assert_eq!(record["outcome"], "rolled_back", "{record:#}");
        assert!(record["reason"].as_str().unwrap().contains("server1 s"), "{record:#}");
        lab.is_served();
    }
    HOSTS.iter().for_each(|host| put(at, host, ""));
    lab.done(&["M", "--method", "hot"]);
    lab.is_served();

    for host in ["server1", "server2"] {
        let log = log(&lab, host);
        assert!(log.matches("fault: ").count() > 20 && !log.contains("of the file of faults"), "clocks were not set: {log}");
    }
    let overlaps = watch.verdict().1;
    assert!(overlaps.is_empty(), "{overlaps:?}");
    let report: Value = serde_json::from_slice(&lab.baton(&["status", "--json"]).stdout).unwrap();
    for host in HOSTS {
        assert_eq!(report["hosts"][host]["status"]["host"], host, "{report:#}");
    }
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}
