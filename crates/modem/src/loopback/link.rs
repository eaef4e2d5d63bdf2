//! Acquisition, traffic, and what goes wrong on the air.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use super::{BLOCK, CELL, Channel, End, Pair, Setup};
use crate::outlet::Sync;
use crate::phy::numerology::Bandwidth;
use workload::samples::Sample;

#[test]
fn both_ends_acquire_and_the_slave_finds_cell_and_timing() {
    for carried in [false, true] {
        for (seed, ahead) in [(1, 0), (2, 777), (3, 12_345_678)] {
            let mut pair = Pair::new(&Setup { ahead, carried, seed, ..Setup::default() });
            pair.until(60.0, Pair::both_synced);
            assert!(pair.both_synced(), "carried {carried}, ahead {ahead}: {:?} {:?}", pair.far.taken.syncs, pair.pool.taken.syncs);
            pair.until(50.0, |_| false);
            let report = pair.pool.modem.report();
            assert_eq!(report.cell.map(|c| c.0.number()), Some(CELL));
            assert_eq!(pair.pool.taken.syncs, [Sync::Searching, Sync::Synced]);
            assert!(pair.slave_late.abs() <= 10, "the slave is {} ticks late", pair.slave_late);
            let snr = report.link.snr_db.unwrap();
            assert!((23.0..27.0).contains(&snr), "25 dB were measured as {snr}");
            assert_eq!(report.link.blocks_bad, 0, "carried {carried}, ahead {ahead}");
        }
    }
}

#[test]
fn ip_packets_cross_both_ways() {
    let mut pair = Pair::new(&Setup { ahead: 1234, carried: false, seed: 4, ..Setup::default() });
    pair.until(60.0, Pair::both_synced);
    let packets: Vec<Vec<u8>> = [1usize, 28, 84, 195, 196, 231, 232, 576, 1499, 1500]
        .iter()
        .enumerate()
        .map(|(n, length)| (0..*length).map(|i| (i * 7 + n) as u8).collect())
        .collect();
    for packet in &packets {
        pair.far.modem.queue().push(packet);
        pair.pool.modem.queue().push(packet);
    }
    let count = packets.len();
    pair.until(100.0, |p| p.far.taken.packets.len() == count && p.pool.taken.packets.len() == count);
    assert_eq!(pair.far.taken.packets, packets);
    assert_eq!(pair.pool.taken.packets, packets);
    assert_eq!(pair.pool.modem.report().link.packets_in, count as u64);
}

#[test]
fn a_ping_takes_less_than_thirty_milliseconds() {
    let mut pair = Pair::new(&Setup { ahead: 99, carried: true, seed: 5, ..Setup::default() });
    pair.until(60.0, Pair::both_synced);
    pair.far.modem.queue().push(&[8; 84]);
    let there = pair.until(60.0, |p| !p.pool.taken.packets.is_empty());
    pair.pool.modem.queue().push(&[0; 84]);
    let back = pair.until(60.0, |p| !p.far.taken.packets.is_empty());
    println!("ping over the modems: {there:.1} ms there, {back:.1} ms back, without the time of the machine");
    assert!(there + back < 30.0, "{there} ms there, {back} ms back");
}

#[test]
fn after_300_ms_without_samples_the_link_is_back_and_the_master_has_not_moved() {
    let mut pair = Pair::new(&Setup { ahead: 5000, carried: true, seed: 6, ..Setup::default() });
    pair.until(60.0, Pair::both_synced);
    pair.pool.modem.no_samples(&mut pair.pool.taken);
    for _ in 0..1590 {
        pair.step(false);
    }
    assert_eq!(pair.far.last_sync(), Some(Sync::Lost), "the far end hears nobody");
    // A new stream: its samples lie elsewhere between the ticks.
    pair.pool.off = 17;
    let ms = pair.until(60.0, Pair::both_synced);
    println!("both ends in sync {ms:.1} ms after the samples came back");
    assert!(pair.both_synced() && ms < 20.0, "{ms} ms: {:?} {:?}", pair.far.taken.syncs, pair.pool.taken.syncs);
    assert_eq!(pair.pool.taken.syncs[1..], [Sync::Synced, Sync::NoSamples, Sync::Lost, Sync::Synced]);
    pair.far.modem.queue().push(&[1; 84]);
    pair.until(30.0, |p| !p.pool.taken.packets.is_empty());
    assert_eq!(pair.pool.taken.packets.len(), 1);
    let lost = pair.pool.modem.report().rx_lost_samples;
    assert_eq!(lost, 1590 * BLOCK as u64);
}

#[test]
fn a_device_clock_that_starts_again_is_followed() {
    let mut pair = Pair::new(&Setup { ahead: 0, carried: true, seed: 7, ..Setup::default() });
    pair.until(60.0, Pair::both_synced);
    // The pool radio is power-cycled: its ticks start again.
    let samples = pair.pool.at - 20_000;
    pair.pool.at -= samples;
    let mut ms = 0;
    while ms < 60 && pair.pool.taken.syncs.len() < 4 {
        let received = pair.down.receive(pair.far.at);
        pair.pool.feed(&received);
        pair.far.feed(&vec![Sample::default(); BLOCK]);
        pair.far.taken.bursts.drain(..).for_each(|b| pair.down.send(&b));
        ms += 1;
    }
    assert_eq!(pair.pool.taken.syncs, [Sync::Searching, Sync::Synced, Sync::Searching, Sync::Synced]);
}

#[test]
fn a_carrier_frequency_offset_is_corrected() {
    for hz in [-4000.0, -300.0, 1500.0, 6000.0] {
        let mut pair = Pair::new(&Setup { ahead: 333, carried: false, seed: 8, ..Setup::default() });
        pair.down.cfo = hz;
        pair.until(60.0, |p| p.pool.last_sync() == Some(Sync::Synced));
        pair.until(50.0, |_| false);
        let report = pair.pool.modem.report();
        assert!((report.cfo_hz - hz).abs() < 15.0, "{hz} Hz were measured as {}", report.cfo_hz);
        assert_eq!(report.link.blocks_bad, 0, "at {hz} Hz");
    }
}

#[test]
fn noise_and_foreign_cells_never_sync() {
    for carried in [false, true] {
        let mut pool = End::new(&Setup { carried, ..Setup::default() }.pool(), carried, 1000);
        let mut noise = Channel::new(Bandwidth::Mhz1_4, 0, 0.0, 9);
        for _ in 0..5000 {
            let received = noise.receive(pool.at);
            pool.feed(&received);
        }
        assert_eq!(pool.taken.syncs, [Sync::Searching], "{:?}", pool.taken.notes);
        assert!(pool.taken.bursts.is_empty(), "a slave without timing transmitted");
    }
}

#[test]
fn any_blocks_at_any_ticks_do_no_harm() {
    let mut random = StdRng::seed_from_u64(11);
    let mut end = End::new(&json!({"workmode": 0, "phy_cell_ID": 5}), false, 0);
    let mut tick = 0u64;
    for _ in 0..3000 {
        let samples: Vec<Sample> =
            (0..random.random_range(0..900)).map(|_| Sample::new(random.random(), random.random())).collect();
        tick = match random.random_range(0..12) {
            0 => random.random(),
            1 => random.random_range(0..1_000_000),
            2 => tick.wrapping_add(random.random_range(0..100_000_000)),
            _ => tick.wrapping_add(samples.len() as u64 * end.ticks),
        };
        end.modem.receive(tick, &samples, &mut end.taken);
        end.taken.bursts.clear();
    }
    assert!(!end.taken.syncs.contains(&Sync::Synced));
}
