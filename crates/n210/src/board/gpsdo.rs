//! The GPS disciplined oscillator: a box on a serial line that knows the time. What it says is what UHD 4.3.0.0 looks for.

use chrono::{DateTime, TimeDelta, Utc};

use crate::device::clock::Tick;
use n210_wire::TICKS_PER_SECOND;

/// Who it says it is: UHD looks for `GPSTCXO`, `FireFly` or `LC_XO`.
const IDENTITY: &str = "GPSTCXO,Firmware Rev 0.929\r\n";

/// A question that comes again so soon is not answered again. UHD asks anew at every line that it does not expect, such as those of the
/// servo at the PPS, and would take a second answer for a broken sentence.
const SAME_QUESTION: Tick = TICKS_PER_SECOND / 4;

/// Longest command line kept.
const LONGEST: usize = 80;

/// Where it stands: latitude and longitude as NMEA writes them.
const PLACE: &str = "4807.0380,N,01131.0000,E";
const SATELLITES: u8 = 9;
const ALTITUDE: &str = "545.4,M,46.9,M";

/// The box.
#[derive(Debug)]
pub struct Gpsdo {
    /// UTC when the radio was powered up; whole seconds count.
    powered_up: DateTime<Utc>,
    line: Vec<u8>,
    /// When it was last asked who it is, and answered.
    asked: Option<Tick>,
    /// Seconds between two sentences of a kind; 0 is none.
    every: [u32; SENTENCES],
}

const SENTENCES: usize = 3;
const HALF_A_SECOND: TimeDelta = TimeDelta::milliseconds(500);

/// What it can be told to say once in so many seconds.
const COMMANDS: [&str; SENTENCES] = ["GPS:GPGGA ", "GPS:GPRMC ", "SERV:TRAC "];

impl Gpsdo {
    /// As after power-up: it says nothing unless asked. It has its fix. Its seconds begin with the radio's, nearest to the true ones.
    pub fn new(powered_up: DateTime<Utc>) -> Self {
        let powered_up = powered_up.checked_add_signed(HALF_A_SECOND).unwrap_or(powered_up);
        Self { powered_up, line: Vec::new(), asked: None, every: [0; SENTENCES] }
    }

    /// Takes a byte that arrives at a tick; gives what it answers at the end of a line. Most commands have no answer.
    pub fn receive_byte(&mut self, byte: u8, at: Tick) -> Option<&'static str> {
        if !matches!(byte, b'\r' | b'\n') {
            if self.line.len() < LONGEST {
                self.line.push(byte);
            }
            return None;
        }
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).trim().to_uppercase();
        for (command, every) in COMMANDS.iter().zip(&mut self.every) {
            if let Some(Ok(seconds)) = line.strip_prefix(command).map(|rest| rest.trim().parse()) {
                *every = seconds;
            }
        }
        if line != "*IDN?" || self.asked.is_some_and(|asked| at < asked.saturating_add(SAME_QUESTION)) {
            return None;
        }
        self.asked = Some(at);
        Some(IDENTITY)
    }

    /// What it says at the PPS so many seconds after power-up.
    pub fn pulse(&self, seconds: u64) -> Vec<String> {
        let now = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
        let Some(now) = now.and_then(|seconds| self.powered_up.checked_add_signed(seconds)) else { return Vec::new() };
        let due = |kind: usize| self.every[kind] != 0 && seconds.is_multiple_of(u64::from(self.every[kind]));
        let sentence = |kind| match kind {
            0 => nmea(&format!("GPGGA,{},{PLACE},1,{SATELLITES:02},0.9,{ALTITUDE},,", now.format("%H%M%S.00"))),
            1 => nmea(&format!("GPRMC,{},A,{PLACE},0.0,0.0,{},,", now.format("%H%M%S.00"), now.format("%d%m%y"))),
            // Date, steering voltage's code, its deviation, phase and frequency error, satellites, holdover, health.
            _ => format!("{} 373815 60685 0.12 -2.22E-11 14 {SATELLITES} 6 0x00\r\n", now.format("%y-%m-%d")),
        };
        (0..SENTENCES).filter(|kind| due(*kind)).map(sentence).collect()
    }
}

/// A sentence with its checksum.
fn nmea(body: &str) -> String {
    let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{sum:02X}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Ticks between two bytes of a line.
    const BYTE: Tick = 8_680;

    fn told(commands: &str) -> (Gpsdo, String) {
        let mut gpsdo = Gpsdo::new(DateTime::from_timestamp(1_000_000_000, 0).unwrap());
        let answers = commands.bytes().zip(0..).filter_map(|(byte, n)| gpsdo.receive_byte(byte, n * BYTE)).collect();
        (gpsdo, answers)
    }

    #[test]
    fn it_says_what_uhd_sets_it_up_for() {
        let uhd = "SYST:COMM:SER:ECHO OFF\r\nSYST:COMM:SER:PRO OFF\r\nGPS:GPGGA 1\r\nGPS:GGAST 0\r\nGPS:GPRMC 1\r\nSERV:TRAC 1\r\n";
        let (gpsdo, answers) = told(uhd);
        assert_eq!(answers, "");
        let said = gpsdo.pulse(59);
        // 1 000 000 000 s is 2001-09-09 01:46:40; the checksums are those of another program.
        assert_eq!(
            said,
            [
                "$GPGGA,014739.00,4807.0380,N,01131.0000,E,1,09,0.9,545.4,M,46.9,M,,*6D\r\n",
                "$GPRMC,014739.00,A,4807.0380,N,01131.0000,E,0.0,0.0,090901,,*38\r\n",
                "01-09-09 373815 60685 0.12 -2.22E-11 14 9 6 0x00\r\n",
            ]
        );
        assert_eq!(told(&format!("{uhd}GPS:GPGGA 0\r\nGPS:GPRMC 5\r\nSERV:TRAC 0\r\n")).0.pulse(59), [""; 0]);
    }

    #[test]
    fn it_answers_who_it_is_and_nothing_else() {
        assert_eq!(told("*idn?\r\nwhat?\r\n").1, IDENTITY);
        assert_eq!(told("").0.pulse(1), [""; 0]);
    }

    #[test]
    fn a_question_that_is_repeated_at_once_is_answered_once() {
        let (mut gpsdo, answers) = told("*IDN?\r\n*IDN?\r\n*IDN?\r\n");
        assert_eq!(answers, IDENTITY);
        let mut ask = |at| "*IDN?\r".bytes().filter_map(|byte| gpsdo.receive_byte(byte, at)).count();
        let answered = 5 * BYTE;
        assert_eq!([answered + SAME_QUESTION - 1, answered + SAME_QUESTION, answered + SAME_QUESTION + 1].map(&mut ask), [0, 1, 0]);
    }

    #[test]
    fn its_seconds_are_the_nearest() {
        for (milliseconds, second) in [(400, "40"), (600, "41")] {
            let mut gpsdo = Gpsdo::new(DateTime::from_timestamp_millis(1_000_000_000_000 + milliseconds).unwrap());
            assert!("GPS:GPRMC 1\r".bytes().all(|byte| gpsdo.receive_byte(byte, 0).is_none()));
            assert_eq!(&gpsdo.pulse(0)[0][11..13], second);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_or_seconds_panic(bytes: Vec<u8>, seconds: u64) {
            let (mut gpsdo, _) = told("GPS:GPRMC 1\r\n");
            for byte in bytes {
                gpsdo.receive_byte(byte, seconds);
            }
            gpsdo.pulse(seconds);
        }
    }
}
