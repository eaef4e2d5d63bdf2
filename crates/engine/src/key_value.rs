//! A replicated store of keys and values with transactions, leases and watches, as etcd has them.

use std::future::Future;
use std::time::Duration;

use futures::stream::BoxStream;
use tokio::time::Instant;

use crate::error::Error;

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub value: Vec<u8>,
    /// Revision of the store at which it was last written.
    pub mod_revision: i64,
    /// The lease that it ends with; 0: none.
    pub lease: i64,
}

/// What must hold for a transaction's first branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// The key was last written at that revision; 0: there is no such key.
    Revision(String, i64),
    /// The key has that value.
    Value(String, Vec<u8>),
}

impl Compare {
    /// Whether it holds where these are all entries of the keys concerned.
    pub fn holds(&self, entries: &[Entry]) -> bool {
        let at = |key: &str| entries.iter().find(|entry| entry.key == key);
        match self {
            Self::Revision(key, revision) => at(key).map_or(0, |entry| entry.mod_revision) == *revision,
            Self::Value(key, value) => at(key).is_some_and(|entry| entry.value == *value),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Writes a key, which ends with the lease; 0: none.
    Put(String, Vec<u8>, i64),
    Delete(String),
    /// Reads a key.
    Get(String),
    /// Reads all keys that begin so.
    GetAll(String),
}

impl Op {
    pub fn reads(&self) -> bool {
        matches!(self, Self::Get(_) | Self::GetAll(_))
    }
}

/// What is done at once: one branch or the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Txn {
    pub compare: Vec<Compare>,
    /// Where all of `compare` holds.
    pub then: Vec<Op>,
    pub otherwise: Vec<Op>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which branch it was.
    pub succeeded: bool,
    /// What its reads found, in order, in one list.
    pub found: Vec<Entry>,
    /// Revision of the store then.
    pub revision: i64,
    /// Identity of the cluster.
    pub cluster: u64,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum NoAnswer {
    /// It was not carried out, and will not be.
    NotDone(Error),
    /// It may have been carried out, or be carried out later.
    Lost(Error),
}

impl NoAnswer {
    pub fn into_error(self) -> Error {
        match self {
            Self::NotDone(error) | Self::Lost(error) => error,
        }
    }
}

/// A key was written, or is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub key: String,
    /// `None`: it was deleted, or its lease has ended.
    pub entry: Option<Entry>,
}

/// The events that came together; an error is the last item.
pub type Events = BoxStream<'static, Result<Vec<Event>, Error>>;

/// One host's client of the store.
pub trait KeyValue: Send + Sync + 'static {
    /// One attempt where it writes; where it only reads, as many as there is time for. Linearizable.
    fn txn(&self, txn: &Txn, deadline: Instant) -> impl Future<Output = Result<Answer, NoAnswer>> + Send;

    /// Makes a lease with that identity, which may be there already, for so many seconds at least. Returns for how many.
    fn grant_lease(&self, id: i64, seconds: i64, deadline: Instant) -> impl Future<Output = Result<i64, Error>> + Send;

    /// Renews a lease; `false`: there is none.
    fn keep_lease(&self, id: i64, deadline: Instant) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Ends a lease and what hangs on it; that there is none is no error.
    fn revoke_lease(&self, id: i64, deadline: Instant) -> impl Future<Output = Result<(), Error>> + Send;

    /// For how long a lease still holds.
    fn lease_left(&self, id: i64, deadline: Instant) -> impl Future<Output = Result<Option<Duration>, Error>> + Send;

    /// What happens to the keys that begin so, from that revision on.
    fn watch(&self, prefix: &str, revision: i64) -> Events;
}
