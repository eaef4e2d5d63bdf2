//! The workload contract of baton 0.1.0, byte for byte.
//!
//! Every later version must read the files of `golden/` and write them again unchanged. Never rewrite them; add new messages as new lines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use serde::Serialize;
use serde::de::DeserializeOwned;
use workload::contract::{AskLine, Line, Mark, Overlapping, Resumed, Status, Stream, TakenOver, Unsent};

fn survives<T: DeserializeOwned + Serialize>(json: &str) {
    let value: T = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {json}"));
    assert_eq!(serde_json::to_string(&value).unwrap(), json);
}

#[test]
fn questions_answers_and_events_are_written_as_in_0_1_0() {
    include_str!("golden/questions.jsonl").lines().for_each(survives::<AskLine>);
    include_str!("golden/lines.jsonl").lines().for_each(survives::<Line>);
    include_str!("golden/statuses.jsonl").lines().for_each(survives::<Status>);
}

#[test]
fn results_are_written_as_in_0_1_0() {
    for line in include_str!("golden/results.txt").lines() {
        match line.split_once(' ').unwrap() {
            ("stream", json) => survives::<Stream>(json),
            ("overlapping", json) => survives::<Overlapping>(json),
            ("mark", json) => survives::<Mark>(json),
            ("resumed", json) => survives::<Resumed>(json),
            ("taken_over", json) => survives::<TakenOver>(json),
            ("unsent", json) => survives::<Unsent>(json),
            (what, _) => panic!("{what} is no result"),
        }
    }
}
