//! The files of a records folder, and their lines from the end.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::FILE;

/// Read at once, bytes.
const BLOCK: u64 = 64 << 10;

/// Opens a file; `None` where there is none.
///
/// # Errors
/// It is there and cannot be opened.
pub fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// The files that may hold records, oldest first; the last is the one that is appended to.
pub fn oldest_first(folder: &Path) -> Vec<PathBuf> {
    let mut numbers = numbers(folder);
    numbers.sort_unstable();
    numbers.into_iter().map(|number| folder.join(numbered(number))).chain([folder.join(FILE)]).collect()
}

/// Name of the next file with a number.
///
/// # Errors
/// There are as many as numbers.
pub fn next(folder: &Path) -> io::Result<String> {
    let last = numbers(folder).into_iter().max().unwrap_or(0);
    last.checked_add(1).map(numbered).ok_or_else(|| io::Error::other("no number is left for the records"))
}

fn numbered(number: u64) -> String {
    format!("runs.{number}.jsonl")
}

fn numbers(folder: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("runs.")?.strip_suffix(".jsonl")?.parse().ok()).collect()
}

/// Lines of a file from its end, as far back as a number of bytes.
pub struct LinesFromEnd {
    file: File,
    /// Where in the file the bytes in `bytes` begin.
    at: u64,
    /// Bytes that may still be read.
    left: u64,
    /// What was read and not yet given out.
    bytes: Vec<u8>,
}

impl LinesFromEnd {
    /// The lines of a file as it is now.
    ///
    /// # Errors
    /// Of the file.
    pub fn new(mut file: File, left: u64) -> io::Result<Self> {
        let at = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, at, left, bytes: Vec::new() })
    }

    /// Bytes that may still be read.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The line before the last one; `None` at the beginning of the file, or of what may be read.
    ///
    /// # Errors
    /// Of the file.
    pub fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut looked = 0;
        loop {
            // What was looked through in an earlier round has no end of a line.
            let unseen = self.bytes.len() - looked;
            if let Some(end) = self.bytes[..unseen].iter().rposition(|&byte| byte == b'\n') {
                let line = self.bytes.split_off(end + 1);
                self.bytes.truncate(end);
                return Ok(Some(line));
            }
            looked = self.bytes.len();
            let part = BLOCK.min(self.at).min(self.left);
            if part == 0 {
                // What is left of a line whose beginning may not be read is no line.
                let whole = self.at == 0 && !self.bytes.is_empty();
                let rest = std::mem::take(&mut self.bytes);
                return Ok(whole.then_some(rest));
            }
            self.at -= part;
            self.left -= part;
            self.file.seek(SeekFrom::Start(self.at))?;
            let mut block = Vec::with_capacity(part as usize + self.bytes.len());
            (&mut self.file).take(part).read_to_end(&mut block)?;
            block.extend_from_slice(&self.bytes);
            self.bytes = block;
        }
    }
}
