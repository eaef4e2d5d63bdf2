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

/// What 40 equal samples and, after 20 samples' pause, a burst of zeros sound like.
struct Edges {
    /// Decimation and interpolation.
    total: u32,
    /// Delay of the receive chain, ticks.
    receive: u64,
    /// How many samples the first burst sounds like, and the tick of their middle after its start.
    cut: (f64, f64),
    /// How many the second sounds like, and the tick of their middle after its start.
    remains: (f64, f64),
}

const EDGES: [Edges; 7] = [
    Edges { total: 4, receive: 95, cut: (22.972, 240.3), remains: (14.030, 161.7) },
    Edges { total: 8, receive: 138, cut: (25.020, 388.8), remains: (12.044, 231.5) },
    Edges { total: 10, receive: 163, cut: (31.842, 434.8), remains: (3.738, 246.1) },
    Edges { total: 13, receive: 137, cut: (32.455, 477.5), remains: (0.0, 0.0) },
    Edges { total: 16, receive: 226, cut: (25.547, 691.8), remains: (11.547, 376.9) },
    Edges { total: 52, receive: 622, cut: (27.055, 2_025.4), remains: (10.055, 1_001.4) },
    Edges { total: 100, receive: 1_150, cut: (27.063, 3_819.5), remains: (10.057, 1_850.2) },
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

/// Two radios at a rate, one of which transmits to the other.
fn pair(mut bench: Bench, total: u32) -> (Bench, Host, Host) {
    let (sender, listener) = (Host::new(0, 1), Host::new(1, 1));
    for (host, direction) in [(sender, dsp::Direction::Transmit), (listener, dsp::Direction::Receive)] {
        bench.ready(host);
        bench.rate(host, direction, 0, total);
    }
    (bench, sender, listener)
}

/// Where the middle of 20 equal samples among zeros is received, against where it was sent.
fn loop_delay(bench: Bench, total: u32) -> f64 {
    let (mut bench, sender, listener) = pair(bench, total);
    let step = u64::from(total);
    let start = 20_000;
    let level = |n: usize| Sample::new(if (50..70).contains(&n) { 15_000 } else { 0 }, 0);
    let samples: Vec<Sample> = (0..120).map(level).collect();
    let header = TxHeader { tick: Some(start), end_of_burst: true, ..TxHeader::default() };
    bench.transmit(sender, header, &samples);
    bench.command(listener, StreamMode::Samples(170), Some(start));
    bench.pass(start + 200 * step + 10_000);
    let (_, middle) = sum_and_middle(&bench.received(1, step));
    middle - (start as f64 + 59.5 * f64::from(total))
}

/// Sum of levels, and their middle tick.
fn sum_and_middle(received: &[(u64, f64)]) -> (f64, f64) {
    let sum: f64 = received.iter().map(|(_, level)| level).sum();
    (sum, received.iter().map(|(tick, level)| *tick as f64 * level).sum::<f64>() / sum)
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

/// Levels that a listener receives of bursts: start after tick 100 000 in samples, and samples of each.
fn bursts(timing: Timing, total: u32, bursts: &[(u64, Vec<Sample>)]) -> Vec<(u64, f64)> {
    let (mut bench, sender, listener) = pair(Bench::timed(2, timing), total);
    let step = u64::from(total);
    for (sequence, (start, samples)) in (0..).zip(bursts) {
        let tick = Some(100_000 + start * step);
        let header = TxHeader { sequence, count: sequence as u8, tick, end_of_burst: true, ..TxHeader::default() };
        bench.transmit(sender, header, samples);
    }
    bench.command(listener, StreamMode::Samples(600), Some(100_000 - 20 * step));
    bench.pass(100_000 + 700 * step + 10_000);
    bench.received(1, step)
}

/// Level of a transmitted sample of 15 000 at the receiver.
fn level(total: u32) -> f64 {
    let gain = |direction| {
        let word = dsp::decimation_word(direction, total).unwrap();
        dsp::chain_gain(direction, word, dsp::scale_word(direction, word).0) * 1.646_760_258 / 1.65
    };
    15_000.0 * gain(dsp::Direction::Transmit) * gain(dsp::Direction::Receive)
}

#[test]
fn the_end_of_a_burst_is_cut_and_comes_out_with_the_next() {
    for Edges { total, receive, cut, remains } in EDGES {
        let (step, level) = (u64::from(total), level(total));
        for pause in [20, 300] {
            let second = 40 + pause;
            let received =
                bursts(Timing::Device, total, &[(0, vec![Sample::new(15_000, 0); 40]), (second, vec![Sample::default(); 60])]);
            // Half way between the end of the first and the beginning of the second.
            let between = 100_000 + (40 + second) * step / 2 + 33 + receive;
            let at = received.iter().position(|(tick, _)| *tick >= between).unwrap();
            let (first, middle) = sum_and_middle(&received[..at]);
            let samples = first / level;
            assert!((samples - cut.0).abs() < 0.05, "rate {total}: {samples} samples of the burst");
            let middle = middle - 100_000.0;
            assert!((middle - cut.1).abs() < 1.0 + 0.01 * f64::from(total), "rate {total}: around {middle}");
            let (second_sum, middle) = sum_and_middle(&received[at..]);
            let samples = second_sum / level;
            assert!((samples - remains.0).abs() < 0.05, "rate {total}: {samples} samples remain");
            if remains.0 > 0.0 {
                let middle = middle - (100_000 + second * step) as f64;
                assert!((middle - remains.1).abs() < 1.0 + 0.02 * f64::from(total), "rate {total}: around {middle}");
            }
        }
    }
}

/// The last sample of a burst is still in front of the filters, and gone; the one before comes out with the next burst.
#[test]
fn the_last_sample_of_a_burst_is_lost() {
    for total in [4, 52] {
        for (at, heard) in [(39, 0.0), (38, 0.99)] {
            let mut samples = vec![Sample::default(); 40];
            samples[at] = Sample::new(15_000, 0);
            let received = bursts(Timing::Device, total, &[(0, samples), (60, vec![Sample::default(); 60])]);
            let samples = sum_and_middle(&received).0 / level(total);
            assert!((samples - heard).abs() < 0.02, "rate {total}: {samples} of sample {at}");
        }
    }
}

#[test]
fn zeros_at_its_end_save_a_burst() {
    for (timing, padding) in [(Timing::Device, 28), (Timing::Ideal, 0)] {
        // A small half-band filter, of which most rates have one in each chain, has a gain of 0.9968.
        for (total, whole) in [(4, 39.74), (10, 39.87), (13, 40.0), (16, 39.74), (52, 39.74), (100, 39.74)] {
            let mut padded = vec![Sample::new(15_000, 0); 40];
            padded.resize(40 + padding, Sample::default());
            let received = bursts(timing, total, &[(0, padded), (100, vec![Sample::default(); 60])]);
            let samples = sum_and_middle(&received).0 / level(total);
            assert!((samples - whole).abs() < 0.05, "rate {total}: {samples}");
            let late = received.iter().filter(|(tick, _)| *tick > 100_000 + 130 * u64::from(total));
            assert!(late.into_iter().all(|(_, level)| level.abs() < 2.0), "rate {total}: something comes out later");
        }
    }
}

/// The device looks for the next burst 4 ticks after one has ended.
#[test]
fn a_burst_that_follows_another_at_once_is_late() {
    for (after, message) in [(0, TxMessage::Late), (3, TxMessage::Late), (4, TxMessage::BurstAck)] {
        let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
        bench.ready(host);
        let end = 10_000 + 10 * 52;
        for (sequence, tick) in [(0, 10_000), (1, end + after)] {
            let header = TxHeader { sequence, count: sequence as u8, tick: Some(tick), end_of_burst: true, ..TxHeader::default() };
            bench.transmit(host, header, &[Sample::default(); 10]);
        }
        bench.pass(20_000);
        let events = bench.events(host);
        // The numbers of the second were read before the first had ended.
        assert_eq!((events[0], events[1].0), ((TxMessage::BurstAck, 1, end + 3), message), "{after} ticks after it");
    }
}

/// After an underflow the filters run on for 10 ms: a burst begins with one of their samples, up to a sample and a tick early.
#[test]
fn a_burst_after_an_underflow_keeps_the_grid_of_the_one_before() {
    for (after, end) in [(157, 627), (158, 679), (163, 679), (189, 679)] {
        let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
        bench.ready(host);
        let broken = 10_000 + 10 * 52;
        bench.transmit(host, TxHeader { tick: Some(10_000), ..TxHeader::default() }, &[Sample::default(); 10]);
        bench.0.advance(broken + 72);
        let header = TxHeader { sequence: 1, count: 1, tick: Some(broken + after), end_of_burst: true, ..TxHeader::default() };
        bench.transmit(host, header, &[Sample::default(); 10]);
        bench.pass(20_000);
        let expected = [(TxMessage::Underflow, 0, broken + 55), (TxMessage::BurstAck, 1, broken + end)];
        assert_eq!(bench.events(host), expected);
    }
}
