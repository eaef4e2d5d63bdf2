//! A second N210 client, on plain UDP sockets, that shares nothing with baton's own codec: both cannot be wrong together.
//!
//! Numbers are those of docs/n210-protocol.md, written out here once more.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::net::UdpSocket;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};

use super::wire::inside;

pub const CONTROL: u16 = 49152;
pub const RX: [u16; 2] = [49156, 49158];
pub const TX: u16 = 49157;
pub const FAST: u16 = 49159;

/// An answer that is not there by then does not come.
const SOON: Duration = Duration::from_secs(5);

/// Ticks in a sample, both ways: 1 Msps.
pub const DECIMATION: u64 = 100;

/// Ticks from the start of a stream at that rate to its first time stamp, as the device's logic has them.
pub const FIRST_STAMP: u64 = 122;

/// Ticks in a second.
pub const SECOND: u64 = 100_000_000;

/// A socket that is connected to one port of the device.
pub struct Line(pub UdpSocket);

impl Line {
    /// Opens one in a namespace.
    pub fn open(namespace: &str, port: u16) -> Self {
        Self::open_from(namespace, 0, port)
    }

    /// Opens one at a port of the host's choice.
    pub fn open_from(namespace: &str, own: u16, port: u16) -> Self {
        let socket = inside(namespace, || {
            let socket = UdpSocket::bind(("0.0.0.0", own)).unwrap();
            socket.connect(("192.168.10.2", port)).unwrap();
            socket
        });
        socket.set_read_timeout(Some(SOON)).unwrap();
        setsockopt(&socket, RcvBufForce, &(64 << 20)).unwrap();
        Self(socket)
    }

    pub fn send(&self, payload: &[u8]) {
        self.0.send(payload).unwrap();
    }

    /// The 8-byte packet: "to me".
    pub fn take(&self) {
        self.send(&[0; 8]);
    }

    /// The next datagram, or none within `patience`.
    pub fn receive_within(&self, patience: Duration) -> Option<Vec<u8>> {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let mut datagram = vec![0; 2000];
        let length = self.0.recv(&mut datagram).ok()?;
        datagram.truncate(length);
        Some(datagram)
    }

    pub fn receive(&self) -> Vec<u8> {
        self.receive_within(SOON).expect("a datagram")
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[4 * at..4 * at + 4].try_into().unwrap())
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) << 32 | u64::from(word(bytes, at + 1))
}

/// The control port.
pub struct Control {
    line: Line,
    sequence: Cell<u32>,
}

impl Control {
    pub fn open(namespace: &str) -> Self {
        Self { line: Line::open(namespace, CONTROL), sequence: Cell::new(100) }
    }

    fn ask(&self, id: u8, answer: u8, body: &[u8]) -> Vec<u8> {
        let sequence = self.sequence.get() + 1;
        self.sequence.set(sequence);
        let mut request = [0; 36];
        request[..4].copy_from_slice(&12_u32.to_be_bytes());
        request[7] = id;
        request[8..12].copy_from_slice(&sequence.to_be_bytes());
        request[12..12 + body.len()].copy_from_slice(body);
        self.line.send(&request);
        loop {
            let reply = self.line.receive();
            assert_eq!((reply.len(), word(&reply, 0)), (36, 12));
            if word(&reply, 2) == sequence {
                assert_eq!(reply[7], answer, "to a request `{}`", char::from(id));
                return reply;
            }
        }
    }

    /// Says hello: from now on the device knows this host's MAC.
    pub fn hello(&self) {
        self.ask(b'a', b'A', &[]);
    }

    fn access(&self, action: u8, address: u32, data: u32) -> u32 {
        let mut body = [0; 9];
        body[..4].copy_from_slice(&address.to_be_bytes());
        body[4..8].copy_from_slice(&data.to_be_bytes());
        body[8] = action;
        word(&self.ask(b'r', b'R', &body), 4)
    }

    /// Writes a setting register.
    pub fn poke(&self, register: u32, value: u32) {
        self.access(3, 0x7000 + 4 * register, value);
    }

    /// Reads a readback word.
    pub fn peek(&self, word: u32) -> u32 {
        self.access(1, 0x5C00 + 4 * word, 0)
    }

    /// Reads a register of the firmware.
    pub fn firmware(&self, index: u32) -> u32 {
        self.access(5, index, 0)
    }

    /// Transmit and fast control packets reach the FPGA from now on.
    pub fn route(&self) {
        self.poke(18, 0xC007_C005);
    }

    /// Sets up a receive chain for sc16 at [`DECIMATION`], tuned to 0.
    pub fn prepare_rx(&self, chain: u32) {
        let (control, dsp) = (48 * chain, 48 * chain);
        for (register, value) in [(40, 0), (36, 0x1410_0000), (37, 3 + chain), (38, 0), (35, 0), (39, 363)] {
            self.poke(register + control, value);
        }
        for (register, value) in [(48, 0), (49, 0x1_A07B), (50, 0x319), (51, 0)] {
            self.poke(register + dsp, value);
        }
    }

    /// Gives a receive chain a command: at once, or at a tick.
    pub fn command(&self, chain: u32, command: u32, at: Option<u64>) {
        let base = 32 + 48 * chain;
        let tick = at.unwrap_or(0);
        self.poke(base, command | if at.is_none() { 0x8000_0000 } else { 0 });
        self.poke(base + 1, (tick >> 32) as u32);
        self.poke(base + 2, tick as u32);
    }

