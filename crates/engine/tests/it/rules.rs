//! The rules, under random orders of random calls, with answers that are lost, hosts that are cut off, a quorum that goes and data that are lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use config::HostName;
use engine::{Change, Error, Expected, Fake, FakePool, OwnerStore, Reservation, Timing, WorkState};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::suite::{host, radio, until};

const HOSTS: usize = 4;
const RADIOS: usize = 2;

/// What a host does next.
#[derive(Debug, Clone)]
enum Call {
    Grant,
    ReserveAndCommit,
    ReserveAndRelease,
    /// Without a commit: the reservation ends by itself, or the commit comes late.
    ReserveAndWait(u64),
    AtLeast(u64),
    Stop,
    CutOff(u64),
    LoseQuorum(u64),
    Adopt,
    LoseData,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        8 => Just(Call::Grant),
        6 => Just(Call::ReserveAndCommit),
        2 => Just(Call::ReserveAndRelease),
        2 => (0..4000u64).prop_map(Call::ReserveAndWait),
        2 => (0..20u64).prop_map(Call::AtLeast),
        2 => Just(Call::Stop),
        1 => (0..3000u64).prop_map(Call::CutOff),
        1 => (0..3000u64).prop_map(Call::LoseQuorum),
        1 => Just(Call::Adopt),
        1 => Just(Call::LoseData),
    ]
}

fn calls() -> impl Strategy<Value = Vec<(usize, usize, u64, Call)>> {
    prop::collection::vec((0..HOSTS, 0..RADIOS, 0..40u64, call()), 1..60)
}

/// From when to when a host had the radio reserved for certain: from the answer to the reservation until its commit was asked for, or its time was over.
#[derive(Debug, Clone)]
struct Span {
    by: usize,
    from: Instant,
    to: Instant,
}

#[derive(Debug, Default)]
struct Seen {
    /// Epochs that were given, by radio, and to whom.
    epochs: BTreeMap<usize, BTreeMap<u64, usize>>,
    reserved: BTreeMap<usize, Vec<Span>>,
    /// Grants and reservations that were made, by radio: from when to when.
    made: BTreeMap<usize, Vec<Span>>,
    /// What broke a rule.
    broken: Vec<String>,
}

#[derive(Clone)]
struct World {
    pool: FakePool,
    seen: Arc<Mutex<Seen>>,
    lossless: bool,
}

fn name(index: usize) -> HostName {
    host(&format!("host{index}"))
}

impl World {
    fn given(&self, radio: usize, epoch: u64, to: usize) {
        let mut seen = self.seen.lock().unwrap();
        let before = seen.epochs.entry(radio).or_default().insert(epoch, to);
        if let Some(before) = before.filter(|before| *before != to) {
            seen.broken.push(format!("epoch {epoch} of radio {radio} was given to {before} and to {to}"));
        }
    }

    async fn expected(&self, store: &Fake, index: usize) -> Option<Expected> {
        let owner = store.ownership(&radio(&format!("radio{index}"))).await.ok()?;
        Some(owner.map_or(Expected::Nobody, |owner| Expected::Epoch(owner.epoch)))
    }

    async fn grant(&self, store: &Fake, by: usize, index: usize) {
        let Some(expected) = self.expected(store, index).await else { return };
        let from = Instant::now();
        if let Ok(epoch) = store.grant(&radio(&format!("radio{index}")), &name(by), expected).await {
            self.given(index, epoch, by);
            self.seen.lock().unwrap().made.entry(index).or_default().push(Span { by, from, to: Instant::now() });
        }
    }

    async fn reserve(&self, store: &Fake, by: usize, index: usize) -> Option<(Reservation, Instant)> {
        let expected = self.expected(store, index).await?;
        let from = Instant::now();
        let reserved = store.reserve(&radio(&format!("radio{index}")), &name(by), expected, Duration::from_secs(2)).await.ok()?;
        self.given(index, reserved.epoch, by);
        let to = Instant::now();
        self.seen.lock().unwrap().made.entry(index).or_default().push(Span { by, from, to });
        // The lease began after it was asked for.
        Some((reserved, from + Duration::from_secs(2)))
    }

    /// The radio was reserved from its answer until now, or until its time was over.
    fn was_reserved(&self, by: usize, index: usize, from: Instant, over: Instant) {
        let span = Span { by, from, to: over.min(Instant::now()) };
        self.seen.lock().unwrap().reserved.entry(index).or_default().push(span);
    }

    async fn commit(&self, store: &Fake, by: usize, index: usize, reservation: &Reservation) {
        if let Ok(epoch) = store.commit(reservation).await {
            self.given(index, epoch, by);
        }
    }

    async fn make(&self, store: Fake, by: usize, index: usize, call: Call) {
        let of = radio(&format!("radio{index}"));
        match call {
            Call::Grant => self.grant(&store, by, index).await,
            Call::ReserveAndCommit | Call::ReserveAndRelease | Call::ReserveAndWait(_) => {
                let Some((reservation, over)) = self.reserve(&store, by, index).await else { return };
                let from = Instant::now();
                sleep(Duration::from_millis(if let Call::ReserveAndWait(ms) = call { ms } else { 20 })).await;
                self.was_reserved(by, index, from, over);
                match call {
                    Call::ReserveAndRelease => drop(store.release(&of, &reservation.id).await),
                    _ => self.commit(&store, by, index, &reservation).await,
                }
            }
            Call::AtLeast(more) => {
                let Ok(owner) = store.ownership(&of).await else { return };
                let _ = store.at_least(&of, owner.map_or(0, |owner| owner.highest) + more).await;
            }
            Call::Stop => {
                let Ok(Some(owner)) = store.ownership(&of).await else { return };
                let _ = store.set_state(&of, owner.epoch, WorkState::Stopped).await;
            }
            Call::CutOff(ms) => {
                self.pool.cut_off(&name(by), true);
                sleep(Duration::from_millis(ms)).await;
                self.pool.cut_off(&name(by), false);
            }
            Call::LoseQuorum(ms) => {
                self.pool.set_quorum(false);
                sleep(Duration::from_millis(ms)).await;
                self.pool.set_quorum(true);
            }
            Call::Adopt => drop(store.adopt().await),
            Call::LoseData if self.lossless => {}
            Call::LoseData => self.pool.lose_data(),
        }
    }

