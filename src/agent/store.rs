//! The pool's store, as this host's agents use it: who owns which radio, agreed on by more hosts than two.
//!
//! It gives the radio to whoever takes it by an order ([`gate`]). What agents tell it unasked, and do because of it, is [`super::pool`]'s.

mod gate;
mod open;
mod seen;

use std::sync::Arc;
use std::time::Duration;

use engine::{OwnerStore, Ownership};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use config::{HostName, PoolStore, RadioName, RadioViews};
use protocol::{Failure, StoreStatus};

pub(super) use gate::{Gate, expected};
use seen::Seen;

/// Between two questions whether there is a quorum.
const ASK_QUORUM: Duration = Duration::from_secs(1);
/// Before what could not be had is asked for again.
const AGAIN: Duration = Duration::from_secs(1);
/// At the end of the process, for telling the store.
const LEAVE: Duration = Duration::from_millis(500);

/// One host's client of the store; of a server of the pool.
pub(super) struct Store {
    pub(super) host: HostName,
    pub(super) settings: PoolStore,
    pub(super) owners: Arc<dyn OwnerStore>,
    /// What is known of it at any time.
    pub(super) seen: watch::Sender<Seen>,
}

impl Store {
    /// The store that the cluster file names, for a host that serves; `None`: there is none, or the host does not.
    ///
    /// # Errors
    /// [`protocol::ErrorCode::Config`] for certificates that cannot be used, or when this program was built without etcd.
    pub(super) fn open(cluster: &RadioViews, host: &str) -> Result<Option<Arc<Self>>, Failure> {
        let Some(settings) = &cluster.whole().store else { return Ok(None) };
        let Some((host, server)) = cluster.servers().get_key_value(host) else { return Ok(None) };
        let owners = open::owners(settings, host, &server.command)?;
        Ok(Some(Arc::new(Self { host: host.clone(), settings: settings.clone(), owners, seen: watch::Sender::default() })))
    }

    /// What telemetry says of it, and of one radio in it.
    pub(super) fn status(&self, radio: &RadioName) -> StoreStatus {
        self.seen.borrow().status(radio)
    }

    /// The owner of a radio, as far as this host has heard.
    pub(super) fn owner_of(&self, radio: &RadioName) -> Option<Ownership> {
        self.seen.borrow().view.owners.get(radio).cloned()
    }

    /// Whether there is a quorum, asked again and again.
    pub(super) async fn watch_quorum(self: Arc<Self>) {
        loop {
            let lost = self.owners.quorate().await.err();
            self.seen.send_if_modified(|seen| std::mem::replace(&mut seen.lost, lost.clone()) != lost);
            sleep(ASK_QUORUM).await;
        }
    }

    /// What changes, until the process ends.
    pub(super) async fn watch_changes(self: Arc<Self>) {
        let mut changes = self.owners.watch();
        while let Some(change) = changes.next().await {
            self.seen.send_modify(|seen| seen.apply(change));
        }
    }

    /// A member until the process has ended, and a lease longer: whoever starts the agent again before loses nothing by it.
    pub(super) async fn stay_member(self: Arc<Self>) {
        let _membership = loop {
            match self.owners.join().await {
                Ok(membership) => break membership,
                Err(error) => tracing::warn!("not yet a member of the pool: {error}"),
            }
            sleep(AGAIN).await;
        };
        std::future::pending().await
    }
}

/// The store is told that an operator has ended the work of the radio, which nobody is to serve then; in the background, since what has ended has
/// ended whether or not it hears of it.
pub(super) fn tell_stopped(store: &Arc<Store>, radio: &RadioName) {
    let (store, radio) = (Arc::clone(store), radio.clone());
    tokio::spawn(async move {
        while let Err(error) = gate::set_stopped(&store, &radio).await {
            tracing::warn!("the pool's store does not know yet that {radio} was stopped: {error}");
            sleep(AGAIN).await;
        }
    });
}

/// As [`tell_stopped`], by a process that ends.
pub(super) async fn tell_stopped_at_end(store: &Store, radio: &RadioName) {
    // One that cannot be told has no quorum, and starts nothing either.
    let _ = timeout(LEAVE, gate::set_stopped(store, radio)).await;
}
