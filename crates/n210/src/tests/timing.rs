//! Ticks of the device. The literals were read off its published logic in a Verilog simulator (Icarus Verilog 12), driven by register writes
//! and samples alone: nothing here is computed by what it tests.

use super::*;
use crate::board::Equipment;
use crate::device::pipeline::Timing;

/// Decimation; ticks from the start of a stream to its first time stamp.
const FIRST_STAMPS: [(u32, u64); 25] = [
    (2, 14),
    (3, 8),
    (4, 26),
    (5, 10),
    (6, 21),
    (7, 12),
    (8, 30),
    (9, 14),
    (10, 25),
    (12, 34),
    (13, 18),
    (14, 29),
    (16, 38),
    (20, 42),
    (25, 30),
    (26, 41),
    (50, 65),
    (52, 74),
    (64, 86),
    (100, 122),
    (127, 132),
    (128, 150),
    (254, 269),
    (256, 278),
    (512, 534),
];

/// Decimation and interpolation; ticks from the time of a sample that is sent to the time stamp under which it is received, where the
/// transmitter's converter feeds the receiver's at the same tick.
const LOOPS: [(u32, f64); 10] = [
    (2, 108.0),
    (4, 196.0),
    (8, 292.0),
    (10, 280.0),
    (13, 273.0),
    (16, 494.0),
    (25, 465.0),
    (52, 1_343.0),
    (100, 2_507.0),
    (512, 12_498.0),
];

impl Bench {
    /// Radios with a timing.
    fn timed(radios: usize, timing: Timing) -> Self {
        let identity = |n| RadioIdentity {
            equipment: Equipment { timing, ..Equipment::default() },
            ..RadioIdentity::new(&format!("radio{n}"), DEVICE)
        };
        let medium = Medium { path: Path::default(), noise_dbfs: -200.0, seed: 1 };
        Self(World::new((0..radios).map(identity).collect(), medium))
    }

    /// Sets the rate of a receive chain, whose registers are `offset` higher than those of chain 0, or of the transmitter.
    fn rate(&mut self, host: Host, direction: dsp::Direction, offset: u8, total: u32) {
        let word = dsp::decimation_word(direction, total).unwrap();
        let (rate, scale) = match direction {
            dsp::Direction::Receive => (sr::RX0_DECIMATION + offset, sr::RX0_SCALE + offset),
            dsp::Direction::Transmit => (sr::TX_INTERPOLATION, sr::TX_SCALE),
        };
        self.set(host, &[(rate, word), (scale, dsp::scale_word(direction, word).0)]);
    }

    /// Time stamp and level of every sample that chain 0 has received.
    fn received(&mut self, radio: usize, step: u64) -> Vec<(u64, f64)> {
        let mut all = Vec::new();
        for datagram in self.streams(radio).iter().filter(|datagram| datagram.ports.0 == port::RX0) {
            let RxPacket::Data(data) = RxPacket::decode(&datagram.payload).unwrap() else { continue };
            all.extend((0..).zip(data.samples()).map(|(n, sample)| (data.tick + n * step, f64::from(sample.re))));
        }
        all
    }
}

#[test]
fn the_first_time_stamp_follows_the_start_by_the_chains_delay() {
    for (decimation, ticks) in FIRST_STAMPS {
        let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
        bench.ready(host);
        bench.rate(host, dsp::Direction::Receive, 0, decimation);
        bench.command(host, StreamMode::Samples(5), Some(10_000));
        bench.pass(100_000);
        let step = u64::from(decimation);
        let stamps: Vec<u64> = bench.received(0, step).iter().map(|sample| sample.0).collect();
        assert_eq!(stamps, (0..5).map(|n| 10_000 + ticks + n * step).collect::<Vec<_>>(), "decimation {decimation}");
    }
}

