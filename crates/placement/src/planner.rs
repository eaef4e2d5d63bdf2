//! From a goal to a plan.

use std::collections::BTreeSet;

use config::Strategy;

use crate::goal::{Goal, Policy};
use crate::plan::{Lacks, Plan, Reason, Unplaced};
use crate::pool::Pool;
use crate::reach::reach;
use crate::refusal::Refusal;
use crate::search::Search;
use crate::state::{Role, State};
use crate::table::{RadioId, ServerId, Table};
use crate::wave::Step;
use crate::{assign, consolidate, door, explain, rebalance, report};

/// How often rebalance and consolidate go on from where they have come; a round without a change ends them.
const ROUNDS: usize = 8;

/// Plans how a goal is reached: few changes first, within the policy's limits. The same input gives the same plan.
///
/// # Errors
/// [`Refusal`] for a goal that has no meaning for the pool: unknown names, a start of what is served, a drain of a drained server, a move to a
/// server that must not serve the radio. What is meaningful and cannot be done is in [`Plan::unplaced`].
pub fn plan(pool: &Pool, goal: &Goal, policy: &Policy) -> Result<Plan, Refusal> {
    door::check(pool, goal, policy)?;
    let table = Table::of(pool);
    let mut before = State::of(pool, &table);
    let lost_now = match goal {
        Goal::Lose { server, .. } => table.server(server),
        _ => None,
    };
    forget_standbys(&table, &mut before, lost_now);
    let mut moves_left = table.radios.iter().map(|radio| radio.moves_left).collect();
    let mut waves: Vec<Vec<(RadioId, Step)>> = Vec::new();
    let rounds = if matches!(goal, Goal::Rebalance | Goal::Consolidate) { ROUNDS } else { 1 };
    let mut found = Found::default();
    for _ in 0..rounds {
        let round = round(pool, &table, &before, moves_left, goal, policy);
        (before, moves_left, found) = (round.state, round.moves_left, round.found);
        let changed = !round.waves.is_empty();
        waves.extend(round.waves);
        if !changed {
            break;
        }
    }
    let mut plan = report::plan(pool, &table, &before, &moves_left, policy, &waves);
    plan.unplaced = found.unplaced;
    plan.left_for_budget = found.left_for_budget.into_iter().map(|radio| table.radios[radio].name.clone()).collect();
    Ok(plan)
}

/// Standbys of lost servers are none. Those of the server that is being lost are missed, and placed again.
fn forget_standbys(table: &Table, before: &mut State, lost_now: Option<ServerId>) {
    for radio in 0..table.radios.len() {
        let at = before.place(radio, Role::Standby);
        if at != lost_now && at.is_some_and(|at| before.lost[at]) {
            before.put(table, radio, Role::Standby, None);
        }
    }
}

/// What a goal leaves to be said.
#[derive(Default)]
struct Found {
    unplaced: Vec<Unplaced>,
    left_for_budget: BTreeSet<RadioId>,
}

struct Round {
    waves: Vec<Vec<(RadioId, Step)>>,
    state: State,
    moves_left: Vec<Option<u32>>,
    found: Found,
}

fn round(pool: &Pool, table: &Table, before: &State, moves_left: Vec<Option<u32>>, goal: &Goal, policy: &Policy) -> Round {
    let search = Search::new(table, before, policy, moves_left);
    let (mut search, schedule, mut assigned) = reach(&search, |search| assign(search, goal, policy));
    search.state.clone_from(&schedule.state);
    assigned.left.extend(schedule.stuck().into_iter().map(|(radio, to)| (radio, Some(to))));
    let found = assigned.found(pool, &search);
    Round { waves: schedule.waves, state: schedule.state, moves_left: schedule.moves_left, found }
}

