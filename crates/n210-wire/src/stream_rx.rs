//! Receive streams: sample packets and error packets from the device.

use super::format::{Format, TRAILER_ODD, TRAILER_SC8};
use super::vita::{self, Header, bits};
use super::{Sample, WireError, double, dsp, halves, put, word};

/// Bytes of a sample packet beside its samples: header, stream id, time, trailer.
pub const OVERHEAD: usize = 20;

/// Bytes of an error packet.
pub const CONTEXT_LENGTH: usize = 20;

/// Stream id that hosts give chain 0; chain 1 has the next.
pub const STREAM_ID: u32 = 3;

/// Trailer: the end-of-burst flag counts, and it is set.
const TRAILER: u32 = 0x0010_0000;
const TRAILER_IS_END: u32 = 0x100;
/// What the chain takes over from its trailer register.
const TRAILER_TEMPLATE: u32 = 0xFFEF_FE00;
/// What the chain takes over from its header register, and what errors do.
const HEADER_TEMPLATE: u32 = 0x13F0_0000;
const ERROR_TEMPLATE: u32 = 0x00F0_0000;

/// A packet of a receive stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RxPacket<'a> {
    /// Samples.
    Data(RxData<'a>),
    /// What went wrong.
    Context(RxContext),
}

/// Samples, as a view into the datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RxData<'a> {
    /// Stream id.
    pub stream: u32,
    /// Packet count, 0..=15; counts sample packets only.
    pub count: u8,
    /// Device time of the first sample.
    pub tick: u64,
    /// Last packet of a burst.
    pub end_of_burst: bool,
    format: Format,
    samples: usize,
    payload: &'a [u8],
}

/// Why a stream says something else than samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RxError {
    /// The command's time had passed; the chain stays idle.
    Late,
    /// The command that was to follow did not; idle.
    BrokenChain,
    /// Samples could not leave in time; idle, and only a new command starts it again.
    Overflow,
    /// Told to stop while idle; harmless.
    StopWhileIdle,
    /// Any other code.
    Other(u32),
}

impl RxError {
    /// The code on the wire.
    pub fn code(self) -> u32 {
        match self {
            Self::Late => 0x2,
            Self::BrokenChain => 0x4,
            Self::Overflow => 0x8,
            Self::StopWhileIdle => 0x10,
            Self::Other(code) => code,
        }
    }

    /// The meaning of a code.
    pub fn from_code(code: u32) -> Self {
        match code {
            0x2 => Self::Late,
            0x4 => Self::BrokenChain,
            0x8 => Self::Overflow,
            0x10 => Self::StopWhileIdle,
            other => Self::Other(other),
        }
    }
}

/// An error packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RxContext {
    /// Stream id.
    pub stream: u32,
    /// Count of the next sample packet, 0..=15.
    pub count: u8,
    /// Device time of the event.
    pub tick: u64,
    /// What happened.
    pub error: RxError,
}

impl<'a> RxData<'a> {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.samples
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// How the samples are packed, by the trailer.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The samples in the host's byte order; a byte of sc8 is the upper half of a value.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = Sample> + 'a {
        let Self { format, payload, .. } = *self;
        (0..self.samples).map(move |n| format.sample(payload, n).unwrap_or_default())
    }

    /// The same, put behind others.
    pub fn append_to(&self, out: &mut impl Extend<Sample>) {
        self.format.append(self.payload, self.samples, out);
    }
}

impl<'a> RxPacket<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    /// Too short, or neither samples nor an error packet.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let header = Header::parse(bytes)?;
        let (Some(stream), Some(tick)) = (header.stream, header.tick) else {
            return Err(WireError::Unexpected { field: "receive header", value: header.raw });
        };
        match header.kind() {
            bits::DATA_WITH_ID => {
                let trailer = if header.has(bits::TRAILER) { word(bytes, header.end)? } else { 0 };
                let payload = &bytes[header.payload..header.end];
                let end_of_burst = trailer & TRAILER_IS_END != 0;
                let (format, samples) = if trailer & TRAILER_SC8 == 0 {
                    (Format::Sc16, payload.len() / 4)
                } else {
                    (Format::Sc8, (payload.len() / 2).saturating_sub(usize::from(trailer & TRAILER_ODD != 0)))
                };
                Ok(Self::Data(RxData { stream, count: header.count(), tick, end_of_burst, format, samples, payload }))
            }
            bits::EXTENSION => {
                let error = RxError::from_code(word(&bytes[..header.end], header.payload)?);
                Ok(Self::Context(RxContext { stream, count: header.count(), tick, error }))
            }
            _ => Err(WireError::Unexpected { field: "receive header", value: header.raw }),
        }
    }
}

