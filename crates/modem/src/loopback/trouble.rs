//! What goes wrong on the air, and what the modem says of it; starts with more and less known.

use serde_json::json;

use super::{BLOCK, Bandwidth, CELL, Channel, End, Pair, Setup};
use crate::outlet::Sync;
use workload::samples::Sample;

fn base() -> Setup {
    Setup { carried: true, ahead: 11, ..Setup::default() }
}

#[test]
fn a_cell_carried_over_wrongly_is_given_up_with_a_note() {
    for wrong in [CELL + 3, CELL + 1] {
        let mut pair = Pair::new(&base());
        let told = json!({"workmode": 1, "phy_cell_ID": wrong});
        pair.pool = End::new(&told, true, pair.pool.at);
        pair.until(1000.0, |p| p.pool.last_sync() == Some(Sync::Synced));
        assert_eq!(pair.pool.taken.syncs, [Sync::Searching, Sync::Synced], "{:?}", pair.pool.taken.notes);
        let notes = &pair.pool.taken.notes;
        assert!(notes.iter().any(|n| n.contains(&format!("cell {wrong} has not been found"))), "{notes:?}");
        assert!(notes.iter().any(|n| n.contains(&format!("cell {CELL} transmits on this frequency"))), "{notes:?}");
        assert_eq!(pair.pool.modem.report().cell.unwrap().0.number(), CELL);
    }
}

#[test]
fn a_frequency_beyond_range_is_named() {
    for hz in [-20_000.0, 15_000.0, 26_000.0] {
        let mut pair = Pair::new(&base());
        pair.down.cfo = hz;
        pair.until(450.0, |p| p.pool.last_sync() == Some(Sync::Synced));
        let notes = &pair.pool.taken.notes;
        let said = format!("off by about {:.0} kHz", hz / 1000.0);
        assert!(notes.iter().any(|n| n.contains(&said)), "{hz} Hz: {notes:?}");
        assert_eq!(pair.pool.taken.syncs, [Sync::Searching]);
    }
}

#[test]
fn a_neighbour_on_the_frequency_does_not_keep_the_own_cell_from_being_found() {
    // The same primary signal, and another one.
    for neighbour in [CELL - 3, 7] {
        let mut pair = Pair::new(&base());
        let far = json!({"workmode": 0, "phy_cell_ID": neighbour});
        let mut other = End::new(&far, false, pair.far.at + 12_345);
        let mut weak = Channel::new(Bandwidth::Mhz1_4, 0, 60.0, 5);
        weak.gain = 0.05;
        for _ in 0..1500 {
            let mut to_pool = pair.down.receive(pair.pool.at);
            let more = weak.receive(other.at);
            to_pool.iter_mut().zip(more).for_each(|(a, b)| *a = Sample::new(a.re.saturating_add(b.re), a.im.saturating_add(b.im)));
            pair.far.feed(&[Sample::default(); BLOCK]);
            other.feed(&[Sample::default(); BLOCK]);
            pair.pool.feed(&to_pool);
            pair.far.taken.bursts.drain(..).for_each(|b| pair.down.send(&b));
            other.taken.bursts.drain(..).for_each(|b| weak.send(&b));
        }
        assert_eq!(pair.pool.taken.syncs, [Sync::Searching, Sync::Synced], "{:?}", pair.pool.taken.notes);
        assert_eq!(pair.pool.modem.report().cell.unwrap().0.number(), CELL);
    }
}

/// Where another host's burst has just ended, the driver leaves out what falls into the zeros behind it: at 56 ticks a sample 21 samples, 13 of them of the first
/// symbol's 120.
#[test]
fn a_subframe_without_its_first_samples_is_decoded() {
    for modulation in [1, 2, 3] {
        let cell = json!({"type_mode": modulation});
        let mut pair = Pair::new(&Setup { cell, ..base() });
        pair.until(100.0, Pair::both_synced);
        pair.until(30.0, |_| false);
        let before = pair.pool.modem.report().link;
        pair.down.cut = 21;
        (0..50).for_each(|n| pair.far.modem.queue().push(&[n; 1000]));
        pair.until(100.0, |_| false);
        let link = pair.pool.modem.report().link;
        let (good, bad) = (link.blocks_good - before.blocks_good, link.blocks_bad - before.blocks_bad);
        println!("type_mode {modulation} without their first 21 samples: {good} blocks good, {bad} bad");
        assert!(good > 20 && (bad == 0 || modulation == 3), "type_mode {modulation}: {good} good, {bad} bad");
    }
}

