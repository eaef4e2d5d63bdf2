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
mod totals;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::Instant;

use nix::sys::signal::Signal;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::common::lab::{Lab, alone, text};
use crate::common::watch::Watch;
use episode::{Attack, POOL};
use totals::{COLUMNS, Totals, ledger};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// What a lab went through.
#[derive(Default)]
struct Piece {
    seed: u64,
    totals: Totals,
    /// How often the radio's address was taken.
    taken: usize,
    longest_overlap_ms: f64,
    wrong: Vec<String>,
}

#[test]
#[ignore = "minutes to an hour: make soak"]
fn moves_and_take_overs_under_random_faults_never_make_two_owners_and_always_end_with_service() {
    let Some(_turn) = alone() else { return };
    let (seed, episodes, labs) = (number("SEED", 1), number("EPISODES", 6), number("LABS", 1).max(1));
    let began = Instant::now();
    let pieces: Vec<Piece> = std::thread::scope(|scope| {
        let shares = (0..labs).map(|lab| (seed + lab, episodes / labs + u64::from(lab < episodes % labs)));
        let labs: Vec<_> = shares.map(|(seed, share)| scope.spawn(move || piece(seed, share))).collect();
        labs.into_iter().map(|lab| lab.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let (mut totals, mut wrong, mut taken) = (Totals::default(), Vec::new(), 0);
    for piece in pieces {
        note(&piece);
        totals.join(piece.totals);
        taken += piece.taken;
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

/// So many episodes in a lab of their own.
fn piece(seed: u64, episodes: u64) -> Piece {
    // Of the narrowest air, so that several labs have room on a machine. Every second lab has the standby by itself, the others at the operator's word.
    let standby: &[&str] = if seed.is_multiple_of(2) { &["--standby"] } else { &[] };
    let options = [&["--bw", "1.4", "--probe-interval", "20ms"], standby].concat();
    let lab = Lab::start(&format!("soak{seed}"), &options);
    let watch = Watch::over(&lab, POOL, "192.168.10.1/24");
    let mut attack = Attack::begin(&lab, StdRng::seed_from_u64(seed));
    let broken = catch_unwind(AssertUnwindSafe(|| (0..episodes).for_each(|_| attack.episode()))).err();
    let Attack { totals, mut wrong, transmitters, .. } = attack;
    wrong.extend(broken.map(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".into())));
    let (taken, two_owners) = watch.verdict();
    let (turns, _) = transmitters.verdict();
    let longest_overlap_ms = transmitters.longest_overlap_ms();
    wrong.extend(two_owners.into_iter().chain((turns == 0).then(|| "nobody was seen to transmit".into())));
    drop((watch, transmitters));
    if lab.end(Signal::SIGTERM) != Some(0) {
        wrong.push("the lab did not end in order".into());
    }
    Piece { seed, totals, taken, longest_overlap_ms, wrong }
}

/// Adds a piece to the ledger.
fn note(piece: &Piece) {
    let git = |words: &[&str]| text(&Command::new("git").args(words).output().unwrap().stdout).trim().to_owned();
    let of = |column: &&str| piece.totals.of(column).to_string();
    let mut cells =
        vec![chrono::Utc::now().format("%Y-%m-%d").to_string(), git(&["rev-parse", "--short", "HEAD"]), piece.seed.to_string()];
    cells.extend(COLUMNS.iter().map(of));
    cells.extend([format!("{:.1}", piece.longest_overlap_ms), piece.wrong.len().to_string()]);
    let mut file = OpenOptions::new().create(true).append(true).open(ledger()).unwrap();
    file.write_all(format!("{}\n", cells.join("\t")).as_bytes()).unwrap();
}

/// What docs/standby.md says of the soak is what the ledger has.
#[test]
fn the_page_has_the_totals_of_the_ledger() {
    let table = fs::read_to_string(ledger()).unwrap();
    let mut lines = table.lines();
    let columns: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let column = |name: &str| columns.iter().position(|column| *column == name).unwrap();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split('\t').collect()).collect();
    let sum = |name: &str| rows.iter().map(|row| row[column(name)].parse::<u64>().unwrap()).sum::<u64>();
    let longest = rows.iter().map(|row| row[column("longest_overlap_ms")].parse::<f64>().unwrap()).fold(0.0, f64::max);
    let sentence = format!(
        "{} faults in {} episodes, {} moves and {} take-overs; {} times nobody served afterwards; two transmitters overlapped by {longest:.1} ms at most",
        sum("faults"),
        sum("episodes"),
        sum("moves"),
        sum("take-overs"),
        sum("repairs"),
    );
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/standby.md")).unwrap();
    assert!(page.split_whitespace().collect::<Vec<_>>().join(" ").contains(&sentence), "docs/standby.md does not say: {sentence}");
}
