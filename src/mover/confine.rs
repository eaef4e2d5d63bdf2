//! What a program that the configuration names gets of its agent: a listed environment, no descriptors, the capabilities that it needs, and no way
//! to more. The agent itself has sockets, the cluster key and, often, all rights of root.

use std::ffi::OsString;
use std::io;

use nix::libc;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};
use tokio::process::Command;

use config::Workload;

/// Variables of the agent that such a program gets; BATON_LAB marks what runs in a lab.
const INHERITED: [&str; 8] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "BATON_LOG", "BATON_LAB"];

/// Lets a command begin with what [`INHERITED`] and the configuration list, and with the workload's capabilities as far as this agent has them.
#[expect(unsafe_code, reason = "the child gives its rights up between fork and exec")]
pub fn confine(command: &mut Command, workload: &Workload) {
    command.env_clear().envs(inherited()).envs(&workload.environment);
    let keep = capability_bits(workload);
    // SAFETY: `give_up` only makes system calls, and the closure only copies a number.
    unsafe { command.pre_exec(move || give_up(keep)) };
}

/// Variables that such a program has of its agent.
pub fn inherited() -> Vec<(&'static str, OsString)> {
    INHERITED.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))).collect()
}

/// The workload's capabilities, as the kernel numbers them, a bit each.
pub fn capability_bits(workload: &Workload) -> u64 {
    workload.capabilities.iter().fold(0, |bits, capability| bits | capability.bits())
}

/// In the child, before the program: every descriptor but the first three is closed by exec, and only these capabilities stay.
///
/// # Errors
/// Of the system.
pub fn give_up(bits: u64) -> io::Result<()> {
    let keep = CapabilitySet::from_bits_retain(bits);
    close_at_exec()?;
    let held = capabilities(None)?;
    // Without CAP_SETPCAP the bounding set stays, and need not go: only root gets back from it what it has given up.
    for capability in CapabilitySet::all().iter().filter(|capability| !keep.contains(*capability)) {
        let _ = remove_capability_from_bounding_set(capability);
    }
    clear_ambient_capability_set()?;
    let left = held.permitted.intersection(keep);
    set_capabilities(None, CapabilitySets { effective: left, permitted: left, inheritable: left })?;
    for capability in left.iter() {
        configure_capability_in_ambient_set(capability, true)?;
    }
    set_no_new_privs(true)?;
    Ok(())
}

/// Has exec close every descriptor but the first three.
///
/// # Errors
/// Of the system.
#[expect(unsafe_code, reason = "neither nix nor rustix has close_range")]
pub fn close_at_exec() -> io::Result<()> {
    // SAFETY: the call takes three numbers. It marks the descriptors, and so closes none that std needs until exec.
    if unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) } == 0 {
        return Ok(());
    }
    // Before Linux 5.11.
    let most =
        nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft.min(65_536));
    for descriptor in 3..i32::try_from(most).unwrap_or(1024) {
        // SAFETY: a number that is no descriptor is answered with an error.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}
