//! How long planning takes, and how that grows.

use std::time::Instant;

use super::support::{Kind, drain, lose, random_pool};
use crate::{Goal, Policy, plan};

#[test]
#[ignore = "a figure for docs/placement.md; run it with --release"]
fn time_to_plan() {
    println!("ms, median and greatest of 20 pools, each planned 3 times (least time)");
    println!(
        "{:>8} {:>7} {:>5} {:>16} {:>16} {:>16} {:>16}",
        "servers", "radios", "full", "drain", "lose", "rebalance", "consolidate"
    );
    for full in [50, 80, 95] {
        for servers in [8, 16, 32, 64, 128] {
            let kind = Kind { servers, radios: 4 * servers, full, rich: true };
            let mut line = format!("{servers:>8} {:>7} {full:>4}%", kind.radios);
            for goal in [drain("s001"), lose("s001"), Goal::Rebalance, Goal::Consolidate] {
                let mut times: Vec<f64> = (0..20).filter_map(|seed| time(seed, kind, &goal)).collect();
                times.sort_by(f64::total_cmp);
                line += &format!(" {:>7.2} {:>8.2}", times[times.len() / 2], times[times.len() - 1]);
            }
            println!("{line}");
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
