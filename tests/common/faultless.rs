//! What stock benchmark_rate counts.

use std::time::Duration;

use crate::common::machine::StandStill;

/// A machine that stands still for so long shows as a fault: benchmark_rate waits 100 ms for samples (both it and the radio stopped by SIGSTOP:
/// for 50 and 80 ms no fault in one run each, for 100 ms and more one in each of 6).
const SHOWS: Duration = Duration::from_millis(80);
/// Runs that a standing machine may spoil.
const SPOILT: usize = 5;

/// What it counts as faults, all of which must be 0.
const FAULTS: [&str; 8] = [
    "Num dropped samples",
    "Num overruns",
    "Num sequence errors (Tx)",
    "Num sequence errors (Rx)",
    "Num underruns",
    "Num late",
    "Num timeouts (Tx)",
    "Num timeouts (Rx)",
];

/// The figure on the line that begins with `name`.
pub fn figure(said: &str, name: &str) -> u64 {
    let line = said.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_else(|| panic!("no `{name}` in\n{said}"));
    line.rsplit(' ').next().and_then(|figure| figure.parse().ok()).unwrap_or_else(|| panic!("no figure in `{line}`"))
}

/// What benchmark_rate prints in a run without a fault. A run in which the whole machine stood still says nothing about the radio and is made again; a
/// fault in any other fails the test. It is to have `--priority high`: its first packet is played at once and each of the next has 0.4 ms to arrive,
/// which is too little behind other tests.
pub fn faultless(run: impl Fn() -> String) -> String {
    for _ in 0..SPOILT {
        let stand_still = StandStill::watch();
        let said = run();
        let longest = stand_still.longest();
        let Some(fault) = FAULTS.iter().find(|fault| figure(&said, fault) != 0) else { return said };
        assert!(longest >= SHOWS, "{fault}, and the machine stood still for {longest:?} at most:\n{said}");
        eprintln!("{fault}: the machine stood still for {longest:?}, once more");
    }
    panic!("the machine stood still in each of {SPOILT} runs");
}
