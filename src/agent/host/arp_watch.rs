//! Listens for others that use the radio's address or ask for the radio, for as long as the agent lives (RFC 5227, section 2.4): without polling,
//! and with a filter in the kernel, so that nothing else wakes the agent.

use std::io;
use std::net::Ipv4Addr;

use nix::libc;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::unix::AsyncFd;

use super::arp::{self, ArpPacket, ArpSocket, MacAddress};

/// What ARP tells of another station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::agent) enum ArpNews {
    /// It has the address as its own.
    Holds(MacAddress),
    /// It asks where the radio is, from that address: whoever speaks to the radio does so first. Unspecified where it tells none.
    AsksForRadio(MacAddress, Ipv4Addr),
}

/// Hears ARP packets of other stations that have the address as their own, or ask for the radio.
#[derive(Debug)]
pub(in crate::agent) struct ArpWatch {
    heard: AsyncFd<Socket>,
    speaks: ArpSocket,
    addresses: Watched,
    own: MacAddress,
}

/// The addresses that are listened for.
#[derive(Debug, Clone, Copy)]
pub(in crate::agent) struct Watched {
    /// The one that the radio's owner has.
    pub(in crate::agent) active: Ipv4Addr,
    /// The radio's own, where it has one on this network.
    pub(in crate::agent) radio: Option<Ipv4Addr>,
}

impl Watched {
    fn news(self, packet: ArpPacket, own: MacAddress) -> Option<ArpNews> {
        let ArpPacket { sender_mac, sender, target, .. } = packet;
        match () {
            () if sender_mac == own => None,
            () if sender == self.active => Some(ArpNews::Holds(sender_mac)),
            // The radio names its own address in what it announces.
            () if self.radio.is_some_and(|radio| target == radio && sender != radio) => {
                Some(ArpNews::AsksForRadio(sender_mac, sender))
            }
            () => None,
        }
    }
}

