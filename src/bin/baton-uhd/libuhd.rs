//! What the crate `uhd` does not offer, by libuhd's C interface: both streams of a radio at once, beside its settings (the crate's streams
//! borrow the radio for themselves), what the radio says of its transmit side, libuhd's version, and an end without destructors.
//!
//! libuhd's functions are safe to call from any thread, but for those of one stream: each of ours is owned by one thread.

#![expect(unsafe_code, reason = "the C interface of libuhd; every call below says why it is sound")]

use std::ffi::{CStr, c_void};
use std::ptr;
use std::time::Duration;

use uhd::{TimeSpec, Usrp};
use uhd_sys::uhd_async_metadata_event_code_t as event;
use uhd_sys::uhd_rx_metadata_error_code_t as rx_error;
use uhd_sys::uhd_stream_mode_t as mode;
use workload::samples::Sample;

use super::device::{CHANNEL, in_its_words};

/// Longest version, bytes.
const VERSION_ROOM: usize = 64;

/// Ends the process without destructors of libraries: what libuhd has to end, `device::end` has ended.
pub fn leave(code: i32) -> ! {
    // SAFETY: _exit ends the process at once and takes no pointers.
    unsafe { nix::libc::_exit(code) }
}

/// libuhd writes a letter on stderr for each underflow, overflow and late burst; they are counted instead, and would be taken for last words.
pub fn keep_its_letters_off_stderr() {
    // SAFETY: the process has no other thread yet that could read the environment.
    unsafe { std::env::set_var("UHD_LOG_FASTPATH_DISABLE", "1") };
}

/// libuhd's version.
pub fn version() -> Result<String, String> {
    let mut room = [0_u8; VERSION_ROOM];
    // SAFETY: libuhd writes at most so many bytes, a zero at their end, and keeps no pointer.
    let code = unsafe { uhd_sys::uhd_get_version_string(room.as_mut_ptr().cast(), room.len()) };
    let told = CStr::from_bytes_until_nul(&room).ok().filter(|_| code == 0).and_then(|text| text.to_str().ok());
    told.map(str::to_owned).ok_or_else(|| "libuhd does not tell its version".to_owned())
}

/// Turns an error code into a sentence.
fn done(code: uhd_sys::uhd_error::Type, what: &str) -> Result<(), String> {
    match code {
        0 => Ok(()),
        code => Err(in_its_words(what).unwrap_or_else(|| format!("{what} failed with libuhd's error {code}"))),
    }
}

/// The handle within the crate's radio, which the crate keeps to itself.
fn handle_of(usrp: &Usrp) -> uhd_sys::uhd_usrp_handle {
    const { assert!(size_of::<Usrp>() == size_of::<uhd_sys::uhd_usrp_handle>()) };
    // SAFETY: in the version of the crate that Cargo.toml pins, a `Usrp` is this one handle and nothing else, which its size confirms.
    unsafe { ptr::from_ref(usrp).cast::<uhd_sys::uhd_usrp_handle>().read() }
}

/// Stream arguments: 16-bit samples on the wire and here, of the first channel. The strings and the list live as long as the program.
fn stream_arguments(channels: &mut [usize; 1]) -> uhd_sys::uhd_stream_args_t {
    const SC16: &CStr = c"sc16";
    uhd_sys::uhd_stream_args_t {
        cpu_format: SC16.as_ptr().cast_mut(),
        otw_format: SC16.as_ptr().cast_mut(),
        args: c"".as_ptr().cast_mut(),
        channel_list: channels.as_mut_ptr(),
        n_channels: 1,
    }
}

/// What a call for samples has brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Received {
    /// So many samples, and the time of the first one.
    Samples(usize, TimeSpec),
    /// Nothing within the time given.
    Nothing,
    /// The radio's buffers have run over; libuhd has it go on.
    Overflow,
    /// Packets are missing; what follows has its own time.
    Missing,
    /// The stream broke off, and has to be started again.
    BrokenOff,
}

/// The receive stream.
#[derive(Debug)]
pub struct RxStream {
    stream: uhd_sys::uhd_rx_streamer_handle,
    metadata: uhd_sys::uhd_rx_metadata_handle,
}

// SAFETY: libuhd's handles are not bound to a thread; this one is owned, so that one thread at a time uses it.
unsafe impl Send for RxStream {}

