//! The rules of ownership: who may become the owner of a radio, and under which epoch.

use std::time::Duration;

use config::{HostName, RadioName};
use rand::Rng;
use tokio::time::Instant;

use crate::access::{Access, Identity, Write, Written, reads_of};
use crate::error::Error;
use crate::key_value::{Compare, Entry, KeyValue, Op};
use crate::layout::{self, Found, OwnerEntry, RadioEntry, ReservationEntry, believed, token, written};
use crate::ownership::{Expected, Reservation, Reserved, WorkState};

impl<K: KeyValue> Access<K> {
    pub async fn reserve(
        &self,
        radio: &RadioName,
        to: &HostName,
        expected: Expected,
        time: Duration,
    ) -> Result<Reservation, Error> {
        let deadline = self.deadline();
        let found = self.find(radio, deadline).await?;
        self.allows(radio, &found, expected, deadline).await?;
        let lease = lease_id();
        let time = Duration::from_secs(self.kv.grant_lease(lease, seconds(time), deadline).await?.unsigned_abs());
        let reserved = self.reserve_by(radio, to, expected, found, (lease, time), deadline).await;
        if reserved.is_err() {
            // It ends by itself, too.
            let _ = self.kv.revoke_lease(lease, deadline).await;
        }
        reserved
    }

    async fn reserve_by(
        &self,
        radio: &RadioName,
        to: &HostName,
        expected: Expected,
        mut found: Found,
        (lease, time): (i64, Duration),
        deadline: Instant,
    ) -> Result<Reservation, Error> {
        let what = || format!("the reservation of {radio} for {to}");
        loop {
            self.allows(radio, &found, expected, deadline).await?;
            let epoch = found.radio.next_epoch(radio)?;
            let id = token();
            let reservation = ReservationEntry { by: self.host.clone(), to: to.clone(), epoch, token: id.clone() };
            let entry = RadioEntry { highest: epoch, token: id.clone(), ..found.radio.clone() };
            let write = Write {
                what: what(),
                compare: unchanged(radio, &found),
                then: vec![put_radio(radio, &entry), Op::Put(layout::reservation_key(radio), written(&reservation), lease)],
                read: reads_of(radio),
                ours: &|entries| layout::found(radio, entries).is_ok_and(|found| found.reservation.as_ref() == Some(&reservation)),
            };
            let done = self.write(&write, deadline).await?;
            if let Written::Done(revision) = done {
                self.see_epoch(radio, epoch);
                // Where it was found to be done, the first comparison of the commit fails, and it reads for itself.
                let radio_revision = revision.unwrap_or(0);
                let to = to.clone();
                return Ok(Reservation { radio: radio.clone(), to, epoch, id, time, expected, lease, radio_revision });
            }
            self.again(what, deadline)?;
            found = self.find(radio, deadline).await?;
        }
    }

    pub async fn renew(&self, reservation: &Reservation) -> Result<(), Error> {
        if self.kv.keep_lease(reservation.lease, self.deadline()).await? {
            return Ok(());
        }
        Err(Error::ReservationOver { radio: reservation.radio.clone(), to: reservation.to.clone() })
    }

    pub async fn commit(&self, reservation: &Reservation) -> Result<u64, Error> {
        let Reservation { radio, to, id, .. } = reservation;
        let deadline = self.deadline();
        let what = || format!("the commit of {radio} to {to}");
        // As it was when it was reserved: then one round trip is enough.
        let mut found = Found {
            radio: RadioEntry { highest: reservation.epoch, ..RadioEntry::default() },
            radio_revision: reservation.radio_revision,
            reservation_revision: reservation.radio_revision,
            ..Found::default()
        };
        loop {
            // Above the reserved one it is the taker's own; whatever is higher was given or reported to somebody since.
            let fresh = found.radio.highest <= reservation.epoch;
            let epoch = if fresh { reservation.epoch } else { found.radio.next_epoch(radio)? };
            let owner = OwnerEntry { host: to.clone(), epoch, state: WorkState::Serving };
            let entry = RadioEntry { highest: epoch, owner: Some(owner), token: token_of_commit(id) };
            let mut then = vec![put_radio(radio, &entry)];
            if found.reservation_revision != 0 {
                then.push(Op::Delete(layout::reservation_key(radio)));
            }
            let ours = |entries: &[Entry]| layout::found(radio, entries).is_ok_and(|found| found.radio.token == entry.token);
            let write = Write { what: what(), compare: unchanged(radio, &found), then, read: reads_of(radio), ours: &ours };
            let entries = match self.write(&write, deadline).await? {
                Written::Done(None) => {
                    // Perhaps by an earlier call, under another epoch.
                    let found = self.find(radio, deadline).await?;
                    return Ok(found.radio.owner.filter(|_| found.radio.token == entry.token).map_or(epoch, |owner| owner.epoch));
                }
                Written::Done(Some(_)) => {
                    self.see_epoch(radio, epoch);
                    return Ok(epoch);
                }
                Written::NotDone(entries) => entries,
            };
            found = layout::found(radio, &entries)?;
            if found.radio.expected() == Expected::Epoch(reservation.epoch) {
                // Nobody else was given this epoch: an earlier call has done it.
                return Ok(reservation.epoch);
            }
            if found.radio.expected() != reservation.expected {
                return Err(Error::Stale { radio: radio.clone(), owner: found.radio.ownership() });
            }
            if let Some(other) = found.reservation.clone().filter(|other| other.token != *id) {
                return Err(self.reserved_by_another(radio, other, found.reservation_lease, deadline).await);
            }
            self.again(what, deadline)?;
        }
    }