    /// Nobody else was given a radio, from first to last, while it was reserved for certain.
    fn check_reservations(&self) {
        let mut seen = self.seen.lock().unwrap();
        let mut broken = Vec::new();
        for (index, spans) in &seen.reserved {
            for made in seen.made.get(index).into_iter().flatten() {
                broken.extend(
                    spans
                        .iter()
                        .filter(|span| made.from > span.from && made.to < span.to)
                        .map(|span| format!("radio {index} was given to {} while {} had it reserved", made.by, span.by)),
                );
            }
        }
        seen.broken.extend(broken);
    }
}

/// The epochs of owners rise, as a watcher sees them.
async fn check_owners(store: Fake, seen: Arc<Mutex<Seen>>) {
    let mut changes = store.watch();
    let mut highest: BTreeMap<String, u64> = BTreeMap::new();
    while let Some(change) = changes.next().await {
        let owners = match change {
            Change::Owner(radio, Some(owner)) => vec![(radio, owner)],
            Change::All(view) => view.owners.into_iter().collect(),
            _ => continue,
        };
        for (radio, owner) in owners {
            let before = highest.entry(radio.to_string()).or_default();
            if owner.epoch < *before {
                seen.lock().unwrap().broken.push(format!("{radio}: epoch {} after {before}", owner.epoch));
            }
            *before = owner.epoch.max(*before);
        }
    }
}

async fn run(seed: u64, calls: Vec<(usize, usize, u64, Call)>, lossless: bool) -> Result<(), TestCaseError> {
    let world = World { pool: FakePool::unreliable(seed), seen: Arc::default(), lossless };
    let stores: Vec<Fake> = (0..HOSTS).map(|index| world.pool.host(name(index), Timing::default())).collect();
    let watcher = world.pool.host(host("watcher"), Timing::default());
    if lossless {
        tokio::spawn(check_owners(watcher.clone(), Arc::clone(&world.seen)));
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (by, index, pause, call) in calls {
        sleep(Duration::from_millis(pause)).await;
        let (world, store) = (world.clone(), stores[by].clone());
        tasks.spawn(async move { world.make(store, by, index, call).await });
    }
    let began = Instant::now();
    while let Some(made) = tasks.join_next().await {
        made.unwrap();
    }
    prop_assert!(began.elapsed() < Duration::from_secs(60), "a call did not end in its time");
    if lossless {
        world.check_reservations();
    }
    let seen = std::mem::take(&mut *world.seen.lock().unwrap());
    if lossless {
        prop_assert!(seen.broken.is_empty(), "{:?}", seen.broken);
    }
    // What went wrong is over: each radio can be given, under an epoch that is new to the host that gives it.
    for (index, store) in (0..RADIOS).zip(&stores) {
        store.adopt().await.map_err(|e| TestCaseError::fail(e.to_string()))?;
        let of = radio(&format!("radio{index}"));
        if let Ok(Some(reserved)) = store.reserved(&of).await {
            store.release(&of, &reserved.id).await.map_err(|e| TestCaseError::fail(e.to_string()))?;
        }
        let expected = world.expected(store, index).await.ok_or_else(|| TestCaseError::fail("no owner can be read"))?;
        match store.grant(&of, &name(0), expected).await {
            Ok(epoch) => {
                let own: BTreeSet<u64> = seen
                    .epochs
                    .get(&index)
                    .into_iter()
                    .flatten()
                    .filter(|(_, to)| **to == index)
                    .map(|(epoch, _)| *epoch)
                    .collect();
                prop_assert!(own.last().is_none_or(|own| *own < epoch), "{epoch} after {own:?}");
            }
            Err(Error::Stale { .. } | Error::Reserved { .. }) => {}
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }
    Ok(())
}

fn on_a_paused_clock(test: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_epoch_is_given_twice_and_no_reservation_is_passed_over(seed in any::<u64>(), calls in calls()) {
        on_a_paused_clock(run(seed, calls, true))?;
    }

    #[test]
    fn a_host_is_given_no_epoch_that_it_has_had_even_by_a_store_that_was_rebuilt(seed in any::<u64>(), calls in calls()) {
        on_a_paused_clock(run(seed, calls, false))?;
    }
}

/// The checks above would see what they look for.
#[tokio::test(start_paused = true)]
async fn a_broken_rule_is_seen() {
    let world = World { pool: FakePool::new(), seen: Arc::default(), lossless: true };
    world.given(0, 1, 0);
    world.given(0, 1, 0);
    world.given(0, 1, 1);
    let now = Instant::now();
    let at = |ms| now + Duration::from_millis(ms);
    world.seen.lock().unwrap().reserved.insert(0, vec![Span { by: 0, from: at(0), to: at(10) }]);
    world
        .seen
        .lock()
        .unwrap()
        .made
        .insert(0, vec![Span { by: 1, from: at(2), to: at(4) }, Span { by: 1, from: at(8), to: at(12) }]);
    world.check_reservations();
    assert_eq!(world.seen.lock().unwrap().broken.len(), 2);
    let mut changes = world.pool.host(host("watcher"), Timing::default()).watch();
    until(&mut changes, |change| matches!(change, Change::All(_))).await;
}