impl RxStream {
    /// Of a radio whose settings are made.
    pub fn open(usrp: &Usrp) -> Result<Self, String> {
        let mut stream = Self { stream: ptr::null_mut(), metadata: ptr::null_mut() };
        let mut channels = [CHANNEL];
        let mut arguments = stream_arguments(&mut channels);
        let opened = |code| done(code, "opening the receive stream");
        // SAFETY: the places to be filled in are ours, and the arguments live until the calls are over; libuhd copies them. A handle is used only where
        // it was made.
        unsafe {
            opened(uhd_sys::uhd_rx_metadata_make(&raw mut stream.metadata))?;
            opened(uhd_sys::uhd_rx_streamer_make(&raw mut stream.stream))?;
            opened(uhd_sys::uhd_usrp_get_rx_stream(handle_of(usrp), &raw mut arguments, stream.stream))?;
        }
        Ok(stream)
    }

    /// Starts it at once.
    pub fn start(&mut self) -> Result<(), String> {
        self.command(mode::UHD_STREAM_MODE_START_CONTINUOUS, "starting the receive stream")
    }

    /// Stops it; what is under way still comes.
    pub fn stop(&mut self) -> Result<(), String> {
        self.command(mode::UHD_STREAM_MODE_STOP_CONTINUOUS, "stopping the receive stream")
    }

    fn command(&mut self, stream_mode: mode::Type, what: &str) -> Result<(), String> {
        let command = uhd_sys::uhd_stream_cmd_t {
            stream_mode,
            num_samps: 0,
            stream_now: true,
            time_spec_full_secs: 0,
            time_spec_frac_secs: 0.0,
        };
        // SAFETY: the handle is that of an open stream, and the command lives until the call is over.
        done(unsafe { uhd_sys::uhd_rx_streamer_issue_stream_cmd(self.stream, &raw const command) }, what)
    }

    /// Waits for samples until `room` is full or the time is over.
    pub fn receive(&mut self, room: &mut [Sample], limit: Duration) -> Result<Received, String> {
        let mut buffers = [room.as_mut_ptr().cast::<c_void>()];
        let mut count = 0;
        // SAFETY: the one buffer of the one channel has room for that many samples of two 16-bit numbers each, as was asked for when the stream
        // was opened; the other places are ours.
        let code = unsafe {
            uhd_sys::uhd_rx_streamer_recv(
                self.stream,
                buffers.as_mut_ptr(),
                room.len(),
                &raw mut self.metadata,
                limit.as_secs_f64(),
                false,
                &raw mut count,
            )
        };
        done(code, "receiving")?;
        self.outcome(count)
    }

    fn outcome(&self, count: usize) -> Result<Received, String> {
        let (mut error, mut out_of_sequence, mut timed) = (rx_error::UHD_RX_METADATA_ERROR_CODE_NONE, false, false);
        let mut time = TimeSpec::default();
        // SAFETY: the metadata was filled in by the call before, and the places are ours.
        let codes = unsafe {
            [
                uhd_sys::uhd_rx_metadata_error_code(self.metadata, &raw mut error),
                uhd_sys::uhd_rx_metadata_out_of_sequence(self.metadata, &raw mut out_of_sequence),
                uhd_sys::uhd_rx_metadata_has_time_spec(self.metadata, &raw mut timed),
                uhd_sys::uhd_rx_metadata_time_spec(self.metadata, &raw mut time.seconds, &raw mut time.fraction),
            ]
        };
        codes.into_iter().try_for_each(|code| done(code, "reading what was received"))?;
        Ok(match error {
            rx_error::UHD_RX_METADATA_ERROR_CODE_NONE if count > 0 && timed => Received::Samples(count, time),
            rx_error::UHD_RX_METADATA_ERROR_CODE_NONE | rx_error::UHD_RX_METADATA_ERROR_CODE_TIMEOUT => Received::Nothing,
            rx_error::UHD_RX_METADATA_ERROR_CODE_OVERFLOW if out_of_sequence => Received::Missing,
            rx_error::UHD_RX_METADATA_ERROR_CODE_OVERFLOW => Received::Overflow,
            rx_error::UHD_RX_METADATA_ERROR_CODE_LATE_COMMAND | rx_error::UHD_RX_METADATA_ERROR_CODE_BROKEN_CHAIN => {
                Received::BrokenOff
            }
            _ => Received::Missing,
        })
    }
}

