//! What every store does, whatever it is made of. Each case has radios and hosts of its own, so that one store serves them all.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use config::{HostName, RadioName};
use engine::{Absences, Change, Changes, Error, Expected, Lead, OwnerStore, WorkState};
use futures::future::join_all;
use protocol::MAX_EPOCH;

pub type Host = Arc<dyn OwnerStore>;

/// Makes the client of the host of that name.
pub trait Pool {
    fn host(&self, name: &str) -> Host;
}

/// The reservations that are to end within a test.
const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(60);

pub fn host(name: &str) -> HostName {
    name.parse().unwrap()
}

pub fn radio(name: &str) -> RadioName {
    name.parse().unwrap()
}

/// Reads changes until that one has come.
pub async fn until(changes: &mut Changes, wanted: impl Fn(&Change) -> bool) -> Change {
    loop {
        let change = changes.next().await.expect("a watch does not end");
        if wanted(&change) {
            return change;
        }
    }
}

pub async fn all(pool: &dyn Pool) {
    a_grant_needs_the_owner_that_is(pool).await;
    a_reservation_keeps_the_radio_for_its_commit(pool).await;
    a_reservation_that_is_released_leaves_its_epoch_behind(pool).await;
    a_reservation_ends_by_itself(pool).await;
    a_reservation_of_somebody_else_bars_a_late_commit(pool).await;
    epochs_rise_to_what_a_host_reports(pool).await;
    a_state_is_set_by_its_owner(pool).await;
    members_come_and_go(pool).await;
    one_leads(pool).await;
    a_watch_tells_all_and_then_each_change(pool).await;
    of_twenty_grants_one_wins(pool).await;
}

async fn a_grant_needs_the_owner_that_is(pool: &dyn Pool) {
    let (a, alpha) = (pool.host("a"), radio("grant"));
    a.quorate().await.unwrap();
    assert_eq!(a.ownership(&alpha).await, Ok(None));
    let epoch = a.grant(&alpha, &host("a"), Expected::Nobody).await.unwrap();
    assert_eq!(epoch, 1);
    let owner = pool.host("b").ownership(&alpha).await.unwrap().unwrap();
    assert_eq!((owner.host, owner.epoch, owner.state, owner.highest), (host("a"), 1, WorkState::Serving, 1));
    for expected in [Expected::Nobody, Expected::Epoch(7)] {
        let Err(Error::Stale { owner, .. }) = a.grant(&alpha, &host("b"), expected).await else { panic!("not stale") };
        assert_eq!(owner.map(|owner| (owner.host, owner.epoch)), Some((host("a"), 1)));
    }
    assert_eq!(a.grant(&alpha, &host("b"), Expected::Epoch(1)).await, Ok(2));
    assert!(matches!(a.grant(&radio("grant-2"), &host("b"), Expected::Epoch(2)).await, Err(Error::Stale { owner: None, .. })));
}