#[test]
fn two_chains_started_at_one_tick_have_first_stamps_of_their_own() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    for (offset, decimation) in [(0, 13), (sr::RX1_OFFSET, 100)] {
        bench.rate(host, dsp::Direction::Receive, offset, decimation);
        bench.command_words(host, offset, StreamCommand { mode: StreamMode::Samples(2), at: Some(5_000) }.words());
    }
    bench.pass(100_000);
    let datagrams = bench.streams(0);
    let first = |from| {
        heard(&[datagrams.iter().find(|d| d.ports.0 == from).unwrap()].map(|d| Datagram { payload: d.payload.clone(), ..*d }))
    };
    assert_eq!((first(port::RX0), first(port::RX1)), (vec![Ok((5_018, 2, true))], vec![Ok((5_122, 2, true))]));
}

/// A command at once starts 4 ticks after its last register is written, one in the queue 3 ticks after the last sample of the one before;
/// a time before that is late.
#[test]
fn a_start_follows_the_command_by_some_ticks() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.pass(1_000);
    bench.command(host, StreamMode::Samples(5), None);
    bench.command(host, StreamMode::Samples(5), None);
    bench.pass(10_000);
    let first = 1_000 + 4 + 74;
    let stamps: Vec<u64> = bench.received(0, 52).iter().map(|sample| sample.0).collect();
    assert_eq!((stamps[0], stamps[4], stamps[5]), (first, first + 4 * 52, first + 4 * 52 + 77));
    for (ahead, expected) in [(3, Err(RxError::Late)), (4, Ok((0, 1, true)))] {
        let now = bench.0.now();
        let mut said = bench.command(host, StreamMode::Samples(1), Some(now + ahead));
        bench.pass(1_000);
        said.extend(bench.streams(0));
        assert_eq!(heard(&said), [expected.map(|(_, samples, last)| (now + ahead + 74, samples, last))]);
    }
}

/// Where the middle of 20 equal samples among zeros is received, against where it was sent.
fn loop_delay(mut bench: Bench, total: u32) -> f64 {
    let (sender, listener, step) = (Host::new(0, 1), Host::new(1, 1), u64::from(total));
    for (host, direction) in [(sender, dsp::Direction::Transmit), (listener, dsp::Direction::Receive)] {
        bench.ready(host);
        bench.rate(host, direction, 0, total);
    }
    let start = 20_000;
    let level = |n: usize| Sample::new(if (50..70).contains(&n) { 15_000 } else { 0 }, 0);
    let samples: Vec<Sample> = (0..120).map(level).collect();
    let header = TxHeader { tick: Some(start), end_of_burst: true, ..TxHeader::default() };
    bench.transmit(sender, header, &samples);
    bench.command(listener, StreamMode::Samples(170), Some(start));
    bench.pass(start + 200 * step + 10_000);
    let received = bench.received(1, step);
    let sum: f64 = received.iter().map(|(_, level)| level).sum();
    let middle = received.iter().map(|(tick, level)| *tick as f64 * level).sum::<f64>() / sum;
    middle - (start as f64 + 59.5 * f64::from(total))
}

#[test]
fn a_sample_takes_the_delay_of_both_chains() {
    for (total, ticks) in LOOPS {
        let delay = loop_delay(Bench::timed(2, Timing::Device), total);
        // Samples are rounded.
        assert!((delay - ticks).abs() < 0.5, "rate {total}: {delay} instead of {ticks}");
    }
}

#[test]
fn kind_timing_has_the_filters_delay_alone() {
    for (total, ticks) in [(4, 66.0), (13, 48.0), (16, 276.0), (52, 906.0), (100, 1_746.0)] {
        let delay = loop_delay(Bench::timed(2, Timing::Ideal), total);
        assert!((delay - ticks).abs() < 0.5, "rate {total}: {delay} instead of {ticks}");
    }
    let (mut bench, host) = (Bench::timed(1, Timing::Ideal), Host::new(0, 1));
    bench.ready(host);
    bench.command(host, StreamMode::Samples(5), None);
    bench.pass(10_000);
    assert_eq!(heard(&bench.streams(0)), [Ok((0, 5, true))]);
}
