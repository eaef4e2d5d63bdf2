//! The search for places: directly where there is room, else by making room, with few changes first.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use config::Strategy;

use crate::goal::{Limits, Policy};
use crate::state::{Role, State};
use crate::table::{RadioId, ServerId, Table};

/// How many radios in a row may make room for one another.
const DEPTH: usize = 3;
/// Ways to make room that are tried for one radio, so that a full pool is answered as fast as an empty one.
const VISITS: u32 = 300;
/// Ways to make room that are tried at one step, cheapest first.
const WAYS: usize = 24;
/// Radios of one server that are looked at to make room.
const LOOKED_AT: usize = 12;
/// What it costs that a standby is armed elsewhere.
const STANDBY_COST: u32 = 300;
/// What it costs to move a radio that the plan moves anyway.
const MOVED_COST: u32 = 400;
/// What it costs to move a radio.
const MOVE_COST: u32 = 2000;

/// Radios that leave a server, and what that costs.
struct Way {
    cost: u32,
    server: ServerId,
    leave: Vec<RadioId>,
}

/// A state in which radios are being placed.
#[derive(Debug, Clone)]
pub(crate) struct Search<'a> {
    pub table: &'a Table,
    pub state: State,
    /// Who was where before the plan.
    pub before: &'a State,
    pub strategy: Strategy,
    /// How many changes at once there may be in the waves that lead here.
    pub limits: Limits,
    /// Moves that each radio may still make; absent: any number.
    pub moves_left: Vec<Option<u32>>,
    pub beyond_budget: bool,
    /// Radios that stay where they are.
    pub pinned: Vec<bool>,
    /// Servers that take nothing although they are open.
    pub closed: Vec<bool>,
    /// Places that turned out not to be reached.
    pub banned: BTreeSet<(RadioId, ServerId)>,
    /// How many radios in a row may make room for one another.
    pub depth: usize,
    visits: u32,
}

impl<'a> Search<'a> {
    pub fn new(table: &'a Table, before: &'a State, policy: &Policy, moves_left: Vec<Option<u32>>) -> Self {
        Self {
            table,
            state: before.clone(),
            before,
            strategy: policy.strategy,
            limits: policy.limits,
            moves_left,
            beyond_budget: false,
            pinned: vec![false; table.radios.len()],
            closed: vec![false; table.servers.len()],
            banned: BTreeSet::new(),
            depth: DEPTH,
            visits: 0,
        }
    }

    pub fn put(&mut self, radio: RadioId, role: Role, server: Option<ServerId>) {
        self.state.put(self.table, radio, role, server);
    }

    pub fn roll_back(&mut self, mark: usize) {
        self.state.roll_back(self.table, mark);
    }

    /// Whether the radio has been moved by the plan, so that another place costs no further move.
    pub fn moved(&self, radio: RadioId) -> bool {
        self.before.place(radio, Role::Service) != self.state.place(radio, Role::Service)
    }

    pub fn has_budget(&self, radio: RadioId) -> bool {
        self.beyond_budget || self.moves_left[radio] != Some(0)
    }

    /// Whether the server takes the radio if it has room.
    pub fn usable(&self, radio: RadioId, role: Role, server: ServerId) -> bool {
        let other = match role {
            Role::Service => None,
            Role::Standby => self.state.place(radio, Role::Service),
        };
        self.state.open(server)
            && !self.closed[server]
            && other != Some(server)
            && self.state.place(radio, role) != Some(server)
            && !(role == Role::Service && self.banned.contains(&(radio, server)))
    }

    pub fn takes(&self, radio: RadioId, role: Role, server: ServerId) -> bool {
        self.usable(radio, role, server)
            && self.state.fits(self.table, radio, server)
            && self.state.apart(self.table, radio, server)
    }

    /// Thousandths of the busiest resource of a server that are in use, with a radio more or as it is.
    pub fn busy(&self, server: ServerId, more: Option<RadioId>) -> u64 {
        let (load, capacity) = (self.state.load(server), &self.table.servers[server].capacity);
        let share = |load: u64, capacity: u64| (load * 1000).checked_div(capacity).unwrap_or(0);
        let now = load.iter().zip(capacity).map(|(load, capacity)| share(*load, *capacity)).max().unwrap_or(0);
        let arriving = more.filter(|radio| !self.state.is_at(*radio, server));
        let needs = arriving.map_or(&[][..], |radio| &self.table.radios[radio].load);
        let with = needs.iter().map(|(resource, more)| share(load[*resource] + more, capacity[*resource]));
        with.max().unwrap_or(0).max(now)
    }

