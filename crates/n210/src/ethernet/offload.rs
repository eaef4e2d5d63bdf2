//! Runs of equal datagrams as one frame that the kernel takes apart: the host's end pays for one frame instead of many.
//!
//! Only the ends of the wire see the datagrams: a sniffer in between sees the large frame, with a UDP checksum that is not 0.

use super::frame::{self, UDP_HEADERS};

/// The kernel's `struct virtio_net_hdr`, in front of every frame that is sent or received.
pub const HEADER: usize = 10;
/// Type of offload, at byte 1: several UDP datagrams; the payload of each is at bytes 4 and 5.
pub const UDP: u8 = 5;

/// At byte 0: the checksum is to be completed from byte 34 of the frame on, to be put 6 bytes behind that.
const NEEDS_CHECKSUM: u8 = 1;

/// Shorter frames are no samples, longer ones need an MTU that is not everywhere.
const LENGTHS: std::ops::RangeInclusive<usize> = 200..=1514;

/// Most bytes of payload in a frame.
const MOST: usize = 65_000;

/// How many frames from the first on may go as one.
pub fn run(frames: &[&[u8]]) -> usize {
    // IPv4 and UDP.
    let fit = |frame: &&&[u8]| LENGTHS.contains(&frame.len()) && frame[12..14] == [8, 0] && frame[23] == 17;
    let Some(first) = frames.first().filter(fit) else { return frames.len().min(1) };
    let most = MOST / (first.len() - UDP_HEADERS);
    let same = |frame: &&&[u8]| frame.len() == first.len() && frame[..UDP_HEADERS] == first[..UDP_HEADERS];
    frames.iter().take(most).take_while(same).count()
}

/// What goes in front of the payloads of `count` frames like this one.
pub fn header(frame: &[u8], count: usize) -> [u8; HEADER + UDP_HEADERS] {
    let mut out = [0; HEADER + UDP_HEADERS];
    let each = frame.len().saturating_sub(UDP_HEADERS);
    let udp_length = (each * count + 8) as u16;
    let (kernel, headers) = out.split_at_mut(HEADER);
    kernel[..2].copy_from_slice(&[NEEDS_CHECKSUM, UDP]);
    for (slot, value) in kernel[2..].chunks_exact_mut(2).zip([UDP_HEADERS as u16, each as u16, 34, 6]) {
        slot.copy_from_slice(&value.to_ne_bytes());
    }
    if let Some(first) = frame.get(..UDP_HEADERS) {
        headers.copy_from_slice(first);
    }
    headers[16..18].copy_from_slice(&(udp_length + 20).to_be_bytes());
    headers[24..26].fill(0);
    let checksum = !frame::sum(&headers[14..34]);
    headers[24..26].copy_from_slice(&checksum.to_be_bytes());
    headers[38..40].copy_from_slice(&udp_length.to_be_bytes());
    // The checksum begins with addresses, protocol and length; the kernel adds the rest.
    let pseudo = frame::fold(u32::from(frame::sum(&headers[26..34])) + 17 + u32::from(udp_length));
    headers[40..42].copy_from_slice(&pseudo.to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddrV4};

    fn datagram(port: u16, length: usize) -> Vec<u8> {
        let at = |last, port| SocketAddrV4::new(Ipv4Addr::new(192, 168, 10, last), port);
        frame::host_udp((at(2, 49156), [2; 6]), (at(1, port), [4; 6]), &vec![7; length])
    }

    #[test]
    fn equal_datagrams_of_one_stream_go_together() {
        let frames: Vec<Vec<u8>> =
            [(1, 1472), (1, 1472), (1, 1472), (2, 1472), (2, 40), (2, 40)].map(|(port, n)| datagram(port, n)).into();
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        let mut runs = Vec::new();
        let mut rest = &frames[..];
        while !rest.is_empty() {
            runs.push(run(rest));
            rest = &rest[run(rest)..];
        }
        assert_eq!(runs, [3, 1, 1, 1]);
        let many = vec![frames[0]; 100];
        assert_eq!(run(&many), 44);
    }

    #[test]
    fn the_header_says_what_is_in_the_frame() {
        let out = header(&datagram(1, 1472), 3);
        assert_eq!(out[..2], [1, 5]);
        let native = |at: usize| u16::from_ne_bytes([out[at], out[at + 1]]);
        assert_eq!([native(2), native(4), native(6), native(8)], [42, 1472, 34, 6]);
        let frame = &out[10..];
        let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
        assert_eq!((word(16), word(38)), (3 * 1472 + 28, 3 * 1472 + 8));
        assert_eq!(frame::sum(&frame[14..34]), 0xFFFF);
        // Number, "do not fragment" and time to live stay.
        assert_eq!((word(18), word(20), frame[22]), (0, 0x4000, 32));
        let pseudo = 192 * 256 + 168 + 10 * 256 + 2 + 192 * 256 + 168 + 10 * 256 + 1 + 17 + 3 * 1472 + 8;
        assert_eq!(word(40), frame::fold(pseudo));
    }
}
