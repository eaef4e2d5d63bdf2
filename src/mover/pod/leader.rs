//! The leader: the session leader in the pod's network namespace, below which the work's processes are started.

use std::ffi::OsString;
use std::fs::{OpenOptions, write};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, setsid};
use serde::{Deserialize, Serialize};

use super::place::{Place, READY, detach_stdio, socket_in};
use crate::mover::confine::give_up;
use protocol::{ErrorCode, Failure, Trying};
use workload::tun;

/// Settings of the pod's network, below /proc/sys/net: as the hosts' own, each answers ARP for the address of that interface only.
const STACK: [(&str, &str); 6] = [
    ("ipv4/conf/all/arp_ignore", "1"),
    ("ipv4/conf/all/arp_announce", "2"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv6/conf/all/disable_ipv6", "1"),
    ("ipv6/conf/default/disable_ipv6", "1"),
];
/// Starting a program takes some ms.
const ANSWER: Duration = Duration::from_secs(5);

/// A program to start in the pod.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Launch {
    /// Program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Capabilities that it keeps, a bit each.
    pub capabilities: u64,
    /// File for its standard error, as the pod sees it.
    pub stderr: PathBuf,
}

/// What the leader answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Launched {
    /// It runs, under this process id within the pod.
    Pid(i32),
    /// Why it does not.
    Error(String),
}

/// The leader, asked from outside.
#[derive(Debug, Clone)]
pub struct Leader {
    socket: PathBuf,
}

impl Leader {
    /// The leader whose socket is in this folder, on this host.
    pub fn in_folder(folder: &Path) -> Self {
        Self { socket: socket_in(folder) }
    }

    /// Starts a program in the pod; its process id there. Blocks until it is started.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] with the leader's words, or that it does not answer.
    pub fn launch(&self, launch: &Launch) -> Result<i32, Failure> {
        let asked = || -> std::io::Result<Launched> {
            let mut stream = UnixStream::connect(&self.socket)?;
            stream.set_read_timeout(Some(ANSWER))?;
            let mut line = serde_json::to_vec(launch)?;
            line.push(b'\n');
            stream.write_all(&line)?;
            let mut answer = String::new();
            BufReader::new(stream).read_line(&mut answer)?;
            Ok(serde_json::from_str(&answer)?)
        };
        let program = &launch.program;
        match asked().trying(|| format!("the pod did not start {program}"))? {
            Launched::Pid(pid) => Ok(pid),
            Launched::Error(why) => {
                Err(Failure::new(ErrorCode::Environment, format!("{program} could not be started in the pod: {why}"))
                    .hint("check the configuration's section workload"))
            }
        }
    }
}

/// The leader, begun by the holder: tells on standard output that it is there, or why not, and then nothing any more.
pub(super) fn lead(place: &Place, tun: &str) -> ! {
    let prepared = prepare(place, tun).and_then(|listener| {
        output::write_stdout(READY.as_bytes()).trying(|| "nobody waits for the pod")?;
        detach_stdio().map(|()| listener)
    });
    match prepared {
        Ok(listener) => serve(&listener),
        Err(failure) => {
            // The holder's parent reads it.
            let _ = output::write_stdout(failure.message.as_bytes());
            std::process::exit(1)
        }
    }
}

/// Becomes the leader: its own network with a tun interface, its own session, its socket.
///
/// # Errors
/// What the system refuses.
fn prepare(place: &Place, name: &str) -> Result<UnixListener, Failure> {
    setsid().trying(|| "the leader of the pod could not begin a session")?;
    let _ = prctl::set_name(c"baton-leader");
    unshare(CloneFlags::CLONE_NEWNET).trying(|| "the pod could not be given a network of its own")?;
    for (key, value) in STACK {
        match write(format!("/proc/sys/net/{key}"), value) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(protocol::missing(format!("{key} could not be set in the pod"), error));
            }
            // A kernel without IPv6 has none to turn off.
            _ => {}
        }
    }
    tun::switch_on("lo").trying(|| "the loopback of the pod could not be switched on")?;
    tun::make_persistent(name).trying(|| format!("the tun interface {name} of the pod could not be made"))?;
    interrupt_by_ends().trying(|| "the end of processes could not be followed")?;
    let socket = socket_in(&place.at);
    let _ = std::fs::remove_file(&socket);
    UnixListener::bind(&socket).trying(|| format!("{} could not be listened on", socket.display()))
}

/// The end of a process interrupts the wait for questions, and is reaped then.
#[expect(unsafe_code, reason = "a signal handler is set")]
fn interrupt_by_ends() -> nix::Result<()> {
    extern "C" fn nothing(_: nix::libc::c_int) {}
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGCHLD, &action) }.map(drop)
}

/// Answers questions, one connection each, until the pod ends.
fn serve(listener: &UnixListener) -> ! {
    loop {
        while matches!(waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive) {}
        let mut asked = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        if poll(&mut asked, PollTimeout::NONE).is_ok()
            && let Ok((stream, _)) = listener.accept()
        {
            // Whoever asked may be gone.
            let _ = answer(stream);
        }
    }
}

fn answer(stream: UnixStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(ANSWER))?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    let launched = match serde_json::from_str::<Launch>(&line).map_err(std::io::Error::from).and_then(|launch| start(&launch)) {
        Ok(pid) => Launched::Pid(pid),
        Err(error) => Launched::Error(error.to_string()),
    };
    let mut reply = serde_json::to_vec(&launched)?;
    reply.push(b'\n');
    (&stream).write_all(&reply)
}

#[expect(unsafe_code, reason = "the child gives its rights up between fork and exec")]
fn start(launch: &Launch) -> std::io::Result<i32> {
    // CRIU finds the file again by its mode, too, which is that of a copied image.
    let stderr = OpenOptions::new().create(true).append(true).mode(0o600).open(&launch.stderr)?;
    stderr.set_len(0)?;
    let mut command = Command::new(&launch.program);
    command.args(&launch.arguments).env_clear().envs(launch.environment.iter().map(|(name, value)| (name, value)));
    // A group of its own: what it starts ends with it.
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).process_group(0);
    let capabilities = launch.capabilities;
    // SAFETY: `give_up` only makes system calls, and the closure only copies a number.
    unsafe { command.pre_exec(move || give_up(capabilities)) };
    let child = command.spawn()?;
    Ok(i32::try_from(child.id()).unwrap_or(i32::MAX))
}
