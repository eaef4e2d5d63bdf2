//! The transmit stream: sample packets to the device, flow control and events from it.

use super::format::{self, Format, TRAILER_ODD, TRAILER_SC8};
use super::vita::{self, Header, bits};
use super::{Sample, WireError, dsp, halves, put, word};

/// Most bytes of a sample packet beside its samples: sequence, header, time, trailer.
pub const OVERHEAD: usize = 20;

/// Bytes of an event.
pub const EVENT_LENGTH: usize = 24;

/// Stream id of events.
pub const STREAM_ID: u32 = 2;

/// Samples that fit in the device's queue of 1 MiB.
pub const QUEUE_SAMPLES: usize = 262_144;

/// Packets of [`super::FRAME`] bytes that fit in the device's queue: how far a host may run ahead of the last sequence reported.
pub const WINDOW: u32 = 712;

/// Sequence number that flow control reports before any packet.
pub const NO_SEQUENCE: u32 = 0xFFFF_FFFF;

const TRAILER: u32 = 0x00C0_0000;

/// A sample packet, as a view into the datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxData<'a> {
    /// Header fields.
    pub header: TxHeader,
    format: Format,
    samples: usize,
    payload: &'a [u8],
}

/// What a sample packet says beside its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TxHeader {
    /// Transport sequence, plus one for each packet.
    pub sequence: u32,
    /// Packet count, 0..=15, plus one for each packet.
    pub count: u8,
    /// First packet of a burst; the device does not need it.
    pub start_of_burst: bool,
    /// Last packet of a burst.
    pub end_of_burst: bool,
    /// Device time of the first sample; looked at only when the transmitter is idle.
    pub tick: Option<u64>,
}

impl TxHeader {
    fn prologue(&self) -> usize {
        if self.tick.is_some() { 16 } else { 8 }
    }

    /// Writes the packet and returns its length in bytes.
    ///
    /// # Errors
    /// The buffer is too short.
    pub fn encode(&self, samples: &[Sample], out: &mut [u8]) -> Result<usize, WireError> {
        self.encode_as(Format::Sc16, samples, out)
    }

    /// Writes the packet in a format (sc8 takes the upper bytes of the samples) and returns its length in bytes.
    ///
    /// # Errors
    /// The buffer is too short.
    pub fn encode_as(&self, format: Format, samples: &[Sample], out: &mut [u8]) -> Result<usize, WireError> {
        let at = self.prologue();
        let length = at + format.bytes(samples.len()) + 4;
        let got = out.len();
        let packet = out.get_mut(..length).ok_or(WireError::Short { got, need: length })?;
        let mut flags = bits::TRAILER;
        flags |= if self.start_of_burst { bits::START_OF_BURST } else { 0 };
        flags |= if self.end_of_burst { bits::END_OF_BURST } else { 0 };
        flags |= if self.tick.is_some() { bits::TICKS } else { 0 };
        let rest = put(packet, &[self.sequence, vita::header(flags, self.count, length / 4 - 1)]);
        if let Some(tick) = self.tick {
            put(rest, &halves(tick));
        }
        let (payload, last) = packet[at..].split_at_mut(length - at - 4);
        match format {
            Format::Sc16 => dsp::write_samples(samples, payload),
            Format::Sc8 => format::write_upper(samples, payload),
        }
        put(last, &[TRAILER | format.trailer(samples.len())]);
        Ok(length)
    }
}

