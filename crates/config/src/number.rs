//! Numbers of the cluster file, each within its limits.

use std::fmt::Display;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

use crate::BadValue;
use crate::time::{PROBE_INTERVALS, milliseconds};

/// Longest interval of the cluster file, s: a day.
const DAY_S: f64 = 86_400.0;
/// The N210's clock, Hz: its fastest rate, and what it divides for all others.
const CLOCK: f64 = 100e6;
/// Largest divisor of the clock.
const LARGEST_DIVISOR: u32 = 512;
/// How far a rate may be from one of the radio's, samples per second: 100e6 / 52 written with seven digits is still 100e6 / 52.
const RATE_TOLERANCE: f64 = 0.5;
/// Shortest interval between two collections, s: a process is not kept busy with answers.
const SHORTEST_S: f64 = 0.1;
/// Heartbeats come every 2 ms: a shorter silence is none, ms.
const SHORTEST_SILENCE_MS: f64 = 3.0;
/// Whoever waits longer is better served by a failover, ms.
const LONGEST_SILENCE_MS: f64 = 10_000.0;
/// Highest carrier, Hz: what the daughterboards reach.
const HIGHEST: f64 = 6e9;
/// Widest front end, Hz.
const WIDEST: f64 = 200e6;
/// Most gain or attenuation, dB.
const GAIN: f64 = 200.0;
/// Most cores of a server.
const MOST_CORES: f64 = 4096.0;
/// Fastest link, Mbit/s.
const MOST_MBIT: f64 = 1e6;

/// NaN is within no limits.
fn within<'de, D: Deserializer<'de>>(from: D, fits: impl Fn(f64) -> bool, allowed: impl Display) -> Result<f64, D::Error> {
    checked(f64::deserialize(from)?, fits, allowed).map_err(D::Error::custom)
}

fn checked(value: f64, fits: impl Fn(f64) -> bool, allowed: impl Display) -> Result<f64, BadValue> {
    if fits(value) { Ok(value) } else { Err(BadValue::new(format_args!("{value:?} is out of range"), allowed)) }
}

pub(crate) fn rate<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let rate = within(from, |rate| rate > 0.0 && rate <= CLOCK, "the rate is more than 0 and at most 100e6 samples per second")?;
    let nearest = nearest_rate(rate);
    if (nearest - rate).abs() <= RATE_TOLERANCE {
        return Ok(rate);
    }
    let wrong = format_args!("{rate:?} is no rate of the radio, which divides its clock of 100e6 Hz by 1 to 512");
    Err(D::Error::custom(BadValue::new(wrong, format_args!("the nearest is 100e6 / {:.0} = {nearest:.1}", CLOCK / nearest))))
}

/// The nearest rate that an N210 has: its clock divided by 1 to 128, by an even number up to 256, or by a multiple of 4 up to 512
/// (docs/n210-protocol.md).
fn nearest_rate(rate: f64) -> f64 {
    let has = |d: &u32| match *d {
        0..=128 => true,
        129..=256 => d.is_multiple_of(2),
        _ => d.is_multiple_of(4),
    };
    let rates = (1..=LARGEST_DIVISOR).filter(has).map(|d| CLOCK / f64::from(d));
    rates.min_by(|a, b| (a - rate).abs().total_cmp(&(b - rate).abs())).unwrap_or(CLOCK)
}

/// A centre frequency, Hz.
///
/// # Errors
/// No daughterboard reaches it.
pub fn checked_frequency(hertz: f64) -> Result<f64, BadValue> {
    checked(hertz, |hertz| hertz.abs() <= HIGHEST, "a centre frequency is -6e9 to 6e9 Hz")
}

/// A gain, dB.
///
/// # Errors
/// No amplifier has it.
pub fn checked_gain(gain: f64) -> Result<f64, BadValue> {
    checked(gain, |gain| gain.abs() <= GAIN, "the gain is -200 to 200 dB")
}

pub(crate) fn frequency<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    checked_frequency(f64::deserialize(from)?).map_err(D::Error::custom)
}

pub(crate) fn gain<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    checked_gain(f64::deserialize(from)?).map_err(D::Error::custom)
}

pub(crate) fn bandwidth<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    within(from, |hertz| (0.0..=WIDEST).contains(&hertz), "the bandwidth is 0 to 200e6 Hz")
}

/// A duration in the file's seconds.
pub(crate) mod seconds {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let allowed = "the interval is 0.1 to 86400 s (a day)";
        within(from, |seconds| (SHORTEST_S..=DAY_S).contains(&seconds), allowed).map(Duration::from_secs_f64)
    }

    pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(duration.as_secs_f64())
    }
}

/// A duration in seconds that may be left out.
pub(crate) fn optional_seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    seconds::deserialize(from).map(Some)
}

/// Cores of a processor, part of one too.
pub(crate) fn optional_cores<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    within(from, |cores| cores > 0.0 && cores <= MOST_CORES, "cores are more than 0 and at most 4096").map(Some)
}

/// Mbit/s of a link.
pub(crate) fn optional_rate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    within(from, |rate| rate > 0.0 && rate <= MOST_MBIT, "a rate is more than 0 and at most 1e6 Mbit/s").map(Some)
}

/// What a move has to gain, percent of a server.
pub(crate) fn gain_percent<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    within(from, |percent| (0.1..=100.0).contains(&percent), "the least gain is 0.1 to 100 percent of a server")
}

/// The silence after which a standby takes over, in the file's milliseconds.
pub(crate) mod takeover_after {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let fits = |ms: f64| (SHORTEST_SILENCE_MS..=LONGEST_SILENCE_MS).contains(&ms);
        within(from, fits, "the silence is 3 to 10000 ms").map(|ms| Duration::from_secs_f64(ms / 1e3))
    }

    pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(milliseconds(*duration))
    }
}

/// How long a server counts as there that says nothing, in the file's seconds. Etcd counts whole ones, and no less than two.
pub(crate) mod lease {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let fits = |seconds: f64| (2.0..=60.0).contains(&seconds) && seconds.fract() == 0.0;
        within(from, fits, "the lease is 2 to 60 s, whole ones").map(Duration::from_secs_f64)
    }

    pub use super::seconds::serialize;
}

/// How long a lost server's radios are waited for, in the file's seconds.
pub(crate) mod grace {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        within(from, |seconds| (0.0..=600.0).contains(&seconds), "the grace is 0 to 600 s").map(Duration::from_secs_f64)
    }

    pub use super::seconds::serialize;
}

/// A port that can be named in a rule: not one of the kernel's choice.
pub(crate) fn port<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    let port = i64::deserialize(from)?;
    let named = u16::try_from(port).ok().filter(|port| *port > 0);
    named.ok_or_else(|| D::Error::custom(format_args!("{port} is out of range; a port is 1 to 65535")))
}

/// The interval of a probe in the file's milliseconds.
pub(crate) mod probe_interval {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        // Rounded to nanoseconds on the way, so that the limits hold for the result.
        let fits = |ms: f64| Duration::try_from_secs_f64(ms / 1e3).is_ok_and(|interval| PROBE_INTERVALS.contains(&interval));
        within(from, fits, "the interval is 1 to 60000 ms").map(|ms| Duration::from_secs_f64(ms / 1e3))
    }

    pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(milliseconds(*duration))
    }
}
