//! The transmitter: bursts, errors, policies, flow control.

mod flow;

use super::*;
use n210_wire::Format;
use n210_wire::stream_tx::NO_SEQUENCE;
use proptest::prelude::*;

#[test]
fn bursts_are_acknowledged_or_underflow_at_their_tick() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    let samples = [Sample::new(1, 1); 100];
    bench.transmit(host, TxHeader { tick: Some(10_000), end_of_burst: true, ..TxHeader::default() }, &samples);
    bench.0.advance(10_000 + 5_200 - 1);
    assert_eq!(bench.events(host), []);
    bench.0.advance(10_000 + 5_200);
    assert_eq!(bench.events(host), [(TxMessage::BurstAck, 0, 15_203)]);
    bench.transmit(host, TxHeader { sequence: 1, count: 1, tick: Some(20_000), ..TxHeader::default() }, &samples);
    bench.0.advance(1_000_000);
    assert_eq!(bench.events(host), [(TxMessage::Underflow, 1, 25_255)]);
}

#[test]
fn late_and_misnumbered_packets_are_dropped_and_reported() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.poke(host, sr::TX_FLOW_PACKETS, register::flow_by_packets(1));
    bench.drain(0);
    bench.0.advance(50_000);
    let last = TxHeader { end_of_burst: true, ..TxHeader::default() };
    bench.transmit(host, TxHeader { tick: Some(49_999), ..last }, &[Sample::default()]);
    assert_eq!(bench.events(host), [(TxMessage::Late, 0, 50_000)]);
    bench.transmit(host, TxHeader { sequence: 5, count: 5, ..last }, &[Sample::default()]);
    let update = (TxMessage::FlowControl, 5, 50_000);
    assert_eq!(bench.events(host), [(TxMessage::SequenceError, 5, 50_000), update]);
    bench.transmit(host, TxHeader { sequence: 6, count: 6, ..last }, &[Sample::default()]);
    bench.0.advance(50_052);
    assert_eq!(bench.events(host), [(TxMessage::BurstAck, 6, 50_055)]);
    // A new stream id counts from 0 again, and flow control says that nothing has come.
    bench.poke(host, sr::TX_STREAM_ID, 2);
    bench.poke(host, sr::TX_FLOW_TIME, register::flow_by_time(100_000));
    bench.drain(0);
    bench.0.advance(150_054);
    assert_eq!(bench.events(host), [(TxMessage::FlowControl, NO_SEQUENCE, 150_054)]);
}

#[test]
fn samples_cross_the_air_at_their_tick() {
    let mut bench = Bench::new(2);
    let (sender, listener) = (Host::new(0, 1), Host::new(1, 1));
    bench.ready(sender);
    bench.ready(listener);
    bench.poke(sender, sr::TX_FREQUENCY, dsp::tx_tuning_word(10e6));
    bench.poke(listener, sr::RX0_FREQUENCY, dsp::rx_tuning_word(10e6));
    bench.drain(0);
    bench.drain(1);
    // At this rate the scale register halves what is transmitted, and the host doubles it.
    let samples = [Sample::new(12_000, -6_000); 300];
    bench.transmit(sender, TxHeader { tick: Some(5_200), end_of_burst: true, ..TxHeader::default() }, &samples);
    // The receiver begins thirty samples earlier, a third of a sample off the transmitter's grid.
    let begin = 5_200 - 30 * 52 + 17;
    bench.command(listener, StreamMode::Samples(363), Some(begin));
    bench.0.advance(100_000);
    let datagram = bench.datagrams(1).pop().unwrap();
    let RxPacket::Data(data) = RxPacket::decode(&datagram.payload).unwrap() else { panic!("no samples") };
    let heard: Vec<Sample> = data.samples().collect();
    assert!(heard[..30].iter().all(|sample| *sample == Sample::default()), "nothing before it is sent");
    let near = |a: i16, b: i16| a.abs_diff(b) <= b.unsigned_abs() / 50;
    for (n, sample) in heard.iter().enumerate().take(325).skip(70) {
        // Both started at ticks of their own, and so did their oscillators.
        let level = f64::from(sample.re).hypot(f64::from(sample.im)) as i16;
        assert!(near(level, 6_708), "sample {n}: {sample}");
    }
    // Half of the level when the delay of both chains has passed: 1343 ticks.
    let half = heard.iter().position(|s| f64::from(s.re).hypot(f64::from(s.im)) > 3_354.0).unwrap() as u64;
    assert!((begin + FIRST + half * 52).abs_diff(5_200 + 1_343) <= 52, "{half}");
    // Zeros, so that nothing of it is left in the filters: the beginning of what is, is heard on every frequency.
    bench.transmit(sender, TxHeader { tick: Some(150_000), ..last(1) }, &[Sample::default(); 40]);
    // The transmitter does not receive itself, and a receiver tuned elsewhere receives nothing.
    bench.poke(listener, sr::RX0_FREQUENCY, dsp::rx_tuning_word(20e6));
    bench.transmit(sender, TxHeader { tick: Some(200_000), ..numbered(2) }, &samples);
    for host in [sender, listener] {
        bench.drain(host.radio);
        bench.command(host, StreamMode::Samples(300), Some(200_000));
    }
    bench.0.advance(300_000);
    for radio in 0..2 {
        let datagrams = bench.datagrams(radio);
        let rx = datagrams.iter().find(|d| d.ports.0 == port::RX0).unwrap();
        let RxPacket::Data(data) = RxPacket::decode(&rx.payload).unwrap() else { panic!("no samples") };
        assert!(data.samples().all(|s| s == Sample::default()));
    }
}