impl<'a> TxData<'a> {
    /// Reads a packet of sc16.
    ///
    /// # Errors
    /// Too short for its own fields.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        Self::decode_as(Format::Sc16, bytes)
    }

    /// Reads a packet whose format is known from elsewhere. Without a trailer it is sc16, as the device takes it.
    ///
    /// # Errors
    /// Too short for its own fields.
    pub fn decode_as(format: Format, bytes: &'a [u8]) -> Result<Self, WireError> {
        let sequence = word(bytes, 0)?;
        let packet = &bytes[4..];
        let header = Header::parse(packet)?;
        let payload = &packet[header.payload..header.end];
        let (format, samples) = if format == Format::Sc8 && header.has(bits::TRAILER) {
            let trailer = word(packet, header.end)?;
            let odd = trailer & TRAILER_SC8 != 0 && trailer & TRAILER_ODD != 0;
            (Format::Sc8, (payload.len() / 2).saturating_sub(usize::from(odd)))
        } else {
            (Format::Sc16, payload.len() / 4)
        };
        Ok(Self {
            header: TxHeader {
                sequence,
                count: header.count(),
                start_of_burst: header.has(bits::START_OF_BURST),
                end_of_burst: header.has(bits::END_OF_BURST),
                tick: header.tick,
            },
            format,
            samples,
            payload,
        })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.samples
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.samples == 0
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

/// What the device says of transmission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxMessage {
    /// Nothing but the sequence number: room has become free.
    FlowControl,
    /// A burst has been sent to its end.
    BurstAck,
    /// The queue ran empty between packets.
    Underflow,
    /// A packet's sequence was not the expected one; that packet was dropped.
    SequenceError,
    /// A packet's time had passed; it was dropped.
    Late,
    /// The queue ran empty inside a packet.
    UnderflowInPacket,
    /// As `SequenceError`, inside a burst.
    SequenceErrorInBurst,
    /// Any other code.
    Other(u8),
}

const MESSAGES: [(u8, TxMessage); 7] = [
    (0x00, TxMessage::FlowControl),
    (0x01, TxMessage::BurstAck),
    (0x02, TxMessage::Underflow),
    (0x04, TxMessage::SequenceError),
    (0x08, TxMessage::Late),
    (0x10, TxMessage::UnderflowInPacket),
    (0x20, TxMessage::SequenceErrorInBurst),
];

impl TxMessage {
    /// The code on the wire.
    pub fn code(self) -> u8 {
        if let Self::Other(code) = self {
            return code;
        }
        MESSAGES.iter().find(|(_, message)| *message == self).map_or(0, |(code, _)| *code)
    }

    /// The meaning of a code.
    pub fn from_code(code: u8) -> Self {
        MESSAGES.iter().find(|(known, _)| *known == code).map_or(Self::Other(code), |(_, message)| *message)
    }
}

/// A flow control update or an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxEvent {
    /// Stream id, [`STREAM_ID`].
    pub stream: u32,
    /// Count, 0..=15; updates and events count apart.
    pub count: u8,
    /// Device time of the event.
    pub tick: u64,
    /// What happened.
    pub message: TxMessage,
    /// Sequence number of the last packet that reached the transmitter, [`NO_SEQUENCE`] before any.
    pub sequence: u32,
}

impl TxEvent {
    /// The 24 bytes.
    pub fn encode(&self) -> [u8; EVENT_LENGTH] {
        self.encode_about(self.sequence)
    }

    /// The 24 bytes when the event is about another packet than the last that reached the transmitter.
    pub fn encode_about(&self, packet: u32) -> [u8; EVENT_LENGTH] {
        let mut out = [0; EVENT_LENGTH];
        let [high, low] = halves(self.tick);
        let code = u32::from(self.message.code());
        // Events carry the low bits of their packet's sequence in the upper half; updates are all zero.
        let message = if code == 0 { 0 } else { ((packet & 15) << 16) | code };
        let header = vita::header(bits::EXTENSION | bits::TICKS, self.count, EVENT_LENGTH / 4);
        put(&mut out, &[header, self.stream, high, low, message, self.sequence]);
        out
    }

