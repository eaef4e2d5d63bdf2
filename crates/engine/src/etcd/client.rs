//! etcd as a store of keys and values.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::gateway;
use super::members::{Members, Read, Said};
use super::watch;
use crate::error::Error;
use crate::key_value::{Answer, Events, KeyValue, NoAnswer, Op, Txn};

/// One host's client.
#[derive(Debug, Clone)]
pub struct Client {
    members: Members,
}

impl Client {
    pub(super) fn new(endpoints: Vec<String>, connector: Option<&TlsConnector>, attempt: Duration) -> Self {
        Self { members: Members::new(endpoints, connector, attempt) }
    }

    async fn lease_call<T>(&self, path: &str, body: Bytes, read: Read<T>, deadline: Instant) -> Result<Said<T>, Error> {
        self.members.call(path, body, read, true, deadline).await.map_err(NoAnswer::into_error)
    }
}

impl KeyValue for Client {
    async fn txn(&self, txn: &Txn, deadline: Instant) -> Result<Answer, NoAnswer> {
        let repeated = txn.then.iter().chain(&txn.otherwise).all(Op::reads);
        match self.members.call("/v3/kv/txn", gateway::txn(txn), gateway::answer, repeated, deadline).await? {
            Said::Answer(answer) => Ok(answer),
            Said::NoLease => Err(NoAnswer::NotDone(lease_ended())),
            Said::LeaseExists => Err(NoAnswer::NotDone(unexpected("lease already exists"))),
        }
    }

    async fn grant_lease(&self, id: i64, seconds: i64, deadline: Instant) -> Result<i64, Error> {
        match self.lease_call("/v3/lease/grant", gateway::new_lease(id, seconds), gateway::lease_time, deadline).await? {
            Said::Answer(granted) if granted > 0 => Ok(granted),
            // An answer was lost, and the lease is there. It has this time at least.
            Said::Answer(_) | Said::LeaseExists => Ok(seconds),
            Said::NoLease => Err(lease_ended()),
        }
    }

    async fn keep_lease(&self, id: i64, deadline: Instant) -> Result<bool, Error> {
        match self.lease_call("/v3/lease/keepalive", gateway::lease(id), gateway::lease_renewed, deadline).await? {
            Said::Answer(left) => Ok(left > 0),
            Said::NoLease | Said::LeaseExists => Ok(false),
        }
    }

    async fn revoke_lease(&self, id: i64, deadline: Instant) -> Result<(), Error> {
        self.lease_call("/v3/lease/revoke", gateway::lease(id), |_| Ok(()), deadline).await.map(drop)
    }

    async fn lease_left(&self, id: i64, deadline: Instant) -> Result<Option<Duration>, Error> {
        match self.lease_call("/v3/lease/timetolive", gateway::lease(id), gateway::lease_time, deadline).await? {
            Said::Answer(left) => Ok(u64::try_from(left).ok().map(Duration::from_secs)),
            Said::NoLease | Said::LeaseExists => Ok(None),
        }
    }

    fn watch(&self, prefix: &str, revision: i64) -> Events {
        watch::watch(self.members.clone(), prefix.to_owned(), revision)
    }
}

fn lease_ended() -> Error {
    unexpected("the lease has ended meanwhile")
}

fn unexpected(message: &str) -> Error {
    Error::Refused { endpoint: "the pool's store".to_owned(), message: message.to_owned() }
}