const ONE: [Sample; 1] = [Sample::new(1, 1)];

fn numbered(sequence: u32) -> TxHeader {
    TxHeader { sequence, count: (sequence & 15) as u8, ..TxHeader::default() }
}

fn last(sequence: u32) -> TxHeader {
    TxHeader { end_of_burst: true, ..numbered(sequence) }
}

/// Code and packet of each event.
fn codes(bench: &mut Bench, host: Host) -> Vec<(TxMessage, u32)> {
    bench.events(host).into_iter().map(|(message, sequence, _)| (message, sequence)).collect()
}

#[test]
fn after_an_underflow_the_policy_says_what_is_dropped() {
    use TxMessage::{BurstAck, Underflow};
    // The rest of the burst comes late: two packets and its end; then a burst of one.
    for (policy, events) in [
        (register::NEXT_PACKET, vec![(Underflow, 0), (Underflow, 1), (Underflow, 2), (BurstAck, 3), (BurstAck, 4)]),
        (register::NEXT_BURST, vec![(Underflow, 0), (BurstAck, 4)]),
        (register::WAIT, vec![(Underflow, 0)]),
        (0, vec![(Underflow, 0)]),
    ] {
        let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
        bench.ready(host);
        bench.set(host, &[(sr::TX_UNDERFLOW_POLICY, policy)]);
        for header in [numbered(0), numbered(1), numbered(2), last(3), last(4)] {
            bench.transmit(host, header, &ONE);
            bench.pass(1_000);
        }
        assert_eq!(codes(&mut bench, host), events, "policy {policy}");
        // Clearing sets everything free.
        bench.set(host, &[(sr::TX_CLEAR, 1), (sr::TX_CLEAR, 0), (sr::TX_UNDERFLOW_POLICY, register::NEXT_PACKET)]);
        bench.transmit(host, last(0), &ONE);
        bench.pass(1_000);
        assert_eq!(codes(&mut bench, host), [(BurstAck, 0)]);
    }
}

#[test]
fn a_late_or_misnumbered_start_drops_its_burst_by_the_policy() {
    use TxMessage::{BurstAck, Late, SequenceError};
    for (first, error) in [(TxHeader { tick: Some(5), ..numbered(0) }, Late), (numbered(9), SequenceError)] {
        let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
        bench.ready(host);
        bench.set(host, &[(sr::TX_UNDERFLOW_POLICY, register::NEXT_BURST)]);
        bench.pass(1_000);
        let next = first.sequence + 1;
        for header in [first, numbered(next), last(next + 1), last(next + 2)] {
            bench.transmit(host, header, &ONE);
            bench.pass(1_000);
        }
        assert_eq!(codes(&mut bench, host), [(error, first.sequence), (BurstAck, next + 2)]);
    }
}

/// A transmitter that waits leaves its queue as it is; one that drops for ever takes packet after packet.
#[test]
fn what_waits_is_not_consumed_and_what_is_dropped_is() {
    // Updates after every packet: on, and 0 to be exceeded.
    const EACH_PACKET: u32 = 0x8000_0000;
    for (policy, consumed) in [(register::WAIT, 1), (0, 4)] {
        for first in [numbered(0), TxHeader { tick: Some(5), ..numbered(0) }] {
            let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
            bench.ready(host);
            bench.set(host, &[(sr::TX_UNDERFLOW_POLICY, policy), (sr::TX_FLOW_PACKETS, EACH_PACKET)]);
            bench.pass(1_000);
            for header in [first, numbered(1), numbered(2), last(3)] {
                bench.transmit(host, header, &ONE);
                bench.pass(1_000);
            }
            let events = codes(&mut bench, host);
            let updates = events.iter().filter(|event| event.0 == TxMessage::FlowControl).count();
            assert_eq!(updates, consumed, "policy {policy}, {first:?}: {events:?}");
        }
    }
}