async fn a_reservation_keeps_the_radio_for_its_commit(pool: &dyn Pool) {
    let (a, b, alpha) = (pool.host("a"), pool.host("b"), radio("reserve"));
    a.grant(&alpha, &host("a"), Expected::Nobody).await.unwrap();
    let reservation = b.reserve(&alpha, &host("b"), Expected::Epoch(1), LONG).await.unwrap();
    assert_eq!((reservation.epoch, reservation.to.as_str()), (2, "b"));
    let seen = a.reserved(&alpha).await.unwrap().unwrap();
    assert_eq!((seen.by, seen.to, seen.epoch, seen.id), (host("b"), host("b"), 2, reservation.id.clone()));
    assert!(seen.left.is_some_and(|left| left <= LONG && left > LONG / 2));

    // The owner is the one from before, and nobody else gets the radio.
    let owner = a.ownership(&alpha).await.unwrap().unwrap();
    assert_eq!((owner.host, owner.epoch, owner.highest), (host("a"), 1, 2));
    let Err(Error::Reserved { reserved, .. }) = a.reserve(&alpha, &host("a"), Expected::Epoch(1), LONG).await else {
        panic!("reserved twice")
    };
    assert!(reserved.by == host("b") && reserved.left.is_some());
    assert!(matches!(b.reserve(&alpha, &host("b"), Expected::Epoch(1), LONG).await, Err(Error::Reserved { .. })));
    assert!(matches!(a.grant(&alpha, &host("c"), Expected::Epoch(1)).await, Err(Error::Reserved { .. })));
    assert!(matches!(a.reserve(&alpha, &host("c"), Expected::Nobody, LONG).await, Err(Error::Stale { .. })));
    b.renew(&reservation).await.unwrap();

    assert_eq!(b.commit(&reservation).await, Ok(2));
    assert_eq!(b.commit(&reservation).await, Ok(2), "twice is once");
    let owner = a.ownership(&alpha).await.unwrap().unwrap();
    assert_eq!((owner.host, owner.epoch, owner.state, owner.highest), (host("b"), 2, WorkState::Serving, 2));
    assert_eq!(a.reserved(&alpha).await, Ok(None));
    a.set_state(&alpha, 2, WorkState::Stopped).await.unwrap();
    assert_eq!(b.commit(&reservation).await, Ok(2));
    let owner = a.ownership(&alpha).await.unwrap().unwrap();
    assert_eq!((owner.epoch, owner.state), (2, WorkState::Stopped), "a commit that was done changes nothing");
    assert_eq!(a.grant(&alpha, &host("a"), Expected::Epoch(2)).await, Ok(3));
    assert!(matches!(b.commit(&reservation).await, Err(Error::Stale { .. })));
}

async fn a_reservation_that_is_released_leaves_its_epoch_behind(pool: &dyn Pool) {
    let (a, b, alpha) = (pool.host("a"), pool.host("b"), radio("release"));
    let reservation = b.reserve(&alpha, &host("b"), Expected::Nobody, LONG).await.unwrap();
    a.release(&alpha, "another one").await.unwrap();
    assert!(a.reserved(&alpha).await.unwrap().is_some());
    a.release(&alpha, &reservation.id).await.unwrap();
    assert_eq!(a.reserved(&alpha).await, Ok(None));
    a.release(&alpha, &reservation.id).await.unwrap();
    let epoch = a.grant(&alpha, &host("a"), Expected::Nobody).await.unwrap();
    assert!(epoch > reservation.epoch, "{epoch} was {}'s", reservation.to);
    let next = b.reserve(&alpha, &host("b"), Expected::Epoch(epoch), LONG).await.unwrap();
    assert!(next.epoch > epoch && next.id != reservation.id);
    assert_eq!(b.commit(&next).await, Ok(next.epoch));
}

async fn a_reservation_ends_by_itself(pool: &dyn Pool) {
    let (a, b, alpha) = (pool.host("a"), pool.host("b"), radio("expiry"));
    let ended = |change: &Change| matches!(change, Change::Reserved(of, None) if *of == radio("expiry"));
    let mut changes = a.watch();
    until(&mut changes, |change| matches!(change, Change::All(_))).await;
    let reservation = b.reserve(&alpha, &host("b"), Expected::Nobody, SHORT).await.unwrap();
    until(&mut changes, ended).await;
    assert!(matches!(b.renew(&reservation).await, Err(Error::ReservationOver { .. })));
    assert_eq!(a.reserved(&alpha).await, Ok(None));
    // Nobody has become the owner meanwhile.
    assert_eq!(b.commit(&reservation).await, Ok(reservation.epoch));

    let reservation = b.reserve(&alpha, &host("c"), Expected::Epoch(1), SHORT).await.unwrap();
    until(&mut changes, ended).await;
    let epoch = a.grant(&alpha, &host("a"), Expected::Epoch(1)).await.unwrap();
    let Err(Error::Stale { owner, .. }) = b.commit(&reservation).await else { panic!("two owners") };
    assert_eq!(owner.map(|owner| (owner.host, owner.epoch)), Some((host("a"), epoch)));
}

async fn a_reservation_of_somebody_else_bars_a_late_commit(pool: &dyn Pool) {
    let (a, b, alpha) = (pool.host("a"), pool.host("b"), radio("late"));
    let first = b.reserve(&alpha, &host("b"), Expected::Nobody, LONG).await.unwrap();
    b.release(&alpha, &first.id).await.unwrap();
    let second = a.reserve(&alpha, &host("a"), Expected::Nobody, LONG).await.unwrap();
    let Err(Error::Reserved { reserved, .. }) = b.commit(&first).await else { panic!("over the reservation of another") };
    assert_eq!((reserved.by, reserved.id), (host("a"), second.id.clone()));
    a.release(&alpha, &second.id).await.unwrap();
    let epoch = b.commit(&first).await.unwrap();
    assert!(epoch > second.epoch, "the epochs in between were another one's");
}

