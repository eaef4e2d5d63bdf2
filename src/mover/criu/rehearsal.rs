//! The rehearsal: a throw-away process with all that the work's processes have is dumped and restored in a throw-away pod.
//!
//! Neither the version nor `criu check` tells whether CRIU works on a machine: sockets that it cannot dump are found by dumping them.

use std::io;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use tokio::time::{Instant, sleep};

use super::{Criu, INSTALL, empty};
use crate::mover::pod::{LEADER, Launch, Leader, Members, Place, kill_holder, start_holder};
use protocol::{ErrorCode, Failure, Trying};
use workload::tun;

/// Tun interface of the rehearsal's pod.
const TUN: &str = "rehearsal";
/// What the process says on its standard error.
const WORDS: &str = "rehearsal.stderr";
/// The kernel ends a pod within this.
const ENDED: Duration = Duration::from_secs(2);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// The throw-away process: opens what the work's processes have open, and waits to be killed.
///
/// # Errors
/// What the system refuses; a rehearsal cannot be made then.
pub fn be_dumped() -> Result<ExitCode, Failure> {
    let open = || -> io::Result<(UdpSocket, (OwnedFd, OwnedFd), OwnedFd)> {
        let radio = UdpSocket::bind("127.0.0.1:0")?;
        radio.connect(radio.local_addr()?)?;
        let samples = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        Ok((radio, samples, tun::open(TUN)?))
    };
    let _kept = open().trying(|| "the rehearsal's process could not open its sockets")?;
    loop {
        std::thread::park();
    }
}

/// Rehearses in a folder of its own, which is empty afterwards: whether CRIU can move the work on this machine.
///
/// # Errors
/// [`ErrorCode::Environment`] with CRIU's reason, and what to do.
pub async fn rehearse(folder: &Path) -> Result<(), Failure> {
    let criu = Criu::find()?;
    let place = Place { folder: folder.join("pod"), at: folder.join("at") };
    empty(folder)?;
    let rehearsed = dump_and_restore(&criu, folder, &place).await;
    let _ = std::fs::remove_dir_all(folder);
    rehearsed.map_err(|failure| {
        let text = format!("this machine cannot move a pod: {}", failure.message);
        Failure::new(failure.code, text).hint(failure.hint.unwrap_or_else(|| INSTALL.to_owned()))
    })
}

async fn dump_and_restore(criu: &Criu, folder: &Path, place: &Place) -> Result<(), Failure> {
    let images = folder.join("images");
    let first = start_holder(place, Some(TUN)).await?;
    let dumped = async {
        start_process(place)?;
        let dumped = criu.dump(first, &images).await?;
        // One that had ended before was not dumped, and proves nothing.
        require_both(first, place)?;
        Ok::<_, Failure>(dumped)
    }
    .await;
    end(first).await?;
    dumped?;
    let second = start_holder(place, None).await?;
    let restored = criu.restore(second, &images).await;
    let there = require_both(second, place);
    end(second).await?;
    restored.map(drop).and(there)
}

/// Whether the leader is there, and the process below it.
fn require_both(holder: i32, place: &Place) -> Result<(), Failure> {
    let members = Members::of_holder(holder);
    let there = members.map_or(0, |members| members.all().len());
    if there == 2 && members.is_some_and(|members| members.numbered(LEADER).is_some()) {
        return Ok(());
    }
    let words = std::fs::read_to_string(place.folder.join(WORDS)).unwrap_or_default();
    let text = format!("of two processes of the rehearsal {there} were there: {}", output::one_line(words.trim()));
    Err(Failure::new(ErrorCode::Environment, text).hint(INSTALL))
}

fn start_process(place: &Place) -> Result<(), Failure> {
    let program = std::env::current_exe().trying(|| "the path of this program could not be read")?;
    let launch = Launch {
        program: program.display().to_string(),
        arguments: ["pod", "--rehearsal"].map(str::to_owned).into(),
        environment: Vec::new(),
        // CAP_NET_ADMIN, for tun.
        capabilities: 1 << 12,
        stderr: place.at.join(WORDS),
    };
    Leader::in_folder(&place.folder).launch(&launch).map(drop)
}

/// Ends a pod, and waits until nothing of it is left.
async fn end(holder: i32) -> Result<(), Failure> {
    kill_holder(holder);
    let began = Instant::now();
    while Members::of_holder(holder).is_some_and(|members| !members.all().is_empty()) {
        if began.elapsed() > ENDED {
            return Err(Failure::new(ErrorCode::Environment, format!("the pod of the process {holder} does not end")));
        }
        sleep(LOOK).await;
    }
    Ok(())
}
