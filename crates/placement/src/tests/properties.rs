//! What is true of every plan.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::Strategy as _;

use super::support::{Dice, Kind, drain, host, judge, lose, named, random_pool};
use crate::{Goal, Lacks, Limits, OrderedMove, Policy, Pool, Strategy, plan};

fn kind() -> impl proptest::strategy::Strategy<Value = Kind> {
    (2..8_usize, 1..24_usize, 30..110_usize, any::<bool>()).prop_map(|(servers, radios, full, rich)| Kind {
        servers,
        radios,
        full,
        rich,
    })
}

fn policy(dice: &mut Dice) -> Policy {
    Policy {
        strategy: [Strategy::Spread, Strategy::Balance, Strategy::Consolidate][dice.below(3)],
        limits: Limits {
            total: 1 + dice.below(5) as u32,
            per_server: 1 + dice.below(3) as u32,
            per_link: 1 + dice.below(3) as u32,
        },
        least_gain: dice.below(200) as u32,
        keep_headroom: dice.one_in(2),
    }
}

fn goal(dice: &mut Dice, pool: &Pool) -> Goal {
    let server = host(&format!("s{:03}", dice.below(pool.servers().len())));
    let mut radio = || named(&format!("r{:03}", dice.below(pool.radios().len())));
    let (first, second) = (radio(), radio());
    let beyond_budget = dice.one_in(3);
    match dice.below(8) {
        0 => Goal::Start { radio: first },
        1 => {
            let mut to = || host(&format!("s{:03}", dice.below(pool.servers().len())));
            let mut moves = vec![OrderedMove { radio: first.clone(), to: to() }];
            if first != second {
                moves.push(OrderedMove { radio: second, to: to() });
            }
            Goal::Move { moves, beyond_budget }
        }
        2 => Goal::Drain { server, beyond_budget },
        3 => Goal::Undrain { server },
        4 => Goal::Rebalance,
        5 => Goal::Consolidate,
        6 => Goal::Lose { server, beyond_budget },
        _ => Goal::PlaceStandbys,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Capacities, limits, what may serve, what is kept apart and budgets hold in every wave, and the waves lead from the state to `after`.
    #[test]
    fn a_plan_is_possible_in_every_wave(seed: u64, kind in kind()) {
        let pool = random_pool(seed, kind);
        let mut dice = Dice(seed ^ 1);
        for _ in 0..8 {
            let (goal, policy) = (goal(&mut dice, &pool), policy(&mut dice));
            let Ok(found) = plan(&pool, &goal, &policy) else { continue };
            prop_assert_eq!(judge(&pool, &goal, &policy, &found), Ok(()), "{:?} {:?}", goal, policy);
            prop_assert_eq!(&plan(&pool, &goal, &policy).unwrap(), &found, "the same input gives the same plan");
            let (servers, radios) = found.after.clone().into_parts();
            prop_assert_eq!(&Pool::new(servers, radios).unwrap(), &found.after);
        }
    }

    /// Rebalance and consolidate leave nothing for themselves to do.
    #[test]
    fn what_is_balanced_stays(seed: u64, kind in kind()) {
        let pool = random_pool(seed, kind);
        let policy = policy(&mut Dice(seed));
        for goal in [Goal::Rebalance, Goal::Consolidate, Goal::PlaceStandbys] {
            let once = plan(&pool, &goal, &policy).unwrap();
            let twice = plan(&once.after, &goal, &policy).unwrap();
            prop_assert!(twice.waves.is_empty(), "{:?} again:\n{}\nafter\n{}", goal, twice, once);
        }
    }

    /// A drain moves what is on the server, and another radio only if without that one of them would stay.
    #[test]
    fn nothing_is_moved_needlessly(seed: u64, kind in kind()) {
        let pool = random_pool(seed, kind);
        let (goal, policy) = (drain("s000"), policy(&mut Dice(seed)));
        let Ok(found) = plan(&pool, &goal, &policy) else { return Ok(()) };
        let moved: BTreeSet<_> = found.changes().map(|change| change.radio().clone()).collect();
        for name in moved {
            let radio = &pool.radios()[&name];
            let here = |at: &Option<config::HostName>| at.as_ref().is_some_and(|at| *at == "s000");
            if here(&radio.served_by) || here(&radio.standby_at) || found.after.radios()[&name].served_by == radio.served_by {
                continue;
            }
            // The way back is closed by what came.
            let (mut servers, mut radios) = found.after.clone().into_parts();
            servers.retain(|server| Some(&server.name) == radio.served_by.as_ref());
            radios.retain(|other| other.served_by == radio.served_by || other.standby_at == radio.served_by);
            let taken: f64 = radios.iter().map(|other| f64::from(other.need.cores)).sum();
            let apart = radios.iter().any(|other| radio.apart.contains(&other.name));
            let rate = radios.len() as f64 * 50.0 + 50.0 > 1000.0;
            let measured = servers[0].measured.is_some();
            let closed = servers[0].drained || servers[0].lost || !radio.may_be_at(&servers[0].name);
            let full = taken + f64::from(radio.need.cores) > f64::from(servers[0].capacity.cores);
            prop_assert!(full || apart || rate || measured || closed, "{} was moved for nothing:\n{}", name, found);
        }
    }

    /// A radio that an empty enough server may serve is served after a loss, those of the highest priority first, and headroom says the same.
    #[test]
    fn headroom_is_what_a_loss_shows(seed: u64, kind in kind()) {
        let pool = random_pool(seed, kind);
        let policy = policy(&mut Dice(seed));
        let said = plan(&pool, &Goal::PlaceStandbys, &policy).unwrap();
        for server in said.after.servers().values().filter(|server| !server.lost) {
            let shown = plan(&said.after, &lose(&server.name), &policy).unwrap();
            let without: BTreeSet<_> =
                shown.unplaced.iter().filter(|left| left.lacks == Lacks::Service).map(|left| left.radio.clone()).collect();
            let lacking = said.no_headroom.iter().find(|lacking| lacking.server == server.name);
            prop_assert_eq!(lacking.map(|lacking| lacking.without.clone()).unwrap_or_default(), without, "loss of {}", server.name);
        }
    }
}
