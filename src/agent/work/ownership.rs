//! Who owns the radio: an epoch that grows with every change of owner, kept over restarts.
//!
//! Owners are ordered by (epoch, name), as Lamport orders his time stamps: two hosts that took the same epoch while they could not reach each
//! other agree afterwards on which of them gives way. A new owner fences every other host of its radio; a fenced host parks eth3 and refuses
//! older epochs from then on.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::Work;
use crate::agent::host::{HostHandle, disk};
use protocol::{ErrorCode, Failure, Level};

/// Fencing another host: it may have to end a process.
const FENCE: Duration = Duration::from_secs(5);
/// Between two attempts to fence one that does not answer.
const FENCE_AGAIN: Duration = Duration::from_secs(1);

/// An owner of the radio; ordered, the newer is the greater.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agent) struct Owner {
    /// 0 before the first.
    pub(in crate::agent) epoch: u64,
    /// Host name.
    pub(in crate::agent) owner: String,
}

/// The newest owner that this agent knows.
#[derive(Debug)]
pub(in crate::agent) struct Ownership {
    host: String,
    file: PathBuf,
    newest: Mutex<Owner>,
}

impl Ownership {
    /// Reads the newest owner that this agent knew before a restart; the text is why that failed.
    pub(super) fn load(host: &HostHandle) -> (Self, Option<String>) {
        let file = host.state_file("owner");
        let (newest, problem) = match disk::load::<Owner>(&file) {
            Ok(newest) => (newest.unwrap_or_default(), None),
            Err(text) => (Owner::default(), Some(format!("the epoch of the radio's owner is counted from 0: {text}"))),
        };
        (Self { host: host.name.clone(), file, newest: Mutex::new(newest) }, problem)
    }

    /// The newest owner; epoch 0 before the first.
    pub(super) fn newest(&self) -> Owner {
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The epoch under which this host may take the radio: the one asked for, or the next.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`].
    pub(super) fn admit(&self, asked: Option<u64>) -> Result<u64, Failure> {
        let newest = self.newest();
        let Some(epoch) = asked else { return Ok(newest.epoch.saturating_add(1)) };
        let again = epoch == newest.epoch && newest.owner == self.host;
        if epoch > newest.epoch || again { Ok(epoch) } else { Err(stale_epoch(epoch, &newest)) }
    }

    /// Remembers a newer owner; an older one is refused, the same one is not.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`].
    fn accept(&self, to: Owner) -> Result<(), Failure> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if to < *newest {
            return Err(stale_epoch(to.epoch, &newest));
        }
        *newest = to;
        Ok(())
    }

    /// Writes the newest owner to disk; `Err` is why it could not.
    async fn store(&self) -> Result<(), String> {
        disk::store_in_thread(self.file.clone(), self.newest()).await
    }
}

fn stale_epoch(epoch: u64, newest: &Owner) -> Failure {
    Failure::new(
        ErrorCode::StaleEpoch,
        format!("epoch {epoch} is over: {} owns the radio under epoch {}", newest.owner, newest.epoch),
    )
    .hint("ask the agents' status for owner_epoch and take one more, or leave the epoch out")
}

impl Work {
    /// The newest owner of the radio that this host knows; `None` before the first.
    pub(in crate::agent) fn owner(&self) -> Option<Owner> {
        Some(self.ownership.newest()).filter(|owner| owner.epoch > 0)
    }

    async fn store_owner(&self) {
        if let Err(text) = self.ownership.store().await {
            self.host.event(Level::Warning, format!("the radio's owner could not be written down: {text}; the service goes on"));
        }
        self.host.notify_change();
    }

    fn owner_here(&self, epoch: u64) -> Owner {
        Owner { epoch, owner: self.host.name.clone() }
    }

    /// This host owns the radio from now on, under an epoch that [`Ownership::admit`] has let through.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`] when another owner became known since.
    pub(super) async fn claim(&self, epoch: u64) -> Result<(), Failure> {
        self.ownership.accept(self.owner_here(epoch))?;
        self.store_owner().await;
        Ok(())
    }

    /// As [`Self::claim`], within a cut: under this epoch or a higher one that this host knows, written to disk while the cut goes on.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`] when another owner became known in this moment.
    pub(super) fn claim_at_once(self: &Arc<Self>, epoch: u64) -> Result<u64, Failure> {
        let epoch = epoch.max(self.ownership.admit(None)?);
        self.ownership.accept(self.owner_here(epoch))?;
        let work = Arc::clone(self);
        tokio::spawn(async move { work.store_owner().await });
        Ok(epoch)
    }

