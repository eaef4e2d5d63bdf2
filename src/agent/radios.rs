//! The radios that an agent's host has a part in: each has an agent of its own in this process, which knows no other radio.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::faults::CommandFaults;
use super::host::priority::Priority;
use super::state::{Agent, Ending};
use super::store::Store;
use crate::link::publisher::Publisher;
use config::RadioViews;
use protocol::{ErrorCode, Failure};

/// By the radio's name; never empty.
#[derive(Clone)]
pub(super) struct Radios {
    agents: Arc<BTreeMap<String, Arc<Agent>>>,
    ending: Ending,
}

impl Radios {
    /// Agents with nothing running; must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] for a host that no radio has, and those of each radio's agent.
    pub(super) fn open(
        cluster: &RadioViews,
        host: &str,
        publisher: &Publisher,
        faults: CommandFaults,
        store: Option<&Arc<Store>>,
    ) -> Result<Self, Failure> {
        cluster.whole().host(host)?;
        let (ending, faults, priority) = (Ending::default(), Arc::new(faults), Arc::new(Priority::default()));
        let views = cluster.radios().values().filter(|view| view.host.contains_key(host));
        let agents = views.map(|view| {
            let (publisher, ending, store) = (publisher.clone(), ending.clone(), store.cloned());
            let (faults, priority) = (Arc::clone(&faults), Arc::clone(&priority));
            let agent = Agent::open(Arc::new(view.clone()), host, publisher, faults, priority, store, ending)?;
            // A far end has a radio of its own, and is asked about the one at the other end.
            let asked_for = view.radio_to_tell().unwrap_or_else(|| agent.work.radio_name().to_owned());
            Ok((asked_for, agent))
        });
        let agents = Arc::new(agents.collect::<Result<_, Failure>>()?);
        Ok(Self { agents, ending })
    }

    /// How the process ends.
    pub(super) fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Each radio's agent.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Agent>> {
        self.agents.values()
    }

    /// The agent of the named radio, or of the only one when no radio is named.
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`] with the radios of this host.
    pub(super) fn agent(&self, radio: Option<&str>) -> Result<&Arc<Agent>, Failure> {
        let host = self.agents.values().next().map_or("", |agent| agent.host.name.as_str());
        select(&self.agents, radio, host)
    }
}

fn select<'a, T>(radios: &'a BTreeMap<String, T>, radio: Option<&str>, host: &str) -> Result<&'a T, Failure> {
    let found = match radio {
        Some(name) => radios.get(name),
        None => radios.values().next().filter(|_| radios.len() == 1),
    };
    found.ok_or_else(|| {
        let text = match radio {
            Some(name) => format!("{host} does not serve the radio \"{name}\""),
            None => format!("{host} serves several radios, and the command names none"),
        };
        let names: Vec<&str> = radios.keys().map(String::as_str).collect();
        Failure::new(ErrorCode::BadRequest, text).hint(format!("it serves {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_radio_may_be_left_out_where_there_is_only_one() {
        let mut radios = BTreeMap::from([("n210".to_owned(), 1)]);
        assert_eq!(select(&radios, None, "server1"), Ok(&1));
        assert_eq!(select(&radios, Some("n210"), "server1"), Ok(&1));
        let failure = select(&radios, Some("b210"), "server1").unwrap_err();
        assert_eq!(failure.code, ErrorCode::BadRequest);
        assert_eq!(failure.message, "server1 does not serve the radio \"b210\"");
        assert_eq!(failure.hint.as_deref(), Some("it serves n210"));
        radios.insert("x310".into(), 2);
        assert_eq!(select(&radios, Some("x310"), "server1"), Ok(&2));
        let failure = select(&radios, None, "server1").unwrap_err();
        assert_eq!(failure.message, "server1 serves several radios, and the command names none");
        assert_eq!(failure.hint.as_deref(), Some("it serves n210, x310"));
    }
}
