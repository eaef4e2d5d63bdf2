//! What the transmit chain makes of datagrams: packets of samples, read word by word.
//!
//! The chain trusts lengths. A packet whose header promises more samples than its datagram holds, or that has none at all, leaves the
//! chain reading samples: what follows is taken for samples until the promised length is reached or the chain is cleared.

use std::collections::VecDeque;

use n210_wire::format::Format;
use n210_wire::stream_tx::{TxData, TxHeader};
use n210_wire::vita::bits;
use n210_wire::{Sample, dsp};

/// A datagram read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Its header, or that of the packet it was taken for a part of.
    pub header: TxHeader,
    /// It has numbers of its own to be checked.
    pub numbered: bool,
    /// Samples; none at all never reaches the transmitter.
    pub samples: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    #[default]
    Sequence,
    Header,
    /// So many words before the samples; the last two may be a time.
    Optional(u8),
    Payload,
    Trailer,
    Rest,
}

/// The reader.
#[derive(Debug, Default)]
pub struct Deframer {
    at: At,
    raw: u32,
    header: TxHeader,
    time: u64,
    /// Words left by the packet's own count, and how many of them are not samples.
    left: u16,
    around: u16,
}

impl Deframer {
    /// Reads a datagram; its samples go to the end of `samples`.
    pub fn read(&mut self, datagram: &[u8], format: Format, samples: &mut VecDeque<Sample>) -> Packet {
        if self.at == At::Sequence
            && let Some(packet) = usual(datagram, format, samples)
        {
            self.header = packet.header;
            return packet;
        }
        let widened = (format == Format::Sc8).then(|| widened(datagram)).flatten();
        self.read_words(widened.as_deref().unwrap_or(datagram), samples)
    }

    fn read_words(&mut self, datagram: &[u8], samples: &mut VecDeque<Sample>) -> Packet {
        let before = samples.len();
        let mut numbered = false;
        let words = datagram.chunks(4);
        let last = words.len().saturating_sub(1);
        for (n, bytes) in words.enumerate() {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            numbered |= self.at == At::Header;
            self.read_word(word, n == last, samples);
        }
        Packet { header: self.header, numbered, samples: samples.len() - before }
    }

    fn read_word(&mut self, bytes: [u8; 4], end: bool, samples: &mut VecDeque<Sample>) {
        let word = u32::from_be_bytes(bytes);
        let next = if end { At::Sequence } else { At::Rest };
        self.at = match self.at {
            At::Sequence => {
                self.header.sequence = word;
                At::Header
            }
            At::Header => self.read_header(word),
            At::Optional(left) => {
                self.time = (self.time << 32) | u64::from(word);
                if left > 1 {
                    At::Optional(left - 1)
                } else {
                    self.header.tick = self.header.tick.map(|_| self.time);
                    At::Payload
                }
            }
            At::Payload => {
                samples.push_back(dsp::sample_of(bytes));
                let done = self.left == self.around;
                self.left = self.left.wrapping_sub(1);
                match done {
                    false => At::Payload,
                    true if !end && self.raw & bits::TRAILER != 0 => At::Trailer,
                    true => next,
                }
            }
            At::Trailer | At::Rest => next,
        };
    }

    fn read_header(&mut self, word: u32) -> At {
        let has = |mask: u32| u16::from(word & mask != 0);
        let stream = u16::from(word & bits::TYPE == bits::DATA_WITH_ID);
        let optional = stream + 2 * has(bits::CLASS_ID) + has(bits::INTEGER_TIME) + 2 * has(bits::FRACTIONAL_TIME);
        (self.raw, self.left) = (word, word as u16);
        self.around = 2 + optional + has(bits::TRAILER);
        self.header = TxHeader {
            sequence: self.header.sequence,
            count: n210_wire::vita::count(word),
            start_of_burst: word & bits::START_OF_BURST != 0,
            end_of_burst: word & bits::END_OF_BURST != 0,
            tick: (word & bits::FRACTIONAL_TIME != 0).then_some(0),
        };
        if optional == 0 { At::Payload } else { At::Optional(optional as u8) }
    }
}

/// Whole words of a datagram.
fn word(datagram: &[u8], at: usize) -> Option<u32> {
    datagram.get(at * 4..)?.first_chunk().copied().map(u32::from_be_bytes)
}

/// A packet that is as long as its datagram, with samples: what every sane host sends.
fn usual(datagram: &[u8], format: Format, samples: &mut VecDeque<Sample>) -> Option<Packet> {
    let raw = word(datagram, 1)?;
    let whole = (raw & 0xFFFF) as usize * 4 + 4 == datagram.len();
    // Types 0 and 1 are samples for both the host's reading and the chain's.
    if !whole || raw & (bits::TYPE & !bits::DATA_WITH_ID) != 0 {
        return None;
    }
    let data = TxData::decode_as(format, datagram).ok().filter(|data| !data.is_empty())?;
    data.append_to(samples);
    Some(Packet { header: data.header, numbered: true, samples: data.len() })
}