    pub async fn release(&self, radio: &RadioName, id: &str) -> Result<(), Error> {
        let deadline = self.deadline();
        let found = self.find(radio, deadline).await?;
        if found.reservation.is_none_or(|reservation| reservation.token != id) {
            return Ok(());
        }
        let key = layout::reservation_key(radio);
        let ours = |entries: &[Entry]| {
            layout::found(radio, entries).is_ok_and(|found| found.reservation.is_none_or(|reservation| reservation.token != id))
        };
        let write = Write {
            what: format!("the end of the reservation of {radio}"),
            compare: vec![Compare::Revision(key.clone(), found.reservation_revision)],
            then: vec![Op::Delete(key)],
            read: reads_of(radio),
            ours: &ours,
        };
        // Where it was not done, it has become another one's or has ended.
        self.write(&write, deadline).await.map(drop)
    }

    pub async fn grant(&self, radio: &RadioName, host: &HostName, expected: Expected) -> Result<u64, Error> {
        let deadline = self.deadline();
        loop {
            let found = self.find(radio, deadline).await?;
            self.allows(radio, &found, expected, deadline).await?;
            let epoch = found.radio.next_epoch(radio)?;
            let owner = OwnerEntry { host: host.clone(), epoch, state: WorkState::Serving };
            let entry = RadioEntry { highest: epoch, owner: Some(owner), token: token() };
            if self
                .put(radio, &found, &entry, unchanged(radio, &found), deadline, || format!("the grant of {radio} to {host}"))
                .await?
            {
                return Ok(epoch);
            }
        }
    }

    pub async fn set_state(&self, radio: &RadioName, epoch: u64, state: WorkState) -> Result<(), Error> {
        let deadline = self.deadline();
        loop {
            let found = self.find(radio, deadline).await?;
            let stale = || Error::Stale { radio: radio.clone(), owner: found.radio.ownership() };
            let mut owner = found.radio.owner.clone().filter(|owner| owner.epoch == epoch).ok_or_else(stale)?;
            if owner.state == state {
                return Ok(());
            }
            owner.state = state;
            let entry = RadioEntry { owner: Some(owner), token: token(), ..found.radio.clone() };
            if self.put(radio, &found, &entry, same_radio(radio, &found), deadline, || format!("the new state of {radio}")).await? {
                return Ok(());
            }
        }
    }

    pub async fn at_least(&self, radio: &RadioName, epoch: u64) -> Result<u64, Error> {
        self.raise(None, radio, believed(radio, epoch)?).await
    }

    /// In the store that this host knows, or in that one.
    async fn raise(&self, store: Option<&Identity>, radio: &RadioName, epoch: u64) -> Result<u64, Error> {
        let deadline = self.deadline();
        loop {
            let found = match store {
                Some(store) => self.find_in(store, radio, deadline).await?,
                None => self.find(radio, deadline).await?,
            };
            if found.radio.highest >= epoch {
                return Ok(found.radio.highest);
            }
            let entry = RadioEntry { highest: epoch, token: token(), ..found.radio.clone() };
            let what = || format!("the raising of the epoch of {radio}");
            let write = put(radio, &entry, same_radio(radio, &found), what());
            let ours = |entries: &[Entry]| has_token(radio, entries, &entry.token);
            let write = Write { ours: &ours, ..write };
            let done = match store {
                Some(store) => self.write_to(Some(store), &write, deadline).await?,
                None => self.write(&write, deadline).await?,
            };
            if matches!(done, Written::Done(_)) {
                self.see_epoch(radio, epoch);
                return Ok(epoch);
            }
            self.again(what, deadline)?;
        }
    }

