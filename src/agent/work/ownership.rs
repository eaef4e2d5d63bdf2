//! Who owns the radio: an epoch that grows with every change of owner, kept over restarts.
//!
//! Owners are ordered by (epoch, name), as Lamport orders his time stamps: two hosts that took the same epoch while they could not reach each
//! other agree afterwards on which of them gives way. A new owner fences every other host of its radio; a fenced host parks eth3 and refuses
//! older epochs from then on. The file is only the memory of a next life: what it lacks is learnt from the other agents ([`super::conflict`]).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::Work;
use crate::agent::host::alarms::Concern;
use crate::agent::host::{HostHandle, disk};
use protocol::{ErrorCode, Failure, Level, MAX_EPOCH, OwnerReport};

/// Fencing another host: it may have to end a process.
const FENCE: Duration = Duration::from_secs(5);
/// Between two attempts to fence one that does not answer.
const FENCE_AGAIN: Duration = Duration::from_secs(1);

const REPAIR: &str = "`baton repair` shows what each host knows, and sets it right";

/// An owner of the radio; ordered, the newer is the greater.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::agent) struct Owner {
    /// 0 before the first.
    pub(in crate::agent) epoch: u64,
    /// Host name.
    pub(in crate::agent) owner: String,
}

impl From<&OwnerReport> for Owner {
    fn from(report: &OwnerReport) -> Self {
        Self { epoch: report.epoch, owner: report.owner.clone() }
    }
}

/// The file: the newest owner, and whose knowledge it is. 0.1.0 wrote neither host nor radio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnerFile {
    epoch: u64,
    owner: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    radio: Option<String>,
}

/// The newest owner that this agent knows.
#[derive(Debug)]
pub(in crate::agent) struct Ownership {
    host: String,
    radio: String,
    newest: Mutex<Owner>,
}

impl Ownership {
    /// Reads the newest owner that this agent knew before a restart. A file that cannot be believed is an alarm until another agent has told.
    pub(super) fn load(host: &HostHandle, radio: &str) -> Self {
        let known = Self { host: host.name.clone(), radio: radio.to_owned(), newest: Mutex::default() };
        let file = host.state_file("owner");
        let read = disk::load::<OwnerFile>(&file).and_then(|read| match read {
            None => Ok(None),
            Some(read) => {
                known.believe(read, |name| host.config.host(name).is_ok()).map_err(|why| format!("{}: {why}", file.display()))
            }
        });
        match read {
            Ok(newest) => *known.lock() = newest.unwrap_or_default(),
            Err(why) => {
                let text = format!("what {} knew of the radio's owner is not believed, and counted from 0: {why}", host.name);
                let hint = format!("the other host's agent mends it as soon as it answers; where none can, {REPAIR}");
                host.raise(Concern::OwnerFile, Level::Warning, Failure::new(ErrorCode::StaleEpoch, text).hint(hint));
            }
        }
        known
    }

    /// What a file says, unless it is absurd or somebody else's.
    fn believe(&self, file: OwnerFile, is_host: impl Fn(&str) -> bool) -> Result<Option<Owner>, String> {
        let OwnerFile { epoch, owner, host, radio } = file;
        if epoch > MAX_EPOCH {
            return Err(format!("epoch {epoch} is beyond {MAX_EPOCH}, which no radio reaches"));
        }
        if let Some(other) = host.filter(|host| *host != self.host) {
            return Err(format!("it is the file of {other}"));
        }
        if let Some(other) = radio.filter(|radio| *radio != self.radio) {
            return Err(format!("it is about the radio {other}"));
        }
        if epoch > 0 && !is_host(&owner) {
            return Err(format!("it names the owner \"{owner}\", and the configuration has no such host"));
        }
        Ok(Some(Owner { epoch, owner }))
    }

    fn lock(&self) -> MutexGuard<'_, Owner> {
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest owner; epoch 0 before the first.
    pub(super) fn newest(&self) -> Owner {
        self.lock().clone()
    }

    /// The epoch under which this host may take the radio: the one asked for, or the next.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`].
    pub(super) fn admit(&self, asked: Option<u64>) -> Result<u64, Failure> {
        let newest = self.newest();
        let epoch = asked.unwrap_or(newest.epoch.saturating_add(1));
        if epoch > MAX_EPOCH {
            return Err(absurd_epoch(epoch));
        }
        let again = epoch == newest.epoch && newest.owner == self.host;
        if epoch > newest.epoch || again { Ok(epoch) } else { Err(stale_epoch(epoch, &newest)) }
    }

