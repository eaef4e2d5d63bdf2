//! Orders to a pool, and how each of them ends.

use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value;

use super::{RADIOS, SERVERS};
use crate::common::ends;
use crate::common::lab::{Lab, baton, text};

/// Longer than any deadline of a plan's moves one after the other, and than anything is stopped: an order that takes longer hangs.
const ORDER_WITHIN: Duration = Duration::from_secs(240);
/// `baton` ends with one of these.
const LAST_EXIT_CODE: i32 = 4;
const METHODS: [&str; 4] = ["hot", "seamless", "classic", "cold"];

/// What is ordered; radios and servers by their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolOrder {
    Move { radio: usize, to: usize, method: &'static str },
    Start { radio: usize, on: Option<usize> },
    Stop { radio: usize },
    Drain { server: usize },
    Undrain { server: usize },
    Rebalance,
    Consolidate,
    Failover { server: usize },
}

pub fn any_radio(random: &mut StdRng) -> usize {
    random.random_range(0..RADIOS.len())
}

pub fn any_server(random: &mut StdRng) -> usize {
    random.random_range(0..SERVERS.len())
}

impl PoolOrder {
    pub fn random(random: &mut StdRng) -> Self {
        let radio = any_radio(random);
        match random.random_range(0..20) {
            12 => Self::Stop { radio },
            13 => Self::Start { radio, on: random.random_bool(0.5).then(|| any_server(random)) },
            14 => Self::Drain { server: any_server(random) },
            15 => Self::Undrain { server: any_server(random) },
            16 | 17 => Self::Rebalance,
            18 => Self::Consolidate,
            19 => Self::Failover { server: any_server(random) },
            _ => Self::of(radio, random),
        }
    }

    /// One about this radio alone.
    pub fn of(radio: usize, random: &mut StdRng) -> Self {
        match random.random_range(0..8) {
            0 => Self::Stop { radio },
            1 => Self::Start { radio, on: Some(any_server(random)) },
            _ => Self::Move { radio, to: any_server(random), method: METHODS[random.random_range(0..METHODS.len())] },
        }
    }

    fn words(self) -> Vec<&'static str> {
        match self {
            Self::Move { radio, to, method } => vec!["move", RADIOS[radio], SERVERS[to], "--method", method],
            Self::Start { radio, on } => ["start", RADIOS[radio]].into_iter().chain(on.map(|server| SERVERS[server])).collect(),
            Self::Stop { radio } => vec!["stop", RADIOS[radio]],
            Self::Drain { server } => vec!["drain", SERVERS[server]],
            Self::Undrain { server } => vec!["undrain", SERVERS[server]],
            Self::Rebalance => vec!["rebalance"],
            Self::Consolidate => vec!["consolidate"],
            Self::Failover { server } => vec!["failover", SERVERS[server]],
        }
    }

    /// Gives it after that time, and waits for its end.
    pub fn give(self, lab: &Lab, after: Duration) -> Answer {
        sleep(after);
        let began = Instant::now();
        let mut command = baton(lab.state.path());
        command.args(["--in", &lab.name, "pool"]).args(self.words()).arg("--json");
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        assert!(ends::within(child.id(), ORDER_WITHIN), "{self:?} hangs");
        let output = child.wait_with_output().unwrap();
        Answer {
            order: self,
            began,
            ended: Instant::now(),
            code: output.status.code(),
            report: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            said: text(&output.stderr),
        }
    }
}

/// How an order ended.
#[derive(Debug)]
pub struct Answer {
    pub order: PoolOrder,
    pub began: Instant,
    pub ended: Instant,
    /// `None`: killed.
    code: Option<i32>,
    /// The record, or plan and changes; null where there is only a sentence.
    pub report: Value,
    said: String,
}

impl Answer {
    pub fn is_ok(&self) -> bool {
        self.code == Some(0)
    }

    /// Nothing was begun, and it says so: no record, and no doubt.
    pub fn is_refused(&self) -> bool {
        !self.is_ok() && self.report.is_null() && matches!(self.code, Some(1 | 2))
    }

