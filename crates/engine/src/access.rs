//! One host's access to the store: reads and changes of the store that it knows, and of no other.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::{HostName, RadioName};
use tokio::time::Instant;

use crate::error::Error;
use crate::key_value::{Answer, Compare, Entry, KeyValue, NoAnswer, Op, Txn};
use crate::layout::{self, Found};
use crate::standing::Standing;

/// How long things take at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// In which time each call ends. An etcd whose leader died needs about 1.3 s to elect another one.
    pub deadline: Duration,
    /// How long a member, or the leader, is believed to be there that says nothing; whole seconds.
    pub lease: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(4), lease: Duration::from_secs(5) }
    }
}

/// One host's client, and what that has learned.
#[derive(Debug)]
pub(crate) struct Access<K> {
    pub kv: K,
    /// Whose client it is.
    pub host: HostName,
    pub timing: Timing,
    learned: Mutex<Learned>,
}

#[derive(Debug, Default)]
struct Learned {
    /// The store that it knows.
    store: Option<Identity>,
    /// The highest epoch of each radio that it has seen.
    epochs: BTreeMap<RadioName, u64>,
    standing: Standing,
}

/// What tells a store from one that was rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    token: Vec<u8>,
    cluster: u64,
}

/// A change that is to be made.
pub(crate) struct Write<'a> {
    /// As an operator calls it.
    pub what: String,
    pub compare: Vec<Compare>,
    /// What is written. It has a token in it that is in nothing else.
    pub then: Vec<Op>,
    /// What is read where it could not be done.
    pub read: Vec<Op>,
    /// Whether what was read shows that it has been done.
    pub ours: &'a (dyn Fn(&[Entry]) -> bool + Sync),
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Written {
    /// It was done, at that revision; `None`: it was found to have been done.
    Done(Option<i64>),
    /// It was not, and will not be; this is what there is.
    NotDone(Vec<Entry>),
}

impl<K: KeyValue> Access<K> {
    pub fn new(kv: K, host: HostName, timing: Timing) -> Self {
        Self { kv, host, timing, learned: Mutex::default() }
    }

    /// By when a call that begins now is to end.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.timing.deadline
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        // Each change under the lock is whole.
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn standing<T>(&self, change: impl FnOnce(&mut Standing) -> T) -> T {
        change(&mut self.learned().standing)
    }

    /// The store that this host knows; the first one that it meets.
    pub async fn identity(&self, deadline: Instant) -> Result<Identity, Error> {
        let known = self.learned().store.clone();
        match known {
            Some(identity) => Ok(identity),
            None => {
                let found = self.identity_there(deadline).await?;
                Ok(self.learned().store.get_or_insert(found).clone())
            }
        }
    }

    /// From now on that is the store.
    pub fn believe(&self, identity: Identity) {
        self.learned().store = Some(identity);
    }

    /// Identity of the store that is there now, which is given one where it has none.
    pub async fn identity_there(&self, deadline: Instant) -> Result<Identity, Error> {
        let read = vec![Op::Get(layout::IDENTITY.to_owned())];
        let answer = self.kv.txn(&Txn { then: read.clone(), ..Txn::default() }, deadline).await.map_err(NoAnswer::into_error)?;
        let of = |entry: &Entry| Identity { token: entry.value.clone(), cluster: answer.cluster };
        if let Some(entry) = answer.found.first() {
            return Ok(of(entry));
        }
        let token = layout::token().into_bytes();
        let write = Write {
            what: "to give the pool's store an identity".to_owned(),
            compare: vec![Compare::Revision(layout::IDENTITY.to_owned(), 0)],
            then: vec![Op::Put(layout::IDENTITY.to_owned(), token.clone(), 0)],
            read,
            ours: &|found| found.first().is_some_and(|entry| entry.value == token),
        };
        match self.write_to(None, &write, deadline).await? {
            Written::Done(_) => Ok(Identity { token, cluster: answer.cluster }),
            Written::NotDone(found) => found.first().map(of).ok_or(Error::Rebuilt),
        }
    }

    /// Reads of the store that this host knows.
    pub async fn read(&self, read: Vec<Op>, deadline: Instant) -> Result<Answer, Error> {
        let identity = self.identity(deadline).await?;
        self.read_from(Some(&identity), read, deadline).await
    }

