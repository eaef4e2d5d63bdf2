//! The device on frames: what it answers, where its streams go, what it says of late and lost packets.

use std::net::{Ipv4Addr, SocketAddrV4};

use proptest::prelude::*;

use crate::lab::n210::air::medium::{Medium, Path};
use crate::lab::n210::board::eeprom::Identity;
use crate::lab::n210::ethernet::frame::{self, Mac, UDP_HEADERS};
use crate::lab::n210::world::World;
use crate::radio::wire::control::{self, Action, Control, Message};
use crate::radio::wire::destination::{RESOLVED, SetDestination, UNRESOLVED};
use crate::radio::wire::fast::{Ack, Command, Operation};
use crate::radio::wire::register::{self, RX_HEADER_TEMPLATE, StreamCommand, StreamMode, firmware, flow_by_packets};
use crate::radio::wire::stream_rx::RxError;
use crate::radio::wire::stream_tx::{NO_SEQUENCE, TxHeader, TxMessage};
use crate::radio::wire::{RxPacket, Sample, TxEvent, dsp, port, rb, sr};

mod faults;

const DEVICE: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 2);
/// 100e6 / 52: the rate of the lab.
const DECIMATION: u32 = 52;

/// A host at the device's wire.
#[derive(Clone, Copy)]
struct Host {
    radio: usize,
    address: SocketAddrV4,
    mac: Mac,
}

impl Host {
    fn new(radio: usize, last: u8) -> Self {
        Self { radio, address: SocketAddrV4::new(Ipv4Addr::new(192, 168, 10, last), 5000), mac: [2, 0, 0, 0, 0, last] }
    }
}

/// A datagram from the device: MAC it went to, ports, payload.
#[derive(Debug, PartialEq)]
struct Datagram {
    mac: Mac,
    to: Ipv4Addr,
    ports: (u16, u16),
    payload: Vec<u8>,
}

struct Bench(World);

impl Bench {
    fn new(radios: usize) -> Self {
        let identities = (0..radios).map(|n| Identity::new(&format!("radio{n}"), DEVICE)).collect();
        // Noise far below the last bit.
        Self(World::new(identities, Medium { path: Path::default(), noise_dbfs: -200.0, seed: 1 }))
    }

    fn mac(radio: usize) -> Mac {
        Identity::new(&format!("radio{radio}"), DEVICE).mac
    }

    fn drain(&mut self, radio: usize) -> Vec<Vec<u8>> {
        let out = self.0.outbox(radio).unwrap();
        let frames = out.frames().map(<[u8]>::to_vec).collect();
        out.clear();
        frames
    }

    fn datagrams(&mut self, radio: usize) -> Vec<Datagram> {
        let frames = self.drain(radio).into_iter().filter(|frame| frame[12..14] == [8, 0] && frame[23] == 17);
        frames
            .map(|frame| {
                assert_eq!(frame::sum(&frame[14..34]), 0xFFFF, "IP checksum");
                let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
                assert_eq!(usize::from(word(16)), frame.len() - 14);
                assert_eq!(usize::from(word(38)), frame.len() - 34);
                Datagram {
                    mac: *frame.first_chunk().unwrap(),
                    to: Ipv4Addr::new(frame[30], frame[31], frame[32], frame[33]),
                    ports: (word(34), word(36)),
                    payload: frame[UDP_HEADERS..].to_vec(),
                }
            })
            .collect()
    }

    fn send(&mut self, host: Host, to: u16, payload: &[u8]) {
        let frame = frame::host_udp((host.address, host.mac), (SocketAddrV4::new(DEVICE, to), Self::mac(host.radio)), payload);
        self.0.input(host.radio, &frame, None);
    }

    fn ask(&mut self, host: Host, message: Message) -> Option<(Mac, Message)> {
        self.send(host, port::CONTROL, &Control::request(77, message).encode());
        let reply = self.datagrams(host.radio).pop()?;
        assert_eq!((reply.to, reply.ports), (*host.address.ip(), (port::CONTROL, host.address.port())));
        let packet = Control::decode(&reply.payload).unwrap();
        assert_eq!((packet.version, packet.sequence), (12, 77));
        Some((reply.mac, packet.message))
    }

    fn poke(&mut self, host: Host, register: u8, data: u32) {
        let message = Message::Register { address: register::setting_address(register), data, action: Action::Write };
        self.send(host, port::CONTROL, &Control::request(0, message).encode());
    }

