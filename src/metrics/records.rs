//! Records of orders: one line of JSON per order in `runs.jsonl`, appended with one write and synced to disk.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use protocol::{ErrorCode, Failure, RunRecord};

/// Name of the file in the records folder.
pub const FILE: &str = "runs.jsonl";

/// Appends a record; creates folder (0700) and file (0600) as needed. When it returns, the record is on disk.
///
/// # Errors
/// [`ErrorCode::Io`] with what could not be written where; the file then holds at most a torn last line, which [`load`] skips and the
/// next append closes.
pub fn append(folder: &Path, record: &RunRecord) -> Result<(), Failure> {
    let path = folder.join(FILE);
    write_line(folder, &path, record).map_err(|e| {
        Failure::new(ErrorCode::Io, format!("the record {} could not be written to {}: {e}", record.run, path.display()))
            .hint("free space or correct the rights there; the order itself is not affected")
    })
}

fn write_line(folder: &Path, path: &Path, record: &RunRecord) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path)?;
    let mut line = Vec::with_capacity(2048);
    if torn(&mut file)? {
        line.push(b'\n');
    }
    // What words of others hold must not act on whoever looks into the file.
    line.extend_from_slice(output::json(serde_json::to_string(record)?).as_bytes());
    line.push(b'\n');
    // Two writers must not mix their lines: one write call, in append mode.
    let written = file.write(&line)?;
    if written < line.len() {
        return Err(std::io::Error::new(ErrorKind::StorageFull, "the disk is full"));
    }
    file.sync_data()
}

/// Whether the last line has no end: an earlier writer was stopped within it.
fn torn(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0_u8];
    file.read_exact(&mut last)?;
    Ok(last != [b'\n'])
}

/// What [`load`] found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Records {
    /// The records, oldest first.
    pub runs: Vec<RunRecord>,
    /// Lines that are no record (torn by a crash, or not ours), by number from 1.
    pub unreadable: Vec<usize>,
}

/// Reads all records; a folder or file that does not exist holds none.
///
/// # Errors
/// [`ErrorCode::Io`] when the file exists and cannot be read.
pub fn load(folder: &Path) -> Result<Records, Failure> {
    let path: PathBuf = folder.join(FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Records::default()),
        Err(e) => return Err(Failure::new(ErrorCode::Io, format!("the records in {} cannot be read: {e}", path.display()))),
    };
    let mut records = Records::default();
    for (number, line) in bytes.split(|&b| b == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(run) => records.runs.push(run),
            Err(_) => records.unreadable.push(number + 1),
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::metrics::table::tests::run;
    use protocol::Method;

    #[test]
    fn records_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let records = folder.path().join("made/as/needed");
        assert_eq!(load(&records).unwrap(), Records::default());
        let runs = [run(Method::Classic, 0.125, Some(3)), run(Method::Cold, 1e3, None)];
        for run in &runs {
            append(&records, run).unwrap();
        }
        assert_eq!(load(&records).unwrap(), Records { runs: runs.to_vec(), unreadable: vec![] });
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&records), mode(&records.join(FILE))), (0o700, 0o600));
    }

    #[test]
    fn a_torn_last_line_costs_that_line_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let kept = run(Method::Classic, 1.0, Some(1));
        append(folder.path(), &kept).unwrap();
        let whole = std::fs::read(&path).unwrap();
        // Torn anywhere within the second line.
        for cut in 1..whole.len() {
            let mut bytes = whole.clone();
            bytes.extend_from_slice(&whole[..cut]);
            std::fs::write(&path, &bytes).unwrap();
            let complete = cut == whole.len() - 1;
            let records = load(folder.path()).unwrap();
            assert_eq!(records.runs.len(), 1 + usize::from(complete), "cut at {cut}");
            assert_eq!(records.unreadable.is_empty(), complete, "cut at {cut}");
            append(folder.path(), &kept).unwrap();
            assert_eq!(load(folder.path()).unwrap().runs.len(), 2 + usize::from(complete), "cut at {cut}");
        }
    }

    #[test]
    fn a_full_disk_is_a_sentence() {
        let failure = write_line(Path::new("/"), Path::new("/dev/full"), &run(Method::Classic, 1.0, None)).unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::StorageFull);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let failure = append(&folder.path().join("file"), &run(Method::Classic, 1.0, None)).unwrap_err();
        assert_eq!(failure.code, ErrorCode::Io);
        assert!(failure.message.contains("file/runs.jsonl"), "{failure}");
    }
}
