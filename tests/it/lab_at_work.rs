//! A whole lab at work: stock UHD tools inside it, service, a migration by order, and nothing left when its supervisor is killed.
//!
//! Needs root and uhd-host.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::faultless::faultless;
use crate::common::lab::{Lab, alone, baton, text};
use crate::common::needs;
use nix::sys::signal::Signal;
use serde_json::Value;

const EXAMPLES: &str = "/usr/libexec/uhd/examples";

impl Lab {
    /// The D2D process of a host, once it is in sync.
    fn d2d_in_sync(&self, host: &str, but_not: Option<u64>) -> u64 {
        let since = Instant::now();
        loop {
            let output = baton(self.state.path()).args(["--in", &self.name, "status", "--json"]).output().unwrap();
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            let d2d = &report["hosts"][host]["status"]["d2d"];
            if let Some(pid) = d2d["pid"].as_u64().filter(|pid| Some(*pid) != but_not && d2d["sync"]["state"] == "synced") {
                return pid;
            }
            assert!(since.elapsed() < Duration::from_secs(15), "{host} is not in sync: {report:#}");
        }
    }
}

#[test]
fn stock_tools_accept_the_pools_radio() {
    if !needs::tools(&[EXAMPLES]) {
        return;
    }
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("stock", &[]);
    // As an agent does it: the radio talks to whoever has this address.
    lab.says("server2", &["ip", "address", "replace", "192.168.10.1/24", "dev", "eth3"]);
    assert!(lab.says("server2", &["uhd_find_devices"]).contains("addr: 192.168.10.2"));
    assert!(lab.says("server2", &["uhd_usrp_probe", "--args", "addr=192.168.10.2"]).contains("Mboard: N210r4"));
    let benchmark = format!("{EXAMPLES}/benchmark_rate");
    let rates = ["--args", "addr=192.168.10.2", "--rx_rate", "1e6", "--tx_rate", "1e6", "--duration", "10"];
    // Its first packet is played at once, and each of the next has 0.4 ms to arrive: beside the real-time threads of the lab's modems that takes what a
    // radio program has. At normal priority one run in eight begins with underruns here.
    let real_time = ["--priority", "high"];
    let command = [&[benchmark.as_str()], &rates[..], &real_time[..]].concat();
    faultless(|| lab.says("server2", &command));
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

/// A stock tool leaves the radio with its own rates and destinations, and on its clean exit with the reports of room turned off.
#[test]
fn a_usrp_process_takes_its_radio_back_from_a_stock_tool() {
    if !needs::tools(&[EXAMPLES]) {
        return;
    }
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("taken", &[]);
    lab.done(&["DS"]);
    lab.is_served();
    lab.says("server3", &["uhd_usrp_probe", "--args", "addr=192.168.10.2,type=usrp2"]);
    let ping = || lab.exec("server3", &["ping", "-c", "1", "-W", "1", "192.168.40.9"]).status.success();
    assert!((0..10).any(|_| ping()), "nothing answers after the probe");
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn it_serves_migrates_and_leaves_nothing_when_it_is_killed() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("atwork", &[]);
    lab.done(&["DS"]);
    lab.is_served();
    let first = lab.d2d_in_sync("server3", None);
    lab.says("server3", &["kill", "-9", &first.to_string()]);
    // Nobody orders the far end about: it gets up by itself.
    lab.d2d_in_sync("server3", Some(first));
    lab.is_served();
    let record = lab.done(&["M"]);
    assert_eq!((&record["outcome"], &record["from"], &record["to"]), (&"ok".into(), &"server1".into(), &"server2".into()));
    lab.is_served();
    let runs = baton(lab.state.path()).args(["--in", &lab.name, "runs", "--json"]).output().unwrap();
    let runs: Value = serde_json::from_slice(&runs.stdout).unwrap();
    assert!(runs["runs"].as_array().unwrap().iter().any(|run| run["run"] == record["run"]), "{runs:#}");
    let at_work = lab.remains();
    assert!(at_work.iter().filter(|line| line.ends_with("baton")).count() >= 8, "the test sees too little: {at_work:?}");
    assert_eq!(lab.end(Signal::SIGKILL), None);
}

/// As `systemctl restart` does it.
#[test]
fn a_restart_of_the_serving_agent_costs_no_service() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("restart", &[]);
    lab.done(&["DS"]);
    lab.is_served();
    let before = lab.status("server1");
    let lost = |status: &Value| status["probe"]["lost"].as_u64().unwrap();
    let lost_before = lost(&lab.status("server3"));
    let agent = lab.says("console", &["pgrep", "-f", "agent --host server1$"]).trim().to_owned();
    lab.says("server1", &["kill", "-TERM", &agent]);
    lab.says("console", &["sh", "-c", &format!("while kill -0 {agent} 2>/dev/null; do sleep 0.02; done")]);
    lab.is_served();
    let mut next = baton(lab.state.path());
    next.args([
        "--in",
        &lab.name,
        "lab",
        "exec",
        "server1",
        "--",
        env!("CARGO_BIN_EXE_baton"),
        "--config",
        "/run/baton/baton.toml",
    ]);
    let mut next = next.args(["agent", "--host", "server1"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(next.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert_eq!(ready, "agent ready server1\n");
    let after = lab.until("server1", "in sync", |status| status["d2d"]["sync"]["state"] == "synced");
    for process in ["d2d", "usrp"] {
        assert_eq!(after[process]["pid"], before[process]["pid"], "{process}");
    }
    let lost = lost(&lab.status("server3")) - lost_before;
    assert!(lost <= 2, "{lost} pings were lost: the service has ended");
    assert_eq!(lab.done(&["M"])["outcome"], "ok");
    lab.is_served();
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
    next.wait().unwrap();
}

#[test]
fn what_goes_wrong_by_request_is_mended_by_request() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("faults", &[]);
    let told = |verb: &str, what: &str| {
        let output = baton(lab.state.path()).args(["--in", &lab.name, "lab", verb, "server1", what]).output().unwrap();
        (output.status.success(), text(&output.stderr))
    };
    let (done, said) = told("fault", "kill-usrp");
    assert!(!done && said.contains("server1 runs no usrp process"), "{said}");
    lab.done(&["DS"]);
    let agent = || lab.says("console", &["pgrep", "-f", "agent --host server1$"]).trim().to_owned();
    let stopped = || lab.says("console", &["grep", "^State:", &format!("/proc/{}/status", agent())]).contains("T (stopped)");
    let unplugged = || lab.says("server1", &["ip", "link", "show", "eth3"]).contains("state DOWN");
    let full = || !lab.exec("server1", &["sh", "-c", "head -c 4096 /dev/zero > /run/baton/fill"]).status.success();
    let faults: [(&str, &dyn Fn() -> bool); 3] = [("pause-agent", &stopped), ("cut-eth3", &unplugged), ("full-disk", &full)];
    for (what, is_so) in faults {
        for (verb, expected) in [("fault", true), ("mend", false)] {
            assert_eq!((told(verb, what).0, is_so()), (true, expected), "{verb} {what}");
        }
    }
    lab.is_served();
    assert!(told("fault", "kill-usrp").0);
    let (done, said) = told("mend", "kill-usrp");
    assert!(!done && said.contains("stays dead"), "{said}");
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}
