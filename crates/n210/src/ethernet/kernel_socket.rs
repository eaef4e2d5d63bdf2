//! One kernel packet socket, with a filter of its own, in batches.

use std::io::{self, IoSlice};
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;

use super::frame::UDP_HEADERS;
use super::offload;

/// Frames in a batch.
const BATCH: usize = 64;

/// Largest frame received: several datagrams in one, as a local sender may offload them.
const LARGEST: usize = 65_600;

/// Bytes that the kernel keeps for the device while it is busy elsewhere: more than a host may have under way to a radio.
const BUFFER: libc::c_int = 16 << 20;

/// Control message space for one time stamp.
const CONTROL: usize = 64;

/// Which frames a socket receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Long datagrams to the port for samples.
    Samples,
    /// All others.
    Rest,
}

/// A socket.
pub struct KernelSocket {
    fd: OwnedFd,
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
    #[expect(unsafe_code, reason = "nix has no packet socket without a protocol")]
    pub fn open(interface: &str, share: Share) -> io::Result<Self> {
        let index = nix::net::if_::if_nametoindex(interface)? as libc::c_int;
        let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // Protocol 0: nothing arrives before the socket is bound to its interface.
        // SAFETY: no pointers; the result is checked and owned at once.
        let raw = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        let socket = Self {
            fd,
            frames: vec![0; BATCH * LARGEST],
            control: vec![[0; CONTROL / 8]; BATCH],
            received: 0,
            lengths: [0; BATCH],
            stamps: [None; BATCH],
        };
        socket.filter(share)?;
        socket.configure(index)?;
        Ok(socket)
    }

    #[expect(unsafe_code, reason = "nix has no membership of packet sockets")]
    fn configure(&self, index: libc::c_int) -> io::Result<()> {
        let on: libc::c_int = 1;
        self.option(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &on)?;
        self.option(libc::SOL_PACKET, libc::PACKET_VNET_HDR, &on)?;
        self.option(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &on)?;
        // Smaller buffers only make the radio less patient with a busy machine.
        for buffer in [libc::SO_RCVBUFFORCE, libc::SO_SNDBUFFORCE] {
            if self.option(libc::SOL_SOCKET, buffer, &BUFFER).is_err() {
                tracing::warn!("not allowed to enlarge the buffers of the packet socket");
            }
        }
        // SAFETY: plain old data, valid when zero.
        let mut promiscuous: libc::packet_mreq = unsafe { zeroed() };
        promiscuous.mr_ifindex = index;
        promiscuous.mr_type = libc::PACKET_MR_PROMISC as libc::c_ushort;
        self.option(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &promiscuous)?;
        // SAFETY: as above.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = index;
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the address lives through the call and the length is its own.
        check(unsafe { libc::bind(self.fd.as_raw_fd(), (&raw const address).cast(), length) })
    }

    /// Has the kernel sort frames before it queues them.
    fn filter(&self, share: Share) -> io::Result<()> {
        let (samples, rest) = if share == Share::Samples { (u32::MAX, 0) } else { (0, u32::MAX) };
        let mut program = program(samples, rest);
        let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        self.option(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter)
    }

    #[expect(unsafe_code, reason = "nix does not know these options")]
    fn option<T>(&self, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
        let length = size_of::<T>() as libc::socklen_t;
        // SAFETY: the value lives through the call and the length is its own.
        check(unsafe { libc::setsockopt(self.fd.as_raw_fd(), level, name, (&raw const *value).cast(), length) })
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
                self.fd.as_raw_fd(),
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
                unsafe { libc::sendmmsg(self.fd.as_raw_fd(), messages.as_mut_ptr().add(done), count, libc::MSG_DONTWAIT as _) };
            // The first of the rest is refused: it is lost, as on a wire.
            lost += if sent > 0 { 0 } else { runs[done].len() };
            done += sent.max(1) as usize;
        }
        lost
    }
}

impl AsFd for KernelSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Frames longer than this carry samples.
const SMALL: u32 = 200;

/// A filter of the kernel's machine that returns `samples` for long UDP datagrams over plain IPv4 to the port for samples, else `rest`.
fn program(samples: u32, rest: u32) -> [libc::sock_filter; 12] {
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const LOAD_LENGTH: u16 = 0x80;
    const JUMP_EQUAL: u16 = 0x15;
    const JUMP_GREATER: u16 = 0x25;
    const RETURN: u16 = 0x06;
    // Jumps count from the next instruction: a test that fails goes to the last one.
    let step = |code, k, jf| libc::sock_filter { code, jt: 0, jf, k };
    [
        step(LOAD_HALF, 12, 0),
        step(JUMP_EQUAL, 0x0800, 9),
        step(LOAD_BYTE, 14, 0),
        step(JUMP_EQUAL, 0x45, 7),
        step(LOAD_BYTE, 23, 0),
        step(JUMP_EQUAL, 17, 5),
        step(LOAD_HALF, 36, 0),
        step(JUMP_EQUAL, u32::from(n210_wire::port::TX), 3),
        step(LOAD_LENGTH, 0, 0),
        step(JUMP_GREATER, SMALL, 1),
        step(RETURN, samples, 0),
        step(RETURN, rest, 0),
    ]
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

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
