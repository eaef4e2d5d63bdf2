//! A pod: the processes of a work so that CRIU can dump them, and their namespaces.
//!
//! Two processes stand under it. The *holder* is the first process of a pid and mount namespace: it stays where it is, and with it everything in
//! the pod ends. The *leader* is a session leader in a network namespace of its own, below which the work's processes are started; it is the
//! root of what is dumped. At the destination of a move there is a holder only, until CRIU has restored the leader below it.
//!
//! What is in a pod must have no descriptor from outside, so that the leader is asked over a socket of its own, one connection a question.

mod holder;
mod leader;
mod members;
mod place;
mod start;

use std::path::PathBuf;
use std::process::ExitCode;

pub use holder::hold;
pub use leader::{Launch, Leader};
pub use members::{Members, kill_holder};
pub use place::{LEADER, Place};
pub use start::start_holder;

use protocol::Failure;

/// A pod that runs: who starts programs there, and who is in it.
#[derive(Debug, Clone)]
pub struct RunningPod {
    /// Starts programs.
    pub leader: Leader,
    /// Its processes.
    pub members: Members,
}

/// Options of `baton pod`, which an agent runs.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Folder of the pod's sockets on this host.
    #[arg(long, value_name = "DIR", required_unless_present = "rehearsal")]
    pub folder: Option<PathBuf>,
    /// Where the pod sees that folder: the same on every host.
    #[arg(long, value_name = "DIR", required_unless_present = "rehearsal")]
    pub at: Option<PathBuf>,
    /// Start a leader with a network of its own and this tun interface; without it, one is to be restored.
    #[arg(long, value_name = "TUN")]
    pub tun: Option<String>,
    /// Be the leader; a holder says so.
    #[arg(long, requires = "tun")]
    pub lead: bool,
    /// Be the process that a rehearsal dumps and restores.
    #[arg(long)]
    pub rehearsal: bool,
}

/// Makes a pod, prints the process id of its holder, and returns; the pod goes on. In the pod itself it never returns.
///
/// # Errors
/// What the system refuses.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let (Some(folder), Some(at)) = (args.folder.clone(), args.at.clone()) else { return super::criu::rehearsal::be_dumped() };
    let place = Place { folder, at };
    match args.tun.as_deref() {
        Some(tun) if args.lead => leader::lead(&place, tun),
        tun => hold(&place, tun),
    }
}
