//! Where streams and answers go: ARP, the framer, redirected streams, ports that are gone.

use super::*;
use n210_wire::destination::{RESOLVED, SetDestination, UNRESOLVED};
use n210_wire::register::firmware;

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
fn a_stream_stays_at_its_mac_until_the_destination_is_set_again() {
    let (mut bench, first) = (Bench::new(1), Host::new(0, 1));
    // The same address moves to another server.
    let second = Host { mac: [2, 0, 0, 0, 0, 99], ..first };
    bench.ready(first);
    let stray = |bench: &mut Bench, by| bench.command(by, StreamMode::Stop, None).pop().unwrap().mac;
    assert_eq!(stray(&mut bench, first), first.mac);
    assert_eq!(bench.ask(second, Message::Hello).unwrap().0, second.mac, "control follows at once");
    assert_eq!(stray(&mut bench, second), first.mac, "the framer does not");
    bench.0.input(0, &arp(2, (*second.address.ip(), second.mac), DEVICE), None);
    assert_eq!(stray(&mut bench, second), first.mac, "nor for an ARP reply");
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
fn a_port_that_is_gone_stops_its_own_chain_only() {
    for (gone, other) in [(port::RX0, port::RX1), (port::RX1, port::RX0)] {
        let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
        bench.ready(host);
        for offset in [0, sr::RX1_OFFSET] {
            bench.command_words(host, offset, StreamCommand { mode: StreamMode::Continuous, at: None }.words());
        }
        bench.pass(100_000);
        let sent = bench.drain(0);
        let lost = sent.iter().find(|frame| frame[34..36] == gone.to_be_bytes()).unwrap();
        let mut icmp = vec![3, 3, 0, 0, 0, 0, 0, 0];
        icmp.extend(&lost[14..42]);
        let mut frame = frame::host_udp((host.address, host.mac), (SocketAddrV4::new(DEVICE, 1), Bench::mac(0)), &icmp[8..]);
        frame[23] = 1;
        frame[34..].copy_from_slice(&icmp);
        bench.0.input(0, &frame, None);
        bench.pass(100_000);
        let from: Vec<u16> = bench.streams(0).iter().map(|datagram| datagram.ports.0).collect();
        assert!(!from.is_empty() && from.iter().all(|from| *from == other), "{gone}: {from:?}");
    }
}

#[test]
fn datagrams_to_another_address_are_not_for_the_radio() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    let hello = Control::request(1, Message::Hello).encode();
    let mut answers = |to: Ipv4Addr, mac| {
        bench.0.input(0, &frame::host_udp((host.address, host.mac), (SocketAddrV4::new(to, port::CONTROL), mac), &hello), None);
        bench.datagrams(0).len()
    };
    assert_eq!(answers(Ipv4Addr::new(192, 168, 10, 3), Bench::mac(0)), 0);
    assert_eq!((answers(DEVICE, Bench::mac(0)), answers(Ipv4Addr::BROADCAST, [0xFF; 6])), (1, 1));
}

/// The firmware receives broadcasts and the FPGA does not; a stream that was led so comes from the address that was asked.
#[test]
fn broadcasts_are_the_firmwares() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    let all = Ipv4Addr::new(192, 168, 10, 255);
    let broadcast = |bench: &mut Bench, to, payload: &[u8]| {
        let frame = frame::host_udp((host.address, host.mac), (SocketAddrV4::new(all, to), [0xFF; 6]), payload);
        bench.0.input(0, &frame, None);
    };
    let mut packet = [0; 1472];
    let last = TxHeader { end_of_burst: true, ..TxHeader::default() };
    let length = last.encode(&[Sample::default()], &mut packet).unwrap();
    broadcast(&mut bench, port::TX, &packet[..length]);
    bench.pass(1_000);
    assert!(bench.datagrams(0).iter().all(|datagram| datagram.ports.0 != port::TX || datagram.payload.len() == 4));
    broadcast(&mut bench, port::RX0, &[0; 8]);
    bench.drain(0);
    for (register, value) in (sr::RX0_COMMAND..).zip(StreamCommand { mode: StreamMode::Stop, at: None }.words()) {
        bench.poke(host, register, value);
    }
    let frames = bench.drain(0);
    let stray = frames.iter().find(|frame| frame[34..36] == port::RX0.to_be_bytes()).unwrap();
    assert_eq!((&stray[26..30], &stray[30..34]), (&all.octets()[..], &host.address.ip().octets()[..]));
}

#[test]
fn each_stream_has_its_own_destination() {
    let mut bench = Bench::new(1);
    let hosts: Vec<Host> = (1..=4).map(|last| Host::new(0, last)).collect();
    bench.ready(hosts[0]);
    for (host, to) in hosts.iter().zip([port::RX0, port::RX1, port::TX, port::FAST]) {
        bench.send(*host, to, &[0; 8]);
    }
    bench.set(hosts[0], &[(sr::TX_FLOW_TIME, register::flow_by_time(20_000))]);
    bench.command(hosts[3], StreamMode::Stop, None);
    bench.command_words(hosts[3], sr::RX1_OFFSET, StreamCommand { mode: StreamMode::Samples(1), at: Some(1_000) }.words());
    bench.send(hosts[0], port::FAST, &[0, 0, 0, 1, 0x40, 1, 0, 3, 0, 1, 0, 13, 0, 0, 0, 0]);
    bench.command(hosts[3], StreamMode::Samples(1), Some(1_000));
    bench.0.advance(30_000);
    for datagram in bench.streams(0) {
        let owner = [port::RX0, port::RX1, port::TX, port::FAST].iter().position(|from| *from == datagram.ports.0).unwrap();
        assert_eq!((datagram.mac, datagram.to, datagram.ports.1), (hosts[owner].mac, *hosts[owner].address.ip(), 5000));
    }
}

