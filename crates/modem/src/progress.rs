//! Where a modem is, for one that follows it as a standby: what the standby cannot learn from the samples that both receive.

use super::relay::hello::PerTerminal;

/// Numbers of payloads and a tick of the device clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Number of the next payload to send.
    pub sent: u16,
    /// Number of the next payload expected of each other terminal of a group, by index; of a link the first is that of the far end. None before any.
    pub expected: PerTerminal<Option<u16>>,
    /// Tick before which the next burst must not begin.
    pub next_free: u64,
}

/// Of this form; another one is of a modem of another version.
const VERSION: u8 = 2;

impl Progress {
    /// Bytes: version, a bit for each payload that is expected, the numbers sent and expected, two zeros, the tick, little-endian.
    pub const BYTES: usize = 20;

    /// As bytes.
    pub fn encode(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = VERSION;
        bytes[2..4].copy_from_slice(&self.sent.to_le_bytes());
        for (index, expected) in self.expected.into_iter().enumerate() {
            bytes[1] |= u8::from(expected.is_some()) << index;
            bytes[4 + 2 * index..][..2].copy_from_slice(&expected.unwrap_or(0).to_le_bytes());
        }
        bytes[12..].copy_from_slice(&self.next_free.to_le_bytes());
        bytes
    }

    /// Out of bytes; `None` when they are something else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [VERSION, expects @ 0..8, a, b, numbers @ .., 0, 0, _, _, _, _, _, _, _, _] = bytes else { return None };
        let numbers: &[u8; 6] = numbers.try_into().ok()?;
        let tick = u64::from_le_bytes(*bytes.last_chunk()?);
        let expected = std::array::from_fn(|index| {
            (expects >> index & 1 == 1).then(|| u16::from_le_bytes([numbers[2 * index], numbers[2 * index + 1]]))
        });
        Some(Self { sent: u16::from_le_bytes([*a, *b]), expected, next_free: tick })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_survives_the_round_trip(sent: u16, expected: [Option<u16>; 3], next_free: u64) {
            let progress = Progress { sent, expected, next_free };
            prop_assert_eq!(Progress::decode(&progress.encode()), Some(progress));
        }

        #[test]
        fn alien_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            let read = Progress::decode(&bytes);
            prop_assert!(read.is_none() || bytes.len() == Progress::BYTES);
        }
    }
}
