//! Puts cluster file and key where they belong, each whole or not at all.

use std::fs::DirBuilder;
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use nix::unistd::{Uid, User};
use ring::rand::{SecureRandom, SystemRandom};

use super::{file, key};
use crate::link::key::Key;
use crate::setup::files::{Rights, put};
use protocol::{ErrorCode, Failure};

/// The user as whom the package runs agents.
pub const SERVICE: &str = "baton";
/// Bytes of a key.
const LENGTH: usize = 32;

/// What was put where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Whether the key was made; otherwise the one that was there has stayed.
    pub key_made: bool,
    /// Whether the service's user can read the key already.
    pub for_service: bool,
}

/// Refuses a folder with a cluster file in it, unless that is to be replaced, and one that nothing can be put into.
///
/// # Errors
/// [`ErrorCode::Config`].
pub fn require_room(folder: &Path, force: bool) -> Result<(), Failure> {
    let file = file(folder);
    if file.symlink_metadata().is_ok() && !force {
        return Err(Failure::new(ErrorCode::Config, format!("{} is there already; nothing was written", file.display()))
            .hint("--force replaces it, and keeps the key; --dir DIR writes elsewhere"));
    }
    config::trust::require_folder(folder, "the folder")?;
    if key(folder).symlink_metadata().is_ok() {
        Key::of_file(&key(folder))?;
    }
    Ok(())
}

/// Writes both. What this call has made is taken away again when the other cannot be written.
///
/// # Errors
/// [`ErrorCode::Io`] with the file; [`ErrorCode::Config`] when a cluster file has appeared meanwhile.
pub fn write(folder: &Path, text: &str, force: bool) -> Result<Placed, Failure> {
    let (file, key) = (file(folder), key(folder));
    DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(|e| unwritten(folder, &e))?;
    require_room(folder, force)?;
    // Root shares the key with the service, by whose group nobody else reads it. Any other user keeps it alone.
    let service = User::from_name(SERVICE).ok().flatten().filter(|_| Uid::effective().is_root());
    let group = service.as_ref().map(|user| user.gid.as_raw());
    let rights = Rights { mode: if group.is_some() { 0o640 } else { 0o600 }, owner: None, group };
    let key_made = match put(&key, &new_key()?, rights, false) {
        Ok(()) => true,
        Err(e) if e.kind() == ErrorKind::AlreadyExists => false,
        Err(e) => return Err(unwritten(&key, &e)),
    };
    if let Err(e) = put(&file, text.as_bytes(), Rights::public(), force) {
        if key_made {
            // It is of no use to anybody yet.
            let _ = std::fs::remove_file(&key);
        }
        return Err(match e.kind() {
            ErrorKind::AlreadyExists => {
                Failure::new(ErrorCode::Config, format!("{} has appeared meanwhile; nothing was written", file.display()))
            }
            _ => unwritten(&file, &e),
        });
    }
    Ok(Placed { key_made, for_service: key_made && group.is_some() })
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => "run it as root, or name a folder of your own: --dir DIR",
        _ => "look at the disk, or name another folder: --dir DIR",
    };
    Failure::new(ErrorCode::Io, format!("{} cannot be written: {error}; nothing was changed", path.display())).hint(hint)
}

fn new_key() -> Result<[u8; LENGTH], Failure> {
    let mut bytes = [0; LENGTH];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Failure::new(ErrorCode::Environment, "the kernel gives no random numbers for a key; nothing was written"))?;
    Ok(bytes)
}
