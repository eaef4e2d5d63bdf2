//! Who owns the radio: an epoch that grows with every change of owner, remembered over restarts.
//!
//! Owners are ordered by (epoch, name), as Lamport orders his time stamps: two hosts that took the same epoch while they could not hear each
//! other agree afterwards on which of them gives way. A new owner tells every other host of its radio ([`tell_others`]); one that is told
//! so parks eth3 and is refused an older epoch from then on.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::host::disk;
use super::state::Agent;
use config::Config;
use protocol::{Command, ErrorCode, Failure, Level};

/// Telling another host of the new owner: it may have to end a process.
const TELL: Duration = Duration::from_secs(5);
/// Between two attempts to tell one that does not answer.
const TELL_AGAIN: Duration = Duration::from_secs(1);

/// An owner of the radio; ordered, the newer is the greater.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// 0 before the first.
    pub epoch: u64,
    /// Host name.
    pub owner: String,
}

/// The newest owner that this agent knows.
#[derive(Debug)]
pub struct Ownership {
    host: String,
    file: PathBuf,
    newest: Mutex<Owner>,
}

impl Ownership {
    /// What an earlier life of this agent knew; the text is why that could not be read.
    pub fn load(config: &Config, host: &str) -> (Self, Option<String>) {
        let file = config.state_folder().join(format!("{host}.owner.json"));
        let (newest, problem) = match disk::load::<Owner>(&file) {
            Ok(newest) => (newest.unwrap_or_default(), None),
            Err(text) => (Owner::default(), Some(format!("the epoch of the radio's owner is counted from 0: {text}"))),
        };
        (Self { host: host.to_owned(), file, newest: Mutex::new(newest) }, problem)
    }

    /// The newest owner; epoch 0 before the first.
    pub fn newest(&self) -> Owner {
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The epoch under which this host may take the radio: the one asked for, or the next.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`].
    pub fn admit(&self, asked: Option<u64>) -> Result<u64, Failure> {
        let newest = self.newest();
        let Some(epoch) = asked else { return Ok(newest.epoch.saturating_add(1)) };
        let again = epoch == newest.epoch && newest.owner == self.host;
        if epoch > newest.epoch || again { Ok(epoch) } else { Err(stale(epoch, &newest)) }
    }

    /// Remembers a newer owner; an older one is refused, the same one is not.
    ///
    /// # Errors
    /// [`ErrorCode::StaleEpoch`].
    fn give_way(&self, to: Owner) -> Result<(), Failure> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if to < *newest {
            return Err(stale(to.epoch, &newest));
        }
        *newest = to;
        Ok(())
    }

    /// Writes the newest owner to disk; `Err` is why it could not.
    async fn store(&self) -> Result<(), String> {
        disk::store_in_thread(self.file.clone(), self.newest()).await
    }
}

fn stale(epoch: u64, newest: &Owner) -> Failure {
    Failure::new(
        ErrorCode::StaleEpoch,
        format!("epoch {epoch} is over: {} owns the radio under epoch {}", newest.owner, newest.epoch),
    )
    .hint("ask the agents' status for owner_epoch and take one more, or leave the epoch out")
}

async fn remember(agent: &Agent) {
    if let Err(text) = agent.ownership.store().await {
        agent.event(Level::Warning, format!("the radio's owner could not be written down: {text}; the service goes on"));
    }
    agent.changed.notify_one();
}

/// This host owns the radio from now on, under an epoch that [`Ownership::admit`] has let through.
///
/// # Errors
/// [`ErrorCode::StaleEpoch`] when another owner became known since.
pub async fn claim(agent: &Agent, epoch: u64) -> Result<(), Failure> {
    agent.ownership.give_way(Owner { epoch, owner: agent.host.clone() })?;
    remember(agent).await;
    Ok(())
}

/// As [`claim`], but at once, within a cut: under this epoch or a higher one that this agent knows, written down while the work goes on.
///
/// # Errors
/// [`ErrorCode::StaleEpoch`] when another owner became known in this moment.
pub fn claim_at_once(agent: &Arc<Agent>, epoch: u64) -> Result<u64, Failure> {
    let epoch = epoch.max(agent.ownership.admit(None)?);
    agent.ownership.give_way(Owner { epoch, owner: agent.host.clone() })?;
    let agent = Arc::clone(agent);
    tokio::spawn(async move { remember(&agent).await });
    Ok(epoch)
}

/// Another host owns the radio from now on; the caller parks eth3.
///
/// # Errors
/// [`ErrorCode::StaleEpoch`]; [`ErrorCode::BadRequest`] for an owner that can be none.
pub async fn give_way(agent: &Agent, epoch: u64, owner: &str) -> Result<(), Failure> {
    agent.config.host(owner).map_err(|failure| Failure { code: ErrorCode::BadRequest, ..failure })?;
    if owner == agent.host {
        return Err(Failure::new(ErrorCode::BadRequest, format!("{owner} can not be told to give way to itself")));
    }
    agent.ownership.give_way(Owner { epoch, owner: owner.to_owned() })?;
    remember(agent).await;
    Ok(())
}

/// Tells every other host of this radio that this one owns it, until each has answered or this one owns it no longer.
pub fn tell_others(agent: &Arc<Agent>) {
    let radio = &agent.settings().radio;
    let others = agent.config.host.iter().filter(|(name, host)| **name != agent.host && host.radio == *radio);
    for (name, _) in others {
        tokio::spawn(tell(Arc::clone(agent), name.to_string(), agent.ownership.newest()));
    }
}

async fn tell(agent: Arc<Agent>, host: String, owner: Owner) {
    let mut said = false;
    while agent.ownership.newest() == owner && agent.usrp.is_running() {
        let fence = Command::Fence { epoch: owner.epoch, owner: owner.owner.clone() };
        let failure = match agent.client.request(&host, fence, TELL).await {
            Ok(_) => return,
            Err(failure) => failure,
        };
        if !said {
            let text = format!("{host} was not told that {} owns the radio (epoch {}): {failure}", agent.host, owner.epoch);
            agent.event(Level::Warning, text);
            said = true;
        }
        if failure.code == ErrorCode::StaleEpoch {
            return;
        }
        tokio::select! {
            () = sleep(TELL_AGAIN) => {}
            () = agent.leaving.cancelled() => return,
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
        assert!(one.give_way(owner("two")).is_ok(), "the later name wins");
        assert_eq!(two.give_way(owner("one")).unwrap_err().code, ErrorCode::StaleEpoch);
        assert!(one.give_way(owner("two")).is_ok(), "telling it again is no fault");
        assert_eq!((one.newest(), two.newest()), (owner("two"), owner("two")));
        assert!(one.give_way(Owner { epoch: 5, owner: "zulu".into() }).is_err());
    }
}
