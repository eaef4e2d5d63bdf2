//! The directory of running labs, kept by the kernel: each lab holds an abstract Unix socket, which has a name but no file.
//!
//! Binding the name claims it, `/proc/net/unix` lists it, a connection gives the process id of the lab program (the one that listens),
//! and it is gone the moment the lab is. A lab that is still coming up holds its name but does not listen.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use nix::errno::Errno;
use nix::libc::pid_t;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, getsockopt, listen, socket, sockopt};
use nix::unistd::{Pid, Uid};

use protocol::{ErrorCode, Failure};
use protocol::{Trying, missing};

/// Environment variable with the lab's name, in everything that runs in it.
pub const ENV_LAB: &str = "BATON_LAB";

/// Labs of one name that are tried before giving up.
const MOST_OF_A_NAME: u32 = 64;

/// Names end up in a socket address (108 bytes) and on command lines.
const LONGEST_NAME: usize = 40;

fn address(name: &str) -> String {
    format!("{}{name}", prefix())
}

/// Labs are per user: nobody else's socket can pass for one of ours.
fn prefix() -> String {
    format!("baton/lab/{}/", Uid::effective())
}

/// A claimed name.
pub struct Claim {
    /// The name that was free: as asked, or with -2, -3, ... after it.
    pub name: String,
    socket: OwnedFd,
}

impl Claim {
    /// Claims `wish` or the next free name after it.
    ///
    /// # Errors
    /// The name is not allowed, or every number after it is taken.
    pub fn make(wish: &str) -> Result<Self, Failure> {
        check(wish)?;
        for number in 1..=MOST_OF_A_NAME {
            let name = if number == 1 { wish.to_owned() } else { format!("{wish}-{number}") };
            let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)
                .trying(|| "a Unix socket could not be made")?;
            let at = UnixAddr::new_abstract(address(&name).as_bytes()).trying(|| format!("a lab cannot be called \"{name}\""))?;
            match bind(socket.as_raw_fd(), &at) {
                Ok(()) => return Ok(Self { name, socket }),
                Err(Errno::EADDRINUSE) => {}
                Err(error) => return Err(missing("the lab's name could not be claimed", error)),
            }
        }
        Err(Failure::new(ErrorCode::State, format!("{MOST_OF_A_NAME} labs called \"{wish}\" run already")))
    }

    /// From now on the lab can be found; to be called by the lab program.
    ///
    /// # Errors
    /// The kernel refuses to listen.
    pub fn open(self) -> Result<UnixListener, Failure> {
        listen(&self.socket, Backlog::MAXCONN).trying(|| "the lab could not be announced")?;
        Ok(UnixListener::from(self.socket))
    }
}

fn check(name: &str) -> Result<(), Failure> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(fits) {
        return Err(Failure::new(ErrorCode::Config, format!("\"{name}\" cannot be the name of a lab"))
            .hint(format!("use up to {LONGEST_NAME} letters, digits, dots, dashes and underscores")));
    }
    Ok(())
}

/// Names in the text of `/proc/net/unix`, sorted.
fn names_in(table: &str, prefix: &str) -> Vec<String> {
    let mark = format!("@{prefix}");
    let mut names: Vec<String> =
        table.lines().filter_map(|line| line.split_whitespace().nth(7)?.strip_prefix(&mark).map(str::to_owned)).collect();
    // An accepted connection is listed under the listener's name as well.
    names.sort();
    names.dedup();
    names
}

/// A running lab.
#[derive(Debug)]
pub struct RunningLab {
    /// Its name.
    pub name: String,
    /// Its lab program, as seen from here.
    pub program: Pid,
}

/// Whether certainly no lab of this user runs.
pub fn none_runs() -> bool {
    std::fs::read_to_string("/proc/net/unix").is_ok_and(|table| names_in(&table, &prefix()).is_empty())
}

/// The lab to use: the one named, or the only one.
///
/// # Errors
/// [`ErrorCode::Unreachable`] when it does not run, [`ErrorCode::Config`] when the choice is open.
pub fn find(name: Option<&str>) -> Result<RunningLab, Failure> {
    let table = std::fs::read_to_string("/proc/net/unix").trying(|| "the running labs cannot be listed from /proc/net/unix")?;
    let name = choose(&names_in(&table, &prefix()), name)?;
    let gone = |error: io::Error| {
        let failure = Failure::new(ErrorCode::Unreachable, format!("lab \"{name}\" cannot be entered: {error}"));
        if error.kind() == io::ErrorKind::ConnectionRefused {
            failure.hint("it is still coming up: wait for its line \"lab ready\"")
        } else {
            failure
        }
    };
    let stream = SocketAddr::from_abstract_name(address(&name)).and_then(|at| UnixStream::connect_addr(&at)).map_err(gone)?;
    let peer = getsockopt(&stream, sockopt::PeerCredentials).trying(|| format!("lab \"{name}\" does not say who it is"))?;
    if peer.uid() != Uid::effective().as_raw() || peer.pid() <= 0 {
        return Err(Failure::new(ErrorCode::Unauthorized, format!("lab \"{name}\" belongs to another user or namespace")));
    }
    Ok(RunningLab { name, program: Pid::from_raw(peer.pid()) })
}

