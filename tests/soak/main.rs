//! Moves and take-overs under random faults, with the invariants watched from outside: `make soak SEED=1 EPISODES=200`.
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

mod episode;
mod faults;
mod hosts;
mod ledger;
mod pool;
mod totals;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use nix::sys::signal::Signal;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::common::lab::{Lab, alone};
use crate::common::watch::Watch;
use episode::{Attack, POOL};
use ledger::{Ledger, Piece, assert_page_says};
use totals::Totals;

const LEDGER: Ledger =
    Ledger { file: "soak.tsv", columns: &["episodes", "faults", "moves", "ok", "rolled_back", "failed", "take-overs", "repairs"] };

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
#[ignore = "minutes to an hour: make soak"]
fn moves_and_take_overs_under_random_faults_never_make_two_owners_and_always_end_with_service() {
    let Some(_turn) = alone() else { return };
    let (seed, episodes, labs) = (number("SEED", 1), number("EPISODES", 6), number("LABS", 1).max(1));
    let began = Instant::now();
    let pieces: Vec<(Piece, usize)> = std::thread::scope(|scope| {
        let shares = (0..labs).map(|lab| (seed + lab, episodes / labs + u64::from(lab < episodes % labs)));
        let labs: Vec<_> = shares.map(|(seed, share)| scope.spawn(move || piece(seed, share))).collect();
        labs.into_iter().map(|lab| lab.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let (mut totals, mut wrong, mut taken) = (Totals::default(), Vec::new(), 0);
    for (piece, times) in pieces {
        LEDGER.note(&piece);
        totals.join(piece.totals);
        taken += times;
        wrong.extend(piece.wrong);
    }
    println!(
        "soak: seeds {seed} to {}, {} s: {}; address taken {taken} times; wrong {}",
        seed + labs - 1,
        began.elapsed().as_secs(),
        totals.line(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(taken > 0, "the watch saw nothing");
}

/// So many episodes in a lab of their own, and how often the radio's address was taken.
fn piece(seed: u64, episodes: u64) -> (Piece, usize) {
    // Of the narrowest air, so that several labs have room on a machine. Every second lab has the standby by itself, the others at the operator's word.
    let standby: &[&str] = if seed.is_multiple_of(2) { &["--standby"] } else { &[] };
    let options = [&["--bw", "1.4", "--probe-interval", "20ms"], standby].concat();
    let lab = Lab::start(&format!("soak{seed}"), &options);
    let watch = Watch::over(&lab, POOL, "192.168.10.1/24");
    let mut attack = Attack::begin(&lab, StdRng::seed_from_u64(seed));
    let broken = catch_unwind(AssertUnwindSafe(|| (0..episodes).for_each(|_| attack.episode()))).err();
    let Attack { totals, mut wrong, transmitters, .. } = attack;
    wrong.extend(broken.map(words_of));
    let (taken, two_owners) = watch.verdict();
    let (turns, _) = transmitters.verdict();
    let longest_overlap_ms = transmitters.longest_overlap_ms();
    wrong.extend(two_owners.into_iter().chain((turns == 0).then(|| "nobody was seen to transmit".into())));
    drop((watch, transmitters));
    if lab.end(Signal::SIGTERM) != Some(0) {
        wrong.push("the lab did not end in order".into());
    }
    (Piece { seed, totals, longest_overlap_ms, wrong }, taken)
}

fn words_of(panic: Box<dyn std::any::Any + Send>) -> String {
    panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".into())
}

/// What docs/standby.md says of the soak is what the ledger has.
#[test]
fn the_page_has_the_totals_of_the_ledger() {
    let sentence = format!(
        "{} faults in {} episodes, {} moves and {} take-overs; {} times nobody served afterwards; two transmitters overlapped by {:.1} ms at most",
        LEDGER.sum("faults"),
        LEDGER.sum("episodes"),
        LEDGER.sum("moves"),
        LEDGER.sum("take-overs"),
        LEDGER.sum("repairs"),
        LEDGER.longest_overlap_ms(),
    );
    assert_page_says("standby.md", &sentence);
}
