//! Whether a process exists, when it ends, and whether it is ours: a child of this agent, or one that it found when it was restarted.
//!
//! A number alone is never believed. A process is signalled by its pidfd, or as the head of a group whose number it still holds; and one from an
//! earlier life of the agent is taken up only if it started when the file says, runs under this user, and carries our mark.

use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;

use workload::contract::ENV_SOCKET;

/// A process whose end can be waited for.
#[derive(Debug)]
pub(super) enum WatchedProcess {
    /// Our own child. The pidfd tells of its end without giving its number free.
    Child(tokio::process::Child, AsyncFd<OwnedFd>),
    /// A child of the agent that ran here before; by now another process is its parent.
    Adopted(ProcessIdentity, AsyncFd<OwnedFd>),
}

impl WatchedProcess {
    /// Our own child; `None` when there is no pidfd to be had, and the child is then killed.
    pub(super) fn child(mut child: tokio::process::Child) -> Option<Self> {
        let Some(pidfd) = child.id().and_then(pidfd) else {
            // One that has ended is as good.
            let _ = child.start_kill();
            return None;
        };
        Some(Self::Child(child, pidfd))
    }

    /// Waits for its end. A child is not reaped yet, so that its number and its group's are still its own.
    pub(super) async fn ended(&mut self) {
        let (Self::Child(_, pidfd) | Self::Adopted(_, pidfd)) = self;
        // Readable once the process has ended; that it can be watched was seen when it was opened.
        let _ = pidfd.readable().await;
    }

    /// Sends a signal to the process and all of its group.
    pub(super) fn signal_group(&self, signal: Signal) {
        match self {
            Self::Child(child, _) => {
                // Not reaped: nobody else can have the number. A group that cannot be signalled is gone.
                if let Some(group) = child.id().and_then(to_pid) {
                    let _ = kill_process_group(group, signal);
                }
            }
            Self::Adopted(identity, pidfd) => {
                let _ = pidfd_send_signal(pidfd, signal);
                identity.signal_group(signal, |_| true);
            }
        }
    }

    /// Reaps it; the exit status of an adopted process is its parent's to know.
    pub(super) async fn reap(self) -> Option<ExitStatus> {
        match self {
            Self::Child(mut child, _) => child.wait().await.ok(),
            Self::Adopted(..) => None,
        }
    }
}

/// What no two processes share: the number together with the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agent) struct ProcessIdentity {
    pub(in crate::agent) pid: u32,
    /// Clock ticks after the machine's start: field 22 of `/proc/<pid>/stat`, see proc(5).
    started: u64,
}

/// What a file says of a process.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are two, when an agent starts")]
pub(super) enum Found {
    /// It runs, and is ours.
    Ours(WatchedProcess),
    /// A process of that number and start runs that we have not started.
    Foreign,
    /// It has ended.
    Gone,
}

/// From `/proc`: sysinfo knows the start only to the second, and the files of 0.1.0 hold ticks.
struct Stat {
    state: char,
    group: i32,
    started: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Field 2 is the program's name, in brackets, and may hold anything; field 3 is the state.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let state = fields.first()?.chars().next()?;
    Some(Stat { state, group: fields.get(2)?.parse().ok()?, started: fields.get(19)?.parse().ok()? })
}

