//! ARP beside the kernel's own: finds the radio before this host has an address in its subnet, and tells the switch and all hosts that an
//! address has moved. RFC 826; probe and announcement as in RFC 5227.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use etherparse::{ArpEthIpv4Packet, ArpOperation, EtherType, Ethernet2Header, NetSlice, SlicedPacket};
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Bytes of a frame: Ethernet header and ARP.
const LENGTH: usize = Ethernet2Header::LEN + ArpEthIpv4Packet::LEN;

/// A hardware address.
pub(in crate::agent) type MacAddress = [u8; 6];

/// A hardware address as people write it, e.g. `02:00:00:00:00:01`.
pub(in crate::agent) fn format_mac(mac: MacAddress) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// Reads a hardware address as people write it; `None` of anything else.
pub(in crate::agent) fn parse_mac(text: &str) -> Option<MacAddress> {
    let mut bytes = text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() == 2));
    let mut mac = MacAddress::default();
    for place in &mut mac {
        *place = bytes.next()??;
    }
    bytes.next().is_none().then_some(mac)
}

/// How the network is asked who has an address. A single frame may be lost, so that there are several (RFC 5227, section 2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::agent) struct Probing {
    /// Frames sent.
    pub(in crate::agent) tries: u32,
    /// From one to the next.
    pub(in crate::agent) every: Duration,
    /// After the last one.
    pub(in crate::agent) wait: Duration,
    /// Whether this host is about to take the address. Two that are see each other's probes, and one of them gives up.
    pub(in crate::agent) takes: bool,
}

impl Probing {
    /// Within a cut, where every millisecond counts: a host on the radio's switch answers in well under one.
    pub(in crate::agent) const IN_CUT: Self =
        Self { tries: 3, every: Duration::from_millis(1), wait: Duration::from_millis(2), takes: true };
    /// Where there is time.
    pub(in crate::agent) const CALM: Self =
        Self { tries: 4, every: Duration::from_millis(20), wait: Duration::from_millis(20), takes: true };
    /// To know, and not to take.
    pub(in crate::agent) const SURVEY: Self = Self { takes: false, ..Self::CALM };
}

/// Packets that are read when the time is over: more than a network says in the meantime, and a flood holds nobody up.
const MOST_LATE: u32 = 256;

/// A survey's target hardware address: whoever is about to take the address sends zeros.
const SURVEY_TARGET: MacAddress = [0xFF; 6];

/// A raw socket for ARP on one interface.
#[derive(Debug)]
pub(in crate::agent) struct ArpSocket {
    socket: Socket,
    own: MacAddress,
}

impl ArpSocket {
    /// Opens it on the interface with this index and hardware address.
    ///
    /// # Errors
    /// `PermissionDenied` without CAP_NET_RAW.
    pub(in crate::agent) fn open(index: u32, own: MacAddress) -> io::Result<Self> {
        // No protocol until it is bound: rebinding a socket that already receives waits for the kernel's RCU, some ms.
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        socket.bind(&link_address(index)?)?;
        Ok(Self { socket, own })
    }

