//! What members of etcd suffer, and what a host makes of it.

use std::time::Duration;

use engine::{Absences, Change, Error, Etcd, EtcdSettings, Expected, Lead, OwnerStore, Timing};
use nix::sys::signal::Signal;
use tokio::time::{Instant, timeout};

use super::cluster::Cluster;
use super::suite::{host, radio, until};

/// In this time a test's event has come, or does not come.
const BOUND: Duration = Duration::from_secs(120);
const LONG: Duration = Duration::from_secs(60);

/// Grants until one succeeds, from what the owner is.
async fn granted(store: &Etcd, name: &str) -> u64 {
    let alpha = radio(name);
    let granting = async {
        loop {
            let Ok(owner) = store.ownership(&alpha).await else { continue };
            let expected = owner.map_or(Expected::Nobody, |owner| Expected::Epoch(owner.epoch));
            if let Ok(epoch) = store.grant(&alpha, &host("a"), expected).await {
                return epoch;
            }
        }
    };
    timeout(BOUND, granting).await.expect("a grant succeeds in a minute")
}

/// A client that gives up after 10 s.
fn impatient(cluster: &Cluster, name: &str) -> Etcd {
    let timing = Timing { deadline: Duration::from_secs(10), ..cluster.settings().timing };
    Etcd::new(host(name), EtcdSettings { timing, attempt: Duration::from_secs(1), ..cluster.settings() })
}

async fn trusted(store: &Etcd) {
    while !matches!(store.members().await, Ok(members) if members.absences == Absences::Trusted) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_leader_that_is_killed_costs_no_epoch_and_no_change() {
    let Some(mut cluster) = Cluster::start(&[]) else { return };
    cluster.ready().await;
    let (a, b) = (cluster.client("a"), cluster.client("b"));
    let membership = a.join().await.unwrap();
    let mut changes = b.watch();
    until(&mut changes, |change| matches!(change, Change::All(_))).await;
    let reservation = a.reserve(&radio("beta"), &host("a"), Expected::Nobody, LONG).await.unwrap();
    let mut epochs = vec![granted(&a, "alpha").await, granted(&a, "alpha").await];

    let leader = cluster.leader();
    cluster.kill_member(leader);
    epochs.push(granted(&a, "alpha").await);
    assert!(a.commit(&reservation).await.unwrap() >= reservation.epoch);
    cluster.start_member(leader);
    epochs.push(granted(&b, "alpha").await);
    assert!(epochs.is_sorted_by(|before, after| before < after), "{epochs:?}");
    // The watch has told it, with or without an interruption.
    let last = *epochs.last().unwrap();
    let told = until(&mut changes, |change| match change {
        Change::Owner(radio, Some(owner)) => radio == "alpha" && owner.epoch == last,
        Change::All(view) => view.owners["alpha"].epoch == last,
        _ => false,
    });
    timeout(BOUND, told).await.unwrap();
    let mut membership = membership;
    timeout(BOUND, membership.until(true)).await.unwrap();
}

#[tokio::test]
async fn a_member_that_is_stopped_is_passed_over_and_a_watch_leaves_it() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    cluster.ready().await;
    let a = cluster.client("a");
    // The first endpoint is the one that is asked, until it fails.
    assert_eq!(granted(&a, "alpha").await, 1);
    let mut changes = a.watch();
    // It watches by then, and does not only begin to.
    let epoch = granted(&a, "alpha").await;
    until(&mut changes, |change| matches!(change, Change::Owner(_, Some(owner)) if owner.epoch == epoch)).await;
    cluster.signal(0, Signal::SIGSTOP);
    let interrupted = timeout(BOUND, until(&mut changes, |change| matches!(change, Change::Interrupted(_)))).await.unwrap();
    let Change::Interrupted(error) = interrupted else { panic!("{interrupted:?}") };
    assert!(error.to_string().contains("did not answer within"), "{error}");
    timeout(BOUND, until(&mut changes, |change| matches!(change, Change::All(_)))).await.unwrap();
    let epoch = granted(&a, "alpha").await;
    let told = until(&mut changes, |change| matches!(change, Change::Owner(_, Some(owner)) if owner.epoch == epoch));
    timeout(BOUND, told).await.unwrap();
    cluster.signal(0, Signal::SIGCONT);
    assert!(granted(&a, "alpha").await > epoch);
}

