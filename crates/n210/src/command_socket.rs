//! A Unix socket that takes events while the radios run: a line in, a line out. It never waits for a client.
//!
//! The radios' loop owns it: it polls the descriptors with those of the wires and serves what is there. A client that does not read its
//! replies, or writes too much, is cut off.

mod client;
mod endpoint;
pub mod tell;

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::scene;
use super::world::World;
use client::CommandClient;
use endpoint::SocketFile;
use protocol::Failure;
use protocol::Trying;
use workload::signals::is_ignored;

/// Longest line, bytes.
const LONGEST: usize = 4096;

/// Most clients at a time.
const CLIENTS: usize = 8;

/// How a reply begins that says what was done.
const DONE: &str = "ok: ";
/// How a reply begins that says what was wrong with the line.
const WRONG: &str = "error: wrong event: ";
/// How a reply begins that says what could not be done.
const FAILED: &str = "error: ";
/// The line that asks what the radios do.
const STATUS: &str = "status";

/// The socket and who is connected. Signals that ask the process to end come here too, so that the socket can be removed first.
pub struct CommandSocket {
    listener: UnixListener,
    endpoint: SocketFile,
    clients: Vec<CommandClient>,
    signals: SignalFd,
}

impl CommandSocket {
    /// Makes the socket, for this user only. One that a dead process left behind is replaced.
    ///
    /// # Errors
    /// Another process listens there, something else is there, or the socket cannot be made.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let (listener, endpoint) = SocketFile::open(path)?;
        let asked = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
        let mask: SigSet = asked.into_iter().filter(|signal| !is_ignored(*signal)).collect();
        mask.thread_block().trying(|| "signals could not be blocked")?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .trying(|| "signals could not be waited for")?;
        Ok(Self { listener, endpoint, clients: Vec::with_capacity(CLIENTS), signals })
    }

    /// What to poll for input.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [self.listener.as_fd(), self.signals.as_fd()].into_iter().chain(self.clients.iter().map(CommandClient::descriptor))
    }

    /// Whether lines that have been read wait for their turn.
    pub fn has_lines(&self) -> bool {
        self.clients.iter().any(CommandClient::has_line)
    }

    /// Takes what has come, a line of each client at most, and replies. True if the process was asked to end.
    pub fn serve(&mut self, mut answer: impl FnMut(&str) -> String) -> bool {
        self.clients.retain_mut(|client| client.serve(&mut answer));
        while let Ok((stream, _)) = self.listener.accept() {
            if let Some(client) = CommandClient::new(stream, self.clients.len() < CLIENTS) {
                self.clients.push(client);
            }
        }
        let asked = matches!(self.signals.read_signal(), Ok(Some(_)));
        if asked {
            self.endpoint.remove();
        }
        asked
    }
}

/// The reply to a line.
pub fn answer(line: &str, world: &mut World) -> String {
    if line.trim() == STATUS {
        return world.report().to_string();
    }
    match scene::event(line, &world.names()) {
        Err(failure) => format!("{WRONG}{failure}"),
        Ok(action) => match world.apply(&action) {
            Ok(done) => {
                tracing::info!("told: {done}");
                format!("{DONE}{done}")
            }
            Err(why) => format!("{FAILED}{why}"),
        },
    }
}

#[cfg(test)]
mod tests;
