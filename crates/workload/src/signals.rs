//! What a process inherits about signals.

use nix::libc;
use nix::sys::signal::Signal;

/// Whether this process was started to ignore a signal.
#[expect(unsafe_code, reason = "nix's sigaction cannot read without setting")]
pub fn is_ignored(signal: Signal) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: with a null new action the call only writes the present one to the place given.
    let asked = unsafe { libc::sigaction(signal as libc::c_int, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: the call succeeded, so it filled the structure in.
    asked == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}