    /// Writes a stream command to chain 0 and keeps what the stream says to it, without the acknowledgements of the control port.
    fn command(&mut self, host: Host, mode: StreamMode, at: Option<u64>) -> Vec<Datagram> {
        for (register, value) in (sr::RX0_COMMAND..).zip(StreamCommand { mode, at }.words()) {
            self.poke(host, register, value);
        }
        let mut said = self.datagrams(host.radio);
        said.retain(|datagram| datagram.ports.0 != port::CONTROL);
        said
    }

    fn take_over(&mut self, host: Host) {
        for to in [port::RX0, port::RX1, port::TX, port::FAST] {
            self.send(host, to, &[0; 8]);
        }
    }

    /// What an initialised radio is: routed, at the lab's rate, led to the host.
    fn ready(&mut self, host: Host) {
        let d = |direction| dsp::decimation_word(direction, DECIMATION).unwrap();
        let (rx, tx) = (d(dsp::Direction::Receive), d(dsp::Direction::Transmit));
        self.take_over(host);
        for (register, value) in [
            (sr::ROUTER_PORTS, register::ROUTER_PORTS),
            (sr::RX0_HEADER, RX_HEADER_TEMPLATE),
            (sr::RX0_STREAM_ID, 3),
            (sr::RX0_DECIMATION, rx),
            (sr::RX0_SCALE, dsp::scale_word(dsp::Direction::Receive, rx).0),
            (sr::TX_STREAM_ID, 2),
            (sr::TX_INTERPOLATION, tx),
            (sr::TX_SCALE, dsp::scale_word(dsp::Direction::Transmit, tx).0),
        ] {
            self.poke(host, register, value);
        }
        self.drain(host.radio);
    }

    fn transmit(&mut self, host: Host, header: TxHeader, samples: &[Sample]) {
        let mut packet = [0; 1472];
        let length = header.encode(samples, &mut packet).unwrap();
        self.send(host, port::TX, &packet[..length]);
    }

    fn events(&mut self, host: Host) -> Vec<(TxMessage, u32, u64)> {
        let datagrams = self.datagrams(host.radio).into_iter().filter(|d| d.ports.0 == port::TX);
        datagrams.map(|d| TxEvent::decode(&d.payload).unwrap()).map(|e| (e.message, e.sequence, e.tick)).collect()
    }
}

/// Tick, number of samples and whether it ends a burst; or an error.
fn heard(datagrams: &[Datagram]) -> Vec<Result<(u64, usize, bool), RxError>> {
    datagrams
        .iter()
        .map(|d| match RxPacket::decode(&d.payload).unwrap() {
            RxPacket::Data(data) => Ok((data.tick, data.len(), data.end_of_burst)),
            RxPacket::Context(context) => Err(context.error),
        })
        .collect()
}

fn arp(operation: u8, sender: (Ipv4Addr, Mac), target: Ipv4Addr) -> Vec<u8> {
    let mut frame = vec![0xFF; 6];
    frame.extend(sender.1);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, operation]);
    frame.extend(sender.1);
    frame.extend(sender.0.octets());
    frame.extend([0; 6]);
    frame.extend(target.octets());
    frame
}

#[test]
fn arp_is_answered_and_only_replies_are_learned() {
    let (mut bench, host, other) = (Bench::new(1), Host::new(0, 1), Host::new(0, 9));
    bench.0.input(0, &arp(1, (*host.address.ip(), host.mac), DEVICE), None);
    let replies = bench.drain(0);
    assert_eq!(replies.len(), 1);
    assert_eq!((&replies[0][..6], &replies[0][20..22]), (&host.mac[..], &[0, 2][..]));
    assert_eq!(replies[0][22..28], Bench::mac(0));
    bench.0.input(0, &arp(1, (*host.address.ip(), host.mac), Ipv4Addr::new(192, 168, 10, 3)), None);
    assert!(bench.drain(0).is_empty(), "an address of someone else");

    let named = |to: Host| SetDestination::Named(to.address).encode(&mut [0; 16]).to_vec();
    // The first packet also asks the network: "who has".
    bench.0.input(0, &arp(1, (*other.address.ip(), other.mac), DEVICE), None);
    bench.drain(0);
    bench.send(host, port::RX0, &named(other));
    let frames = bench.drain(0);
    assert_eq!((&frames[0][12..14], &frames[0][38..42]), (&[8, 6][..], &other.address.ip().octets()[..]));
    assert_eq!(frames[1][UDP_HEADERS..], UNRESOLVED.to_be_bytes());
    bench.0.input(0, &arp(2, (*other.address.ip(), other.mac), DEVICE), None);
    bench.send(host, port::RX0, &named(other));
    let replies = bench.datagrams(0);
    assert_eq!((replies[0].mac, &replies[0].payload[..]), (host.mac, &RESOLVED.to_be_bytes()[..]));
}

