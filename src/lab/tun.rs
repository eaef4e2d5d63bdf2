//! Persistent tun interfaces: they stay when the modem that opened them ends.

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;

use nix::libc::{self, c_char, c_short};

use protocol::{ErrorCode, Failure};
use protocol::{Trying, missing};

const DEVICE: &str = "/dev/net/tun";

nix::ioctl_write_ptr_bad!(tunsetiff, libc::TUNSETIFF, libc::ifreq);
nix::ioctl_write_int_bad!(tunsetpersist, libc::TUNSETPERSIST);

/// Makes a tun interface (IP packets without a header before them) in this thread's network namespace.
///
/// # Errors
/// No [`DEVICE`], or no right to use it.
pub fn make(name: &str) -> Result<(), Failure> {
    let file = OpenOptions::new().read(true).write(true).open(DEVICE).map_err(|error| {
        missing(format!("the tun interface needs {DEVICE}, which can not be opened"), &error).hint(match error.kind() {
            std::io::ErrorKind::NotFound => "load the module (modprobe tun), or give the container the device",
            std::io::ErrorKind::PermissionDenied => "run as root, or let everybody use it: chmod 0666 /dev/net/tun",
            _ => "the kernel needs CONFIG_TUN",
        })
    })?;
    // SAFETY: ifreq is plain data for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(Failure::new(ErrorCode::Config, format!("\"{name}\" is too long for the name of an interface")));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as c_short;
    // SAFETY: the descriptor is that of the tun device, the request outlives the call.
    unsafe { tunsetiff(file.as_raw_fd(), &raw const request) }
        .trying(|| format!("the tun interface \"{name}\" could not be made"))?;
    // SAFETY: as above.
    unsafe { tunsetpersist(file.as_raw_fd(), 1) }
        .trying(|| format!("the tun interface \"{name}\" could not be made persistent"))?;
    Ok(())
}
