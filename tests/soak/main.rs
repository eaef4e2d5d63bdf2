//! Migrations to and fro under random faults, with the invariants watched from outside: `make soak SEED=1 MIGRATIONS=200`.
//!
//! Needs root.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; clippy knows that of #[test] functions only"
)]

#[path = "../common"]
mod common {
    pub mod ends;
    pub mod lab;
    pub mod machine;
    pub mod needs;
    pub mod transmitters;
    pub mod watch;
}

mod faults;

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::ends;
use crate::common::lab::{Lab, alone, baton, text};
use crate::common::transmitters::Transmitters;
use crate::common::watch::Watch;
use faults::{Ends, Fault, status};
use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

/// Longer than any deadline of a flow: an order that takes longer hangs.
const ORDER_WITHIN: Duration = Duration::from_secs(150);
/// From the end of an order until pings flow, or it is certain that they do not.
const SERVES_WITHIN: Duration = Duration::from_secs(12);
/// A repair starts both processes with full initialisation.
const REPAIRED_WITHIN: Duration = Duration::from_secs(60);
const POOL: [&str; 2] = ["server1", "server2"];
const METHODS: [&str; 4] = ["classic", "cold", "hot", "seamless"];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Totals, in the order of their names.
#[derive(Default)]
struct Totals(BTreeMap<String, u64>);

impl Totals {
    fn count(&mut self, what: &str) {
        *self.0.entry(what.to_owned()).or_default() += 1;
    }

    fn line(&self) -> String {
        self.0.iter().map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>().join(", ")
    }
}

fn order(lab: &Lab, words: &[&str]) -> Child {
    let mut command = baton(lab.state.path());
    command.args(["--in", &lab.name, "do"]).args(words).arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The record, or null with what was said instead.
fn answer(child: Child) -> (Value, String) {
    assert!(ends::within(child.id(), ORDER_WITHIN), "an order hangs");
    let output = child.wait_with_output().unwrap();
    (serde_json::from_slice(&output.stdout).unwrap_or_default(), text(&output.stderr))
}

fn received(lab: &Lab) -> Option<u64> {
    status(lab)["hosts"]["server3"]["status"]["probe"]["received"].as_u64()
}

/// Whether pings come back.
fn serves(lab: &Lab, within: Duration) -> bool {
    let since = Instant::now();
    let mut first = None;
    while since.elapsed() < within {
        if let Some(now) = received(lab)
            && now >= *first.get_or_insert(now) + 5
        {
            return true;
        }
        sleep(Duration::from_millis(100));
    }
    false
}

/// Which of the pool has the work.
fn holder(lab: &Lab) -> Option<&'static str> {
    let report = status(lab);
    let has = |host: &&&str| report["hosts"][*host]["status"]["usrp"]["state"] == "running";
    let mut holders = POOL.iter().filter(has);
    let first = holders.next().copied();
    assert!(holders.next().is_none(), "two USRP processes are linked: {report:#}");
    first
}

/// As an operator would: stop what is left, start anew.
fn repair(lab: &Lab) -> &'static str {
    let since = Instant::now();
    loop {
        for words in [["KL"], ["KR"], ["DS"]] {
            answer(order(lab, &words));
        }
        if serves(lab, SERVES_WITHIN) {
            return "server1";
        }
        assert!(since.elapsed() < REPAIRED_WITHIN, "KL, KR and DS do not bring the service back: {:#}", status(lab));
    }
}

/// Processes of the workload in the lab, once all is settled: a pair at the far end, a pair in the pool.
fn leftovers(lab: &Lab) -> Option<String> {
    let since = Instant::now();
    loop {
        let listed = |role: &str| text(&lab.exec("console", &["pgrep", "-fc", &format!("baton {role}$")]).stdout).trim().to_owned();
        let counts = [listed("d2d"), listed("usrp")];
        if counts == ["2", "2"] {
            return None;
        }
        if since.elapsed() > SERVES_WITHIN {
            return Some(format!("{} D2D and {} USRP processes instead of two each", counts[0], counts[1]));
        }
        sleep(Duration::from_millis(200));
    }
}

