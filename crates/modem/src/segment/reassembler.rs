//! Payloads into packets.

use super::sent::REMEMBERED;
use super::{FIRST, LAST, LENGTH, Missing, REPORT, REPORTS, SEGMENT_HEADER, VERSION};
use crate::queue::MTU;

/// Puts packets together.
#[derive(Debug)]
pub struct Reassembler {
    /// Bytes of the longest packet.
    longest: usize,
    /// `None` until a first payload.
    expected: Option<u16>,
    /// Whether `packet` has a beginning, and waits for the rest.
    open: bool,
    packet: Vec<u8>,
    /// Packets of which a part was missing.
    pub broken: u64,
    /// Payloads that did not arrive, not yet reported.
    missing: Vec<Missing>,
    /// What the far end has reported, not yet sent again.
    reports: Vec<Missing>,
}

impl Default for Reassembler {
    fn default() -> Self {
        Self::with_longest(MTU)
    }
}

impl Reassembler {
    /// For packets of at most `longest` bytes.
    pub const fn with_longest(longest: usize) -> Self {
        Self { longest, expected: None, open: false, packet: Vec::new(), broken: 0, missing: Vec::new(), reports: Vec::new() }
    }

    /// Number of the payload that continues the last one.
    pub const fn expected(&self) -> Option<u16> {
        self.expected
    }

    /// What has arrived of the packet under way.
    pub fn part(&self) -> Option<&[u8]> {
        self.open.then_some(&self.packet)
    }

    /// Goes on where another reassembler was, with what it had of the packet under way.
    pub fn resume(&mut self, expected: Option<u16>, part: Option<Vec<u8>>) {
        self.drop_open();
        self.missing.clear();
        self.reports.clear();
        self.expected = expected;
        self.open = part.is_some();
        self.packet = part.unwrap_or_default();
    }

    /// How many payloads lie between the one expected and this one: below 0 it is past, 0 when nothing is known.
    pub fn ahead(&self, payload: &[u8]) -> i16 {
        match (payload, self.expected) {
            ([VERSION, _, high, low, ..], Some(expected)) => u16::from_be_bytes([*high, *low]).wrapping_sub(expected) as i16,
            _ => 0,
        }
    }

    /// Payloads that did not arrive, each told once.
    pub fn missing(&mut self) -> impl Iterator<Item = Missing> {
        self.missing.drain(..)
    }

    /// Payloads that did not arrive at the far end, each told once.
    pub fn reports(&mut self) -> impl Iterator<Item = Missing> {
        self.reports.drain(..)
    }

    /// Takes a payload and hands over every packet that ends in it. Payloads that are not of this format are ignored from the first
    /// wrong byte on.
    pub fn accept(&mut self, payload: &[u8], mut deliver: impl FnMut(&[u8])) {
        let [VERSION, segments, high, low, rest @ ..] = payload else { return };
        let sequence = u16::from_be_bytes([*high, *low]);
        if let Some(expected) = self.expected.filter(|expected| *expected != sequence) {
            self.drop_open();
            // A sender that started again has never sent what seems to be missing.
            let count = sequence.wrapping_sub(expected);
            if count <= REMEMBERED && self.missing.len() < REPORTS {
                self.missing.push(Missing { first: expected, count });
            }
        }
        if *segments == 0 {
            self.expected = Some(sequence);
            return;
        }
        self.expected = Some(sequence.wrapping_add(1));
        let mut rest = rest;
        for _ in 0..*segments {
            let Some((header, body)) = rest.split_first_chunk::<SEGMENT_HEADER>() else { return self.drop_open() };
            let header = u16::from_be_bytes(*header);
            let Some((body, after)) = body.split_at_checked(usize::from(header & LENGTH)) else { return self.drop_open() };
            rest = after;
            if header & REPORT != 0 {
                self.report(body);
            } else {
                self.segment(header, body, &mut deliver);
            }
        }
    }

    fn report(&mut self, body: &[u8]) {
        if let [a, b, c, d] = *body
            && self.reports.len() < 2 * REPORTS
        {
            self.reports.push(Missing { first: u16::from_be_bytes([a, b]), count: u16::from_be_bytes([c, d]) });
        }
    }

    fn segment(&mut self, header: u16, body: &[u8], deliver: &mut impl FnMut(&[u8])) {
        if header & FIRST != 0 {
            self.drop_open();
            self.open = true;
            self.packet.clear();
        }
        if !self.open {
            return;
        }
        if self.packet.len() + body.len() > self.longest {
            return self.drop_open();
        }
        self.packet.extend_from_slice(body);
        if header & LAST != 0 {
            self.open = false;
            deliver(&self.packet);
        }
    }

    fn drop_open(&mut self) {
        self.broken += u64::from(self.open);
        self.open = false;
    }
}
