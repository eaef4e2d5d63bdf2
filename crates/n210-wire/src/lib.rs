//! The N210's wire protocol, both ends of it: the driver and the software N210 share this codec, and stock UHD tests it.
//!
//! `docs/n210-protocol.md` describes the protocol. Everything on the wire is big-endian; device time is a 64-bit count of 10 ns ticks. Decoding
//! never panics and never allocates: sample packets are views into the received datagram, and encoding fills the caller's buffer.

pub mod control;
pub mod destination;
pub mod dsp;
pub mod fast;
pub mod format;
pub mod register;
pub mod stream_rx;
pub mod stream_tx;
pub mod update;
pub mod vita;

pub use control::Control;
pub use destination::SetDestination;
pub use format::Format;
pub use register::{StreamCommand, StreamMode, rb, sr};
pub use stream_rx::{RxContext, RxData, RxPacket};
pub use stream_tx::{TxData, TxEvent};

/// Ticks of device time in a second.
pub const TICKS_PER_SECOND: u64 = 100_000_000;

/// One complex sample, 16-bit I and Q, full scale 32767, in the host's byte order.
pub type Sample = num_complex::Complex<i16>;

/// UDP payload of a full frame on an Ethernet of 1500 bytes.
pub const FRAME: usize = 1472;

/// Samples (sc16) that fit in a receive packet of [`FRAME`] bytes, and in a transmit packet with a time.
pub const SAMPLES_PER_PACKET: usize = 363;

/// UDP ports of the device.
pub mod port {
    /// Control: discovery, I2C, registers, echo.
    pub const CONTROL: u16 = 49152;
    /// Images for the flash memory.
    pub const UPDATE: u16 = 49154;
    /// Receive chain 0.
    pub const RX0: u16 = 49156;
    /// Transmit samples in, flow control and events out.
    pub const TX: u16 = 49157;
    /// Receive chain 1.
    pub const RX1: u16 = 49158;
    /// Fast control: register writes and reads, timed.
    pub const FAST: u16 = 49159;
    /// The GPS-disciplined oscillator's serial line.
    pub const GPSDO: u16 = 49172;
}

/// Why a datagram is not what its port expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Ends before its own fields do.
    #[error("the datagram of {got} bytes is shorter than the {need} it needs")]
    Short {
        /// Bytes received.
        got: usize,
        /// Bytes its fields take.
        need: usize,
    },
    /// A field has a value that means something else or nothing.
    #[error("the datagram has an unexpected {field}: {value:#x}")]
    Unexpected {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: u32,
    },
}

/// Big-endian word at byte `at`.
pub(crate) fn word(bytes: &[u8], at: usize) -> Result<u32, WireError> {
    match at.checked_add(4).and_then(|end| bytes.get(at..end)) {
        Some(&[a, b, c, d]) => Ok(u32::from_be_bytes([a, b, c, d])),
        _ => Err(WireError::Short { got: bytes.len(), need: at.saturating_add(4) }),
    }
}

/// Big-endian double word at byte `at`, high word first.
pub(crate) fn double(bytes: &[u8], at: usize) -> Result<u64, WireError> {
    Ok((u64::from(word(bytes, at)?) << 32) | u64::from(word(bytes, at.saturating_add(4))?))
}

/// Writes whole words to the front of `out` and returns the rest; the caller has checked the room.
pub fn put<'a>(out: &'a mut [u8], words: &[u32]) -> &'a mut [u8] {
    let (front, rest) = out.split_at_mut(words.len() * 4);
    for (slot, word) in front.chunks_exact_mut(4).zip(words) {
        slot.copy_from_slice(&word.to_be_bytes());
    }
    rest
}

/// High and low word of a tick count.
pub(crate) fn halves(tick: u64) -> [u32; 2] {
    [(tick >> 32) as u32, tick as u32]
}