    /// Thousandths of the busiest resource of a server that would be in use without a radio that it has.
    pub fn busy_without(&self, server: ServerId, radio: RadioId) -> u64 {
        let capacity = &self.table.servers[server].capacity;
        let mut load = self.state.load(server).to_vec();
        self.table.radios[radio].load.iter().for_each(|(resource, less)| load[*resource] -= less);
        load.iter().zip(capacity).map(|(load, capacity)| (load * 1000).checked_div(*capacity).unwrap_or(0)).max().unwrap_or(0)
    }

    /// Places a radio, if need be by moving others or taking standbys away. False: nothing has changed.
    pub fn place(&mut self, radio: RadioId, role: Role) -> bool {
        self.visits = VISITS;
        let mut stack = Vec::new();
        (0..=self.depth).any(|depth| self.attempt(radio, role, depth, &mut stack))
    }

    /// Puts a radio at a server, if need be by moving others. False: nothing has changed.
    pub fn place_at(&mut self, radio: RadioId, server: ServerId) -> bool {
        if self.takes(radio, Role::Service, server) {
            self.put(radio, Role::Service, Some(server));
            return true;
        }
        self.visits = VISITS;
        let mut ways = Vec::new();
        if self.usable(radio, Role::Service, server) {
            self.ways_at(radio, Role::Service, server, &[radio], &mut ways);
        }
        ways.sort_by(|a, b| (a.cost, &a.leave).cmp(&(b.cost, &b.leave)));
        (1..=self.depth).any(|depth| ways.iter().any(|way| self.make_room(radio, Role::Service, way, depth, &mut vec![radio])))
    }

    fn attempt(&mut self, radio: RadioId, role: Role, depth: usize, stack: &mut Vec<RadioId>) -> bool {
        if let Some(server) = self.best(radio, role) {
            self.put(radio, role, Some(server));
            return true;
        }
        if depth == 0 {
            return false;
        }
        stack.push(radio);
        let found = self.ways(radio, role, depth, stack).into_iter().any(|way| self.make_room(radio, role, &way, depth, stack));
        stack.pop();
        found
    }

    fn make_room(&mut self, radio: RadioId, role: Role, way: &Way, depth: usize, stack: &mut Vec<RadioId>) -> bool {
        if self.visits == 0 {
            return false;
        }
        self.visits -= 1;
        let mark = self.state.mark();
        // It takes its place before the others leave, so that none of them finds room there.
        self.put(radio, role, Some(way.server));
        let done = way.leave.iter().all(|other| {
            if self.state.place(*other, Role::Standby) != Some(way.server) {
                return self.attempt(*other, Role::Service, depth - 1, stack);
            }
            if role == Role::Service {
                // Service goes before standby, which gets another place later.
                self.put(*other, Role::Standby, None);
                return true;
            }
            self.attempt(*other, Role::Standby, depth - 1, stack)
        });
        if !done {
            self.roll_back(mark);
        }
        done
    }

    /// The best server that takes the radio as things are.
    fn best(&self, radio: RadioId, role: Role) -> Option<ServerId> {
        let row = &self.table.radios[radio];
        let taking = row.may.iter().copied().filter(|server| self.takes(radio, role, *server));
        taking.min_by_key(|server| {
            let away = self.before.place(radio, role) != Some(*server);
            let own_standby = role == Role::Service && self.state.place(radio, Role::Standby) == Some(*server);
            (away, Reverse(row.preference[*server]), own_standby, self.by_strategy(radio, *server), *server)
        })
    }

    fn by_strategy(&self, radio: RadioId, server: ServerId) -> (u64, u64) {
        let busy = self.busy(server, Some(radio));
        let radios = self.state.at(server).len() as u64;
        match self.strategy {
            Strategy::Spread => (radios, busy),
            Strategy::Balance => (busy, radios),
            Strategy::Consolidate => (u64::from(radios == 0), u64::MAX - busy),
        }
    }

