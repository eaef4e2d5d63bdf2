//! Standard output and standard error, neither of which decides about anything.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::one_line;

/// What a pipe takes without waiting once it says that it takes something (POSIX: at least 512; Linux: a page).
const AT_ONCE: usize = 4096;

/// Writes a report to standard output, as it is. A reader that has seen enough, as `head` has, is no error.
///
/// # Errors
/// Of the file behind it: the disk is full, say.
pub fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Says one line on standard error, with what acts in it made visible. Who is not there to read it is not told.
pub fn say(line: &str) {
    let line = format!("{}\n", one_line(line));
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// The same for a process that must not wait for its reader: a line for which there is no room is dropped.
pub fn log_line(line: &str) {
    let _ = LogWriter.write(format!("{}\n", one_line(line)).as_bytes());
}

/// Standard error of a process that works, for lines in which nothing acts but colours of our own. A reader that is gone, or takes
/// nothing, costs the line and nothing else; how many lines it cost is said once there is room again.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogWriter;

static DROPPED: AtomicU64 = AtomicU64::new(0);

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        write_log(&io::stderr(), line, &DROPPED);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_log(to: &impl AsFd, line: &[u8], dropped: &AtomicU64) {
    let before = dropped.swap(0, Ordering::Relaxed);
    let mut bytes = Vec::with_capacity(line.len());
    if before > 0 {
        bytes.extend_from_slice(format!("({before} lines were dropped: nobody read them)\n").as_bytes());
    }
    bytes.extend_from_slice(line);
    // The pieces of one line are few; a reader that stalls within it has the rest dropped with it.
    if !bytes.chunks(AT_ONCE).all(|piece| write_at_once(to, piece)) {
        dropped.fetch_add(before + 1, Ordering::Relaxed);
    }
}

/// Whether all of it was written without waiting.
fn write_at_once(to: &impl AsFd, bytes: &[u8]) -> bool {
    let mut ready = [PollFd::new(to.as_fd(), PollFlags::POLLOUT)];
    let has_room = poll(&mut ready, PollTimeout::ZERO).is_ok_and(|n| n > 0);
    has_room && nix::unistd::write(to, bytes) == Ok(bytes.len())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::OwnedFd;

    use super::*;

    fn pipe() -> (File, OwnedFd) {
        let (read, write) = nix::unistd::pipe().unwrap();
        (read.into(), write)
    }

    #[test]
    fn a_reader_that_takes_nothing_costs_lines_and_no_time() {
        let ((mut reader, writer), dropped) = (pipe(), AtomicU64::new(0));
        let line = [b'x'; 1024];
        // More than any pipe holds. A write that waits never comes back from here.
        for _ in 0..2048 {
            write_log(&writer, &line, &dropped);
        }
        let lost = dropped.load(Ordering::Relaxed);
        assert!(lost > 0 && lost < 2048, "{lost}");
        let mut taken = vec![0; AT_ONCE * 2];
        reader.read_exact(&mut taken).unwrap();
        write_log(&writer, b"back\n", &dropped);
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        drop(writer);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with(&format!("({lost} lines were dropped: nobody read them)\nback\n")), "{}", &rest[rest.len() - 80..]);
    }

    #[test]
    fn a_reader_that_is_gone_is_no_error() {
        let ((reader, writer), dropped) = (pipe(), AtomicU64::new(0));
        drop(reader);
        write_log(&writer, b"to nobody\n", &dropped);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }
}
