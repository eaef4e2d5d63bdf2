//! Ethernet as the device's firmware speaks it: ARP, IPv4 without options or fragments, UDP, ICMP.

use std::net::{Ipv4Addr, SocketAddrV4};

use etherparse::{Ipv4HeaderSlice, LinkSlice, NetSlice, SlicedPacket, TransportSlice};

use super::outbox::{MAX_FRAME, Outbox};

/// A hardware address.
pub type Mac = [u8; 6];

/// Bytes of Ethernet, IPv4 and UDP headers.
pub const UDP_HEADERS: usize = 42;

/// Most payload of a UDP datagram that the device sends.
pub const MAX_PAYLOAD: usize = MAX_FRAME - UDP_HEADERS;

const BROADCAST: Mac = [0xFF; 6];
const ETHERNET: usize = 14;
/// What the firmware's buffer leaves for an echo.
const LONGEST_ECHO: usize = 2000;
const ARP_FRAME: usize = 42;
const ARP_REQUEST: u16 = 1;
const ARP_REPLY: u16 = 2;
const TTL: u8 = 32;
const DONT_FRAGMENT: [u8; 2] = [0x40, 0];
const ICMP: u8 = 1;
const UDP: u8 = 17;

/// A frame for the device, sorted.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// Who has `target`?
    ArpRequest {
        /// Who asks.
        sender: (Ipv4Addr, Mac),
        /// The address asked for.
        target: Ipv4Addr,
    },
    /// `.0` is at `.1`.
    ArpReply((Ipv4Addr, Mac)),
    /// From the next start on, your address is this one: for a device whose address nobody knows.
    SetAddress(Ipv4Addr),
    /// An IPv4 packet.
    Ip {
        /// Source address and the frame's source MAC.
        sender: (Ipv4Addr, Mac),
        /// Destination address.
        to: Ipv4Addr,
        /// Sent to the Ethernet broadcast address.
        broadcast: bool,
        /// What it carries.
        content: IpContent<'a>,
    },
}

/// What an IPv4 packet carries.
#[derive(Debug, PartialEq, Eq)]
pub enum IpContent<'a> {
    /// A datagram.
    Udp {
        /// Source port.
        from: u16,
        /// Destination port.
        to: u16,
        /// Payload.
        payload: &'a [u8],
    },
    /// An echo request: what follows its checksum.
    Ping(&'a [u8]),
    /// "Port unreachable" for a datagram that this port of the device had sent.
    PortUnreachable(u16),
    /// Anything else.
    Other,
}

/// Sorts a frame; none if it is not for this MAC or broken.
pub fn parse<'a>(frame: &'a [u8], own: &Mac) -> Option<Incoming<'a>> {
    if let Some(ip) = parse_recovery(frame) {
        return (frame.starts_with(own) || frame.starts_with(&BROADCAST)).then_some(Incoming::SetAddress(ip));
    }
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let Some(LinkSlice::Ethernet2(ethernet)) = &packet.link else { return None };
    let (destination, source) = (ethernet.destination(), ethernet.source());
    if (destination != *own && destination != BROADCAST) || !packet.link_exts.is_empty() {
        return None;
    }
    match &packet.net {
        Some(NetSlice::Arp(arp)) => parse_arp(arp.slice()),
        Some(NetSlice::Ipv4(ip)) => {
            let header = ip.header();
            if header.is_fragmenting_payload() || !header.options().is_empty() {
                return None;
            }
            let content = match &packet.transport {
                // The firmware wants the two lengths to agree; it ignores checksums.
                Some(TransportSlice::Udp(udp)) if udp.length().wrapping_add(20) == header.total_len() => {
                    IpContent::Udp { from: udp.source_port(), to: udp.destination_port(), payload: udp.payload() }
                }
                Some(TransportSlice::Icmpv4(icmp)) => parse_icmp(icmp.slice()),
                _ => IpContent::Other,
            };
            let sender = (header.source_addr(), source);
            Some(Incoming::Ip { sender, to: header.destination_addr(), broadcast: destination == BROADCAST, content })
        }
        _ => None,
    }
}

/// The address of a recovery frame: Ethernet type, a word, four bytes.
fn parse_recovery(frame: &[u8]) -> Option<Ipv4Addr> {
    let &[0xBE, 0xEE, b'a', b'd', b'd', b'r', a, b, c, d, ..] = frame.get(12..)? else { return None };
    Some(Ipv4Addr::new(a, b, c, d))
}

/// Ethernet and IPv4 only.
fn parse_arp(arp: &[u8]) -> Option<Incoming<'static>> {
    let arp: &[u8; 28] = arp.first_chunk()?;
    let &[0, 1, 8, 0, 6, 4, 0, operation, ref rest @ ..] = arp else { return None };
    let (mac, rest): (&Mac, _) = rest.split_first_chunk()?;
    let (ip, rest): (&[u8; 4], _) = rest.split_first_chunk()?;
    let target: &[u8; 4] = rest.last_chunk()?;
    let sender = (Ipv4Addr::from(*ip), *mac);
    match u16::from(operation) {
        ARP_REQUEST => Some(Incoming::ArpRequest { sender, target: Ipv4Addr::from(*target) }),
        ARP_REPLY => Some(Incoming::ArpReply(sender)),
        _ => None,
    }
}

