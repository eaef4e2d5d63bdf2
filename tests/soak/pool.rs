//! Three servers and three radios under random orders and faults, judged from outside: `make soak-pool SEED=1 EPISODES=20`.

mod faults;
mod judge;
mod meant;
mod orders;
mod outside;
mod plan;
mod siege;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use nix::sys::signal::Signal;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::common::lab::{Lab, alone};
use crate::ledger::{Ledger, Piece, assert_page_says};
use crate::{number, words_of};
use siege::Siege;

pub const SERVERS: [&str; 3] = ["server1", "server2", "server3"];
pub const RADIOS: [&str; 3] = ["radio1", "radio2", "radio3"];

const LEDGER: Ledger = Ledger {
    file: "soak-pool.tsv",
    columns: &["episodes", "orders", "done", "refused", "failed", "faults", "mends", "repairs", "load"],
};

/// As docs/lab.md has it.
fn radio_namespace(radio: usize) -> String {
    format!("n210-{}", 1 + radio)
}

fn radio_address(radio: usize) -> [u8; 4] {
    [192, 168, 10 + radio as u8, 2]
}

#[test]
#[ignore = "minutes to an hour: make soak-pool"]
fn a_pool_under_random_orders_and_faults_has_one_transmitter_a_radio_and_serves_what_it_can() {
    let Some(_turn) = alone() else { return };
    let (seed, episodes) = (number("SEED", 1), number("EPISODES", 6));
    let began = Instant::now();
    let piece = piece(seed, episodes);
    LEDGER.note(&piece);
    let took = began.elapsed().as_secs();
    println!("soak-pool: seed {seed}, {took} s: {}; wrong {}", piece.totals.line(), piece.wrong.len());
    assert!(piece.wrong.is_empty(), "{:#?}", piece.wrong);
}

/// So many episodes in a lab of their own.
fn piece(seed: u64, episodes: u64) -> Piece {
    let lab = Lab::start(&format!("soak-pool{seed}"), &["--servers", "3", "--radios", "3", "--bw", "1.4"]);
    let mut siege = Siege::begin(&lab, StdRng::seed_from_u64(seed));
    let broken = catch_unwind(AssertUnwindSafe(|| (0..episodes).for_each(|_| siege.episode()))).err();
    siege.judge_records();
    let Siege { mut totals, mut wrong, transmitters, .. } = siege;
    wrong.extend(broken.map(words_of));
    wrong.extend(transmitters.iter().any(|radio| radio.verdict().0 == 0).then(|| "nobody was seen to transmit".into()));
    let longest_overlap_ms = transmitters.iter().map(|radio| radio.longest_overlap_ms()).fold(0.0, f64::max);
    drop(transmitters);
    totals.add("load", load());
    if lab.end(Signal::SIGTERM) != Some(0) {
        wrong.push("the lab did not end in order".into());
    }
    Piece { seed, totals, longest_overlap_ms, wrong }
}

/// Of the machine at the end, a minute's mean: whoever reads the ledger sees whether something ran beside.
fn load() -> u64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap();
    text.split(' ').next().and_then(|load| load.parse::<f64>().ok()).map_or(0, |load| load.round() as u64)
}

/// What docs/pool.md says of the soak is what the ledger has.
#[test]
fn the_page_of_the_pool_has_the_totals_of_its_ledger() {
    let sentence = format!(
        "{} orders and {} faults in {} episodes; {} times a radio needed the command that the status names; two transmitters overlapped by {:.1} ms at most; {} complaints",
        LEDGER.sum("orders"),
        LEDGER.sum("faults"),
        LEDGER.sum("episodes"),
        LEDGER.sum("mends"),
        LEDGER.longest_overlap_ms(),
        LEDGER.sum("wrong"),
    );
    assert_page_says("pool.md", &sentence);
}
