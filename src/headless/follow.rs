//! What the agents say unasked, kept as the last word of each host: for commands that wait and that watch.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::Cluster;
use crate::link::telemetry::{Heard, LinkState, subscribe};
use crate::migration::service::{SeenHost, Service, judge};
use protocol::{ErrorCode, Failure, Progress, Telemetry};

/// A host that has said nothing for so long is not heard any more: ten messages are missing.
const STALE: Duration = Duration::from_secs(1);

/// A host as it was last heard.
#[derive(Debug)]
struct LastWord {
    telemetry: Box<Telemetry>,
    at: Instant,
    connected: bool,
}

/// The cluster as it was last heard.
pub(super) struct Follower<'a> {
    cluster: &'a Cluster,
    heard: mpsc::Receiver<Heard>,
    hosts: BTreeMap<String, LastWord>,
}

impl<'a> Follower<'a> {
    /// Subscribes to every host.
    ///
    /// # Errors
    /// The cluster key cannot be read.
    pub(super) fn new(cluster: &'a Cluster) -> Result<Self, Failure> {
        let heard = subscribe(cluster.config.clone())?;
        Ok(Self { cluster, heard, hosts: BTreeMap::new() })
    }

    /// The next thing that is heard, taken in; nothing when none is heard by then.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`]: the subscriptions have ended.
    pub(super) async fn next(&mut self, by: Instant) -> Result<Option<Heard>, Failure> {
        let Ok(heard) = timeout_at(by, self.heard.recv()).await else { return Ok(None) };
        let Some(heard) = heard else {
            return Err(Failure::new(ErrorCode::Internal, "the subscriptions to the agents have ended"));
        };
        match &heard {
            Heard::Telemetry(telemetry) => {
                let word = LastWord { telemetry: telemetry.clone(), at: Instant::now(), connected: true };
                self.hosts.insert(telemetry.host.clone(), word);
            }
            Heard::Link { host, state } => {
                if let Some(word) = self.hosts.get_mut(host) {
                    word.connected = *state == LinkState::Connected;
                }
            }
            Heard::Event(_) => {}
        }
        Ok(Some(heard))
    }

    /// The verdict on the service now.
    pub(super) fn service(&self) -> Service {
        let seen: Vec<SeenHost<'_>> = self
            .hosts
            .iter()
            .map(|(name, word)| {
                let heard = word.connected && word.at.elapsed() < STALE;
                SeenHost { name, status: Some(&word.telemetry), heard }
            })
            .collect();
        judge(&self.cluster.config, &seen)
    }

    /// Whether every host of the cluster has been heard.
    pub(super) fn is_complete(&self) -> bool {
        self.cluster.config.host.keys().all(|host| self.hosts.contains_key(host.as_str()))
    }

    /// What the hosts say of orders.
    pub(super) fn orders(&self) -> impl Iterator<Item = &Progress> {
        self.hosts.values().filter_map(|word| word.telemetry.migration.as_ref())
    }
}
