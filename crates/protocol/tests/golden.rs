//! The wire of baton 0.1.0, byte for byte.
//!
//! The files of `golden/` come from a lab of 0.1.0 or were written by its code. Every later version must read them and write them again
//! unchanged. Never rewrite them; add new messages as new lines. Measured times are cut to 15 digits: serde_json reads more inexactly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::fmt::Debug;
use std::fmt::Write;

use protocol::{
    Collected, ControlValues, Event, Failure, Frozen, Linked, Overlapped, Plan, Prepared, ProbeMark, ProbeWindow, Reply, Request,
    RunRecord, SoftState, Started, SyncState, Telemetry, TunIp, Unsent,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn survives<T: DeserializeOwned + Serialize + Debug>(json: &str) -> T {
    let value: T = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {json}"));
    assert_eq!(serde_json::to_string(&value).unwrap(), json);
    value
}

fn every_line<T: DeserializeOwned + Serialize + Debug>(text: &str) -> Vec<T> {
    let values: Vec<T> = text.lines().map(survives).collect();
    assert!(!values.is_empty());
    values
}

/// What 0.1.0 wrote, without the one field that is read over and written no more: it compared the wall clocks of two machines (decision 0009).
fn without_wall_clock(frame: &str) -> String {
    let Some((before, rest)) = frame.split_once("\"first_sent_at_ms\":") else { return frame.to_owned() };
    let (_, after) = rest.split_once(',').unwrap();
    format!("{before}{after}")
}

#[test]
fn requests_are_written_as_in_0_1_0() {
    let canonical = include_str!("golden/requests.jsonl");
    for frame in canonical.lines() {
        let request = Request::parse(frame.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), without_wall_clock(frame));
    }
    let plain = include_str!("golden/requests-plain.jsonl");
    assert_eq!(plain.lines().count(), canonical.lines().count());
    for (frame, canonical) in plain.lines().zip(canonical.lines()) {
        let request = Request::parse(frame.as_bytes()).unwrap_or_else(|failure| panic!("{failure}: {frame}"));
        assert_eq!(serde_json::to_string(&request).unwrap(), without_wall_clock(canonical), "{frame}");
    }
}

#[test]
fn what_is_no_request_is_refused_as_in_0_1_0() {
    let frames = include_str!("golden/requests-refused.txt").lines();
    let told = frames.fold(String::new(), |mut told, frame| {
        let failure = Request::parse(frame.as_bytes()).expect_err(frame);
        writeln!(told, "{}", serde_json::to_string(&without_newer_commands(failure)).unwrap()).unwrap();
        told
    });
    assert_eq!(told, REFUSALS);
}

const REFUSALS: &str = include_str!("golden/requests-refused.jsonl");
const KNOWN: &str = "this agent knows ";

/// Leaves out of the hint's list what 0.1.0 did not know, so that a new command needs no change here and a lost one is missed.
fn without_newer_commands(mut failure: Failure) -> Failure {
    if let Some(names) = failure.hint.as_ref().and_then(|hint| hint.strip_prefix(KNOWN)) {
        let (_, golden) = REFUSALS.split_once(KNOWN).unwrap();
        let known: Vec<&str> = golden.split('"').next().unwrap().split(", ").collect();
        let old: Vec<&str> = names.split(", ").filter(|name| known.contains(name)).collect();
        failure.hint = Some(format!("{KNOWN}{}", old.join(", ")));
    }
    failure
}

#[test]
fn replies_are_written_as_in_0_1_0() {
    let replies: Vec<Reply> = every_line(include_str!("golden/replies.jsonl"));
    assert!(replies.iter().all(|reply| reply.ok == reply.error.is_none()));
}

#[test]
fn results_are_written_as_in_0_1_0() {
    for line in include_str!("golden/results.txt").lines() {
        let (command, json) = line.split_once(' ').unwrap();
        match command {
            "start_d2d" | "make_usrp" => drop(survives::<Started>(json)),
            "start_usrp" | "link_usrp" | "take_over" => drop(survives::<Linked>(json)),
            "get_tun_ip" => drop(survives::<TunIp>(json)),
            "get_control" => drop(survives::<ControlValues>(json)),
            "get_collected" => drop(survives::<Collected>(json)),
            "await_sync" => drop(survives::<SyncState>(json)),
            "export" => drop(survives::<SoftState>(json)),
            "prepare" => drop(survives::<Prepared>(json)),
            "overlap" => drop(survives::<Overlapped>(json)),
            "freeze" => drop(survives::<Frozen>(json)),
            "double_kill" => drop(survives::<Unsent>(json)),
            "order" => drop(survives::<RunRecord>(json)),
            "plan" => drop(survives::<Plan>(json)),
            "probe_mark" => drop(survives::<ProbeMark>(json)),
            "probe_window" => drop(survives::<ProbeWindow>(json)),
            _ => panic!("no result of {command} is known"),
        }
    }
}

#[test]
fn telemetry_and_events_are_written_as_in_0_1_0() {
    every_line::<Telemetry>(include_str!("golden/telemetry.jsonl"));
    every_line::<Event>(include_str!("golden/events.jsonl"));
}

#[test]
fn what_an_older_agent_leaves_out_is_filled_in() {
    let json = include_str!("golden/telemetry.jsonl").lines().last().unwrap().replace("\"stage\":\"closing\",", "");
    let telemetry: Telemetry = serde_json::from_str(&json).unwrap();
    assert_eq!(telemetry.migration.unwrap().stage, protocol::OrderStage::Checking);
    let json = include_str!("golden/records.jsonl").lines().next().unwrap().replace("\"by\":\"tester@console\",", "\"new\":[1],");
    let record: RunRecord = serde_json::from_str(&json).unwrap();
    assert_eq!(record.by, None);
}

#[test]
fn records_are_written_as_in_0_1_0() {
    every_line::<RunRecord>(include_str!("golden/records.jsonl"));
}

/// Hosts have one radio each today, and nobody sends its name.
#[test]
fn a_radio_may_be_named() {
    let request = r#"{"v":1,"id":"a","to":"server1","sent_at_ms":0,"nonce":"","radio":"pool","command":"freeze"}"#;
    assert_eq!(serde_json::to_string(&Request::parse(request.as_bytes()).unwrap()).unwrap(), request);
    let named = |json: &str, before: &str| json.replacen(before, &format!("\"radio\":\"pool\",{before}"), 1);
    let telemetry = named(include_str!("golden/telemetry.jsonl").lines().next().unwrap(), "\"seq\":");
    assert_eq!(survives::<Telemetry>(&telemetry).radio.as_deref(), Some("pool"));
    let record = include_str!("golden/records.jsonl").lines().find(|json| json.contains("\"relay\":true")).unwrap();
    assert_eq!(survives::<RunRecord>(&named(record, "\"relay\":true")).radio.as_deref(), Some("pool"));
}
