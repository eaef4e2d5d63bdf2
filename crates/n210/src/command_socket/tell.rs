//! `baton n210 tell`: one event to radios that run.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::{FAILED, LONGEST, WRONG};
use protocol::{ErrorCode, Failure};

/// How long the radios may take to reply: they do so within a turn, unless the machine does not let them run.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends an event, or `status`, and prints the reply.
///
/// # Errors
/// [`ErrorCode::BadRequest`] when the event is wrong, [`ErrorCode::State`] when the radios could not do it,
/// [`ErrorCode::Unreachable`] when nobody listens, [`ErrorCode::Deadline`] when nobody replies.
pub fn tell(socket: &Path, event: &str) -> Result<(), Failure> {
    let line = event.trim();
    if line.contains('\n') || line.len() >= LONGEST {
        return Err(Failure::new(ErrorCode::BadRequest, format!("an event is one line of less than {LONGEST} bytes")));
    }
    let reply = ask(socket, line)?;
    if let Some(why) = reply.strip_prefix(WRONG) {
        return Err(Failure::new(ErrorCode::BadRequest, why));
    }
    if let Some(why) = reply.strip_prefix(FAILED) {
        return Err(Failure::new(ErrorCode::State, why));
    }
    output::write_stdout(format!("{}\n", output::one_line(&reply)).as_bytes())
        .map_err(|error| Failure::new(ErrorCode::Io, format!("the reply could not be printed: {error}")))
}

fn ask(socket: &Path, line: &str) -> Result<String, Failure> {
    let place = socket.display();
    let unreachable = |error: std::io::Error| {
        Failure::new(ErrorCode::Unreachable, format!("no radios listen at {place}: {error}"))
            .hint("start them with `baton n210 --control SOCKET`; in a lab the socket is /run/baton/n210.sock: `baton --in LAB n210 tell ...`")
    };
    let mut stream = UnixStream::connect(socket).map_err(unreachable)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(unreachable)?;
    let mut reply = String::new();
    let done = stream.write_all(format!("{line}\n").as_bytes()).and_then(|()| BufReader::new(stream).read_line(&mut reply));
    match done {
        Ok(_) if reply.ends_with('\n') => Ok(reply.trim_end().to_owned()),
        Ok(_) => Err(Failure::new(ErrorCode::Process, format!("the radios at {place} ended before they replied"))),
        Err(error) => Err(Failure::new(ErrorCode::Deadline, format!("the radios at {place} do not reply: {error}"))),
    }
}
