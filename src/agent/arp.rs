//! ARP beside the kernel's own: finding the radio before this host has an address in its subnet, and telling the switch and all hosts that
//! the address has moved. Frames as in RFC 826; probe and announcement as in RFC 5227.

use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use nix::libc;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Bytes of a frame: Ethernet header and ARP.
const LENGTH: usize = 42;
const ETHERTYPE: u16 = libc::ETH_P_ARP as u16;
const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// A hardware address.
pub type Mac = [u8; 6];

/// A raw socket for ARP on one interface.
#[derive(Debug)]
pub struct Arp {
    socket: Socket,
    own: Mac,
}

impl Arp {
    /// Opens it on the interface with this index and hardware address.
    ///
    /// # Errors
    /// `PermissionDenied` without CAP_NET_RAW.
    pub fn open(index: u32, own: Mac) -> io::Result<Self> {
        // No protocol until it is bound: rebinding one that receives already waits for the kernel's RCU, some ms.
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        socket.bind(&address(index)?)?;
        Ok(Self { socket, own })
    }

    /// Asks who has `target`, without an address of one's own, until it answers; none when it has not by then. Waits.
    ///
    /// # Errors
    /// Of the socket: the interface is down.
    pub fn probe(&self, target: Ipv4Addr, every: Duration, tries: u32) -> io::Result<Option<Mac>> {
        for _ in 0..tries {
            self.socket.send(&frame(self.own, Ipv4Addr::UNSPECIFIED, target))?;
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
                        if let Some(mac) = answer(&bytes[..count], target) {
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
}

fn address(index: u32) -> io::Result<SockAddr> {
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: a sockaddr_ll fits a sockaddr_storage, which is zeroed, and the length is its own.
    let made = unsafe {
        SockAddr::try_init(|storage, written| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = libc::AF_PACKET as u16;
            (*link).sll_protocol = ETHERTYPE.to_be();
            (*link).sll_ifindex = i32::try_from(index).unwrap_or(i32::MAX);
            *written = length;
            Ok(())
        })
    };
    made.map(|((), address)| address)
}

/// A request to all: who has `target`?
fn frame(own: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[..6].fill(0xFF);
    bytes[6..12].copy_from_slice(&own);
    bytes[12..14].copy_from_slice(&ETHERTYPE.to_be_bytes());
    // Ethernet, IPv4, lengths of their addresses.
    bytes[14..20].copy_from_slice(&[0, 1, 8, 0, 6, 4]);
    bytes[20..22].copy_from_slice(&REQUEST.to_be_bytes());
    bytes[22..28].copy_from_slice(&own);
    bytes[28..32].copy_from_slice(&sender.octets());
    bytes[38..42].copy_from_slice(&target.octets());
    bytes
}

/// The hardware address that a frame tells of `target`, if it answers for that.
fn answer(bytes: &[u8], target: Ipv4Addr) -> Option<Mac> {
    let frame: &[u8; LENGTH] = bytes.first_chunk()?;
    let arp = frame[12..14] == ETHERTYPE.to_be_bytes() && frame[14..20] == [0, 1, 8, 0, 6, 4];
    let answers = frame[20..22] == REPLY.to_be_bytes() && frame[28..32] == target.octets();
    let mac = *frame[22..28].first_chunk()?;
    // No sound station has a group address or none.
    (arp && answers && mac[0] & 1 == 0 && mac != [0; 6]).then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Mac = [2, 0, 0, 0, 0, 1];
    const RADIO: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 2);

    #[test]
    fn a_probe_asks_without_an_address() {
        let probe = frame(OWN, Ipv4Addr::UNSPECIFIED, RADIO);
        assert_eq!(probe[..14], [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6]);
        assert_eq!(probe[14..], [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 168, 10, 2]);
    }

    #[test]
    fn only_an_answer_for_the_target_is_one() {
        let mut reply = frame([2, 0, 0, 0, 0, 9], RADIO, Ipv4Addr::UNSPECIFIED);
        assert_eq!(answer(&reply, RADIO), None, "a request");
        reply[21] = 2;
        assert_eq!(answer(&reply, RADIO), Some([2, 0, 0, 0, 0, 9]));
        assert_eq!(answer(&reply, Ipv4Addr::new(192, 168, 10, 3)), None);
        assert_eq!(answer(&reply[..41], RADIO), None);
        reply[22] = 1;
        assert_eq!(answer(&reply, RADIO), None, "a group's address");
    }
}
