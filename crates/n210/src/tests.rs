//! The device on frames: hosts at its wire, and what they see.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::air::medium::{Medium, Path};
use crate::board::eeprom::RadioIdentity;
use crate::ethernet::frame::{self, Mac, UDP_HEADERS};
use crate::world::World;
use n210_wire::control::{Action, Control, Message};
use n210_wire::register::{self, RX_HEADER_TEMPLATE, StreamCommand, StreamMode};
use n210_wire::stream_rx::RxError;
use n210_wire::stream_tx::{TxHeader, TxMessage};
use n210_wire::{RxPacket, Sample, TxEvent, dsp, port, rb, sr};

mod boards;
mod control;
mod destinations;
mod fast;
mod faults;
mod front_ends;
mod gpsdo;
mod streams;
mod timing;
mod transmit;
mod update;

const DEVICE: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 2);
/// 100e6 / 52: the rate of the lab.
const DECIMATION: u32 = 52;
/// Ticks from the start of a stream to its first time stamp, at that rate.
const FIRST: u64 = 74;
/// Ticks from a command to the earliest start.
const COMMAND: u64 = 4;

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

/// A frame without what fills it up to 60 bytes.
fn unpadded(frame: &[u8]) -> &[u8] {
    assert!(frame.len() >= 60);
    match frame[12..14] {
        [8, 0] => &frame[..14 + usize::from(u16::from_be_bytes([frame[16], frame[17]]))],
        _ => &frame[..42],
    }
}

struct Bench(World);

impl Bench {
    fn new(radios: usize) -> Self {
        let identities = (0..radios).map(|n| RadioIdentity::new(&format!("radio{n}"), DEVICE)).collect();
        // Noise far below the last bit.
        Self(World::new(identities, Medium { path: Path::default(), noise_dbfs: -200.0, seed: 1 }))
    }

    fn mac(radio: usize) -> Mac {
        RadioIdentity::new(&format!("radio{radio}"), DEVICE).mac
    }

    fn drain(&mut self, radio: usize) -> Vec<Vec<u8>> {
        let out = self.0.outbox(radio).unwrap();
        let frames = out.frames().map(|frame| unpadded(frame).to_vec()).collect();
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

    /// Writes registers, and forgets the answers to that.
    fn set(&mut self, host: Host, registers: &[(u8, u32)]) {
        for (register, value) in registers {
            self.poke(host, *register, *value);
        }
        self.drain(host.radio);
    }

    /// Writes a stream command to chain 0 and keeps what the stream says to it, without the acknowledgements of the control port.
    fn command(&mut self, host: Host, mode: StreamMode, at: Option<u64>) -> Vec<Datagram> {
        self.command_words(host, 0, StreamCommand { mode, at }.words())
    }

    /// The same for any words and chain 1 as well, whose registers are `offset` higher.
    fn command_words(&mut self, host: Host, offset: u8, words: [u32; 3]) -> Vec<Datagram> {
        for (register, value) in (sr::RX0_COMMAND + offset..).zip(words) {
            self.poke(host, register, value);
        }
        self.streams(host.radio)
    }

    /// What streams have said, without the answers of the control port.
    fn streams(&mut self, radio: usize) -> Vec<Datagram> {
        let mut said = self.datagrams(radio);
        said.retain(|datagram| datagram.ports.0 != port::CONTROL);
        said
    }

    /// Lets so many ticks pass.
    fn pass(&mut self, ticks: u64) {
        let later = self.0.now() + ticks;
        self.0.advance(later);
    }

    /// Reads a readback word on the control port.
    fn peek(&mut self, host: Host, word: u8) -> u32 {
        let message = Message::Register { address: register::readback_address(word), data: 0, action: Action::Read };
        match self.ask(host, message) {
            Some((_, Message::RegisterDone(value))) => value,
            other => panic!("{other:?}"),
        }
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
            (sr::RX0_HEADER + sr::RX1_OFFSET, RX_HEADER_TEMPLATE),
            (sr::RX0_STREAM_ID + sr::RX1_OFFSET, 4),
            (sr::RX0_DECIMATION + sr::RX1_OFFSET, rx),
            (sr::RX0_DECIMATION, rx),
            (sr::RX0_SCALE, dsp::scale_word(dsp::Direction::Receive, rx).0),
            (sr::TX_STREAM_ID, 2),
            (sr::TX_UNDERFLOW_POLICY, register::NEXT_PACKET),
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
