use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000_000;

/// A ledger of probes sent every 100 ms, the first at 0; each with its round trip in ms, or none.
fn ledger(trips: &[Option<u64>]) -> Ledger {
    let mut ledger = Ledger::default();
    for index in 0..trips.len() {
        ledger.sent(index as u64 * 100 * MS);
    }
    for (seq, trip) in trips.iter().enumerate().filter_map(|(seq, trip)| Some((seq as u64, (*trip)?))) {
        ledger.replied(seq, (seq * 100 + trip) * MS);
    }
    ledger
}

#[test]
fn windows() {
    const L: Option<u64> = None;
    let answered = Some(5);
    /// Round trips, first probe of the window; sent, lost, gap in ms; the silence that goes on, ms.
    type Case<'a> = (&'a [Option<u64>], u64, u64, u64, f64, Option<f64>);
    let table: [Case; 11] = [
        (&[], 0, 0, 0, 0.0, None),
        (&[answered; 5], 0, 5, 0, 100.0, None),
        (&[answered; 5], 2, 3, 0, 100.0, None),
        (&[answered; 5], 5, 0, 0, 0.0, None),
        (&[answered, L, L, answered], 1, 3, 2, 300.0, None),
        // The last reply before the window lies before two losses outside of it.
        (&[answered, L, L, answered], 3, 1, 0, 300.0, None),
        // Nobody answers any more: the silence lasts until now, 2 s.
        (&[answered, L, L], 1, 2, 2, 1995.0, Some(1995.0)),
        // Nobody ever answered.
        (&[L, L, L], 0, 3, 3, 2000.0, Some(2000.0)),
        (&[L, L, L], 1, 2, 2, 1900.0, Some(1900.0)),
        // Overtaken: the gap is between arrivals.
        (&[answered, Some(250), answered], 1, 2, 0, 200.0, None),
        // One that was under way when the window began is answered after the silence, and does not hide it.
        (&[answered, Some(350), L, L, answered], 2, 3, 2, 400.0, None),
    ];
    for (trips, since, sent, lost, gap_ms, silent_ms) in table {
        let window = ledger(trips).window(since, u64::MAX, 100.0, 2000 * MS).unwrap();
        assert_eq!(window, ProbeWindow { interval_ms: 100.0, sent, lost, gap_ms, silent_ms }, "{trips:?} since {since}");
    }
}

#[test]
fn late_foreign_and_doubled_replies_do_not_count() {
    let mut ledger = ledger(&[None, None]);
    ledger.replied(0, LOSS_TIMEOUT);
    ledger.replied(1, 105 * MS);
    ledger.replied(1, 106 * MS);
    ledger.replied(2, 107 * MS);
    let status = ledger.status("t".into(), 100.0, 2000 * MS);
    assert_eq!((status.sent, status.before_service, status.received, status.lost), (2, 1, 1, 0));
    assert_eq!(status.rtt_ms, Some([5.0; 4]));
    assert_eq!(status.recent[0], ProbeOutcome { seq: 0, rtt_ms: None, lost: true });
    assert_eq!(status.recent[1], ProbeOutcome { seq: 1, rtt_ms: Some(5.0), lost: false });
}

#[test]
fn a_probe_is_neither_lost_nor_answered_while_it_travels() {
    let mut ledger = ledger(&[None]);
    assert_eq!(ledger.settled(LOSS_TIMEOUT - 1), 0);
    let status = ledger.status("t".into(), 100.0, LOSS_TIMEOUT - 1);
    assert_eq!((status.received, status.lost, status.recent[0].lost), (0, 0, false));
    assert_eq!(ledger.settled(LOSS_TIMEOUT), 1);
    assert!(ledger.status("t".into(), 100.0, LOSS_TIMEOUT).recent[0].lost);
}

