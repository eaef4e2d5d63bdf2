//! Three terminals and an obstacle: the pool's server relays, and its routes move with the work.
//!
//! Needs root, and ffmpeg for the video.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::lab::{Lab, alone, baton, pid, text};
use crate::common::needs;
use nix::sys::signal::{Signal, kill};
use serde_json::Value;

fn names(run: &Value) -> Vec<&str> {
    run["phases"].as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap()).collect()
}

#[test]
fn the_demo_moves_a_relay_with_its_routes() {
    let Some(_turn) = alone() else { return };
    let output = Command::new(env!("CARGO_BIN_EXE_baton"))
        .args(["demo", "--relay", "--headless", "--method", "classic", "--migrations", "4", "--json"])
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{document:#}\n{}", text(&output.stderr));
    for run in document["runs"].as_array().unwrap() {
        assert_eq!(run["relay"], true);
        assert!(names(run).contains(&"set_route"), "{run:#}");
        assert!(
            names(run).iter().position(|name| *name == "set_route") < names(run).iter().position(|name| *name == "eth3"),
            "{run:#}"
        );
        let felt = &run["interruption"];
        assert!(felt["probes_sent"].as_u64() > felt["probes_lost"].as_u64(), "nothing was relayed: {run:#}");
    }
}

impl Lab {
    fn routes(&self, host: &str) -> Vec<(u64, u64)> {
        let output = baton(self.state.path()).args(["--in", &self.name, "status", "--json"]).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let list = report["hosts"][host]["status"]["route_list"].as_array().cloned().unwrap_or_default();
        list.iter().map(|route| (route["destID"].as_u64().unwrap(), route["nexthop"].as_u64().unwrap())).collect()
    }

    fn await_routes(&self, host: &str, expected: &[(u64, u64)]) {
        let since = Instant::now();
        while self.routes(host) != expected {
            assert!(since.elapsed() < Duration::from_secs(40), "{host} has {:?}, not {expected:?}", self.routes(host));
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// A command in one of the lab's namespaces that runs on.
    fn start_inside(&self, namespace: &str, command: &[&str]) -> Child {
        let mut exec = baton(self.state.path());
        exec.args(["--in", &self.name, "lab", "exec", namespace, "--"]).args(command).stdout(Stdio::piped()).stderr(Stdio::piped());
        exec.spawn().unwrap()
    }
}

#[test]
fn what_stands_between_terminals_decides_their_routes_and_a_video_survives_the_move() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("relay", &["--relay"]);
    lab.done(&["DS"]);
    lab.await_routes("server1", &[(0, 0), (2, 2)]);
    lab.await_routes("server3", &[(1, 1), (2, 1)]);
    if needs::tools(&["ffmpeg"]) {
        video(&lab);
    }
    // The way becomes free: the terminals find each other, and the relay has nothing more to do.
    let clear = |from: &str, to: &str| format!("path = {{ from = \"{from}\", to = \"{to}\", blocked = false }}");
    for event in [clear("far", "receiver"), clear("receiver", "far")] {
        let told =
            baton(lab.state.path()).args(["--in", &lab.name, "n210", "tell", "/run/baton/n210.sock", &event]).output().unwrap();
        assert!(told.status.success(), "{}", text(&told.stderr));
    }
    lab.await_routes("server3", &[(1, 1), (2, 2)]);
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn a_video_and_a_file_outlive_take_overs_of_the_relay() {
    let Some(_turn) = alone() else { return };
    if !needs::tools(&["ffmpeg", "python3"]) {
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/relay-takeovers");
    let output =
        Command::new(script).env("BATON", env!("CARGO_BIN_EXE_baton")).env("TAKEOVERS", "2").stdin(Stdio::null()).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    println!("{document:#}");
    let (video, file) = (&document["video"], &document["file"]);
    // The modem that goes on is the one that was lost, to the others: nothing of another stream, and the connection is the same one.
    assert!(video["alien"] == 0 && video["datagrams"].as_u64() > Some(100), "{document:#}");
    assert!(file["whole"] == true && file["bytes"].as_u64() > Some(100_000), "{document:#}");
}

fn video(lab: &Lab) {
    let mut recorder =
        lab.start_inside("server4", &[env!("CARGO_BIN_EXE_baton"), "recorder", "--listen", "192.168.40.10:5004", "--json"]);
    let mut said = BufReader::new(recorder.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().starts_with("recorder ready")));
    let clip = "-nostdin -loglevel error -re -f lavfi -i testsrc2=size=320x240:rate=25 -c:v mpeg2video -b:v 300k -f mpegts -muxrate 500k \
                udp://192.168.40.10:5004?pkt_size=1316&bitrate=500000&burst_bits=10528";
    let command: Vec<&str> = ["ffmpeg"].into_iter().chain(clip.split_whitespace()).collect();
    let mut sender = lab.start_inside("server3", &command);
    // A program that is read from a cold disk takes its time to begin.
    assert!(said.any(|line| line.unwrap().starts_with("recorder receives")));
    // A second of video before and after.
    std::thread::sleep(Duration::from_secs(2));
    let record = lab.done(&["M", "--method", "classic"]);
    assert!(names(&record).contains(&"set_route"), "{record:#}");
    std::thread::sleep(Duration::from_secs(2));
    for child in [&mut sender, &mut recorder] {
        kill(pid(child), Signal::SIGTERM).unwrap();
    }
    let mut report = String::new();
    recorder.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    let figures: Value = serde_json::from_str(&report).unwrap();
    println!("{figures:#}");
    let (longest, seconds) = (figures["longest"]["ms"].as_f64().unwrap(), figures["seconds"].as_f64().unwrap());
    assert!(seconds > 3.0 && figures["alien"] == 0, "{figures:#}");
    // The interruption that the probe felt and the one of the video are the same one.
    let felt = record["interruption"]["by_phases_ms"].as_f64().unwrap();
    assert!(longest > 0.5 * felt && longest < seconds * 1e3 - 1e3, "{longest} ms against {felt} ms: {figures:#}");
    let (sent, recorded) = (sender.wait().unwrap(), recorder.wait().unwrap());
    assert!(recorded.success(), "{recorded} after {sent}");
}
