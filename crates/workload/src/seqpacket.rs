//! Unix `SOCK_SEQPACKET` sockets for sample blocks: packets keep their borders, and the peer's end is noticed.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::samples::{Block, HEADER, MAX_SAMPLES};
use super::standby::Packet;

/// Room for about 100 ms of samples at BW 1.4 and 30 ms at BW 5 in each direction: a stalled reader loses blocks after that, and says so.
const SOCKET_BUFFER: usize = 1 << 20;

/// One end of a sample connection. Clones share the connection, so that one thread may read while another writes.
#[derive(Debug)]
pub struct SampleSocket {
    socket: Socket,
    bytes: Vec<u8>,
}

/// What a sample socket has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received<'a> {
    /// The peer has closed.
    Closed,
    /// A block.
    Block,
    /// A packet of a standby.
    Packet(Packet<'a>),
}

/// Where the D2D process waits for the USRP process.
#[derive(Debug)]
pub struct SampleListener(Socket);

impl SampleListener {
    /// Listens on `path`; a stale socket is replaced.
    ///
    /// # Errors
    /// The socket could not be bound.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        socket.listen(1)?;
        Ok(Self(socket))
    }

    /// Waits for the USRP process.
    ///
    /// # Errors
    /// Of the socket.
    pub fn accept(&self) -> io::Result<SampleSocket> {
        SampleSocket::new(self.0.accept()?.0)
    }
}

impl AsFd for SampleListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl SampleSocket {
    fn new(socket: Socket) -> io::Result<Self> {
        socket.set_send_buffer_size(SOCKET_BUFFER)?;
        socket.set_recv_buffer_size(SOCKET_BUFFER)?;
        Ok(Self { socket, bytes: Vec::with_capacity(HEADER + 4 * MAX_SAMPLES) })
    }

    /// Connects to the D2D process.
    ///
    /// # Errors
    /// `NotFound` or `ConnectionRefused` while nobody listens.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
        socket.connect(&SockAddr::unix(path)?)?;
        Self::new(socket)
    }

    /// Another handle on the same connection.
    ///
    /// # Errors
    /// Of the socket.
    pub fn try_clone(&self) -> io::Result<Self> {
        Self::new(self.socket.try_clone()?)
    }

    /// Limits how long [`Self::receive`] waits.
    ///
    /// # Errors
    /// Of the socket.
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(limit)
    }

    /// Sends a block without ever waiting: samples that nobody takes in time are worth nothing.
    ///
    /// # Errors
    /// `WouldBlock` when the peer does not keep up and the block was dropped; `BrokenPipe` when it is gone.
    pub fn send(&mut self, block: &Block) -> io::Result<()> {
        self.bytes.clear();
        block.encode(&mut self.bytes);
        self.socket.send_with_flags(&self.bytes, nix::libc::MSG_DONTWAIT | nix::libc::MSG_NOSIGNAL).map(drop)
    }

    /// Sends a packet of a standby, without ever waiting.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        self.bytes.clear();
        packet.encode(&mut self.bytes);
        self.socket.send_with_flags(&self.bytes, nix::libc::MSG_DONTWAIT | nix::libc::MSG_NOSIGNAL).map(drop)
    }

    /// Receives what comes next: a block into `block`, reusing its memory, or a packet of a standby.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub fn receive_either(&mut self, block: &mut Block) -> io::Result<Received<'_>> {
        if !self.take()? {
            return Ok(Received::Closed);
        }
        match Packet::decode(&self.bytes) {
            Some(packet) => Ok(Received::Packet(packet)),
            None => block.decode_from(&self.bytes).map(|()| Received::Block),
        }
    }

    /// Receives the next block; `None` when the peer has closed.
    ///
    /// # Errors
    /// `WouldBlock` at the read timeout; `InvalidData` for a packet that is no block.
    pub fn receive(&mut self) -> io::Result<Option<Block>> {
        if self.take()? { Block::decode(&self.bytes).map(Some) } else { Ok(None) }
    }

    /// One packet into `bytes`; `false` when the peer has closed.
    #[expect(unsafe_code, reason = "a packet is received into memory that nobody has set before")]
    fn take(&mut self) -> io::Result<bool> {
        self.bytes.clear();
        let read = {
            let spare: &mut [MaybeUninit<u8>] = self.bytes.spare_capacity_mut();
            self.socket.recv(spare)?
        };
        if read == 0 {
            return Ok(false);
        }
        // SAFETY: the kernel has just initialised the first `read` bytes of the spare capacity, and `read` is at most its length.
        unsafe { self.bytes.set_len(read) };
        Ok(true)
    }

    /// Ends the connection for every handle on it.
    ///
    /// # Errors
    /// Of the socket.
    pub fn shutdown(&self) -> io::Result<()> {
        self.socket.shutdown(std::net::Shutdown::Both)
    }
}

impl AsFd for SampleSocket {
    /// For waiting on this and other sockets at once.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{Kind, Sample};

    #[test]
    fn blocks_cross_with_their_borders_and_the_end_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("samples.sock");
        let listener = SampleListener::bind(&path).unwrap();
        let mut usrp = SampleSocket::connect(&path).unwrap();
        let mut d2d = listener.accept().unwrap();
        for count in [0, 1, 1920, MAX_SAMPLES] {
            let block = Block { kind: Kind::Rx, tick: 7, samples: vec![Sample::new(-3, 4); count] };
            usrp.send(&block).unwrap();
            assert_eq!(d2d.receive().unwrap(), Some(block));
        }
        usrp.send_packet(&Packet::GoOn { not_before: 9, progress: b"here" }).unwrap();
        let mut block = Block { kind: Kind::Tx, tick: 1, samples: Vec::new() };
        let go_on = d2d.receive_either(&mut block).unwrap();
        assert_eq!(go_on, Received::Packet(Packet::GoOn { not_before: 9, progress: b"here" }));
        usrp.send(&Block { kind: Kind::Rx, ..block.clone() }).unwrap();
        assert_eq!((d2d.receive_either(&mut block).unwrap(), block.kind), (Received::Block, Kind::Rx));
        usrp.shutdown().unwrap();
        assert_eq!(d2d.receive_either(&mut block).unwrap(), Received::Closed);
    }
}
