//! Files that are put where they belong, each whole or not at all.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

/// Who may do what with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rights {
    pub mode: u32,
    /// Whose it is; none: the user's who writes it.
    pub owner: Option<u32>,
    /// Its group; none: that of the user who writes it.
    pub group: Option<u32>,
}

impl Rights {
    /// Everybody reads it, and whoever writes it keeps it.
    pub fn public() -> Self {
        Self { mode: 0o644, owner: None, group: None }
    }
}

#[cfg(feature = "etcd")]
impl Rights {
    /// The rights of a file that is there.
    pub fn of(file: &Path) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self { mode: found.mode() & 0o7777, owner: Some(found.uid()), group: Some(found.gid()) })
    }

    /// Gives a file these rights where it has others.
    pub fn restore(self, file: &Path) -> io::Result<()> {
        let found = Self::of(file)?;
        if (self.owner.is_some() && self.owner != found.owner) || (self.group.is_some() && self.group != found.group) {
            std::os::unix::fs::chown(file, self.owner, self.group)?;
        }
        if found.mode != self.mode { std::fs::set_permissions(file, Permissions::from_mode(self.mode)) } else { Ok(()) }
    }
}

/// Makes a file whole, with its rights from the first moment on; replaces one only where that is wanted.
pub(super) fn put(file: &Path, bytes: &[u8], rights: Rights, replace: bool) -> io::Result<()> {
    let new = file.with_extension(uuid::Uuid::new_v4().simple().to_string());
    let placed = fill(&new, bytes, rights).and_then(|()| match replace {
        true => std::fs::rename(&new, file),
        // Unlike a rename, it fails where there is one.
        false => std::fs::hard_link(&new, file),
    });
    if !(replace && placed.is_ok()) {
        let _ = std::fs::remove_file(&new);
    }
    placed?;
    // The name has to reach the disk as well.
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

fn fill(new: &Path, bytes: &[u8], rights: Rights) -> io::Result<()> {
    let mut opened = OpenOptions::new().create_new(true).write(true).mode(0o600).open(new)?;
    opened.write_all(bytes)?;
    let own = opened.metadata()?;
    let (owner, group) = (rights.owner.filter(|uid| *uid != own.uid()), rights.group.filter(|gid| *gid != own.gid()));
    if owner.is_some() || group.is_some() {
        fchown(&opened, owner, group)?;
    }
    // Whatever the umask is.
    opened.set_permissions(Permissions::from_mode(rights.mode))?;
    opened.sync_all()
}

#[cfg(all(test, feature = "etcd"))]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_rights_and_gets_them_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let rights = Rights { mode: 0o640, owner: None, group: None };
        put(&file, b"one", rights, false).unwrap();
        assert_eq!(Rights::of(&file).unwrap().mode, 0o640);
        assert!(put(&file, b"two", rights, false).is_err(), "what is there stays");
        std::fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
        rights.restore(&file).unwrap();
        assert_eq!((Rights::of(&file).unwrap().mode, std::fs::read(&file).unwrap()), (0o640, b"one".to_vec()));
        put(&file, b"two", Rights::public(), true).unwrap();
        assert_eq!((Rights::of(&file).unwrap().mode, std::fs::read(&file).unwrap()), (0o644, b"two".to_vec()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }
}
