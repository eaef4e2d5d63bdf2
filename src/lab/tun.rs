//! Persistent tun interfaces: they stay when the modem that opened them ends.

use std::io::ErrorKind;

use protocol::{Failure, missing};
use workload::tun;

/// Makes a tun interface (IP packets without a header before them) in this thread's network namespace.
///
/// # Errors
/// There is no tun device, or no right to use it.
pub fn make(name: &str) -> Result<(), Failure> {
    tun::make_persistent(name).map_err(|error| {
        missing(format!("the tun interface \"{name}\" could not be made"), &error).hint(match error.kind() {
            ErrorKind::NotFound => "load the module (modprobe tun), or give the container the device /dev/net/tun",
            ErrorKind::PermissionDenied => "run as root, or let everybody use it: chmod 0666 /dev/net/tun",
            _ => "the kernel needs CONFIG_TUN",
        })
    })
}