fn parse_icmp(icmp: &[u8]) -> IpContent<'_> {
    match icmp {
        [8, 0, _, _, rest @ ..] => IpContent::Ping(rest),
        [3, 3, _, _, _, _, _, _, inner @ ..] => {
            let Ok(header) = Ipv4HeaderSlice::from_slice(inner) else { return IpContent::Other };
            match inner.get(header.slice().len()..) {
                Some([high, low, ..]) if inner[9] == UDP => IpContent::PortUnreachable(u16::from_be_bytes([*high, *low])),
                _ => IpContent::Other,
            }
        }
        _ => IpContent::Other,
    }
}

/// One's-complement sum of 16-bit words, folded, not inverted.
pub fn sum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    fold(words.sum())
}

/// Folds the carries of a one's-complement sum in.
pub fn fold(sum: u32) -> u16 {
    let once = (sum & 0xFFFF) + (sum >> 16);
    ((once & 0xFFFF) + (once >> 16)) as u16
}

/// Who sends and who receives: hardware and IP address of each.
#[derive(Debug, Clone, Copy)]
pub struct Peers {
    /// The device.
    pub from: (Ipv4Addr, Mac),
    /// The peer.
    pub to: (Ipv4Addr, Mac),
}

/// Writes Ethernet and IPv4 headers for a packet of `length` bytes after them.
fn headers(out: &mut [u8], peers: &Peers, protocol: u8, length: usize) {
    out[..6].copy_from_slice(&peers.to.1);
    out[6..12].copy_from_slice(&peers.from.1);
    out[12..14].copy_from_slice(&[8, 0]);
    let ip = &mut out[ETHERNET..ETHERNET + 20];
    ip.fill(0);
    ip[0] = 0x45;
    ip[2..4].copy_from_slice(&((length + 20) as u16).to_be_bytes());
    ip[6..8].copy_from_slice(&DONT_FRAGMENT);
    ip[8..10].copy_from_slice(&[TTL, protocol]);
    ip[12..16].copy_from_slice(&peers.from.0.octets());
    ip[16..20].copy_from_slice(&peers.to.0.octets());
    let checksum = !sum(ip);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// Appends a UDP frame with checksum 0 and returns its payload for the caller to fill.
pub fn udp<'a>(out: &'a mut Outbox, peers: &Peers, from: u16, to: u16, length: usize) -> &'a mut [u8] {
    let frame = out.push(UDP_HEADERS + length.min(MAX_PAYLOAD));
    let length = frame.len() - UDP_HEADERS;
    headers(frame, peers, UDP, length + 8);
    frame[34..36].copy_from_slice(&from.to_be_bytes());
    frame[36..38].copy_from_slice(&to.to_be_bytes());
    frame[38..40].copy_from_slice(&((length + 8) as u16).to_be_bytes());
    frame[40..42].copy_from_slice(&[0, 0]);
    &mut frame[UDP_HEADERS..]
}

/// Appends the answer to an echo request.
pub fn pong(out: &mut Outbox, peers: &Peers, rest: &[u8]) {
    let rest = &rest[..rest.len().min(LONGEST_ECHO)];
    let frame = out.push(ETHERNET + 24 + rest.len());
    headers(frame, peers, ICMP, 4 + rest.len());
    let icmp = &mut frame[ETHERNET + 20..];
    icmp[..4].fill(0);
    icmp[4..].copy_from_slice(rest);
    let checksum = !sum(icmp);
    icmp[2..4].copy_from_slice(&checksum.to_be_bytes());
}

fn arp(out: &mut Outbox, operation: u16, peers: &Peers, target_mac: Mac) {
    let frame = out.push(ARP_FRAME);
    frame[..6].copy_from_slice(&peers.to.1);
    frame[6..12].copy_from_slice(&peers.from.1);
    frame[12..20].copy_from_slice(&[8, 6, 0, 1, 8, 0, 6, 4]);
    frame[20..22].copy_from_slice(&operation.to_be_bytes());
    frame[22..28].copy_from_slice(&peers.from.1);
    frame[28..32].copy_from_slice(&peers.from.0.octets());
    frame[32..38].copy_from_slice(&target_mac);
    frame[38..42].copy_from_slice(&peers.to.0.octets());
}

/// Appends "I have that address" for the one who asked.
pub fn arp_reply(out: &mut Outbox, peers: &Peers) {
    arp(out, ARP_REPLY, peers, peers.to.1);
}

/// Appends "who has `ip`?" to everyone.
pub fn arp_request(out: &mut Outbox, from: (Ipv4Addr, Mac), ip: Ipv4Addr) {
    arp(out, ARP_REQUEST, &Peers { from, to: (ip, BROADCAST) }, [0; 6]);
}

/// Builds a UDP frame as a host would: for tests.
#[cfg(test)]
pub fn host_udp(from: (SocketAddrV4, Mac), to: (SocketAddrV4, Mac), payload: &[u8]) -> Vec<u8> {
    let mut out = Outbox::default();
    let peers = Peers { from: (*from.0.ip(), from.1), to: (*to.0.ip(), to.1) };
    udp(&mut out, &peers, from.0.port(), to.0.port(), payload.len()).copy_from_slice(payload);
    out.frames().next().map(<[u8]>::to_vec).unwrap_or_default()
}

/// Address of a peer's UDP socket.
pub fn socket(ip: Ipv4Addr, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(ip, port)
}
