//! What a receive chain has already taken from the air for a packet that is not full yet.
//!
//! The samples of a packet are computed when it leaves. Where something changes the reception in the middle of one, the samples up to there
//! are computed first.

use crate::air::Air;
use crate::air::tuning::Tuning;
use crate::device::clock::Tick;

/// The beginning of a packet, as sc16 words.
#[derive(Debug, Default)]
pub struct PartialPacket {
    start: Tick,
    bytes: Vec<u8>,
}

impl PartialPacket {
    /// Computes the samples before a tick of the packet that began at `start`, at most `most` of them.
    pub fn extend(&mut self, (start, before): (Tick, Tick), most: u64, radio: usize, tuning: Tuning, air: &mut Air) {
        if self.start != start {
            self.start = start;
            self.bytes.clear();
        }
        let (step, have) = (u64::from(tuning.decimation), self.bytes.len());
        let want = before.saturating_sub(start).div_ceil(step).min(most) as usize * 4;
        if want > have {
            self.bytes.resize(want, 0);
            air.receive(radio, tuning, start.saturating_add(have as u64 / 4 * step), &mut self.bytes[have..]);
        }
    }

    /// Computes the packet that began at `start`, to fill `out`.
    pub fn complete(&mut self, start: Tick, radio: usize, tuning: Tuning, air: &mut Air, out: &mut [u8]) {
        let have = if self.start == start { self.bytes.len().min(out.len()) } else { 0 };
        let (early, rest) = out.split_at_mut(have);
        early.copy_from_slice(&self.bytes[..have]);
        self.bytes.clear();
        if !rest.is_empty() {
            air.receive(radio, tuning, start.saturating_add(have as u64 / 4 * u64::from(tuning.decimation)), rest);
        }
    }
}
