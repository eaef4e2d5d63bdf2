//! A lab of three servers and two radios: each radio is served, moved and broken without the other one's notice.
//!
//! Needs root.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::common::lab::{Lab, alone, baton, text};
use nix::sys::signal::Signal;
use serde_json::Value;

/// Pings of the other radio's far end while something is done to one: 5 s of them.
const PINGS: &str = "100";

/// Where the far end of each radio pings whoever serves it.
fn served_at(radio: &str) -> (&'static str, &'static str) {
    if radio == "radio1" { ("far1", "192.168.40.9") } else { ("far2", "192.168.41.9") }
}

/// Pings that run; the first one has come back.
pub struct Pings {
    ping: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Pings {
    pub fn lost(mut self) -> u32 {
        let said: Vec<String> = self.lines.by_ref().map_while(Result::ok).collect();
        self.ping.wait().unwrap();
        let summary = said.iter().find(|line| line.contains("packets transmitted")).unwrap_or_else(|| panic!("{said:?}"));
        let numbers: Vec<u32> = summary.split(' ').filter_map(|word| word.parse().ok()).collect();
        numbers[0] - numbers[1]
    }
}

impl Lab {
    pub fn status_of(&self, radio: &str, host: &str) -> Value {
        let output = self.baton(&["status", "--radio", radio, "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["hosts"][host]["status"].clone()
    }

    pub fn pings(&self, radio: &str) -> Pings {
        let (far_end, address) = served_at(radio);
        let mut ping = baton(self.state.path());
        ping.args(["--in", &self.name, "lab", "exec", far_end, "--", "ping", "-c", PINGS, "-i", "0.05", "-W", "2", address]);
        let mut ping = ping.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(ping.stdout.take().unwrap()).lines();
        let came_back = lines.by_ref().map_while(Result::ok).any(|line| line.contains("bytes from"));
        assert!(came_back, "{far_end} hears nothing of {address}");
        Pings { ping, lines }
    }

    pub fn pid_of(&self, radio: &str, host: &str) -> Option<u64> {
        self.status_of(radio, host)["usrp"]["pid"].as_u64()
    }

    fn link(&self, host: &str, interface: &str) -> String {
        self.says(host, &["ip", "-o", "link", "show", interface])
    }
}

#[test]
fn what_is_done_to_one_radio_of_a_pool_is_not_felt_by_the_other() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("pool", &["--servers", "3", "--radios", "2"]);
    for (radio, server) in [("radio1", "server1"), ("radio2", "server2")] {
        let record = lab.done(&["DS", "--radio", radio]);
        assert_eq!((record["radio"].as_str(), record["to"].as_str()), (Some(radio), Some(server)), "{record:#}");
        assert!(lab.pings(radio).lost() <= 1);
    }
    // Which radio is meant has to be said.
    let nameless = lab.baton(&["do", "M"]);
    assert!(text(&nameless.stderr).contains("the radios are radio1, radio2"), "{}", text(&nameless.stderr));

    let second = lab.pid_of("radio2", "server2");
    assert!(second.is_some());
    let pings = lab.pings("radio2");
    let moved = lab.done(&["M", "--radio", "radio1"]);
    assert_eq!((moved["from"].as_str(), moved["to"].as_str()), (Some("server1"), Some("server2")), "{moved:#}");
    assert!(pings.lost() <= 1, "the move of radio1 was felt by radio2");
    assert!(lab.pings("radio1").lost() <= 1);
    // Parked at the first place, as before.
    assert!(lab.says("server1", &["ip", "-o", "-4", "address", "show", "eth3"]).contains(" 192.168.20.2/24 "));

    let nameless = lab.baton(&["lab", "fault", "server2", "kill-usrp"]);
    let said = text(&nameless.stderr);
    assert_eq!(nameless.status.code(), Some(2), "{said}");
    assert!(said.contains("server2 has a part in several radios, and the fault names none"), "{said}");
    let first = lab.pid_of("radio1", "server2");
    let pings = lab.pings("radio2");
    let killed = lab.baton(&["lab", "fault", "server2", "kill-usrp", "--radio", "radio1"]);
    assert!(killed.status.success(), "{}", text(&killed.stderr));
    assert!(pings.lost() <= 1, "the end of radio1's process was felt by radio2");
    assert!(lab.pid_of("radio1", "server2") != first && lab.pid_of("radio2", "server2") == second);

    // Each radio's cable is another one.
    let fault = |words: &[&str]| {
        let output = lab.baton(&[&["lab"], words].concat());
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    };
    fault(&["fault", "server3", "cut-eth3", "--radio", "radio2"]);
    assert!(lab.link("server3", "eth4").contains("state DOWN") && lab.link("server3", "eth3").contains("state UP"));
    fault(&["mend", "server3", "cut-eth3", "--radio", "radio2"]);
    assert!(!lab.link("server3", "eth4").contains("state DOWN"));
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn a_pool_that_cannot_be_is_refused() {
    let state = tempfile::tempdir().unwrap();
    for (options, expected) in [
        (&["--servers", "5"][..], "5 is not in 2..=4"),
        (&["--radios", "0"], "0 is not in 1..=4"),
        (&["--servers", "3", "--relay"], "cannot be used with"),
        (&["--radios", "3", "--bw", "5"], "3 radios of 5 MHz do not fit side by side into the 30 MHz of their boards"),
        (&["--servers", "3", "--standby"], "an armed standby is one of two servers, and this lab has 3"),
    ] {
        let output = baton(state.path()).arg("lab").args(options).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{options:?}: {said}");
        assert!(said.contains(expected), "{options:?}: {said}");
    }
}