#[test]
fn an_inherited_timing_needs_no_search_and_a_wrong_one_is_replaced() {
    for wrong in [0u64, 31_000] {
        let mut pair = Pair::new(&base());
        pair.until(100.0, Pair::both_synced);
        pair.until(30.0, |_| false);
        let mut state = pair.pool.modem.export().unwrap();
        let text = serde_json::to_string(&state).unwrap();
        assert!(text.len() < 4096 && serde_json::from_str::<crate::soft_state::ModemSoftState>(&text).unwrap() == state);
        state.origin += wrong;
        let sent = state.link.blocks_good;
        pair.pool = End::new(&json!({"workmode": 1, "phy_cell_ID": CELL}), true, pair.pool.at);
        pair.pool.modem.inherit(&state).unwrap();
        let ms = pair.until(100.0, |p| p.pool.last_sync() == Some(Sync::Synced));
        println!("inherited timing, {wrong} ticks wrong: synced after {ms:.1} ms");
        assert_eq!(pair.pool.taken.syncs, [Sync::Searching, Sync::Synced]);
        assert!(if wrong == 0 { ms < 7.0 } else { ms > 20.0 }, "{ms} ms");
        assert!(pair.pool.modem.report().link.blocks_good > sent);
        assert!(pair.pool.modem.report().frame.is_some());
    }
}

#[test]
fn soft_state_that_does_not_fit_is_refused_with_a_sentence() {
    let mut pair = Pair::new(&base());
    pair.until(100.0, Pair::both_synced);
    let state = pair.pool.modem.export().unwrap();
    let mut refuses = |change: fn(&mut crate::soft_state::ModemSoftState), words: &str| {
        let mut changed = state.clone();
        change(&mut changed);
        let error = pair.pool.modem.inherit(&changed).unwrap_err();
        assert!(error.contains(words), "{error}");
    };
    refuses(|s| s.version = 9, "version 9");
    refuses(|s| s.cell = 504, "cell 504");
    refuses(|s| s.parameters.clear(), "parameters");
    refuses(|s| s.parameters[1] = 25, "bandwidth of 5 MHz");
    refuses(|s| s.cfo_hz = f32::NAN, "NaN Hz");
    assert_eq!(pair.pool.last_sync(), Some(Sync::Synced));
}

#[test]
fn a_cell_that_is_narrower_at_the_same_rate_is_followed() {
    let mut pair = Pair::new(&Setup { cell: json!({"BW": 15}), carried: false, ..base() });
    pair.pool = End::new(&json!({"workmode": 1, "BW": 20}), false, pair.pool.at);
    pair.until(100.0, Pair::both_synced);
    assert!(pair.both_synced());
    assert_eq!(pair.pool.modem.report().cell.unwrap().1.numerology.bandwidth.mhz(), 15.0);
}

#[test]
fn a_cell_of_another_rate_is_named_with_the_rate_it_needs() {
    let mut far = End::new(&json!({"workmode": 0, "phy_cell_ID": CELL, "BW": 10}), false, 0);
    let mut pool = End::new(&json!({"workmode": 1, "BW": 20}), false, 0);
    let mut air = Channel::new(Bandwidth::Mhz20, 0, 30.0, 5);
    for _ in 0..3000 {
        far.feed(&[Sample::default(); BLOCK]);
        for mut burst in far.taken.bursts.drain(..) {
            // Every sample twice: the middle of the band hardly notices.
            burst.samples = burst.samples.iter().flat_map(|s| [*s, *s]).collect();
            air.send(&burst);
        }
        for _ in 0..2 {
            let received = air.receive(pool.at);
            pool.feed(&received);
        }
    }
    let note =
        "cell 301 has a bandwidth of 10 MHz, for which the radio's rate must be 12500000.0 samples per second; it is 25000000.0";
    assert_eq!(pool.taken.notes, [note]);
    assert_eq!(pool.taken.syncs, [Sync::Searching]);
}
