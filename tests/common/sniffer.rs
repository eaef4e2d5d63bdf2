//! What passes the interfaces of a namespace, as frames in the order in which they passed.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket, sockopt::RcvBufForce};

use super::wire::inside;

/// The kernel keeps so much of what has not been read: seconds of a stream.
const BUFFER: usize = 512 << 20;

/// A packet socket on all interfaces of a namespace. Frames wait in the kernel until they are asked for.
pub struct Sniffer(OwnedFd);

/// An Ethernet frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(pub Vec<u8>);

/// What of a frame is a UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    pub from: (Ipv4Addr, u16),
    pub to: (Ipv4Addr, u16),
    pub payload: &'a [u8],
}

const HEADERS: usize = 42;

impl Sniffer {
    pub fn in_namespace(namespace: &str) -> Self {
        let socket = inside(namespace, || {
            socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll).expect("a packet socket")
        });
        setsockopt(&socket, RcvBufForce, &BUFFER).expect("room for frames");
        Self(socket)
    }

    /// The next frame, if one is there within `patience`.
    pub fn within(&self, patience: Duration) -> Option<Frame> {
        let timeout = PollTimeout::try_from(patience).expect("short");
        let ready = poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], timeout).expect("polls");
        if ready == 0 {
            return None;
        }
        let mut frame = vec![0; 65_600];
        let length = recv(self.0.as_raw_fd(), &mut frame, MsgFlags::empty()).ok()?;
        frame.truncate(length);
        Some(Frame(frame))
    }

    /// Takes frames up to and with the first that is as `wanted`.
    pub fn until(&self, what: &str, wanted: impl Fn(&Frame) -> bool) -> Vec<Frame> {
        let since = Instant::now();
        let mut frames = Vec::new();
        while since.elapsed() < Duration::from_secs(20) {
            frames.extend(self.within(Duration::from_secs(1)));
            if frames.last().is_some_and(&wanted) {
                return frames;
            }
        }
        panic!("there was no {what} within 20 s, but {} other frames", frames.len());
    }

    /// All frames that have come.
    pub fn drain(&self) -> Vec<Frame> {
        std::iter::from_fn(|| self.within(Duration::ZERO)).collect()
    }
}

impl Frame {
    pub fn target_mac(&self) -> &[u8] {
        &self.0[..6]
    }

    pub fn udp(&self) -> Option<Datagram<'_>> {
        let frame = &self.0;
        if frame.len() < HEADERS || frame[12..15] != [8, 0, 0x45] || frame[23] != 17 {
            return None;
        }
        let number = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
        let ip = |at: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&frame[at..at + 4]).unwrap());
        let length = usize::from(number(38)) - 8;
        Some(Datagram { from: (ip(26), number(34)), to: (ip(30), number(36)), payload: &frame[HEADERS..HEADERS + length] })
    }

    /// Payload of a datagram that the device sent from a port.
    pub fn sent_from(&self, port: u16) -> Option<&[u8]> {
        self.udp().filter(|udp| udp.from.1 == port && udp.from.0 == Ipv4Addr::new(192, 168, 10, 2)).map(|udp| udp.payload)
    }

    /// Payload of a datagram to a port of the device.
    pub fn sent_to(&self, port: u16) -> Option<&[u8]> {
        self.udp().filter(|udp| udp.to.1 == port && udp.to.0 == Ipv4Addr::new(192, 168, 10, 2)).map(|udp| udp.payload)
    }

    /// Whether it is an ICMP "port unreachable".
    pub fn is_unreachable(&self) -> bool {
        self.0.len() > HEADERS && self.0[12..14] == [8, 0] && self.0[23] == 1 && self.0[34..36] == [3, 3]
    }

    /// The same with other payload; the checksums follow.
    pub fn with_payload(&self, payload: &[u8]) -> Self {
        let mut frame = self.0[..HEADERS].to_vec();
        frame.extend(payload);
        frame[16..18].copy_from_slice(&((payload.len() + 28) as u16).to_be_bytes());
        frame[38..40].copy_from_slice(&((payload.len() + 8) as u16).to_be_bytes());
        frame[40..42].fill(0);
        frame[24..26].fill(0);
        let sum: u32 = frame[14..34].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
        let sum = (sum & 0xFFFF) + (sum >> 16);
        frame[24..26].copy_from_slice(&(!((sum & 0xFFFF) + (sum >> 16)) as u16).to_be_bytes());
        Self(frame)
    }
}

/// Writes frames as a pcap file, one a microsecond.
pub fn write_pcap(file: &Path, frames: &[Frame]) {
    let mut bytes: Vec<u8> = Vec::new();
    bytes.extend(0xA1B2_C3D4_u32.to_le_bytes());
    bytes.extend([2, 0, 4, 0]);
    bytes.extend([0; 8]);
    bytes.extend(65_600_u32.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    for (number, frame) in frames.iter().enumerate() {
        let length = frame.0.len() as u32;
        for word in [number as u32 / 1_000_000, number as u32 % 1_000_000, length, length] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(&frame.0);
    }
    std::fs::write(file, bytes).expect("a pcap file");
}