    pub fn start(&self, chain: u32, at: Option<u64>) {
        self.command(chain, 0x6000_0001, at);
    }

    pub fn stop(&self, chain: u32) {
        self.command(chain, 0x1000_0001, None);
    }

    /// Device time now, of which a chain's packet of one sample tells the upper half.
    pub fn time(&self, chain: u32, line: &Line) -> u64 {
        self.command(chain, 1, None);
        let tick = RxPacket::of(&line.receive()).tick;
        self.poke(37 + 48 * chain, 3 + chain);
        tick
    }

    /// Sets up the transmit chain at [`DECIMATION`], tuned to 0, its next packet having the number 0.
    pub fn prepare_tx(&self) {
        self.route();
        for (register, value) in [(144, 1), (144, 0), (146, 2), (147, 2), (148, 0x804C_4B40), (149, 0x8000_0059)] {
            self.poke(register, value);
        }
        for (register, value) in [(160, 0), (161, 0x1_4560), (162, 0x319), (145, 0), (132, 0x10)] {
            self.poke(register, value);
        }
    }
}

/// What a receive chain sends.
#[derive(Debug, Clone, PartialEq)]
pub struct RxPacket {
    pub stream: u32,
    pub count: u32,
    pub tick: u64,
    pub samples: Vec<(i16, i16)>,
    pub last: bool,
    /// Of a packet without samples: what went wrong.
    pub error: Option<u32>,
}

impl RxPacket {
    /// Takes a packet to pieces; anything that is not as it must be ends the test.
    pub fn of(packet: &[u8]) -> Self {
        let head = word(packet, 0);
        let words = head as usize & 0xFFFF;
        assert_eq!(words * 4, packet.len(), "the length in {head:#010x}");
        let (stream, tick, count) = (word(packet, 1), long(packet, 2), head >> 16 & 15);
        if head >> 28 == 5 {
            assert_eq!((head & 0x0FF0_FFFF, words), (0x0010_0005, 5), "{head:#010x}");
            return Self { stream, count, tick, samples: Vec::new(), last: false, error: Some(word(packet, 4)) };
        }
        assert_eq!(head & 0xFFF0_0000, 0x1410_0000, "{head:#010x}");
        let trailer = word(packet, words - 1);
        assert!(matches!(trailer, 0x0010_0000 | 0x0010_0100), "{trailer:#010x}");
        let samples = packet[16..packet.len() - 4].chunks_exact(4);
        let samples = samples.map(|s| (i16::from_be_bytes([s[0], s[1]]), i16::from_be_bytes([s[2], s[3]]))).collect();
        Self { stream, count, tick, samples, last: trailer & 0x100 != 0, error: None }
    }

    /// The same of a packet that may come from before a program has set the chain up: at make() UHD asks for one sample, to flush, and
    /// what is sent then has the header of power-up.
    pub fn of_a_chain_set_up(packet: &[u8]) -> Option<Self> {
        (word(packet, 0) & 0x1000_0000 != 0).then(|| Self::of(packet))
    }

    /// Whether `next` is the packet after this one in a stream of this decimation.
    pub fn leads_to(&self, next: &Self) -> bool {
        self.error.is_none()
            && next.error.is_none()
            && next.stream == self.stream
            && next.count == (self.count + 1) & 15
            && next.tick == self.tick + self.samples.len() as u64 * DECIMATION
    }
}

/// Packets that follow one another without a break, or the test ends.
pub fn assert_unbroken(packets: &[RxPacket]) {
    for pair in packets.windows(2) {
        let [before, after] = pair else { continue };
        assert!(
            before.leads_to(after),
            "count {} tick {} samples {}, then count {} tick {} error {:?}",
            before.count,
            before.tick,
            before.samples.len(),
            after.count,
            after.tick,
            after.error
        );
    }
}

/// A transmit packet; its two counters run in step.
pub fn tx_packet(sequence: u32, at: Option<u64>, end: bool, samples: &[(i16, i16)]) -> Vec<u8> {
    let words = 2 + samples.len() as u32 + if at.is_some() { 2 } else { 0 };
    let flags = if end { 0x0100_0000 } else { 0 } | if at.is_some() { 0x0010_0000 } else { 0 };
    let mut packet = sequence.to_be_bytes().to_vec();
    packet.extend((0x0400_0000 | flags | (sequence & 15) << 16 | words).to_be_bytes());
    packet.extend(at.into_iter().flat_map(u64::to_be_bytes));
    packet.extend(samples.iter().flat_map(|(i, q)| [i.to_be_bytes(), q.to_be_bytes()]).flatten());
    packet.extend(0x00C0_0000_u32.to_be_bytes());
    packet
}

/// What the transmit chain says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    pub tick: u64,
    /// 0 is flow control.
    pub code: u32,
    /// Last sequence number that reached the transmitter.
    pub reached: u32,
}

pub const BURST_ACK: u32 = 1;
pub const UNDERFLOW: u32 = 2;
pub const SEQUENCE: u32 = 4;
pub const LATE: u32 = 8;

impl Event {
    pub fn of(packet: &[u8]) -> Self {
        assert_eq!((packet.len(), word(packet, 0) & 0xFFF0_FFFF, word(packet, 1)), (24, 0x5010_0006, 2));
        Self { tick: long(packet, 2), code: word(packet, 4) & 0xFF, reached: word(packet, 5) }
    }

    /// The next that is no flow control.
    pub fn next(line: &Line) -> Self {
        loop {
            let event = Self::of(&line.receive());
            if event.code != 0 {
                return event;
            }
        }
    }
}