impl Drop for RxStream {
    fn drop(&mut self) {
        // SAFETY: nobody else has these handles; libuhd frees what was made, and null is nothing.
        unsafe {
            uhd_sys::uhd_rx_streamer_free(&raw mut self.stream);
            uhd_sys::uhd_rx_metadata_free(&raw mut self.metadata);
        }
    }
}

/// What the radio says of its transmit side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxReport {
    /// Samples were missing.
    Underflow,
    /// A packet did not come in its order.
    SequenceError,
    /// Samples came after their time.
    Late,
    /// A burst has ended, and others that mean nothing here.
    Other,
}

/// A part of a burst.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// When its first sample is to be sent, on the radio's clock.
    pub time: TimeSpec,
    /// It begins a burst.
    pub starts: bool,
    /// It ends one.
    pub ends: bool,
}

/// The transmit stream.
#[derive(Debug)]
pub struct TxStream {
    stream: uhd_sys::uhd_tx_streamer_handle,
    report: uhd_sys::uhd_async_metadata_handle,
}

// SAFETY: as for `RxStream`.
unsafe impl Send for TxStream {}

impl TxStream {
    /// Of a radio whose settings are made.
    pub fn open(usrp: &Usrp) -> Result<Self, String> {
        let mut stream = Self { stream: ptr::null_mut(), report: ptr::null_mut() };
        let mut channels = [CHANNEL];
        let mut arguments = stream_arguments(&mut channels);
        let opened = |code| done(code, "opening the transmit stream");
        // SAFETY: as in `RxStream::open`.
        unsafe {
            opened(uhd_sys::uhd_async_metadata_make(&raw mut stream.report))?;
            opened(uhd_sys::uhd_tx_streamer_make(&raw mut stream.stream))?;
            opened(uhd_sys::uhd_usrp_get_tx_stream(handle_of(usrp), &raw mut arguments, stream.stream))?;
        }
        Ok(stream)
    }

    /// Sends samples; how many the radio had room for within the time given.
    pub fn send(&mut self, samples: &[Sample], Burst { time, starts, ends }: Burst, limit: Duration) -> Result<usize, String> {
        let mut metadata = ptr::null_mut();
        // SAFETY: the place is ours.
        let code = unsafe { uhd_sys::uhd_tx_metadata_make(&raw mut metadata, true, time.seconds, time.fraction, starts, ends) };
        done(code, "describing a burst")?;
        let mut buffers = [samples.as_ptr().cast::<c_void>()];
        let mut count = 0;
        // SAFETY: the one buffer of the one channel has that many samples, and libuhd only reads them; metadata and places are ours, and the metadata is
        // freed once.
        let code = unsafe {
            let code = uhd_sys::uhd_tx_streamer_send(
                self.stream,
                buffers.as_mut_ptr(),
                samples.len(),
                &raw mut metadata,
                limit.as_secs_f64(),
                &raw mut count,
            );
            uhd_sys::uhd_tx_metadata_free(&raw mut metadata);
            code
        };
        done(code, "sending a burst").map(|()| count)
    }

    /// The next report, if one waits.
    pub fn report(&mut self) -> Option<TxReport> {
        let (mut is_there, mut code) = (false, 0);
        // SAFETY: the handles are open, and the places ours; the report is read only when the first call has filled it in.
        let told = unsafe {
            uhd_sys::uhd_tx_streamer_recv_async_msg(self.stream, &raw mut self.report, 0.0, &raw mut is_there) == 0
                && is_there
                && uhd_sys::uhd_async_metadata_event_code(self.report, &raw mut code) == 0
        };
        told.then_some(match code {
            event::UHD_ASYNC_METADATA_EVENT_CODE_UNDERFLOW | event::UHD_ASYNC_METADATA_EVENT_CODE_UNDERFLOW_IN_PACKET => {
                TxReport::Underflow
            }
            event::UHD_ASYNC_METADATA_EVENT_CODE_SEQ_ERROR | event::UHD_ASYNC_METADATA_EVENT_CODE_SEQ_ERROR_IN_BURST => {
                TxReport::SequenceError
            }
            event::UHD_ASYNC_METADATA_EVENT_CODE_TIME_ERROR => TxReport::Late,
            _ => TxReport::Other,
        })
    }
}

impl Drop for TxStream {
    fn drop(&mut self) {
        // SAFETY: as for `RxStream`.
        unsafe {
            uhd_sys::uhd_tx_streamer_free(&raw mut self.stream);
            uhd_sys::uhd_async_metadata_free(&raw mut self.report);
        }
    }
}
