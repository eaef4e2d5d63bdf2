//! The tasks behind a membership and a lead: they renew a lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::access::{Access, Write, Written};
use crate::error::Error;
use crate::key_value::{Compare, Entry, KeyValue, Op};
use crate::layout::{self, HostEntry, host_entry, token, written};
use crate::lease::{Held, Lead, Leadership, Membership};
use crate::owning::{lease_id, seconds};

/// A lease is renewed that often within its time.
const RENEWALS: u32 = 3;
/// How long after a failure to take a lease the next attempt follows.
const PAUSE: Duration = Duration::from_millis(200);
/// What a leader takes off the time of its lease: its messages may have been under way.
const MARGIN: f64 = 0.9;

/// A lease that was taken.
#[derive(Debug, Clone, Copy)]
struct Lease {
    id: i64,
    time: Duration,
}

pub(crate) async fn join<K: KeyValue>(access: &Arc<Access<K>>) -> Result<Membership, Error> {
    let lease = take_membership(access).await?;
    let access = Arc::clone(access);
    Ok(Membership::new(Held::by(true, move |state, end| keep_membership(access, lease, state, end))))
}

async fn take_membership<K: KeyValue>(access: &Access<K>) -> Result<Lease, Error> {
    let deadline = access.deadline();
    let asked = Instant::now();
    let lease = take_lease(access, deadline).await?;
    let key = layout::member_key(&access.host);
    let entry = HostEntry { host: access.host.clone(), token: token() };
    let is_ours = |found: &[Entry]| found.first().is_some_and(|found| host_entry(found).is_ok_and(|found| found == entry));
    let write = Write {
        what: format!("the membership of {}", access.host),
        compare: Vec::new(),
        then: vec![Op::Put(key.clone(), written(&entry), lease.id)],
        read: vec![Op::Get(key)],
        ours: &is_ours,
    };
    access.write(&write, deadline).await?;
    access.standing(|standing| standing.joined(asked, lease.time));
    Ok(lease)
}

async fn keep_membership<K: KeyValue>(access: Arc<Access<K>>, first: Lease, state: watch::Sender<bool>, end: CancellationToken) {
    let mut lease = Some(first);
    let mut renewed = Instant::now();
    while end.run_until_cancelled(sleep(lease.map_or(PAUSE, |lease| lease.time / RENEWALS))).await.is_some() {
        let Some(held) = lease else {
            match take_membership(&access).await {
                Ok(taken) => (lease, renewed) = (Some(taken), Instant::now()),
                Err(error) => tracing::debug!("{} is no member: {error}", access.host),
            }
            let _ = state.send_replace(lease.is_some());
            continue;
        };
        let deadline = Instant::now() + held.time / RENEWALS;
        match renew(&access, held, deadline).await {
            Some(true) => {
                renewed = Instant::now();
                access.standing(|standing| standing.renewed(renewed));
            }
            None if renewed.elapsed() < held.time => {}
            _ => {
                tracing::warn!(
                    "the membership of {} in the pool's store was broken: for a while nobody counts as missing",
                    access.host
                );
                access.standing(|standing| standing.broken());
                let _ = state.send_replace(false);
                lease = None;
            }
        }
    }
    access.standing(|standing| standing.broken());
    if let Some(lease) = lease {
        give_up(&access, lease).await;
    }
}

pub(crate) async fn lead<K: KeyValue>(access: &Arc<Access<K>>) -> Result<Lead, Error> {
    let deadline = access.deadline();
    let key = layout::LEADER.to_owned();
    let read = vec![Op::Get(key.clone())];
    if let Some(led) = access.read(read.clone(), deadline).await?.found.first() {
        return Ok(Lead::Led(host_entry(led)?.host));
    }
    let asked = Instant::now();
    let lease = take_lease(access, deadline).await?;
    let entry = HostEntry { host: access.host.clone(), token: token() };
    let is_ours = |found: &[Entry]| found.first().is_some_and(|found| host_entry(found).is_ok_and(|found| found == entry));
    let write = Write {
        what: format!("the election of {}", access.host),
        compare: vec![Compare::Revision(key.clone(), 0)],
        then: vec![Op::Put(key, written(&entry), lease.id)],
        read,
        ours: &is_ours,
    };
    match access.write(&write, deadline).await {
        Ok(Written::Done(_)) => {
            let access = Arc::clone(access);
            let until = asked + lease.time.mul_f64(MARGIN);
            Ok(Lead::Won(Leadership::new(Held::by(until, move |state, end| keep_lead(access, lease, state, end)))))
        }
        Ok(Written::NotDone(found)) => {
            give_up(access, lease).await;
            match found.first() {
                Some(led) => Ok(Lead::Led(host_entry(led)?.host)),
                None => Err(Error::Contended { what: write.what, within: access.timing.deadline }),
            }
        }
        Err(error) => {
            give_up(access, lease).await;
            Err(error)
        }
    }
}

async fn keep_lead<K: KeyValue>(access: Arc<Access<K>>, lease: Lease, state: watch::Sender<Instant>, end: CancellationToken) {
    while end.run_until_cancelled(sleep(lease.time / RENEWALS)).await.is_some() {
        let asked = Instant::now();
        match renew(&access, lease, asked + lease.time / RENEWALS).await {
            Some(true) => drop(state.send_replace(asked + lease.time.mul_f64(MARGIN))),
            None if asked < *state.borrow() => {}
            _ => {
                let _ = state.send_replace(asked);
                return;
            }
        }
    }
    let _ = state.send_replace(Instant::now());
    give_up(&access, lease).await;
}

async fn take_lease<K: KeyValue>(access: &Access<K>, deadline: Instant) -> Result<Lease, Error> {
    let id = lease_id();
    let granted = access.kv.grant_lease(id, seconds(access.timing.lease), deadline).await?;
    Ok(Lease { id, time: Duration::from_secs(granted.unsigned_abs()) })
}

/// Whether the lease still was there; `None`: nobody said in time.
async fn renew<K: KeyValue>(access: &Access<K>, lease: Lease, deadline: Instant) -> Option<bool> {
    match timeout_at(deadline, access.kv.keep_lease(lease.id, deadline)).await {
        Ok(Ok(there)) => Some(there),
        Ok(Err(error)) => {
            tracing::debug!("a lease of {} was not renewed: {error}", access.host);
            None
        }
        Err(_) => None,
    }
}

async fn give_up<K: KeyValue>(access: &Access<K>, lease: Lease) {
    // Without it the lease ends by itself.
    let _ = access.kv.revoke_lease(lease.id, access.deadline()).await;
}
