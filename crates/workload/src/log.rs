//! Lines for whoever reads a program's standard error.

use std::io::{self, IsTerminal, Write};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// A pipe that polls as writable takes this many bytes at once without blocking (`PIPE_BUF`).
const AT_ONCE: usize = 4096;

/// Writes the log to standard error from now on: what the environment variable `variable` asks for, e.g. `debug` or `info,baton::link=trace`, else
/// what is at least as grave as `default`. A process that logs already goes on as it does.
///
/// The log never fails a program and never stops it: lines that nobody takes are dropped.
pub fn to_stderr(variable: &str, default: LevelFilter) {
    let asked = std::env::var(variable).ok().and_then(|text| text.parse().ok());
    let targets: Targets = asked.unwrap_or_else(|| Targets::new().with_default(default));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| BestEffort)
        .with_ansi(io::stderr().is_terminal())
        // They would be printed to standard error, and that panics when nobody reads it.
        .log_internal_errors(false);
    // Fails only when a log is set up already.
    let _ = tracing_subscriber::registry().with(lines).with(targets).try_init();
}

/// One line of a program without a log, to standard error; dropped when nobody takes it.
pub fn say(line: std::fmt::Arguments<'_>) {
    let _ = BestEffort.write(format!("{line}\n").as_bytes());
}

/// Standard error, as far as somebody takes it now.
struct BestEffort;

impl Write for BestEffort {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        for part in line.chunks(AT_ONCE) {
            if !is_writable(&stderr) || stderr.write_all(part).is_err() {
                break;
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_writable(stderr: &impl std::os::fd::AsFd) -> bool {
    let mut wanted = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    let ready = poll(&mut wanted, PollTimeout::ZERO).unwrap_or(0);
    ready > 0 && wanted[0].revents().is_some_and(|events| events.contains(PollFlags::POLLOUT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_writable_until_it_is_full_or_nobody_reads_it() {
        let (reader, mut writer) = io::pipe().unwrap();
        assert!(is_writable(&writer));
        while is_writable(&writer) {
            writer.write_all(&[b'.'; AT_ONCE]).unwrap();
        }
        drop(reader);
        assert!(!is_writable(&writer) || writer.write_all(b".").is_err());
    }
}
