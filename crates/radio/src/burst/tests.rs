use super::*;

use n210_wire::TxData;
use proptest::prelude::*;
use workload::samples::Kind;

const D: u64 = 56;
const DELAY: u64 = 774;

fn block(tick: u64, count: usize) -> Block {
    Block { kind: Kind::Tx, tick, samples: (1..=count).map(|n| Sample::new(n as i16, -(n as i16))).collect() }
}

/// What a radio finds in the packets: each with its time.
fn decoded<'f>(frames: impl Iterator<Item = &'f [u8]>) -> Vec<(TxHeader, Vec<Sample>)> {
    let read = |frame: &[u8]| {
        assert!(frame.len() <= FRAME);
        let data = TxData::decode(frame).unwrap();
        (data.header, data.samples().collect())
    };
    frames.map(read).collect()
}

/// Sends a block as the transmit thread does; its packets, those of an end before it among them.
fn transmit(bursts: &mut Bursts, block: &Block) -> Vec<(TxHeader, Vec<Sample>)> {
    let mut packets = Vec::new();
    if bursts.ends_before(block) {
        packets = end(bursts);
    }
    let own = decoded(bursts.lay_out(block));
    bursts.sent(own.len());
    packets.extend(own);
    packets
}

fn end(bursts: &mut Bursts) -> Vec<(TxHeader, Vec<Sample>)> {
    let packets = decoded(bursts.lay_out_end());
    bursts.sent(packets.len());
    packets
}

/// Time of each sample that is not a zero on the air: what a burst sends without an end behind it, or within its last 23 samples, never comes there.
fn on_air(packets: &[(TxHeader, Vec<Sample>)], d: u64, delay: u64) -> Vec<(u64, Sample)> {
    let (mut air, mut burst, mut begun) = (Vec::new(), Vec::<Sample>::new(), 0);
    let mut free = 0;
    for (header, samples) in packets {
        if burst.is_empty() {
            begun = header.tick.unwrap();
            assert!(begun >= free, "{begun} is late: the radio is free at {free}");
        }
        assert_eq!(header.tick, Some(begun + burst.len() as u64 * d), "the times of a burst are in step");
        burst.extend(samples);
        if header.end_of_burst {
            free = begun + burst.len() as u64 * d + 4;
            let whole = burst.len().saturating_sub(23);
            let at = |n: usize| begun + n as u64 * d + delay;
            air.extend(burst[..whole].iter().enumerate().filter(|(_, x)| **x != Sample::default()).map(|(n, x)| (at(n), *x)));
            burst.clear();
        }
    }
    assert!(burst.is_empty(), "a burst that does not end");
    air
}

fn expected(blocks: &[Block], d: u64) -> Vec<(u64, Sample)> {
    let of = |block: &Block| block.samples.iter().enumerate().map(|(n, x)| (block.tick + n as u64 * d, *x)).collect::<Vec<_>>();
    blocks.iter().flat_map(of).collect()
}

#[test]
fn blocks_that_follow_one_another_are_one_burst() {
    let mut bursts = Bursts::new(56, DELAY);
    // Subframes of 1800 samples without their first four.
    let blocks: Vec<Block> = (0..3).map(|n| block(10_000 + n * 1800 * D, 1796)).collect();
    let mut packets: Vec<_> = blocks.iter().flat_map(|block| transmit(&mut bursts, block)).collect();
    assert!(packets.iter().all(|(header, _)| !header.end_of_burst));
    packets.extend(end(&mut bursts));
    assert_eq!(packets.iter().filter(|(header, _)| header.start_of_burst).count(), 1);
    assert_eq!(on_air(&packets, D, DELAY), expected(&blocks, D));
    assert_eq!(bursts.end_tick(), Some(10_000 - DELAY + (3 * 1800 - 4 + 24) * D));
    assert!(!bursts.is_open() && end(&mut bursts).is_empty());
}

#[test]
fn a_gap_with_room_for_the_zeros_ends_a_burst() {
    // At 4 ticks a sample the 224 ticks that a subframe leaves out are enough.
    let mut bursts = Bursts::new(4, 101);
    let blocks: Vec<Block> = (0..3).map(|n| block(10_000 + n * 25_200 * 4, 25_144)).collect();
    let mut packets: Vec<_> = blocks.iter().flat_map(|block| transmit(&mut bursts, block)).collect();
    packets.extend(end(&mut bursts));
    assert_eq!(packets.iter().filter(|(header, _)| header.start_of_burst).count(), 3);
    assert_eq!(on_air(&packets, 4, 101), expected(&blocks, 4));
}

#[test]
fn a_block_off_the_grid_of_a_burst_goes_to_the_nearest_sample() {
    for (off, zeros) in [(-29, 3), (-28, 4), (0, 4), (27, 4), (28, 5)] {
        let mut bursts = Bursts::new(56, DELAY);
        transmit(&mut bursts, &block(10_000, 100));
        let packets = transmit(&mut bursts, &block((10_000 + 104 * D).checked_add_signed(off).unwrap(), 10));
        let leading = packets[0].1.iter().take_while(|x| **x == Sample::default()).count();
        assert_eq!((leading, packets[0].0.start_of_burst), (zeros, false), "{off}");
    }
}

