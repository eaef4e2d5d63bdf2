//! Packets through payloads, some of which are lost.

use super::sent::{REMEMBERED, Sent, SentPacket};
use super::*;
use crate::queue::{MTU, PacketQueue};
use proptest::prelude::*;

/// All payloads for the packets, with sizes as the subframes have them.
fn cut(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let queue = PacketQueue::new(1 << 20);
    packets.iter().for_each(|p| queue.push(p));
    let (mut segmenter, mut out) = (Segmenter::default(), Vec::new());
    while segmenter.under_way() || !queue.is_empty() {
        let size = if out.len() % 5 == 0 { 201 } else { 237 };
        let mut payload = Vec::new();
        segmenter.fill(&queue, size, &mut payload);
        assert!(payload.len() <= size);
        out.push(payload);
    }
    out
}

fn join<'a>(payloads: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<Vec<u8>> {
    let (mut reassembler, mut out) = (Reassembler::default(), Vec::new());
    payloads.into_iter().for_each(|p| reassembler.accept(p, |packet| out.push(packet.to_vec())));
    out
}

fn packets() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=MTU), 0..12)
}

#[test]
fn an_idle_payload_carries_nothing_and_uses_no_sequence_number() {
    let queue = PacketQueue::new(1000);
    let (mut segmenter, mut payload) = (Segmenter::default(), Vec::new());
    for _ in 0..3 {
        assert_eq!(segmenter.fill(&queue, 20, &mut payload), 0);
        assert_eq!(payload[..4], [2, 0, 0, 0]);
    }
    queue.push(&[7; 3]);
    assert_eq!(segmenter.fill(&queue, 20, &mut payload), 1);
    assert_eq!(payload[..9], [2, 1, 0, 0, 0xc0, 3, 7, 7, 7]);
}

#[test]
fn a_report_goes_before_the_packets_in_two_payloads() {
    let queue = PacketQueue::new(1000);
    queue.push(&[7; 3]);
    let (mut segmenter, mut payload) = (Segmenter::default(), Vec::new());
    segmenter.report(Missing { first: 0xfffe, count: 3 });
    assert_eq!(segmenter.fill(&queue, 20, &mut payload), 1);
    let report = [0x20, 4, 0xff, 0xfe, 0, 3];
    assert_eq!(payload, [&[2, 2, 0, 0], &report[..], &[0xc0, 3, 7, 7, 7]].concat());
    assert!(segmenter.has_work(&queue));
    segmenter.fill(&queue, 20, &mut payload);
    assert_eq!(payload, [&[2, 1, 0, 1], &report[..]].concat());
    assert!(!segmenter.has_work(&queue));
    let mut reassembler = Reassembler::default();
    reassembler.accept(&payload, |packet| panic!("{packet:?}"));
    assert_eq!(reassembler.reports().collect::<Vec<_>>(), [Missing { first: 0xfffe, count: 3 }]);
}

#[test]
fn a_gap_is_missing_once_and_a_sender_that_begins_anew_leaves_none() {
    let payload = |sequence: u16, segments: u8| [&[2, segments][..], &sequence.to_be_bytes(), &[0xc0, 1, 9]].concat();
    let mut reassembler = Reassembler::default();
    let mut missing = |sequence, segments| {
        reassembler.accept(&payload(sequence, segments), |_| {});
        reassembler.missing().map(|missing| (missing.first, missing.count)).collect::<Vec<_>>()
    };
    assert_eq!(missing(0xfffe, 0), [], "nothing was known");
    assert_eq!(missing(0xffff, 1), [(0xfffe, 1)]);
    assert_eq!(missing(2, 0), [(0, 2)], "an idle payload tells, too");
    assert_eq!(missing(2, 0), []);
    assert_eq!(missing(2, 1), []);
    assert_eq!(missing(4, 1), [(3, 1)]);
    assert_eq!(missing(0, 1), [], "behind");
    assert_eq!(missing(1 + REMEMBERED + 1, 1), [], "nobody remembers so many");
}

