//! Persistent tun interfaces: they stay when the modem that opened them ends.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

use protocol::{ErrorCode, Failure};
use protocol::{Trying, missing};
use workload::tun;

/// Makes a tun interface (IP packets without a header before them) in this thread's network namespace.
///
/// # Errors
/// No tun device, or no right to use it.
pub fn make(name: &str) -> Result<(), Failure> {
    let interface = tun::open(name).map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => Failure::new(ErrorCode::Config, error.to_string()),
        kind => missing(format!("the tun interface \"{name}\" could not be made"), &error).hint(match kind {
            ErrorKind::NotFound => "load the module (modprobe tun), or give the container the device",
            ErrorKind::PermissionDenied => "run as root, or let everybody use it: chmod 0666 /dev/net/tun",
            _ => "the kernel needs CONFIG_TUN",
        }),
    })?;
    persist(interface.as_fd()).trying(|| format!("the tun interface \"{name}\" could not be made persistent"))
}

#[expect(unsafe_code, reason = "no crate in use has this request")]
fn persist(interface: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is that of a tun interface, and the request takes a number.
    Errno::result(unsafe { libc::ioctl(interface.as_raw_fd(), libc::TUNSETPERSIST, 1) }).map(drop).map_err(io::Error::from)
}
