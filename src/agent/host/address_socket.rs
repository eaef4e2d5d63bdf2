//! One netlink message that adds or removes an address, sent by the calling thread itself: between the look at a deadline and the message nothing
//! waits for another task.

use std::io;
use std::sync::{Mutex, PoisonError};

use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use protocol::Deadline;

/// A blocking netlink socket. The kernel answers an address message while it takes it, so that nothing is waited for.
pub(super) struct AddressSocket(Mutex<(Socket, u32)>);

impl std::fmt::Debug for AddressSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AddressSocket")
    }
}

impl AddressSocket {
    /// Opens it in the network namespace of the calling thread.
    ///
    /// # Errors
    /// Of the system.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self(Mutex::new((socket, 0))))
    }

    /// Adds an address, unless the deadline has passed: `Ok(false)` then. Adding one that is there changes nothing.
    ///
    /// # Errors
    /// Of the kernel.
    pub(super) fn add(&self, address: AddressMessage, by: Option<Deadline>) -> io::Result<bool> {
        let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE | NLM_F_CREATE;
        self.exchange(RouteNetlinkMessage::NewAddress(address), flags, by)
    }

    /// Removes an address.
    ///
    /// # Errors
    /// Of the kernel; also when it was not there.
    pub(super) fn remove(&self, address: AddressMessage) -> io::Result<()> {
        self.exchange(RouteNetlinkMessage::DelAddress(address), NLM_F_REQUEST | NLM_F_ACK, None).map(drop)
    }

    /// Changes an interface, unless the deadline has passed: `Ok(false)` then.
    ///
    /// # Errors
    /// Of the kernel.
    pub(super) fn set_link(&self, link: LinkMessage, by: Option<Deadline>) -> io::Result<bool> {
        self.exchange(RouteNetlinkMessage::SetLink(link), NLM_F_REQUEST | NLM_F_ACK, by)
    }

    fn exchange(&self, content: RouteNetlinkMessage, flags: u16, by: Option<Deadline>) -> io::Result<bool> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (socket, sequence) = &mut *guard;
        *sequence = sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        (header.flags, header.sequence_number) = (flags, *sequence);
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(content));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        // Looked at last: this process may have been stopped since it was asked.
        if by.is_some_and(Deadline::has_passed) {
            return Ok(false);
        }
        socket.send(&bytes, 0)?;
        acknowledged(socket, *sequence).map(|()| true)
    }
}

/// Reads the kernel's answer to the message with this number.
fn acknowledged(socket: &Socket, sequence: u32) -> io::Result<()> {
    loop {
        let (bytes, _) = socket.recv_from_full()?;
        let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&bytes).map_err(io::Error::other)?;
        if answer.header.sequence_number != sequence {
            continue;
        }
        return match answer.payload {
            NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
            _ => Ok(()),
        };
    }
}