#[test]
fn a_ping_comes_back_with_its_content() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    let mut frame = frame::host_udp((host.address, host.mac), (SocketAddrV4::new(DEVICE, 1), Bench::mac(0)), &[0; 8]);
    frame[23] = 1;
    frame[34..50].copy_from_slice(&[8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    bench.0.input(0, &frame, None);
    let pong = bench.drain(0).pop().unwrap();
    assert_eq!((pong[34], &pong[38..]), (0, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12][..]));
    assert_eq!((frame::sum(&pong[14..34]), frame::sum(&pong[34..])), (0xFFFF, 0xFFFF));
}

#[test]
fn the_control_port_answers_hello_aliens_and_echo() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    assert_eq!(bench.ask(host, Message::Hello), Some((host.mac, Message::HelloReply(DEVICE))));
    assert_eq!(bench.ask(host, Message::Other(0x7A)), Some((host.mac, Message::NotUnderstood)));
    let mut stranger = Control::request(1, Message::Echo(36));
    stranger.version = 0;
    bench.send(host, port::CONTROL, &stranger.encode());
    bench.send(host, port::CONTROL, &[1; 16]);
    let replies: Vec<_> = bench.datagrams(0).iter().map(|d| Control::decode(&d.payload).unwrap().message).collect();
    assert_eq!(replies, [Message::HelloReply(DEVICE), Message::NotUnderstood]);
    for (wanted, got) in [(1472, Some(1472)), (36, Some(36)), (1473, None)] {
        bench.send(host, port::CONTROL, &Control::request(1, Message::Echo(wanted)).encode());
        assert_eq!(bench.datagrams(0).first().map(|d| d.payload.len()), got);
    }
}

#[test]
fn registers_read_what_uhd_must_find() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.0.advance(12_345);
    let mut read = |address, action| bench.ask(host, Message::Register { address, data: 0, action }).map(|(_, message)| message);
    for (address, action, value) in [
        (register::readback_address(rb::COMPATIBILITY), Action::Read, 0x000B_0001),
        (register::readback_address(rb::TIME_LOW), Action::Read, 12_345),
        (register::readback_address(rb::TIME_HIGH), Action::Read, 0xFFFF_FFFF),
        (firmware::MINOR, Action::FirmwareRead, 4),
        (99, Action::FirmwareRead, 0),
        (0xDEAD_BEEF, Action::Read, 0),
    ] {
        assert_eq!(read(address, action), Some(Message::RegisterDone(value)), "{address:#x}");
    }
}

#[test]
fn a_stream_stays_at_its_mac_until_the_destination_is_set_again() {
    let (mut bench, first) = (Bench::new(1), Host::new(0, 1));
    // The same address moves to another server.
    let second = Host { mac: [2, 0, 0, 0, 0, 99], ..first };
    bench.ready(first);
    let stray = |bench: &mut Bench, by| bench.command(by, StreamMode::Stop, None).pop().unwrap().mac;
    assert_eq!(stray(&mut bench, first), first.mac);
    assert_eq!(bench.ask(second, Message::Hello).unwrap().0, second.mac, "control follows at once");
    assert_eq!(stray(&mut bench, second), first.mac, "the framer does not");
    bench.send(second, port::RX0, &[0; 8]);
    assert_eq!(stray(&mut bench, second), second.mac);
}

#[test]
fn the_arp_cache_holds_eight_and_a_miss_leaves_the_askers_mac() {
    let mut bench = Bench::new(1);
    for last in 11..=19 {
        bench.ask(Host::new(0, last), Message::Hello);
    }
    let (asker, forgotten, known) = (Host::new(0, 19), Host::new(0, 11), Host::new(0, 12));
    for (target, answer, mac) in [(known, RESOLVED, known.mac), (forgotten, UNRESOLVED, asker.mac)] {
        bench.send(asker, port::RX0, SetDestination::Named(target.address).encode(&mut [0; 16]));
        let reply = bench.datagrams(0).pop().unwrap();
        assert_eq!(reply.payload, answer.to_be_bytes());
        let stray = bench.command(asker, StreamMode::Stop, None).pop().unwrap();
        assert_eq!((stray.mac, stray.to), (mac, *target.address.ip()));
    }
}