#[test]
fn both_numbers_of_a_packet_are_checked() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.transmit(host, last(0), &ONE);
    bench.pass(1_000);
    bench.transmit(host, TxHeader { count: 5, ..last(1) }, &ONE);
    // The next is expected after what came.
    bench.transmit(host, TxHeader { count: 6, ..last(2) }, &ONE);
    bench.pass(1_000);
    let events = [(TxMessage::BurstAck, 0), (TxMessage::SequenceError, 1), (TxMessage::BurstAck, 2)];
    assert_eq!(codes(&mut bench, host), events);
}

#[test]
fn numbers_are_read_sixteen_samples_before_the_packet_plays() {
    let end = 363 * u64::from(DECIMATION);
    for (at, read) in [(end - 16 * 52 - 1, 0), (end - 16 * 52, 1)] {
        let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
        bench.ready(host);
        bench.set(host, &[(sr::TX_FLOW_TIME, register::flow_by_time(at as u32 - 2))]);
        bench.transmit(host, numbered(0), &[Sample::default(); 363]);
        bench.transmit(host, last(1), &ONE);
        bench.0.advance(at);
        assert_eq!(bench.events(host), [(TxMessage::FlowControl, read, at)]);
    }
}

#[test]
fn clearing_begins_the_count_to_the_next_update_anew() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.set(host, &[(sr::TX_FLOW_TIME, register::flow_by_time(20_000))]);
    bench.pass(10_000);
    bench.set(host, &[(sr::TX_CLEAR, 1), (sr::TX_CLEAR, 0)]);
    bench.pass(30_000);
    assert_eq!(bench.events(host), [(TxMessage::FlowControl, NO_SEQUENCE, 10_000 + 2 + 20_000 + 2)]);
}

/// Both chains begin a burst with their oscillators at phase 0, whenever that is. Zeros at the end leave nothing in the filters.
#[test]
fn two_bursts_with_one_content_sound_the_same() {
    let mut bench = Bench::new(2);
    let (sender, listener) = (Host::new(0, 1), Host::new(1, 1));
    bench.ready(sender);
    bench.ready(listener);
    bench.set(sender, &[(sr::TX_FREQUENCY, dsp::tx_tuning_word(10.1e6))]);
    bench.set(listener, &[(sr::RX0_FREQUENCY, dsp::rx_tuning_word(10e6))]);
    let heard = [52_000, 520_013].map(|start| {
        let sequence = u32::from(start > 52_000);
        let mut samples = [Sample::new(12_000, 0); 100];
        samples[60..].fill(Sample::default());
        bench.transmit(sender, TxHeader { tick: Some(start), ..last(sequence) }, &samples);
        bench.command(listener, StreamMode::Samples(110), Some(start));
        bench.pass(300_000);
        let datagram = bench.streams(1).remove(0);
        let RxPacket::Data(data) = RxPacket::decode(&datagram.payload).unwrap() else { panic!("no samples") };
        data.samples().collect::<Vec<_>>()
    });
    let near = |(a, b): (&Sample, &Sample)| a.re.abs_diff(b.re) <= 2 && a.im.abs_diff(b.im) <= 2;
    assert!(heard[0].iter().zip(&heard[1]).all(near), "{heard:?}");
    assert!(heard[0].iter().any(|sample| sample.re > 1_000));
}

#[test]
fn every_packet_with_a_past_time_is_dropped() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.0.advance(100_000);
    for sequence in 0..3 {
        bench.transmit(host, TxHeader { tick: Some(50_000 + u64::from(sequence)), ..numbered(sequence) }, &ONE);
    }
    bench.transmit(host, last(3), &ONE);
    bench.pass(1_000);
    let late = |sequence| (TxMessage::Late, sequence);
    assert_eq!(codes(&mut bench, host), [late(0), late(1), late(2), (TxMessage::BurstAck, 3)]);
}