#[test]
fn what_was_sent_before_anybody_served_is_not_lost() {
    let end = 5 * LOSS_TIMEOUT;
    let counted = |trips: &[Option<u64>]| {
        let status = ledger(trips).status("t".into(), 100.0, end);
        (status.before_service, status.received, status.lost)
    };
    assert_eq!(counted(&[None, None]), (2, 0, 0));
    assert_eq!(counted(&[None, None, Some(5)]), (2, 1, 0));
    assert_eq!(counted(&[None, Some(5), None, None, Some(5)]), (1, 2, 2));
}

#[test]
fn percentiles_by_nearest_rank() {
    let ms = |values: std::ops::RangeInclusive<u64>| values.map(|v| v * MS).collect::<Vec<_>>();
    assert_eq!(percentiles(&[]), None);
    assert_eq!(percentiles(&ms(7..=7)), Some([7.0; 4]));
    assert_eq!(percentiles(&ms(1..=100)), Some([1.0, 50.0, 95.0, 100.0]));
    assert_eq!(percentiles(&ms(1..=4)), Some([1.0, 2.0, 4.0, 4.0]));
}

#[test]
fn the_ring_is_bounded_and_says_what_it_forgot() {
    let mut ledger = Ledger::default();
    let total = KEPT as u64 + 10;
    for index in 0..total {
        let seq = ledger.sent(index * MS);
        ledger.replied(seq, index * MS + 1000);
        ledger.settled(index * MS + 2000);
    }
    assert_eq!(ledger.probes.len(), KEPT);
    assert_eq!(ledger.next(), total);
    assert!(ledger.window(9, total, 1.0, total * MS).is_err());
    assert_eq!(ledger.window(10, total, 1.0, total * MS).unwrap().sent, KEPT as u64);
    let status = ledger.status("t".into(), 1.0, total * MS);
    assert_eq!((status.received, status.lost, status.recent.len()), (total, 0, 200));
}

proptest! {
    #[test]
    fn nothing_is_counted_twice_or_forgotten(
        trips in proptest::collection::vec(proptest::option::weighted(0.7, 0_u64..1500), 0..60),
        since in 0_u64..70,
    ) {
        let mut ledger = ledger(&trips);
        let end = trips.len() as u64 * 100 * MS + LOSS_TIMEOUT;
        prop_assert_eq!(ledger.settled(end), trips.len() as u64);
        let answered = |t: &Option<u64>| t.is_some_and(|t| t * MS < LOSS_TIMEOUT);
        let status = ledger.status("t".into(), 100.0, end);
        prop_assert_eq!(status.received, trips.iter().filter(|t| answered(t)).count() as u64);
        prop_assert_eq!(status.before_service + status.received + status.lost, status.sent);
        let window = ledger.window(since, u64::MAX, 100.0, end).unwrap();
        let inside = trips.iter().skip(since as usize);
        prop_assert_eq!(window.sent, inside.clone().count() as u64);
        prop_assert_eq!(window.lost, inside.clone().filter(|t| !answered(t)).count() as u64);
        // Every run of losses in the window leaves a gap of at least so many intervals, less the longest round trip.
        let longest = inside.clone().fold((0_u64, 0_u64), |(run, longest), t| {
            let run = if answered(t) { 0 } else { run + 1 };
            (run, longest.max(run))
        }).1;
        if trips.iter().take(since as usize).any(answered) && window.lost < window.sent {
            prop_assert!(window.gap_ms + 1000.0 >= longest as f64 * 100.0);
        }
    }
}

#[test]
fn the_probe_after_the_latest_reply_is_known() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.unanswered_from(), None);
    for at in 0..4 {
        ledger.sent(at * 1_000);
    }
    assert_eq!(ledger.unanswered_from(), None);
    ledger.replied(1, 5_000);
    ledger.replied(0, 5_001);
    assert_eq!(ledger.unanswered_from(), Some(2));
    ledger.replied(3, 5_002);
    assert_eq!(ledger.unanswered_from(), Some(4));
}