    async fn read_from(&self, store: Option<&Identity>, read: Vec<Op>, deadline: Instant) -> Result<Answer, Error> {
        let compare = store.map(same_identity).into_iter().collect();
        let answer =
            self.kv.txn(&Txn { compare, then: read, otherwise: Vec::new() }, deadline).await.map_err(NoAnswer::into_error)?;
        if !answer.succeeded || store.is_some_and(|store| store.cluster != answer.cluster) {
            return Err(Error::Rebuilt);
        }
        Ok(answer)
    }

    /// Makes one change of the store that this host knows.
    pub async fn write(&self, write: &Write<'_>, deadline: Instant) -> Result<Written, Error> {
        let identity = self.identity(deadline).await?;
        self.write_to(Some(&identity), write, deadline).await
    }

    /// One whose answer was lost is looked for. Only where it was not done and still can be, it is sent again: what it compares lets only one of
    /// the two happen.
    pub async fn write_to(&self, store: Option<&Identity>, write: &Write<'_>, deadline: Instant) -> Result<Written, Error> {
        let compare: Vec<Compare> = store.map(same_identity).into_iter().chain(write.compare.iter().cloned()).collect();
        let identity = store.map(|_| Op::Get(layout::IDENTITY.to_owned()));
        let otherwise = write.read.iter().cloned().chain(identity).collect();
        let txn = Txn { compare, then: write.then.clone(), otherwise };
        let unknown = |cause| Error::Unknown { what: write.what.clone(), cause: Box::new(cause) };
        let mut lost = false;
        loop {
            match self.kv.txn(&txn, deadline).await {
                Ok(answer) if store.is_some_and(|store| store.cluster != answer.cluster) => return Err(Error::Rebuilt),
                Ok(answer) if answer.succeeded => return Ok(Written::Done(Some(answer.revision))),
                Ok(answer) if store.is_some_and(|store| !same_identity(store).holds(&answer.found)) => return Err(Error::Rebuilt),
                Ok(answer) if (write.ours)(&answer.found) => return Ok(Written::Done(None)),
                Ok(answer) => return Ok(Written::NotDone(answer.found)),
                Err(NoAnswer::NotDone(error)) if !lost => return Err(error),
                Err(NoAnswer::NotDone(error)) => return Err(unknown(error)),
                Err(NoAnswer::Lost(error)) if Instant::now() >= deadline => return Err(unknown(error)),
                Err(NoAnswer::Lost(_)) => lost = true,
            }
            let found = match self.read_from(store, write.read.clone(), deadline).await {
                Ok(answer) => answer.found,
                Err(Error::Rebuilt) => return Err(Error::Rebuilt),
                Err(error) => return Err(unknown(error)),
            };
            if (write.ours)(&found) {
                return Ok(Written::Done(None));
            }
            if !write.compare.iter().all(|compare| compare.holds(&found)) {
                return Ok(Written::NotDone(found));
            }
        }
    }

    /// A radio's entries. Where they know of fewer epochs than this host has seen, the store is not the one from before.
    pub async fn find(&self, radio: &RadioName, deadline: Instant) -> Result<Found, Error> {
        let seen = self.epoch_seen(radio);
        let answer = self.read(reads_of(radio), deadline).await?;
        let found = layout::found(radio, &answer.found)?;
        if found.radio.highest < seen {
            return Err(Error::Rebuilt);
        }
        self.see_epoch(radio, found.radio.highest);
        Ok(found)
    }

    /// The same of a store that this host does not know yet.
    pub async fn find_in(&self, store: &Identity, radio: &RadioName, deadline: Instant) -> Result<Found, Error> {
        let answer = self.read_from(Some(store), reads_of(radio), deadline).await?;
        layout::found(radio, &answer.found)
    }

    fn epoch_seen(&self, radio: &RadioName) -> u64 {
        self.learned().epochs.get(radio).copied().unwrap_or(0)
    }

    pub fn see_epoch(&self, radio: &RadioName, epoch: u64) {
        let mut learned = self.learned();
        let highest = learned.epochs.entry(radio.clone()).or_default();
        *highest = epoch.max(*highest);
    }

    /// The highest epoch of each radio that this host has seen.
    pub fn epochs_seen(&self) -> BTreeMap<RadioName, u64> {
        self.learned().epochs.clone()
    }
}

/// What a radio's change reads.
pub(crate) fn reads_of(radio: &RadioName) -> Vec<Op> {
    vec![Op::Get(layout::radio_key(radio)), Op::Get(layout::reservation_key(radio))]
}

fn same_identity(store: &Identity) -> Compare {
    Compare::Value(layout::IDENTITY.to_owned(), store.token.clone())
}