#[tokio::test]
async fn without_two_of_three_nothing_changes_and_afterwards_all_goes_on() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    cluster.ready().await;
    let (a, b, alpha) = (impatient(&cluster, "a"), impatient(&cluster, "b"), radio("alpha"));
    let epoch = granted(&a, "alpha").await;
    let (mut of_a, mut of_b) = (a.join().await.unwrap(), b.join().await.unwrap());
    let Lead::Won(mut lead) = a.lead().await.unwrap() else { panic!("nobody led") };
    trusted(&a).await;
    let mut changes = b.watch();
    until(&mut changes, |change| matches!(change, Change::All(_))).await;

    (1..3).for_each(|index| cluster.signal(index, Signal::SIGSTOP));
    let began = Instant::now();
    let error = a.grant(&alpha, &host("b"), Expected::Epoch(epoch)).await.unwrap_err();
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    let said = error.to_string();
    assert!(said.contains("has no quorum: 1 of 3 members answer") && said.contains("did not answer within"), "{said}");
    assert!(matches!(a.quorate().await, Err(Error::NoQuorum { .. })));
    assert!(matches!(a.members().await, Err(Error::NoQuorum { .. })));
    timeout(BOUND, until(&mut changes, |change| matches!(change, Change::Interrupted(_)))).await.unwrap();
    timeout(BOUND, lead.lost()).await.unwrap();
    timeout(BOUND, of_a.until(false)).await.unwrap();
    timeout(BOUND, of_b.until(false)).await.unwrap();

    (1..3).for_each(|index| cluster.signal(index, Signal::SIGCONT));
    cluster.ready().await;
    let members = a.members().await.unwrap();
    assert!(!members.is_gone(&host("b")), "{members:?}");
    timeout(BOUND, of_a.until(true)).await.unwrap();
    timeout(BOUND, of_b.until(true)).await.unwrap();
    let told = until(&mut changes, |change| matches!(change, Change::All(view) if view.owners["alpha"].epoch == epoch));
    timeout(BOUND, told).await.unwrap();
    assert!(matches!(a.members().await.unwrap().absences, Absences::Distrusted(_)));
    assert_eq!(granted(&a, "alpha").await, epoch + 1);
    trusted(&a).await;
}

#[tokio::test]
async fn who_cannot_be_reached_is_named() {
    let Some(mut cluster) = Cluster::start(&[]) else { return };
    cluster.ready().await;
    (0..3).for_each(|index| cluster.kill_member(index));
    let said = impatient(&cluster, "a").quorate().await.unwrap_err().to_string();
    assert!(cluster.endpoints().iter().all(|endpoint| said.contains(&format!("{endpoint} refuses connections"))), "{said}");
    let none = Etcd::new(host("a"), EtcdSettings::new(Vec::new()));
    assert!(matches!(none.quorate().await, Err(Error::Unreachable(_))));
}

#[tokio::test]
async fn a_store_whose_data_were_lost_gives_no_epoch_again() {
    let Some(mut cluster) = Cluster::start(&[]) else { return };
    cluster.ready().await;
    let (a, b, alpha) = (cluster.client("a"), cluster.client("b"), radio("alpha"));
    a.at_least(&alpha, 70).await.unwrap();
    let epoch = granted(&a, "alpha").await;
    b.ownership(&alpha).await.unwrap();
    let mut changes = b.watch();
    until(&mut changes, |change| matches!(change, Change::All(_))).await;
    cluster.rebuild();
    cluster.ready().await;
    // The members are the same, and so is the cluster's id.
    assert_eq!(a.grant(&alpha, &host("a"), Expected::Epoch(epoch)).await, Err(Error::Rebuilt));
    assert_eq!(b.ownership(&alpha).await, Err(Error::Rebuilt));
    timeout(BOUND, until(&mut changes, |change| matches!(change, Change::Interrupted(_)))).await.unwrap();
    b.adopt().await.unwrap();
    timeout(BOUND, until(&mut changes, |change| matches!(change, Change::All(_)))).await.unwrap();
    a.adopt().await.unwrap();
    assert_eq!(a.ownership(&alpha).await, Ok(None));
    assert_eq!(a.grant(&alpha, &host("a"), Expected::Nobody).await, Ok(epoch + 1));
}

#[tokio::test]
async fn a_disk_quota_that_is_used_up_is_said() {
    let Some(cluster) = Cluster::start(&["--quota-backend-bytes", "1000000"]) else { return };
    cluster.ready().await;
    let (a, alpha) = (cluster.client("a"), radio("alpha"));
    let epoch = granted(&a, "alpha").await;
    let reservation = a.reserve(&alpha, &host("b"), Expected::Epoch(epoch), LONG).await.unwrap();
    cluster.fill();
    let error = a.commit(&reservation).await.unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains("etcdctl alarm disarm"), "{error}");
    assert!(matches!(a.join().await, Err(Error::DiskFull { .. })));
    assert!(matches!(a.at_least(&alpha, 99).await, Err(Error::DiskFull { .. })));
    // What is there can be read, and taken away.
    a.release(&alpha, &reservation.id).await.unwrap();
    assert_eq!(a.ownership(&alpha).await.unwrap().unwrap().epoch, epoch);
}
