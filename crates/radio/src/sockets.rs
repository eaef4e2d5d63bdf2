//! The UDP sockets of the two streams, and many packets by one call.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg, sendmmsg, setsockopt, sockopt};
use socket2::{Domain, Socket, Type};

use super::burst::MAX_PACKETS;
use n210_wire::FRAME;

/// Receive buffer, bytes: 0.5 s of samples at BW 1.4 and 0.15 s at BW 5, more than any pause of the scheduler that the modem could survive.
pub const RECEIVE_BUFFER: usize = 4 << 20;
/// Send buffer, bytes: a full transmit window need not fit, a subframe must.
pub const SEND_BUFFER: usize = 1 << 20;

/// Ports that are tried: another process may take one between our choice and our binding.
const PORTS: u32 = 8;

/// A socket bound to any address and some port, which stays its own whatever becomes of its connection. The radio's port has no address
/// yet when the entity is made.
///
/// # Errors
/// Of the system.
pub fn make() -> io::Result<UdpSocket> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PORTS {
        // A port that the kernel chose at binding is given up for a moment with every new connection, and what arrives then is refused.
        let free = UdpSocket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?.local_addr()?.port();
        match bind(free) {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => last = e,
            other => return other,
        }
    }
    Err(last)
}

fn bind(port: u16) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    // Beyond the system's limit when the rights are there, up to the limit otherwise.
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    if setsockopt(&socket, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
        socket.set_send_buffer_size(SEND_BUFFER)?;
    }
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into())?;
    Ok(socket.into())
}

/// Connects to a port of the radio, with the address that this host has towards it now.
///
/// # Errors
/// There is no route to the radio.
pub fn connect(socket: &UdpSocket, device: Ipv4Addr, port: u16) -> io::Result<()> {
    // A socket that was connected keeps its old source address unless it is disconnected first.
    disconnect(socket)?;
    socket.connect(SocketAddrV4::new(device, port))
}

/// A socket of any address that waits for nothing, for heartbeats; port 0: one of the kernel's choice.
///
/// # Errors
/// A sentence: somebody has the port, or the system's.
pub fn for_heartbeats(port: u16) -> Result<UdpSocket, String> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    socket.map_err(|e| match e.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another program has UDP port {port}, at which heartbeats are waited for: end that, or name another heartbeat_port in [standby] of the cluster \
             file"
        ),
        _ => format!("a socket for heartbeats cannot be had: {e}"),
    })
}

/// Ends a connection: the socket receives on any address, and from anybody.
///
/// # Errors
/// Of the system.
#[expect(unsafe_code, reason = "neither std nor nix ends a connection of a datagram socket")]
pub fn disconnect(socket: &UdpSocket) -> io::Result<()> {
    let nobody = nix::libc::sockaddr { sa_family: nix::libc::AF_UNSPEC as u16, sa_data: [0; 14] };
    // SAFETY: the address is a valid sockaddr of the length given, and the descriptor is open for as long as `socket` lives.
    let done = unsafe { nix::libc::connect(socket.as_raw_fd(), &raw const nobody, size_of_val(&nobody) as nix::libc::socklen_t) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Most packets taken by one call: 6 ms of samples at BW 1.4, 2 ms at BW 5.
const BATCH: usize = 32;

/// Room for the packets of one call.
pub struct Incoming {
    frames: Box<[[u8; FRAME]; BATCH]>,
    lengths: [usize; BATCH],
    headers: MultiHeaders<()>,
}

impl Default for Incoming {
    fn default() -> Self {
        Self { frames: Box::new([[0; FRAME]; BATCH]), lengths: [0; BATCH], headers: MultiHeaders::preallocate(BATCH, None) }
    }
}

impl Incoming {
    /// Waits for a packet, at most for the socket's read timeout, and takes those that have arrived with it.
    ///
    /// # Errors
    /// `WouldBlock` at the timeout; `ConnectionRefused` when the peer's host has said so.
    pub fn wait(&mut self, socket: &UdpSocket) -> io::Result<impl Iterator<Item = &[u8]>> {
        self.receive_packets(socket, MsgFlags::MSG_WAITFORONE)
    }

    /// Takes the packets that have arrived.
    ///
    /// # Errors
    /// `WouldBlock` when there are none; otherwise as [`Self::wait`].
    pub fn poll(&mut self, socket: &UdpSocket) -> io::Result<impl Iterator<Item = &[u8]>> {
        self.receive_packets(socket, MsgFlags::MSG_DONTWAIT)
    }

    fn receive_packets(&mut self, socket: &UdpSocket, flags: MsgFlags) -> io::Result<impl Iterator<Item = &[u8]>> {
        let mut count = 0;
        {
            let mut slices = self.frames.each_mut().map(|frame| [IoSliceMut::new(frame)]);
            let packets = recvmmsg(socket.as_raw_fd(), &mut self.headers, slices.iter_mut(), flags, None)?;
            for (slot, packet) in self.lengths.iter_mut().zip(packets) {
                *slot = packet.bytes.min(FRAME);
                count += 1;
            }
        }
        Ok(self.frames.iter().zip(self.lengths).take(count).map(|(frame, length)| &frame[..length]))
    }
}

/// Sends the packets of a burst by one call, without waiting, and returns how many went out.
///
/// # Errors
/// Of the socket, when not even the first went out.
pub fn send_all<'a>(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<()>,
    frames: impl Iterator<Item = &'a [u8]>,
) -> io::Result<usize> {
    let mut slices = [[IoSlice::new(&[])]; MAX_PACKETS];
    let mut count = 0;
    for (slot, frame) in slices.iter_mut().zip(frames) {
        *slot = [IoSlice::new(frame)];
        count += 1;
    }
    let flags = MsgFlags::MSG_DONTWAIT;
    Ok(sendmmsg(socket.as_raw_fd(), headers, slices[..count].iter(), [None; MAX_PACKETS], [], flags)?.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_port_that_is_taken_is_named() {
        let first = for_heartbeats(0).unwrap();
        let port = first.local_addr().unwrap().port();
        let said = for_heartbeats(port).unwrap_err();
        assert!(said.contains(&format!("UDP port {port}")) && said.contains("heartbeat_port"), "{said}");
        drop(first);
        assert_eq!(for_heartbeats(port).unwrap().local_addr().unwrap().port(), port);
    }

    #[test]
    fn a_socket_can_be_connected_again() {
        let (one, two) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let socket = make().unwrap();
        for peer in [one, two] {
            connect(&socket, Ipv4Addr::LOCALHOST, peer.local_addr().unwrap().port()).unwrap();
            socket.send(b"samples").unwrap();
            let mut bytes = [0; 16];
            let (count, from) = peer.recv_from(&mut bytes).unwrap();
            assert_eq!(&bytes[..count], b"samples");
            assert_eq!(from.port(), socket.local_addr().unwrap().port());
        }
    }
}
