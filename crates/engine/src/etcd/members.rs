//! The members, one after another.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use hyper::StatusCode;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;

use super::endpoint::{Endpoint, Failed, STATUS};
use super::gateway::{self, Unreadable};
use crate::error::{Attempt, Error, quoted};
use crate::key_value::{NoAnswer, Op, Txn};
use crate::layout::IDENTITY;

/// How long all endpoints rest after none has answered.
const PAUSE: Duration = Duration::from_millis(50);
// The codes of gRPC that mean something here.
const UNKNOWN: i64 = 2;
const DEADLINE: i64 = 4;
const NOT_FOUND: i64 = 5;
const RESOURCES: i64 = 8;
const PRECONDITION: i64 = 9;
const UNAVAILABLE: i64 = 14;

/// One host's way to the members.
#[derive(Clone)]
pub(super) struct Members {
    pub endpoints: Arc<[Endpoint]>,
    /// The endpoint that answered last.
    preferred: Arc<AtomicUsize>,
    /// How long one of them has.
    pub attempt: Duration,
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.endpoints.iter().map(|endpoint| &endpoint.address)).finish()
    }
}

/// What one endpoint had to say instead of an answer.
enum Refusal {
    /// Nothing, or that it cannot at the moment.
    Failed(Failed),
    /// It is no etcd.
    NotEtcd(Error),
    /// etcd's own error, which another endpoint would repeat.
    Final(Error),
    /// There is no such lease.
    NoLease,
    /// There is such a lease.
    LeaseExists,
}

/// An answer, or what is said of a lease.
pub(super) enum Said<T> {
    Answer(T),
    NoLease,
    LeaseExists,
}

pub(super) type Read<T> = fn(&[u8]) -> Result<T, Unreadable>;

impl Members {
    pub fn new(endpoints: Vec<String>, connector: Option<&TlsConnector>, attempt: Duration) -> Self {
        let endpoints = endpoints.into_iter().map(|address| Endpoint::new(address, connector.cloned())).collect();
        Self { endpoints, preferred: Arc::default(), attempt }
    }

    /// The place of the endpoint that is asked next; `None`: there is none.
    pub fn turn(&self) -> Option<usize> {
        self.preferred.load(Ordering::Relaxed).checked_rem(self.endpoints.len())
    }

