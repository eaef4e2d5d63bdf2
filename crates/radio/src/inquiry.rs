//! Asks a network which radios it has, and a radio for its numbers, from a host that need not own it: no session is opened, nothing is set, and no
//! stream is touched. UHD's own discovery asks the same.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::control::ControlPort;
use n210_wire::control::{Control, LENGTH, Message, VERSION};
use n210_wire::port;
use n210_wire::register::{firmware, rb};

/// What firmware and FPGA a program must have been written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RadioNumbers {
    /// Version of the firmware, and of its protocol.
    pub firmware: (u32, u32),
    /// Compatibility number of the FPGA.
    pub fpga: (u32, u32),
}

/// The numbers that this project was written for: UHD 4's images for the N210.
pub const KNOWN: RadioNumbers = RadioNumbers { firmware: (VERSION, 4), fpga: (11, 1) };

/// A radio answers within a millisecond; one frame may be lost.
const EACH: Duration = Duration::from_millis(150);
const TRIES: u32 = 3;
/// Bytes of an address in the EEPROM, and where they lie.
const ADDRESS_AT: u8 = 0x0C;

/// A socket that speaks by way of one interface, whatever the routes are. A host away from the radio has none to it.
fn by_way_of(interface: &str) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
    SockRef::from(&socket).bind_device(Some(interface.as_bytes()))?;
    Ok(socket)
}

/// The radios that answer on the network of an interface, each by its address. Blocks for up to half a second.
///
/// # Errors
/// Of the system: the interface is missing or down, or has no IPv4 address.
pub fn discover(interface: &str) -> io::Result<Vec<Ipv4Addr>> {
    let socket = by_way_of(interface)?;
    socket.set_broadcast(true)?;
    let mut found = Vec::new();
    for sequence in 1..=TRIES {
        let hello = Control::request(sequence, Message::Hello).encode();
        socket.send_to(&hello, SocketAddrV4::new(Ipv4Addr::BROADCAST, port::CONTROL))?;
        let until = Instant::now() + EACH;
        while let Some((_, address)) = next_hello(&socket, until)? {
            if !found.contains(&address) {
                found.push(address);
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The numbers of the radio at `device`, asked by way of an interface. Blocks for up to a second.
///
/// # Errors
/// A sentence: it does not answer.
pub fn numbers(device: Ipv4Addr, interface: &str) -> Result<RadioNumbers, String> {
    let silent = |e: io::Error| format!("the radio at {device} cannot be asked by way of {interface}: {e}");
    let socket = by_way_of(interface).map_err(silent)?;
    socket.connect(SocketAddrV4::new(device, port::CONTROL)).map_err(silent)?;
    let version = ask_version(&socket).map_err(silent)?;
    let major = version.ok_or_else(|| format!("the radio at {device} does not answer by way of {interface}"))?;
    let mut control = ControlPort::over(socket, device);
    let by = || Instant::now() + EACH * TRIES;
    let minor = control.read_firmware(firmware::MINOR, by())?;
    let fpga = control.read(rb::COMPATIBILITY, by())?;
    Ok(RadioNumbers { firmware: (major, minor), fpga: (fpga >> 16, fpga & 0xFFFF) })
}

/// The address with which the radio starts the next time. The EEPROM has one pointer for all who read: only for a radio that nobody uses.
///
/// # Errors
/// A sentence: it does not answer.
pub fn next_address(device: Ipv4Addr, interface: &str) -> Result<Ipv4Addr, String> {
    let silent = |e: io::Error| format!("the radio at {device} cannot be asked by way of {interface}: {e}");
    let socket = by_way_of(interface).map_err(silent)?;
    socket.connect(SocketAddrV4::new(device, port::CONTROL)).map_err(silent)?;
    let mut control = ControlPort::over(socket, device);
    let mut half = |at| control.read_eeprom(at, Instant::now() + EACH * TRIES).map(u16::to_le_bytes);
    let ([first, second], [third, fourth]) = (half(ADDRESS_AT)?, half(ADDRESS_AT + 2)?);
    Ok(Ipv4Addr::new(first, second, third, fourth))
}

/// The protocol version that the radio tells with its hello; none when it does not answer.
fn ask_version(socket: &UdpSocket) -> io::Result<Option<u32>> {
    for sequence in 1..=TRIES {
        match socket.send(&Control::request(sequence, Message::Hello).encode()) {
            // Of an earlier packet.
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {}
            sent => drop(sent?),
        }
        if let Some((version, _)) = next_hello(socket, Instant::now() + EACH)? {
            return Ok(Some(version));
        }
    }
    Ok(None)
}

/// Version and address of the next radio that says hello until then.
fn next_hello(socket: &UdpSocket, until: Instant) -> io::Result<Option<(u32, Ipv4Addr)>> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left))?;
        let mut bytes = [0; LENGTH];
        match socket.recv_from(&mut bytes) {
            Ok((count, from)) => {
                let said = Control::decode(&bytes[..count]);
                if let (Ok(Control { version, message: Message::HelloReply(_), .. }), SocketAddr::V4(from)) = (said, from) {
                    return Ok(Some((version, *from.ip())));
                }
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => return Ok(None),
            Err(e) => return Err(e),
        }
    }
}