#[test]
fn an_address_beyond_the_network_is_reached_by_the_gateway() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 7));
    let gateway = Host::new(0, 1);
    let far = SocketAddrV4::new(Ipv4Addr::new(10, 1, 2, 3), 77);
    bench.ready(host);
    bench.send(host, port::RX0, SetDestination::Named(far).encode(&mut [0; 16]));
    let frames = bench.drain(0);
    assert_eq!((&frames[0][12..14], &frames[0][38..42]), (&[8, 6][..], &gateway.address.ip().octets()[..]));
    bench.ask(gateway, Message::Hello);
    bench.send(host, port::RX0, SetDestination::Named(far).encode(&mut [0; 16]));
    assert_eq!(bench.datagrams(0).pop().unwrap().payload, RESOLVED.to_be_bytes());
    let stray = bench.command(host, StreamMode::Stop, None).pop().unwrap();
    assert_eq!((stray.mac, stray.to, stray.ports.1), (gateway.mac, *far.ip(), 77));
}

#[test]
fn the_framers_words_may_be_written_and_lead_a_stream_to_a_group() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    let (group, mac) = (Ipv4Addr::new(239, 1, 2, 3), [1, 0, 0x5E, 1, 2, 3]);
    let own = Bench::mac(0);
    let half = |high: u8, low: u8| u32::from(high) << 8 | u32::from(low);
    let (source, target) = (DEVICE.to_bits(), group.to_bits());
    let sum = 0x4500 + 0x4000 + 0x2011 + (source >> 16) + (source & 0xFFFF) + (target >> 16) + (target & 0xFFFF);
    let words = [
        half(mac[0], mac[1]),
        u32::from_be_bytes([mac[2], mac[3], mac[4], mac[5]]),
        u32::from_be_bytes([own[0], own[1], own[2], own[3]]),
        half(own[4], own[5]) << 16 | 0x0800,
        0x4500_0000,
        0x0000_4000,
        0x2011_0000 | u32::from(frame::fold(sum)),
        source,
        target,
        (u32::from(port::RX0) << 16) | 6000,
        0,
    ];
    for (n, word) in words.into_iter().enumerate() {
        bench.set(host, &[(sr::FRAMER + 1 + n as u8, word)]);
    }
    let stray = bench.command(host, StreamMode::Stop, None).pop().unwrap();
    assert_eq!((stray.mac, stray.to, stray.ports), (mac, group, (port::RX0, 6000)));
}

#[test]
fn a_transmit_port_that_is_gone_ends_updates_by_time_with_a_last_one() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    bench.ready(host);
    bench.ask(host, Message::Register { address: firmware::LOCK_TIME, data: 1, action: Action::FirmwareWrite });
    bench.set(host, &[(sr::TX_FLOW_TIME, register::flow_by_time(20_000))]);
    bench.0.advance(30_000);
    let sent = bench.drain(0).remove(0);
    let mut icmp = vec![3, 3, 0, 0, 0, 0, 0, 0];
    icmp.extend(&sent[14..42]);
    let mut frame = frame::host_udp((host.address, host.mac), (SocketAddrV4::new(DEVICE, 1), Bench::mac(0)), &icmp[8..]);
    frame[23] = 1;
    frame[34..34 + icmp.len()].copy_from_slice(&icmp);
    bench.0.input(0, &frame, None);
    bench.0.advance(1_000_000);
    assert_eq!(bench.events(host), [(TxMessage::FlowControl, n210_wire::stream_tx::NO_SEQUENCE, 30_000)]);
    let lock = bench.ask(host, Message::Register { address: firmware::LOCK_TIME, data: 0, action: Action::FirmwareRead });
    assert_eq!(lock.unwrap().1, Message::RegisterDone(0));
}

#[test]
fn fragments_options_and_odd_lengths_are_dropped_and_checksums_not_looked_at() {
    let (mut bench, host) = (Bench::new(1), Host::new(0, 1));
    let hello = Control::request(1, Message::Hello).encode();
    let good = frame::host_udp((host.address, host.mac), (SocketAddrV4::new(DEVICE, port::CONTROL), Bench::mac(0)), &hello);
    for (at, value, answered) in [
        (14, 0x45, true),
        // More fragments follow; a later fragment; a header of six words.
        (20, 0x20, false),
        (21, 1, false),
        (14, 0x46, false),
        // The length of UDP; checksums of IP and UDP; another MAC; another protocol.
        (39, 43, false),
        (24, 0x55, true),
        (40, 0x55, true),
        (5, 0x55, false),
        (23, 6, false),
    ] {
        let mut frame = good.clone();
        frame[at] = value;
        bench.0.input(0, &frame, None);
        assert_eq!(bench.datagrams(0).len(), usize::from(answered), "byte {at} = {value:#x}");
    }
}

#[test]
fn the_wire_being_up_is_told_to_everyone() {
    let mut bench = Bench::new(1);
    bench.0.link_up();
    let frame = bench.drain(0).remove(0);
    assert_eq!((&frame[..6], &frame[12..14], frame[21]), (&[0xFF; 6][..], &[8, 6][..], 1));
    assert_eq!((&frame[28..32], &frame[38..42]), (&DEVICE.octets()[..], &DEVICE.octets()[..]));
}
