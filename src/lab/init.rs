//! Pid 1 of the lab: reaps what is orphaned, passes signals on, ends with the lab program.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, read};

use super::supervisor::exit_of_signal;

/// Becomes init; returns in the lab program only, with the signal mask `before`.
///
/// `go` gives one byte when the supervisor is there and watches.
pub fn run(go: &OwnedFd, mask: &SigSet, before: &SigSet) {
    die_with_parent(go);
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
            eprintln!("baton: the lab program could not be started: {error}");
            leave(1)
        }
    }
}

/// From here on the kernel kills this process when its parent ends; `go` gives one byte when the parent is there and watches.
pub fn die_with_parent(go: &OwnedFd) {
    // In this order: a parent that dies before the first call leaves `go` at its end, one that dies after it has us killed.
    // getppid is no help here, it is 0 for a parent outside the pid namespace.
    if prctl::set_pdeathsig(Signal::SIGKILL).is_err() || read(go, &mut [0]) != Ok(1) {
        leave(1);
    }
}

/// Until the lab program ends; its exit code.
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
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == program => return Some(exit_of_signal(signal)),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return None,
            Ok(_) | Err(_) => {}
        }
    }
}

/// Ends this process at once: nothing of the supervisor's, copied by fork, may be flushed or dropped here.
fn leave(code: u8) -> ! {
    // SAFETY: _exit never returns and touches no memory of ours.
    unsafe { libc::_exit(i32::from(code)) }
}
