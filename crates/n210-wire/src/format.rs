//! The two sample formats on the wire: sc16, a word for each sample, and sc8, two samples in a word.

use super::{Sample, dsp};

/// Trailer bits that converted (sc8) packets carry: the format, and that the last word holds one sample only.
pub(super) const TRAILER_SC8: u32 = 0x0040_0000;
pub(super) const TRAILER_ODD: u32 = 0x0000_0400;

/// How samples are laid out in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// 16 bits each for I and Q.
    #[default]
    Sc16,
    /// 8 bits each: I and Q of one sample, then of the next.
    Sc8,
}

impl Format {
    /// Meaning of a format register ([`super::sr::RX0_FORMAT`], [`super::sr::TX_FORMAT`]).
    pub fn from_register(value: u32) -> Self {
        if value & 1 == 0 { Self::Sc16 } else { Self::Sc8 }
    }

    /// Value of a format register.
    pub fn register(self) -> u32 {
        u32::from(self == Self::Sc8)
    }

    /// Bytes, in whole words, that so many samples take.
    pub fn bytes(self, samples: usize) -> usize {
        match self {
            Self::Sc16 => samples * 4,
            Self::Sc8 => samples.div_ceil(2) * 4,
        }
    }

    /// Trailer bits of a packet of so many samples.
    pub(super) fn trailer(self, samples: usize) -> u32 {
        match self {
            Self::Sc16 => 0,
            Self::Sc8 => TRAILER_SC8 | if samples.is_multiple_of(2) { 0 } else { TRAILER_ODD },
        }
    }

    /// The sample at `index` of a payload; nothing is there beyond its end.
    pub(super) fn sample(self, payload: &[u8], index: usize) -> Option<Sample> {
        match self {
            Self::Sc16 => payload.get(index * 4..)?.first_chunk().copied().map(dsp::sample_of),
            Self::Sc8 => payload.get(index * 2..)?.first_chunk().copied().map(upper_bytes),
        }
    }

    /// Puts the first samples of a payload behind others; the format is asked once for all of them.
    pub(super) fn append(self, payload: &[u8], count: usize, out: &mut impl Extend<Sample>) {
        match self {
            Self::Sc16 => out.extend(payload.as_chunks::<4>().0.iter().take(count).map(|bytes| dsp::sample_of(*bytes))),
            Self::Sc8 => out.extend(payload.as_chunks::<2>().0.iter().take(count).map(|bytes| upper_bytes(*bytes))),
        }
    }
}

/// What the transmitter makes of an sc8 sample: each byte is the upper half of a 16-bit value.
fn upper_bytes([i, q]: [u8; 2]) -> Sample {
    Sample::new(i16::from_be_bytes([i, 0]), i16::from_be_bytes([q, 0]))
}

/// What the receiver makes of a 16-bit value in sc8: the value itself, held at the ends of 8 bits. The scale register has divided by 256.
pub fn clipped(value: i16) -> i8 {
    value.clamp(i16::from(i8::MIN), i16::from(i8::MAX)) as i8
}

/// Writes 16-bit samples of sc16 bytes as the receiver sends them in sc8; an odd last word ends with 0.
pub fn clip_into(sc16: &[u8], out: &mut [u8]) {
    let (samples, pairs) = (sc16.as_chunks::<4>().0, out.as_chunks_mut::<2>().0);
    for (slot, bytes) in pairs.iter_mut().zip(samples) {
        let sample = dsp::sample_of(*bytes);
        *slot = [clipped(sample.re) as u8, clipped(sample.im) as u8];
    }
    if let Some(slot) = pairs.get_mut(samples.len()) {
        *slot = [0; 2];
    }
}

/// Writes samples for the transmitter in sc8: the upper byte of each value.
pub(super) fn write_upper(samples: &[Sample], out: &mut [u8]) {
    let pairs = out.as_chunks_mut::<2>().0;
    for (slot, sample) in pairs.iter_mut().zip(samples) {
        *slot = [(sample.re >> 8) as u8, (sample.im >> 8) as u8];
    }
    if let Some(slot) = pairs.get_mut(samples.len()) {
        *slot = [0; 2];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_receiver_clips_and_the_transmitter_shifts() {
        for (value, byte) in
            [(0, 0), (1, 1), (-1, -1), (127, 127), (128, 127), (-128, -128), (-129, -128), (32767, 127), (-32768, -128)]
        {
            assert_eq!(clipped(value), byte, "{value}");
        }
        let sc16: Vec<u8> =
            [Sample::new(1, -2), Sample::new(300, -300), Sample::new(5, 6)].into_iter().flat_map(dsp::sample_bytes).collect();
        let mut out = [0xAA; 8];
        clip_into(&sc16, &mut out);
        assert_eq!(out, [1, 0xFE, 0x7F, 0x80, 5, 6, 0, 0]);
        assert_eq!(Format::Sc8.sample(&out, 1), Some(Sample::new(0x7F00, -0x8000)));
        assert_eq!((Format::Sc8.sample(&out, 3), Format::Sc8.sample(&out, 4)), (Some(Sample::new(0, 0)), None));
    }

    proptest! {
        #[test]
        fn sc8_keeps_the_upper_byte(raw in prop::collection::vec(any::<(i16, i16)>(), 0..9)) {
            let samples: Vec<Sample> = raw.iter().map(|(i, q)| Sample::new(*i, *q)).collect();
            let mut out = vec![1; Format::Sc8.bytes(samples.len())];
            write_upper(&samples, &mut out);
            for (n, sample) in samples.iter().enumerate() {
                prop_assert_eq!(Format::Sc8.sample(&out, n), Some(Sample::new(sample.re & !0xFF, sample.im & !0xFF)));
            }
        }
    }
}
