//! Exit codes of processes that a signal ended.

use nix::sys::signal::Signal;

/// The exit code that a shell reports for a process that a signal ended: 128 + the signal.
pub fn of_signal(signal: Signal) -> u8 {
    u8::try_from(128 + signal as i32).unwrap_or(u8::MAX)
}
