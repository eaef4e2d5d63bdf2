//! The end of a process, which the kernel tells.

#![allow(clippy::expect_used, reason = "a test that panics has failed")]

use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Waits until a process has ended, which need not be a child; `false` if it has not within `patience`.
pub fn within(pid: u32, patience: Duration) -> bool {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a process id");
    // It has ended, and its parent knows.
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return true };
    let timeout = PollTimeout::try_from(patience).expect("short");
    poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], timeout).expect("polls") > 0
}