    /// Reads an event.
    ///
    /// # Errors
    /// Too short, or something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let header = Header::parse(bytes)?;
        let (bits::EXTENSION, Some(stream), Some(tick)) = (header.kind(), header.stream, header.tick) else {
            return Err(WireError::Unexpected { field: "event header", value: header.raw });
        };
        let packet = &bytes[..header.end];
        let message = TxMessage::from_code(word(packet, header.payload)? as u8);
        Ok(Self { stream, count: header.count(), tick, message, sequence: word(packet, header.payload + 4)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(header: TxHeader, samples: usize) -> Vec<u8> {
        let mut out = vec![0; 1500];
        let length = header.encode(&vec![Sample::default(); samples], &mut out).unwrap();
        out.truncate(length);
        out
    }

    #[test]
    fn the_packets_that_stock_uhd_sends() {
        let first = encoded(TxHeader { tick: Some(100_000_000), ..TxHeader::default() }, 363);
        assert_eq!(first.len(), 1472);
        assert_eq!(first[..16], [0, 0, 0, 0, 0x04, 0x10, 0x01, 0x6F, 0, 0, 0, 0, 0x05, 0xF5, 0xE1, 0]);
        let next = encoded(TxHeader { sequence: 1, count: 1, ..TxHeader::default() }, 363);
        assert_eq!(next.len(), 1464);
        assert_eq!(next[..8], [0, 0, 0, 1, 0x04, 0x01, 0x01, 0x6D]);
        let last = encoded(TxHeader { sequence: 3, count: 3, end_of_burst: true, ..TxHeader::default() }, 1);
        assert_eq!(last, [0, 0, 0, 3, 0x05, 0x03, 0, 3, 0, 0, 0, 0, 0, 0xC0, 0, 0]);
        let start = encoded(TxHeader { start_of_burst: true, tick: Some(0), ..TxHeader::default() }, 363);
        assert_eq!(start[4..8], [0x06, 0x10, 0x01, 0x6F]);
    }

    #[test]
    fn sc8_packets_have_a_trailer_that_tells_an_odd_count() {
        for (samples, length, trailer) in [(4, 20, [0, 0xC0, 0, 0]), (3, 20, [0, 0xC0, 4, 0]), (1, 16, [0, 0xC0, 4, 0])] {
            let mut out = [0; 64];
            let header = TxHeader { sequence: 7, count: 7, ..TxHeader::default() };
            assert_eq!(header.encode_as(Format::Sc8, &vec![Sample::new(0x7F00, -256); samples], &mut out), Ok(length));
            assert_eq!((&out[8..10], &out[length - 4..length]), (&[0x7F, 0xFF][..], &trailer[..]));
            let data = TxData::decode_as(Format::Sc8, &out[..length]).unwrap();
            assert_eq!(data.samples().collect::<Vec<_>>(), vec![Sample::new(0x7F00, -256); samples]);
            let mut appended = Vec::new();
            data.append_to(&mut appended);
            assert_eq!(appended, vec![Sample::new(0x7F00, -256); samples]);
        }
    }

    #[test]
    fn an_event_may_be_about_a_packet_before_the_last() {
        let event = TxEvent { stream: 2, count: 0, tick: 0, message: TxMessage::BurstAck, sequence: 8 };
        assert_eq!(event.encode_about(7)[16..], [0, 7, 0, 1, 0, 0, 0, 8]);
    }

    proptest! {
        #[test]
        fn sample_packets_survive_the_round_trip(
            sequence: u32, count in 0u8..16, start_of_burst: bool, end_of_burst: bool, tick: Option<u64>,
            raw in prop::collection::vec(any::<(i16, i16)>(), 0..363),
        ) {
            let samples: Vec<Sample> = raw.into_iter().map(|(i, q)| Sample::new(i, q)).collect();
            let header = TxHeader { sequence, count, start_of_burst, end_of_burst, tick };
            let mut out = [0; 1472];
            let length = header.encode(&samples, &mut out).unwrap();
            let data = TxData::decode(&out[..length]).unwrap();
            prop_assert_eq!(data.header, header);
            prop_assert_eq!(data.samples().collect::<Vec<_>>(), samples.clone());
            let mut appended = Vec::new();
            data.append_to(&mut appended);
            prop_assert_eq!(appended, samples);
        }

        #[test]
        fn events_survive_the_round_trip(stream: u32, count in 0u8..16, tick: u64, code: u8, sequence: u32) {
            let event = TxEvent { stream, count, tick, message: TxMessage::from_code(code), sequence };
            prop_assert_eq!(TxEvent::decode(&event.encode()), Ok(event));
        }

        #[test]
        fn any_bytes_are_read_without_panic(lead: u8, rest in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut bytes = vec![0, 0, 0, 0, lead, 0x10, 0, rest.len() as u8 / 4];
            bytes.extend(rest);
            let _ = (TxData::decode(&bytes), TxEvent::decode(&bytes[4..]), TxData::decode(&bytes[5..]));
        }
    }
}
