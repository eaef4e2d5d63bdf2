//! Frames on their way out, in memory that is reused.

/// Room for an Ethernet frame of an MTU of 1500.
const SLOT: usize = 1536;

/// Longest frame without its check sequence.
pub const MAX_FRAME: usize = 1514;

/// Frames of one radio, in order, until they are sent.
#[derive(Default)]
pub struct Outbox {
    slots: Vec<(usize, [u8; SLOT])>,
    used: usize,
    pushed: u64,
}

impl Outbox {
    /// Appends a frame of `length` bytes (at most [`MAX_FRAME`]) for the caller to fill; what it holds before is not defined.
    pub fn push(&mut self, length: usize) -> &mut [u8] {
        let length = length.min(MAX_FRAME);
        if self.used == self.slots.len() {
            self.slots.push((0, [0; SLOT]));
        }
        let slot = &mut self.slots[self.used];
        self.used += 1;
        self.pushed += 1;
        slot.0 = length;
        &mut slot.1[..length]
    }

    /// The frames.
    pub fn frames(&self) -> impl Iterator<Item = &[u8]> {
        self.slots[..self.used].iter().map(|(length, bytes)| &bytes[..*length])
    }

    /// Frames ever appended.
    pub fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Forgets the frames, keeps their memory.
    pub fn clear(&mut self) {
        self.used = 0;
    }
}
