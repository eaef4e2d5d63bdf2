//! When an armed standby takes over: a pure judge of heartbeats and time.

use super::heartbeat::{Heartbeat, Network};
use workload::standby::TakeoverCause;

/// A look that comes later than this after the one before was held up itself: what it did not see is not the other one's silence, us.
const OWN_PAUSE_US: u64 = 4_000;

/// Judges heartbeats. Times are on one monotonic clock, us.
#[derive(Debug, Clone)]
pub struct Detector {
    after_us: u64,
    /// Number of the newest heartbeat, by network.
    newest: [Option<u64>; 2],
    heard_us: [Option<u64>; 2],
    /// The newest heartbeat that said that all was well, and when it came.
    well: Option<(Heartbeat, u64)>,
    /// What the newest heartbeat complained of, and since when.
    complaint: Option<(TakeoverCause, u64)>,
    ended: bool,
    /// Silence that this process has watched, us.
    silent_us: u64,
    looked_us: u64,
}

impl Detector {
    /// Takes over after so long, from `now` on.
    pub const fn new(after_us: u64, now_us: u64) -> Self {
        Self {
            after_us,
            newest: [None; 2],
            heard_us: [None; 2],
            well: None,
            complaint: None,
            ended: false,
            silent_us: 0,
            looked_us: now_us,
        }
    }

    /// A heartbeat came. Whether it is news: not older than what came before.
    pub fn hear(&mut self, beat: &Heartbeat, now_us: u64) -> bool {
        let place = beat.network.place();
        if self.newest[place].is_some_and(|newest| beat.number <= newest) {
            return false;
        }
        let is_news = self.newest.iter().flatten().all(|newest| beat.number > *newest);
        (self.newest[place], self.heard_us[place]) = (Some(beat.number), Some(now_us));
        // What is old news proves nothing of now.
        if is_news {
            (self.silent_us, self.looked_us) = (0, now_us);
            self.ended = beat.ends;
            let too_old = |age: u32| u64::from(age) > self.after_us;
            let since = |age: u32| now_us.saturating_sub(age.into());
            // A D2D process without samples makes no progress, and is not to blame.
            let idle = beat.progress_age_us.saturating_sub(beat.samples_age_us);
            self.complaint = match (too_old(beat.samples_age_us), too_old(idle)) {
                (true, _) => Some((TakeoverCause::NoSamples, since(beat.samples_age_us))),
                (false, true) => Some((TakeoverCause::NoProgress, since(beat.progress_age_us))),
                (false, false) => None,
            };
            if self.complaint.is_none() {
                self.well = Some((*beat, now_us));
            }
        }
        is_news
    }

    /// To be called every millisecond or so, after what has come was heard: why to take over, if it is time, and when all was well last. Without a
    /// heartbeat ever that said that all was well, or after one that ended in order, it never is.
    pub fn look(&mut self, now_us: u64) -> Option<(TakeoverCause, u64)> {
        self.silent_us = self.silent_us.saturating_add(now_us.saturating_sub(self.looked_us).min(OWN_PAUSE_US));
        self.looked_us = now_us;
        let (_, well_us) = self.well.filter(|_| !self.ended)?;
        if self.silent_us > self.after_us { Some((TakeoverCause::NoHeartbeat, well_us)) } else { self.complaint }
    }

    /// The newest heartbeat that said that all was well, and when it came.
    pub const fn well(&self) -> Option<(Heartbeat, u64)> {
        self.well
    }

