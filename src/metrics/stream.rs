//! Gaps and losses of a received video stream: an MPEG transport stream (ISO/IEC 13818-1) in datagrams.

use std::time::Duration;

use serde::Serialize;

/// Length of a packet of the transport stream, bytes.
pub const PACKET: usize = 188;
const SYNC: u8 = 0x47;
/// Packets of this identifier are stuffing, and not counted by their sender.
const NULL_PID: u16 = 0x1FFF;
const PIDS: usize = 1 << 13;
/// Most gaps that are listed; the longest is always known.
const REMEMBERED: usize = 1000;

/// A time without a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Gap {
    /// When the datagram before it came, s since the epoch.
    pub after: f64,
    /// How long, ms.
    pub ms: f64,
}

/// What was received so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StreamFigures {
    /// Datagrams.
    pub datagrams: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// From the first to the last, s.
    pub seconds: f64,
    /// Mean time between two datagrams, ms.
    pub interval_ms: f64,
    /// Packets of the transport stream.
    pub ts_packets: u64,
    /// Packets missing by their continuity counters, which count to 16: a loss of a multiple of 16 of one kind is not seen.
    pub ts_lost: u64,
    /// Datagrams that are no transport stream.
    pub alien: u64,
    /// Longest time between two datagrams.
    pub longest: Option<Gap>,
    /// All times of at least the threshold, in their order.
    pub gaps: Vec<Gap>,
}

/// Counts a stream as it comes.
#[derive(Debug)]
pub struct StreamMeter {
    threshold: Duration,
    first: Option<Duration>,
    last: Option<Duration>,
    counters: Box<[Option<u8>; PIDS]>,
    figures: StreamFigures,
}

impl StreamMeter {
    /// A meter that remembers gaps of at least `threshold`.
    pub fn new(threshold: Duration) -> Self {
        Self { threshold, first: None, last: None, counters: Box::new([None; PIDS]), figures: StreamFigures::default() }
    }

    /// Counts a datagram with the time of its arrival since the epoch.
    pub fn add(&mut self, at: Duration, datagram: &[u8]) {
        self.figures.datagrams += 1;
        self.figures.bytes += datagram.len() as u64;
        if let Some(before) = self.last {
            self.gap(before, at);
        }
        self.first.get_or_insert(at);
        self.last = Some(at);
        if datagram.is_empty() || !datagram.len().is_multiple_of(PACKET) || datagram.chunks(PACKET).any(|packet| packet[0] != SYNC)
        {
            self.figures.alien += 1;
            return;
        }
        datagram.chunks_exact(PACKET).for_each(|packet| self.packet(packet));
    }

    fn gap(&mut self, before: Duration, at: Duration) {
        let length = at.saturating_sub(before);
        let gap = Gap { after: before.as_secs_f64(), ms: length.as_secs_f64() * 1e3 };
        if self.figures.longest.is_none_or(|longest| gap.ms > longest.ms) {
            self.figures.longest = Some(gap);
        }
        if length >= self.threshold && self.figures.gaps.len() < REMEMBERED {
            self.figures.gaps.push(gap);
        }
    }

    fn packet(&mut self, packet: &[u8]) {
        self.figures.ts_packets += 1;
        let pid = u16::from_be_bytes([packet[1], packet[2]]) & NULL_PID;
        let (adaptation, payload) = (packet[3] & 0x20 != 0, packet[3] & 0x10 != 0);
        // Packets without a payload repeat the counter (2.4.3.3).
        if pid == NULL_PID || !payload {
            return;
        }
        let counter = packet[3] & 0x0F;
        let announced = adaptation && packet[4] > 0 && packet[5] & 0x80 != 0;
        if let Some(before) = self.counters[usize::from(pid)].replace(counter)
            && before != counter
            && !announced
        {
            self.figures.ts_lost += u64::from(counter.wrapping_sub(before).wrapping_sub(1) & 0x0F);
        }
    }

    /// The figures so far.
    pub fn figures(&self) -> StreamFigures {
        let span = self.last.zip(self.first).map_or(Duration::ZERO, |(last, first)| last.saturating_sub(first));
        let between = self.figures.datagrams.saturating_sub(1).max(1) as f64;
        StreamFigures { seconds: span.as_secs_f64(), interval_ms: span.as_secs_f64() * 1e3 / between, ..self.figures.clone() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(pid: u16, counter: u8) -> [u8; PACKET] {
        let mut packet = [0xFF; PACKET];
        packet[0] = SYNC;
        packet[1..3].copy_from_slice(&pid.to_be_bytes());
        packet[3] = 0x10 | (counter & 0x0F);
        packet
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(1_000_000 + ms)
    }

    #[test]
    fn gaps_and_losses_are_what_is_missing() {
        let mut meter = StreamMeter::new(Duration::from_millis(50));
        for n in (0..100u64).filter(|n| !(40..50).contains(n)) {
            let datagram: Vec<u8> = (0..7).flat_map(|k| packet(256, (n * 7 + k) as u8)).collect();
            meter.add(ms(20 * n), &datagram);
        }
        let figures = meter.figures();
        assert_eq!((figures.datagrams, figures.ts_packets, figures.alien), (90, 630, 0));
        // 70 are missing, of which a counter of 4 bits sees 70 mod 16.
        assert_eq!(figures.ts_lost, 70 % 16);
        assert_eq!(figures.gaps.len(), 1);
        assert!((figures.gaps[0].ms - 220.0).abs() < 1e-6 && (figures.gaps[0].after - 1000.78).abs() < 1e-6);
        assert_eq!(figures.longest, Some(figures.gaps[0]));
        assert!((figures.seconds - 1.98).abs() < 1e-9);
    }

    #[test]
    fn stuffing_repeats_and_announced_jumps_are_no_loss() {
        let mut meter = StreamMeter::new(Duration::from_secs(1));
        let mut announced = packet(17, 9);
        announced[3] |= 0x20;
        (announced[4], announced[5]) = (1, 0x80);
        let mut without_payload = packet(17, 9);
        without_payload[3] = 0x20 | 9;
        for one in [
            packet(17, 1),
            packet(17, 2),
            packet(17, 2),
            packet(NULL_PID, 7),
            packet(18, 5),
            announced,
            without_payload,
            packet(17, 10),
        ] {
            meter.add(ms(0), &one);
        }
        assert_eq!((meter.figures().ts_lost, meter.figures().longest.map(|gap| gap.ms)), (0, Some(0.0)));
    }

    proptest! {
        #[test]
        fn any_datagrams_are_counted(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..800), 0..20), times in prop::collection::vec(any::<u32>(), 20)) {
            let mut meter = StreamMeter::new(Duration::from_millis(1));
            for (datagram, at) in datagrams.iter().zip(&times) {
                meter.add(Duration::from_micros(u64::from(*at)), datagram);
            }
            prop_assert_eq!(meter.figures().datagrams, datagrams.len() as u64);
        }
    }
}