#[test]
fn a_sequence_error_in_a_burst_ends_it() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    let samples = [Sample::default(); 100];
    bench.transmit(host, TxHeader { tick: Some(10_000), ..numbered(0) }, &samples);
    bench.transmit(host, numbered(5), &samples);
    // Its time has passed when the burst has ended before it.
    bench.transmit(host, TxHeader { tick: Some(10_001), ..numbered(6) }, &samples);
    bench.transmit(host, last(7), &samples);
    bench.0.advance(100_000);
    let end = 10_000 + 5_200;
    let events = [(TxMessage::SequenceErrorInBurst, 5, end), (TxMessage::Late, 6, end), (TxMessage::BurstAck, 7, end + 5_203)];
    assert_eq!(bench.events(host), events);
}

#[test]
fn a_packet_within_a_sample_after_the_last_goes_on_with_the_burst() {
    for (wait, message) in [(51, TxMessage::BurstAck), (52, TxMessage::Underflow)] {
        let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
        bench.ready(host);
        bench.transmit(host, numbered(0), &ONE);
        bench.pass(52 + wait);
        bench.transmit(host, last(1), &ONE);
        bench.pass(1_000);
        assert_eq!(codes(&mut bench, host)[0].0, message, "{wait}");
    }
}

#[test]
fn the_last_sample_of_a_broken_burst_stays_on_the_air() {
    let mut bench = Bench::new(2);
    let (sender, listener) = (Host::new(0, 1), Host::new(1, 1));
    bench.ready(sender);
    bench.ready(listener);
    let samples = [Sample::new(2_000, 0); 100];
    bench.command(listener, StreamMode::Samples(30_000), Some(5_200));
    bench.transmit(sender, TxHeader { tick: Some(5_200), ..numbered(0) }, &samples);
    for _ in 0..200 {
        bench.pass(10_000);
    }
    let mut on = 0;
    for datagram in bench.streams(1) {
        let RxPacket::Data(data) = RxPacket::decode(&datagram.payload).unwrap() else { panic!("no samples") };
        on += data.samples().filter(|sample| sample.re > 500).count();
    }
    // 100 samples, and 10 ms of the last one.
    assert!((19_300..19_350).contains(&on), "{on}");
}

#[test]
fn sc8_samples_are_upper_bytes() {
    let mut bench = Bench::new(2);
    let (sender, listener) = (Host::new(0, 1), Host::new(1, 1));
    bench.ready(sender);
    bench.ready(listener);
    let mut samples: Vec<Sample> = (0..101).map(|n| Sample::new(n << 8, -(n << 8))).collect();
    // Nothing is to be left in the filters.
    samples.resize(141, Sample::default());
    let mut heard = Vec::new();
    for (format, sequence, start) in [(Format::Sc8, 0, 52_000), (Format::Sc16, 1, 520_000)] {
        bench.set(sender, &[(sr::TX_FORMAT, format.register())]);
        let mut packet = [0; 1472];
        let header = TxHeader { tick: Some(start), ..last(sequence) };
        let length = header.encode_as(format, &samples, &mut packet).unwrap();
        bench.send(sender, port::TX, &packet[..length]);
        bench.command(listener, StreamMode::Samples(110), Some(start));
        bench.pass(300_000);
        let datagram = bench.streams(1).remove(0);
        let RxPacket::Data(data) = RxPacket::decode(&datagram.payload).unwrap() else { panic!("no samples") };
        heard.push(data.samples().collect::<Vec<_>>());
    }
    assert_eq!(heard[0], heard[1]);
    assert!(heard[0].iter().any(|sample| sample.re > 1_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every burst ends with one acknowledgement or one underflow, whatever its packets are, and every wrong number is told once.
    #[test]
    fn nothing_is_told_twice_or_not_at_all(
        packets in prop::collection::vec((1usize..363, any::<bool>(), any::<bool>(), 0u64..60_000), 1..40),
    ) {
        let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
        bench.ready(host);
        let (mut sequence, mut skipped) = (0, 0);
        for (samples, end_of_burst, skip, wait) in packets {
            if skip {
                sequence += 1;
                skipped += 1;
            }
            bench.transmit(host, TxHeader { end_of_burst, ..numbered(sequence) }, &vec![Sample::default(); samples]);
            sequence += 1;
            bench.pass(wait);
        }
        bench.pass(10_000_000);
        let events = bench.events(host);
        let wrong = |e: &&(TxMessage, u32, u64)| matches!(e.0, TxMessage::SequenceError | TxMessage::SequenceErrorInBurst);
        prop_assert_eq!(events.iter().filter(wrong).count(), skipped);
        prop_assert!(events.windows(2).all(|pair| pair[0].2 <= pair[1].2));
        prop_assert_eq!(events.iter().filter(|e| e.1 == NO_SEQUENCE).count(), 0);
    }
}