    /// Asks who has `target`, from no address, until it answers; `None` after `tries` without an answer. Blocks for up to `tries` times `every`.
    ///
    /// # Errors
    /// Of the socket: the interface is down.
    pub(in crate::agent) fn probe(&self, target: Ipv4Addr, every: Duration, tries: u32) -> io::Result<Option<MacAddress>> {
        for _ in 0..tries {
            self.socket.send(&request_frame(self.own, Ipv4Addr::UNSPECIFIED, target))?;
            let mut found = None;
            self.collect(Instant::now() + every, |packet| {
                found = reply(packet, target);
                found.is_some()
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Asks who has `target`: the hardware addresses of all that answer, and of whoever is about to take it and goes before this host.
    /// Blocks as long as `probing` says.
    ///
    /// # Errors
    /// Of the socket: the interface is down.
    pub(in crate::agent) fn holders(&self, target: Ipv4Addr, probing: Probing) -> io::Result<Vec<MacAddress>> {
        let mut found = Vec::new();
        for sent in 0..probing.tries {
            self.ask(target, probing.takes)?;
            // From this frame on: on a busy machine the one before may have waited for a processor.
            let wait = if sent + 1 == probing.tries { probing.wait } else { probing.every };
            self.collect(Instant::now() + wait, |packet| {
                if let Some(mac) = against(packet, self.own, target, probing.takes)
                    && !found.contains(&mac)
                {
                    found.push(mac);
                }
                false
            })?;
        }
        Ok(found)
    }

    /// Asks once who has `target`, from no address.
    ///
    /// # Errors
    /// Of the socket: the interface is down.
    pub(super) fn ask(&self, target: Ipv4Addr, takes: bool) -> io::Result<()> {
        let to = if takes { [0; 6] } else { SURVEY_TARGET };
        self.socket.send(&request_frame_for(self.own, Ipv4Addr::UNSPECIFIED, target, to)).map(drop)
    }

    /// Reads until then, and what has come by then, or until `enough` says so: this thread may get a processor only when the time is over. A
    /// socket's own time-out counts in the kernel's ticks, of 4 ms and more; a poll does not.
    fn collect(&self, until: Instant, mut enough: impl FnMut(ArpPacket) -> bool) -> io::Result<()> {
        let mut late = 0;
        while late < MOST_LATE {
            let left = until.saturating_duration_since(Instant::now());
            late += u32::from(left.is_zero());
            let mut bytes = [0; LENGTH];
            match recv(self.socket.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
                Ok(count) if parse(&bytes[..count]).is_some_and(&mut enough) => return Ok(()),
                Err(Errno::EAGAIN) if left.is_zero() => return Ok(()),
                Err(Errno::EAGAIN) => self.await_packet(left)?,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// Waits for a packet, for so long at most.
    fn await_packet(&self, limit: Duration) -> io::Result<()> {
        let ms = PollTimeout::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)], ms) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Tells everybody that `address` is here.
    ///
    /// # Errors
    /// Of the socket.
    pub(in crate::agent) fn announce(&self, address: Ipv4Addr) -> io::Result<()> {
        self.socket.send(&request_frame(self.own, address, address)).map(drop)
    }
}

/// The sender of a packet that stands against `own` having `target`. Of two hosts that are about to take it, the greater hardware address
/// goes before the other.
fn against(packet: ArpPacket, own: MacAddress, target: Ipv4Addr, takes: bool) -> Option<MacAddress> {
    let ArpPacket { sender_mac, sender, target: asked, target_mac, .. } = packet;
    let contends = takes && sender.is_unspecified() && asked == target && target_mac == [0; 6] && sender_mac > own;
    (sender_mac != own && (sender == target || contends)).then_some(sender_mac)
}

#[expect(unsafe_code, reason = "no crate makes a packet socket's address out of an interface index alone")]
pub(super) fn link_address(index: u32) -> io::Result<SockAddr> {
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: a sockaddr_ll fits a sockaddr_storage, which is zeroed, and the length is its own.
    let made = unsafe {
        SockAddr::try_init(|storage, written| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = libc::AF_PACKET as u16;
            (*link).sll_protocol = EtherType::ARP.0.to_be();
            (*link).sll_ifindex = i32::try_from(index).unwrap_or(i32::MAX);
            *written = length;
            Ok(())
        })
    };
    made.map(|((), address)| address)
}

/// A request to all: who has `target`?
pub(super) fn request_frame(own: MacAddress, sender: Ipv4Addr, target: Ipv4Addr) -> [u8; LENGTH] {
    request_frame_for(own, sender, target, [0; 6])
}

/// The same with a target hardware address, which nobody who answers looks at.
fn request_frame_for(own: MacAddress, sender: Ipv4Addr, target: Ipv4Addr, target_mac: MacAddress) -> [u8; LENGTH] {
    let ethernet = Ethernet2Header { source: own, destination: [0xFF; 6], ether_type: EtherType::ARP };
    let request = ArpEthIpv4Packet {
        operation: ArpOperation::REQUEST,
        sender_mac: own,
        sender_ipv4: sender.octets(),
        target_mac,
        target_ipv4: target.octets(),
    };
    let mut frame = [0; LENGTH];
    frame[..Ethernet2Header::LEN].copy_from_slice(&ethernet.to_bytes());
    frame[Ethernet2Header::LEN..].copy_from_slice(&request.to_bytes());
    frame
}

/// Where `target` is, if that packet is a reply which tells.
fn reply(packet: ArpPacket, target: Ipv4Addr) -> Option<MacAddress> {
    (packet.operation == ArpOperation::REPLY && packet.sender == target).then_some(packet.sender_mac)
}

/// An ARP packet for IPv4 over Ethernet, as far as its sender is a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ArpPacket {
    operation: ArpOperation,
    pub(super) sender_mac: MacAddress,
    pub(super) sender: Ipv4Addr,
    pub(super) target: Ipv4Addr,
    target_mac: MacAddress,
}

/// Reads a frame; `None` where it is no ARP for IPv4, or where its sender is no station.
pub(super) fn parse(frame: &[u8]) -> Option<ArpPacket> {
    let Some(NetSlice::Arp(arp)) = SlicedPacket::from_ethernet(frame).ok()?.net else { return None };
    let packet = arp.to_packet().try_eth_ipv4().ok()?;
    // No station has a group address, or none.
    let mac = packet.sender_mac;
    (mac[0] & 1 == 0 && mac != [0; 6]).then_some(ArpPacket {
        operation: packet.operation,
        sender_mac: mac,
        sender: packet.sender_ipv4.into(),
        target: packet.target_ipv4.into(),
        target_mac: packet.target_mac,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: MacAddress = [2, 0, 0, 0, 0, 1];
    const RADIO: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 2);

    #[test]
    fn a_probe_asks_without_an_address_and_an_announcement_names_it_twice() {
        let probe = request_frame(OWN, Ipv4Addr::UNSPECIFIED, RADIO);
        assert_eq!(probe[..14], [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6]);
        assert_eq!(probe[14..], [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 168, 10, 2]);
        let announcement = request_frame(OWN, RADIO, RADIO);
        assert_eq!((&announcement[28..32], &announcement[38..42]), (&[192, 168, 10, 2][..], &[192, 168, 10, 2][..]));
    }

    /// The frame as it was written byte by byte before etherparse did it.
    fn frame_by_hand(own: MacAddress, sender: Ipv4Addr, target: Ipv4Addr) -> [u8; 42] {
        let mut bytes = [0; 42];
        bytes[..6].fill(0xFF);
        bytes[6..12].copy_from_slice(&own);
        bytes[12..14].copy_from_slice(&[8, 6]);
        bytes[14..20].copy_from_slice(&[0, 1, 8, 0, 6, 4]);
        bytes[20..22].copy_from_slice(&[0, 1]);
        bytes[22..28].copy_from_slice(&own);
        bytes[28..32].copy_from_slice(&sender.octets());
        bytes[38..42].copy_from_slice(&target.octets());
        bytes
    }

    #[test]
    fn frames_are_those_of_rfc_826_byte_for_byte() {
        for (own, sender, target) in
            [(OWN, Ipv4Addr::UNSPECIFIED, RADIO), (OWN, RADIO, RADIO), ([0xAB; 6], Ipv4Addr::new(1, 2, 3, 4), Ipv4Addr::BROADCAST)]
        {
            assert_eq!(request_frame(own, sender, target), frame_by_hand(own, sender, target));
        }
    }

    #[test]
    fn only_a_reply_for_the_target_counts() {
        let read = |frame: &[u8], target| parse(frame).and_then(|packet| reply(packet, target));
        let mut frame = request_frame([2, 0, 0, 0, 0, 9], RADIO, Ipv4Addr::UNSPECIFIED);
        assert_eq!(read(&frame, RADIO), None, "a request");
        frame[21] = 2;
        assert_eq!(read(&frame, RADIO), Some([2, 0, 0, 0, 0, 9]));
        assert_eq!(read(&frame, Ipv4Addr::new(192, 168, 10, 3)), None);
        assert_eq!(read(&frame[..41], RADIO), None);
        for (place, byte) in [(13, 0), (15, 6), (16, 0x86), (18, 8), (19, 16)] {
            let mut other = frame;
            other[place] = byte;
            assert_eq!(read(&other, RADIO), None, "byte {place}: another protocol");
        }
        frame[22] = 1;
        assert_eq!(read(&frame, RADIO), None, "a group's address");
    }

    #[test]
    fn who_has_the_address_stands_against_it_and_so_does_who_takes_it_first() {
        let (lower, higher) = ([2, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 9]);
        let seen = |frame: [u8; LENGTH], takes| against(parse(&frame).unwrap(), OWN, RADIO, takes);
        let announcement = request_frame(higher, RADIO, RADIO);
        let probe = |own| request_frame(own, Ipv4Addr::UNSPECIFIED, RADIO);
        for takes in [true, false] {
            assert_eq!(seen(announcement, takes), Some(higher));
            assert_eq!(
                seen(request_frame(lower, RADIO, Ipv4Addr::new(192, 168, 10, 2)), takes),
                Some(lower),
                "it asks for the radio"
            );
            assert_eq!(seen(request_frame(OWN, RADIO, RADIO), takes), None, "its own");
        }
        assert_eq!((seen(probe(higher), true), seen(probe(lower), true)), (Some(higher), None));
        assert_eq!(seen(probe(higher), false), None, "a survey takes nothing");
        let survey = request_frame_for(higher, Ipv4Addr::UNSPECIFIED, RADIO, SURVEY_TARGET);
        assert_eq!(seen(survey, true), None, "and stands in nobody's way");
        let Probing { tries, every, wait, .. } = Probing::IN_CUT;
        assert_eq!(every * (tries - 1) + wait, Duration::from_millis(4));
    }
}
