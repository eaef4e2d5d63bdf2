//! Receive streams: sample packets and error packets from the device.

use super::vita::{self, Header, bits};
use super::{Sample, WireError, double, dsp, halves, put, word};

/// Bytes of a sample packet beside its samples: header, stream id, time, trailer.
pub const OVERHEAD: usize = 20;

/// Bytes of an error packet.
pub const CONTEXT_LENGTH: usize = 20;

/// Stream id that hosts give chain 0; chain 1 has the next.
pub const STREAM_ID: u32 = 3;

const TRAILER: u32 = 0x0010_0000;
const TRAILER_END_OF_BURST: u32 = 0x0010_0100;
const TRAILER_IS_END: u32 = 0x100;
const FLAGS: u32 = super::register::RX_HEADER_TEMPLATE;

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
    /// Count, 0..=15.
    pub count: u8,
    /// Device time of the event.
    pub tick: u64,
    /// What happened.
    pub error: RxError,
}

impl<'a> RxData<'a> {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.payload.len() / 4
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }

    /// The samples in the host's byte order.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = Sample> + 'a {
        self.payload.as_chunks::<4>().0.iter().map(|bytes| dsp::sample_of(*bytes))
    }

    /// Copies the samples out; returns how many fitted.
    pub fn copy_to(&self, out: &mut [Sample]) -> usize {
        dsp::read_samples(self.payload, out);
        self.len().min(out.len())
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
                Ok(Self::Data(RxData { stream, count: header.count(), tick, end_of_burst, payload }))
            }
            bits::EXTENSION => {
                let error = RxError::from_code(word(&bytes[..header.end], header.payload)?);
                Ok(Self::Context(RxContext { stream, count: header.count(), tick, error }))
            }
            _ => Err(WireError::Unexpected { field: "receive header", value: header.raw }),
        }
    }
}

/// Writes a packet's frame around `count_samples` samples, which the caller writes at byte [`SAMPLES_AT`]; returns its length in bytes.
///
/// # Errors
/// The buffer is too short.
pub fn encode_frame(
    out: &mut [u8],
    stream: u32,
    count: u8,
    tick: u64,
    samples: usize,
    end_of_burst: bool,
) -> Result<usize, WireError> {
    let length = samples * 4 + OVERHEAD;
    let got = out.len();
    let packet = out.get_mut(..length).ok_or(WireError::Short { got, need: length })?;
    let [high, low] = halves(tick);
    put(packet, &[vita::header(FLAGS, count, length / 4), stream, high, low]);
    put(&mut packet[length - 4..], &[if end_of_burst { TRAILER_END_OF_BURST } else { TRAILER }]);
    Ok(length)
}

/// Byte offset of the samples in a packet that [`encode_frame`] wrote.
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
    let length = encode_frame(out, stream, count, tick, samples.len(), end_of_burst)?;
    dsp::write_samples(samples, &mut out[SAMPLES_AT..length - 4]);
    Ok(length)
}

impl RxContext {
    /// The 20 bytes.
    pub fn encode(&self) -> [u8; CONTEXT_LENGTH] {
        let mut out = [0; CONTEXT_LENGTH];
        let [high, low] = halves(self.tick);
        let header = vita::header(bits::EXTENSION | bits::TICKS, self.count, CONTEXT_LENGTH / 4);
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
            let mut copied = vec![Sample::default(); 400];
            prop_assert_eq!(data.copy_to(&mut copied), samples.len());
            prop_assert_eq!(&copied[..samples.len()], &samples[..]);
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
