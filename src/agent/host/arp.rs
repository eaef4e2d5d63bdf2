//! ARP beside the kernel's own: finds the radio before this host has an address in its subnet, and tells the switch and all hosts that an
//! address has moved. RFC 826; probe and announcement as in RFC 5227.

use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use etherparse::{ArpEthIpv4Packet, ArpOperation, EtherType, Ethernet2Header, NetSlice, SlicedPacket};
use nix::libc;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Bytes of a frame: Ethernet header and ARP.
const LENGTH: usize = Ethernet2Header::LEN + ArpEthIpv4Packet::LEN;

/// A hardware address.
pub(in crate::agent) type MacAddress = [u8; 6];

/// A hardware address as people write it, e.g. `02:00:00:00:00:01`.
pub(in crate::agent) fn format_mac(mac: MacAddress) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

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
            let until = Instant::now() + every;
            loop {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                self.socket.set_read_timeout(Some(left))?;
                let mut bytes = [0; LENGTH];
                match io::Read::read(&mut &self.socket, &mut bytes) {
                    Ok(count) => {
                        if let Some(mac) = parse_reply(&bytes[..count], target) {
                            return Ok(Some(mac));
                        }
                    }
                    Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(None)
    }

    /// Tells everybody that `address` is here.
    ///
    /// # Errors
    /// Of the socket.
    pub(in crate::agent) fn announce(&self, address: Ipv4Addr) -> io::Result<()> {
        self.socket.send(&request_frame(self.own, address, address)).map(drop)
    }
}

#[expect(unsafe_code, reason = "no crate makes a packet socket's address out of an interface index alone")]
fn link_address(index: u32) -> io::Result<SockAddr> {
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
fn request_frame(own: MacAddress, sender: Ipv4Addr, target: Ipv4Addr) -> [u8; LENGTH] {
    let ethernet = Ethernet2Header { source: own, destination: [0xFF; 6], ether_type: EtherType::ARP };
    let request = ArpEthIpv4Packet {
        operation: ArpOperation::REQUEST,
        sender_mac: own,
        sender_ipv4: sender.octets(),
        target_mac: [0; 6],
        target_ipv4: target.octets(),
    };
    let mut frame = [0; LENGTH];
    frame[..Ethernet2Header::LEN].copy_from_slice(&ethernet.to_bytes());
    frame[Ethernet2Header::LEN..].copy_from_slice(&request.to_bytes());
    frame
}

/// The hardware address in a frame that answers for `target`; `None` of any other frame.
fn parse_reply(frame: &[u8], target: Ipv4Addr) -> Option<MacAddress> {
    let Some(NetSlice::Arp(arp)) = SlicedPacket::from_ethernet(frame).ok()?.net else { return None };
    let reply = arp.to_packet().try_eth_ipv4().ok()?;
    let answers = reply.operation == ArpOperation::REPLY && reply.sender_ipv4 == target.octets();
    // No station has a group address, or none.
    let mac = reply.sender_mac;
    (answers && mac[0] & 1 == 0 && mac != [0; 6]).then_some(mac)
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
        let mut reply = request_frame([2, 0, 0, 0, 0, 9], RADIO, Ipv4Addr::UNSPECIFIED);
        assert_eq!(parse_reply(&reply, RADIO), None, "a request");
        reply[21] = 2;
        assert_eq!(parse_reply(&reply, RADIO), Some([2, 0, 0, 0, 0, 9]));
        assert_eq!(parse_reply(&reply, Ipv4Addr::new(192, 168, 10, 3)), None);
        assert_eq!(parse_reply(&reply[..41], RADIO), None);
        for (place, byte) in [(13, 0), (15, 6), (16, 0x86), (18, 8), (19, 16)] {
            let mut other = reply;
            other[place] = byte;
            assert_eq!(parse_reply(&other, RADIO), None, "byte {place}: another protocol");
        }
        reply[22] = 1;
        assert_eq!(parse_reply(&reply, RADIO), None, "a group's address");
    }
}