fn choose(running: &[String], name: Option<&str>) -> Result<String, Failure> {
    let list = running.join(", ");
    match (name, running) {
        (Some(name), _) if running.iter().any(|one| one == name) => Ok(name.to_owned()),
        (_, []) => Err(Failure::new(ErrorCode::Unreachable, "no lab is running").hint("start one with `baton lab`")),
        (Some(name), _) => {
            Err(Failure::new(ErrorCode::Unreachable, format!("no lab \"{name}\" is running")).hint(format!("running: {list}")))
        }
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(Failure::new(ErrorCode::Config, format!("several labs are running: {list}"))
            .hint("name one with --in, e.g. `baton --in lab status`")),
    }
}

/// A pidfd: it never means a later process of the same number.
///
/// # Errors
/// The process is gone, or the kernel is older than 5.3.
#[expect(unsafe_code, reason = "nix has no pidfd_open")]
pub fn handle(process: Pid) -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes two integers and returns a descriptor that nobody else has.
    let fd = Errno::result(unsafe { nix::libc::syscall(nix::libc::SYS_pidfd_open, process.as_raw() as pid_t, 0) })?;
    let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "Num       RefCount Protocol Flags    Type St Inode Path\n\
        0000: 00000002 00000000 00010000 0001 01 111 @baton/lab/7/lab-2\n\
        0000: 00000003 00000000 00000000 0001 03 112 @baton/lab/7/lab-2\n\
        0000: 00000002 00000000 00010000 0001 01 113 @baton/lab/77/other\n\
        0000: 00000002 00000000 00010000 0001 01 114 /run/x\n\
        0000: 00000002 00000000 00010000 0001 01 115\n\
        0000: 00000002 00000000 00010000 0001 01 116 @baton/lab/7/lab\n";

    #[test]
    fn labs_of_this_user_are_listed_once() {
        assert_eq!(names_in(TABLE, "baton/lab/7/"), ["lab", "lab-2"]);
        assert!(names_in("garbage\n\n@baton/lab/7/x", "baton/lab/7/").is_empty());
    }

    #[test]
    fn the_choice_is_made_or_explained() {
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let exit = |running: &[&str], name| choose(&names(running), name).map_err(|failure| failure.exit_code());
        assert_eq!(exit(&["a"], None), Ok("a".into()));
        assert_eq!(exit(&["a", "b"], Some("b")), Ok("b".into()));
        assert_eq!(exit(&[], None), Err(3));
        assert_eq!(exit(&[], Some("a")), Err(3));
        assert_eq!(exit(&["a"], Some("b")), Err(3));
        assert_eq!(exit(&["a", "b"], None), Err(2));
        let several = choose(&names(&["a", "b"]), None).unwrap_err();
        assert!(several.message.contains("a, b"), "{several}");
    }

    #[test]
    fn a_taken_name_gets_a_number_and_a_dropped_one_is_free() {
        let wish = format!("test-{}", std::process::id());
        let first = Claim::make(&wish).unwrap();
        let second = Claim::make(&wish).unwrap();
        assert_eq!((first.name.as_str(), second.name), (wish.as_str(), format!("{wish}-2")));
        drop(first);
        assert_eq!(Claim::make(&wish).unwrap().name, wish);
    }

    #[test]
    fn bad_names_are_refused_with_a_sentence() {
        for name in ["", "a b", "a/b", "\u{e9}", &"x".repeat(41)] {
            assert_eq!(Claim::make(name).map(|claim| claim.name).unwrap_err().exit_code(), 2, "{name:?}");
        }
    }

    #[test]
    fn a_lab_that_comes_up_cannot_be_entered_yet() {
        let claim = Claim::make(&format!("early-{}", std::process::id())).unwrap();
        let name = claim.name.clone();
        assert_eq!(find(Some(&name)).unwrap_err().exit_code(), 3);
        let _listener = claim.open().unwrap();
        assert_eq!(find(Some(&name)).unwrap().program, nix::unistd::getpid());
    }
}
