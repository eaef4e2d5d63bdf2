//! The holder: first process of the pod's pid and mount namespace.

use std::fs::{create_dir_all, write};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::fcntl::OFlag;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2, setsid};

use super::place::{LEADER, Place, READY, detach_stdio};
use crate::mover::confine::close_at_exec;
use protocol::{ErrorCode, Failure, Trying};

/// The number given last in a pid namespace: the next process gets the one after it.
const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";

/// Which process of the pod this one is.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Holder,
    Leader,
}

/// Makes a pod; see [`super::run`]. Must be called from a process of one thread.
///
/// # Errors
/// What the system refuses.
#[expect(unsafe_code, reason = "the holder is a fork: the first process of the new pid namespace")]
pub fn hold(place: &Place, tun: Option<&str>) -> Result<ExitCode, Failure> {
    for folder in [&place.folder, &place.at] {
        create_dir_all(folder).trying(|| format!("the folder {} could not be made", folder.display()))?;
    }
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID)
        .map_err(|error| protocol::missing("a pod needs a pid and a mount namespace", error).hint("run the agent as root"))?;
    let (ready, tells) = pipe2(OFlag::O_CLOEXEC).trying(|| "a pipe could not be made")?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }.trying(|| "the first process of the pod could not be started")? {
        ForkResult::Parent { child } => {
            drop(tells);
            announce(child, ready)
        }
        ForkResult::Child => {
            drop(ready);
            be_in_pod(place, tun, tells)
        }
    }
}

/// Prints the process id of the holder, once all of the pod is there.
fn announce(holder: Pid, ready: OwnedFd) -> Result<ExitCode, Failure> {
    let mut said = String::new();
    let read = std::fs::File::from(ready).read_to_string(&mut said);
    if read.is_ok() && said == READY {
        output::write_stdout(format!("{holder}\n").as_bytes()).trying(|| "the process id of the pod could not be told")?;
        return Ok(ExitCode::SUCCESS);
    }
    let why = if said.is_empty() { "its first process ended".to_owned() } else { said };
    Err(Failure::new(ErrorCode::Environment, format!("the pod did not come up: {why}"))
        .hint("the agent has to run as root, on a kernel with network, pid and mount namespaces"))
}

/// The life of the first process of the pod, and of the one below it up to where it becomes the leader.
fn be_in_pod(place: &Place, tun: Option<&str>, tells: OwnedFd) -> ! {
    let mut tells = std::fs::File::from(tells);
    let mask = SigSet::from_iter([Signal::SIGCHLD]);
    let failure = match settle(place, tun, &mask) {
        Ok(Part::Holder) => {
            if tun.is_none() {
                let _ = tells.write_all(READY.as_bytes());
            }
            // Whoever waits for the pod reads to the end, so that nobody keeps the pipe.
            drop(tells);
            reap(&mask)
        }
        Ok(Part::Leader) => become_leader(place, tun.unwrap_or_default(), &tells, &mask),
        Err(failure) => failure,
    };
    let _ = tells.write_all(failure.message.as_bytes());
    leave()
}

/// Begins this program anew as the leader: the file that a process runs is dumped by its mount, which has to be one of the pod's.
fn become_leader(place: &Place, tun: &str, tells: &std::fs::File, mask: &SigSet) -> Failure {
    let begin = || -> std::io::Result<std::convert::Infallible> {
        mask.thread_unblock()?;
        // What this process was born with leads outside.
        close_at_exec()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("pod").arg("--folder").arg(&place.folder).arg("--at").arg(&place.at).args(["--tun", tun, "--lead"]);
        Err(command.current_dir("/").stdout(tells.try_clone()?).exec())
    };
    let Err(error) = begin();
    protocol::missing("the leader of the pod could not be started", error)
}

/// Sets the holder up, and starts the leader below it where there is to be one.
#[expect(unsafe_code, reason = "the leader is a fork below the holder")]
fn settle(place: &Place, tun: Option<&str>, mask: &SigSet) -> Result<Part, Failure> {
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).trying(|| "the pod's mounts could not be made private")?;
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), quiet, none).trying(|| "a /proc for the pod could not be mounted")?;
    mount(Some(place.folder.as_path()), place.at.as_path(), none, MsFlags::MS_BIND, none)
        .trying(|| format!("{} could not be shown to the pod as {}", place.folder.display(), place.at.display()))?;
    setsid().trying(|| "the pod's first process could not leave its session")?;
    let _ = prctl::set_name(c"baton-pod");
    detach_stdio()?;
    mask.thread_block().trying(|| "signals could not be held back")?;
    if tun.is_none() {
        return Ok(Part::Holder);
    }
    write(LAST_PID, (LEADER - 1).to_string()).trying(|| format!("{LAST_PID} could not be set"))?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }.trying(|| "the leader of the pod could not be started")? {
        ForkResult::Child => Ok(Part::Leader),
        ForkResult::Parent { child } if child == Pid::from_raw(LEADER) => Ok(Part::Holder),
        ForkResult::Parent { child } => Err(Failure::new(
            ErrorCode::Environment,
            format!("the leader of the pod got the process id {child}, and has to have {LEADER}"),
        )),
    }
}

/// Reaps until it is killed, and with it everything in the pod.
fn reap(mask: &SigSet) -> ! {
    loop {
        while matches!(waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive) {}
        if mask.wait().is_err() {
            leave()
        }
    }
}

/// Ends this process at once: what fork has copied must not be flushed or dropped here.
#[expect(unsafe_code, reason = "std::process::exit would run what the parent left in this copy of its memory")]
fn leave() -> ! {
    // SAFETY: _exit never returns and touches no memory of ours.
    unsafe { libc::_exit(1) }
}