    /// Has the next request go to another endpoint than that.
    pub fn leave(&self, place: usize) {
        // Whoever comes second finds it done.
        let next = (place + 1) % self.endpoints.len().max(1);
        let _ = self.preferred.compare_exchange(place, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Asks one endpoint after another. Where the request may not be `repeated`, the first that may have taken it is the last.
    pub async fn call<T>(
        &self,
        path: &str,
        body: Bytes,
        read: Read<T>,
        repeated: bool,
        deadline: Instant,
    ) -> Result<Said<T>, NoAnswer> {
        let mut failures: Vec<Option<(Attempt, Option<Error>)>> = vec![None; self.endpoints.len()];
        for round in 1.. {
            let Some(place) = self.turn() else { break };
            let Some(endpoint) = self.endpoints.get(place) else { break };
            let until = deadline.min(Instant::now() + self.attempt);
            let (failed, not_etcd) = match ask(endpoint, path, body.clone(), read, until, self.attempt).await {
                Ok(answer) => return Ok(Said::Answer(answer)),
                Err(Refusal::NoLease) => return Ok(Said::NoLease),
                Err(Refusal::LeaseExists) => return Ok(Said::LeaseExists),
                Err(Refusal::Final(error)) => return Err(NoAnswer::NotDone(error)),
                Err(Refusal::Failed(failed)) => (failed, None),
                Err(Refusal::NotEtcd(error)) => (Failed::after("is not the etcd of this pool".to_owned()), Some(error)),
            };
            self.leave(place);
            let attempt = Attempt { endpoint: endpoint.address.clone(), why: failed.why, answered: failed.answered };
            if failed.sent && !repeated {
                return Err(NoAnswer::Lost(not_etcd.unwrap_or(Error::Unreachable(vec![attempt]))));
            }
            let over = Instant::now() >= deadline;
            // An attempt that was cut short says less than the one before.
            if let Some(failure) = failures.get_mut(place).filter(|failure| !over || failure.is_none()) {
                *failure = Some((attempt, not_etcd));
            }
            if over {
                break;
            }
            if round % self.endpoints.len().max(1) == 0 {
                sleep(PAUSE).await;
            }
        }
        Err(NoAnswer::NotDone(self.explained(failures.into_iter().flatten().collect()).await))
    }

    /// Why no endpoint has done it.
    async fn explained(&self, failures: Vec<(Attempt, Option<Error>)>) -> Error {
        let (mut attempts, mut others) = (Vec::new(), Vec::new());
        for (attempt, not_etcd) in failures {
            others.extend(not_etcd.map(|error| (attempt.endpoint.clone(), error)));
            attempts.push(attempt);
        }
        let until = Instant::now() + self.attempt;
        let leaders = self.endpoints.iter().map(|endpoint| async move {
            let body = Bytes::from_static(b"{}");
            (endpoint, ask(endpoint, STATUS, body, gateway::leader, until, self.attempt).await)
        });
        let (mut answering, mut silent, mut has_leader) = (Vec::new(), Vec::new(), false);
        for (endpoint, leader) in join_all(leaders).await {
            match leader {
                Ok(0) if others.iter().any(|(other, _)| *other == endpoint.address) => {}
                Ok(0) => answering.push(endpoint.address.clone()),
                Ok(_) => has_leader = true,
                Err(Refusal::Failed(Failed { why, answered, .. })) => {
                    silent.push(Attempt { endpoint: endpoint.address.clone(), why, answered });
                }
                Err(_) => {}
            }
        }
        match others.pop() {
            _ if !answering.is_empty() && !has_leader => Error::NoQuorum { answering, silent },
            Some((_, error)) => error,
            None => Error::Unreachable(attempts),
        }
    }

    /// Whether that endpoint follows the quorum.
    pub async fn is_sound(&self, place: usize) -> Result<(), Failed> {
        let Some(endpoint) = self.endpoints.get(place) else { return Ok(()) };
        let within = 2 * self.attempt;
        let txn = gateway::txn(&Txn { then: vec![Op::Get(IDENTITY.to_owned())], ..Txn::default() });
        match ask(endpoint, "/v3/kv/txn", txn, gateway::answer, Instant::now() + within, within).await {
            Err(Refusal::Failed(failed)) => Err(failed),
            _ => Ok(()),
        }
    }
}

async fn ask<T>(
    endpoint: &Endpoint,
    path: &str,
    body: Bytes,
    read: Read<T>,
    until: Instant,
    within: Duration,
) -> Result<T, Refusal> {
    let (status, body) = endpoint.ask(path, body, until, within).await.map_err(Refusal::Failed)?;
    if status == StatusCode::OK {
        return read(&body).map_err(|what| not_etcd(endpoint, &what));
    }
    let gateway::Status { message, code } =
        gateway::status(&body).map_err(|_| not_etcd(endpoint, &format!("it answers {status} without a reason")))?;
    Err(refusal(endpoint, code, &message))
}

pub(super) fn not_etcd_error(endpoint: &Endpoint, what: &str) -> Error {
    Error::NotEtcd { endpoint: endpoint.address.clone(), what: quoted(what) }
}

fn not_etcd(endpoint: &Endpoint, what: &str) -> Refusal {
    Refusal::NotEtcd(not_etcd_error(endpoint, what))
}

fn refusal(endpoint: &Endpoint, code: i64, message: &str) -> Refusal {
    let said = quoted(message.strip_prefix("etcdserver: ").unwrap_or(message));
    match code {
        RESOURCES if message.contains("database space exceeded") => {
            Refusal::Final(Error::DiskFull { endpoint: endpoint.address.clone() })
        }
        NOT_FOUND if message.contains("lease not found") => Refusal::NoLease,
        PRECONDITION if message.contains("lease already exists") => Refusal::LeaseExists,
        // A leader that changed, a request that took too long, too many requests: it may have been taken.
        UNKNOWN | DEADLINE | RESOURCES | UNAVAILABLE => Refusal::Failed(Failed::after(format!("says: {said}"))),
        _ => Refusal::Final(Error::Refused { endpoint: endpoint.address.clone(), message: said }),
    }
}
