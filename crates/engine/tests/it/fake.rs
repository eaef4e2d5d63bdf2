//! The store in memory: the suite, and what faults of the store do to it. On a paused clock, so that the time of leases costs none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Absences, Change, Error, Expected, Fake, FakePool, Lead, OwnerStore, Timing, WorkState};

use super::suite::{self, Host, Pool, host, radio, until};

#[derive(Default)]
struct InMemory {
    pool: FakePool,
    hosts: Mutex<BTreeMap<String, Fake>>,
}

impl InMemory {
    fn of(pool: FakePool) -> Self {
        Self { pool, hosts: Mutex::default() }
    }

    fn client(&self, name: &str) -> Fake {
        let mut hosts = self.hosts.lock().unwrap();
        hosts.entry(name.to_owned()).or_insert_with(|| self.pool.host(host(name), Timing::default())).clone()
    }
}

impl Pool for InMemory {
    fn host(&self, name: &str) -> Host {
        Arc::new(self.client(name))
    }
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn the_suite_holds_in_memory() {
    suite::all(&InMemory::default()).await;
}

/// Changes whose answers are lost happen once all the same.
#[tokio::test(start_paused = true)]
async fn the_suite_holds_where_answers_are_lost() {
    for seed in 0..20 {
        suite::all(&InMemory::of(FakePool::unreliable(seed))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_looked_up_before_anything_is_sent_again() {
    let pool = InMemory::default();
    let (a, alpha) = (pool.client("a"), radio("alpha"));
    a.quorate().await.unwrap();
    for done in [true, false] {
        let (revision, before) = (pool.pool.revision(), a.ownership(&alpha).await.unwrap().map(|owner| owner.epoch));
        pool.pool.lose_answer(done);
        let expected = before.map_or(Expected::Nobody, Expected::Epoch);
        assert_eq!(a.grant(&alpha, &host("a"), expected).await, Ok(before.unwrap_or(0) + 1));
        assert_eq!(pool.pool.revision(), revision + 1, "once");
    }
    pool.pool.lose_answer(true);
    let reservation = a.reserve(&alpha, &host("b"), Expected::Epoch(2), LONG).await.unwrap();
    pool.pool.lose_answer(true);
    assert_eq!(a.commit(&reservation).await, Ok(reservation.epoch));
    assert_eq!(a.at_least(&alpha, 9).await, Ok(9));
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_answer_cannot_be_looked_up_is_said_to_be_unknown() {
    let pool = InMemory::of(FakePool::unreliable(3));
    let (a, alpha) = (pool.client("a"), radio("alpha"));
    a.quorate().await.unwrap();
    let mut changes = pool.client("b").watch();
    until(&mut changes, |change| matches!(change, Change::All(_))).await;
    pool.pool.lose_answer(true);
    let grant = tokio::spawn({
        let (a, alpha) = (a.clone(), alpha.clone());
        async move { a.grant(&alpha, &host("a"), Expected::Nobody).await }
    });
    until(&mut changes, |change| matches!(change, Change::Owner(..))).await;
    pool.pool.cut_off(&host("a"), true);
    let error = grant.await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::Unknown { .. }), "{error}");
    let said = error.to_string();
    assert!(said.starts_with("whether the grant of alpha to a was carried out is not known") && said.contains("cut off"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_nothing_is_changed_and_afterwards_absences_are_distrusted() {
    let pool = InMemory::default();
    let (a, b, alpha) = (pool.client("a"), pool.client("b"), radio("alpha"));
    a.grant(&alpha, &host("a"), Expected::Nobody).await.unwrap();
    let (mut of_a, mut of_b) = (a.join().await.unwrap(), b.join().await.unwrap());
    assert!(matches!(a.members().await.unwrap().absences, Absences::Distrusted(_)), "others may not have come yet");
    let Lead::Won(mut lead) = a.lead().await.unwrap() else { panic!("nobody led") };
    let mut changes = b.watch();
    until(&mut changes, |change| matches!(change, Change::All(_))).await;
    while a.members().await.unwrap().absences != Absences::Trusted {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    pool.pool.set_quorum(false);
    let error = a.grant(&alpha, &host("b"), Expected::Epoch(1)).await.unwrap_err();
    assert!(matches!(error, Error::NoQuorum { .. }), "{error}");
    assert!(error.to_string().contains("has no quorum: 1 of 2 members answer"), "{error}");
    assert!(matches!(a.quorate().await, Err(Error::NoQuorum { .. })));
    assert!(matches!(until(&mut changes, |_| true).await, Change::Interrupted(Error::NoQuorum { .. })));
    // Both leases are over by the time that there is a quorum again, and the lead was given up before.
    lead.lost().await;
    of_a.until(false).await;
    of_b.until(false).await;
    pool.pool.set_quorum(true);
    let members = a.members().await.unwrap();
    assert!(members.present.is_empty() && !members.is_gone(&host("b")), "{members:?}");
    of_a.until(true).await;
    of_b.until(true).await;
    let members = a.members().await.unwrap();
    assert!(members.present.contains("b") && matches!(members.absences, Absences::Distrusted(_)));
    let Change::All(view) = until(&mut changes, |change| !matches!(change, Change::Member(..))).await else { panic!("not all") };
    assert_eq!(view.owners["alpha"].epoch, 1, "ownership has no lease");
    assert_eq!(view.leader, None);
    assert_eq!(a.grant(&alpha, &host("b"), Expected::Epoch(1)).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn who_is_cut_off_is_missed_by_the_others_and_misses_nobody() {
    let pool = InMemory::default();
    let (a, b) = (pool.client("a"), pool.client("b"));
    let (mut of_a, _of_b) = (a.join().await.unwrap(), b.join().await.unwrap());
    let mut changes = b.watch();
    until(&mut changes, |change| matches!(change, Change::All(_))).await;
    while b.members().await.unwrap().absences != Absences::Trusted {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    pool.pool.cut_off(&host("a"), true);
    until(&mut changes, |change| *change == Change::Member(host("a"), false)).await;
    assert!(b.members().await.unwrap().is_gone(&host("a")));
    assert!(matches!(a.members().await, Err(Error::Unreachable(_))));
    of_a.until(false).await;
    pool.pool.cut_off(&host("a"), false);
    of_a.until(true).await;
    assert!(matches!(a.members().await.unwrap().absences, Absences::Distrusted(_)));
    until(&mut changes, |change| *change == Change::Member(host("a"), true)).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_rebuilt_is_refused_until_it_is_adopted_and_gives_no_epoch_again() {
    let pool = InMemory::default();
    let (a, b, alpha, beta) = (pool.client("a"), pool.client("b"), radio("alpha"), radio("beta"));
    a.grant(&alpha, &host("a"), Expected::Nobody).await.unwrap();
    a.at_least(&alpha, 30).await.unwrap();
    let reservation = b.reserve(&beta, &host("b"), Expected::Nobody, LONG).await.unwrap();
    let backup = pool.pool.backup();
    a.grant(&alpha, &host("b"), Expected::Epoch(1)).await.unwrap();

    // The same store, with the data of an earlier day: only the epochs tell.
    pool.pool.restore(&backup);
    let error = a.ownership(&alpha).await.unwrap_err();
    assert!(error == Error::Rebuilt && error.to_string().contains("adopt it"), "{error}");
    assert_eq!(a.grant(&alpha, &host("a"), Expected::Epoch(1)).await, Err(Error::Rebuilt));
    a.adopt().await.unwrap();
    assert_eq!(a.grant(&alpha, &host("a"), Expected::Epoch(1)).await, Ok(32));

    // An empty store with the same cluster id.
    pool.pool.lose_data();
    assert_eq!(a.members().await, Err(Error::Rebuilt));
    assert_eq!(a.set_state(&alpha, 32, WorkState::Stopped).await, Err(Error::Rebuilt));
    assert_eq!(b.commit(&reservation).await, Err(Error::Rebuilt));
    a.adopt().await.unwrap();
    assert_eq!(a.grant(&alpha, &host("a"), Expected::Nobody).await, Ok(33));
    b.adopt().await.unwrap();
    assert!(b.grant(&beta, &host("b"), Expected::Nobody).await.unwrap() > reservation.epoch);

    // The same data under another cluster id.
    pool.pool.change_cluster();
    assert_eq!(a.members().await, Err(Error::Rebuilt));
    a.adopt().await.unwrap();
    assert_eq!(a.grant(&alpha, &host("a"), Expected::Epoch(33)).await, Ok(34));
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_said_and_what_is_there_can_be_read_and_released() {
    let pool = InMemory::default();
    let (a, alpha) = (pool.client("a"), radio("alpha"));
    let reservation = a.reserve(&alpha, &host("a"), Expected::Nobody, LONG).await.unwrap();
    pool.pool.set_full(true);
    assert!(matches!(a.commit(&reservation).await, Err(Error::DiskFull { .. })));
    assert!(matches!(a.join().await, Err(Error::DiskFull { .. })));
    a.release(&alpha, &reservation.id).await.unwrap();
    assert_eq!(a.ownership(&alpha).await, Ok(None));
    let error = a.grant(&alpha, &host("a"), Expected::Nobody).await.unwrap_err();
    assert!(error.to_string().contains("etcdctl alarm disarm"), "{error}");
    pool.pool.set_full(false);
    assert_eq!(a.grant(&alpha, &host("a"), Expected::Nobody).await, Ok(2));
}

/// What others wrote is refused with a sentence that names the key, and believed in no part.
#[tokio::test(start_paused = true)]
async fn entries_of_others_are_refused() {
    let pool = InMemory::default();
    let (a, alpha) = (pool.client("a"), radio("alpha"));
    a.quorate().await.unwrap();
    for value in [
        &b""[..],
        b"\xff\xfe",
        b"[]",
        b"{\"highest\":-1,\"token\":\"t\"}",
        b"{\"highest\":1,\"owner\":{\"host\":\"a\",\"epoch\":2,\"state\":\"serving\"},\"token\":\"t\"}",
        b"{\"highest\":1,\"owner\":{\"host\":\"../a\",\"epoch\":1,\"state\":\"serving\"},\"token\":\"t\"}",
        b"{\"highest\":1,\"owner\":{\"host\":\"a\",\"epoch\":1,\"state\":\"flying\"},\"token\":\"t\"}",
        b"{\"highest\":1000000000001,\"token\":\"t\"}",
    ] {
        pool.pool.write("/baton/radio/alpha", value);
        let error = a.grant(&alpha, &host("a"), Expected::Nobody).await.unwrap_err();
        assert!(matches!(&error, Error::Malformed { key, .. } if key == "/baton/radio/alpha"), "{error}");
        assert!(matches!(a.watch().next().await, Some(Change::Interrupted(Error::Malformed { .. }))));
    }
    pool.pool.write("/baton/reservation/alpha", b"{}");
    assert!(matches!(a.reserved(&alpha).await, Err(Error::Malformed { .. })));
    pool.pool.write("/baton/member/\x1b[2J", b"{}");
    let said = a.members().await.unwrap_err().to_string();
    assert!(said.contains("\\x1b[2J") && !said.contains('\x1b'), "{said}");
    pool.pool.write("/baton/leader", b"{}");
    assert!(matches!(a.lead().await, Err(Error::Malformed { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_nobody_reads_ends() {
    let pool = InMemory::default();
    let a = pool.client("a");
    let mut changes = a.watch();
    until(&mut changes, |change| matches!(change, Change::All(_))).await;
    drop(changes);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    while tasks() > 0 {
        tokio::task::yield_now().await;
    }
}