/// What is left once places are found.
#[derive(Default)]
struct Assigned {
    /// Radios without a place, and the only server in question.
    left: Vec<(RadioId, Option<ServerId>)>,
    /// Radios that are to be moved and stay for their budget.
    stay: Vec<RadioId>,
    /// Radios that would be moved if their budget allowed it.
    bound: BTreeSet<RadioId>,
    /// Radios that are to have a standby.
    followed: Vec<RadioId>,
}

fn assign(search: &mut Search, goal: &Goal, policy: &Policy) -> Assigned {
    let mut assigned = Assigned::default();
    let table = search.table;
    let anywhere = |radios: Vec<RadioId>| radios.into_iter().map(|radio| (radio, None)).collect();
    if let Goal::Move { beyond_budget, .. } | Goal::Drain { beyond_budget, .. } | Goal::Lose { beyond_budget, .. } = goal {
        search.beyond_budget = *beyond_budget;
    }
    match goal {
        Goal::Start { radio } => {
            let radios: Vec<RadioId> = table.radio(radio).into_iter().collect();
            assigned.left = anywhere(assign::services(search, &radios));
            assign::go_home(search);
        }
        Goal::Move { moves, .. } => {
            let ordered: Vec<_> = moves.iter().filter_map(|order| table.radio(&order.radio).zip(table.server(&order.to))).collect();
            let (left, stay) = assign::moves(search, &ordered);
            assigned.stay = stay;
            assigned.left =
                ordered.into_iter().filter(|(radio, _)| left.contains(radio)).map(|(radio, to)| (radio, Some(to))).collect();
        }
        Goal::Drain { server, .. } => {
            if let Some(server) = table.server(server) {
                let (left, stay) = assign::drain(search, server);
                (assigned.left, assigned.stay) = (anywhere(left), stay);
            }
        }
        Goal::Undrain { server } => table.server(server).into_iter().for_each(|server| search.state.drained[server] = false),
        Goal::Lose { server, .. } => {
            if let Some(server) = table.server(server) {
                assigned.left = anywhere(assign::fail_over(search, server));
            }
        }
        Goal::Rebalance if policy.strategy != Strategy::Consolidate => {
            assigned.bound = rebalance::rebalance(search, policy.least_gain)
        }
        Goal::Rebalance | Goal::Consolidate => {
            search.strategy = Strategy::Consolidate;
            assigned.bound = consolidate::consolidate(search, policy.keep_headroom);
        }
        Goal::PlaceStandbys => {
            assigned.followed = (0..table.radios.len()).filter(|radio| table.radios[*radio].wants_standby).collect();
        }
    }
    if !matches!(goal, Goal::Rebalance | Goal::Consolidate | Goal::PlaceStandbys) {
        assigned.followed = assign::touched(search);
    }
    assign::standbys(search, assigned.followed.iter().copied());
    assigned
}

impl Assigned {
    /// In names and reasons, as things are after the plan.
    fn found(self, pool: &Pool, search: &Search) -> Found {
        let unplaced = |radio: RadioId, lacks, reason| Unplaced { radio: search.table.radios[radio].name.clone(), lacks, reason };
        let lacks = |radio| if search.state.served(radio).is_some() { Lacks::Move } else { Lacks::Service };
        let mut found: Vec<Unplaced> = Vec::new();
        for &(radio, only) in &self.left {
            found.push(unplaced(radio, lacks(radio), explain::reason(pool, search, radio, Role::Service, only)));
        }
        found.extend(self.stay.iter().map(|radio| unplaced(*radio, Lacks::Move, Reason::BudgetUsed)));
        let followed =
            |radio: &RadioId| search.state.place(*radio, Role::Standby).is_some() || search.state.served(*radio).is_none();
        for &radio in self.followed.iter().filter(|radio| !followed(radio)) {
            found.push(unplaced(radio, Lacks::Standby, explain::reason(pool, search, radio, Role::Standby, None)));
        }
        let left_for_budget = self.bound.into_iter().chain(self.stay).collect();
        Found { unplaced: found, left_for_budget }
    }
}
