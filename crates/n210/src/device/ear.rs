//! What a receive chain has heard of a packet that is not yet full.
//!
//! A packet is heard when it leaves. Where something changes what is heard in the middle of one, the chain first hears up to there.

use crate::air::Air;
use crate::air::tuning::Tuning;
use crate::device::clock::Tick;

/// The beginning of a packet, as sc16 words.
#[derive(Debug, Default)]
pub struct Ear {
    start: Tick,
    bytes: Vec<u8>,
}

impl Ear {
    /// Hears the samples before a tick of the packet that began at `start`; at most so many.
    pub fn listen(&mut self, (start, before): (Tick, Tick), most: u64, radio: usize, tuning: Tuning, air: &mut Air) {
        if self.start != start {
            self.start = start;
            self.bytes.clear();
        }
        let (step, have) = (u64::from(tuning.decimation), self.bytes.len());
        let want = before.saturating_sub(start).div_ceil(step).min(most) as usize * 4;
        if want > have {
            self.bytes.resize(want, 0);
            air.hear(radio, tuning, start.saturating_add(have as u64 / 4 * step), &mut self.bytes[have..]);
        }
    }

    /// Hears the packet that began at `start`, to fill `out`.
    pub fn hear(&mut self, start: Tick, radio: usize, tuning: Tuning, air: &mut Air, out: &mut [u8]) {
        let have = if self.start == start { self.bytes.len().min(out.len()) } else { 0 };
        let (early, rest) = out.split_at_mut(have);
        early.copy_from_slice(&self.bytes[..have]);
        self.bytes.clear();
        if !rest.is_empty() {
            air.hear(radio, tuning, start.saturating_add(have as u64 / 4 * u64::from(tuning.decimation)), rest);
        }
    }
}
