//! What is to be planned for: servers and radios, checked as a whole.

use std::collections::BTreeMap;

use config::{HostName, RadioName};
use serde::Serialize;

use crate::check;
use crate::model::{Radio, Server};
use crate::refusal::Refusal;

/// Servers and radios that fit together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pool {
    servers: BTreeMap<HostName, Server>,
    radios: BTreeMap<RadioName, Radio>,
}

impl Pool {
    /// Checks servers and radios. Keep-apart pairs hold in both directions, whichever radio names them.
    ///
    /// # Errors
    /// The first thing that cannot be planned with: [`Refusal`] says which.
    pub fn new(servers: Vec<Server>, radios: Vec<Radio>) -> Result<Self, Refusal> {
        let mut pool = Self { servers: BTreeMap::new(), radios: BTreeMap::new() };
        for server in servers {
            if let Some(twice) = pool.servers.insert(server.name.clone(), server) {
                return Err(Refusal::ServerTwice(twice.name));
            }
        }
        for radio in radios {
            if let Some(twice) = pool.radios.insert(radio.name.clone(), radio) {
                return Err(Refusal::RadioTwice(twice.name));
            }
        }
        check::whole(&pool.servers, &pool.radios)?;
        let pairs: Vec<_> =
            pool.radios.values().flat_map(|radio| radio.apart.iter().map(|other| (other.clone(), radio.name.clone()))).collect();
        for (radio, other) in pairs {
            if let Some(radio) = pool.radios.get_mut(&radio) {
                radio.apart.insert(other);
            }
        }
        Ok(pool)
    }

    /// The servers by name.
    pub fn servers(&self) -> &BTreeMap<HostName, Server> {
        &self.servers
    }

    /// The radios by name.
    pub fn radios(&self) -> &BTreeMap<RadioName, Radio> {
        &self.radios
    }

    /// Servers and radios, to be changed and checked again.
    pub fn into_parts(self) -> (Vec<Server>, Vec<Radio>) {
        (self.servers.into_values().collect(), self.radios.into_values().collect())
    }

    /// The same pool in another state.
    pub(crate) fn altered(&self, alter_server: impl Fn(&mut Server), alter_radio: impl Fn(&mut Radio)) -> Self {
        let mut pool = self.clone();
        pool.servers.values_mut().for_each(alter_server);
        pool.radios.values_mut().for_each(alter_radio);
        pool
    }
}