    pub async fn adopt(&self) -> Result<(), Error> {
        let store = self.identity_there(self.deadline()).await?;
        for (radio, epoch) in self.epochs_seen() {
            self.raise(Some(&store), &radio, epoch).await?;
        }
        self.believe(store);
        Ok(())
    }

    /// One attempt to write a radio's entry: whether it was done.
    async fn put(
        &self,
        radio: &RadioName,
        found: &Found,
        entry: &RadioEntry,
        compare: Vec<Compare>,
        deadline: Instant,
        what: impl Fn() -> String,
    ) -> Result<bool, Error> {
        let ours = |entries: &[Entry]| has_token(radio, entries, &entry.token);
        let write = Write { ours: &ours, ..put(radio, entry, compare, what()) };
        if let Written::Done(_) = self.write(&write, deadline).await? {
            self.see_epoch(radio, entry.highest.max(found.radio.highest));
            return Ok(true);
        }
        self.again(what, deadline).map(|()| false)
    }

    /// Whether the radio may be given to somebody.
    async fn allows(&self, radio: &RadioName, found: &Found, expected: Expected, deadline: Instant) -> Result<(), Error> {
        if found.radio.expected() != expected {
            return Err(Error::Stale { radio: radio.clone(), owner: found.radio.ownership() });
        }
        match found.reservation.clone() {
            Some(other) => Err(self.reserved_by_another(radio, other, found.reservation_lease, deadline).await),
            None => Ok(()),
        }
    }

    async fn reserved_by_another(&self, radio: &RadioName, other: ReservationEntry, lease: i64, deadline: Instant) -> Error {
        // Not known is as good as just over: the sentence is about the reservation.
        let left = self.kv.lease_left(lease, deadline).await.unwrap_or(None);
        Error::Reserved { radio: radio.clone(), reserved: other.reserved(left) }
    }

    pub async fn reserved(&self, radio: &RadioName) -> Result<Option<Reserved>, Error> {
        let deadline = self.deadline();
        let found = self.find(radio, deadline).await?;
        let Some(reservation) = found.reservation else { return Ok(None) };
        let left = self.kv.lease_left(found.reservation_lease, deadline).await?;
        Ok(Some(reservation.reserved(left)))
    }

    /// Whether there is time for another attempt.
    fn again(&self, what: impl Fn() -> String, deadline: Instant) -> Result<(), Error> {
        if Instant::now() < deadline {
            return Ok(());
        }
        Err(Error::Contended { what: what(), within: self.timing.deadline })
    }
}

/// A commit that is done twice is one change.
fn token_of_commit(reservation: &str) -> String {
    format!("commit {reservation}")
}

fn has_token(radio: &RadioName, entries: &[Entry], token: &str) -> bool {
    layout::found(radio, entries).is_ok_and(|found| found.radio.token == token)
}

fn put_radio(radio: &RadioName, entry: &RadioEntry) -> Op {
    Op::Put(layout::radio_key(radio), written(entry), 0)
}

fn put<'a>(radio: &RadioName, entry: &RadioEntry, compare: Vec<Compare>, what: String) -> Write<'a> {
    Write { what, compare, then: vec![put_radio(radio, entry)], read: reads_of(radio), ours: &|_| false }
}

fn same_radio(radio: &RadioName, found: &Found) -> Vec<Compare> {
    vec![Compare::Revision(layout::radio_key(radio), found.radio_revision)]
}

/// Neither the owner nor a reservation has changed since.
fn unchanged(radio: &RadioName, found: &Found) -> Vec<Compare> {
    let reservation = Compare::Revision(layout::reservation_key(radio), found.reservation_revision);
    same_radio(radio, found).into_iter().chain([reservation]).collect()
}

/// A lease's time for the store.
pub(crate) fn seconds(time: Duration) -> i64 {
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    i64::try_from(whole.clamp(1, LONGEST_LEASE)).unwrap_or(1)
}

/// Longest lease, seconds: a day. What is meant to last longer is no reservation.
const LONGEST_LEASE: u64 = 86_400;

/// Chosen here and not by the store, so that a grant whose answer was lost can be asked for again.
pub(crate) fn lease_id() -> i64 {
    rand::rng().random_range(1..i64::MAX)
}