    /// Another host owns the radio from now on: eth3 is parked, and a work that is linked to the radio ends.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`] when this host knows a newer owner, [`ErrorCode::BadRequest`] for an owner that is no other host, and those
    /// of parking and killing.
    pub(in crate::agent) async fn fence(&self, epoch: u64, owner: &str) -> Result<(), Failure> {
        self.host.config.host(owner).map_err(|failure| Failure { code: ErrorCode::BadRequest, ..failure })?;
        if owner == self.host.name {
            return Err(Failure::new(ErrorCode::BadRequest, format!("{owner} cannot be told to give way to itself")));
        }
        self.ownership.accept(Owner { epoch, owner: owner.to_owned() })?;
        self.store_owner().await;
        let linked = self.usrp.is_linked();
        let parked = self.park_eth3().await;
        // One that is only made holds nothing of the radio.
        if linked {
            let text = format!("{owner} has taken the radio (epoch {epoch}): the work here is ended and eth3 parked");
            self.host.event(Level::Warning, text);
            self.usrp.kill().await?;
            self.d2d.kill().await?;
        }
        parked
    }

    /// Fences every other host of this radio, until each has answered or this one owns the radio no longer.
    pub(super) fn fence_others(self: &Arc<Self>) {
        for other in self.other_hosts() {
            tokio::spawn(Arc::clone(self).fence_other(other, self.ownership.newest()));
        }
    }

    /// The other hosts of this radio.
    pub(super) fn other_hosts(&self) -> Vec<String> {
        let hosts = self.host.config.host.iter();
        let others = hosts.filter(|(name, host)| **name != self.host.name && host.radio == self.radio_name.as_str());
        others.map(|(name, _)| name.to_string()).collect()
    }

    async fn fence_other(self: Arc<Self>, other: String, owner: Owner) {
        let mut reported = false;
        while self.ownership.newest() == owner && self.usrp.is_running() {
            let Err(failure) = self.host.send_fence(&other, owner.epoch, &owner.owner, FENCE).await else { return };
            if !reported {
                let text = format!("{other} was not told that {} owns the radio (epoch {}): {failure}", owner.owner, owner.epoch);
                self.host.event(Level::Warning, text);
                reported = true;
            }
            if failure.code == ErrorCode::StaleEpoch {
                return;
            }
            tokio::select! {
                () = sleep(FENCE_AGAIN) => {}
                () = self.host.leaving.cancelled() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(epoch: u64, owner: &str) -> Ownership {
        let newest = Mutex::new(Owner { epoch, owner: owner.into() });
        Ownership { host: "one".into(), file: "/nowhere/file".into(), newest }
    }

    #[test]
    fn only_a_newer_epoch_takes_the_radio_from_another_host() {
        let other = known(5, "two");
        assert_eq!((other.admit(Some(6)), other.admit(None)), (Ok(6), Ok(6)));
        for old in [0, 4, 5] {
            let failure = other.admit(Some(old)).unwrap_err();
            assert_eq!(failure.code, ErrorCode::StaleEpoch);
            assert_eq!(failure.message, format!("epoch {old} is over: two owns the radio under epoch 5"));
        }
        let own = known(5, "one");
        assert_eq!((own.admit(Some(5)), own.admit(None)), (Ok(5), Ok(6)));
        assert!(own.admit(Some(4)).is_err());
        assert_eq!(known(0, "").admit(None), Ok(1));
    }

    #[test]
    fn two_owners_of_one_epoch_agree_on_who_gives_way() {
        let owner = |name: &str| Owner { epoch: 6, owner: name.into() };
        let (one, two) = (known(6, "one"), known(6, "two"));
        assert!(one.accept(owner("two")).is_ok(), "the later name wins");
        assert_eq!(two.accept(owner("one")).unwrap_err().code, ErrorCode::StaleEpoch);
        assert!(one.accept(owner("two")).is_ok(), "telling it again is no fault");
        assert_eq!((one.newest(), two.newest()), (owner("two"), owner("two")));
        assert!(one.accept(Owner { epoch: 5, owner: "zulu".into() }).is_err());
    }
}
