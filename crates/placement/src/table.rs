//! The pool as numbers: servers and radios by the order of their names, cores and each interface as one resource.

use std::collections::{BTreeMap, BTreeSet};

use config::{HostName, InterfaceName, RadioName};

use crate::amount::Amount;
use crate::model::{Preferred, Radio, Server};
use crate::pool::Pool;

/// Index of a server.
pub(crate) type ServerId = usize;
/// Index of a radio.
pub(crate) type RadioId = usize;
/// Index of a resource; [`CORES`] or that of an interface.
pub(crate) type ResourceId = usize;

/// The resource that every server has.
pub(crate) const CORES: ResourceId = 0;

/// A server, which does not change while a plan is made.
#[derive(Debug)]
pub(crate) struct ServerRow {
    pub name: HostName,
    /// Thousandths of each resource.
    pub capacity: Vec<u64>,
    /// What others than radios use, thousandths of each resource.
    pub others: Vec<u64>,
}

/// A radio, which does not change while a plan is made.
#[derive(Debug)]
pub(crate) struct RadioRow {
    pub name: RadioName,
    /// Thousandths of each resource that it needs.
    pub need: Vec<(ResourceId, u64)>,
    /// Thousandths of each resource that it uses.
    pub load: Vec<(ResourceId, u64)>,
    /// Servers that may serve it, in order.
    pub may: Vec<ServerId>,
    /// Sum of the weights that each server meets.
    pub preference: Vec<u64>,
    /// Radios to be kept apart.
    pub apart: Vec<RadioId>,
    pub priority: u8,
    pub wants_standby: bool,
    pub moves_left: Option<u32>,
}

impl RadioRow {
    /// How much it needs, for the order in which radios are placed: cores, then all rates.
    pub fn size(&self) -> (u64, u64) {
        let cores = self.need.iter().filter(|(resource, _)| *resource == CORES).map(|(_, need)| need).sum();
        (cores, self.need.iter().map(|(_, need)| need).sum())
    }

    pub fn needs(&self, wanted: ResourceId) -> bool {
        self.need.iter().any(|(resource, need)| *resource == wanted && *need > 0)
    }
}

/// What a plan is made of and does not change.
#[derive(Debug)]
pub(crate) struct Table {
    pub servers: Vec<ServerRow>,
    pub radios: Vec<RadioRow>,
    pub interfaces: Vec<InterfaceName>,
}

impl Table {
    pub fn of(pool: &Pool) -> Self {
        let links = pool.servers().values().flat_map(|server| server.capacity.links.keys());
        let needs = pool.radios().values().flat_map(|radio| radio.need.links.keys());
        let interfaces: Vec<InterfaceName> = links.chain(needs).collect::<BTreeSet<_>>().into_iter().cloned().collect();
        let servers: Vec<&Server> = pool.servers().values().collect();
        let names: BTreeMap<&RadioName, RadioId> = pool.radios().keys().zip(0..).collect();
        let radios: Vec<RadioRow> = pool.radios().values().map(|radio| row(radio, &servers, &names, &interfaces)).collect();
        let mut rows: Vec<ServerRow> = servers
            .iter()
            .map(|server| ServerRow {
                name: server.name.clone(),
                capacity: dense(&server.capacity, &interfaces),
                others: server
                    .measured
                    .as_ref()
                    .map_or_else(|| vec![0; interfaces.len() + 1], |measured| dense(measured, &interfaces)),
            })
            .collect();
        for (row, server) in rows.iter_mut().zip(&servers) {
            let here = pool.radios().values().zip(&radios);
            for (_, radio) in here.filter(|(radio, _)| radio.served_by.iter().chain(&radio.standby_at).any(|at| *at == server.name))
            {
                for (resource, load) in &radio.load {
                    row.others[*resource] = row.others[*resource].saturating_sub(*load);
                }
            }
        }
        Self { servers: rows, radios, interfaces }
    }

    /// The server of a name that the pool has.
    pub fn server(&self, name: &HostName) -> Option<ServerId> {
        self.servers.binary_search_by(|row| row.name.cmp(name)).ok()
    }

    /// The radio of a name that the pool has.
    pub fn radio(&self, name: &RadioName) -> Option<RadioId> {
        self.radios.binary_search_by(|row| row.name.cmp(name)).ok()
    }
}

fn dense(amount: &Amount, interfaces: &[InterfaceName]) -> Vec<u64> {
    let rate = |interface| amount.links.get(interface).map_or(0, |rate| rate.thousandths());
    std::iter::once(amount.cores.thousandths()).chain(interfaces.iter().map(rate)).collect()
}

fn sparse(amount: &Amount, interfaces: &[InterfaceName]) -> Vec<(ResourceId, u64)> {
    let dense = dense(amount, interfaces);
    dense.into_iter().enumerate().filter(|(_, amount)| *amount > 0).collect()
}

fn row(radio: &Radio, servers: &[&Server], names: &BTreeMap<&RadioName, RadioId>, interfaces: &[InterfaceName]) -> RadioRow {
    let has_links = |server: &Server| radio.need.links.keys().all(|interface| server.capacity.links.contains_key(interface));
    let may = servers.iter().enumerate().filter(|(_, server)| radio.may_be_at(&server.name) && has_links(server));
    let preference = |server: &&Server| {
        let met = radio.prefer.iter().filter(|preference| match &preference.preferred {
            Preferred::Server(name) => *name == server.name,
            Preferred::Label(label) => server.labels.contains(label),
        });
        met.map(|preference| u64::from(preference.weight)).sum()
    };
    RadioRow {
        name: radio.name.clone(),
        need: sparse(&radio.need, interfaces),
        load: sparse(radio.measured.as_ref().unwrap_or(&radio.need), interfaces),
        may: may.map(|(id, _)| id).collect(),
        preference: servers.iter().map(preference).collect(),
        apart: radio.apart.iter().filter_map(|other| names.get(other).copied()).collect(),
        priority: radio.priority,
        wants_standby: radio.wants_standby,
        moves_left: radio.moves_left,
    }
}
