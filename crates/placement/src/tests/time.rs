//! How long planning takes, and how that grows.

use std::time::Instant;

use super::support::{Kind, drain, lose, random_pool};
use crate::{Goal, Policy, plan};

#[test]
#[ignore = "a figure for docs/placement.md; run it with --release"]
fn time_to_plan() {
    println!("ms, median and greatest of 10 pools, each planned 3 times (least time)");
    println!("{:>12} {:>8} {:>7} {:>5} {:>8} {:>8}", "goal", "servers", "radios", "full", "median", "greatest");
    for (name, goal) in
        [("drain", drain("s001")), ("lose", lose("s001")), ("rebalance", Goal::Rebalance), ("consolidate", Goal::Consolidate)]
    {
        for (full, servers) in [50, 90].into_iter().flat_map(|full| [8, 16, 32, 64, 128].map(|servers| (full, servers))) {
            let kind = Kind { servers, radios: 4 * servers, full, rich: true };
            let mut times: Vec<f64> = (0..10).filter_map(|seed| time(seed, kind, &goal)).collect();
            times.sort_by(f64::total_cmp);
            let (median, greatest) = (times[times.len() / 2], times[times.len() - 1]);
            println!("{name:>12} {servers:>8} {:>7} {full:>4}% {median:>8.2} {greatest:>8.2}", kind.radios);
        }
    }
}

/// The least of three times, ms; absent where the goal is refused.
fn time(seed: u64, kind: Kind, goal: &Goal) -> Option<f64> {
    let pool = random_pool(seed, kind);
    let once = || {
        let begin = Instant::now();
        plan(&pool, goal, &Policy::default()).ok().map(|_| begin.elapsed().as_secs_f64() * 1e3)
    };
    (0..3).filter_map(|_| once()).min_by(f64::total_cmp)
}
