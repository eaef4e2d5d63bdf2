//! Figures as JSON records, for benches/figures.rs.

use std::time::Duration;

use serde_json::{Value, json};

use super::{WhiteNoise, es_n0, loss, starts, theory};
use crate::loopback::group::Air;
use crate::loopback::{Channel, End, Pair, Setup, merged};
use crate::phy::modulation::Modulation;
use crate::phy::numerology::Bandwidth;
use protocol::Route;

/// Takes a record.
pub type Emit<'a> = &'a mut dyn FnMut(Value);

/// Name and measurement of every figure.
pub const ALL: [(&str, fn(Emit<'_>)); 6] = [
    ("ber", uncoded_bit_errors),
    ("ber_front_ends", uncoded_bit_errors_with_front_ends),
    ("bler", block_errors),
    ("acquisition", acquisition),
    ("load", processor_load),
    ("relay_load", processor_load_of_a_relay),
];

fn uncoded_bit_errors(emit: Emit<'_>) {
    for modulation in Modulation::ALL {
        let mut bench = WhiteNoise::new(Bandwidth::Mhz5, modulation, 2);
        let name = format!("{modulation:?}");
        // For the picture: the smooth curve, at what all axes show.
        for point in (0..=84).map(|n| f64::from(n) / 4.0) {
            emit(json!({"figure": "ber_theory", "modulation": name, "eb_n0_db": point, "ber": theory(modulation, point)}));
        }
        emit_bit_errors(emit, "ber", modulation, &mut bench);
    }
}

/// The same between typical front ends, against the same theory.
fn uncoded_bit_errors_with_front_ends(emit: Emit<'_>) {
    for modulation in Modulation::ALL {
        emit_bit_errors(emit, "ber_front_ends", modulation, &mut WhiteNoise::with_front_ends(Bandwidth::Mhz5, modulation, 2));
    }
}

/// A record for each dB of Eb/N0, until errors are too few to be counted.
fn emit_bit_errors(emit: Emit<'_>, figure: &str, modulation: Modulation, bench: &mut WhiteNoise) {
    let name = format!("{modulation:?}");
    for point in (0..=20).map(f64::from) {
        let (wrong, all) = bench.bit_errors(es_n0(modulation, point), 1000);
        if wrong < 30 {
            break;
        }
        let ber = wrong as f64 / all as f64;
        let (theory, loss) = (theory(modulation, point), loss(modulation, point, ber));
        emit(json!({"figure": figure, "modulation": name, "eb_n0_db": point, "ber": ber, "wrong": wrong, "bits": all,
                "theory": theory, "loss_db": loss}));
    }
}

fn block_errors(emit: Emit<'_>) {
    const FIRST: [u8; 3] = [1, 6, 11];
    for modulation in Modulation::ALL {
        for bandwidth in [Bandwidth::Mhz1_4, Bandwidth::Mhz5] {
            let mut bench = WhiteNoise::new(bandwidth, modulation, 3);
            // Half a dB apart; no block arrives below the first.
            for snr in (2 * FIRST[modulation as usize]..60).map(|n| f64::from(n) / 2.0) {
                let bler = bench.bler(snr as f32, 200);
                if bler < 1.0 {
                    emit(
                        json!({"figure": "bler", "modulation": format!("{modulation:?}"), "bw": bandwidth.mhz(), "es_n0_db": snr, "bler": bler}),
                    );
                }
                if bler == 0.0 {
                    break;
                }
            }
        }
    }
}

fn acquisition(emit: Emit<'_>) {
    const LEVELS: [(&str, u8, bool); 5] =
        [("cold", 0, false), ("control", 0, false), ("inherited", 0, false), ("inherited", 0, true), ("inherited", 2, false)];
    for snr_db in [25.0, 10.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0] {
        for mhz in [1.4, 5.0] {
            for (level, workmode, busy) in LEVELS {
                let cell = merged(&json!({"workmode": workmode}), &[("BW", json!(mhz))]);
                let all = starts(&cell, (level, false), busy, snr_db, 50);
                let at = |part: f64| all.get(((all.len() as f64 * part) as usize).min(all.len().saturating_sub(1)));
                let line = json!({"figure": "acquisition", "bw": mhz, "start": level, "busy": busy, "workmode": workmode, "snr_db": snr_db,
                    "probability": all.len() as f64 / 50.0, "median_ms": at(0.5), "p95_ms": at(0.95)});
                emit(line);
            }
        }
    }
}

fn processor_load(emit: Emit<'_>) {
    for (mhz, modulation) in [(1.4, 1), (3.0, 1), (5.0, 1), (5.0, 3), (10.0, 1), (20.0, 1)] {
        for (what, interval_ms, size) in [("idle", 0.0, 0), ("pings", 100.0, 84), ("full", 0.5, 1500)] {
            let cell = json!({"BW": mhz, "type_mode": modulation});
            let mut pair = Pair::new(&Setup { cell, snr_db: 30.0, ..Setup::default() });
            pair.until(100.0, Pair::both_synced);
            (pair.far.cpu, pair.pool.cpu) = (Duration::ZERO, Duration::ZERO);
            let (mut ms, mut packets) = (0.0, 0);
            while ms < 500.0 {
                let burst = if what == "full" { 1 + 4 * mhz as usize * modulation / 10 } else { usize::from(size > 0) };
                (0..burst).for_each(|_| [&pair.far, &pair.pool].iter().for_each(|e| e.modem.queue().push(&vec![0x45; size])));
                ms += pair.until(if interval_ms > 0.0 { interval_ms } else { 100.0 }, |_| false);
                packets += pair.pool.taken.packets.drain(..).count();
                pair.far.taken.packets.clear();
            }
            let load = |e: &End| e.cpu.as_secs_f64() * 1000.0 / ms;
            emit(json!({"figure": "load", "bw": mhz, "type_mode": modulation, "what": what, "master_cores": load(&pair.far),
                    "slave_cores": load(&pair.pool), "kbit_per_s": (packets * size * 8) as f64 / ms,
                    "blocks_bad": pair.pool.modem.report().link.blocks_bad}));
        }
        let mut searching = End::new(&json!({"workmode": 1, "BW": mhz}), false, 0);
        let mut noise = Channel::new(Bandwidth::ALL.into_iter().find(|b| b.mhz() == mhz).unwrap(), 0, 0.0, 13);
        let rate = 100e6 / searching.ticks as f64;
        while (searching.at as f64) < rate / 2.0 {
            let received = noise.receive(searching.at);
            searching.feed(&received);
        }
        emit(json!({"figure": "load", "bw": mhz, "what": "searching", "slave_cores": searching.cpu.as_secs_f64() / 0.5}));
    }
}

fn processor_load_of_a_relay(emit: Emit<'_>) {
    for mhz in [1.4, 5.0] {
        let mut air = Air::new(json!({"BW": mhz}), true);
        air.until(500.0, |air| (0..3).all(|n| air.synced(n)));
        for index in [0u16, 1, 2] {
            let next = |to: u16| if index.abs_diff(to) == 2 { 1 } else { to };
            let table: Vec<Route> = (0..3).filter(|to| *to != index).map(|to| Route { dest_id: to, nexthop: next(to) }).collect();
            let End { modem, taken, .. } = &mut air.ends[usize::from(index)];
            modem.set_routes(&table, taken).unwrap();
        }
        for (what, bytes) in [("idle", 0usize), ("pings", 84), ("full", 1400)] {
            air.ends.iter_mut().for_each(|end| end.cpu = Duration::ZERO);
            let (mut ms, mut number) = (0.0, 0);
            air.ends[2].taken.packets.clear();
            while ms < 1000.0 {
                let count = if what == "full" { (mhz * 4.0) as u32 } else { u32::from(bytes > 0) };
                for _ in 0..count {
                    number += 1;
                    air.send(0, 2, number, bytes);
                }
                ms += air.until(if what == "full" { 20.0 } else { 100.0 }, |_| false);
            }
            let load = |index: usize| air.ends[index].cpu.as_secs_f64() * 1000.0 / ms;
            let through = air.received(2).len() as f64 * bytes as f64 * 8.0 / ms;
            emit(json!({"figure": "relay_load", "bw": mhz, "what": what, "master_cores": load(0), "relay_cores": load(1),
                    "third_cores": load(2), "kbit_per_s": through}));
        }
    }
}