impl ArpWatch {
    /// Listens on the interface with this index and hardware address; must be called within a tokio runtime.
    ///
    /// # Errors
    /// `PermissionDenied` without CAP_NET_RAW.
    pub(in crate::agent) fn open(index: u32, own: MacAddress, addresses: Watched) -> io::Result<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        // Before it is bound: nothing slips through.
        socket.attach_filter(&filter(own, addresses).map(|line| SockFilter::new(line.code, line.jt, line.jf, line.k)))?;
        socket.bind(&arp::link_address(index)?)?;
        socket.set_nonblocking(true)?;
        Ok(Self { heard: register(socket)?, speaks: ArpSocket::open(index, own)?, addresses, own })
    }

    /// Waits for the next packet; what it tells.
    ///
    /// # Errors
    /// Of the socket: the interface went down, or is gone.
    pub(in crate::agent) async fn next(&self) -> io::Result<ArpNews> {
        loop {
            let mut ready = self.heard.readable().await?;
            let mut bytes = [0; 64];
            match ready.try_io(|socket| io::Read::read(&mut socket.get_ref(), &mut bytes)) {
                Ok(Ok(count)) => {
                    if let Some(news) = arp::parse(&bytes[..count]).and_then(|packet| self.addresses.news(packet, self.own)) {
                        return Ok(news);
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
        self.speaks.ask(self.addresses.active, false)
    }

    /// Tells everybody that the address is here.
    ///
    /// # Errors
    /// Of the socket: the interface is down.
    pub(in crate::agent) fn announce(&self) -> io::Result<()> {
        self.speaks.announce(self.addresses.active)
    }
}

#[expect(unsafe_code, reason = "tokio asks for a promise that the descriptor stays the same file")]
fn register(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: a Socket is the same descriptor for as long as it lives, and nobody else closes it.
    unsafe { AsyncFd::register(socket) }.map_err(io::Error::from)
}

/// Accepts Ethernet ARP packets that are not `own`'s and whose sender has the active address or whose target is the radio. Offsets are those of
/// RFC 826 behind 14 bytes of Ethernet.
fn filter(own: MacAddress, Watched { active, radio }: Watched) -> [libc::sock_filter; 12] {
    const LOAD_WORD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const LOAD_HALF: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_ABS;
    const EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    // After a comparison: how many lines are skipped when it holds, and when it does not.
    let line = |code: u32, yes: u8, no: u8, value: u32| libc::sock_filter { code: code as u16, jt: yes, jf: no, k: value };
    let [a, b, c, d, e, f] = own;
    [
        line(LOAD_HALF, 0, 0, 12),
        line(EQUAL, 0, 9, libc::ETH_P_ARP as u32),
        line(LOAD_WORD, 0, 0, 28),
        line(EQUAL, 2, 0, u32::from(active)),
        line(LOAD_WORD, 0, 0, 38),
        // Without a radio on the network, more frames pass, which are no news.
        line(EQUAL, 0, 5, u32::from(radio.unwrap_or(active))),
        line(LOAD_WORD, 0, 0, 22),
        line(EQUAL, 0, 2, u32::from_be_bytes([a, b, c, d])),
        line(LOAD_HALF, 0, 0, 26),
        line(EQUAL, 1, 0, u32::from_be_bytes([0, 0, e, f])),
        line(RETURN, 0, 0, 0xFFFF),
        line(RETURN, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: MacAddress = [2, 0, 0, 0, 0, 1];
    const LAPTOP: MacAddress = [2, 0, 0, 0, 0, 9];
    const RADIO: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 2);
    const WATCHED: Watched = Watched { active: Ipv4Addr::new(192, 168, 10, 1), radio: Some(RADIO) };

    /// What the kernel does with a frame behind this filter.
    fn passes(filter: &[libc::sock_filter], frame: &[u8]) -> bool {
        let (mut line, mut loaded) = (0, 0);
        loop {
            let of = &filter[line];
            let (code, value, at) = (u32::from(of.code), of.k, of.k as usize);
            line += 1;
            match code & 0x07 {
                libc::BPF_LD if code & libc::BPF_H != 0 => loaded = u32::from(u16::from_be_bytes([frame[at], frame[at + 1]])),
                libc::BPF_LD => loaded = u32::from_be_bytes(frame[at..at + 4].try_into().unwrap()),
                libc::BPF_JMP => line += usize::from(if loaded == value { of.jt } else { of.jf }),
                _ => return value != 0,
            }
        }
    }

    #[test]
    fn the_kernel_passes_what_is_news_and_nothing_else() {
        let none = Ipv4Addr::UNSPECIFIED;
        let far = Ipv4Addr::new(192, 168, 10, 7);
        let (Watched { active, .. }, radio) = (WATCHED, RADIO);
        for (mac, sender, target, news) in [
            (LAPTOP, active, active, Some(ArpNews::Holds(LAPTOP))),
            (LAPTOP, active, radio, Some(ArpNews::Holds(LAPTOP))),
            (LAPTOP, far, radio, Some(ArpNews::AsksForRadio(LAPTOP, far))),
            (LAPTOP, none, radio, Some(ArpNews::AsksForRadio(LAPTOP, none))),
            (LAPTOP, far, active, None),
            (LAPTOP, none, active, None),
            (OWN, active, radio, None),
            (OWN, none, radio, None),
        ] {
            let frame = arp::request_frame(mac, sender, target);
            let packet = arp::parse(&frame).unwrap();
            assert_eq!(WATCHED.news(packet, OWN), news, "{mac:?} {sender} {target}");
            assert_eq!(passes(&filter(OWN, WATCHED), &frame), news.is_some(), "{mac:?} {sender} {target}");
            let mut other = frame;
            other[13] = 0;
            assert!(!passes(&filter(OWN, WATCHED), &other), "another protocol");
        }
        let own_announcement = arp::parse(&arp::request_frame(LAPTOP, radio, radio)).unwrap();
        assert_eq!(WATCHED.news(own_announcement, OWN), None, "the radio itself");
        let asks = arp::parse(&arp::request_frame(LAPTOP, far, radio)).unwrap();
        assert_eq!(Watched { radio: None, ..WATCHED }.news(asks, OWN), None, "a radio that is not on the network");
    }
}