fn to_pid(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

#[expect(unsafe_code, reason = "tokio asks for a promise that the descriptor stays the same file")]
fn pidfd(pid: u32) -> Option<AsyncFd<OwnedFd>> {
    let pidfd = pidfd_open(to_pid(pid)?, PidfdFlags::NONBLOCK).ok()?;
    // SAFETY: an OwnedFd is the same descriptor for as long as it lives, and nobody else closes it.
    unsafe { AsyncFd::register(pidfd) }.ok()
}

/// Whether a process with that number runs. A zombie does not.
pub(super) fn exists(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

/// Whether a process runs under this user and has this contract socket in its environment, as only what an agent of this host has started has.
fn is_marked(pid: u32, socket: &Path) -> bool {
    let user = std::fs::metadata(format!("/proc/{pid}")).map(|found| found.uid());
    let mark = [ENV_SOCKET.as_bytes(), b"=", socket.as_os_str().as_encoded_bytes()].concat();
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    user.is_ok_and(|user| user == nix::unistd::geteuid().as_raw())
        && environment.split(|byte| *byte == 0).any(|entry| entry == mark)
}

/// Processes that an agent of this host has started with this contract socket, the youngest first: each heads a group, as what they start does not.
pub(super) fn started_with(socket: &Path) -> Vec<ProcessIdentity> {
    let heads = numbers().filter_map(|pid| {
        let stat = stat(pid).filter(|stat| u32::try_from(stat.group) == Ok(pid) && !matches!(stat.state, 'Z' | 'X'))?;
        is_marked(pid, socket).then_some(ProcessIdentity { pid, started: stat.started })
    });
    let mut heads: Vec<ProcessIdentity> = heads.collect();
    heads.sort_by_key(|head| std::cmp::Reverse((head.started, head.pid)));
    heads
}

/// The numbers of all processes.
fn numbers() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").ok().into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

impl ProcessIdentity {
    /// The identity of the process that has this number now.
    pub(in crate::agent) fn read(pid: u32) -> Option<Self> {
        stat(pid).map(|stat| Self { pid, started: stat.started })
    }

    /// Whether this very process runs.
    pub(in crate::agent) fn runs(self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.started == self.started && !matches!(stat.state, 'Z' | 'X'))
    }

    /// The process, whose origin is known otherwise; none when it has ended.
    pub(super) fn watch(self) -> Option<WatchedProcess> {
        let pidfd = pidfd(self.pid)?;
        self.runs().then_some(WatchedProcess::Adopted(self, pidfd))
    }

    /// Looks for the process, which listens on `socket` if it is ours.
    pub(super) fn find(self, socket: &Path) -> Found {
        // The descriptor first: whoever has the number then keeps it from being given to another process.
        let Some(pidfd) = pidfd(self.pid) else { return Found::Gone };
        match stat(self.pid) {
            Some(stat) if stat.started == self.started && !matches!(stat.state, 'Z' | 'X') => {}
            _ => return Found::Gone,
        }
        if is_marked(self.pid, socket) { Found::Ours(WatchedProcess::Adopted(self, pidfd)) } else { Found::Foreign }
    }

    /// Kills what this process has started and left running when it ended.
    pub(super) fn kill_left_over(self, socket: &Path) {
        self.signal_group(Signal::KILL, |pid| is_marked(pid, socket));
    }

    /// Signals every process of the group that this one heads, each by its pidfd. As long as one of them lives, the kernel gives the group's number
    /// to no other process.
    fn signal_group(self, signal: Signal, wanted: impl Fn(u32) -> bool) {
        let recycled = || stat(self.pid).is_some_and(|stat| stat.started != self.started);
        let in_group = |pid: &u32| stat(*pid).is_some_and(|stat| u32::try_from(stat.group) == Ok(self.pid));
        for pid in numbers().filter(in_group).collect::<Vec<_>>() {
            let opened = to_pid(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::NONBLOCK).ok());
            if let Some(pidfd) = opened
                && in_group(&pid)
                && !recycled()
                && wanted(pid)
            {
                let _ = pidfd_send_signal(pidfd, signal);
            }
        }
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
    use std::io::{Read, Write};
    use std::process::Stdio;

    use super::*;

    #[tokio::test]
    async fn a_process_is_known_by_number_start_and_mark() {
        let socket = Path::new("/nowhere/d2d.sock");
        let mut command = std::process::Command::new("cat");
        let mut child = command.env(ENV_SOCKET, socket).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // `spawn` returns in the middle of execve(2), when the kernel does not tell the environment yet. Whoever echoes is through it.
        child.stdin.as_mut().unwrap().write_all(b"!").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let identity = ProcessIdentity::read(child.id()).unwrap();
        assert!(identity.uptime() < Duration::from_secs(600));
        let another = ProcessIdentity { started: identity.started + 1, ..identity };
        assert!(matches!(another.find(socket), Found::Gone), "another one of that number");
        assert!(matches!(identity.find(Path::new("/nowhere/usrp.sock")), Found::Foreign));
        let Found::Ours(mut process) = identity.find(socket) else { panic!("it is ours") };
        assert!(exists(identity.pid));
        process.signal_group(Signal::KILL);
        process.ended().await;
        assert_eq!(process.reap().await, None);
        assert!(!exists(identity.pid));
        assert!(matches!(identity.find(socket), Found::Gone), "a zombie does not live");
        child.wait().unwrap();
        assert!(matches!(identity.find(socket), Found::Gone));
    }
}
