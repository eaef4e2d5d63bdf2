//! What an agent knows and holds.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::control::OrderControl;
use super::exporter::Counted;
use super::faults::CommandFaults;
use super::host::HostHandle;
use super::participation::Participation;
use super::work::Work;
use crate::link::client::Client;
use crate::link::publisher::Publisher;
use crate::metrics::probe::Prober;
use config::Config;
use protocol::{ErrorCode, Failure, HostLoad, ProcessLoad, Progress};

/// One host's agent.
pub(super) struct Agent {
    pub(super) host: Arc<HostHandle>,
    pub(super) client: Client,
    pub(super) publisher: Publisher,
    pub(super) faults: CommandFaults,
    /// For Prometheus.
    pub(super) counted: Counted,
    pub(super) began: Instant,
    /// Telemetry messages published so far.
    pub(super) published: AtomicU64,
    /// Held while an order is carried out here.
    pub(super) order: tokio::sync::Mutex<()>,
    /// The run that this host takes part in.
    pub(super) participation: Participation,
    /// The agent is to end: no order begins any more.
    pub(super) stopping: CancellationToken,
    /// Ends the agent.
    pub(super) stop: CancellationToken,
    /// By the radio's name; never empty.
    works: BTreeMap<String, Arc<Work>>,
    state: Mutex<AgentState>,
}

/// What changes and is small enough for one lock.
#[derive(Default)]
pub(super) struct AgentState {
    pub(super) probe: Option<Prober>,
    pub(super) progress: Option<Progress>,
    /// The order that is under way here, for those who decide on it.
    pub(super) control: Option<OrderControl>,
    pub(super) load: HostLoad,
    /// By process id.
    pub(super) process_loads: HashMap<u32, ProcessLoad>,
}

impl Agent {
    /// An agent with nothing running; must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] for an unknown host or radio, [`ErrorCode::Environment`] without netlink.
    pub(super) fn open(
        config: Arc<Config>,
        host: &str,
        client: Client,
        publisher: Publisher,
        faults: CommandFaults,
    ) -> Result<Arc<Self>, Failure> {
        let host = Arc::new(HostHandle::open(config, host, client.clone(), publisher.clone())?);
        let work = Work::open(Arc::clone(&host))?;
        Ok(Arc::new(Self {
            works: BTreeMap::from([(work.radio_name().to_owned(), work)]),
            client,
            publisher,
            faults,
            counted: Counted::new().map_err(|e| Failure::new(ErrorCode::Internal, format!("the metrics cannot be made: {e}")))?,
            began: Instant::now(),
            published: AtomicU64::new(0),
            order: tokio::sync::Mutex::default(),
            participation: Participation::new(&host.name),
            stopping: CancellationToken::new(),
            stop: CancellationToken::new(),
            state: Mutex::default(),
            host,
        }))
    }

    /// All works of this host.
    pub(super) fn works(&self) -> impl Iterator<Item = &Arc<Work>> {
        self.works.values()
    }

    /// The work of the named radio, or the only one when no radio is named.
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`] with the radios of this host.
    pub(super) fn work(&self, radio: Option<&str>) -> Result<&Arc<Work>, Failure> {
        select(&self.works, radio, &self.host.name)
    }

    /// The radio's name in telemetry and records: absent where there is only one, as in 0.1.0.
    pub(super) fn radio_to_tell(&self, work: &Work) -> Option<String> {
        (self.works.len() > 1).then(|| work.radio_name().to_owned())
    }

    /// The state; never held across an await.
    pub(super) fn state(&self) -> MutexGuard<'_, AgentState> {
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn select<'a, T>(works: &'a BTreeMap<String, T>, radio: Option<&str>, host: &str) -> Result<&'a T, Failure> {
    let found = match radio {
        Some(name) => works.get(name),
        None => works.values().next().filter(|_| works.len() == 1),
    };
    found.ok_or_else(|| {
        let text = match radio {
            Some(name) => format!("{host} does not serve the radio \"{name}\""),
            None => format!("{host} serves several radios, and the command names none"),
        };
        let names: Vec<&str> = works.keys().map(String::as_str).collect();
        Failure::new(ErrorCode::BadRequest, text).hint(format!("it serves {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_radio_may_be_left_out_where_there_is_only_one() {
        let mut works = BTreeMap::from([("n210".to_owned(), 1)]);
        assert_eq!(select(&works, None, "server1"), Ok(&1));
        assert_eq!(select(&works, Some("n210"), "server1"), Ok(&1));
        let failure = select(&works, Some("b210"), "server1").unwrap_err();
        assert_eq!(failure.code, ErrorCode::BadRequest);
        assert_eq!(failure.message, "server1 does not serve the radio \"b210\"");
        assert_eq!(failure.hint.as_deref(), Some("it serves n210"));
        works.insert("x310".into(), 2);
        assert_eq!(select(&works, Some("x310"), "server1"), Ok(&2));
        let failure = select(&works, None, "server1").unwrap_err();
        assert_eq!(failure.message, "server1 serves several radios, and the command names none");
        assert_eq!(failure.hint.as_deref(), Some("it serves n210, x310"));
    }
}
