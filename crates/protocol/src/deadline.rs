//! A moment by which something has to be done, or must not be done any more.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest time that a request may give, ms: an hour. More is a mistake of the sender's.
const LONGEST_MS: f64 = 3_600_000.0;

/// A moment on CLOCK_BOOTTIME, which no step of the wall clock changes and which runs on while a process is stopped or the machine sleeps.
///
/// Processes of one host may hand it to one another as it is ([`Self::as_boottime_us`]). Between hosts it travels as the time left, ms: the
/// receiver counts from when it reads that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    boottime_us: u64,
}

impl Deadline {
    /// So long from now.
    pub fn after(time: Duration) -> Self {
        Self { boottime_us: boottime_us().saturating_add(micros(time)) }
    }

    /// From [`Self::as_boottime_us`] of a process of the same host.
    pub fn at_boottime_us(boottime_us: u64) -> Self {
        Self { boottime_us }
    }

    /// On CLOCK_BOOTTIME, us.
    pub fn as_boottime_us(self) -> u64 {
        self.boottime_us
    }

    /// That much later.
    #[must_use]
    pub fn plus(self, time: Duration) -> Self {
        Self { boottime_us: self.boottime_us.saturating_add(micros(time)) }
    }

    /// Whether it is over.
    pub fn has_passed(self) -> bool {
        boottime_us() >= self.boottime_us
    }

    /// Time left; zero when it has passed.
    pub fn left(self) -> Duration {
        Duration::from_micros(self.boottime_us.saturating_sub(boottime_us()))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// CLOCK_BOOTTIME, us.
fn boottime_us() -> u64 {
    // Every Linux has this clock. Without it every deadline has passed, which refuses and does no harm.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(u64::MAX, |time| time.tv_sec() as u64 * 1_000_000 + time.tv_nsec() as u64 / 1000)
}

impl Serialize for Deadline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.left().as_secs_f64() * 1e3)
    }
}

impl<'de> Deserialize<'de> for Deadline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ms = f64::deserialize(deserializer)?;
        if !(0.0..=LONGEST_MS).contains(&ms) {
            return Err(serde::de::Error::custom(format!("a time left of {ms} ms; it is from 0 to {LONGEST_MS} ms")));
        }
        Ok(Self::after(Duration::from_secs_f64(ms / 1e3)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_passes_and_travels_as_the_time_left() {
        let deadline = Deadline::after(Duration::from_secs(60));
        assert!(!deadline.has_passed() && deadline.left() <= Duration::from_secs(60));
        assert!(Deadline::after(Duration::ZERO).has_passed());
        assert_eq!(Deadline::at_boottime_us(deadline.as_boottime_us()), deadline);
        assert_eq!(deadline.plus(Duration::from_micros(7)).as_boottime_us(), deadline.as_boottime_us() + 7);
        let text = serde_json::to_string(&deadline).unwrap();
        let read: Deadline = serde_json::from_str(&text).unwrap();
        // It is read after it was written, and by the time left.
        assert!(read >= deadline && read.left() <= Duration::from_secs(60), "{text}");
        assert_eq!(serde_json::to_string(&Deadline::at_boottime_us(0)).unwrap(), "0.0");
        for bad in ["-1", "3600001", "null", "\"soon\"", "1e400"] {
            assert!(serde_json::from_str::<Deadline>(bad).is_err(), "{bad}");
        }
    }
}
