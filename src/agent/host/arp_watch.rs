//! Listens for others that use an address, for as long as this host may have it (RFC 5227, section 2.4): without polling, and with a filter
//! in the kernel, so that nothing else wakes the agent.

use std::io;
use std::net::Ipv4Addr;

use nix::libc;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::unix::AsyncFd;

use super::arp::{self, ArpSocket, MacAddress};

/// Hears ARP packets of other stations that have the address as their own.
#[derive(Debug)]
pub(in crate::agent) struct ArpWatch {
    heard: AsyncFd<Socket>,
    speaks: ArpSocket,
    address: Ipv4Addr,
    own: MacAddress,
}

impl ArpWatch {
    /// Listens on the interface with this index and hardware address; must be called within a tokio runtime.
    ///
    /// # Errors
    /// `PermissionDenied` without CAP_NET_RAW.
    pub(in crate::agent) fn open(index: u32, own: MacAddress, address: Ipv4Addr) -> io::Result<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        // Before it is bound: nothing slips through.
        socket.attach_filter(&filter(own, address))?;
        socket.bind(&arp::link_address(index)?)?;
        socket.set_nonblocking(true)?;
        Ok(Self { heard: register(socket)?, speaks: ArpSocket::open(index, own)?, address, own })
    }

    /// Waits for the next packet; its sender.
    ///
    /// # Errors
    /// Of the socket: the interface went down, or is gone.
    pub(in crate::agent) async fn next(&self) -> io::Result<MacAddress> {
        loop {
            let mut ready = self.heard.readable().await?;
            let mut bytes = [0; 64];
            match ready.try_io(|socket| io::Read::read(&mut socket.get_ref(), &mut bytes)) {
                Ok(Ok(count)) => {
                    let packet = arp::parse(&bytes[..count]);
                    if let Some(packet) = packet.filter(|p| p.sender == self.address && p.sender_mac != self.own) {
                        return Ok(packet.sender_mac);
                    }
                }
                Ok(Err(e)) => return Err(e),
                Err(_) => {}
            }
        }
    }

    /// Asks who has the address; whoever has it is heard by [`Self::next`].
    ///
    /// # Errors
    /// Of the socket: the interface is down.
    pub(in crate::agent) fn survey(&self) -> io::Result<()> {
        self.speaks.ask(self.address, false)
    }

    /// Tells everybody that the address is here.
    ///
    /// # Errors
    /// Of the socket: the interface is down.
    pub(in crate::agent) fn announce(&self) -> io::Result<()> {
        self.speaks.announce(self.address)
    }
}

#[expect(unsafe_code, reason = "tokio asks for a promise that the descriptor stays the same file")]
fn register(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: a Socket is the same descriptor for as long as it lives, and nobody else closes it.
    unsafe { AsyncFd::register(socket) }.map_err(io::Error::from)
}

/// Accepts Ethernet ARP packets whose sender has `address` and is not `own`. Offsets are those of RFC 826 behind 14 bytes of Ethernet.
fn filter(own: MacAddress, address: Ipv4Addr) -> [SockFilter; 10] {
    const LOAD_WORD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const LOAD_HALF: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_ABS;
    const EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    // After a comparison: how many lines are skipped when it holds, and when it does not.
    let line = |code: u32, yes: u8, no: u8, value: u32| SockFilter::new(code as u16, yes, no, value);
    let [a, b, c, d, e, f] = own;
    [
        line(LOAD_HALF, 0, 0, 12),
        line(EQUAL, 0, 7, libc::ETH_P_ARP as u32),
        line(LOAD_WORD, 0, 0, 28),
        line(EQUAL, 0, 5, u32::from(address)),
        line(LOAD_WORD, 0, 0, 22),
        line(EQUAL, 0, 2, u32::from_be_bytes([a, b, c, d])),
        line(LOAD_HALF, 0, 0, 26),
        line(EQUAL, 1, 0, u32::from_be_bytes([0, 0, e, f])),
        line(RETURN, 0, 0, 0xFFFF),
        line(RETURN, 0, 0, 0),
    ]
}