    /// Whether the other one has ended in order.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// When the last heartbeat came by a network.
    pub const fn heard_us(&self, network: Network) -> Option<u64> {
        self.heard_us[network.place()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use workload::contract::Mark;

    const AFTER: u64 = 20_000;

    fn beat(number: u64) -> Heartbeat {
        Heartbeat {
            arming: 1,
            number,
            network: Network::Management,
            ends: false,
            tick: 0,
            mark: Mark::default(),
            samples_age_us: 300,
            progress_age_us: 900,
        }
    }

    /// Looks every millisecond from..=to, without a heartbeat; when it would take over first.
    fn watch(detector: &mut Detector, from_ms: u64, to_ms: u64) -> Option<(u64, TakeoverCause)> {
        (from_ms..=to_ms).find_map(|ms| Some((ms, detector.look(ms * 1000)?.0)))
    }

    #[test]
    fn silence_of_both_networks_is_a_reason_and_of_one_is_not() {
        let mut detector = Detector::new(AFTER, 0);
        assert_eq!(watch(&mut detector, 0, 1000), None, "before a first heartbeat nobody is missed");
        assert!(detector.hear(&beat(1), 1_000_000));
        // By one network alone, for a second.
        for number in 2..500 {
            assert!(detector.hear(&beat(number), 1_000_000 + number * 2000));
            assert_eq!(detector.look(1_000_000 + number * 2000), None);
        }
        assert_eq!(detector.heard_us(Network::Radio), None);
        assert_eq!(watch(&mut detector, 1999, 3000), Some((2019, TakeoverCause::NoHeartbeat)));
    }

    #[test]
    fn what_the_other_says_of_itself_is_a_reason_at_once() {
        let too_old = AFTER as u32 + 1;
        let table = [
            (Heartbeat { samples_age_us: too_old, ..beat(2) }, Some(TakeoverCause::NoSamples)),
            (Heartbeat { progress_age_us: too_old, samples_age_us: 0, ..beat(2) }, Some(TakeoverCause::NoProgress)),
            // Both end with the samples, and one is told a moment later than the other.
            (Heartbeat { progress_age_us: too_old, samples_age_us: 19_500, ..beat(2) }, None),
            (Heartbeat { samples_age_us: too_old, progress_age_us: too_old, ..beat(2) }, Some(TakeoverCause::NoSamples)),
            (Heartbeat { samples_age_us: AFTER as u32, progress_age_us: AFTER as u32, ..beat(2) }, None),
            // Old news.
            (Heartbeat { samples_age_us: too_old, ..beat(1) }, None),
            // It ends in order, whatever else it says.
            (Heartbeat { ends: true, samples_age_us: too_old, ..beat(2) }, None),
        ];
        for (second, expected) in table {
            let mut detector = Detector::new(AFTER, 0);
            // One that never was well has not been followed.
            detector.hear(&Heartbeat { number: 0, ..second }, 0);
            assert_eq!(detector.look(500), None);
            detector.hear(&beat(1), 1_000_000);
            detector.hear(&second, 1_002_000);
            let found = detector.look(1_002_000);
            assert_eq!(found.map(|(cause, _)| cause), expected, "{second:?}");
            if let Some((_, since)) = found {
                assert_eq!(since, 1_002_000 - u64::from(too_old), "{second:?}");
            }
        }
    }

    #[test]
    fn an_end_in_order_is_no_silence() {
        let mut detector = Detector::new(AFTER, 0);
        detector.hear(&beat(1), 0);
        detector.hear(&Heartbeat { ends: true, ..beat(2) }, 2000);
        assert_eq!(watch(&mut detector, 2, 5000), None);
        assert!(detector.has_ended());
    }

    #[test]
    fn its_own_pause_is_not_the_others_silence() {
        let mut detector = Detector::new(AFTER, 0);
        detector.hear(&beat(1), 0);
        assert_eq!(detector.look(1000), None);
        // Stopped for five seconds: nothing was seen, and nothing is missed yet.
        assert_eq!(detector.look(5_000_000), None);
        // What was sent meanwhile waits in the socket; where nothing was, it is found out from now on.
        assert_eq!(watch(&mut detector, 5001, 6000), Some((5016, TakeoverCause::NoHeartbeat)));
    }

    #[test]
    fn a_heartbeat_counts_once_by_each_network() {
        let mut detector = Detector::new(AFTER, 0);
        let by_radio = |number| Heartbeat { network: Network::Radio, ..beat(number) };
        assert!(detector.hear(&beat(5), 0));
        assert!(!detector.hear(&by_radio(5), 10), "the same by the other network is no news");
        assert!(!detector.hear(&by_radio(4), 20), "nor is one that was played again");
        assert_eq!((detector.heard_us(Network::Radio), detector.heard_us(Network::Management)), (Some(10), Some(0)));
        assert!(detector.hear(&by_radio(6), 30));
        // What lay on the way by the other network keeps nobody alive.
        let late = (7..500).find_map(|number| {
            detector.hear(&beat(6.min(number)), number * 1000);
            detector.look(number * 1000).map(|(cause, _)| (number, cause))
        });
        assert_eq!(late, Some((24, TakeoverCause::NoHeartbeat)));
    }

    proptest! {
        #[test]
        fn it_takes_over_neither_early_nor_later_than_a_look_after_its_time(after in 2_000u64..100_000, beats in 1u64..50, looks in 200u64..2_000) {
            let mut detector = Detector::new(after, 0);
            let mut now = 0;
            for number in 1..=beats {
                now += 2_000;
                detector.hear(&beat(number), now);
                prop_assert_eq!(detector.look(now), None);
            }
            let last = now;
            loop {
                now += looks;
                if detector.look(now).is_some() {
                    break;
                }
                prop_assert!(now - last <= after);
            }
            prop_assert!(now - last > after);
        }
    }
}
