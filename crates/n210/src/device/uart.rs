//! Serial lines over UDP, as the firmware carries them: what arrives on 4917x goes out on a line, what a line says goes to whoever wrote
//! last. Only line 2 is listened to; the GPSDO is there or nothing is.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use super::clock::Tick;
use crate::board::gpsdo::Gpsdo;
use n210_wire::TICKS_PER_SECOND;

/// Port of the first line.
pub const FIRST_PORT: u16 = 49170;

/// Lines.
const LINES: u16 = 4;

/// The line that is listened to.
const GPS: u16 = 2;

/// Ticks of a byte: ten bits at 115 200 baud, which the device makes of 50 MHz / 434.
const BYTE: Tick = 8_680;

/// How long the GPSDO thinks before it answers.
const THINKING: Tick = TICKS_PER_SECOND / 20;

/// Bytes that wait to go out; the device would stop doing anything else.
const BACKLOG: usize = 4096;

/// Lines that wait to come in.
const LINES_IN: usize = 256;

/// Line 2 and who listens to it.
#[derive(Debug)]
pub struct Uart {
    gpsdo: Option<Gpsdo>,
    peer: Option<(Ipv4Addr, u16)>,
    /// Bytes to the GPSDO, each with the tick at which it has arrived.
    out: VecDeque<(Tick, u8)>,
    out_free: Tick,
    /// Datagrams from it: the firmware sends at each end of a line.
    datagrams: VecDeque<(Tick, Vec<u8>)>,
    in_free: Tick,
}

impl Uart {
    /// The lines, with this at the far end of line 2.
    pub fn new(gpsdo: Option<Gpsdo>) -> Self {
        Self { gpsdo, peer: None, out: VecDeque::new(), out_free: 0, datagrams: VecDeque::new(), in_free: 0 }
    }

    /// Whether a port is a line's.
    pub fn own(port: u16) -> bool {
        (FIRST_PORT..FIRST_PORT + LINES).contains(&port)
    }

    /// A datagram to a line's port; an empty one only says who listens.
    pub fn write(&mut self, port: u16, from: (Ipv4Addr, u16), bytes: &[u8], now: Tick) {
        if port != FIRST_PORT + GPS {
            return;
        }
        self.peer = Some(from);
        self.out_free = self.out_free.max(now);
        for byte in bytes {
            // The firmware puts a carriage return before each line feed.
            for byte in [Some(b'\r').filter(|_| *byte == b'\n'), Some(*byte)].into_iter().flatten() {
                if self.gpsdo.is_some() && self.out.len() < BACKLOG {
                    self.out_free += BYTE;
                    self.out.push_back((self.out_free, byte));
                }
            }
        }
    }

    /// The listener has gone.
    pub fn unreachable(&mut self, port: u16) {
        if port == FIRST_PORT + GPS {
            self.peer = None;
        }
    }

    /// A PPS.
    pub fn pulse(&mut self, tick: Tick) {
        let said = self.gpsdo.as_ref().map(|gpsdo| gpsdo.pulse(tick / TICKS_PER_SECOND));
        for sentence in said.unwrap_or_default() {
            self.say(sentence.as_bytes(), tick);
        }
    }

    fn say(&mut self, bytes: &[u8], from: Tick) {
        self.in_free = self.in_free.max(from);
        for part in bytes.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
            self.in_free += BYTE * part.len() as Tick;
            if self.datagrams.len() < LINES_IN {
                self.datagrams.push_back((self.in_free, part.to_vec()));
            }
        }
    }

    /// Tick of the next thing to do.
    pub fn due(&self) -> Option<Tick> {
        let [out, datagram] = [self.out.front().map(|(at, _)| *at), self.datagrams.front().map(|(at, _)| *at)];
        [out, datagram].into_iter().flatten().min()
    }

    /// Does what is due up to a tick; gives a datagram to send, its port and to whom, until there is none.
    pub fn advance(&mut self, to: Tick) -> Option<(u16, (Ipv4Addr, u16), Vec<u8>)> {
        while let Some((at, byte)) = self.out.pop_front_if(|(at, _)| *at <= to) {
            if let Some(answer) = self.gpsdo.as_mut().and_then(|gpsdo| gpsdo.receive_byte(byte, at)) {
                self.say(answer.as_bytes(), at.saturating_add(THINKING));
            }
        }
        while let Some((_, bytes)) = self.datagrams.pop_front_if(|(at, _)| *at <= to) {
            if let Some(peer) = self.peer {
                return Some((FIRST_PORT + GPS, peer, bytes));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    const HOST: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 168, 10, 1), 5000);

    fn uart() -> Uart {
        Uart::new(Some(Gpsdo::new(DateTime::from_timestamp(1_000_000_000, 0).unwrap())))
    }

    fn heard(uart: &mut Uart, to: Tick) -> Vec<u8> {
        std::iter::from_fn(|| uart.advance(to)).flat_map(|(_, _, bytes)| bytes).collect()
    }

    #[test]
    fn bytes_take_their_time_on_the_line() {
        let mut uart = uart();
        uart.write(FIRST_PORT + 2, HOST, b"", 0);
        assert_eq!(uart.due(), None);
        uart.write(FIRST_PORT + 2, HOST, b"*IDN?\r\n", 1_000);
        // The carriage return is the sixth byte.
        let answered = 1_000 + 6 * BYTE + THINKING;
        assert_eq!(uart.due(), Some(1_000 + BYTE));
        assert_eq!(uart.advance(answered), None);
        let text = uart.datagrams[0].1.clone();
        let complete = answered + BYTE * text.len() as Tick;
        assert_eq!(uart.advance(complete - 1), None);
        assert_eq!(uart.advance(complete), Some((49172, HOST, text)));
        assert_eq!(uart.advance(complete + BYTE), Some((49172, HOST, b"\n".to_vec())));
    }

    #[test]
    fn lines_go_to_who_wrote_last_until_it_is_gone() {
        let mut uart = uart();
        let other = (Ipv4Addr::new(192, 168, 10, 7), 7);
        uart.write(FIRST_PORT + 2, HOST, b"GPS:GPRMC 1\r\n", 0);
        uart.write(FIRST_PORT + 1, HOST, b"GPS:GPRMC 0\r\n", 0);
        uart.write(FIRST_PORT + 2, other, b"", 10);
        assert_eq!(heard(&mut uart, TICKS_PER_SECOND), b"");
        uart.pulse(TICKS_PER_SECOND);
        assert!(matches!(uart.advance(2 * TICKS_PER_SECOND), Some((49172, to, _)) if to == other));
        uart.unreachable(FIRST_PORT + 2);
        uart.pulse(2 * TICKS_PER_SECOND);
        assert_eq!(heard(&mut uart, 3 * TICKS_PER_SECOND), b"");
        let mut silent = Uart::new(None);
        silent.write(FIRST_PORT + 2, HOST, b"*IDN?\r\n", 0);
        silent.pulse(TICKS_PER_SECOND);
        assert_eq!((silent.due(), heard(&mut silent, Tick::MAX)), (None, vec![]));
    }
}
