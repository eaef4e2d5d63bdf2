//! The message by which terminals find out who hears whom.
//!
//! Version (1), number of entries; then for every other terminal: its index, whether the sender hears it (1 or 0), and over how many
//! hops the sender reaches it (255: not at all).

use crate::phy::duplex::GROUP_SIZE;

/// Version of the format.
const VERSION: u8 = 1;
/// Hops of what cannot be reached.
const NONE: u8 = 255;

/// One value for every terminal of a group.
pub type PerTerminal<T> = [T; GROUP_SIZE as usize];

/// What a terminal says of another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Opinion {
    /// It hears it.
    pub heard: bool,
    /// It reaches it over so many hops.
    pub hops: Option<u8>,
}

/// A terminal's opinions of the others; of itself it has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hello {
    /// By index.
    pub opinions: PerTerminal<Option<Opinion>>,
}

impl Hello {
    /// As bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let entries: Vec<(u8, Opinion)> = (0..).zip(self.opinions).filter_map(|(index, said)| Some((index, said?))).collect();
        let mut out = vec![VERSION, entries.len() as u8];
        for (index, opinion) in entries {
            out.extend([index, u8::from(opinion.heard), opinion.hops.unwrap_or(NONE)]);
        }
        out
    }

    /// What the bytes say; `None` when they are of another version, cut, or name a terminal that cannot be.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let [VERSION, count, rest @ ..] = bytes else { return None };
        let (entries, _) = rest.as_chunks::<3>();
        let mut hello = Self::default();
        for &[index, heard, hops] in entries.get(..usize::from(*count))? {
            let opinion = Opinion { heard: heard == 1, hops: (hops != NONE).then_some(hops) };
            *hello.opinions.get_mut(usize::from(index))? = Some(opinion);
        }
        Some(hello)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bytes_are_as_documented() {
        let mut hello = Hello::default();
        hello.opinions[0] = Some(Opinion { heard: true, hops: Some(1) });
        hello.opinions[2] = Some(Opinion::default());
        assert_eq!(hello.bytes(), [1, 2, 0, 1, 1, 2, 0, 255]);
        assert_eq!(Hello::read(&hello.bytes()), Some(hello));
        assert_eq!(Hello::read(&[2, 0]), None);
        assert_eq!(Hello::read(&[1, 1, 0, 1]), None);
        assert_eq!(Hello::read(&[1, 1, 3, 1, 1]), None);
    }

    proptest! {
        #[test]
        fn what_is_understood_can_be_said(bytes in prop::collection::vec(any::<u8>(), 0..16), valid: bool) {
            let mut bytes = bytes;
            if let (true, Some(first)) = (valid, bytes.first_mut()) {
                *first = VERSION;
            }
            if let Some(read) = Hello::read(&bytes) {
                prop_assert_eq!(Hello::read(&read.bytes()), Some(read));
            }
        }
    }
}
