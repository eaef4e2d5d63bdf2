//! The control port, the clock, and what no datagram may do.

use super::*;
use n210_wire::register::firmware;
use proptest::prelude::*;

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
    for (wanted, got) in [(1472, Some(1472)), (36, Some(36)), (2000, Some(2000)), (2001, None)] {
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

#[test]
fn the_time_is_loaded_at_once_or_at_the_next_pulse() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    let second = 100_000_000;
    bench.0.advance(second / 2);
    bench.set(host, &[(sr::TIME_LOW, 7_000), (sr::TIME_NOW, 0), (sr::TIME_HIGH, 0)]);
    bench.0.advance(second - 1);
    assert_eq!(bench.peek(host, rb::TIME_LOW), 99_999_999);
    bench.0.advance(second + 5);
    assert_eq!(bench.peek(host, rb::TIME_LOW), 7_005);
    // The low word is taken when the pulse comes, and one pulse loads once.
    bench.set(host, &[(sr::TIME_HIGH, 0), (sr::TIME_LOW, 9_000)]);
    bench.0.advance(2 * second + 5);
    assert_eq!(bench.peek(host, rb::TIME_LOW), 9_005);
    bench.0.advance(3 * second + 5);
    assert_eq!(bench.peek(host, rb::TIME_LOW), 100_009_005);
    // "At once" also loads what waits for a pulse.
    bench.set(host, &[(sr::TIME_LOW, 1), (sr::TIME_HIGH, 0), (sr::TIME_NOW, 1)]);
    assert_eq!(bench.peek(host, rb::TIME_LOW), 1);
    bench.set(host, &[(sr::TIME_LOW, 2), (sr::TIME_NOW, 1)]);
    assert_eq!(bench.peek(host, rb::TIME_LOW), 1);
}

#[test]
fn firmware_registers_keep_what_is_written() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    for address in 0..8 {
        let data = 0x1234_0000 + address;
        bench.ask(host, Message::Register { address, data, action: Action::FirmwareWrite });
        let read = bench.ask(host, Message::Register { address, data: 0, action: Action::FirmwareRead });
        assert_eq!(read.unwrap().1, Message::RegisterDone(data));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Alien frames, whole or as segments, at any length of header and segment.
    #[test]
    fn no_frame_stops_the_radio(
        frames in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..200), any::<Option<u16>>(), 0usize..5), 0..20),
    ) {
        let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
        bench.ready(host);
        for (mut bytes, segment, kind) in frames {
            // From nothing right to everything but the payload.
            let good = frame::host_udp(
                (host.address, host.mac),
                (SocketAddrV4::new(DEVICE, [port::CONTROL, port::RX0, port::TX, port::FAST, port::RX1][kind]), Bench::mac(0)),
                &vec![0x5A; bytes.len().saturating_sub(UDP_HEADERS)],
            );
            let right = [0, 12, 14, 34, 42][kind].min(bytes.len());
            bytes[..right].copy_from_slice(&good[..right]);
            bench.0.input(0, &bytes, segment.map(usize::from));
            bench.pass(20_000);
        }
        bench.drain(0);
        prop_assert!(bench.ask(host, Message::Hello).is_some());
    }
}
