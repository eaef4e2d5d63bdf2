//! Small files of JSON that an agent reads when it starts again: replaced whole, readable for this user only.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a file; `None` when there is none.
///
/// # Errors
/// A sentence: the file cannot be read or parsed.
pub(in crate::agent) fn load<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, String> {
    let at = |why: String| format!("{}: {why}", file.display());
    match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| at(e.to_string())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(at(e.to_string())),
    }
}

/// Replaces a file, and its folder if need be, that need not survive the machine: nothing waits for a disk where the folder is in memory.
///
/// # Errors
/// As [`replace`].
pub(in crate::agent) fn store_until_reboot(file: &Path, content: &impl Serialize) -> Result<(), String> {
    replace(file, &bytes(content)?, Durability::Reboot)
}

/// The bytes of a file with that content.
///
/// # Errors
/// A sentence: it has no JSON form.
pub(super) fn bytes(content: &impl Serialize) -> Result<Vec<u8>, String> {
    serde_json::to_vec(content).map_err(|e| e.to_string())
}

/// How long a file has to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// A loss of power loses neither the content nor the name.
    Disk,
    /// Until the machine is switched off.
    Reboot,
}

/// Replaces a file whole, and makes its folder if need be. When this returns, the content and its name are as durable as was asked for.
///
/// # Errors
/// A sentence; the old file is then still there.
pub(super) fn replace(file: &Path, bytes: &[u8], durability: Durability) -> Result<(), String> {
    try_replace(file, bytes, durability).map_err(|e| format!("{}: {e}", file.display()))
}

fn try_replace(file: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // Two writers at once each have a file of their own, and the later one stays.
    let new = file.with_extension(uuid::Uuid::new_v4().simple().to_string());
    let written = write(&new, bytes, durability).and_then(|()| std::fs::rename(&new, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written?;
    // The new name is in the folder's data, which has to reach the disk as well.
    if durability == Durability::Disk { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn write(file: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let mut opened = OpenOptions::new().create_new(true).write(true).mode(0o600).open(file)?;
    opened.write_all(bytes)?;
    if durability == Durability::Disk { opened.sync_data() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn store(file: &Path, content: &impl Serialize) -> Result<(), String> {
        replace(file, &bytes(content)?, Durability::Disk)
    }

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("made/as/needed.json");
        assert_eq!(load::<Vec<u8>>(&file), Ok(None));
        for content in [vec![1, 2, 3], vec![4]] {
            store(&file, &content).unwrap();
            assert_eq!(load::<Vec<u8>>(&file), Ok(Some(content)));
        }
        let folder = file.parent().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(folder), mode(&file)), (0o700, 0o600));
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1, "no half files stay");
        std::fs::write(&file, "[1, ").unwrap();
        assert!(load::<Vec<u8>>(&file).unwrap_err().contains("needed.json: EOF"));
        assert!(store(&file.join("below"), &1).is_err());
        assert!(load::<Vec<u8>>(&file).is_err(), "the old file is still there");
    }
}
