//! The store in memory, for tests: what etcd does, and the ways in which it breaks.

mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::HostName;
use futures::stream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::access::Timing;
use crate::error::{Attempt, Error};
use crate::key_value::{Answer, Events, KeyValue, NoAnswer, Op, Txn};
use crate::store::Store;
use world::{Fate, World};

/// A host's client of a [`FakePool`].
pub type Fake = Store<Client>;

/// A store in memory, which hosts reach as [`FakePool::host`] has it. It lives on the clock of tokio, paused or not.
#[derive(Debug, Clone)]
pub struct FakePool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    /// Told when something has changed.
    changed: watch::Sender<()>,
}

impl Default for FakePool {
    fn default() -> Self {
        Self::new()
    }
}

impl FakePool {
    /// A store that answers at once and loses nothing.
    pub fn new() -> Self {
        Self::with(World::new(None))
    }

    /// One that takes up to 4 ms for each step, and loses one answer of eight: before, instead of, or after having done what was asked. The same
    /// seed has the same happen.
    pub fn unreliable(seed: u64) -> Self {
        Self::with(World::new(Some(seed)))
    }

    fn with(world: World) -> Self {
        Self { shared: Arc::new(Shared { world: Mutex::new(world), changed: watch::channel(()).0 }) }
    }

    /// The client of that host.
    pub fn host(&self, host: HostName, timing: Timing) -> Fake {
        Store::on(Client { shared: Arc::clone(&self.shared), host: host.clone() }, host, timing)
    }

    /// Cuts that host off, or not any more.
    pub fn cut_off(&self, host: &HostName, off: bool) {
        self.change(|world| world.cut_off(host, off));
    }

    /// Has too few members answer, or enough again. Leases whose time is over by then are gone at that moment.
    pub fn set_quorum(&self, quorate: bool) {
        self.change(|world| world.quorate = quorate);
    }

    /// Has the disk be full, or not any more.
    pub fn set_full(&self, full: bool) {
        self.change(|world| world.full = full);
    }

    /// Has all data lost and the store built anew, by the same settings: the cluster's id is the same then.
    pub fn lose_data(&self) {
        self.change(World::lose_data);
    }

    /// Has the data be in another cluster, as after they were restored from a snapshot.
    pub fn change_cluster(&self) {
        self.change(World::change_cluster);
    }

    /// Has the data be those of an earlier moment, which [`FakePool::backup`] has kept.
    pub fn restore(&self, backup: &FakeBackup) {
        self.change(|world| world.restore(&backup.world));
    }

    /// The data as they are.
    pub fn backup(&self) -> FakeBackup {
        FakeBackup { world: self.shared.world().clone() }
    }

    /// Has the answer to the next change be lost. `done`: the change happens all the same.
    pub fn lose_answer(&self, done: bool) {
        self.change(|world| world.fates.push_back(if done { Fate::DoneUnanswered } else { Fate::Undone }));
    }

    /// Has a key hold that, as if another program had written it.
    pub fn write(&self, key: &str, value: &[u8]) {
        self.change(|world| world.put(key, value, 0));
    }

    /// How many changes there were.
    pub fn revision(&self) -> i64 {
        self.shared.world().revision
    }

    fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.shared.world());
        self.shared.changed.send_replace(());
    }
}

/// The data of a [`FakePool`] at one moment.
#[derive(Debug, Clone)]
pub struct FakeBackup {
    world: World,
}

impl Shared {
    /// With what time has done to it.
    fn world(&self) -> MutexGuard<'_, World> {
        // Each change under the lock is whole.
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.expire(Instant::now());
        world
    }
}

/// One host's way to the store.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
    host: HostName,
}

