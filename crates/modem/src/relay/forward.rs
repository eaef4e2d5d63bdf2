//! The two bytes before a packet on the air, and what they say of the packet.
//!
//! Two bytes: index of the next hop, index of the destination. A packet for whose destination this terminal is only the next hop is sent
//! on to the destination itself, or not at all: nothing is on the air more than twice, so that nothing can circle.

use std::net::Ipv4Addr;

/// Bytes before a packet.
pub const PREFIX: usize = 2;
/// Next hop and destination of what is for every neighbour: a hello.
pub const EVERYBODY: u8 = 255;

/// What a packet from the air is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived<'a> {
    /// A packet for this terminal.
    Mine(&'a [u8]),
    /// A packet that this terminal is asked to send on.
    For {
        /// The terminal that it is for.
        destination: u8,
        /// The packet.
        packet: &'a [u8],
    },
    /// For every neighbour.
    Hello(&'a [u8]),
    /// For another terminal, or malformed.
    Nothing,
}

/// Reads the bytes before a packet, for terminal `me`.
pub fn read(me: u8, bytes: &[u8]) -> Arrived<'_> {
    match bytes {
        [EVERYBODY, EVERYBODY, hello @ ..] => Arrived::Hello(hello),
        [next, destination, packet @ ..] if *next == me && *destination == me => Arrived::Mine(packet),
        [next, destination, packet @ ..] if *next == me => Arrived::For { destination: *destination, packet },
        _ => Arrived::Nothing,
    }
}

/// Whether a packet is for every neighbour.
pub fn is_hello(bytes: &[u8]) -> bool {
    bytes.starts_with(&[EVERYBODY; PREFIX])
}

/// Destination of an IPv4 packet.
pub fn destination(packet: &[u8]) -> Option<Ipv4Addr> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let &[a, b, c, d] = header.last_chunk()?;
    (header[0] >> 4 == 4).then(|| Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_told_apart_by_their_prefix() {
        assert_eq!(read(1, &[1, 1, 7]), Arrived::Mine(&[7]));
        assert_eq!(read(1, &[1, 2, 7]), Arrived::For { destination: 2, packet: &[7] });
        assert_eq!(read(1, &[2, 2, 7]), Arrived::Nothing);
        assert_eq!(read(1, &[2, 1, 7]), Arrived::Nothing);
        assert_eq!(read(1, &[255, 255, 7]), Arrived::Hello(&[7]));
        assert_eq!(read(1, &[255, 1, 7]), Arrived::Nothing);
        assert_eq!(read(1, &[1]), Arrived::Nothing);
    }

    #[test]
    fn only_ipv4_has_a_destination() {
        let mut packet = [0; 20];
        packet[0] = 0x45;
        packet[16..].copy_from_slice(&[192, 168, 40, 9]);
        assert_eq!(destination(&packet), Some(Ipv4Addr::new(192, 168, 40, 9)));
        packet[0] = 0x60;
        assert_eq!(destination(&packet), None);
        assert_eq!(destination(&[0x45; 19]), None);
    }
}
