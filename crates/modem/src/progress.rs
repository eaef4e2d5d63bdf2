//! Where a modem is, for one that follows it as a standby: what the standby cannot learn from the samples that both receive.

/// Numbers of payloads and a tick of the device clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Number of the next payload to send.
    pub sent: u16,
    /// Number of the next payload expected; none before any.
    pub expected: Option<u16>,
    /// Tick before which the next burst must not begin.
    pub next_free: u64,
}

/// Of this form; another one is of a modem of another version.
const VERSION: u8 = 1;

impl Progress {
    /// Bytes: version, whether a payload is expected, both numbers, two zeros, the tick, little-endian.
    pub const BYTES: usize = 16;

    /// As bytes.
    pub fn encode(self) -> [u8; Self::BYTES] {
        let ([a, b], [c, d]) = (self.sent.to_le_bytes(), self.expected.unwrap_or(0).to_le_bytes());
        let mut bytes = [0; Self::BYTES];
        bytes[..6].copy_from_slice(&[VERSION, self.expected.is_some().into(), a, b, c, d]);
        bytes[8..].copy_from_slice(&self.next_free.to_le_bytes());
        bytes
    }

    /// Out of bytes; `None` when they are something else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [VERSION, expects, a, b, c, d, 0, 0, tick @ ..] = bytes else { return None };
        let expected = match expects {
            0 => None,
            1 => Some(u16::from_le_bytes([*c, *d])),
            _ => return None,
        };
        Some(Self { sent: u16::from_le_bytes([*a, *b]), expected, next_free: u64::from_le_bytes(tick.try_into().ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_survives_the_round_trip(sent: u16, expected: Option<u16>, next_free: u64) {
            let progress = Progress { sent, expected, next_free };
            prop_assert_eq!(Progress::decode(&progress.encode()), Some(progress));
        }

        #[test]
        fn alien_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let read = Progress::decode(&bytes);
            prop_assert!(read.is_none() || bytes.len() == Progress::BYTES);
        }
    }
}
