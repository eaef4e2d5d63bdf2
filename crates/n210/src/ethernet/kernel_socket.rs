//! All frames of one interface, in batches.

use std::io::{self, IoSlice};
use std::mem::zeroed;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::libc;

use super::frame::UDP_HEADERS;
use super::raw_socket::RawSocket;
use super::{filter, offload};

/// Frames in a batch.
const BATCH: usize = 64;

/// Largest frame received: several datagrams in one, as a local sender may offload them.
const LARGEST: usize = 65_600;

/// Bytes that the kernel keeps for the device while it is busy elsewhere: more than a host may have under way to a radio.
const BUFFER: libc::c_int = 16 << 20;

/// Control message space for one time stamp.
const CONTROL: usize = 64;

/// A socket.
pub struct KernelSocket {
    socket: RawSocket,
    frames: Vec<u8>,
    control: Vec<[u64; CONTROL / 8]>,
    received: usize,
    lengths: [usize; BATCH],
    stamps: [Option<i64>; BATCH],
}

/// A frame that was received.
#[derive(Clone, Copy)]
pub struct ReceivedFrame<'a> {
    /// Its bytes.
    pub frame: &'a [u8],
    /// Payload of each datagram if the frame holds several.
    pub segment: Option<usize>,
    /// When it arrived: nanoseconds of the wall clock.
    pub stamp: Option<i64>,
}

impl KernelSocket {
    /// Opens a socket in the present namespace.
    ///
    /// # Errors
    /// No such interface, or not allowed.
    pub fn open(interface: &str) -> io::Result<Self> {
        let socket = RawSocket::new(&mut filter::untagged())?;
        let on: libc::c_int = 1;
        socket.option(libc::SOL_PACKET, libc::PACKET_VNET_HDR, &on)?;
        socket.option(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &on)?;
        // Smaller buffers only make the radio less patient with a busy machine.
        for buffer in [libc::SO_RCVBUFFORCE, libc::SO_SNDBUFFORCE] {
            if socket.option(libc::SOL_SOCKET, buffer, &BUFFER).is_err() {
                tracing::warn!("not allowed to enlarge the buffers of the packet socket");
            }
        }
        socket.bind(interface)?;
        Ok(Self {
            socket,
            frames: vec![0; BATCH * LARGEST],
            control: vec![[0; CONTROL / 8]; BATCH],
            received: 0,
            lengths: [0; BATCH],
            stamps: [None; BATCH],
        })
    }

    /// Whether the last batch was a whole one: more may be waiting.
    pub fn is_full(&self) -> bool {
        self.received == BATCH
    }

