//! Where each receive packet stands in the stream: next, after a gap, a straggler, or the first of a new timeline.

/// A straggler can be at most this many packets old: the packet count has four bits.
const COUNTS: u64 = 16;

/// What a packet is, seen from the packets before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketPlace {
    /// It continues the stream.
    Next,
    /// This many samples before it are missing.
    Gap(u64),
    /// It begins a timeline: the first packet, or the device's time was set back.
    Start,
    /// Late or doubled: its time is already past, and its place was counted as missing or filled.
    Straggler,
}

/// Follows a receive stream by the packets' timestamps and 4-bit counts.
#[derive(Debug, Clone)]
pub struct SampleTimeline {
    decimation: u64,
    next: Option<(u64, u8)>,
}

impl SampleTimeline {
    /// A stream of one sample every `decimation` ticks.
    pub fn new(decimation: u64) -> Self {
        Self { decimation: decimation.max(1), next: None }
    }

    /// Places a packet of `samples` samples that begins at `tick`.
    pub fn place(&mut self, tick: u64, count: u8, samples: usize) -> PacketPlace {
        let span = (samples as u64).saturating_mul(self.decimation);
        let place = match self.next {
            None => PacketPlace::Start,
            Some((expected, _)) if tick == expected => PacketPlace::Next,
            Some((expected, _)) if tick > expected => PacketPlace::Gap((tick - expected) / self.decimation),
            Some((expected, next_count)) if count != next_count && expected - tick <= span.saturating_mul(COUNTS) => {
                PacketPlace::Straggler
            }
            Some(_) => PacketPlace::Start,
        };
        if place != PacketPlace::Straggler {
            self.next = Some((tick.saturating_add(span), count.wrapping_add(1) & 15));
        }
        place
    }

    /// Forgets the past: the next packet begins a timeline.
    pub fn restart(&mut self) {
        self.next = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const D: u64 = 52;
    const N: usize = 363;
    const SPAN: u64 = D * N as u64;

    fn started(count: u8) -> SampleTimeline {
        let mut line = SampleTimeline::new(D);
        assert_eq!(line.place(1000, count, N), PacketPlace::Start);
        line
    }

    #[test]
    fn packets_are_placed_by_time_and_count() {
        // (ticks after the first packet, count after the first packet's, expected)
        let table = [
            (SPAN, 1, PacketPlace::Next),
            (SPAN * 2, 2, PacketPlace::Gap(N as u64)),
            (SPAN + D, 1, PacketPlace::Gap(1)),
            // An overflow: the count goes on, time has passed.
            (SPAN * 1000, 1, PacketPlace::Gap(999 * N as u64)),
            // The same packet again, and one from before.
            (0, 0, PacketPlace::Straggler),
        ];
        for (ahead, count, expected) in table {
            assert_eq!(started(15).place(1000 + ahead, (15 + count) & 15, N), expected, "{ahead} ticks ahead");
        }
    }

    #[test]
    fn a_reordered_packet_is_a_straggler_and_does_not_disturb_the_stream() {
        let mut line = started(0);
        assert_eq!(line.place(1000 + 2 * SPAN, 2, N), PacketPlace::Gap(N as u64));
        assert_eq!(line.place(1000 + SPAN, 1, N), PacketPlace::Straggler);
        assert_eq!(line.place(1000 + 3 * SPAN, 3, N), PacketPlace::Next);
    }

    #[test]
    fn time_set_back_begins_a_timeline() {
        let mut line = SampleTimeline::new(D);
        line.place(10_000_000_000, 3, N);
        assert_eq!(line.place(5, 4, N), PacketPlace::Start);
        assert_eq!(line.place(5 + SPAN, 5, N), PacketPlace::Next);
    }

    proptest! {
        #[test]
        fn every_lost_sample_is_counted_whatever_is_lost(kept in prop::collection::vec(any::<bool>(), 1..200), first: u32) {
            let mut line = SampleTimeline::new(D);
            let (mut lost, mut expected, mut pending) = (0, 0, None::<u64>);
            for (at, keep) in kept.into_iter().enumerate() {
                if !keep {
                    pending = pending.map(|n| n + N as u64);
                    continue;
                }
                match line.place(u64::from(first) + at as u64 * SPAN, (at & 15) as u8, N) {
                    PacketPlace::Gap(samples) => lost += samples,
                    PacketPlace::Start | PacketPlace::Next => {}
                    PacketPlace::Straggler => prop_assert!(false, "nothing was reordered"),
                }
                expected += pending.replace(0).unwrap_or(0);
            }
            prop_assert_eq!(lost, expected);
        }

        #[test]
        fn no_time_and_no_count_panics(packets in prop::collection::vec((any::<u64>(), any::<u8>(), 0usize..2000), 0..50), decimation: u64) {
            let mut line = SampleTimeline::new(decimation);
            for (tick, count, samples) in packets {
                line.place(tick, count, samples);
            }
        }
    }
}
