//! Times as an operator writes them on a command line.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::BadValue;

/// Probe intervals that the kernel's timers and the ledger of a probe can serve.
pub const PROBE_INTERVALS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(60);

/// Reads `100ms`, `0.5s` or a number of milliseconds.
///
/// # Errors
/// It is no such text, or negative, or too long to count.
pub fn parse(text: &str) -> Result<Duration, BadValue> {
    let (number, per_second) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e3),
        None => text.strip_suffix('s').map_or((text, 1e3), |number| (number, 1.0)),
    };
    let seconds = number.trim().parse::<f64>().ok().map(|number| number / per_second);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| BadValue::new(format_args!("\"{text}\" is not a time"), "write 100ms or 0.5s"))
}

/// Reads the interval of a probe: a time from 1 ms to 60 s.
///
/// # Errors
/// As [`parse`], or outside these limits.
pub fn parse_probe_interval(text: &str) -> Result<Duration, BadValue> {
    let interval = parse(text)?;
    if PROBE_INTERVALS.contains(&interval) {
        Ok(interval)
    } else {
        Err(BadValue::new(format_args!("{text} is out of range"), "the interval is 1ms to 60s"))
    }
}

/// A duration in milliseconds, to the nanosecond.
pub fn milliseconds(duration: Duration) -> f64 {
    // Divided once: seconds times a thousand would show 0.3 ms as 0.30000000000000004.
    duration.as_nanos() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        for (text, ms) in
            [("100ms", 100.0), ("1ms", 1.0), ("0.5s", 500.0), ("20", 20.0), ("60s", 60_000.0), ("0.3 ms", 0.3), ("0", 0.0)]
        {
            assert_eq!(milliseconds(parse(text).unwrap()), ms, "{text}");
        }
        for bad in ["", "s", "ms", "-5ms", "-1s", "1h", "1m", "nanms", "NaN", "inf", "1e300s"] {
            assert!(parse(bad).unwrap_err().wrong.contains("is not a time"), "{bad}");
        }
    }

    #[test]
    fn probe_intervals_have_limits() {
        assert_eq!(parse_probe_interval("1ms").unwrap(), Duration::from_millis(1));
        assert_eq!(parse_probe_interval("60s").unwrap(), Duration::from_secs(60));
        for bad in ["0", "0.9ms", "61s"] {
            assert_eq!(parse_probe_interval(bad).unwrap_err().allowed, "the interval is 1ms to 60s", "{bad}");
        }
    }
}
