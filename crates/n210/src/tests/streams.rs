//! Receive streams: commands, packets, and what a full wire does.

use super::*;
use n210_wire::Format;
use n210_wire::register::StreamCommand as Words;
use proptest::prelude::*;

#[test]
fn packets_leave_when_their_last_sample_is_due() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    let packet = 363 * u64::from(DECIMATION);
    bench.ready(host);
    assert!(bench.command(host, StreamMode::Continuous, Some(5_000)).is_empty());
    let last = 5_000 + FIRST + packet - 52;
    bench.0.advance(last - 1);
    assert!(bench.drain(0).is_empty());
    assert_eq!(bench.0.due(), last);
    bench.0.advance(last);
    assert_eq!(heard(&bench.datagrams(0)), [Ok((5_000 + FIRST, 363, false))]);
    // A stop ends the packet under way with the sample under way.
    bench.0.advance(last + 52 * 10 + 1);
    bench.command(host, StreamMode::Stop, None);
    bench.0.advance(1_000_000);
    assert_eq!(heard(&bench.datagrams(0)), [Ok((5_000 + FIRST + packet, 11, true))]);
}

#[test]
fn stream_commands_end_as_the_fpga_ends_them() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.0.advance(1000);
    let mut say = |mode, at| {
        let mut said = bench.command(host, mode, at);
        let later = bench.0.now() + 100_000;
        bench.0.advance(later);
        said.extend(bench.datagrams(0));
        heard(&said)
    };
    assert_eq!(say(StreamMode::Stop, None), [Err(RxError::StopWhileIdle)]);
    assert_eq!(say(StreamMode::Samples(400), Some(999)), [Err(RxError::Late)]);
    let whole = [Ok((250_000 + FIRST, 363, false)), Ok((250_000 + FIRST + 363 * 52, 37, true))];
    assert_eq!(say(StreamMode::Samples(400), Some(250_000)), whole);
    assert_eq!(say(StreamMode::SamplesAndMore(10), None), [Ok((301_000 + COMMAND + FIRST, 10, false)), Err(RxError::BrokenChain)]);
}

/// Data packets as (tick, samples, end of burst) and errors, chain by chain.
fn said(bench: &mut Bench, from: u16) -> Vec<Result<(u64, usize, bool), RxError>> {
    let mut datagrams = bench.streams(0);
    datagrams.retain(|datagram| datagram.ports.0 == from);
    heard(&datagrams)
}

#[test]
fn a_command_that_reloads_looks_for_another_at_each_of_its_ends() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    // 100 samples again and again.
    bench.command_words(host, 0, [Words::NOW | Words::CHAIN | Words::RELOAD | 100, 0, 0]);
    bench.0.advance(130 * 52);
    // Another 30, whatever their time, then the end.
    bench.command_words(host, 0, [30, 0, 5]);
    bench.0.advance(1_000_000);
    assert_eq!(said(&mut bench, port::RX0), [Ok((COMMAND + FIRST, 230, true))]);
    // The same across packets.
    bench.command_words(host, 0, [Words::NOW | Words::CHAIN | Words::RELOAD | 400, 0, 0]);
    bench.pass(900 * 52);
    let mut packets = said(&mut bench, port::RX0);
    bench.command_words(host, 0, [Words::STOP | Words::NOW, 0, 0]);
    bench.pass(1_000_000);
    packets.extend(said(&mut bench, port::RX0));
    let (start, packet) = (1_000_000 + COMMAND + FIRST, 363 * 52);
    let whole = [363, 363, 363, 111].iter().enumerate();
    let whole: Vec<_> = whole.map(|(n, length)| Ok((start + n as u64 * packet, *length, n == 3))).collect();
    assert_eq!(packets, whole);
    // Without "chain" there is nothing to reload.
    bench.command_words(host, 0, [Words::NOW | Words::RELOAD | 7, 0, 0]);
    bench.pass(10_000);
    assert_eq!(said(&mut bench, port::RX0), [Ok((2_046_800 + COMMAND + FIRST, 7, true))]);
}

#[test]
fn chained_commands_are_one_stream() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.command(host, StreamMode::SamplesAndMore(300), Some(10_000));
    bench.command(host, StreamMode::SamplesAndMore(100), None);
    bench.command(host, StreamMode::Samples(50), Some(3));
    bench.0.advance(1_000_000);
    assert_eq!(said(&mut bench, port::RX0), [Ok((10_000 + FIRST, 363, false)), Ok((10_000 + FIRST + 363 * 52, 87, true))]);
    // A stop in the place of more ends the burst.
    bench.command(host, StreamMode::SamplesAndMore(363), None);
    bench.command(host, StreamMode::Stop, None);
    bench.pass(1_000_000);
    assert_eq!(said(&mut bench, port::RX0), [Ok((1_000_000 + COMMAND + FIRST, 363, true))]);
}