    /// Remembers a newer owner; an older one is refused, the same one is not.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`].
    pub(super) fn accept(&self, to: Owner) -> Result<(), Failure> {
        if to.epoch > MAX_EPOCH {
            return Err(absurd_epoch(to.epoch));
        }
        let mut newest = self.lock();
        if to < *newest {
            return Err(stale_epoch(to.epoch, &newest));
        }
        *newest = to;
        Ok(())
    }

    /// The newest owner is this one, whatever was known.
    pub(super) fn replace(&self, by: Owner) {
        *self.lock() = by;
    }

    fn file(&self) -> OwnerFile {
        let Owner { epoch, owner } = self.newest();
        OwnerFile { epoch, owner, host: Some(self.host.clone()), radio: Some(self.radio.clone()) }
    }
}

fn stale_epoch(epoch: u64, newest: &Owner) -> Failure {
    let hint = if newest.epoch < MAX_EPOCH {
        "ask the agents' status for owner_epoch and take one more, or leave the epoch out".to_owned()
    } else {
        format!("there is no higher epoch: {REPAIR}")
    };
    Failure::new(
        ErrorCode::StaleEpoch,
        format!("epoch {epoch} is over: {} owns the radio under epoch {}", newest.owner, newest.epoch),
    )
    .hint(hint)
}

/// The refusal of an epoch that no count of moves reaches.
pub(super) fn absurd_epoch(epoch: u64) -> Failure {
    Failure::new(ErrorCode::StaleEpoch, format!("epoch {epoch} is beyond {MAX_EPOCH}, which no radio reaches: it is not believed"))
        .hint(REPAIR)
}

/// For as long as it lives, the work of a host ends that is not the owner any more: no second way of finding that out is to be told of.
pub(super) struct GivingWay<'a>(&'a Work);

impl Drop for GivingWay<'_> {
    fn drop(&mut self) {
        self.0.state().giving_way = false;
    }
}

