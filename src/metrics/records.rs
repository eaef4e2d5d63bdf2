//! Records of orders: one line of JSON per order in `runs.jsonl`, appended with one write and synced to disk. A file that has grown long gets
//! a number, `runs.1.jsonl` the oldest, and a new one is begun. Nothing is ever deleted.

mod files;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use protocol::{ErrorCode, Failure, RunRecord};

/// Name of the file in the records folder that is appended to.
pub const FILE: &str = "runs.jsonl";
/// A file that is longer gets a number, bytes: some 13 000 orders.
const LONGEST_FILE: u64 = 16 << 20;

/// Appends a record; creates folder (0700) and file (0600) as needed. When it returns, the record is on disk.
///
/// # Errors
/// [`ErrorCode::Io`] with what could not be written where; the file then holds at most a torn last line, which [`load`] skips and the
/// next append closes.
pub fn append(folder: &Path, record: &RunRecord) -> Result<(), Failure> {
    append_to(folder, FILE, record, LONGEST_FILE).map_err(|e| {
        Failure::new(
            ErrorCode::Io,
            format!("the record {} could not be written to {}: {e}", record.run, folder.join(FILE).display()),
        )
        .hint("free space or correct the rights there; the order itself is not affected")
    })
}

fn append_to(folder: &Path, name: &str, record: &RunRecord, longest: u64) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let path = folder.join(name);
    // What words of others hold must not act on whoever looks into the file.
    let line = output::json(serde_json::to_string(record)?);
    loop {
        let file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(&path)?;
        // Several agents of a lab write here. Without a lock, as on some network file systems, the file only grows.
        let mut file = match Flock::lock(file, FlockArg::LockExclusive) {
            Ok(file) => file,
            Err((mut file, _)) => return write_line(&mut file, &line),
        };
        let (data, now) = (file.metadata()?, std::fs::metadata(&path));
        if !now.is_ok_and(|now| (now.dev(), now.ino()) == (data.dev(), data.ino())) {
            // Another agent has numbered it meanwhile.
            continue;
        }
        if data.len() < longest {
            return write_line(&mut file, &line);
        }
        std::fs::rename(&path, folder.join(files::next(folder)?))?;
        File::open(folder)?.sync_all()?;
    }
}

fn write_line(file: &mut File, record: &str) -> std::io::Result<()> {
    let mut line = Vec::with_capacity(record.len() + 2);
    if torn(file)? {
        line.push(b'\n');
    }
    line.extend_from_slice(record.as_bytes());
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

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Records {
    /// The records, oldest first.
    pub runs: Vec<RunRecord>,
    /// Lines that are no record: torn by a crash, or not ours.
    pub unreadable: usize,
    /// The first of them, by file and number from 1, where it was counted.
    pub first_unreadable: Option<(PathBuf, usize)>,
}

/// Reads all records; a folder or file that does not exist holds none.
///
/// # Errors
/// As [`select`].
pub fn load(folder: &Path) -> Result<Records, Failure> {
    select(folder, |_| true)
}

/// Reads all records and keeps some; no more than these is in memory.
///
/// # Errors
/// [`ErrorCode::Io`] when a file exists and cannot be read.
pub fn select(folder: &Path, wanted: impl Fn(&RunRecord) -> bool) -> Result<Records, Failure> {
    let mut records = Records::default();
    for path in files::oldest_first(folder) {
        let unread = |e| unread(&path, &e);
        let Some(file) = files::open(&path).map_err(unread)? else { continue };
        let (mut file, mut line, mut number) = (BufReader::new(file), Vec::new(), 0);
        while file.read_until(b'\n', &mut line).map_err(unread)? > 0 {
            number += 1;
            match parsed(&line) {
                Line::Record(run) if wanted(&run) => records.runs.push(*run),
                Line::Record(_) | Line::Empty => {}
                Line::Unreadable => {
                    records.unreadable += 1;
                    records.first_unreadable.get_or_insert_with(|| (path.clone(), number));
                }
            }
            line.clear();
        }
    }
    Ok(records)
}

/// Reads from the end: the newest records that are wanted, `most` of them, among the last `bytes` bytes.
///
/// # Errors
/// [`ErrorCode::Io`] when a file exists and cannot be read.
pub fn latest(folder: &Path, most: usize, bytes: u64, wanted: impl Fn(&RunRecord) -> bool) -> Result<Records, Failure> {
    let (mut records, mut left) = (Records::default(), bytes);
    let mut paths = files::oldest_first(folder);
    paths.reverse();
    for path in paths {
        let unread = |e| unread(&path, &e);
        let Some(file) = files::open(&path).map_err(unread)? else { continue };
        let mut lines = files::LinesFromEnd::new(file, left).map_err(unread)?;
        while records.runs.len() < most {
            let Some(line) = lines.next().map_err(unread)? else { break };
            match parsed(&line) {
                Line::Record(run) if wanted(&run) => records.runs.push(*run),
                Line::Record(_) | Line::Empty => {}
                Line::Unreadable => records.unreadable += 1,
            }
        }
        left = lines.left();
        if records.runs.len() >= most || left == 0 {
            break;
        }
    }
    records.runs.reverse();
    Ok(records)
}

/// What a line of a file holds.
enum Line {
    Empty,
    Record(Box<RunRecord>),
    Unreadable,
}

fn parsed(line: &[u8]) -> Line {
    match line.trim_ascii() {
        [] => Line::Empty,
        line => serde_json::from_slice(line).map_or(Line::Unreadable, Line::Record),
    }
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(ErrorCode::Io, format!("the records in {} cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests;
