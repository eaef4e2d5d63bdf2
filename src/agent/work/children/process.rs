//! Whether a process exists, and when it ends: a child of this agent, or one that it found when it was restarted.

use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;

/// A process whose end can be waited for.
#[derive(Debug)]
pub(super) enum WatchedProcess {
    /// Our own child.
    Child(tokio::process::Child),
    /// A child of the agent that ran here before; by now another process is its parent.
    Adopted(AsyncFd<OwnedFd>),
}

impl WatchedProcess {
    /// Waits for its end; the exit status of an adopted process is its parent's to know.
    pub(super) async fn ended(&mut self) -> Option<ExitStatus> {
        match self {
            Self::Child(child) => child.wait().await.ok(),
            Self::Adopted(pidfd) => {
                // Readable once the process has ended; `open` has seen that it can be watched.
                let _ = pidfd.readable().await;
                None
            }
        }
    }
}

/// What no two processes share: the number together with the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProcessIdentity {
    pub(super) pid: u32,
    /// Clock ticks after the machine's start: field 22 of `/proc/<pid>/stat`, see proc(5).
    started: u64,
}

/// State and start of a process, from `/proc`: sysinfo knows the start only to the second, and the files of 0.1.0 hold ticks.
fn stat(pid: u32) -> Option<(char, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Field 2 is the program's name, in brackets, and may hold anything; field 3 is the state.
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// Whether a process with that number runs. A zombie does not.
pub(super) fn exists(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

impl ProcessIdentity {
    /// The identity of the process that has this number now.
    pub(super) fn read(pid: u32) -> Option<Self> {
        stat(pid).map(|(_, started)| Self { pid, started })
    }

    /// Opens the process, if it still runs.
    #[expect(unsafe_code, reason = "tokio asks for a promise that the descriptor stays the same file")]
    pub(super) fn open(self) -> Option<WatchedProcess> {
        let pid = Pid::from_raw(i32::try_from(self.pid).ok()?)?;
        // The descriptor first: whoever has the number then keeps it from being given to another process.
        let pidfd = pidfd_open(pid, PidfdFlags::NONBLOCK).ok()?;
        let (state, started) = stat(self.pid)?;
        let alive = started == self.started && !matches!(state, 'Z' | 'X');
        // SAFETY: an OwnedFd is the same descriptor for as long as it lives, and nobody else closes it.
        let pidfd = unsafe { AsyncFd::register(pidfd) }.ok()?;
        alive.then_some(WatchedProcess::Adopted(pidfd))
    }

    /// Whether no process has its number now, not even a zombie.
    pub(super) fn is_free(self) -> bool {
        stat(self.pid).is_none()
    }

    /// How long ago it started.
    pub(super) fn uptime(self) -> Duration {
        let started = self.started as f64 / rustix::param::clock_ticks_per_second() as f64;
        let started = Duration::try_from_secs_f64(started).unwrap_or_default();
        clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, |now| Duration::from(now).saturating_sub(started))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_known_by_number_and_start() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let identity = ProcessIdentity::read(child.id()).unwrap();
        assert!(identity.uptime() < Duration::from_secs(600));
        assert!(ProcessIdentity { started: identity.started + 1, ..identity }.open().is_none(), "another one of that number");
        let mut process = identity.open().unwrap();
        assert!(exists(identity.pid));
        child.kill().unwrap();
        assert_eq!(process.ended().await, None);
        assert!(!exists(identity.pid));
        assert!(identity.open().is_none(), "a zombie does not live");
        assert!(!identity.is_free());
        child.wait().unwrap();
        assert!(identity.open().is_none() && identity.is_free());
    }
}
