//! The clock on which the parts of a cut are told: one for all processes of a host.

use nix::time::{ClockId, clock_gettime};

/// CLOCK_MONOTONIC, us.
pub fn monotonic_us() -> u64 {
    // Every Linux has this clock.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| time.tv_sec() as u64 * 1_000_000 + time.tv_nsec() as u64 / 1000)
}