    /// No agent was asked to change anything.
    pub fn is_rejected(&self) -> bool {
        self.code == Some(2)
    }

    /// The runs that it tells of, each with whether it was carried out.
    pub fn runs(&self) -> Vec<(String, bool)> {
        let run = |of: &Value, ok: bool| of["run"].as_str().map(|run| (run.to_owned(), ok));
        let whole = run(&self.report, self.report["outcome"] == "ok");
        let parts = self.report["done"].as_array().into_iter().flatten().filter_map(|part| run(part, part["ok"] == true));
        whole.into_iter().chain(parts).collect()
    }

    /// In a word, for the ledger.
    pub fn outcome(&self) -> &'static str {
        match self.code {
            Some(0) => "done",
            _ if self.is_refused() => "refused",
            _ => "failed",
        }
    }

    /// What is unseemly about how it ended.
    pub fn complaint(&self) -> Option<String> {
        let complaint = |what: &str| Some(format!("{:?} {what}: {:?} {} {}", self.order, self.code, self.report, self.said));
        if !self.code.is_some_and(|code| (0..=LAST_EXIT_CODE).contains(&code)) || self.said.contains("panicked") {
            return complaint("broke");
        }
        if self.is_ok() {
            return self.report.is_null().then(|| complaint("says nothing")).flatten();
        }
        if self.report.is_null() {
            // `baton: SENTENCE`, and below it the hint; a plan that is refused says both in one sentence.
            let mut lines = self.said.lines().skip_while(|line| !line.starts_with("baton: "));
            let hinted = lines.next().is_some_and(|line| line.contains("; ")) || lines.any(|line| line.starts_with("       "));
            return (!hinted).then(|| complaint("has no sentence with a hint")).flatten();
        }
        let whys = self.report["done"].as_array().into_iter().flatten().filter(|part| part["ok"] != true);
        let silent = whys.map(|part| &part["reason"]).chain(self.report.get("reason")).any(Value::is_null);
        silent.then(|| complaint("does not say why")).flatten()
    }
}

#[cfg(test)]
impl Answer {
    /// One of a test: from when to when, ms after `zero`, and how it ended.
    pub fn of_test(order: PoolOrder, zero: Instant, ms: (u64, u64), code: i32, report: Value) -> Self {
        let at = |ms| zero + Duration::from_millis(ms);
        Self { order, began: at(ms.0), ended: at(ms.1), code: Some(code), report, said: String::new() }
    }
}

#[test]
fn a_sentence_has_a_hint_and_a_report_says_why() {
    let ended = |code, report, said: &str| {
        let order = PoolOrder::Rebalance;
        Answer { said: said.into(), ..Answer::of_test(order, Instant::now(), (0, 1), code, report) }.complaint().is_some()
    };
    let null = Value::Null;
    assert!(!ended(1, null.clone(), "baton: it failed\n       do that"));
    assert!(!ended(2, null.clone(), "baton: server2 is drained; undrain it first"));
    assert!(ended(1, null.clone(), "baton: it failed"));
    assert!(ended(0, null.clone(), ""));
    assert!(ended(101, null, "thread 'main' panicked\nbaton: it failed\n       do that"));
    assert!(!ended(1, serde_json::json!({"done": [{"ok": true}, {"ok": false, "reason": "drained"}]}), ""));
    assert!(ended(1, serde_json::json!({"done": [{"ok": false}]}), ""));
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let reason = [&self.report["reason"], &self.report["failure"]["message"]].into_iter().find_map(Value::as_str).unwrap_or("");
        let parts = self.report["done"].as_array().into_iter().flatten().filter_map(|part| part["reason"].as_str());
        let parts = parts.collect::<Vec<_>>().join(" / ");
        let took = self.ended.duration_since(self.began).as_secs_f64();
        write!(f, "{} -> {} in {took:.1} s {reason}{parts}{}", self.order.words().join(" "), self.outcome(), self.said.trim())
    }
}