#[test]
fn a_chained_command_that_reloads_counts_from_its_own_start() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    // It begins at sample 320, within the first packet: it ends at 420, 520 and so on.
    bench.command_words(host, 0, [Words::NOW | Words::CHAIN | 320, 0, 0]);
    bench.command_words(host, 0, [Words::NOW | Words::CHAIN | Words::RELOAD | 100, 0, 0]);
    bench.0.advance(450 * 52);
    assert_eq!(said(&mut bench, port::RX0), [Ok((COMMAND + FIRST, 363, false))]);
    bench.command_words(host, 0, [Words::NOW | 30, 0, 0]);
    bench.0.advance(1_000_000);
    assert_eq!(said(&mut bench, port::RX0), [Ok((COMMAND + FIRST + 363 * 52, 187, true))]);
}

#[test]
fn a_count_of_0_goes_around_once() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.command_words(host, 0, [Words::NOW, 0, 0]);
    bench.0.advance(100 * 363 * 52 + COMMAND + FIRST);
    let packets = said(&mut bench, port::RX0);
    assert!(packets.len() == 100 && packets.iter().all(|packet| matches!(packet, Ok((_, 363, false)))));
}

#[test]
fn a_new_stream_id_counts_packets_from_0() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.command(host, StreamMode::Samples(1_000), None);
    bench.pass(100_000);
    assert_eq!(bench.streams(0).len(), 3);
    bench.set(host, &[(sr::RX0_STREAM_ID, 3)]);
    bench.command(host, StreamMode::Samples(1), None);
    bench.pass(1_000);
    let packet = bench.streams(0).remove(0);
    let RxPacket::Data(data) = RxPacket::decode(&packet.payload).unwrap() else { panic!("no samples") };
    assert_eq!(data.count, 0);
}

#[test]
fn sixteen_commands_wait_and_a_seventeenth_is_lost() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    // The first is taken out of the queue and waits for its time.
    for n in 0..19 {
        bench.command(host, StreamMode::Samples(1), Some(1_000_000 + 1_000 * n));
    }
    bench.0.advance(3_000_000);
    let ticks: Vec<u64> = said(&mut bench, port::RX0).into_iter().map(|packet| packet.unwrap().0).collect();
    assert_eq!(ticks, (0..17).map(|n| 1_000_000 + FIRST + 1_000 * n).collect::<Vec<_>>());
}

#[test]
fn a_reset_forgets_stream_commands_and_count() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.command(host, StreamMode::Continuous, None);
    bench.command(host, StreamMode::Samples(5), Some(9));
    bench.pass(100_000);
    bench.streams(0);
    bench.set(host, &[(sr::RX0_RESET, 0)]);
    bench.pass(100_000);
    assert_eq!(said(&mut bench, port::RX0), []);
    bench.command(host, StreamMode::Samples(1), None);
    bench.pass(1_000);
    let packet = bench.streams(0).remove(0);
    let RxPacket::Data(data) = RxPacket::decode(&packet.payload).unwrap() else { panic!("no samples") };
    assert_eq!((data.count, data.len()), (0, 1));
}

#[test]
fn a_reset_forgets_commands_that_wait_for_their_time() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.command(host, StreamMode::Samples(5), Some(1_000_000));
    bench.command(host, StreamMode::Samples(6), Some(1_100_000));
    bench.set(host, &[(sr::RX0_RESET, 0)]);
    bench.command(host, StreamMode::Samples(1), None);
    bench.0.advance(2_000_000);
    assert_eq!(said(&mut bench, port::RX0), [Ok((COMMAND + FIRST, 1, true))]);
}

#[test]
fn a_reset_empties_the_packet_memories() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.set(host, &[(sr::RX0_DECIMATION, 2)]);
    bench.command(host, StreamMode::Continuous, None);
    // To the tick of the overflow, when the wire is as far behind as it gets.
    while said(&mut bench, port::RX0).last() != Some(&Err(RxError::Overflow)) {
        bench.pass(1);
    }
    bench.set(host, &[(sr::RX0_RESET, 0)]);
    bench.command(host, StreamMode::Samples(363), None);
    // Without half-band filters the first sample is complete 5 ticks and its own length after the start.
    let first = bench.0.now() + COMMAND + 5 + 2;
    bench.pass(10_000);
    assert_eq!(said(&mut bench, port::RX0), [Ok((first, 363, true))]);
}