/// What a receive chain's registers make of its packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RxTemplate {
    /// Header register: bit 28 (stream id) and bits 25 to 20 are used.
    pub header: u32,
    /// Stream id register.
    pub stream: u32,
    /// Trailer register: all but bits 20 and 8 to 0 are used.
    pub trailer: u32,
    /// Format register.
    pub format: Format,
}

impl RxTemplate {
    /// Template of a chain as hosts set it.
    pub fn usual(stream: u32) -> Self {
        Self { header: super::register::RX_HEADER_TEMPLATE, stream, ..Self::default() }
    }

    /// Byte offset of the samples: the time is there whatever the header register says.
    pub fn samples_at(&self) -> usize {
        if self.header & bits::DATA_WITH_ID == 0 { SAMPLES_AT - 4 } else { SAMPLES_AT }
    }

    /// Bytes of a packet of so many samples.
    pub fn length(&self, samples: usize) -> usize {
        self.samples_at() + self.format.bytes(samples) + 4
    }

    /// Writes a packet around its samples, and returns their place for the caller to fill.
    ///
    /// # Errors
    /// The buffer is too short.
    pub fn encode<'a>(
        &self,
        out: &'a mut [u8],
        count: u8,
        tick: u64,
        samples: usize,
        end_of_burst: bool,
    ) -> Result<&'a mut [u8], WireError> {
        let (at, length, got) = (self.samples_at(), self.length(samples), out.len());
        let packet = out.get_mut(..length).ok_or(WireError::Short { got, need: length })?;
        let (front, rest) = packet.split_at_mut(at);
        let [high, low] = halves(tick);
        let header = vita::header(bits::TRAILER | (self.header & HEADER_TEMPLATE), count, length / 4);
        if at == SAMPLES_AT {
            put(front, &[header, self.stream, high, low]);
        } else {
            put(front, &[header, high, low]);
        }
        let (payload, last) = rest.split_at_mut(length - at - 4);
        let flags = TRAILER | if end_of_burst { TRAILER_IS_END } else { 0 } | self.format.trailer(samples);
        put(last, &[(self.trailer & TRAILER_TEMPLATE) | flags]);
        Ok(payload)
    }
}

/// Byte offset of the samples in a packet with a stream id.
pub const SAMPLES_AT: usize = 16;

/// Writes a whole sample packet and returns its length in bytes.
///
/// # Errors
/// The buffer is too short.
pub fn encode_data(
    out: &mut [u8],
    stream: u32,
    count: u8,
    tick: u64,
    samples: &[Sample],
    end_of_burst: bool,
) -> Result<usize, WireError> {
    let template = RxTemplate::usual(stream);
    dsp::write_samples(samples, template.encode(out, count, tick, samples.len(), end_of_burst)?);
    Ok(template.length(samples.len()))
}

impl RxContext {
    /// The 20 bytes.
    pub fn encode(&self) -> [u8; CONTEXT_LENGTH] {
        self.encode_as(&RxTemplate::usual(self.stream))
    }

    /// The 20 bytes as a chain with these registers writes them.
    pub fn encode_as(&self, template: &RxTemplate) -> [u8; CONTEXT_LENGTH] {
        let mut out = [0; CONTEXT_LENGTH];
        let [high, low] = halves(self.tick);
        let header = vita::header(bits::EXTENSION | (template.header & ERROR_TEMPLATE), self.count, CONTEXT_LENGTH / 4);
        put(&mut out, &[header, self.stream, high, low, self.error.code()]);
        out
    }

