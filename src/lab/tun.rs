//! Persistent tun and tap interfaces: they stay when the modem or the guest that opened them ends.

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;

use protocol::{Failure, Trying, missing};
use workload::tun;

nix::ioctl_write_int_bad!(
    /// TUNSETPERSIST: the interface stays when its last file is closed.
    tun_set_persist,
    libc::TUNSETPERSIST
);

/// Makes a tun interface (IP packets without a header before them) in this thread's network namespace.
///
/// # Errors
/// There is no tun device, or no right to use it.
pub fn make(name: &str) -> Result<(), Failure> {
    keep(name, tun::open(name))
}

/// Makes a tap interface (Ethernet frames without a header before them) in this thread's network namespace.
///
/// # Errors
/// As [`make`].
pub fn make_tap(name: &str) -> Result<(), Failure> {
    keep(name, tun::open_tap(name))
}

#[expect(unsafe_code, reason = "no crate in use makes a tun interface persistent")]
fn keep(name: &str, opened: io::Result<OwnedFd>) -> Result<(), Failure> {
    let file = opened.map_err(|error| {
        missing(format!("the tun interface \"{name}\" could not be made"), &error).hint(match error.kind() {
            ErrorKind::NotFound => "load the module (modprobe tun), or give the container the device /dev/net/tun",
            ErrorKind::PermissionDenied => "run as root, or let everybody use it: chmod 0666 /dev/net/tun",
            _ => "the kernel needs CONFIG_TUN",
        })
    })?;
    // SAFETY: the descriptor is that of the tun device, and the call takes no pointer.
    unsafe { tun_set_persist(file.as_raw_fd(), 1) }
        .map(drop)
        .trying(|| format!("the tun interface \"{name}\" could not be made persistent"))
}
