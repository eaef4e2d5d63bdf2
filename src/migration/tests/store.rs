//! Orders and the pool's store.

use super::*;
use protocol::{ErrorCode, Failure, Outcome};

const TAKES: [Order; 4] = [Order::DS, Order::DSR, Order::M, Order::MB];

fn no_quorum() -> Failure {
    Failure::new(ErrorCode::Unreachable, "the pool's store has no quorum")
}

fn ordered(order: Order, gives: Option<Result<u64, Failure>>, force: bool) -> (Fleet, RunRecord) {
    let mut fleet = before(order);
    fleet.store.gives = gives;
    fleet.hosts.get_mut("server1").unwrap().epoch = Some(4);
    let request = OrderRequest { force, ..OrderRequest::new(order, Method::Hot) };
    let record = carry_out(&mut fleet, &request, &config(Path::new("/nowhere"), true));
    (fleet, record)
}

#[test]
fn whoever_takes_the_radio_does_so_under_the_epoch_that_the_store_has_given() {
    for order in TAKES {
        let (fleet, record) = ordered(order, Some(Ok(9)), false);
        assert_eq!(record.outcome, Outcome::Ok, "{record:?}");
        // Above all that either of them knows.
        assert_eq!(fleet.store.asked, [(record.to.clone(), 4)], "{order}");
    }
    let (fleet, _) = ordered(Order::DS, Some(Ok(9)), false);
    // A plain start points eth3 first, and then starts the process: each takes the radio.
    assert_eq!(fleet.epochs, [10]);
    // One that the agents know better is not gone below.
    let (fleet, _) = ordered(Order::DS, Some(Ok(2)), false);
    assert_eq!(fleet.epochs, [6]);
}

#[test]
fn an_order_that_the_store_refuses_changes_nothing() {
    for order in TAKES {
        let (fleet, record) = ordered(order, Some(Err(no_quorum())), false);
        assert!(!record.began() && record.outcome != Outcome::Ok, "{record:?}");
        assert_eq!(fleet.changes(), [""; 0], "{order}");
        let reason = record.reason.unwrap();
        assert!(reason.starts_with(&format!("{order} was not begun: the pool's store has no quorum.")), "{reason}");
    }
}

#[test]
fn whoever_forces_it_goes_on_without_the_store_and_the_record_says_so() {
    let (_, record) = ordered(Order::M, Some(Err(no_quorum())), true);
    assert_eq!(record.outcome, Outcome::Ok, "{record:?}");
    assert!(
        record.warnings.contains(&"Forced, without the pool's store: the pool's store has no quorum.".to_owned()),
        "{record:?}"
    );
}

#[test]
fn an_order_that_was_taken_in_before_its_destination_was_drained_changes_nothing() {
    for (order, force) in TAKES.into_iter().flat_map(|order| [(order, false), (order, true)]) {
        let mut fleet = before(order);
        let request = OrderRequest { force, ..OrderRequest::new(order, Method::Hot) };
        let config = config(Path::new("/nowhere"), true);
        let to = config.executor(order).to_owned();
        fleet.hosts.get_mut(&to).unwrap().drained = true;
        let record = carry_out(&mut fleet, &request, &config);
        let said = format!("{to} is drained: it takes on no work");
        if force {
            assert_eq!(record.outcome, Outcome::Ok, "{record:?}");
            assert!(record.warnings.iter().any(|warning| warning.contains(&said)), "{record:?}");
        } else {
            assert!(!record.began() && fleet.changes().is_empty(), "{record:?}");
            assert!(record.reason.as_ref().unwrap().contains(&said), "{record:?}");
        }
    }
}

#[test]
fn what_another_order_has_none_takes_by_force() {
    for code in [ErrorCode::Busy, ErrorCode::StaleEpoch] {
        let (fleet, record) = ordered(Order::M, Some(Err(Failure::new(code, "server3 has reserved it"))), true);
        assert!(!record.began() && fleet.changes().is_empty(), "{record:?}");
    }
}

#[test]
fn whoever_gives_the_radio_up_asks_nobody() {
    let mut fleet = Fleet::new(Host::serving(), Host::default());
    fleet.store.gives = Some(Err(no_quorum()));
    let record = run(&mut fleet, Order::KL, Method::Hot, true);
    assert_eq!((record.outcome, fleet.store.asked.len()), (Outcome::Ok, 0), "{record:?}");
}
