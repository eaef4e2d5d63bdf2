//! The command socket's place in the file system.

use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
use nix::sys::stat::{Mode, fchmod};

use protocol::{ErrorCode, Failure};

/// A socket file of this process; removed with it, unless another took its place.
pub struct SocketFile {
    path: PathBuf,
    /// Device and number of the file.
    identity: (u64, u64),
}

impl SocketFile {
    /// Listens at a path, without waiting for anybody.
    ///
    /// # Errors
    /// The path is taken or cannot be made.
    pub fn open(path: &Path) -> Result<(UnixListener, Self), Failure> {
        let fail = |error: std::io::Error| {
            Failure::new(ErrorCode::Environment, format!("the command socket {} cannot be made: {error}", path.display()))
                .hint("name another place with --control")
        };
        make_room(path)?;
        let listener = bind_private(path).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        let file = std::fs::symlink_metadata(path).map_err(fail)?;
        Ok((listener, Self { path: path.into(), identity: (file.dev(), file.ino()) }))
    }

    /// Removes the socket file.
    pub fn remove(&self) {
        let own = std::fs::symlink_metadata(&self.path).is_ok_and(|file| (file.dev(), file.ino()) == self.identity);
        if own && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!("the command socket {} stays behind: {error}", self.path.display());
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A listener that no other user may connect to at any moment: Linux makes the file with the mode of the unbound socket, and the umask,
/// which all threads share, is left alone.
fn bind_private(path: &Path) -> std::io::Result<UnixListener> {
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    fchmod(&socket, Mode::S_IRUSR | Mode::S_IWUSR)?;
    bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    listen(&socket, Backlog::new(16)?)?;
    Ok(UnixListener::from(socket))
}

/// Removes what a dead process left at the path.
fn make_room(path: &Path) -> Result<(), Failure> {
    let taken = |code, what: &str| {
        Err(Failure::new(code, format!("the command socket {}: {what}", path.display())).hint("name another place with --control"))
    };
    let Ok(file) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !file.file_type().is_socket() {
        return taken(ErrorCode::Config, "something that is no socket is there already");
    }
    match UnixStream::connect(path) {
        Ok(_) => taken(ErrorCode::State, "another process listens there"),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path).or_else(|error| {
            taken(ErrorCode::Environment, &format!("a dead process left it behind, and it cannot be removed: {error}"))
        }),
        Err(error) => taken(ErrorCode::Environment, &format!("a socket is there already, and does not answer: {error}")),
    }
}