#[test]
fn a_port_that_is_gone_stops_its_stream_and_frees_the_device() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.ask(host, Message::Register { address: firmware::LOCK_TIME, data: 1, action: Action::FirmwareWrite });
    bench.command(host, StreamMode::Continuous, None);
    bench.0.advance(100_000);
    let sent = bench.drain(0);
    assert!(!sent.is_empty());
    // ICMP port unreachable with the headers of the datagram that found nobody.
    let mut icmp = vec![3, 3, 0, 0, 0, 0, 0, 0];
    icmp.extend(&sent[0][14..42]);
    let mut frame = frame::host_udp((host.address, host.mac), (SocketAddrV4::new(DEVICE, 1), Bench::mac(0)), &icmp[8..]);
    frame[23] = 1;
    frame[34..].copy_from_slice(&icmp);
    bench.0.input(0, &frame, None);
    bench.0.advance(1_000_000);
    assert!(bench.drain(0).is_empty());
    let lock = bench.ask(host, Message::Register { address: firmware::LOCK_TIME, data: 0, action: Action::FirmwareRead });
    assert_eq!(lock.unwrap().1, Message::RegisterDone(0));
}

#[test]
fn packets_leave_when_their_last_sample_is_due() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    let packet = 363 * u64::from(DECIMATION);
    bench.ready(host);
    assert!(bench.command(host, StreamMode::Continuous, Some(5_000)).is_empty());
    bench.0.advance(5_000 + packet - 1);
    assert!(bench.drain(0).is_empty());
    assert_eq!(bench.0.due(), 5_000 + packet);
    bench.0.advance(5_000 + packet);
    assert_eq!(heard(&bench.datagrams(0)), [Ok((5_000, 363, false))]);
    // A stop ends the packet under way with the sample under way.
    bench.0.advance(5_000 + packet + 52 * 10 + 1);
    bench.command(host, StreamMode::Stop, None);
    bench.0.advance(1_000_000);
    assert_eq!(heard(&bench.datagrams(0)), [Ok((5_000 + packet, 11, true))]);
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
    let whole = [Ok((250_000, 363, false)), Ok((250_000 + 363 * 52, 37, true))];
    assert_eq!(say(StreamMode::Samples(400), Some(250_000)), whole);
    assert_eq!(say(StreamMode::SamplesAndMore(10), None), [Ok((301_000, 10, true)), Err(RxError::BrokenChain)]);
}

#[test]
fn a_rate_beyond_the_wire_overflows_and_stays_idle() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.poke(host, sr::RX0_DECIMATION, 1);
    bench.poke(host, sr::RX0_SAMPLES, 1);
    bench.drain(0);
    bench.command(host, StreamMode::Continuous, None);
    bench.0.advance(10_000_000);
    assert_eq!(heard(&bench.datagrams(0)), [Err(RxError::Overflow)]);
}

#[test]
fn bursts_are_acknowledged_or_underflow_at_their_tick() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    let samples = [Sample::new(1, 1); 100];
    bench.transmit(host, TxHeader { tick: Some(10_000), end_of_burst: true, ..TxHeader::default() }, &samples);
    bench.0.advance(10_000 + 5_200 - 1);
    assert_eq!(bench.events(host), []);
    bench.0.advance(10_000 + 5_200);
    assert_eq!(bench.events(host), [(TxMessage::BurstAck, 0, 15_200)]);
    bench.transmit(host, TxHeader { sequence: 1, count: 1, tick: Some(20_000), ..TxHeader::default() }, &samples);
    bench.0.advance(1_000_000);
    assert_eq!(bench.events(host), [(TxMessage::Underflow, 1, 25_200)]);
}

#[test]
fn late_and_misnumbered_packets_are_dropped_and_reported() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.poke(host, sr::TX_FLOW_PACKETS, flow_by_packets(2));
    bench.drain(0);
    bench.0.advance(50_000);
    let last = TxHeader { end_of_burst: true, ..TxHeader::default() };
    bench.transmit(host, TxHeader { tick: Some(49_999), ..last }, &[Sample::default()]);
    assert_eq!(bench.events(host), [(TxMessage::Late, 0, 50_000)]);
    bench.transmit(host, TxHeader { sequence: 5, count: 5, ..last }, &[Sample::default()]);
    let update = (TxMessage::FlowControl, 5, 50_000);
    assert_eq!(bench.events(host), [update, (TxMessage::SequenceError, 5, 50_000)]);
    bench.transmit(host, TxHeader { sequence: 6, count: 6, ..last }, &[Sample::default()]);
    bench.0.advance(50_052);
    assert_eq!(bench.events(host), [(TxMessage::BurstAck, 6, 50_052)]);
    // A new stream id counts from 0 again, and flow control says that nothing has come.
    bench.poke(host, sr::TX_STREAM_ID, 2);
    bench.poke(host, sr::TX_FLOW_TIME, register::flow_by_time(100_000));
    bench.drain(0);
    bench.0.advance(150_052);
    assert_eq!(bench.events(host), [(TxMessage::FlowControl, NO_SEQUENCE, 150_052)]);
}

