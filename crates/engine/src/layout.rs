//! Which keys there are, and what is in them. Everything that is read comes from the network, and is checked.

use config::{HostName, RadioName};
use protocol::MAX_EPOCH;
use rand::Rng;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::change::{Change, View};
use crate::error::{Error, quoted};
use crate::key_value::{Entry, Event};
use crate::ownership::{Expected, Ownership, Reserved, WorkState};

/// What all keys begin with.
pub(crate) const PREFIX: &str = "/baton/";
/// The store's identity, which one that was rebuilt has not.
pub(crate) const IDENTITY: &str = "/baton/identity";
/// Who leads.
pub(crate) const LEADER: &str = "/baton/leader";
/// Who is there, a key each.
pub(crate) const MEMBERS: &str = "/baton/member/";

/// A radio: who owns it, and the highest epoch. One key, so that one comparison guards both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RadioEntry {
    /// The highest epoch that was given or reported.
    pub highest: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerEntry>,
    /// What tells this writing from every other one.
    pub token: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnerEntry {
    pub host: HostName,
    pub epoch: u64,
    pub state: WorkState,
}

/// A reservation, on a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReservationEntry {
    pub by: HostName,
    pub to: HostName,
    pub epoch: u64,
    /// As [`RadioEntry::token`].
    pub token: String,
}

/// A member, or the leader; on a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostEntry {
    pub host: HostName,
    /// As [`RadioEntry::token`].
    pub token: String,
}

/// A radio's two entries, as one transaction found them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub radio: RadioEntry,
    /// 0: there is no entry.
    pub radio_revision: i64,
    pub reservation: Option<ReservationEntry>,
    /// 0: there is none.
    pub reservation_revision: i64,
    pub reservation_lease: i64,
}

pub(crate) fn member_key(host: &HostName) -> String {
    format!("{MEMBERS}{host}")
}

pub(crate) fn radio_key(radio: &RadioName) -> String {
    format!("{PREFIX}radio/{radio}")
}

pub(crate) fn reservation_key(radio: &RadioName) -> String {
    format!("{PREFIX}reservation/{radio}")
}

/// The two entries of a radio among what was read.
///
/// # Errors
/// [`Error::Malformed`] for an entry that nobody of this project has written.
pub(crate) fn found(radio: &RadioName, entries: &[Entry]) -> Result<Found, Error> {
    let mut found = Found::default();
    for entry in entries {
        if entry.key == radio_key(radio) {
            found.radio = radio_entry(entry)?;
            found.radio_revision = entry.mod_revision;
        } else if entry.key == reservation_key(radio) {
            found.reservation = Some(reservation_entry(entry)?);
            found.reservation_revision = entry.mod_revision;
            found.reservation_lease = entry.lease;
        }
    }
    Ok(found)
}

/// The hosts among the members that were read.
pub(crate) fn hosts(entries: &[Entry]) -> Result<Vec<HostName>, Error> {
    entries.iter().filter_map(|entry| entry.key.strip_prefix(MEMBERS).map(|name| name_in(&entry.key, name))).collect()
}

/// All there is, from all entries.
pub(crate) fn view(entries: &[Entry]) -> Result<View, Error> {
    let mut view = View::default();
    for entry in entries {
        let event = Event { key: entry.key.clone(), entry: Some(entry.clone()) };
        match change(&event)? {
            Some(Change::Owner(radio, Some(owner))) => drop(view.owners.insert(radio, owner)),
            Some(Change::Reserved(radio, Some(reserved))) => drop(view.reserved.insert(radio, reserved)),
            Some(Change::Member(host, true)) => drop(view.members.insert(host)),
            Some(Change::Leader(leader)) => view.leader = leader,
            _ => {}
        }
    }
    Ok(view)
}

/// What an event means; `None`: nothing to anybody.
pub(crate) fn change(event: &Event) -> Result<Option<Change>, Error> {
    let Some(key) = event.key.strip_prefix(PREFIX) else { return Ok(None) };
    let entry = event.entry.as_ref();
    Ok(match key.split_once('/') {
        Some(("radio", name)) => {
            let entry = entry.map(radio_entry).transpose()?.unwrap_or_default();
            Some(Change::Owner(name_in(&event.key, name)?, entry.ownership()))
        }
        Some(("reservation", name)) => {
            let entry = entry.map(reservation_entry).transpose()?;
            Some(Change::Reserved(name_in(&event.key, name)?, entry.map(|entry| entry.reserved(None))))
        }
        Some(("member", name)) => Some(Change::Member(name_in(&event.key, name)?, entry.is_some())),
        None if key == "leader" => Some(Change::Leader(entry.map(host_entry).transpose()?.map(|entry| entry.host))),
        _ => None,
    })
}

impl RadioEntry {
    pub fn ownership(&self) -> Option<Ownership> {
        let OwnerEntry { host, epoch, state } = self.owner.clone()?;
        Some(Ownership { host, epoch, state, highest: self.highest })
    }

    pub fn expected(&self) -> Expected {
        self.owner.as_ref().map_or(Expected::Nobody, |owner| Expected::Epoch(owner.epoch))
    }

    /// The next epoch that nobody has had.
    pub fn next_epoch(&self, radio: &RadioName) -> Result<u64, Error> {
        believed(radio, self.highest.saturating_add(1))
    }
}

impl ReservationEntry {
    pub fn reserved(self, left: Option<std::time::Duration>) -> Reserved {
        Reserved { by: self.by, to: self.to, epoch: self.epoch, id: self.token, left }
    }
}

/// The epoch, if it is one that is believed.
pub(crate) fn believed(radio: &RadioName, epoch: u64) -> Result<u64, Error> {
    if epoch <= MAX_EPOCH { Ok(epoch) } else { Err(Error::EpochTooHigh { radio: radio.clone(), epoch }) }
}

/// What tells one writing from every other one: 128 bits of chance.
pub(crate) fn token() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

pub(crate) fn written(value: &impl Serialize) -> Vec<u8> {
    // Nothing in these types fails to be written: no map with other keys than text, no number that JSON does not have.
    serde_json::to_vec(value).unwrap_or_default()
}

fn radio_entry(entry: &Entry) -> Result<RadioEntry, Error> {
    let radio: RadioEntry = read(entry)?;
    let epoch = radio.owner.as_ref().map_or(0, |owner| owner.epoch);
    if epoch > radio.highest || radio.highest > MAX_EPOCH {
        return Err(malformed(&entry.key, &format!("epoch {epoch} of at most {} is none that was given", radio.highest)));
    }
    Ok(radio)
}

fn reservation_entry(entry: &Entry) -> Result<ReservationEntry, Error> {
    read(entry)
}

pub(crate) fn host_entry(entry: &Entry) -> Result<HostEntry, Error> {
    read(entry)
}

fn read<T: DeserializeOwned>(entry: &Entry) -> Result<T, Error> {
    serde_json::from_slice(&entry.value).map_err(|e| malformed(&entry.key, &e.to_string()))
}

fn name_in<T: TryFrom<String>>(key: &str, name: &str) -> Result<T, Error> {
    T::try_from(name.to_owned()).map_err(|_| malformed(key, "its name is none that is allowed"))
}

fn malformed(key: &str, what: &str) -> Error {
    Error::Malformed { key: quoted(key), what: quoted(what) }
}
