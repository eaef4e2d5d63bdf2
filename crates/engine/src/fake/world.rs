//! What is in the store in memory, and what happens to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use config::HostName;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use crate::key_value::{Answer, Entry, Event, Op, Txn};

/// What becomes of a change that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Answered,
    DoneUnanswered,
    Undone,
    DoneLater,
}

#[derive(Debug, Clone)]
pub(super) struct World {
    entries: BTreeMap<String, Entry>,
    pub revision: i64,
    pub cluster: u64,
    /// How often all connections were broken.
    pub restarts: u64,
    leases: BTreeMap<i64, Lease>,
    /// All that ever happened, by revision.
    log: Vec<(i64, Event)>,
    pub quorate: bool,
    pub full: bool,
    cut_off: BTreeSet<HostName>,
    /// What becomes of the next changes.
    pub fates: VecDeque<Fate>,
    chance: Option<StdRng>,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    time: Duration,
    until: Instant,
}

impl World {
    pub fn new(seed: Option<u64>) -> Self {
        Self {
            entries: BTreeMap::new(),
            revision: 1,
            cluster: 1,
            restarts: 0,
            leases: BTreeMap::new(),
            log: Vec::new(),
            quorate: true,
            full: false,
            cut_off: BTreeSet::new(),
            fates: VecDeque::new(),
            chance: seed.map(StdRng::seed_from_u64),
        }
    }

    pub fn cut_off(&mut self, host: &HostName, off: bool) {
        if off {
            self.cut_off.insert(host.clone())
        } else {
            self.cut_off.remove(host)
        };
    }

    pub fn is_cut_off(&self, host: &HostName) -> bool {
        self.cut_off.contains(host)
    }

    pub fn lose_data(&mut self) {
        let (chance, cut_off) = (self.chance.take(), std::mem::take(&mut self.cut_off));
        *self = Self { cluster: self.cluster, restarts: self.restarts + 1, chance, cut_off, ..Self::new(None) };
    }

    pub fn change_cluster(&mut self) {
        self.cluster += 1;
        self.restarts += 1;
    }

    /// As from a copy of a member's disk: the same cluster.
    pub fn restore(&mut self, before: &Self) {
        let (chance, cut_off) = (self.chance.take(), std::mem::take(&mut self.cut_off));
        *self = Self { restarts: self.restarts + 1, chance, cut_off, ..before.clone() };
    }

    pub fn delay(&mut self) -> Duration {
        self.chance.as_mut().map_or(Duration::ZERO, |chance| Duration::from_micros(chance.random_range(0..4000)))
    }

    pub fn fate(&mut self) -> Fate {
        if let Some(fate) = self.fates.pop_front() {
            return fate;
        }
        match self.chance.as_mut().map(|chance| chance.random_range(0..24)) {
            Some(0) => Fate::DoneUnanswered,
            Some(1) => Fate::Undone,
            Some(2) => Fate::DoneLater,
            _ => Fate::Answered,
        }
    }

    /// Nothing ends while there is no quorum; all that would have ended does when there is one again.
    pub fn expire(&mut self, now: Instant) {
        if !self.quorate {
            return;
        }
        let over: Vec<i64> = self.leases.iter().filter(|(_, lease)| lease.until <= now).map(|(id, _)| *id).collect();
        over.into_iter().for_each(|id| self.end_lease(id));
    }

    pub fn next_expiry(&self) -> Option<Instant> {
        self.leases.values().map(|lease| lease.until).min()
    }

    pub fn grant(&mut self, id: i64, seconds: i64, now: Instant) {
        let time = Duration::from_secs(seconds.unsigned_abs());
        self.leases.insert(id, Lease { time, until: now + time });
    }

    pub fn keep(&mut self, id: i64, now: Instant) -> bool {
        self.leases.get_mut(&id).map(|lease| lease.until = now + lease.time).is_some()
    }

    pub fn left(&self, id: i64, now: Instant) -> Option<Duration> {
        self.leases.get(&id).map(|lease| lease.until - now)
    }

    pub fn end_lease(&mut self, id: i64) {
        self.leases.remove(&id);
        let keys: Vec<String> = self.entries.values().filter(|entry| entry.lease == id).map(|entry| entry.key.clone()).collect();
        if !keys.is_empty() {
            self.revision += 1;
        }
        keys.iter().for_each(|key| self.remove(key));
    }

    pub fn put(&mut self, key: &str, value: &[u8], lease: i64) {
        self.revision += 1;
        self.insert(key, value, lease);
    }

    fn insert(&mut self, key: &str, value: &[u8], lease: i64) {
        let entry = Entry { key: key.to_owned(), value: value.to_vec(), mod_revision: self.revision, lease };
        self.log.push((self.revision, Event { key: key.to_owned(), entry: Some(entry.clone()) }));
        self.entries.insert(key.to_owned(), entry);
    }

    fn remove(&mut self, key: &str) {
        if self.entries.remove(key).is_some() {
            self.log.push((self.revision, Event { key: key.to_owned(), entry: None }));
        }
    }

    pub fn apply(&mut self, txn: &Txn) -> Answer {
        let entries: Vec<Entry> = self.entries.values().cloned().collect();
        let succeeded = txn.compare.iter().all(|compare| compare.holds(&entries));
        let ops = if succeeded { &txn.then } else { &txn.otherwise };
        if ops.iter().any(|op| !op.reads()) {
            self.revision += 1;
        }
        let mut found = Vec::new();
        for op in ops {
            match op {
                Op::Put(key, value, lease) => self.insert(key, value, *lease),
                Op::Delete(key) => self.remove(key),
                Op::Get(key) => found.extend(self.entries.get(key).cloned()),
                Op::GetAll(prefix) => found.extend(self.entries.values().filter(|entry| entry.key.starts_with(prefix)).cloned()),
            }
        }
        Answer { succeeded, found, revision: self.revision, cluster: self.cluster }
    }

    pub fn events(&self, prefix: &str, from: i64) -> Vec<Event> {
        let after = self.log.iter().filter(|(revision, event)| *revision >= from && event.key.starts_with(prefix));
        after.map(|(_, event)| event.clone()).collect()
    }
}