    /// Whether a radio may leave the server for another one's sake, and at what cost.
    fn leaving_cost(&self, radio: RadioId, role: Role, server: ServerId, stack: &[RadioId]) -> Option<u32> {
        if stack.contains(&radio) {
            return None;
        }
        let priority = u32::from(self.table.radios[radio].priority);
        if self.state.place(radio, Role::Standby) == Some(server) {
            return Some(STANDBY_COST + priority);
        }
        let may_move = role == Role::Service && !self.pinned[radio];
        match (may_move, self.moved(radio)) {
            (false, _) => None,
            (true, true) => Some(MOVED_COST + priority),
            (true, false) => self.has_budget(radio).then_some(MOVE_COST + priority),
        }
    }

    fn ways(&self, radio: RadioId, role: Role, depth: usize, stack: &[RadioId]) -> Vec<Way> {
        let mut ways = Vec::new();
        for &server in &self.table.radios[radio].may {
            if self.usable(radio, role, server) {
                self.ways_at(radio, role, server, stack, &mut ways);
            }
        }
        ways.sort_by(|a, b| (a.cost, a.server, &a.leave).cmp(&(b.cost, b.server, &b.leave)));
        if depth < self.depth {
            ways.truncate(WAYS);
        }
        ways
    }

    /// Sets of up to three radios whose leaving makes room, beside those that must leave.
    fn ways_at(&self, radio: RadioId, role: Role, server: ServerId, stack: &[RadioId], ways: &mut Vec<Way>) {
        let row = &self.table.radios[radio];
        let mut cost = 0;
        let mut leave = Vec::new();
        let mut others = Vec::new();
        for &other in self.state.at(server) {
            let leaving = self.leaving_cost(other, role, server, stack);
            match (row.apart.contains(&other), leaving) {
                (true, None) => return,
                (true, Some(more)) => {
                    cost += more;
                    leave.push(other);
                }
                (false, Some(more)) => others.push((more, other)),
                (false, None) => {}
            }
        }
        let missing = self.missing(radio, server, &leave);
        if missing.is_empty() {
            ways.push(Way { cost, server, leave });
            return;
        }
        others
            .retain(|(_, other)| *other != radio && missing.iter().any(|(resource, _)| self.table.radios[*other].needs(*resource)));
        others.sort_by_key(|(cost, other)| (*cost, Reverse(self.table.radios[*other].size()), *other));
        others.truncate(LOOKED_AT);
        let mut way = Way { cost, server, leave };
        self.choose(&others, &missing, 3, &mut way, ways);
    }

    /// Adds every smallest set of at most `more` of the others that frees what is missing.
    fn choose(&self, others: &[(u32, RadioId)], missing: &[(usize, u64)], more: usize, way: &mut Way, ways: &mut Vec<Way>) {
        for (index, (cost, other)) in others.iter().enumerate() {
            let still = less(missing, &self.table.radios[*other].need);
            way.leave.push(*other);
            way.cost += cost;
            if still.is_empty() {
                ways.push(Way { cost: way.cost, server: way.server, leave: way.leave.clone() });
            } else if more > 1 {
                self.choose(&others[index + 1..], &still, more - 1, way, ways);
            }
            way.leave.pop();
            way.cost -= cost;
        }
    }

    /// What the server lacks of what the radio needs once some have left.
    fn missing(&self, radio: RadioId, server: ServerId, left: &[RadioId]) -> Vec<(usize, u64)> {
        if self.state.is_at(radio, server) {
            return Vec::new();
        }
        let (taken, capacity) = (self.state.taken(server), &self.table.servers[server].capacity);
        let needs = self.table.radios[radio].need.iter();
        let short = needs.map(|(resource, need)| (*resource, (taken[*resource] + need).saturating_sub(capacity[*resource])));
        let short: Vec<_> = short.filter(|(_, short)| *short > 0).collect();
        left.iter().fold(short, |short, other| less(&short, &self.table.radios[*other].need))
    }
}

fn less(missing: &[(usize, u64)], freed: &[(usize, u64)]) -> Vec<(usize, u64)> {
    let of = |resource| freed.iter().find(|(other, _)| *other == resource).map_or(0, |(_, freed)| *freed);
    let still = missing.iter().map(|(resource, missing)| (*resource, missing.saturating_sub(of(*resource))));
    still.filter(|(_, missing)| *missing > 0).collect()
}