/// One migration under one fault; the host that has the work afterwards.
fn migrate(lab: &Lab, from: &'static str, fault: Fault, random: &mut StdRng, totals: &mut Totals) -> &'static str {
    let (word, to) = if from == "server1" { ("M", "server2") } else { ("MB", "server1") };
    let method = METHODS[random.random_range(0..METHODS.len())];
    let (after, lasting) = (random.random_range(0..350), random.random_range(500..3000));
    let mut orderer = order(lab, &[word, "--method", method]);
    sleep(Duration::from_millis(after));
    fault.strike(lab, Ends { from, to }, &mut orderer, Duration::from_millis(lasting));
    let (record, said) = answer(orderer);
    let outcome = record["outcome"].as_str().unwrap_or("refused or not heard").to_owned();
    totals.count(&outcome);
    println!("{word} {method}, {fault:?} after {after} ms: {outcome} {}{}", record["reason"].as_str().unwrap_or(""), said.trim());
    if serves(lab, SERVES_WITHIN) {
        return holder(lab).unwrap_or_else(|| panic!("pings flow, and nobody has the work: {:#}", status(lab)));
    }
    // "Nobody serves" is allowed only with a sentence that says so and what to do.
    assert!(outcome != "ok" || fault != Fault::None, "a migration without a fault left nobody serving: {record:#}");
    totals.count("repairs");
    println!("  nobody serves; repaired by KL, KR, DS");
    repair(lab)
}

#[test]
#[ignore = "minutes to an hour: make soak"]
fn migrations_under_random_faults_never_make_two_owners_and_always_end_with_service() {
    let Some(_turn) = alone() else { return };
    let (seed, migrations, labs) = (number("SEED", 1), number("MIGRATIONS", 6), number("LABS", 1).max(1));
    let began = Instant::now();
    let done = std::thread::scope(|scope| {
        let shares = (0..labs).map(|lab| (seed + lab, migrations / labs + u64::from(lab < migrations % labs)));
        let labs: Vec<_> = shares.map(|(seed, share)| scope.spawn(move || soak(seed, share))).collect();
        labs.into_iter().map(|lab| lab.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect::<Vec<_>>()
    });
    let mut totals = Totals::default();
    let (mut changes, mut overlaps) = (0, Vec::new());
    for (part, taken, seen) in done {
        part.0.into_iter().for_each(|(what, count)| *totals.0.entry(what).or_default() += count);
        changes += taken;
        overlaps.extend(seen);
    }
    println!(
        "soak: seeds {seed} to {}, {migrations} migrations in {} s: {}; address taken {changes} times, two owners or transmitters {}, leftovers 0",
        seed + labs - 1,
        began.elapsed().as_secs(),
        totals.line(),
        overlaps.len()
    );
    assert!(overlaps.is_empty(), "{overlaps:#?}");
    assert!(changes > 0, "the watch saw nothing");
}

/// So many migrations in a lab of their own: totals, how often the address was taken, moments with two owners or transmitters.
fn soak(seed: u64, migrations: u64) -> (Totals, usize, Vec<String>) {
    let mut random = StdRng::seed_from_u64(seed);
    let lab = Lab::start(&format!("soak{seed}"), &[]);
    let watch = Watch::over(&lab, POOL, "192.168.10.1/24");
    let transmitters = Transmitters::at(&lab.root());
    let mut totals = Totals::default();
    answer(order(&lab, &["DS"]));
    assert!(serves(&lab, SERVES_WITHIN));
    let mut at = "server1";
    for _ in 0..migrations {
        let fault = faults::ALL[random.random_range(0..faults::ALL.len())];
        at = migrate(&lab, at, fault, &mut random, &mut totals);
        if let Some(left) = leftovers(&lab) {
            panic!("{left}: {:#}", status(&lab));
        }
    }
    let (changes, mut overlaps) = watch.verdict();
    let (turns, at_once) = transmitters.verdict();
    assert!(turns > 0, "nobody was seen to transmit");
    overlaps.extend(at_once);
    drop(transmitters);
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
    (totals, changes, overlaps)
}