#[test]
fn errors_carry_the_count_of_the_next_packet() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.command(host, StreamMode::Samples(1), None);
    bench.pass(1_000);
    bench.streams(0);
    let context = |datagram: &Datagram| n210_wire::RxContext::decode(&datagram.payload).unwrap();
    for _ in 0..2 {
        let stray = bench.command(host, StreamMode::Stop, None);
        assert_eq!((context(&stray[0]).count, context(&stray[0]).tick), (1, 1_000));
    }
}

#[test]
fn a_time_that_is_jumped_over_makes_a_command_late() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.command(host, StreamMode::Samples(5), Some(1_000_000));
    bench.set(host, &[(sr::TIME_LOW, 2_000_000), (sr::TIME_NOW, 1), (sr::TIME_HIGH, 0)]);
    bench.pass(10);
    assert_eq!(said(&mut bench, port::RX0), [Err(RxError::Late)]);
}

#[test]
fn sc8_is_clipped_and_half_as_long() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    // Noise is the signal: of a quarter of full scale at the antenna.
    let medium = Medium { path: Path::default(), noise_dbfs: -12.0, seed: 1 };
    bench.0 = World::new(vec![RadioIdentity::new("radio0", DEVICE)], medium.clone());
    let mut wide = Bench(World::new(vec![RadioIdentity::new("radio0", DEVICE)], medium));
    for (bench, format) in [(&mut bench, 1), (&mut wide, 0)] {
        bench.ready(host);
        bench.set(host, &[(sr::RX0_FORMAT, format), (sr::RX0_SAMPLES, 9)]);
        bench.command(host, StreamMode::Samples(15), Some(10_000));
        bench.pass(200_000);
    }
    let (narrow, wide) = (bench.streams(0), wide.streams(0));
    assert_eq!(narrow.iter().map(|p| p.payload.len()).collect::<Vec<_>>(), [20 + 20, 20 + 12]);
    for (narrow, wide) in narrow.iter().zip(&wide) {
        let [RxPacket::Data(narrow), RxPacket::Data(wide)] = [narrow, wide].map(|p| RxPacket::decode(&p.payload).unwrap()) else {
            panic!("no samples")
        };
        assert_eq!((narrow.format(), narrow.len(), narrow.end_of_burst), (Format::Sc8, wide.len(), wide.end_of_burst));
        for (narrow, wide) in narrow.samples().zip(wide.samples()) {
            let clipped = |value: i16| value.clamp(-128, 127) << 8;
            assert_eq!(narrow, Sample::new(clipped(wide.re), clipped(wide.im)));
        }
    }
}

#[test]
fn jumbo_packets_go_as_far_as_the_memory() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    for (register, samples) in [(1018, 1018), (1019, 1018), (0, 1018), (65_535, 1018), (65_537, 1)] {
        bench.set(host, &[(sr::RX0_SAMPLES, register), (sr::RX0_RESET, 0)]);
        bench.command(host, StreamMode::Samples(1100), None);
        bench.pass(100_000);
        let packet = bench.streams(0).remove(0);
        assert_eq!(packet.payload.len(), 20 + samples * 4, "{register}");
        bench.pass(1_000_000);
        bench.streams(0);
    }
}

/// Runs chains at these decimations and formats for a tenth of a second; true for each that does not overflow.
fn fits(chains: &[(u32, Format, u32)]) -> Vec<bool> {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.set(host, &[(sr::TX_FLOW_TIME, register::flow_by_time(50_000))]);
    for (n, (decimation, format, samples)) in chains.iter().enumerate() {
        let offset = n as u8 * sr::RX1_OFFSET;
        let word = dsp::decimation_word(dsp::Direction::Receive, *decimation).unwrap();
        bench.set(
            host,
            &[
                (sr::RX0_DECIMATION + offset, word),
                (sr::RX0_FORMAT + offset, format.register()),
                (sr::RX0_SAMPLES + offset, *samples),
            ],
        );
        bench.command_words(host, offset, StreamCommand { mode: StreamMode::Continuous, at: Some(1_000) }.words());
    }
    let mut overflows = vec![0; chains.len()];
    for _ in 0..100 {
        bench.pass(100_000);
        for datagram in bench.streams(0) {
            if let Some(n) = [port::RX0, port::RX1].iter().position(|from| *from == datagram.ports.0) {
                overflows[n] += usize::from(matches!(heard(&[datagram])[0], Err(RxError::Overflow)));
            }
        }
    }
    overflows.into_iter().map(|count| count == 0).collect()
}

