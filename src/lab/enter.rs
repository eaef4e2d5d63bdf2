//! Joins a running lab from outside.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sched::{CloneFlags, setns};
use nix::unistd::{ForkResult, fork, pipe2};

use super::cluster::RUNTIME;
use super::directory::{RunningLab, find, handle};
use super::{init, interior, namespace, supervisor};
use protocol::{ErrorCode, Failure};
use protocol::{Trying, missing};

/// Exit code of a process that SIGKILL ended, as the kernel ends what is in a dying lab.
const KILLED: u8 = 128 + 9;

/// How long to wait for the lab's end to show, ms.
const ENDING_WITHIN: u8 = 200;

/// Joins the lab; returns in a child that lives and dies with both the lab and the process that called.
///
/// The pid namespace is joined too, which only a child can be: so nothing that was started into a lab keeps its namespaces alive when
/// the lab ends, and /proc is right.
///
/// # Errors
/// No lab, no clear choice, or no right to join.
#[expect(unsafe_code, reason = "only a child can join a pid namespace")]
pub fn enter(name: Option<&str>) -> Result<PathBuf, Failure> {
    let lab = find(name)?;
    let program = join(&lab)?;
    let before = nix::sys::signal::SigSet::thread_get_mask().trying(|| "the signal mask could not be read")?;
    let mask = supervisor::watched();
    mask.thread_block().trying(|| "signals could not be blocked")?;
    let (their_end, lifeline) = pipe2(OFlag::O_CLOEXEC).trying(|| "a pipe could not be made")?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }.trying(|| format!("no process could be started in lab \"{}\"", lab.name))? {
        ForkResult::Child => {
            drop(lifeline);
            init::die_with_parent(&their_end);
            let _ = before.thread_set_mask();
            let file = Path::new(RUNTIME).join("baton.toml");
            interior::announce(&lab.name, &file);
            Ok(file)
        }
        ForkResult::Parent { child } => {
            drop(their_end);
            let code = supervisor::watch(child, &mask, lifeline, None)?;
            if code == KILLED && ended(&program) {
                return Err(Failure::new(ErrorCode::Unreachable, format!("lab \"{}\" has ended", lab.name)));
            }
            std::process::exit(i32::from(code))
        }
    }
}

/// Whether the process behind a handle has ended, or does so any moment: the kernel kills the processes of a lab one by one.
fn ended(process: &OwnedFd) -> bool {
    poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], ENDING_WITHIN).is_ok_and(|ready| ready > 0)
}

/// Moves this process into the lab's namespaces; a handle on the lab program.
fn join(lab: &RunningLab) -> Result<OwnedFd, Failure> {
    let fail = |error| missing(format!("lab \"{}\" cannot be entered", lab.name), error);
    let program = handle(lab.program).map_err(fail)?;
    let mut flags = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    let user = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/user")).ok();
    // Joining the user namespace that one is in already is an error.
    if user("self") != user(&lab.program.to_string()) {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    let here = std::env::current_dir();
    setns(&program, flags).map_err(fail)?;
    // A mount namespace is entered at its root; paths on the command line mean the folder that we came from.
    if let Ok(here) = here {
        let _ = std::env::set_current_dir(here);
    }
    Ok(program)
}

/// Runs a command in one of the lab's network namespaces; ends with its exit code.
///
/// # Errors
/// As [`enter`]; no such namespace; the command cannot be run.
pub fn exec(name: Option<&str>, namespace: &str, command: &[OsString]) -> Result<ExitCode, Failure> {
    enter(name)?;
    let network = namespace::open(namespace)?;
    namespace::settle(network.as_fd(), namespace).trying(|| format!("the namespace {namespace} could not be entered"))?;
    let (program, arguments) =
        command.split_first().ok_or_else(|| Failure::new(ErrorCode::BadRequest, "there is no command to run"))?;
    let error = Command::new(program).args(arguments).exec();
    Err(missing(format!("{} cannot be run", program.display()), error))
}
