//! Plans of drains beside an exhaustive search among all orders of moves.

use std::collections::{HashSet, VecDeque};

use super::support::{Kind, drain, judge, random_pool};
use crate::table::{RadioId, ServerId, Table};
use crate::{Change, Policy, Pool, plan};

/// Fewest moves, one at a time, after which the first server serves nothing; absent: no order of moves leads there.
fn fewest_moves(pool: &Pool) -> Option<usize> {
    let table = Table::of(pool);
    let places = pool.radios().values().map(|radio| radio.served_by.as_ref().and_then(|at| table.server(at)));
    let begin: Vec<Option<ServerId>> = places.collect();
    let mut seen = HashSet::from([begin.clone()]);
    let mut open = VecDeque::from([(begin, 0)]);
    while let Some((now, moves)) = open.pop_front() {
        if !now.contains(&Some(0)) {
            return Some(moves);
        }
        for radio in 0..now.len() {
            for &to in table.radios[radio].may.iter().filter(|to| **to != 0) {
                if now[radio].is_some() && now[radio] != Some(to) && takes(&table, &now, radio, to) {
                    let mut next = now.clone();
                    next[radio] = Some(to);
                    if seen.insert(next.clone()) {
                        open.push_back((next, moves + 1));
                    }
                }
            }
        }
    }
    None
}

fn takes(table: &Table, now: &[Option<ServerId>], radio: RadioId, to: ServerId) -> bool {
    let here = || (0..now.len()).filter(|other| now[*other] == Some(to));
    let taken = |resource| {
        here().flat_map(|other| &table.radios[other].need).filter(|(of, _)| *of == resource).map(|(_, need)| need).sum::<u64>()
    };
    let row = &table.radios[radio];
    here().all(|other| !row.apart.contains(&other))
        && row.need.iter().all(|(resource, need)| taken(*resource) + need <= table.servers[to].capacity[*resource])
}

#[derive(Debug, Default)]
struct Count {
    pools: usize,
    possible: usize,
    missed: usize,
    more_moves: usize,
    moves: [usize; 2],
}

fn compare(seeds: std::ops::Range<u64>) -> Count {
    let mut count = Count::default();
    for seed in seeds {
        let kind = Kind {
            servers: 3 + (seed % 2) as usize,
            radios: 4 + (seed / 2 % 4) as usize,
            full: 50 + 8 * (seed / 8 % 6) as usize,
            rich: false,
        };
        let pool = random_pool(seed, kind);
        let (goal, policy) = (drain("s000"), Policy::default());
        let found = plan(&pool, &goal, &policy).unwrap();
        judge(&pool, &goal, &policy, &found).unwrap();
        count.pools += 1;
        if let Some(fewest) = fewest_moves(&pool) {
            let moves = found.changes().filter(|change| matches!(change, Change::Move { .. })).count();
            count.possible += 1;
            if found.is_whole() {
                count.more_moves += usize::from(moves > fewest);
                count.moves[0] += moves;
                count.moves[1] += fewest;
                assert!(moves >= fewest);
            } else {
                count.missed += 1;
            }
        } else {
            assert!(!found.is_whole(), "seed {seed}: a plan for what is not possible");
        }
    }
    count
}

#[test]
fn few_drains_are_missed() {
    let count = compare(0..400);
    assert!(count.possible > 150, "{count:?}");
    assert!(count.missed * 100 < count.possible, "{count:?}");
    assert!(count.more_moves * 20 < count.possible, "{count:?}");
}

#[test]
#[ignore = "a figure for docs/placement.md"]
fn drains_that_are_missed() {
    let count = compare(0..4_000);
    println!("{count:?}: missed {:.3} % of what is possible", 100.0 * count.missed as f64 / count.possible as f64);
}