#[test]
fn packets_are_sent_again_for_the_latest_payloads_once_and_not_for_ever() {
    let packet = |n: u8, sendings| SentPacket { bytes: vec![n], sendings };
    let missing = |first, count| Missing { first, count };
    let mut sent = Sent::default();
    sent.begin(0xffff);
    // Payload ffff has the rest of a packet of another sender and the beginning of 1, payload 0 its end and 2, payload 1 nothing but 3.
    sent.packet(None);
    let from = sent.next() - 1;
    sent.packet(Some(packet(1, 1)));
    sent.payload(from);
    let from = sent.next() - 1;
    sent.packet(Some(packet(2, 4)));
    sent.payload(from);
    let from = sent.next();
    sent.packet(Some(packet(3, 3)));
    sent.payload(from);
    assert_eq!(sent.take_missing(missing(0xfffe, 1)), [], "before all that is known");
    assert_eq!(sent.take_missing(missing(2, 5)), [], "not sent yet");
    assert_eq!(sent.take_missing(missing(0xffff, 2)), [packet(1, 1)], "2 was sent often enough");
    assert_eq!(sent.take_missing(missing(0xffff, 9)), [packet(3, 3)]);
    assert_eq!(sent.take_missing(missing(0xffff, 9)), []);
    sent.packet(Some(packet(4, 1)));
    sent.payload(sent.next() - 1);
    for _ in 0..REMEMBERED {
        sent.payload(sent.next());
    }
    assert_eq!(sent.take_missing(missing(2, 1)), [], "forgotten");
}

proptest! {
    #[test]
    fn what_is_lost_is_sent_again_and_arrives_once(lengths in prop::collection::vec(2..=MTU, 0..12), lost in prop::collection::btree_set(1usize..60, 0..4)) {
        let packets: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(n, length)| vec![n as u8; *length]).collect();
        let (queue, nothing) = (PacketQueue::new(1 << 20), PacketQueue::new(1));
        packets.iter().for_each(|packet| queue.push(packet));
        let (mut there, mut back) = (Segmenter::default(), Segmenter::default());
        let (mut near, mut far) = (Reassembler::default(), Reassembler::default());
        let (mut arrived, mut payload) = (Vec::new(), Vec::new());
        for round in 0..200 {
            there.fill(&queue, 237, &mut payload);
            if !lost.contains(&round) {
                far.accept(&payload, |packet| arrived.push(packet.to_vec()));
            }
            far.missing().for_each(|missing| back.report(missing));
            back.fill(&nothing, 237, &mut payload);
            near.accept(&payload, |packet| panic!("{packet:?}"));
            near.reports().for_each(|missing| there.send_again(missing));
        }
        arrived.sort();
        prop_assert_eq!(arrived, packets);
    }
}

proptest! {
    #[test]
    fn every_packet_arrives_in_order(packets in packets()) {
        prop_assert_eq!(join(&cut(&packets)), packets);
    }

    #[test]
    fn a_lost_payload_loses_only_the_packets_in_it(packets in packets(), lost: prop::sample::Index) {
        let payloads = cut(&packets);
        prop_assume!(!payloads.is_empty());
        let lost = lost.index(payloads.len());
        let arrived = join(payloads.iter().enumerate().filter(|(n, _)| *n != lost).map(|(_, p)| p));
        // Segments of the lost payload: so many packets at most are missing, and what arrives is unharmed and in order.
        let most = usize::from(payloads[lost][1]);
        prop_assert!(arrived.len() + most >= packets.len());
        let mut sent = packets.iter();
        for packet in &arrived {
            prop_assert!(sent.any(|p| p == packet), "a packet arrived that was never sent");
        }
    }

    #[test]
    fn arbitrary_payloads_do_no_harm(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..240), 0..20), valid: bool) {
        let mut reassembler = Reassembler::default();
        for mut payload in payloads {
            if valid && !payload.is_empty() {
                payload[0] = VERSION;
            }
            reassembler.accept(&payload, |packet| assert!(packet.len() <= MTU));
        }
    }
}
