//! Programs for the kernel's packet filter, which sees a frame before any socket does.

use nix::libc::{self, sock_filter};

const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const JUMP_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// Where the kernel keeps whether a frame came with a VLAN tag: it takes the tag out of the frame before a socket sees it.
const HAS_VLAN_TAG: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_VLAN_TAG_PRESENT) as u32;

/// Goes on behind `on_failure` instructions unless the value loaded is `k`.
const fn unless_equal(k: u32, on_failure: u8) -> sock_filter {
    sock_filter { code: JUMP_EQUAL, jt: 0, jf: on_failure, k }
}

const fn step(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

/// Passes whole frames, none with a VLAN tag (802.1Q, 802.1ad): to the device they are of a protocol that it does not speak.
pub fn untagged() -> [sock_filter; 4] {
    [step(LOAD_WORD, HAS_VLAN_TAG), unless_equal(0, 1), step(RETURN, u32::MAX), step(RETURN, 0)]
}

/// Passes one byte of each untagged frame but transmit packets: UDP over plain IPv4 to the port for samples, with a VITA length.
pub fn all_but_samples() -> [sock_filter; 14] {
    [
        step(LOAD_WORD, HAS_VLAN_TAG),
        unless_equal(0, 11),
        step(LOAD_HALF, 12),
        unless_equal(0x0800, 8),
        step(LOAD_BYTE, 14),
        unless_equal(0x45, 6),
        step(LOAD_BYTE, 23),
        unless_equal(17, 4),
        step(LOAD_HALF, 36),
        unless_equal(n210_wire::port::TX as u32, 2),
        step(LOAD_HALF, 48),
        unless_equal(0, 1),
        step(RETURN, 1),
        step(RETURN, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ethernet::frame::host_udp;
    use std::net::{Ipv4Addr, SocketAddrV4};

    /// What a program returns for a frame, by the rules of the kernel's machine.
    fn run(program: &[sock_filter], frame: &[u8], tagged: bool) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let bytes = |count: usize| frame.get(k as usize..k as usize + count);
            let loaded = match code {
                LOAD_WORD if k == HAS_VLAN_TAG => Some(u32::from(tagged)),
                LOAD_HALF => bytes(2).map(|b| u32::from(u16::from_be_bytes([b[0], b[1]]))),
                LOAD_BYTE => bytes(1).map(|b| u32::from(b[0])),
                JUMP_EQUAL => {
                    at += usize::from(if value == k { jt } else { jf });
                    Some(value)
                }
                RETURN => return k,
                _ => panic!("no such instruction: {code:#x}"),
            };
            // A load beyond the frame ends the program with 0.
            let Some(loaded) = loaded else { return 0 };
            value = loaded;
        }
    }

    fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
        let at = |last, port| SocketAddrV4::new(Ipv4Addr::new(192, 168, 10, last), port);
        host_udp((at(1, 5000), [4; 6]), (at(2, port), [2; 6]), payload)
    }

    #[test]
    fn frames_with_a_vlan_tag_are_dropped() {
        let hello = datagram(49152, &[0; 36]);
        assert_eq!([run(&untagged(), &hello, false), run(&untagged(), &hello, true)], [u32::MAX, 0]);
        assert_eq!([run(&all_but_samples(), &hello, false), run(&all_but_samples(), &hello, true)], [1, 0]);
    }

    #[test]
    fn only_transmit_packets_do_not_pass() {
        let passes = |frame: &[u8]| run(&all_but_samples(), frame, false) == 1;
        let short = [0, 0, 0, 5, 4, 0, 0, 8, 0, 1, 0, 1];
        let long = [&short[..6], &[1, 109], &[0; 1456]].concat();
        assert!(!passes(&datagram(49157, &short)) && !passes(&datagram(49157, &long)));
        // Set-destination to the port for samples, the same bytes to another port, and what is no UDP.
        assert!(passes(&datagram(49157, &[0; 8])) && passes(&datagram(49159, &short)));
        let mut ping = datagram(49157, &short);
        ping[23] = 1;
        assert!(passes(&ping));
        ping[12] = 0x86;
        assert!(passes(&ping));
    }
}