async fn epochs_rise_to_what_a_host_reports(pool: &dyn Pool) {
    let (a, alpha) = (pool.host("a"), radio("at-least"));
    assert_eq!(a.at_least(&alpha, 41).await, Ok(41));
    assert_eq!(a.at_least(&alpha, 7).await, Ok(41));
    assert_eq!(a.ownership(&alpha).await, Ok(None));
    assert_eq!(a.grant(&alpha, &host("a"), Expected::Nobody).await, Ok(42));
    let reservation = a.reserve(&alpha, &host("b"), Expected::Epoch(42), LONG).await.unwrap();
    assert_eq!(a.at_least(&alpha, 50).await, Ok(50));
    assert!(matches!(a.ownership(&alpha).await, Ok(Some(owner)) if owner.epoch == 42 && owner.highest == 50));
    assert_eq!(a.commit(&reservation).await, Ok(51));
    // Whoever took the radio twice commits the second time's.
    let mut reservation = a.reserve(&alpha, &host("a"), Expected::Epoch(51), LONG).await.unwrap();
    reservation.epoch = 54;
    assert_eq!(a.commit(&reservation).await, Ok(54));
    assert_eq!(a.commit(&reservation).await, Ok(54), "twice is once");
    assert!(matches!(a.ownership(&alpha).await, Ok(Some(owner)) if owner.epoch == 54 && owner.highest == 54));
    for epoch in [MAX_EPOCH + 1, u64::MAX] {
        assert!(matches!(a.at_least(&alpha, epoch).await, Err(Error::EpochTooHigh { .. })));
    }
    assert_eq!(a.at_least(&alpha, MAX_EPOCH).await, Ok(MAX_EPOCH));
    assert!(matches!(a.grant(&alpha, &host("a"), Expected::Epoch(54)).await, Err(Error::EpochTooHigh { .. })));
    assert!(matches!(a.reserve(&alpha, &host("a"), Expected::Epoch(54), LONG).await, Err(Error::EpochTooHigh { .. })));
}

async fn a_state_is_set_by_its_owner(pool: &dyn Pool) {
    let (a, alpha) = (pool.host("a"), radio("state"));
    assert!(matches!(a.set_state(&alpha, 0, WorkState::Stopped).await, Err(Error::Stale { owner: None, .. })));
    let epoch = a.grant(&alpha, &host("a"), Expected::Nobody).await.unwrap();
    a.set_state(&alpha, epoch, WorkState::Stopped).await.unwrap();
    a.set_state(&alpha, epoch, WorkState::Stopped).await.unwrap();
    let owner = a.ownership(&alpha).await.unwrap().unwrap();
    assert_eq!((owner.host, owner.epoch, owner.state), (host("a"), epoch, WorkState::Stopped));
    let next = a.grant(&alpha, &host("b"), Expected::Epoch(epoch)).await.unwrap();
    assert!(matches!(a.set_state(&alpha, epoch, WorkState::Serving).await, Err(Error::Stale { .. })));
    assert_eq!(a.ownership(&alpha).await.unwrap().unwrap().state, WorkState::Serving);
    assert_eq!(next, epoch + 1);
}

