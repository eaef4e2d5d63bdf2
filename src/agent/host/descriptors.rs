//! File descriptors: the limit is raised at the start, a few are kept in reserve, and running out of them is said as what it is.

use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use protocol::{ErrorCode, Failure};

pub(in crate::agent) use crate::setup::DESCRIPTORS as ENOUGH;

/// Kept for parking and ending when there are no others.
const RESERVE: usize = 8;

/// Raises the limit on open files as far as this process may; returns it, `None` where there is none.
pub(in crate::agent) fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum || setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        return current;
    }
    maximum
}

/// Whether it failed because there are no more file descriptors.
pub(in crate::agent) fn ran_out(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(nix::libc::EMFILE | nix::libc::ENFILE))
}

/// The failure of a step for which there was no file descriptor.
pub(in crate::agent) fn out_of_descriptors(host: &str) -> Failure {
    Failure::new(ErrorCode::Environment, format!("the agent of {host} is out of file descriptors"))
        .hint("raise the limit (LimitNOFILE in systemd, ulimit -n in a shell) and start the agent again")
}

/// Descriptors that are given up when there are no others.
#[derive(Debug)]
pub(in crate::agent) struct DescriptorReserve(Mutex<Vec<File>>);

impl DescriptorReserve {
    /// As many as there can be.
    pub(in crate::agent) fn new() -> Self {
        let reserve = Self(Mutex::default());
        reserve.refill();
        reserve
    }

    /// Does `step`, and once more with the reserve given up when there were no descriptors for it.
    pub(in crate::agent) fn lend<T>(&self, step: impl Fn() -> io::Result<T>) -> io::Result<T> {
        match step() {
            Err(e) if ran_out(&e) => {
                self.files().clear();
                let done = step();
                self.refill();
                done
            }
            done => done,
        }
    }

    /// Whether some are missing that could not be had.
    pub(in crate::agent) fn refill(&self) -> bool {
        let mut files = self.files();
        while files.len() < RESERVE {
            let Ok(file) = File::open("/dev/null") else { return false };
            files.push(file);
        }
        true
    }

    fn files(&self) -> std::sync::MutexGuard<'_, Vec<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_without_descriptors_is_done_with_those_of_the_reserve() {
        let reserve = DescriptorReserve::new();
        let none = || io::Error::from_raw_os_error(nix::libc::EMFILE);
        let lent = reserve.lend(|| if reserve.files().is_empty() { Ok(7) } else { Err(none()) });
        assert_eq!(lent.unwrap(), 7);
        assert_eq!(reserve.files().len(), RESERVE, "it is full again");
        let other = reserve.lend(|| Err::<(), _>(io::Error::from(io::ErrorKind::NotFound))).unwrap_err();
        assert!(!ran_out(&other) && ran_out(&none()));
    }
}
