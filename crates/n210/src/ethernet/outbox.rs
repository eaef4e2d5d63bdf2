//! Frames on their way out, one after another in memory that is reused.

/// Longest frame without its check sequence: the device's packet memory of 4096 bytes, and its headers.
pub const MAX_FRAME: usize = 4096 + 46;

/// Shortest frame without its check sequence: shorter ones are filled up with zeros.
pub const MIN_FRAME: usize = 60;

/// Frames of one radio, in order, until they are sent.
#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    /// Where each frame ends.
    ends: Vec<usize>,
    pushed: u64,
    busy: bool,
}

impl Outbox {
    /// Appends a frame of `length` bytes (at most [`MAX_FRAME`]) for the caller to fill; what it holds before is not defined.
    pub fn push(&mut self, length: usize) -> &mut [u8] {
        let length = length.min(MAX_FRAME);
        let start = self.used();
        let end = start + length.max(MIN_FRAME);
        if self.bytes.len() < end {
            // In large steps, so that a busy outbox seldom fills memory that it overwrites at once.
            self.bytes.resize(end.next_power_of_two(), 0);
        }
        self.pushed += 1;
        self.ends.push(end);
        let (frame, padding) = self.bytes[start..end].split_at_mut(length);
        padding.fill(0);
        frame
    }

    /// Bytes of all frames.
    fn used(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The frames.
    pub fn frames(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// Frames ever appended.
    pub fn pushed(&self) -> u64 {
        self.pushed
    }

    /// A fast stream of samples is among the frames.
    pub fn set_busy(&mut self) {
        self.busy = true;
    }

    /// Whether one is.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Forgets the frames, keeps their memory.
    pub fn clear(&mut self) {
        self.busy = false;
        self.ends.clear();
    }
}
