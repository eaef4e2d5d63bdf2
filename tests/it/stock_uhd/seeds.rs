//! What stock programs send, as seeds for the fuzzer: `cargo test --release --test it seeds -- --ignored` writes fuzz/seeds/n210.

use std::path::Path;

use crate::common::sniffer::{Frame, Sniffer};
use crate::common::wire::{Bench, Network};

/// Ports by their number in a record, see `crates/n210/src/fuzz.rs`.
const PORTS: [u16; 6] = [49152, 49156, 49157, 49158, 49159, 49172];
/// The record's packet gets the numbers that the radio expects.
const SPECIAL: u8 = 0x40;
/// 2^10 ticks, 10 us, between two frames.
const TIME: u8 = 10;
/// Of both ends of a session, so that no seed is long.
const LONGEST: usize = 4000;

/// A frame to the radio as a record; I2C, of which there are hundreds, only once in a while.
fn record(number: usize, frame: &Frame) -> Option<Vec<u8>> {
    let (place, payload) = PORTS.iter().enumerate().find_map(|(place, port)| Some((place as u8, frame.sent_to(*port)?)))?;
    let i2c = place == 0 && payload.get(7).is_some_and(|id| matches!(id, b'h' | b'i'));
    if i2c && !number.is_multiple_of(100) {
        return None;
    }
    let special = if place == 2 && payload.len() > 8 { SPECIAL } else { 0 };
    let mut record = vec![place | special, TIME];
    record.extend((payload.len() as u16).to_le_bytes());
    record.extend(payload);
    Some(record)
}

/// As many of the records as a seed holds.
fn some<'a>(records: impl Iterator<Item = &'a Vec<u8>>) -> Vec<&'a [u8]> {
    let mut length = 0;
    records
        .take_while(|record| {
            length += record.len();
            length <= LONGEST
        })
        .map(Vec::as_slice)
        .collect()
}

#[test]
#[ignore = "writes into the source folder"]
fn seeds_are_written() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/n210");
    let sessions = [
        ("receive", "rx_timed_samples", "--rate 1e6 --nsamps 3000 --secs 0.2"),
        ("bursts", "tx_bursts", "--rate 1e6 --nsamps 100 --secs 0.3"),
        ("messages", "test_messages", "--ntests 10 --test-chain"),
        ("commands", "test_timed_commands", ""),
        ("both", "benchmark_rate", "--rx_rate 1e6 --tx_rate 1e6 --tx_spp 20 --duration 0.1"),
    ];
    for (name, program, arguments) in sessions {
        let wire = Sniffer::in_namespace(&Network::radio(0));
        bench.run(program, arguments);
        let frames = wire.drain();
        let records: Vec<Vec<u8>> = frames.iter().enumerate().filter_map(|(number, frame)| record(number, frame)).collect();
        let begins = some(records.iter());
        let mut ends = some(records.iter().rev());
        ends.reverse();
        for (end, records) in [("begins", begins), ("ends", ends)] {
            std::fs::write(folder.join(format!("{name}-{end}")), records.concat()).expect("writes");
        }
    }
}
