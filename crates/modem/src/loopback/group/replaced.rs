//! The relay is replaced by another process, with and without what the old one knew; and what cannot be taken over.

use super::*;
use crate::soft_state::MOST_BYTES;

#[test]
fn a_relay_with_control_and_routes_forwards_at_once() {
    let mut air = relayed();
    let (control, table) = (air.control(1), air.table(1));
    assert_eq!(control["phy_cell_ID"], json!(3 * GROUP + 1));
    assert_eq!(control["duplexMode"], json!(0));
    air.replace(Some(&control), 400.0);
    let End { modem, taken, .. } = &mut air.ends[1];
    modem.set_routes(&table, taken).unwrap();
    air.send(0, 2, 7, 84);
    let ms = air.until(200.0, |air| !air.received(2).is_empty());
    assert_eq!(air.received(2), [ip(0, 2, 7, 84)]);
    println!("a packet crossed the new relay {ms:.1} ms after it began");
    // Neither end noticed: their routes hold, and so do the relay's when they have to prove themselves.
    air.until(11_000.0, |_| false);
    assert!(air.ping(2, 0));
    let notes = &air.ends[1].taken.notes;
    assert!(notes.iter().any(|note| note.contains("carried over is confirmed by probing after")), "{notes:?}");
    for end in [&air.ends[0], &air.ends[2]] {
        assert!(end.taken.notes.iter().all(|note| !note.contains("cannot be reached")), "{:?}", end.taken.notes);
    }
}

#[test]
fn a_relay_without_routes_forwards_nothing_until_probing_is_done() {
    let mut air = relayed();
    let control = air.control(1);
    air.replace(Some(&control), 400.0);
    let mut number = 0;
    // Ten packets a second from both sides.
    while air.routes(1).len() < 2 {
        number += 1;
        air.send(0, 2, number, 84);
        air.until(100.0, |_| false);
        assert!(air.received(2).is_empty() || air.routes(1).len() == 2, "forwarded without a route");
        assert!(number < 150, "{:?}", air.ends[1].taken.notes);
    }
    assert!(number > 15, "{number} tenths of a second are not three hellos");
    air.until(9000.0, Air::complete);
    assert!(air.ping(0, 2));
    let dropped: u64 = [0, 1].map(|n: usize| air.ends[n].modem.report().link.no_route.unwrap()).iter().sum();
    assert!(dropped > 0 && dropped <= u64::from(number), "{dropped} of {number} were dropped");
}

#[test]
fn a_relay_that_goes_on_with_soft_state_loses_nothing() {
    let mut air = relayed();
    let control = air.control(1);
    for number in 0..40 {
        air.send(0, 2, number, 300);
        air.send(2, 0, number, 300);
        air.until(25.0, |_| false);
        if number == 20 {
            air.ends[1].modem.freeze();
            // What it gave out before is on the air; what comes until the next one is there is held by nobody.
            let state = air.ends[1].modem.export().unwrap();
            let text = serde_json::to_string(&state).unwrap();
            assert!(text.len() <= MOST_BYTES, "{} bytes", text.len());
            assert_eq!(serde_json::from_str::<crate::soft_state::ModemSoftState>(&text).unwrap(), state);
            air.ends[1] = air.fresh(1, Some(&control));
            air.ends[1].modem.inherit(&state).unwrap();
        }
    }
    air.until(200.0, |air| air.received(0).len() == 40 && air.received(2).len() == 40);
    let numbers = |at: usize| air.received(at).iter().map(|p| u32::from_be_bytes([p[20], p[21], p[22], p[23]])).collect::<Vec<_>>();
    assert_eq!(numbers(0), (0..40).collect::<Vec<_>>());
    assert_eq!(numbers(2), (0..40).collect::<Vec<_>>());
    assert_eq!(air.ends[1].taken.syncs, [Sync::Searching, Sync::Synced]);
}

#[test]
fn soft_state_of_another_place_is_refused() {
    let mut air = relayed();
    let state = air.ends[1].modem.export().unwrap();
    let error = air.ends[2].modem.inherit(&state).unwrap_err();
    assert!(error.contains("cell") || error.contains("terminal 1; this modem is terminal 2"), "{error}");
    let mut two = End::new(&json!({"workmode": 1}), false, 0);
    assert!(two.modem.inherit(&state).unwrap_err().contains("of a terminal in a group"));
    assert!(two.modem.set_routes(&[], &mut two.taken).unwrap_err().contains("no terminal of a group"));
    let mut changed = state.clone();
    changed.group.as_mut().unwrap().neighbours[0].cfo_hz = f32::NAN;
    assert!(air.ends[1].modem.inherit(&changed).unwrap_err().contains("timing of terminal 0"));
}

#[test]
fn a_group_that_was_carried_over_wrongly_is_given_up_with_a_note() {
    let mut air = Air::new(json!({}), true);
    let mut control = air.control(1);
    control["phy_cell_ID"] = json!(3 * GROUP + 4);
    (control["group_ID"], control["duplexMode"]) = (Value::Null, Value::Null);
    air.ends[1] = air.fresh(1, Some(&control));
    air.until(3000.0, |air| (0..3).all(|n| air.synced(n)));
    assert!((0..3).all(|n| air.synced(n)));
    let notes = &air.ends[1].taken.notes;
    assert!(notes.iter().any(|note| note.contains("has not been found within 2 s")), "{notes:?}");
    assert_eq!(air.ends[1].modem.report().cell.unwrap().0.group(), GROUP);
}

#[test]
fn a_modem_of_two_and_a_terminal_of_a_group_say_what_the_other_is() {
    let mut air = Air::new(json!({}), true);
    let mut two = End::new(&json!({"workmode": 1}), false, air.ends[1].at);
    std::mem::swap(&mut air.ends[1], &mut two);
    air.until(300.0, |_| false);
    let notes = &air.ends[1].taken.notes;
    assert!(notes.iter().any(|note| note.contains("is a terminal of a group")), "{notes:?}");
    assert!(air.bursts[1].is_empty(), "it transmitted");
}
