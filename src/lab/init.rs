//! Pid 1 of the lab: reaps what is orphaned, passes signals on, ends with the lab program.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

use super::exit_code;

/// Becomes init; returns in the lab program only, with the signal mask `before`.
#[expect(unsafe_code, reason = "init forks the lab program")]
pub fn run(lifeline: &OwnedFd, mask: &SigSet, before: &SigSet) {
    die_with_parent(lifeline);
    // SAFETY: this process has one thread.
    match unsafe { fork() } {
        Ok(ForkResult::Child) => {
            let _ = before.thread_set_mask();
            let _ = prctl::set_name(c"baton-lab");
        }
        Ok(ForkResult::Parent { child }) => {
            let _ = prctl::set_name(c"baton-lab-init");
            leave(attend(child, mask))
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "baton: the lab program could not be started: {error}");
            leave(1)
        }
    }
}

/// From here on the kernel kills this process when its parent ends. The parent holds the other end of `lifeline` as long as it lives.
pub fn die_with_parent(lifeline: &OwnedFd) {
    let asked = prctl::set_pdeathsig(Signal::SIGKILL);
    // In this order: a parent that has ended before that call hung up, one that ends after it has us killed.
    // getppid is no help here, it is 0 for a parent outside the pid namespace.
    let mut hung_up = [PollFd::new(lifeline.as_fd(), PollFlags::POLLIN)];
    if asked.is_err() || poll(&mut hung_up, PollTimeout::ZERO) != Ok(0) {
        leave(1);
    }
}

/// Waits until the lab program ends, and returns its exit code.
fn attend(program: Pid, mask: &SigSet) -> u8 {
    loop {
        match mask.wait() {
            Ok(Signal::SIGCHLD) => {
                if let Some(code) = reap(program) {
                    return code;
                }
            }
            Ok(signal) => {
                let _ = kill(program, signal);
            }
            Err(_) => {}
        }
    }
}

fn reap(program: Pid) -> Option<u8> {
    loop {
        match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == program => return Some(u8::try_from(code).unwrap_or(1)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == program => return Some(exit_code::of_signal(signal)),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return None,
            Ok(_) | Err(_) => {}
        }
    }
}

/// Ends this process at once: what fork has copied from the supervisor must not be flushed or dropped here.
#[expect(unsafe_code, reason = "std::process::exit would run what the supervisor left in this copy of its memory")]
fn leave(code: u8) -> ! {
    // SAFETY: _exit never returns and touches no memory of ours.
    unsafe { libc::_exit(i32::from(code)) }
}
