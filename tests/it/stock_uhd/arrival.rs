//! Frames as they reach the radio: in the order of their arrival whatever their sizes, and none with a VLAN tag.

use std::time::Duration;

use crate::common::raw_client::{BURST_ACK, CONTROL, Control, Event, Line, SEQUENCE, TX, tx_packet};
use crate::common::sniffer::{Frame, Sniffer};
use crate::common::wire::{Bench, Network, ended_well};

/// What the transmitter says of a packet out of sequence, between bursts and in one.
const OUT_OF_SEQUENCE: [u32; 2] = [SEQUENCE, 0x20];

fn event(frame: &Frame) -> Option<Event> {
    frame.sent_from(TX).filter(|packet| packet.len() == 24).map(Event::of)
}

#[test]
fn short_packets_between_long_ones_stay_in_order() {
    let Some(_bench) = Bench::new(1, &[]) else { return };
    let control = Control::open(&Network::host(0));
    let line = Line::open(&Network::host(0), TX);
    control.hello();
    line.take();
    control.prepare_tx();
    // So far ahead that all packets wait in the queue.
    let receive = Line::open(&Network::host(0), 49156);
    receive.take();
    control.prepare_rx(0);
    let start = control.time(0, &receive) + 100_000_000;
    let (short, long) = ([(100, 100); 5], [(200, 200); 363]);
    for pair in 0..200 {
        line.send(&tx_packet(2 * pair, (pair == 0).then_some(start), false, &short));
        line.send(&tx_packet(2 * pair + 1, None, pair == 199, &long));
        // Into the radio's work for the one before, each at another moment of it.
        std::thread::sleep(Duration::from_micros(u64::from(pair) * 37 % 200));
    }
    let end = Event::next(&line);
    assert_eq!((end.code, end.reached), (BURST_ACK, 399));
}

/// UHD splits what a program hands over in one piece: 370 samples are a full packet and one of 7.
#[test]
fn a_program_that_sends_a_full_packet_and_a_short_one_in_turn_has_no_sequence_errors() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    for samples in [370, 380, 399] {
        let wire = Sniffer::in_namespace(&Network::host(0));
        bench.run(
            "tx_waveforms",
            &format!("--rate 1e6 --freq 10e6 --wave-type SINE --wave-freq 1e5 --nsamps 1000000 --spb {samples}"),
        );
        let frames = wire.drain();
        let events: Vec<Event> = frames.iter().filter_map(event).collect();
        let lengths = |range: std::ops::Range<usize>| {
            frames.iter().filter_map(|frame| frame.sent_to(TX)).filter(|packet| range.contains(&packet.len())).count()
        };
        assert!(lengths(20..200) > 2000 && lengths(1000..1473) > 2000, "{samples}: no short packets between long ones");
        let wrong = events.iter().filter(|event| OUT_OF_SEQUENCE.contains(&event.code)).count();
        assert_eq!((wrong, events.last().map(|event| event.code)), (0, Some(BURST_ACK)), "{samples}");
    }
}

/// Sends a frame given in hexadecimal digits.
const SEND: &str = "import socket, sys; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth3', 0)); s.send(bytes.fromhex(sys.argv[1]))";

/// The kernel takes the tag out of a frame before a packet socket sees it: without a look at that, the radio would answer.
#[test]
fn frames_with_a_vlan_tag_are_ignored() {
    let Some(bench) = Bench::new(1, &[]) else { return };
    let control = Control::open(&Network::host(0));
    let wire = Sniffer::in_namespace(&Network::radio(0));
    control.hello();
    let is_hello = |frame: &Frame| frame.sent_to(CONTROL).is_some();
    let is_reply = |frame: &Frame| frame.sent_from(CONTROL).is_some();
    let hello = wire.until("hello", is_hello).pop().expect("one");
    wire.until("reply", is_reply);
    for tag in [[0x81, 0x00, 0x00, 0x07], [0x88, 0xA8, 0x00, 0x07]] {
        let tagged = [&hello.0[..12], &tag, &hello.0[12..]].concat();
        let digits: String = tagged.iter().map(|byte| format!("{byte:02x}")).collect();
        ended_well(bench.network.at(0, "/usr/bin/python3").args(["-c", SEND, &digits]));
        // The radio would have answered it before what comes behind it.
        control.hello();
        let mut frames = wire.until("reply", is_reply);
        assert_eq!(
            frames.iter().filter(|frame| is_hello(frame)).count(),
            2,
            "{tag:x?}: the frame was answered, or did not reach the interface"
        );
        frames.extend(wire.drain());
        assert_eq!(frames.iter().filter(|frame| is_reply(frame)).count(), 1, "{tag:x?}: the frame was answered");
    }
}