    /// Reads an error packet.
    ///
    /// # Errors
    /// Too short, or something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let RxPacket::Context(context) = RxPacket::decode(bytes)? else {
            return Err(WireError::Unexpected { field: "receive header", value: double(bytes, 0)? as u32 });
        };
        Ok(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_full_packet_begins_as_uhd_expects() {
        let mut out = [0; 1472];
        let samples = vec![Sample::new(1, -2); 363];
        assert_eq!(encode_data(&mut out, 3, 0, 100_000_000, &samples, false), Ok(1472));
        assert_eq!(out[..8], [0x14, 0x10, 0x01, 0x70, 0, 0, 0, 3]);
        assert_eq!(out[8..20], [0, 0, 0, 0, 0x05, 0xF5, 0xE1, 0, 0, 1, 0xFF, 0xFE]);
        assert_eq!(out[1468..], [0, 0x10, 0, 0]);
    }

    #[test]
    fn sc8_packets_are_shorter_and_say_so() {
        let template = RxTemplate { format: Format::Sc8, ..RxTemplate::usual(4) };
        for (samples, words, trailer) in [(4, 7, [0, 0x50, 0, 0]), (3, 7, [0, 0x50, 4, 0]), (1, 6, [0, 0x50, 4, 0])] {
            let mut out = [0xEE; 64];
            assert_eq!(template.encode(&mut out, 2, 1, samples, false).map(|payload| payload.len()), Ok((words - 5) * 4));
            assert_eq!(out[..8], [0x14, 0x12, 0, words as u8, 0, 0, 0, 4]);
            assert_eq!(out[words * 4 - 4..words * 4], trailer);
            let Ok(RxPacket::Data(data)) = RxPacket::decode(&out[..words * 4]) else { panic!("no data packet") };
            assert_eq!((data.len(), data.format(), data.samples().len()), (samples, Format::Sc8, samples));
        }
    }

    #[test]
    fn the_registers_give_some_bits_and_the_chain_the_rest() {
        let template = RxTemplate { header: 0xFFFF_FFFF, stream: 9, trailer: 0xFFFF_FFFF, format: Format::Sc16 };
        let mut out = [0; 64];
        template.encode(&mut out, 5, 1, 1, true).unwrap();
        assert_eq!((&out[..4], &out[20..24]), (&[0x17, 0xF5, 0, 6][..], &[0xFF, 0xFF, 0xFF, 0][..]));
        let bare = RxTemplate { header: 0, ..template };
        bare.encode(&mut out, 5, 0x0102_0304_0506_0708, 1, false).unwrap();
        assert_eq!(out[..12], [0x04, 5, 0, 5, 1, 2, 3, 4, 5, 6, 7, 8]);
        let context = RxContext { stream: 9, count: 5, tick: 0, error: RxError::Overflow };
        assert_eq!(
            (&context.encode_as(&bare)[..4], &context.encode_as(&template)[..4]),
            (&[0x50, 5, 0, 5][..], &[0x50, 0xF5, 0, 5][..])
        );
    }

    #[test]
    fn an_error_packet_is_five_words() {
        let context = RxContext { stream: 3, count: 1, tick: 7, error: RxError::Late };
        assert_eq!(context.encode(), [0x50, 0x11, 0, 5, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 2]);
    }

    proptest! {
        #[test]
        fn sample_packets_survive_the_round_trip(
            stream: u32, count in 0u8..16, tick: u64, end: bool, raw in prop::collection::vec(any::<(i16, i16)>(), 0..363),
        ) {
            let samples: Vec<Sample> = raw.into_iter().map(|(i, q)| Sample::new(i, q)).collect();
            let mut out = [0; 1472];
            let length = encode_data(&mut out, stream, count, tick, &samples, end).unwrap();
            let Ok(RxPacket::Data(data)) = RxPacket::decode(&out[..length]) else { panic!("no data packet") };
            prop_assert_eq!((data.stream, data.count, data.tick, data.end_of_burst), (stream, count, tick, end));
            prop_assert_eq!(data.samples().collect::<Vec<_>>(), samples.clone());
            let mut appended = Vec::new();
            data.append_to(&mut appended);
            prop_assert_eq!(appended, samples);
        }

        #[test]
        fn error_packets_survive_the_round_trip(stream: u32, count in 0u8..16, tick: u64, code: u32) {
            let context = RxContext { stream, count, tick, error: RxError::from_code(code) };
            prop_assert_eq!(RxContext::decode(&context.encode()), Ok(context));
        }

        #[test]
        fn any_bytes_are_read_without_panic(
            lead in prop::sample::select(vec![0x14u8, 0x50, 0xFF, 0x1C]), rest in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut bytes = vec![lead, 0x10, 0, rest.len() as u8 / 4];
            bytes.extend(rest);
            let _ = (RxPacket::decode(&bytes), RxPacket::decode(&bytes[1..]));
        }
    }
}
