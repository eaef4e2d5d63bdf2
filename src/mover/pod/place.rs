//! Where a pod is, and which number its leader has there.

use std::path::{Path, PathBuf};

use protocol::{Failure, Trying};

/// Process id of the leader within the pod. Below it there is room for CRIU and its helpers, whose numbers must not be among those restored.
pub const LEADER: i32 = 301;
/// What a pod tells when all of it is there.
pub(super) const READY: &str = "ready";
/// The pod's own socket, beside those of its processes.
const SOCKET: &str = "pod.sock";

/// The folder of a pod's sockets, inside and outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// On this host.
    pub folder: PathBuf,
    /// As the pod sees it: the same on every host, since a restored process has the names that it was dumped with.
    pub at: PathBuf,
}

/// The pod's own socket in a folder.
pub(super) fn socket_in(folder: &Path) -> PathBuf {
    folder.join(SOCKET)
}

/// Standard input, output and error lead nowhere: nothing of the pod leads outside, and whoever started it waits for the end of its output.
pub(super) fn detach_stdio() -> Result<(), Failure> {
    let null = std::fs::File::options().read(true).write(true).open("/dev/null").trying(|| "/dev/null could not be opened")?;
    nix::unistd::dup2_stdin(&null)
        .and_then(|()| nix::unistd::dup2_stdout(&null))
        .and_then(|()| nix::unistd::dup2_stderr(&null))
        .trying(|| "standard output could not be closed")
}
