//! The link's own layer: IP packets cut into transport blocks and put together again.
//!
//! A payload begins with a header of four bytes: version (2), number of segments, sequence number (u16, big endian) of the payloads
//! that carry segments. Each segment: u16, big endian: bit 15 first of its packet, bit 14 last, bit 13 a report, bits 0..13 length; then its
//! bytes. What follows is zero. A payload with no segments is idle; its sequence number is that of the next one with some.
//!
//! A receiver that sees a gap in the sequence numbers **reports** it (four bytes: number of the first missing payload, how many), and the sender
//! sends the packets of which a part was in these payloads again, whole, in new payloads: what acknowledged mode is to 3GPP (36.322, 5.2), without
//! acknowledgements, and without waiting: a packet that is sent again comes later than those behind it. At a migration it is what makes the
//! handover lossless (36.323, 5.4): the modem that continues knows from the soft state which payload was the last one there.

mod reassembler;
mod segmenter;
mod sent;

pub use reassembler::Reassembler;
pub use segmenter::Segmenter;

/// Version of the format.
const VERSION: u8 = 2;
/// Bytes before a segment's own.
const SEGMENT_HEADER: usize = 2;
const FIRST: u16 = 1 << 15;
const LAST: u16 = 1 << 14;
const REPORT: u16 = 1 << 13;
const LENGTH: u16 = REPORT - 1;
/// Bytes of a report.
const REPORT_BYTES: usize = 4;
/// Reports that wait at most. More gaps at once mean that the link has changed altogether.
const REPORTS: usize = 8;

/// Payloads that did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// Sequence number of the first one.
    pub first: u16,
    /// How many, in a row.
    pub count: u16,
}

#[cfg(test)]
mod tests;