/// A datagram of sc8 as the chain turns it into sc16 before it reads it; none if it leaves it as it is.
fn widened(datagram: &[u8]) -> Option<Vec<u8>> {
    let raw = word(datagram, 1)?;
    let whole = datagram.get(..(raw & 0xFFFF) as usize * 4 + 4)?;
    if raw & 0xE000_0000 != 0 || raw & bits::TRAILER == 0 {
        return None;
    }
    let data = TxData::decode_as(Format::Sc8, whole).ok()?;
    let payload = whole.len() - 4 - Format::Sc8.bytes(data.len());
    let words = (raw & 0xFFFF) as usize - Format::Sc8.bytes(data.len()) / 4 + data.len();
    let mut out = whole.get(..payload)?.to_vec();
    out.get_mut(4..8)?.copy_from_slice(&((raw & 0xFFFF_0000) | (words as u32 & 0xFFFF)).to_be_bytes());
    out.extend(data.samples().flat_map(dsp::sample_bytes));
    out.extend(whole.last_chunk::<4>()?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(deframer: &mut Deframer, words: &[u32]) -> (Packet, Vec<Sample>) {
        let mut samples = VecDeque::new();
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        (deframer.read(&bytes, Format::Sc16, &mut samples), samples.into())
    }

    #[test]
    fn a_packet_without_samples_makes_samples_of_what_follows() {
        let mut deframer = Deframer::default();
        // Without a trailer nothing is left for the samples.
        let (empty, _) = read(&mut deframer, &[0, 0x0000_0001]);
        assert_eq!((empty.numbered, empty.samples), (true, 0));
        let (eaten, samples) = read(&mut deframer, &[1, 0x0101_0002, 0x0005_0006]);
        assert_eq!((eaten.numbered, eaten.samples, eaten.header.sequence), (false, 3, 0));
        assert_eq!(samples[2], Sample::new(5, 6));
    }

    #[test]
    fn what_is_behind_the_packets_own_length_is_not_looked_at() {
        let mut deframer = Deframer::default();
        let (long, samples) = read(&mut deframer, &[7, 0x0407_0003, 0x0001_0002, 0x00C0_0000, 9, 9]);
        assert_eq!((long.numbered, long.samples, long.header.sequence, long.header.count), (true, 1, 7, 7));
        assert_eq!(samples, [Sample::new(1, 2)]);
        let (next, _) = read(&mut deframer, &[8, 0x0108_0002, 1]);
        assert_eq!((next.numbered, next.samples, next.header.end_of_burst), (true, 1, true));
    }

    #[test]
    fn a_length_beyond_the_datagram_takes_what_follows_for_samples() {
        let mut deframer = Deframer::default();
        let (first, _) = read(&mut deframer, &[0, 0x0000_0006, 0x0001_0002, 0x0003_0004]);
        assert_eq!((first.numbered, first.samples), (true, 2));
        // Three more complete it; the rest of their datagram is not looked at.
        let (second, samples) = read(&mut deframer, &[1, 0x0001_0002, 0x0005_0006, 9, 9]);
        assert_eq!((second.numbered, second.samples, samples[2]), (false, 3, Sample::new(5, 6)));
        let (third, _) = read(&mut deframer, &[2, 0x0002_0002, 0x0007_0008]);
        assert_eq!((third.numbered, third.samples, third.header.sequence), (true, 1, 2));
    }

    #[test]
    fn class_identifiers_are_not_samples() {
        let (packet, samples) = read(&mut Deframer::default(), &[0, 0x0800_0005, 7, 7, 0x0001_0002, 0x0003_0004, 9]);
        assert_eq!((packet.samples, samples), (2, vec![Sample::new(1, 2), Sample::new(3, 4)]));
    }

    /// The converter looks for a trailer: a packet without one stays as it is, whichever way it is read.
    #[test]
    fn sc8_without_a_trailer_is_read_as_sc16() {
        for words in [&[0, 0x0000_0003, 0x0001_0002, 0x0003_0004][..], &[0, 0x0000_0003, 0x0001_0002, 0x0003_0004, 9]] {
            let bytes: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_be_bytes()).collect();
            let mut samples = VecDeque::new();
            Deframer::default().read(&bytes, Format::Sc8, &mut samples);
            assert_eq!(samples, [Sample::new(1, 2), Sample::new(3, 4)]);
        }
    }

    proptest! {
        #[test]
        fn the_short_way_reads_what_the_long_way_reads(
            sequence: u32, count in 0u8..16, end_of_burst: bool, tick: Option<u64>, eight: bool,
            raw in prop::collection::vec(any::<(i16, i16)>(), 1..40),
        ) {
            let samples: Vec<Sample> = raw.into_iter().map(|(i, q)| Sample::new(i, q)).collect();
            let header = TxHeader { sequence, count, end_of_burst, tick, ..TxHeader::default() };
            let (mut out, format) = ([0; 200], Format::from_register(u32::from(eight)));
            let length = header.encode_as(format, &samples, &mut out).unwrap();
            let (mut short, mut long) = (VecDeque::new(), VecDeque::new());
            let fast = Deframer::default().read(&out[..length], format, &mut short);
            // Four bytes behind the packet's end forbid the short way.
            let slow = Deframer::default().read(&out[..length + 4], format, &mut long);
            prop_assert_eq!((fast, short), (slow, long));
            prop_assert_eq!(fast, Packet { header, numbered: true, samples: samples.len() });
        }

        #[test]
        fn any_words_are_read_without_panic(words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6), eight: bool) {
            let (mut deframer, mut samples) = (Deframer::default(), VecDeque::new());
            for datagram in words {
                deframer.read(&datagram, Format::from_register(u32::from(eight)), &mut samples);
            }
        }
    }
}
