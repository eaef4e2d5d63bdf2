//! A kernel packet socket on one interface of the present network namespace.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;

/// A socket.
pub struct RawSocket(OwnedFd);

impl RawSocket {
    /// Opens a socket that gets what a filter lets through, not yet what arrives.
    ///
    /// # Errors
    /// Not allowed.
    #[expect(unsafe_code, reason = "nix has no packet socket without a protocol")]
    pub fn new(filter: &mut [libc::sock_filter]) -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // Protocol 0: nothing arrives before the socket is bound to its interface.
        // SAFETY: no pointers; the result is checked and owned at once.
        let raw = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let socket = Self(unsafe { OwnedFd::from_raw_fd(raw) });
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        socket.option(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)?;
        let on: libc::c_int = 1;
        socket.option(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &on)?;
        Ok(socket)
    }

    /// Begins to receive all that arrives at an interface, whoever it is for.
    ///
    /// # Errors
    /// No such interface.
    #[expect(unsafe_code, reason = "nix has no membership of packet sockets")]
    pub fn bind(&self, interface: &str) -> io::Result<()> {
        let index = nix::net::if_::if_nametoindex(interface)? as libc::c_int;
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
        check(unsafe { libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), length) })
    }

    /// Sets an option of the socket.
    ///
    /// # Errors
    /// The kernel does not take it.
    #[expect(unsafe_code, reason = "nix does not know these options")]
    pub fn option<T>(&self, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
        let length = size_of::<T>() as libc::socklen_t;
        // SAFETY: the value lives through the call and the length is its own.
        check(unsafe { libc::setsockopt(self.0.as_raw_fd(), level, name, (&raw const *value).cast(), length) })
    }
}

impl AsFd for RawSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for RawSocket {
    fn as_raw_fd(&self) -> libc::c_int {
        self.0.as_raw_fd()
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
