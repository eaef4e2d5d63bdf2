//! Who is where, and what of each server is in use; every change can be taken back.

use crate::pool::Pool;
use crate::table::{RadioId, ServerId, Table};

/// What a server is to a radio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Service,
    Standby,
}

/// Who is where.
#[derive(Debug, Clone)]
pub(crate) struct State {
    serves: Vec<Option<ServerId>>,
    follows: Vec<Option<ServerId>>,
    /// Thousandths of each resource of each server that are taken, by what radios need and what others use.
    taken: Vec<Vec<u64>>,
    /// As `taken`, by what radios use.
    load: Vec<Vec<u64>>,
    /// Radios at each server, in either role, in order.
    at: Vec<Vec<RadioId>>,
    /// Servers that take nothing: lost or drained.
    pub lost: Vec<bool>,
    pub drained: Vec<bool>,
    undo: Vec<(RadioId, Role, Option<ServerId>)>,
}

impl State {
    pub fn of(pool: &Pool, table: &Table) -> Self {
        let others = || table.servers.iter().map(|server| server.others.clone()).collect();
        let mut state = Self {
            serves: vec![None; table.radios.len()],
            follows: vec![None; table.radios.len()],
            taken: others(),
            load: others(),
            at: vec![Vec::new(); table.servers.len()],
            lost: pool.servers().values().map(|server| server.lost).collect(),
            drained: pool.servers().values().map(|server| server.drained).collect(),
            undo: Vec::new(),
        };
        for (id, radio) in pool.radios().values().enumerate() {
            let place = |name: &Option<config::HostName>| name.as_ref().and_then(|name| table.server(name));
            state.put(table, id, Role::Service, place(&radio.served_by));
            state.put(table, id, Role::Standby, place(&radio.standby_at));
        }
        state.undo.clear();
        state
    }

    pub fn place(&self, radio: RadioId, role: Role) -> Option<ServerId> {
        match role {
            Role::Service => self.serves[radio],
            Role::Standby => self.follows[radio],
        }
    }

    /// Where it is served, unless that server is lost.
    pub fn served(&self, radio: RadioId) -> Option<ServerId> {
        self.serves[radio].filter(|server| !self.lost[*server])
    }

    pub fn at(&self, server: ServerId) -> &[RadioId] {
        &self.at[server]
    }

    pub fn is_at(&self, radio: RadioId, server: ServerId) -> bool {
        self.serves[radio] == Some(server) || self.follows[radio] == Some(server)
    }

    /// How many radios it serves.
    pub fn services(&self, server: ServerId) -> usize {
        self.at[server].iter().filter(|radio| self.serves[**radio] == Some(server)).count()
    }

    pub fn open(&self, server: ServerId) -> bool {
        !self.lost[server] && !self.drained[server]
    }

    pub fn taken(&self, server: ServerId) -> &[u64] {
        &self.taken[server]
    }

    pub fn load(&self, server: ServerId) -> &[u64] {
        &self.load[server]
    }

    /// Whether the server has room for the radio, or has it already in one of the roles.
    pub fn fits(&self, table: &Table, radio: RadioId, server: ServerId) -> bool {
        let (taken, capacity) = (&self.taken[server], &table.servers[server].capacity);
        self.is_at(radio, server)
            || table.radios[radio].need.iter().all(|(resource, need)| taken[*resource] + need <= capacity[*resource])
    }

    /// Whether none is at the server from which the radio is to be kept apart.
    pub fn apart(&self, table: &Table, radio: RadioId, server: ServerId) -> bool {
        !table.radios[radio].apart.iter().any(|other| self.is_at(*other, server))
    }

    /// Puts a radio at a server in a role, or nowhere. A server that follows becomes the one that serves.
    pub fn put(&mut self, table: &Table, radio: RadioId, role: Role, server: Option<ServerId>) {
        if role == Role::Service && server.is_some() && self.follows[radio] == server {
            self.put(table, radio, Role::Standby, None);
        }
        let old = self.place(radio, role);
        if old != server {
            self.undo.push((radio, role, old));
            self.set(table, radio, role, server);
        }
    }

    /// A point to which [`Self::roll_back`] returns.
    pub fn mark(&self) -> usize {
        self.undo.len()
    }

    pub fn roll_back(&mut self, table: &Table, mark: usize) {
        while self.undo.len() > mark {
            if let Some((radio, role, old)) = self.undo.pop() {
                self.set(table, radio, role, old);
            }
        }
    }

    fn set(&mut self, table: &Table, radio: RadioId, role: Role, server: Option<ServerId>) {
        let row = &table.radios[radio];
        let place = match role {
            Role::Service => &mut self.serves[radio],
            Role::Standby => &mut self.follows[radio],
        };
        let old = std::mem::replace(place, server);
        if let Some(old) = old {
            row.need.iter().for_each(|(resource, need)| self.taken[old][*resource] -= need);
            row.load.iter().for_each(|(resource, load)| self.load[old][*resource] -= load);
            if let Ok(index) = self.at[old].binary_search(&radio) {
                self.at[old].remove(index);
            }
        }
        if let Some(new) = server {
            row.need.iter().for_each(|(resource, need)| self.taken[new][*resource] += need);
            row.load.iter().for_each(|(resource, load)| self.load[new][*resource] += load);
            let index = self.at[new].partition_point(|other| *other < radio);
            self.at[new].insert(index, radio);
        }
    }
}
