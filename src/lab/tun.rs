//! Persistent tun and tap interfaces: they stay when the modem or the guest that opened them ends.

use std::io::{self, ErrorKind};

use protocol::{Failure, missing};
use workload::tun;

/// Makes a tun interface (IP packets without a header before them) in this thread's network namespace.
///
/// # Errors
/// There is no tun device, or no right to use it.
pub fn make(name: &str) -> Result<(), Failure> {
    explain(name, tun::make_persistent(name))
}

/// Makes a tap interface (Ethernet frames without a header before them) in this thread's network namespace.
///
/// # Errors
/// As [`make`].
pub fn make_tap(name: &str) -> Result<(), Failure> {
    explain(name, tun::make_persistent_tap(name))
}

fn explain(name: &str, made: io::Result<()>) -> Result<(), Failure> {
    made.map_err(|error| {
        missing(format!("the tun interface \"{name}\" could not be made"), &error).hint(match error.kind() {
            ErrorKind::NotFound => "load the module (modprobe tun), or give the container the device /dev/net/tun",
            ErrorKind::PermissionDenied => "run as root, or let everybody use it: chmod 0666 /dev/net/tun",
            _ => "the kernel needs CONFIG_TUN",
        })
    })
}
