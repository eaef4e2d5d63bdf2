//! Images for the flash memory, and what a radio starts with.

use super::*;
use n210_wire::TICKS_PER_SECOND;
use n210_wire::update::LENGTH;

const FIRMWARE_AT: u32 = 0x30_0000;

/// A request with a page of data.
fn request(id: u8, address: u32, length: u32, data: u8) -> [u8; LENGTH] {
    let mut packet = [data; LENGTH];
    n210_wire::put(&mut packet, &[12, id.into(), 0, address, length]);
    packet
}

/// Id and what lies behind it of the reply; none if there is none.
fn ask(bench: &mut Bench, host: Host, packet: &[u8]) -> Option<(u8, Vec<u8>)> {
    bench.send(host, port::UPDATE, packet);
    let reply = bench.datagrams(host.radio).pop()?;
    assert_eq!((reply.ports, reply.payload.len()), ((port::UPDATE, host.address.port()), LENGTH));
    Some((reply.payload[7], reply.payload[12..].to_vec()))
}

fn id(bench: &mut Bench, host: Host, id: u8, address: u32, length: u32) -> Option<u8> {
    ask(bench, host, &request(id, address, length, 0x55)).map(|(id, _)| id)
}

#[test]
fn an_image_is_erased_written_and_read() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    let (reply, body) = ask(&mut bench, host, &request(b'v', 0, 0, 0)).unwrap();
    assert_eq!((reply, &body[..4]), (b'V', &[0, 0, 0x11, 0x0A][..]));
    let (reply, body) = ask(&mut bench, host, &request(b'f', 0, 0, 0)).unwrap();
    assert_eq!((reply, &body[..8]), (b'F', &[0, 1, 0, 0, 0, 0x40, 0, 0][..]));
    // Two sectors.
    assert_eq!(id(&mut bench, host, b'e', FIRMWARE_AT, 0x1_0001), Some(b'E'));
    let mut polls = Vec::new();
    for _ in 0..4 {
        polls.push(id(&mut bench, host, b'd', 0, 0).unwrap());
        let next = bench.0.now() + TICKS_PER_SECOND * 6 / 10;
        bench.0.advance(next);
        bench.drain(0);
    }
    assert_eq!(polls, *b"BBDD");
    assert_eq!(id(&mut bench, host, b'w', FIRMWARE_AT, 100), Some(b'W'));
    let (reply, body) = ask(&mut bench, host, &request(b'r', FIRMWARE_AT, 256, 0)).unwrap();
    assert_eq!((reply, &body[8..108], &body[108..264]), (b'R', &[0x55; 100][..], &[0xFF; 156][..]));
    for wrong in [&request(b'x', 0, 0, 0)[..], &request(b'v', 0, 0, 0)[..275], &[]] {
        assert_eq!(ask(&mut bench, host, wrong).map(|(id, _)| id), Some(b' '));
    }
}

#[test]
fn a_reset_starts_what_is_in_the_flash_memory() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.0.advance(1_000);
    assert_eq!(id(&mut bench, host, b's', 0, 0), None, "a reply would say that the reset has failed");
    // It has forgotten its time, and the firmware looks at the EEPROM's addresses.
    let time = Message::Register { address: register::readback_address(rb::TIME_LOW), data: 0, action: Action::Read };
    bench.drain(0);
    assert_eq!(bench.ask(host, time).unwrap().1, Message::RegisterDone(0));
    assert_eq!(id(&mut bench, host, b'e', FIRMWARE_AT, 1), Some(b'E'));
    bench.send(host, port::UPDATE, &request(b's', 0, 0, 0));
    // Nothing is heard of the safe firmware's address but what it says of itself: it has the MAC of no EEPROM.
    let [announced] = &bench.drain(0)[..] else { panic!("one ARP request") };
    assert_eq!((&announced[6..12], &announced[28..32]), (&[0x00, 0x50, 0xC2, 0x85, 0x3F, 0xFF][..], &[192, 168, 10, 2][..]));
}

#[test]
fn a_hello_stops_what_streams() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.command(host, StreamMode::Continuous, None);
    let streams = |bench: &mut Bench| {
        let later = bench.0.now() + TICKS_PER_SECOND / 100;
        bench.0.advance(later);
        bench.datagrams(0).iter().any(|datagram| datagram.ports.0 == port::RX0)
    };
    assert!(streams(&mut bench));
    assert_eq!(id(&mut bench, host, b'a', 0, 0), Some(b'A'));
    assert!(!streams(&mut bench));
}

#[test]
fn a_recovery_frame_gives_the_address_of_the_next_start() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    let frame = |to: [u8; 6], word: &[u8]| [&to[..], &[0xFF; 6], &[0xBE, 0xEE], word, &[192, 168, 10, 77]].concat();
    for (frame, told) in [
        (frame([2; 6], b"addr"), DEVICE),
        (frame([0xFF; 6], b"adda"), DEVICE),
        (frame([0xFF; 6], b"addr")[..21].to_vec(), DEVICE),
        (frame([0xFF; 6], b"addr"), Ipv4Addr::new(192, 168, 10, 77)),
    ] {
        bench.0.input(0, &frame, None);
        // It answers where it did, and says what it will be.
        assert_eq!(bench.ask(host, Message::Hello).unwrap().1, Message::HelloReply(told));
    }
    bench.send(host, port::UPDATE, &request(b's', 0, 0, 0));
    assert_eq!(bench.drain(0)[0][28..32], [192, 168, 10, 77]);
    assert_eq!(bench.ask(host, Message::Hello), None, "nobody is at the old address");
}
