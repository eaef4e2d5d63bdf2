//! A plan in the pool's names, and what is true after it.

use std::collections::BTreeSet;

use config::HostName;

use crate::amount::{Amount, Cores, Rate};
use crate::goal::Policy;
use crate::headroom;
use crate::model::{Radio, Server};
use crate::plan::{Change, Plan, Wave};
use crate::pool::Pool;
use crate::search::Search;
use crate::state::{Role, State};
use crate::table::{CORES, RadioId, ServerId, Table};
use crate::wave::Step;

/// The plan of these waves, which lead to a state.
pub(crate) fn plan(
    pool: &Pool,
    table: &Table,
    state: &State,
    moves_left: &[Option<u32>],
    policy: &Policy,
    waves: &[Vec<(RadioId, Step)>],
) -> Plan {
    let search = Search::new(table, state, policy, moves_left.to_vec());
    let empty = (0..table.servers.len()).filter(|server| !state.lost[*server] && state.at(*server).is_empty());
    Plan {
        waves: waves.iter().map(|wave| Wave(wave.iter().map(|(radio, step)| change(table, *radio, *step)).collect())).collect(),
        after: after(pool, table, state, moves_left),
        unplaced: Vec::new(),
        left_for_budget: BTreeSet::new(),
        empty: empty.map(|server| name(table, server)).collect(),
        no_headroom: headroom::named(&search),
    }
}

fn name(table: &Table, server: ServerId) -> HostName {
    table.servers[server].name.clone()
}

fn change(table: &Table, radio: RadioId, step: Step) -> Change {
    let radio = table.radios[radio].name.clone();
    let name = |server| name(table, server);
    match step {
        Step::Start { to } => Change::Start { radio, to: name(to) },
        Step::FailOver { from, to, armed } => Change::FailOver { radio, from: name(from), to: name(to), armed },
        Step::Move { from, to, detour } => Change::Move { radio, from: name(from), to: name(to), detour },
        Step::Arm { at } => Change::Arm { radio, at: name(at) },
        Step::Disarm { at } => Change::Disarm { radio, at: name(at) },
    }
}

fn after(pool: &Pool, table: &Table, state: &State, moves_left: &[Option<u32>]) -> Pool {
    let server = |server: &mut Server| {
        if let Some(id) = table.server(&server.name) {
            server.lost = state.lost[id];
            server.drained = state.drained[id];
            // What is to be expected, for a plan that goes on from here.
            if server.measured.is_some() {
                server.measured = Some(used(table, state.load(id)));
            }
        }
    };
    let radio = |radio: &mut Radio| {
        if let Some(id) = table.radio(&radio.name) {
            radio.served_by = state.place(id, Role::Service).map(|server| name(table, server));
            radio.standby_at = state.place(id, Role::Standby).map(|server| name(table, server));
            radio.moves_left = moves_left[id];
        }
    };
    pool.altered(server, radio)
}

fn used(table: &Table, load: &[u64]) -> Amount {
    let links = table.interfaces.iter().zip(load.iter().skip(CORES + 1));
    let links = links.filter(|(_, load)| **load > 0).map(|(link, load)| (link.clone(), Rate::of_thousandths(*load)));
    Amount { cores: Cores::of_thousandths(load[CORES]), links: links.collect() }
}