impl Client {
    /// The store, where this host reaches one that has a quorum.
    fn reached(&self) -> Result<MutexGuard<'_, World>, Error> {
        let world = self.shared.world();
        if world.is_cut_off(&self.host) {
            return Err(unreachable("did not answer: this host is cut off"));
        }
        if !world.quorate {
            let silent = vec![attempt("is stopped")];
            return Err(Error::NoQuorum { answering: vec!["the other one".to_owned()], silent });
        }
        Ok(world)
    }

    async fn delay(&self) {
        let delay = self.shared.world().delay();
        sleep(delay).await;
    }

    fn apply(&self, txn: &Txn) -> Result<Answer, NoAnswer> {
        let answer = {
            let mut world = self.reached().map_err(NoAnswer::NotDone)?;
            if world.full && txn.then.iter().any(|op| matches!(op, Op::Put(..))) {
                return Err(NoAnswer::NotDone(full()));
            }
            if txn
                .then
                .iter()
                .any(|op| matches!(op, Op::Put(_, _, lease) if *lease != 0 && world.left(*lease, Instant::now()).is_none()))
            {
                let message = "requested lease not found".to_owned();
                return Err(NoAnswer::NotDone(Error::Refused { endpoint: "the store in memory".to_owned(), message }));
            }
            world.apply(txn)
        };
        self.shared.changed.send_replace(());
        Ok(answer)
    }

    async fn lease<T>(&self, change: impl FnOnce(&mut World) -> T + Send) -> Result<T, Error> {
        self.delay().await;
        let changed = change(&mut *self.reached()?);
        self.shared.changed.send_replace(());
        Ok(changed)
    }
}

fn attempt(why: &str) -> Attempt {
    Attempt { endpoint: "the store in memory".to_owned(), why: why.to_owned(), answered: false }
}

fn unreachable(why: &str) -> Error {
    Error::Unreachable(vec![attempt(why)])
}

fn full() -> Error {
    Error::DiskFull { endpoint: "the store in memory".to_owned() }
}

impl KeyValue for Client {
    async fn txn(&self, txn: &Txn, _deadline: Instant) -> Result<Answer, NoAnswer> {
        self.delay().await;
        let fate = if txn.then.iter().all(Op::reads) { Fate::Answered } else { self.shared.world().fate() };
        let lost = || Err(NoAnswer::Lost(unreachable("took it and did not answer")));
        let answer = match fate {
            Fate::Answered => self.apply(txn),
            Fate::DoneUnanswered => self.apply(txn).and_then(|_| lost()),
            Fate::Undone => lost(),
            Fate::DoneLater => {
                let (client, txn) = (self.clone(), txn.clone());
                tokio::spawn(async move {
                    client.delay().await;
                    client.delay().await;
                    // Nobody waits for it any more.
                    let _ = client.apply(&txn);
                });
                lost()
            }
        };
        self.delay().await;
        answer
    }

    async fn grant_lease(&self, id: i64, seconds: i64, _deadline: Instant) -> Result<i64, Error> {
        if self.reached()?.full {
            return Err(full());
        }
        self.lease(|world| world.grant(id, seconds, Instant::now())).await.map(|()| seconds)
    }

    async fn keep_lease(&self, id: i64, _deadline: Instant) -> Result<bool, Error> {
        self.lease(|world| world.keep(id, Instant::now())).await
    }

    async fn revoke_lease(&self, id: i64, _deadline: Instant) -> Result<(), Error> {
        self.lease(|world| world.end_lease(id)).await
    }

    async fn lease_left(&self, id: i64, _deadline: Instant) -> Result<Option<Duration>, Error> {
        self.lease(|world| world.left(id, Instant::now())).await
    }

    fn watch(&self, prefix: &str, revision: i64) -> Events {
        let watcher = Watcher {
            client: self.clone(),
            prefix: prefix.to_owned(),
            next: revision,
            restarts: self.shared.world().restarts,
            changed: self.shared.changed.subscribe(),
            over: false,
        };
        Box::pin(stream::unfold(watcher, |mut watcher| async move {
            let item = watcher.next().await?;
            watcher.over = item.is_err();
            Some((item, watcher))
        }))
    }
}

struct Watcher {
    client: Client,
    prefix: String,
    /// Revision of the next event.
    next: i64,
    restarts: u64,
    changed: watch::Receiver<()>,
    over: bool,
}

impl Watcher {
    async fn next(&mut self) -> Option<Result<Vec<crate::key_value::Event>, Error>> {
        if self.over {
            return None;
        }
        loop {
            self.changed.mark_unchanged();
            let expiry = match self.client.reached() {
                Err(error) => return Some(Err(error)),
                Ok(world) if world.restarts != self.restarts => return Some(Err(unreachable("has closed the connection"))),
                Ok(world) => {
                    let events = world.events(&self.prefix, self.next);
                    self.next = world.revision + 1;
                    if !events.is_empty() {
                        return Some(Ok(events));
                    }
                    world.next_expiry()
                }
            };
            tokio::select! {
                changed = self.changed.changed() => changed.ok()?,
                () = sleep_until(expiry.unwrap_or_else(Instant::now)), if expiry.is_some() => {}
            }
        }
    }
}
