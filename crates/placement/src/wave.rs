//! One wave while it is put together: what may be under way together.

use crate::goal::Limits;
use crate::state::State;
use crate::table::{CORES, RadioId, ResourceId, ServerId, Table};

/// What is done to a radio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Start { to: ServerId },
    FailOver { from: ServerId, to: ServerId, armed: bool },
    Move { from: ServerId, to: ServerId, detour: bool },
    Arm { at: ServerId },
    Disarm { at: ServerId },
}

/// A wave, and what its changes take: a server that is left has the radio until the wave is over.
pub(crate) struct Draft<'a> {
    table: &'a Table,
    state: &'a State,
    limits: Limits,
    steps: Vec<(RadioId, Step)>,
    arriving: Vec<(RadioId, ServerId)>,
}

impl<'a> Draft<'a> {
    pub fn new(table: &'a Table, state: &'a State, limits: Limits) -> Self {
        Self { table, state, limits, steps: Vec::new(), arriving: Vec::new() }
    }

    pub fn into_steps(self) -> Vec<(RadioId, Step)> {
        self.steps
    }

    /// Takes a step if it is possible together with the others. False: nothing has changed.
    pub fn add(&mut self, radio: RadioId, step: Step) -> bool {
        if !self.within_limits(radio, step) {
            return false;
        }
        if let Some(to) = step.arrives() {
            if !self.has_room(radio, to) {
                return false;
            }
            self.arriving.push((radio, to));
        }
        self.steps.push((radio, step));
        true
    }

    fn has_room(&self, radio: RadioId, to: ServerId) -> bool {
        if self.state.is_at(radio, to) {
            // The standby goes on where it is, on a drained server too.
            return !self.state.lost[to];
        }
        if !self.state.open(to) || !self.state.apart(self.table, radio, to) {
            return false;
        }
        let arriving = || self.arriving.iter().filter(|(_, server)| *server == to).map(|(other, _)| *other);
        if arriving().any(|other| self.table.radios[radio].apart.contains(&other)) {
            return false;
        }
        let also = |resource: ResourceId| -> u64 {
            let radios = arriving().filter(|other| !self.state.is_at(*other, to));
            radios
                .flat_map(|other| &self.table.radios[other].need)
                .filter(|(other, _)| *other == resource)
                .map(|(_, need)| need)
                .sum()
        };
        let (taken, capacity) = (self.state.taken(to), &self.table.servers[to].capacity);
        let needs = &self.table.radios[radio].need;
        self.state.is_at(radio, to)
            || needs.iter().all(|(resource, need)| taken[*resource] + also(*resource) + need <= capacity[*resource])
    }

    fn within_limits(&self, radio: RadioId, step: Step) -> bool {
        let on = |server: ServerId| self.steps.iter().filter(move |(_, other)| other.servers().any(|part| part == server));
        let links: Vec<ResourceId> = links(self.table, radio).collect();
        let fewer = |count: usize, limit: u32| count < limit as usize;
        fewer(self.steps.len(), self.limits.total)
            && step.servers().all(|server| {
                let at_link = |link: ResourceId| on(server).filter(|(other, _)| self.table.radios[*other].needs(link)).count();
                fewer(on(server).count(), self.limits.per_server)
                    && links.iter().all(|link| fewer(at_link(*link), self.limits.per_link))
            })
    }
}

impl Step {
    /// The server where it needs room.
    pub fn arrives(self) -> Option<ServerId> {
        match self {
            Self::Start { to } | Self::FailOver { to, .. } | Self::Move { to, .. } => Some(to),
            Self::Arm { at } => Some(at),
            Self::Disarm { .. } => None,
        }
    }

    /// The servers that have a part in it.
    pub fn servers(self) -> impl Iterator<Item = ServerId> {
        let (first, second) = match self {
            Self::Start { to } | Self::FailOver { to, .. } => (to, None),
            Self::Move { from, to, .. } => (from, Some(to)),
            Self::Arm { at } | Self::Disarm { at } => (at, None),
        };
        std::iter::once(first).chain(second)
    }
}

/// The interfaces at which a radio has traffic.
fn links(table: &Table, radio: RadioId) -> impl Iterator<Item = usize> {
    table.radios[radio].need.iter().map(|(resource, _)| *resource).filter(|resource| *resource != CORES)
}
