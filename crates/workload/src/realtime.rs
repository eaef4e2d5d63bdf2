//! Real-time scheduling for the threads that keep up with the radio.

use std::io;

/// Who goes first when two threads are ready: the nearer to the radio's clock, the sooner. All go ahead of every ordinary process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// The modem: has a lead of several subframes.
    Modem = 1,
    /// The USRP process: has the depth of its socket buffers.
    Stream = 2,
    /// The software radio, which stands in for hardware that no load could delay.
    Radio = 3,
}

/// Asks for round-robin real-time scheduling of the calling thread; threads that it starts are ordinary ones again.
///
/// Without it a burst waits behind whatever else keeps the cores busy: with a load of 7 on two cores, up to 28 ms were measured, more
/// than a lead can cover; with it, 3 to 6 ms.
///
/// # Errors
/// Without the right (CAP_SYS_NICE, or an rtprio limit of at least the rank).
pub fn real_time(rank: Rank) -> io::Result<()> {
    schedule(nix::libc::SCHED_RR | nix::libc::SCHED_RESET_ON_FORK, rank as i32)
}

/// Makes the calling thread an ordinary one again.
///
/// # Errors
/// Of the system.
pub fn ordinary() -> io::Result<()> {
    schedule(nix::libc::SCHED_OTHER, 0)
}

#[expect(unsafe_code, reason = "nix has no sched_setscheduler")]
fn schedule(policy: i32, priority: i32) -> io::Result<()> {
    let parameters = nix::libc::sched_param { sched_priority: priority };
    // SAFETY: pid 0 is the calling thread, and the kernel only reads the parameters, which outlive the call.
    if unsafe { nix::libc::sched_setscheduler(0, policy, &raw const parameters) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
