//! What a work keeps over a restart of its agent: the control variables and routes that were collected, the routes for the next start, and
//! what was collected of the other host of the pool.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::Work;
use protocol::{Collected, Control, ErrorCode, Failure, Route};

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    routes_to_set: Vec<Route>,
    control: Control,
    meanings: serde_json::Map<String, Value>,
    routes: Vec<Route>,
    collected: Option<DateTime<Utc>>,
    #[serde(default)]
    peer: Option<(String, Collected)>,
}

impl Kept {
    /// Whether both are the same but for the times of collecting.
    fn same_values(&self, other: &Self) -> bool {
        let timeless = |kept: &Self| {
            let peer = |(host, collected): &(String, Collected)| {
                (host.clone(), Collected { at: DateTime::default(), ..collected.clone() })
            };
            Self { collected: None, peer: kept.peer.as_ref().map(peer), ..kept.clone() }
        };
        timeless(self) == timeless(other) && self.collected.is_some() == other.collected.is_some()
    }
}

impl Work {
    /// Writes it to disk, if it has changed.
    pub(super) async fn keep(&self) {
        let kept = {
            let mut state = self.state();
            let collected = &state.collected;
            let age = collected.at.map(|at| chrono::Duration::from_std(at.elapsed()).unwrap_or_default());
            let kept = Kept {
                routes_to_set: state.routes_to_set.clone(),
                control: collected.values.control.clone(),
                meanings: collected.meanings.clone(),
                routes: collected.values.route_list.clone(),
                collected: age.map(|age| Utc::now() - age),
                peer: state.peer.clone(),
            };
            if kept.same_values(&state.kept) {
                return;
            }
            state.kept = kept.clone();
            kept
        };
        self.host.write_state("kept", &kept);
    }

    /// Reads what was kept before a restart.
    pub(super) fn restore_kept(&self) {
        let Some(kept) = self.host.read_state::<Kept>("kept") else { return };
        let age = kept.collected.map(|at| (Utc::now() - at).to_std().unwrap_or_default());
        let mut state = self.state();
        state.routes_to_set.clone_from(&kept.routes_to_set);
        state.collected.values.control.clone_from(&kept.control);
        state.collected.meanings.clone_from(&kept.meanings);
        state.collected.values.route_list.clone_from(&kept.routes);
        state.peer.clone_from(&kept.peer);
        state.collected.at = age.map(|age| Instant::now().checked_sub(age).unwrap_or_else(Instant::now));
        state.kept = kept;
    }

    /// Keeps what was collected of the same radio's work on another host: all that is left of that work when its host falls silent.
    pub(in crate::agent) async fn keep_peer(&self, host: &str, collected: Collected) {
        self.state().peer = Some((host.to_owned(), collected));
        self.keep().await;
    }

    /// What was last collected of the work on another host. Of several servers it is what was collected last, wherever the work was then: it carries its
    /// values along.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when nothing is known.
    pub(in crate::agent) fn collected_of_peer(&self, host: &str) -> Result<Collected, Failure> {
        let of_this_radio = self.other_hosts();
        let known = self.state().peer.clone().filter(|(peer, _)| of_this_radio.contains(peer));
        known.map(|(_, collected)| collected).ok_or_else(|| {
            Failure::new(
                ErrorCode::State,
                format!("{} has never heard {host} at work, so that it knows nothing to start from", self.host.name),
            )
            .hint(format!("start the agent of {host} again, or the work there"))
        })
    }
}