impl Work {
    /// The work here ends from now on because the radio has changed hands, which counts once; `None` where it does already.
    pub(super) fn begin_to_give_way(&self) -> Option<GivingWay<'_>> {
        if std::mem::replace(&mut self.state().giving_way, true) {
            return None;
        }
        self.note_takeover();
        Some(GivingWay(self))
    }

    /// The newest owner of the radio that this host knows; `None` before the first.
    pub(in crate::agent) fn owner(&self) -> Option<Owner> {
        Some(self.ownership.newest()).filter(|owner| owner.epoch > 0)
    }

    /// Has the newest owner written down, while the work goes on.
    pub(super) fn store_owner(&self) {
        self.host.write_state("owner", &self.ownership.file());
        self.host.notify_change();
    }

    pub(super) fn owner_here(&self, epoch: u64) -> Owner {
        Owner { epoch, owner: self.host.name.clone() }
    }

    /// This host owns the radio from now on, under an epoch that [`Ownership::admit`] has let through.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`] when another owner became known since.
    pub(super) fn claim(&self, epoch: u64) -> Result<(), Failure> {
        self.ownership.accept(self.owner_here(epoch))?;
        self.store_owner();
        Ok(())
    }

    /// As [`Self::claim`], within a cut: under this epoch or a higher one that this host knows.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`] when another owner became known in this moment.
    pub(super) fn claim_at_once(&self, epoch: u64) -> Result<u64, Failure> {
        let epoch = epoch.max(self.ownership.admit(None)?);
        self.claim(epoch)?;
        Ok(epoch)
    }

    /// A newer owner has become known, who has yet to take the radio from this host if it has it. An older one is no news.
    pub(in crate::agent) fn learn_owner(&self, owner: Owner) {
        if self.ownership.accept(owner).is_ok() {
            self.store_owner();
        }
    }

    /// This host goes on as the owner, under a higher epoch. Nothing where it is the owner no longer, or a change is under way that decides by itself.
    pub(in crate::agent) fn raise_epoch(self: &Arc<Self>, epoch: u64) {
        let Ok(_turn) = self.changes.try_lock() else { return };
        if self.state().frozen.is_none() && self.ownership.newest().owner == self.host.name && self.claim(epoch).is_ok() {
            self.fence_others();
        }
    }

    /// Another host owns the radio from now on: eth3 is parked, and a work that is linked to the radio ends.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`] when this host knows a newer owner, [`ErrorCode::BadRequest`] for an owner that is no other host, and those
    /// of parking and killing.
    pub(in crate::agent) async fn fence(&self, epoch: u64, owner: &str) -> Result<(), Failure> {
        self.require_host(owner)?;
        if owner == self.host.name {
            return Err(Failure::new(ErrorCode::BadRequest, format!("{owner} cannot be told to give way to itself")));
        }
        if let Err(failure) = self.ownership.accept(Owner { epoch, owner: owner.to_owned() }) {
            self.host.event(Level::Warning, format!("{owner} was not given way to: {failure}"));
            return Err(failure);
        }
        self.store_owner();
        // What is left of a work whose USRP process has died is in the way of the next one.
        let linked = self.usrp.is_linked() || (self.usrp.has_died() && self.d2d.is_running());
        if self.follows() {
            // A standby of the owner is parked, and has its way to the radio.
            return Ok(());
        }
        let parked = self.park_eth3().await;
        // One that is only made holds nothing of the radio.
        if linked {
            let text = format!("{owner} has taken the radio (epoch {epoch}): the work here is ended and eth3 parked");
            self.host.event(Level::Warning, text);
            let giving_way = self.begin_to_give_way();
            self.end_work().await?;
            drop(giving_way);
        }
        parked
    }

    /// The newest owner is this one, whatever was known: an operator has decided so (`baton repair`).
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`] for an owner that is no host, [`ErrorCode::StaleEpoch`] for an absurd epoch, and those of giving way.
    pub(in crate::agent) async fn set_owner(&self, epoch: u64, owner: &str) -> Result<(), Failure> {
        self.require_host(owner)?;
        if epoch > MAX_EPOCH {
            return Err(absurd_epoch(epoch));
        }
        self.ownership.replace(Owner { epoch, owner: owner.to_owned() });
        self.store_owner();
        self.host.event(Level::Warning, format!("an operator has set that {owner} owns the radio under epoch {epoch}"));
        self.owner_file_is_good(|| "the radio's owner was set by an operator".to_owned());
        if owner == self.host.name {
            return Ok(());
        }
        let linked = self.usrp.is_linked();
        let parked = self.park_eth3().await;
        if linked {
            self.end_work().await?;
        }
        parked
    }

    fn require_host(&self, owner: &str) -> Result<(), Failure> {
        self.host.config.host(owner).map(drop).map_err(|failure| Failure { code: ErrorCode::BadRequest, ..failure })
    }

    /// The file holds again what is true.
    pub(super) fn owner_file_is_good(&self, text: impl FnOnce() -> String) {
        self.host.clear(&Concern::OwnerFile, text);
    }

    /// Ends both processes.
    pub(super) async fn end_work(&self) -> Result<(), Failure> {
        // Whoever took over follows no longer.
        self.forget_heartbeats().await;
        self.state().serves_parked = false;
        self.usrp.kill().await?;
        self.d2d.kill().await?;
        self.end_pod_if_empty().await;
        Ok(())
    }

    /// The other hosts of this radio.
    pub(in crate::agent) fn other_hosts(&self) -> Vec<String> {
        let hosts = self.host.config.host.iter();
        let others = hosts.filter(|(name, host)| **name != self.host.name && host.radio == self.radio_name.as_str());
        others.map(|(name, _)| name.to_string()).collect()
    }

    /// Fences every other host of this radio, until each has answered or this one owns the radio no longer.
    pub(super) fn fence_others(self: &Arc<Self>) {
        for other in self.other_hosts() {
            tokio::spawn(Arc::clone(self).fence_other(other, self.ownership.newest()));
        }
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
                // It knows better: one of both gives way now.
                return self.compare_with(&other).await;
            }
            tokio::select! {
                () = sleep(FENCE_AGAIN) => {}
                () = self.host.leaving.cancelled() => return,
            }
        }
    }
}

#[cfg(test)]
#[path = "tests/ownership.rs"]
mod tests;