#[test]
fn a_timed_fast_command_holds_back_what_is_behind_it() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    let read = |sequence, at| Command { sequence, at, operation: Operation::Read { word: rb::TIME_LOW } };
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

#[test]
fn each_radio_sets_its_own_time() {
    let (mut bench, host) = (Bench::new(2), Host::new(0, 1));
    bench.ready(host);
    for (register, value) in [(sr::TIME_LOW, 500), (sr::TIME_NOW, 1), (sr::TIME_HIGH, 1)] {
        bench.poke(host, register, value);
    }
    bench.drain(0);
    bench.0.advance(1_000);
    let read = Message::Register { address: register::readback_address(rb::TIME_LOW), data: 0, action: Action::Read };
    assert_eq!(bench.ask(host, read).unwrap().1, Message::RegisterDone(1_500));
    assert_eq!(bench.ask(Host::new(1, 1), read).unwrap().1, Message::RegisterDone(1_000));
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
    let samples: Vec<Sample> = (0..300).map(|n| Sample::new(n * 50, -n * 30)).collect();
    // At this rate the scale register halves what is transmitted, and the host doubles it.
    let doubled: Vec<Sample> = samples.iter().map(|sample| sample * 2).collect();
    bench.transmit(sender, TxHeader { tick: Some(5_200), end_of_burst: true, ..TxHeader::default() }, &doubled);
    // The receiver begins ten samples earlier, a third of a sample off the transmitter's grid.
    bench.command(listener, StreamMode::Samples(363), Some(5_200 - 520 + 17));
    bench.0.advance(100_000);
    let datagram = bench.datagrams(1).pop().unwrap();
    let RxPacket::Data(data) = RxPacket::decode(&datagram.payload).unwrap() else { panic!("no samples") };
    let heard: Vec<Sample> = data.samples().collect();
    let near = |a: i16, b: i16| a.abs_diff(b) <= 1;
    for (n, sample) in heard.iter().enumerate() {
        let sent = n.checked_sub(10).and_then(|n| samples.get(n)).copied().unwrap_or_default();
        assert!(near(sample.re, sent.re) && near(sample.im, sent.im), "sample {n}: {sample} for {sent}");
    }
    // The transmitter does not hear itself, and a receiver tuned elsewhere hears nothing.
    bench.poke(listener, sr::RX0_FREQUENCY, dsp::rx_tuning_word(20e6));
    bench.transmit(sender, TxHeader { sequence: 1, count: 1, tick: Some(200_000), ..TxHeader::default() }, &samples);
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

#[test]
fn radios_are_named_with_their_place() {
    use super::Site;
    let site = |namespace: &str, interface: Option<&str>| Site {
        name: "pool".into(),
        namespace: Some(namespace.into()),
        interface: interface.map(Into::into),
    };
    assert_eq!("pool=n210".parse(), Ok(site("n210", None)));
    assert_eq!("pool@n210/eth1".parse(), Ok(site("n210", Some("eth1"))));
    for wrong in ["pool", "=n210", "pool=", "pool=../x", "pool=a/b/c", "pool=n210/"] {
        assert!(wrong.parse::<Site>().is_err(), "{wrong}");
    }
}

#[test]
fn datagrams_in_one_offloaded_frame_are_taken_apart() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    let hello = Control::request(1, Message::Hello).encode();
    let frame =
        frame::host_udp((host.address, host.mac), (SocketAddrV4::new(DEVICE, port::CONTROL), Bench::mac(0)), &hello.repeat(5));
    bench.0.input(0, &frame, Some(hello.len()));
    assert_eq!(bench.datagrams(0).len(), 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_datagram_stops_the_radio(
        datagrams in prop::collection::vec(
            (prop::sample::select(vec![49152u16, 49154, 49156, 49157, 49158, 49159, 49172, 7]), prop::collection::vec(any::<u8>(), 0..80)),
            0..20,
        ),
        writes in prop::collection::vec((any::<u8>(), any::<u32>()), 0..30),
        noise in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
        bench.ready(host);
        for (register, value) in writes {
            bench.poke(host, register, value);
        }
        for (to, payload) in datagrams {
            bench.send(host, to, &payload);
            let later = bench.0.now() + 10_000;
            bench.0.advance(later);
        }
        bench.0.input(0, &noise, None);
        bench.drain(0);
        prop_assert!(bench.ask(host, Message::Hello).is_some());
    }
}