#[test]
fn what_would_come_before_the_end_of_what_was_sent_is_left_out() {
    let mut bursts = Bursts::new(56, DELAY);
    transmit(&mut bursts, &block(10_000, 100));
    end(&mut bursts);
    // It comes after the end was sent: 4 of the 24 zeros are where it sends nothing, and a burst begins 8 ticks after the other.
    let packets = transmit(&mut bursts, &block(10_000 + 104 * D, 100));
    let (header, samples) = &packets[0];
    assert_eq!((header.start_of_burst, header.tick), (true, Some(10_000 - DELAY + 125 * D)));
    assert_eq!(samples[0], Sample::new(22, -22));
    // Into a burst that goes on.
    let packets = transmit(&mut bursts, &block(10_000 + 201 * D, 100));
    assert_eq!(packets[0].1[0], Sample::new(4, -4));
    // Of the past, or of a clock that was set back: the radio's to refuse.
    let packets = transmit(&mut bursts, &block(1000, 50));
    assert_eq!((packets.len(), packets[1].0.tick, packets[1].1.len()), (2, Some(1000 - DELAY), 50));
}

/// The radio of these tests takes the start of a burst 4 ticks after the end of another.
#[test]
fn a_block_close_behind_the_zeros_is_not_late() {
    for (d, ends, off) in (0..2 * 56).flat_map(|off| [(4, false, off), (4, true, off), (56, false, off), (56, true, off)]) {
        let mut bursts = Bursts::new(d as u32, DELAY);
        let mut packets = transmit(&mut bursts, &block(10_000, 100));
        if ends {
            packets.extend(end(&mut bursts));
        }
        packets.extend(transmit(&mut bursts, &block(10_000 + (100 + TAIL as u64) * d + off, 100)));
        packets.extend(end(&mut bursts));
        // Within a sample, which is what an end that was sent already may cost.
        assert!(on_air(&packets, d, DELAY).len() >= 200 - 8usize.div_ceil(d as usize), "{d} ticks a sample, {off} ticks behind");
    }
}

#[test]
fn a_successor_begins_behind_the_end_of_the_one_before() {
    let mut bursts = Bursts::new(56, DELAY);
    bursts.begin_at(7, 7, Some(20_000));
    let packets = transmit(&mut bursts, &block(20_000 + DELAY - 3 * D, 50));
    assert_eq!((packets[0].0.tick, packets[0].1.len(), packets[0].0.sequence), (Some(20_000 + D), 46, 7));
}

#[test]
fn sequence_and_count_go_on_from_anywhere() {
    let mut bursts = Bursts::new(52, 0);
    bursts.begin_at(u32::MAX, 5, None);
    let packets = transmit(&mut bursts, &block(0, 1000));
    assert_eq!(packets.iter().map(|(h, _)| (h.sequence, h.count)).collect::<Vec<_>>(), [(u32::MAX, 5), (0, 6), (1, 7)]);
    assert_eq!(bursts.next(), (2, 8));
    assert_eq!(end(&mut bursts)[0].0.sequence, 2);
}

#[test]
fn a_packet_that_did_not_go_out_takes_no_sequence() {
    let mut bursts = Bursts::new(52, 0);
    assert_eq!(bursts.lay_out(&block(0, 1000)).len(), 3);
    assert_eq!(bursts.sent(1), 363);
    assert_eq!((bursts.end_tick(), bursts.is_open()), (Some(363 * 52), true));
    let next = decoded(bursts.lay_out(&block(363 * 52, 1)));
    assert_eq!(next[0].0.sequence, 1);
    bursts.begin_at(0, 0, None);
    assert_eq!(decoded(bursts.lay_out(&block(9, 1)))[0].0.sequence, 0);
}

proptest! {
    #[test]
    fn every_sample_is_on_the_air_at_its_tick(
        // Gaps in samples before each block, and whether the end is sent after it; what ends at once leaves room.
        blocks in prop::collection::vec((0u64..60, 1usize..2000, any::<bool>()), 1..12),
        d in prop::sample::select(vec![4u64, 8, 13, 16, 28, 52, 56, 100]),
        delay in 0u64..7000,
        first: u32,
    ) {
        let mut bursts = Bursts::new(d as u32, delay);
        bursts.begin_at(first, (first & 15) as u8, None);
        let (mut tick, mut given, mut packets) = (1 << 40, Vec::new(), Vec::new());
        for (gap, size, ends) in blocks {
            tick += gap * d;
            let block = block(tick, size);
            packets.extend(transmit(&mut bursts, &block));
            tick += size as u64 * d;
            if ends {
                packets.extend(end(&mut bursts));
                tick += (TAIL as u64 + 2) * d;
            }
            given.push(block);
        }
        packets.extend(end(&mut bursts));
        for (at, (header, _)) in packets.iter().enumerate() {
            let sequence = first.wrapping_add(at as u32);
            prop_assert_eq!((header.sequence, header.count), (sequence, (sequence & 15) as u8));
        }
        prop_assert_eq!(on_air(&packets, d, delay), expected(&given, d));
    }

    #[test]
    fn no_block_panics(blocks in prop::collection::vec((any::<u64>(), 0..=MAX_SAMPLES, any::<bool>()), 0..6), d in 0u32..600, delay: u64) {
        let mut bursts = Bursts::new(d, delay);
        for (tick, size, ends) in blocks {
            let sent = transmit(&mut bursts, &Block { kind: Kind::Tx, tick, samples: vec![Sample::new(1, 1); size] });
            prop_assert!(sent.len() <= packets(size));
            if ends {
                end(&mut bursts);
            }
        }
    }
}