#[test]
fn what_fits_on_the_wire_and_what_does_not() {
    use Format::{Sc8, Sc16};
    assert_eq!(fits(&[(4, Sc16, 363)]), [true], "25 Msps");
    assert_eq!(fits(&[(8, Sc16, 363), (8, Sc16, 363)]), [true, true], "12.5 Msps twice");
    assert_eq!(fits(&[(2, Sc8, 726)]), [true], "50 Msps of sc8");
    assert_eq!(fits(&[(2, Sc16, 363)]), [false], "50 Msps");
    assert_ne!(fits(&[(4, Sc16, 363), (8, Sc16, 363)]), [true, true], "together more than the wire");
    assert_eq!(fits(&[(4, Sc16, 40)]), [false], "short packets cost more");
}

#[test]
fn an_overflow_ends_the_stream_until_a_new_command() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.set(host, &[(sr::RX0_DECIMATION, 2)]);
    for _ in 0..2 {
        bench.command(host, StreamMode::Continuous, None);
        bench.pass(1_000_000);
        let said = said(&mut bench, port::RX0);
        let (error, packets) = said.split_last().unwrap();
        assert_eq!(*error, Err(RxError::Overflow));
        // What was in hand leaves as a short packet that does not end the burst.
        let lengths: Vec<_> = packets.iter().map(|packet| packet.map(|(_, length, last)| (length, last))).collect();
        assert!((3..10).contains(&lengths.len()), "{lengths:?}");
        let (short, full) = lengths.split_last().unwrap();
        assert_eq!(*short, Ok((28, false)));
        assert!(full.iter().all(|packet| *packet == Ok((363, false))));
        bench.pass(1_000_000);
        assert!(bench.streams(0).is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever commands come when, and however the clock is set: packets count on, and none is longer than the register says.
    #[test]
    fn packets_follow_one_another(
        commands in prop::collection::vec((0u64..30_000, 0..5, 1u32..1_000, any::<bool>(), 0u64..200_000), 1..30),
        per_packet in 1usize..1018, decimation in 2u32..60,
    ) {
        let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
        bench.ready(host);
        let word = dsp::decimation_word(dsp::Direction::Receive, decimation).unwrap();
        bench.set(host, &[(sr::RX0_SAMPLES, per_packet as u32), (sr::RX0_DECIMATION, word)]);
        let mut datagrams = Vec::new();
        for (wait, kind, samples, now, time) in commands {
            let mode = match kind {
                0 => StreamMode::Continuous,
                1 => StreamMode::Stop,
                2 => StreamMode::SamplesAndMore(samples),
                _ => StreamMode::Samples(samples),
            };
            datagrams.extend(bench.command(host, mode, (!now).then_some(time)));
            if kind == 4 {
                bench.set(host, &[(sr::TIME_LOW, time as u32), (sr::TIME_NOW, 1), (sr::TIME_HIGH, 0)]);
            }
            bench.pass(wait);
        }
        datagrams.extend(bench.command(host, StreamMode::Stop, None));
        bench.pass(2_000_000);
        datagrams.extend(bench.streams(0));
        let mut count = 0;
        for datagram in &datagrams {
            match RxPacket::decode(&datagram.payload).unwrap() {
                RxPacket::Data(data) => {
                    prop_assert!((1..=per_packet).contains(&data.len()));
                    prop_assert_eq!(data.count, count);
                    count = (count + 1) & 15;
                }
                RxPacket::Context(context) => prop_assert_eq!(context.count, count),
            }
        }
    }

    /// The number of samples does not depend on when the clock is set.
    #[test]
    fn setting_the_clock_moves_times_and_nothing_else(at in 1u64..200_000, time: u32) {
        let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
        bench.ready(host);
        bench.command(host, StreamMode::Samples(2_000), None);
        bench.pass(at);
        let mut datagrams = bench.streams(0);
        let loaded = bench.0.now();
        bench.set(host, &[(sr::TIME_LOW, time), (sr::TIME_NOW, 1), (sr::TIME_HIGH, 7)]);
        bench.pass(300_000);
        datagrams.extend(bench.streams(0));
        let mut start = COMMAND + FIRST;
        for (tick, samples, _) in heard(&datagrams).into_iter().map(Result::unwrap) {
            let device = (7 << 32) + u64::from(time) + start;
            prop_assert_eq!(tick, if start <= loaded { start } else { device - loaded });
            start += samples as u64 * 52;
        }
        prop_assert_eq!(start, COMMAND + FIRST + 2_000 * 52);
    }
}
