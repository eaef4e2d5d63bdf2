//! Opening a tun interface, and switching it on. The D2D process and the lab use it.

use std::ffi::{c_char, c_int, c_short};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

const DEVICE: &str = "/dev/net/tun";

/// Opens a tun interface of this thread's network namespace: each read takes one IP packet, each write gives one, without a header before
/// it, and neither waits. An interface that is not there is made.
///
/// # Errors
/// A sentence, with the kind of the system's error: `NotFound` without the tun device, `PermissionDenied` without the right to the device
/// or the interface, `ResourceBusy` when another process has the interface open, `InvalidInput` for a name that is too long.
pub fn open(name: &str) -> io::Result<OwnedFd> {
    let device = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(DEVICE).map_err(|error| {
        // The device's node without its driver is no device either.
        let driverless = matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO));
        let kind = if driverless { io::ErrorKind::NotFound } else { error.kind() };
        io::Error::new(kind, format!("{DEVICE} cannot be opened: {error}"))
    })?;
    let flags = (libc::IFF_TUN | libc::IFF_NO_PI) as c_short;
    request(device.as_fd(), libc::TUNSETIFF, &mut named(name, flags)?)
        .map_err(|error| io::Error::new(error.kind(), format!("the kernel refuses the tun interface \"{name}\": {error}")))?;
    Ok(device.into())
}

nix::ioctl_write_int_bad!(
    /// TUNSETPERSIST: the interface stays when its last file is closed.
    tun_set_persist,
    libc::TUNSETPERSIST
);

/// Makes a tun interface (IP packets without a header before them) of this thread's network namespace, which stays when the modem that has
/// opened it ends.
///
/// # Errors
/// As [`open`]; of the system where it cannot be made to stay.
#[expect(unsafe_code, reason = "no crate in use makes a tun interface persistent")]
pub fn make_persistent(name: &str) -> io::Result<()> {
    let file = open(name)?;
    // SAFETY: the descriptor is that of the tun device, and the call takes no pointer.
    unsafe { tun_set_persist(file.as_raw_fd(), 1) }
        .map(drop)
        .map_err(|error| io::Error::other(format!("the tun interface \"{name}\" could not be made persistent: {error}")))
}

/// Switches an interface on. One that is on already needs no rights.
///
/// # Errors
/// A sentence, with the kind of the system's error.
pub fn switch_on(name: &str) -> io::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let on = (libc::IFF_UP | libc::IFF_RUNNING) as c_short;
    let mut interface = named(name, 0)?;
    let switched = request(socket.as_fd(), libc::SIOCGIFFLAGS, &mut interface).and_then(|()| {
        let flags = flags(&interface);
        interface.ifr_ifru.ifru_flags = flags | on;
        request(socket.as_fd(), libc::SIOCSIFFLAGS, &mut interface)
            .or_else(|error| if flags & on == on { Ok(()) } else { Err(error) })
    });
    switched.map_err(|error| io::Error::new(error.kind(), format!("the interface \"{name}\" cannot be switched on: {error}")))
}

/// A request that names an interface.
fn named(name: &str, flags: c_short) -> io::Result<libc::ifreq> {
    let mut request = libc::ifreq { ifr_name: [0; libc::IFNAMSIZ], ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags } };
    if name.len() >= request.ifr_name.len() {
        let text = format!("\"{name}\" is too long for the name of an interface: {} bytes at most", libc::IFNAMSIZ - 1);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as c_char;
    }
    Ok(request)
}

#[expect(unsafe_code, reason = "no crate in use has the requests of an interface")]
fn request(fd: BorrowedFd<'_>, number: libc::Ioctl, interface: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: the descriptor is open, all three requests take an ifreq and write no more than one, and it outlives the call.
    let done: c_int = unsafe { libc::ioctl(fd.as_raw_fd(), number, std::ptr::from_mut(interface)) };
    Errno::result(done).map(drop).map_err(io::Error::from)
}

#[expect(unsafe_code, reason = "the flags are one of several views of a union")]
fn flags(interface: &libc::ifreq) -> c_short {
    // SAFETY: `named` has written the flags, and so has the kernel; any bits are a value of them.
    unsafe { interface.ifr_ifru.ifru_flags }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_interface_can_have_is_refused_with_a_sentence() {
        let why = named("a-name-of-16-byte", 0).unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::InvalidInput);
        assert!(why.to_string().contains("15 bytes at most"), "{why}");
        assert!(named("fifteen-bytes-a", 0).is_ok());
    }

    #[test]
    fn an_interface_that_is_not_there_is_named() {
        let why = switch_on("nosuch0").unwrap_err();
        assert!(why.to_string().contains("\"nosuch0\" cannot be switched on"), "{why}");
    }
}
