//! The packet that tells a data port where to send: 8 bytes for "to me", 16 for another address.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::{put, word};

/// Answer to the 16-byte form: the device knows the address's MAC.
pub const RESOLVED: u32 = 0;

/// Answer to the 16-byte form: the device has just asked for the MAC; repeat the packet.
pub const UNRESOLVED: u32 = 0xFFFF_FFFF;

/// Where a stream is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetDestination {
    /// To whoever sends the packet, by the MAC in its frame. Not answered.
    Sender,
    /// To this address. Answered with [`RESOLVED`] or [`UNRESOLVED`].
    Named(SocketAddrV4),
}

impl SetDestination {
    /// Whether a datagram to the transmit or fast control port sets its destination: the VITA length in its second word is 0.
    ///
    /// The wire fills a short frame up with zeros: a datagram without a second word has length 0 as well.
    pub fn is_one(bytes: &[u8]) -> bool {
        word(bytes, 4).map_or(true, |second| second & 0xFFFF == 0)
    }

    /// Writes the packet into a buffer and returns its part of it.
    pub fn encode<'a>(&self, out: &'a mut [u8; 16]) -> &'a [u8] {
        *out = [0; 16];
        match self {
            Self::Sender => &out[..8],
            Self::Named(to) => {
                put(&mut out[8..], &[to.ip().to_bits(), u32::from(to.port())]);
                out
            }
        }
    }

    /// Reads the packet; on the receive ports every datagram is one.
    ///
    /// Only the low half of the port word is looked at.
    pub fn decode(bytes: &[u8]) -> Self {
        let (Ok(ip), Ok(port)) = (word(bytes, 8), word(bytes, 12)) else { return Self::Sender };
        Self::Named(SocketAddrV4::new(Ipv4Addr::from_bits(ip), port as u16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn named_destinations_survive_the_round_trip(ip: u32, port: u16) {
            let set = SetDestination::Named(SocketAddrV4::new(Ipv4Addr::from_bits(ip), port));
            let mut buffer = [0xAA; 16];
            let bytes = set.encode(&mut buffer);
            prop_assert_eq!(SetDestination::decode(bytes), set);
            prop_assert!(SetDestination::is_one(bytes));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..32)) {
            let _ = (SetDestination::decode(&bytes), SetDestination::is_one(&bytes));
        }
    }

    #[test]
    fn the_short_form_is_eight_zero_bytes() {
        assert_eq!(SetDestination::Sender.encode(&mut [0xAA; 16]), [0; 8]);
        assert_eq!(SetDestination::decode(&[0; 8]), SetDestination::Sender);
    }
}
