//! Files that nobody else may read.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use protocol::{ErrorCode, Failure};

/// What others may do with a key at most: a group of its own reads it, where root and the agents' user share it.
const MOST: u32 = 0o640;

/// Writes a file that is not there yet, with the owner, group and mode of `like`: root makes keys for the user that agents run as. Without one it is for
/// whoever runs this alone.
///
/// # Errors
/// [`ErrorCode::Io`] when it is there already or cannot be written; nothing is left of it then.
pub(super) fn write_new(file: &Path, bytes: &[u8], like: Option<&Path>) -> Result<(), Failure> {
    let failed = |e: std::io::Error| {
        let failure = Failure::new(ErrorCode::Io, format!("{} cannot be written: {e}", file.display()));
        match e.kind() {
            std::io::ErrorKind::AlreadyExists => failure.hint(format!("move it away first: mv {0} {0}.old", file.display())),
            std::io::ErrorKind::PermissionDenied => failure.hint("run this as the owner of the key, or as root"),
            _ => failure,
        }
    };
    let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(failed)?;
    fill(&mut open, bytes, like).map_err(|e| {
        // Half a key is worse than none.
        let _ = fs::remove_file(file);
        failed(e)
    })
}

fn fill(file: &mut File, bytes: &[u8], like: Option<&Path>) -> std::io::Result<()> {
    if let Some(like) = like.map(fs::metadata).transpose()? {
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
            fchown(&*file, Some(like.uid()), Some(like.gid()))?;
        }
        file.set_permissions(Permissions::from_mode(like.mode() & MOST))?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

/// Gives a file another name, in the place of what has it.
///
/// # Errors
/// [`ErrorCode::Io`].
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::rename(from, to).map_err(|e| {
        Failure::new(ErrorCode::Io, format!("{} cannot be renamed to {}: {e}", from.display(), to.display()))
            .hint("run this as the owner of the key, or as root")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_as_its_model_and_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let [like, file] = ["like", "file"].map(|name| folder.path().join(name));
        fs::write(&like, "x").unwrap();
        for (mode, expected) in [(0o600, 0o600), (0o640, 0o640), (0o666, 0o640), (0o400, 0o400)] {
            fs::set_permissions(&like, Permissions::from_mode(mode)).unwrap();
            write_new(&file, b"key", Some(&like)).unwrap();
            assert_eq!((fs::metadata(&file).unwrap().mode() & 0o777, fs::read(&file).unwrap()), (expected, b"key".to_vec()));
            let again = write_new(&file, b"other", None).unwrap_err();
            assert!(again.hint.unwrap().starts_with("move it away first"));
            fs::remove_file(&file).unwrap();
        }
        assert!(write_new(&file, b"key", Some(&folder.path().join("none"))).is_err() && !file.exists(), "nothing is left");
    }
}