    /// Receives what has arrived, at most one batch, and says how many frames that are. Does not wait.
    ///
    /// # Errors
    /// The interface is down or gone.
    #[expect(unsafe_code, reason = "one system call for a batch, into memory that is kept")]
    pub fn receive(&mut self) -> io::Result<usize> {
        self.received = 0;
        // SAFETY: plain old data, valid when zero.
        let (mut messages, mut parts): ([libc::mmsghdr; BATCH], [libc::iovec; BATCH]) = unsafe { (zeroed(), zeroed()) };
        for (i, (frame, control)) in self.frames.chunks_exact_mut(LARGEST).zip(&mut self.control).enumerate() {
            parts[i] = libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: LARGEST };
            messages[i].msg_hdr.msg_iov = &raw mut parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            messages[i].msg_hdr.msg_control = control.as_mut_ptr().cast();
            messages[i].msg_hdr.msg_controllen = CONTROL as _;
        }
        // SAFETY: every pointer leads to memory of self or of this frame that outlives the call, with its own length.
        let count = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                messages.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            return if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) { Ok(0) } else { Err(error) };
        }
        self.received = count as usize;
        for (i, message) in messages.iter().take(self.received).enumerate() {
            self.lengths[i] = message.msg_len as usize;
            self.stamps[i] = stamp(&message.msg_hdr);
        }
        Ok(self.received)
    }

    /// A frame of the last batch.
    pub fn frame(&self, index: usize) -> Option<ReceivedFrame<'_>> {
        let length = *self.lengths[..self.received].get(index)?;
        let (header, frame) = self.frames.get(index * LARGEST..)?.get(..length)?.split_first_chunk::<{ offload::HEADER }>()?;
        let segment = (header[1] == offload::UDP).then(|| usize::from(u16::from_ne_bytes([header[4], header[5]])));
        Some(ReceivedFrame { frame, segment, stamp: self.stamps[index] })
    }

    /// Sends frames, runs of equal ones as one if told so; returns how many the kernel did not take.
    pub fn send<'a>(&self, frames: impl Iterator<Item = &'a [u8]>, together: bool) -> usize {
        let frames: Vec<&[u8]> = frames.collect();
        let (mut rest, mut lost) = (&frames[..], 0);
        while !rest.is_empty() {
            let mut runs: Vec<&[&[u8]]> = Vec::with_capacity(BATCH);
            while runs.len() < BATCH && !rest.is_empty() {
                let (run, behind) = rest.split_at(if together { offload::run(rest) } else { 1 });
                runs.push(run);
                rest = behind;
            }
            lost += self.send_runs(&runs);
        }
        lost
    }

    /// Sends at most a batch of runs.
    #[expect(unsafe_code, reason = "one system call for a batch, out of memory that is kept")]
    fn send_runs(&self, runs: &[&[&[u8]]]) -> usize {
        static PLAIN: [u8; offload::HEADER] = [0; offload::HEADER];
        let headers: Vec<_> = runs.iter().map(|run| offload::header(run.first().copied().unwrap_or_default(), run.len())).collect();
        let mut parts = Vec::with_capacity(runs.iter().map(|run| run.len() + 1).sum());
        for (run, header) in runs.iter().zip(&headers) {
            if let [frame] = run {
                parts.extend([IoSlice::new(&PLAIN), IoSlice::new(frame)]);
            } else {
                parts.push(IoSlice::new(header));
                parts.extend(run.iter().map(|frame| IoSlice::new(&frame[UDP_HEADERS..])));
            }
        }
        // SAFETY: plain old data, valid when zero.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        let mut behind = &mut parts[..];
        for (message, run) in messages.iter_mut().zip(runs) {
            let (own, next) = behind.split_at_mut(run.len() + 1);
            // IoSlice has the layout of iovec: the standard library guarantees it.
            message.msg_hdr.msg_iov = own.as_mut_ptr().cast();
            message.msg_hdr.msg_iovlen = own.len() as _;
            behind = next;
        }
        let (mut done, mut lost) = (0, 0);
        while done < runs.len() {
            let count = (runs.len() - done) as libc::c_uint;
            // SAFETY: the messages lead to slices that live through the call, and there are so many.
            let sent =
                unsafe { libc::sendmmsg(self.socket.as_raw_fd(), messages.as_mut_ptr().add(done), count, libc::MSG_DONTWAIT as _) };
            // The first of the rest is refused: it is lost, as on a wire.
            lost += if sent > 0 { 0 } else { runs[done].len() };
            done += sent.max(1) as usize;
        }
        lost
    }
}

impl AsFd for KernelSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The kernel's time stamp among the control messages.
#[expect(unsafe_code, reason = "control messages are walked by pointers")]
fn stamp(message: &libc::msghdr) -> Option<i64> {
    // SAFETY: the kernel has filled the control buffer and its length; the macros stay inside it.
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(message);
        while let Some(header) = next.as_ref() {
            if header.cmsg_level == libc::SOL_SOCKET && header.cmsg_type == libc::SCM_TIMESTAMPNS {
                let time: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(header).cast());
                return Some(time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec));
            }
            next = libc::CMSG_NXTHDR(message, header);
        }
    }
    None
}