async fn members_come_and_go(pool: &dyn Pool) {
    let (m, n) = (pool.host("m"), pool.host("n"));
    let mut changes = m.watch();
    until(&mut changes, |change| matches!(change, Change::All(_))).await;
    let before = m.members().await.unwrap();
    assert!(matches!(before.absences, Absences::Distrusted(_)) && !before.is_gone(&host("n")));
    let (first, second) = (m.join().await.unwrap(), n.join().await.unwrap());
    until(&mut changes, |change| *change == Change::Member(host("n"), true)).await;
    assert!(first.is_held() && second.is_held());
    let both = m.members().await.unwrap();
    assert!(both.present.is_superset(&BTreeSet::from([host("m"), host("n")])));

    second.leave().await;
    until(&mut changes, |change| *change == Change::Member(host("n"), false)).await;
    // It is known to be gone as soon as absences are believed, which is an event of time alone.
    while m.members().await.unwrap().absences != Absences::Trusted {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let members = m.members().await.unwrap();
    assert!(members.is_gone(&host("n")) && !members.is_gone(&host("m")));
    drop(first);
    until(&mut changes, |change| *change == Change::Member(host("m"), false)).await;
    assert!(matches!(m.members().await.unwrap().absences, Absences::Distrusted(_)));
}

async fn one_leads(pool: &dyn Pool) {
    let (a, b) = (pool.host("a"), pool.host("b"));
    let mut changes = b.watch();
    until(&mut changes, |change| matches!(change, Change::All(_))).await;
    let Lead::Won(mut first) = a.lead().await.unwrap() else { panic!("nobody led") };
    assert!(first.is_held());
    until(&mut changes, |change| *change == Change::Leader(Some(host("a")))).await;
    assert!(matches!(b.lead().await, Ok(Lead::Led(leader)) if leader == host("a")));
    assert!(matches!(a.lead().await, Ok(Lead::Led(leader)) if leader == host("a")));
    // It is renewed for as long as it is kept.
    assert!(tokio::time::timeout(Duration::from_secs(6), first.lost()).await.is_err());
    first.resign().await;
    until(&mut changes, |change| *change == Change::Leader(None)).await;
    let leads =
        join_all((0..8).map(|n| pool.host(&format!("lead{n}"))).map(|host| async move { host.lead().await.unwrap() })).await;
    let winners: Vec<_> = leads.into_iter().filter(|lead| matches!(lead, Lead::Won(_))).collect();
    assert_eq!(winners.len(), 1);
    drop(winners);
    until(&mut changes, |change| *change == Change::Leader(None)).await;
}

async fn a_watch_tells_all_and_then_each_change(pool: &dyn Pool) {
    let (a, alpha) = (pool.host("a"), radio("watch"));
    let epoch = a.grant(&alpha, &host("a"), Expected::Nobody).await.unwrap();
    let reservation = a.reserve(&alpha, &host("b"), Expected::Epoch(epoch), LONG).await.unwrap();
    let mut changes = pool.host("b").watch();
    let Some(Change::All(view)) = changes.next().await else { panic!("not all at first") };
    assert_eq!(view.owners.get("watch").map(|owner| owner.host.clone()), Some(host("a")));
    assert_eq!(view.reserved.get("watch").map(|reserved| reserved.id.clone()), Some(reservation.id.clone()));
    a.commit(&reservation).await.unwrap();
    let of = |change: &Change| matches!(change, Change::Owner(radio, _) | Change::Reserved(radio, _) if radio == "watch");
    let (one, two) = (until(&mut changes, of).await, until(&mut changes, of).await);
    for change in [one, two] {
        match change {
            Change::Owner(_, Some(owner)) => assert_eq!((owner.host, owner.epoch), (host("b"), reservation.epoch)),
            change => assert_eq!(change, Change::Reserved(alpha.clone(), None)),
        }
    }
}

async fn of_twenty_grants_one_wins(pool: &dyn Pool) {
    let alpha = radio("race");
    let hosts: Vec<(HostName, Host)> = (0..20).map(|n| format!("racer{n}")).map(|name| (host(&name), pool.host(&name))).collect();
    let (mut expected, mut highest) = (Expected::Nobody, 0);
    for _ in 0..5 {
        let grants = hosts.iter().map(|(name, store)| store.grant(&alpha, name, expected));
        let (mut won, mut stale) = (Vec::new(), 0);
        for ((name, _), grant) in hosts.iter().zip(join_all(grants).await) {
            match grant {
                Ok(epoch) => won.push((name.clone(), epoch)),
                Err(Error::Stale { .. }) => stale += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!((won.len(), stale), (1, 19), "{won:?}");
        assert!(won[0].1 > highest);
        highest = won[0].1;
        let owner = hosts[0].1.ownership(&alpha).await.unwrap().unwrap();
        assert_eq!(won, [(owner.host, owner.epoch)]);
        expected = Expected::Epoch(highest);
    }
}
