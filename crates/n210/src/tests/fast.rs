//! The fast control port: order, time, queue, words.

use super::*;
use n210_wire::fast::{Ack, FastCommand, Operation, QUEUE};

#[test]
fn a_timed_fast_command_holds_back_what_is_behind_it() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    let read = |sequence, at| FastCommand { sequence, at, operation: Operation::Read { word: rb::TIME_LOW } };
    for command in [read(1, None), read(2, Some(7_000)), read(3, None)] {
        bench.send(host, port::FAST, command.encode(&mut [0; 24]));
    }
    bench.0.advance(7_000);
    let acks = |bench: &mut Bench| -> Vec<(u16, u32)> {
        let datagrams = bench.datagrams(0);
        datagrams.iter().map(|d| Ack::decode(&d.payload).unwrap()).map(|ack| (ack.sequence, ack.value)).collect()
    };
    assert_eq!(acks(&mut bench), [(1, 0)]);
    bench.0.advance(9_000);
    assert_eq!(acks(&mut bench), [(2, 7_001), (3, 7_001)]);
}

fn send(bench: &mut Bench, host: Host, sequence: u16, at: Option<u64>, operation: Operation) {
    bench.send(host, port::FAST, FastCommand { sequence, at, operation }.encode(&mut [0; 24]));
}

fn acks(bench: &mut Bench) -> Vec<Ack> {
    let datagrams = bench.datagrams(0).into_iter().filter(|datagram| datagram.ports.0 == port::FAST);
    datagrams.map(|datagram| Ack::decode(&datagram.payload).unwrap()).collect()
}

#[test]
fn each_word_reads_what_the_port_has() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.set(host, &[(sr::TIME_LOW, 500), (sr::TIME_NOW, 1), (sr::TIME_HIGH, 3)]);
    // The PPS comes by the clock as it is.
    bench.0.advance(100_000_007);
    let pps = (3 << 32) + 500 + 100_000_000u64;
    for (word, value) in [
        (rb::TIME_HIGH, 3),
        (rb::TIME_LOW, 100_000_507),
        (rb::PPS_TIME_HIGH, (pps >> 32) as u32),
        (rb::PPS_TIME_LOW, pps as u32),
        (rb::COMPATIBILITY, 0xFFFF_FFFF),
        (1, 0xFFFF_FFFF),
        (8, 0xFFFF_FFFF),
    ] {
        send(&mut bench, host, 7, None, Operation::Read { word });
        assert_eq!(acks(&mut bench), [Ack { sequence: 7, command: u16::from(word), value }], "word {word}");
    }
    // A write is acknowledged with the word that its number happens to select.
    send(&mut bench, host, 8, None, Operation::Write { register: sr::RX0_SAMPLES + 4, value: 9 });
    assert_eq!(acks(&mut bench), [Ack { sequence: 8, command: 0x12B, value: 100_000_507 }]);
}

#[test]
fn what_is_beyond_the_queue_waits_and_holds_up_every_port() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    let read = Operation::Read { word: rb::TIME_LOW };
    send(&mut bench, host, 0, Some(1_000_000), read);
    for sequence in 1..=QUEUE as u16 {
        send(&mut bench, host, sequence, None, read);
    }
    assert!(bench.ask(host, Message::Hello).is_some(), "64 in the queue and one at its entrance");
    send(&mut bench, host, 65, None, read);
    assert_eq!(bench.ask(host, Message::Hello), None, "what is behind the next waits");
    bench.0.advance(1_000_001);
    let datagrams = bench.datagrams(0);
    assert_eq!(datagrams.iter().filter(|d| d.ports.0 == port::FAST).count(), 66);
    assert_eq!(datagrams.iter().filter(|d| d.ports.0 == port::CONTROL).count(), 1);
}

#[test]
fn writing_the_routers_address_forgets_waiting_commands() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    send(&mut bench, host, 1, Some(1_000), Operation::Read { word: rb::TIME_LOW });
    bench.set(host, &[(17, DEVICE.to_bits())]);
    bench.0.advance(10_000);
    assert_eq!(acks(&mut bench), []);
}

#[test]
fn a_timed_write_stops_a_stream_at_its_time_and_late_ones_run_at_once() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.command(host, StreamMode::Continuous, None);
    let stop = StreamCommand { mode: StreamMode::Stop, at: None }.words();
    for (n, value) in stop.into_iter().enumerate() {
        let register = sr::RX0_COMMAND + n as u8;
        send(&mut bench, host, n as u16, Some(10 * 52), Operation::Write { register, value });
    }
    bench.0.advance(100_000);
    let mut datagrams = bench.streams(0);
    datagrams.retain(|datagram| datagram.ports.0 == port::RX0);
    assert_eq!(heard(&datagrams), [Ok((COMMAND + FIRST, 10, true))]);
    send(&mut bench, host, 9, Some(5), Operation::Read { word: rb::TIME_LOW });
    assert_eq!(acks(&mut bench)[0].value, 100_000);
}

#[test]
fn acknowledgements_go_to_the_one_destination_whoever_asks() {
    let (mut bench, first, second) = (Bench::new(1), Host::new(0, 1), Host::new(0, 9));
    bench.ready(first);
    send(&mut bench, second, 1, None, Operation::Read { word: rb::STATUS });
    let ack = bench.datagrams(0).pop().unwrap();
    assert_eq!((ack.mac, ack.to), (first.mac, *first.address.ip()));
}

#[test]
fn a_port_that_the_router_does_not_know_is_the_firmwares() {
    let (mut bench, host, other) = (Bench::new(1), Host::new(0, 1), Host::new(0, 9));
    bench.ready(host);
    bench.set(host, &[(sr::ROUTER_PORTS, u32::from(port::TX))]);
    // The command is taken for a destination: its word for an address, which the gateway leads to.
    send(&mut bench, other, 1, None, Operation::Read { word: rb::STATUS });
    let datagrams = bench.datagrams(0);
    assert_eq!(datagrams.iter().map(|d| (d.mac, d.payload.len())).collect::<Vec<_>>(), [(other.mac, 4)]);
    bench.set(host, &[(sr::ROUTER_PORTS, register::ROUTER_PORTS)]);
    send(&mut bench, host, 2, None, Operation::Read { word: rb::STATUS });
    let ack = bench.datagrams(0).pop().unwrap();
    assert_eq!((ack.mac, ack.to), (host.mac, Ipv4Addr::from_bits(0x0001_0000 | u32::from(rb::STATUS))));
}
