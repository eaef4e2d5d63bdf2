//! The supervisor: a process of one thread, outside the lab. The lab ends when it ends.

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, pipe2};

use super::terminal::Terminal;
use super::{exit_code, init};
use protocol::Failure;
use protocol::{Trying, missing};
use workload::signals::is_ignored;

/// How long the lab program may take to leave in order (restore the screen) before it is killed.
const GRACE: Duration = Duration::from_secs(3);

/// Where [`divide`] returned.
pub enum Side {
    /// In the supervisor, after the end of the lab.
    Outside(ExitCode),
    /// In the lab program.
    Inside(Identity),
}

/// The operator outside the lab, and whether the lab needs a user namespace.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// User outside.
    pub uid: Uid,
    /// Group outside.
    pub gid: Gid,
    /// The lab has a user namespace of its own, whose maps are still to be written.
    pub user_namespace: bool,
}

/// Splits off init and the lab program in namespaces of their own.
///
/// # Errors
/// The kernel refuses the namespaces.
pub fn divide() -> Result<Side, Failure> {
    let before = SigSet::thread_get_mask().trying(|| "the signal mask could not be read")?;
    let mask = watched();
    mask.thread_block().trying(|| "signals could not be blocked")?;
    let (their_end, lifeline) = pipe2(OFlag::O_CLOEXEC).trying(|| "a pipe could not be made")?;
    // Before the split: in a new user namespace this user has no number until the maps are written.
    let (uid, gid) = (Uid::effective(), Gid::effective());
    let (child, user_namespace) = split()?;
    let Some(init) = child else {
        drop(lifeline);
        init::run(&their_end, &mask, &before);
        return Ok(Side::Inside(Identity { uid, gid, user_namespace }));
    };
    drop(their_end);
    watch(init, &mask, lifeline, Some(GRACE)).map(|code| Side::Outside(ExitCode::from(code)))
}

/// Signals that the supervisor and init wait for. A hang-up that the operator chose to ignore (`nohup`) stays ignored.
pub fn watched() -> SigSet {
    let mut mask: SigSet = [Signal::SIGCHLD, Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    if !is_ignored(Signal::SIGHUP) {
        mask.add(Signal::SIGHUP);
    }
    mask
}

/// Forks into new namespaces: first with the rights at hand if they look sufficient, else in a user namespace.
fn split() -> Result<(Option<Pid>, bool), Failure> {
    let apart = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    if Uid::effective().is_root() {
        match fork_into(apart) {
            // Root without CAP_SYS_ADMIN, as in most containers.
            Err(Errno::EPERM) => {}
            other => return other.map(|pid| (pid, false)).map_err(refused),
        }
    }
    fork_into(apart | CloneFlags::CLONE_NEWUSER).map(|pid| (pid, true)).map_err(refused)
}

/// fork(2) with namespaces; `None` in the child.
#[expect(unsafe_code, reason = "nix has no fork into new namespaces")]
fn fork_into(flags: CloneFlags) -> Result<Option<Pid>, Errno> {
    let flags = libc::c_long::from(flags.bits()) | libc::c_long::from(libc::SIGCHLD);
    // SAFETY: without CLONE_VM and with a null stack this is fork: the child continues here on a copy of this stack. The process has
    // one thread, so no lock is held. The C library's cached thread id is stale in the child, which therefore only waits and forks
    // (fork refreshes it).
    match Errno::result(unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) })? {
        0 => Ok(None),
        pid => Ok(Some(Pid::from_raw(libc::pid_t::try_from(pid).map_err(|_| Errno::EOVERFLOW)?))),
    }
}

fn refused(error: Errno) -> Failure {
    let failure = missing("the kernel gives this user no namespaces of its own, which the lab is made of", error);
    failure.hint(match error {
        Errno::EPERM => {
            "run as root, or allow unprivileged user namespaces: sysctl kernel.unprivileged_userns_clone=1 (Debian), \
             kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu)"
        }
        Errno::ENOSPC | Errno::EUSERS => {
            "raise user.max_user_namespaces, user.max_pid_namespaces, user.max_net_namespaces (sysctl)"
        }
        Errno::EINVAL => "the kernel needs CONFIG_USER_NS, CONFIG_PID_NS, CONFIG_NET_NS, CONFIG_IPC_NS and CONFIG_UTS_NS",
        _ => "the lab needs user, pid, mount, network, ipc and uts namespaces",
    })
}

/// Waits for the end of `child`, passing the operator's signals on, and gives the terminal back as
/// it was. With `grace` the first such signal is a request to end, and what has not ended by then is killed.
///
/// # Errors
/// The kernel does not let this process wait.
pub fn watch(child: Pid, mask: &SigSet, lifeline: OwnedFd, grace: Option<Duration>) -> Result<u8, Failure> {
    let terminal = Terminal::remember();
    let signals =
        SignalFd::with_flags(mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).trying(|| "signals could not be waited for")?;
    let mut deadline: Option<Instant> = None;
    loop {
        if let Some(code) = ended(child)? {
            terminal.restore();
            drop(lifeline);
            return Ok(code);
        }
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            let _ = kill(child, Signal::SIGKILL);
        }
        let left = left.filter(|left| !left.is_zero());
        // Rounded up, so as not to spin through the last millisecond.
        let timeout = left.and_then(|left| PollTimeout::try_from(left.as_millis() + 1).ok()).unwrap_or(PollTimeout::NONE);
        match poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(missing("signals could not be waited for", error)),
        }
        while let Ok(Some(caught)) = signals.read_signal() {
            match i32::try_from(caught.ssi_signo).map(Signal::try_from) {
                Ok(Ok(Signal::SIGCHLD)) | Ok(Err(_)) | Err(_) => {}
                // The second request ends it at once.
                Ok(Ok(_)) if deadline.is_some() => {
                    let _ = kill(child, Signal::SIGKILL);
                }
                Ok(Ok(signal)) => {
                    // What the terminal sends, it sends to the whole foreground group.
                    if caught.ssi_code != libc::SI_KERNEL {
                        let _ = kill(child, signal);
                    }
                    deadline = grace.map(|grace| Instant::now() + grace);
                }
            }
        }
    }
}

/// Exit code of a child if it has ended: its own, or 128 + the signal that killed it.
fn ended(child: Pid) -> Result<Option<u8>, Failure> {
    match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::Exited(_, code)) => Ok(Some(u8::try_from(code).unwrap_or(1))),
        Ok(WaitStatus::Signaled(_, signal, _)) => Ok(Some(exit_code::of_signal(signal))),
        Ok(_) | Err(Errno::EINTR) => Ok(None),
        Err(error) => Err(missing("the lab could not be waited for", error)),
    }
}
