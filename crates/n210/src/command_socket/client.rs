//! A client of the command socket.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use super::{CLIENTS, FAILED, LONGEST};

/// A connection and what has come over it without having been answered.
pub struct CommandClient {
    stream: UnixStream,
    pending: Vec<u8>,
}

impl CommandClient {
    /// Takes a connection; turned away with a sentence if there is no room.
    pub fn new(stream: UnixStream, room: bool) -> Option<Self> {
        stream.set_nonblocking(true).ok()?;
        let mut client = Self { stream, pending: Vec::new() };
        if !room {
            client.reply(&format!("{FAILED}{CLIENTS} others are connected; try again when one of them is done"));
            return None;
        }
        Some(client)
    }

    /// What to poll for input.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Whether a line waits to be answered.
    pub fn has_line(&self) -> bool {
        self.pending.contains(&b'\n')
    }

    /// Reads what there is and answers one line. False when the client is gone or to be cut off.
    pub fn serve(&mut self, answer: &mut impl FnMut(&str) -> String) -> bool {
        if !self.has_line() && !self.read() {
            return false;
        }
        let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') else {
            let room = self.pending.len() < LONGEST;
            if !room {
                self.reply(&too_long());
            }
            return room;
        };
        let line: Vec<u8> = self.pending.drain(..=end).collect();
        let reply = match std::str::from_utf8(&line) {
            Ok(line) => answer(line.trim_end()),
            Err(_) => format!("{FAILED}the line is not text in UTF-8"),
        };
        self.reply(&reply)
    }

    /// False when nothing more will come.
    fn read(&mut self) -> bool {
        let mut bytes = [0; LONGEST];
        let room = LONGEST.saturating_sub(self.pending.len());
        match self.stream.read(&mut bytes[..room]) {
            Ok(0) => false,
            Ok(count) => {
                self.pending.extend_from_slice(&bytes[..count]);
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    /// False when the client does not take it.
    fn reply(&mut self, line: &str) -> bool {
        let line = line.replace('\n', " ") + "\n";
        // A socket's buffer holds many replies: what does not fit is for one who never reads.
        self.stream.write(line.as_bytes()).is_ok_and(|written| written == line.len())
    }
}

fn too_long() -> String {
    format!("{FAILED}a line has at most {LONGEST} bytes")
}
