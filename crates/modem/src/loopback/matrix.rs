//! Every combination of what a cell can be, and every control variable.

use num_complex::Complex32;
use serde_json::{Value, json};

use super::{CELL, End, Pair, Setup};
use crate::outlet::Sync;

/// Sends packets both ways through a pair; what is wrong with it, if anything.
fn carries(setup: &Setup, echo: Option<(u64, Complex32)>) -> Result<(), String> {
    let mut pair = Pair::new(setup);
    (pair.down.echo, pair.up.echo) = (echo, echo);
    pair.until(150.0, Pair::both_synced);
    if !pair.both_synced() {
        return Err(format!("far {:?}, pool {:?}, {:?}", pair.far.taken.syncs, pair.pool.taken.syncs, pair.pool.taken.notes));
    }
    let packets: Vec<Vec<u8>> =
        [1usize, 84, 700, 1500].iter().map(|length| (0..*length).map(|i| (i * 7) as u8).collect()).collect();
    for packet in &packets {
        pair.far.modem.queue().push(packet);
        pair.pool.modem.queue().push(packet);
    }
    let all = packets.len();
    pair.until(300.0, |p| p.far.taken.packets.len() == all && p.pool.taken.packets.len() == all);
    if pair.far.taken.packets != packets || pair.pool.taken.packets != packets {
        let (far, pool) = (pair.far.modem.report(), pair.pool.modem.report());
        let count = (pair.far.taken.packets.len(), pair.pool.taken.packets.len());
        return Err(format!("{count:?} packets; far {:?}; pool {:?}", far.link, pool.link));
    }
    let bad = [&pair.far, &pair.pool].map(|e| e.modem.report().link.blocks_bad);
    if bad != [0, 0] { Err(format!("{bad:?} bad blocks")) } else { Ok(()) }
}

#[test]
fn every_bandwidth_prefix_modulation_and_duplex_carries_packets() {
    let mut wrong = Vec::new();
    let mut seed = 100;
    for mhz in [1.4, 3.0, 5.0, 10.0, 15.0, 20.0] {
        for prefix in 0..2 {
            for modulation in 1..4 {
                for duplex in 0..2 {
                    // The wide ones cost a test their time: a part of them shows the same.
                    if mhz > 5.0 && (prefix + modulation + duplex) % 3 != 0 {
                        continue;
                    }
                    seed += 1;
                    let cell =
                        json!({"BW": mhz, "CPtype": prefix, "type_mode": modulation, "duplexMode": duplex, "DLULAssign": seed % 7});
                    let setup = Setup { cell: cell.clone(), ahead: 1000 * seed, snr_db: 32.0, carried: seed % 2 == 0, seed };
                    if let Err(text) = carries(&setup, None) {
                        wrong.push(format!("{cell}: {text}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_echo_within_the_prefix_does_no_harm() {
    for (cell, late, gain) in [
        (json!({"BW": 1.4}), 5, 0.7),
        (json!({"BW": 5, "type_mode": 2}), 18, 0.5),
        (json!({"BW": 5, "type_mode": 1}), 24, 0.9),
        (json!({"BW": 5, "CPtype": 1, "type_mode": 2}), 60, 0.6),
    ] {
        let setup = Setup { cell: cell.clone(), snr_db: 30.0, ahead: 77, ..Setup::default() };
        let echo = Some((late, Complex32::from_polar(gain, 2.0)));
        assert_eq!(carries(&setup, echo), Ok(()), "{cell}, {late} samples");
    }
}

#[test]
fn every_assignment_of_tdd_carries_packets() {
    for assignment in 0..7 {
        let cell = json!({"duplexMode": 0, "DLULAssign": assignment});
        let setup = Setup { cell, carried: assignment % 2 == 0, seed: 300 + assignment, ..Setup::default() };
        assert_eq!(carries(&setup, None), Ok(()), "assignment {assignment}");
    }
}

/// A pair whose pool has got one variable wrong: whether the pool decodes within 300 ms.
fn decodes_with(name: &str, value: Value) -> bool {
    let cell = json!({"duplexMode": if name == "DLULAssign" { 0 } else { 1 }, "DLULAssign": 2});
    let setup = Setup { cell, carried: true, seed: 7, ..Setup::default() };
    let mut pair = Pair::new(&setup);
    let mut told = setup.pool();
    told[name] = value;
    pair.pool = End::new(&told, true, pair.pool.at);
    pair.until(300.0, |p| p.pool.last_sync() == Some(Sync::Synced));
    // What needs no proof of its own shows in the packets.
    (0..20).for_each(|_| pair.far.modem.queue().push(&[9; 300]));
    pair.until(100.0, |p| p.pool.taken.packets.len() == 20);
    pair.pool.taken.packets.len() == 20
}

#[test]
fn a_cell_variable_that_is_wrong_keeps_a_slave_from_decoding() {
    assert!(decodes_with("RNTI", json!(61)), "with everything right it decodes");
    let cases = [
        ("phy_cell_ID", json!(CELL + 3)),
        ("phy_cell_ID", json!(CELL + 1)),
        ("CPtype", json!(1)),
        ("duplexMode", json!(0)),
        ("DLULAssign", json!(0)),
        ("type_mode", json!(2)),
        ("RNTI", json!(62)),
    ];
    for (name, value) in cases {
        assert!(!decodes_with(name, value.clone()), "{name} {value} made no difference");
    }
}

#[test]
fn a_slave_learns_every_variable_from_the_broadcast_block() {
    let cell = json!({"BW": 3, "CPtype": 1, "duplexMode": 0, "DLULAssign": 5, "type_mode": 3, "RNTI": 4711});
    let mut pair = Pair::new(&Setup { cell: cell.clone(), snr_db: 30.0, ahead: 5, ..Setup::default() });
    pair.until(100.0, Pair::both_synced);
    let settings = crate::settings::ModemSettings::read(json!({"BW": 3}).as_object().unwrap(), false, None, &[]).unwrap();
    let learned = settings.control(pair.pool.modem.report().cell);
    for (name, value) in cell.as_object().unwrap() {
        assert_eq!(learned[name].as_f64(), value.as_f64(), "{name}");
    }
    assert_eq!(learned["phy_cell_ID"], CELL);
    assert_eq!(learned["RBIdx"], 15);
    let frames = pair.pool.at * 28 / 1_008_000 % 1024;
    let frame = u64::from(pair.pool.modem.report().frame.unwrap());
    assert!((frame + 1024 - frames) % 1024 <= 1, "frame {frame}, {frames} by the clock");
}

#[test]
fn a_base_station_never_pauses_its_reference_signals() {
    for (mode, expected) in [(0, 2), (2, 10)] {
        let far = json!({"workmode": mode, "phy_cell_ID": CELL});
        let mut end = End::new(&far, false, 0);
        let mut bursts = 0;
        for _ in 0..10 * 1800 / 360 {
            end.feed(&[workload::samples::Sample::default(); 360]);
            bursts += end.taken.bursts.drain(..).count();
        }
        assert!(bursts.abs_diff(expected) <= 8 + expected / 5, "workmode {mode}: {bursts} bursts in a frame and the lead");
        let setup = Setup { cell: json!({"workmode": mode}), ..Setup::default() };
        assert_eq!(carries(&setup, None), Ok(()), "workmode {mode}");
    }
}
