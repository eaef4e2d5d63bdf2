//! Which server serves a radio next.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;

use crate::agent::store::Store;
use crate::link::client::Client;
use config::{Config, HostName};
use protocol::{Command, ErrorCode, Failure, StandbyState, Telemetry};

/// An agent that is there answers within this.
const ANSWER: Duration = Duration::from_millis(500);

/// The server that serves the radio next: its standby, else the one that has the fewest radios; one that has `failed` only where there is no other.
///
/// # Errors
/// [`ErrorCode::State`]: none answers that is not drained.
pub(super) async fn successor(
    store: &Store,
    view: &Config,
    client: &Client,
    after: &HostName,
    failed: &BTreeSet<HostName>,
) -> Result<HostName, Failure> {
    let members = store.seen.borrow().view.members.clone();
    let there = view.servers().into_iter().filter(|host| members.contains(*host) && *host != after);
    let asked = join_all(there.map(|host| async { Some((host.clone(), status_of(client, host).await?)) })).await;
    let mut free: Vec<_> = asked.into_iter().flatten().filter(|(_, status)| !status.drained).collect();
    free.sort_by_key(|(host, status)| {
        let standby = status.standby.as_ref().and_then(|standby| standby.follows.as_ref());
        let armed = standby.is_some_and(|follows| follows.state == StandbyState::Armed);
        (failed.contains(host), !armed, radios_of(store, host))
    });
    free.into_iter().next().map(|(host, _)| host).ok_or_else(|| {
        let text = format!("no server beside {after} can serve {}: none answers that is not drained", view.moved_radio());
        Failure::new(ErrorCode::State, text).hint("start the agent of another server, or `baton pool undrain` one")
    })
}

/// What an agent says, if it is there.
pub(super) async fn status_of(client: &Client, host: &HostName) -> Option<Telemetry> {
    client.request(host, Command::Status, ANSWER).await.ok()?.into_result().ok()
}

fn radios_of(store: &Store, host: &HostName) -> usize {
    store.seen.borrow().view.owners.values().filter(|owner| owner.host == *host).count()
}
