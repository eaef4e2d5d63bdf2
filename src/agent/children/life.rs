//! The life of a process: one that this agent has started, or one that it found when it was started again itself.

use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;

/// A process to wait for.
#[derive(Debug)]
pub(super) enum Life {
    /// Our own child.
    Child(tokio::process::Child),
    /// Somebody else's by now: it outlived the agent that had started it.
    Adopted(AsyncFd<OwnedFd>),
}

impl Life {
    /// Waits for its end; the exit status of an adopted process is its parent's to know.
    pub(super) async fn ended(&mut self) -> Option<ExitStatus> {
        match self {
            Self::Child(child) => child.wait().await.ok(),
            Self::Adopted(pidfd) => {
                // Readable once the process has ended; an error would mean that it can not be watched, which `open` has found out.
                let _ = pidfd.readable().await;
                None
            }
        }
    }
}

/// A process by what no other one shares: its number, and when it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    pub(super) pid: u32,
    /// Clock ticks after the machine's start: field 22 of `/proc/<pid>/stat`, see proc(5).
    started: u64,
}

/// State and start of a process.
fn stat(pid: u32) -> Option<(char, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Field 2 is the program's name, in brackets, and may hold anything; field 3 is the state.
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// Whether a process with that number runs.
pub(super) fn lives(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

impl Identity {
    /// Of a process that runs now.
    pub(super) fn of(pid: u32) -> Option<Self> {
        stat(pid).map(|(_, started)| Self { pid, started })
    }

    /// Takes hold of the process, if it still runs.
    #[expect(unsafe_code, reason = "tokio asks for a promise that the descriptor stays the same file")]
    pub(super) fn open(self) -> Option<Life> {
        let pid = Pid::from_raw(i32::try_from(self.pid).ok()?)?;
        // The descriptor first: whoever has the number then keeps it from being given to another process.
        let pidfd = pidfd_open(pid, PidfdFlags::NONBLOCK).ok()?;
        let (state, started) = stat(self.pid)?;
        let alive = started == self.started && !matches!(state, 'Z' | 'X');
        // SAFETY: an OwnedFd is the same descriptor for as long as it lives, and nobody else closes it.
        let pidfd = unsafe { AsyncFd::register(pidfd) }.ok()?;
        alive.then_some(Life::Adopted(pidfd))
    }

    /// Whether its number is nobody's now.
    pub(super) fn is_free(self) -> bool {
        stat(self.pid).is_none()
    }

    /// How long ago it started.
    pub(super) fn uptime(self) -> Duration {
        let uptime = std::fs::read_to_string("/proc/uptime").ok();
        let seconds: Option<f64> = uptime.and_then(|text| text.split(' ').next()?.parse().ok());
        let started = self.started as f64 / rustix::param::clock_ticks_per_second() as f64;
        Duration::try_from_secs_f64(seconds.unwrap_or(started) - started).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_known_by_number_and_start() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let identity = Identity::of(child.id()).unwrap();
        assert!(identity.uptime() < Duration::from_secs(600));
        assert!(Identity { started: identity.started + 1, ..identity }.open().is_none(), "another one of that number");
        let mut life = identity.open().unwrap();
        assert!(lives(identity.pid));
        child.kill().unwrap();
        assert_eq!(life.ended().await, None);
        assert!(!lives(identity.pid));
        assert!(identity.open().is_none(), "a zombie does not live");
        assert!(!identity.is_free());
        child.wait().unwrap();
        assert!(identity.open().is_none() && identity.is_free());
    }
}
