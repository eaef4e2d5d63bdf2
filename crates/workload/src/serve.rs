//! The process's end of the contract: answers questions and reports events on its Unix socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::contract::{Ask, AskLine, Happened, Line};
use super::realtime::{Rank, real_time};

/// A keeper that does not read for this long is dropped rather than waited for: the process's own work comes first.
const WRITE_TIMEOUT: Duration = Duration::from_millis(100);

/// Reports events to whoever is connected.
#[derive(Debug, Clone, Default)]
pub struct Reporter {
    keepers: Arc<Mutex<Vec<UnixStream>>>,
}

impl Reporter {
    /// Sends an event to every connected keeper; those that are gone or do not read are dropped.
    pub fn report(&self, happened: Happened) {
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        keepers.retain_mut(|stream| send(stream, &Line::Happened(happened.clone())).is_ok());
    }
}

fn send(stream: &mut UnixStream, line: &Line) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    stream.write_all(&bytes)
}

/// Listens on `path` (a stale socket is replaced) and answers every question with `answer`, in a thread of its own per keeper.
///
/// # Errors
/// The socket could not be bound.
pub fn serve(path: &Path, answer: impl Fn(Ask) -> Result<Value, String> + Send + Sync + 'static) -> io::Result<Reporter> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    let reporter = Reporter::default();
    let keepers = Arc::clone(&reporter.keepers);
    let answer = Arc::new(answer);
    thread::Builder::new().name("contract".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            let keepers = Arc::clone(&keepers);
            // A thread that cannot be had costs this keeper its connection, not the process its work.
            let _ = thread::Builder::new().name("keeper".into()).spawn(move || converse(stream, &keepers, &*answer));
        }
    })?;
    Ok(reporter)
}

fn converse(mut stream: UnixStream, keepers: &Mutex<Vec<UnixStream>>, answer: &dyn Fn(Ask) -> Result<Value, String>) {
    let Ok(reader) = stream.try_clone() else { return };
    // A question within a cut must not wait for whatever else keeps the cores busy. Without the right it does.
    let _ = real_time(Rank::Modem);
    let _ = stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let clone = stream.try_clone().ok();
    // The number of the clone, which is its own for as long as it is in the list.
    let number = clone.as_ref().map(AsRawFd::as_raw_fd);
    keepers.lock().unwrap_or_else(PoisonError::into_inner).extend(clone);
    answer_all(&mut stream, reader, keepers, answer);
    // Nothing of a keeper that is gone is left: a process with half a connection to somebody outside cannot be dumped.
    keepers.lock().unwrap_or_else(PoisonError::into_inner).retain(|keeper| Some(keeper.as_raw_fd()) != number);
}

fn answer_all(
    stream: &mut UnixStream,
    reader: UnixStream,
    keepers: &Mutex<Vec<UnixStream>>,
    answer: &dyn Fn(Ask) -> Result<Value, String>,
) {
    for line in BufReader::new(reader).lines() {
        let Ok(line) = line else { break };
        let reply = reply_to(&line, answer);
        // Under the keepers' lock, so that an answer and an event cannot interleave within a line.
        let _whole_lines = keepers.lock().unwrap_or_else(PoisonError::into_inner);
        if send(stream, &reply).is_err() {
            break;
        }
    }
}

fn reply_to(line: &str, answer: &dyn Fn(Ask) -> Result<Value, String>) -> Line {
    let id_of = |line: &str| serde_json::from_str::<Value>(line).ok().and_then(|v| v.get("id")?.as_u64()).unwrap_or(0);
    match serde_json::from_str::<AskLine>(line) {
        Err(e) => Line::Refusal { id: id_of(line), error: format!("the question cannot be read: {e}") },
        Ok(AskLine { id, ask }) => match answer(ask) {
            Ok(ok) => Line::Answer { id, ok },
            Err(error) => Line::Refusal { id, error },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(stream: &mut UnixStream, line: &str) -> String {
        stream.write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream.try_clone().unwrap()).read_line(&mut answer).unwrap();
        answer
    }

    #[test]
    fn questions_are_answered_and_nonsense_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d2d.sock");
        let reporter = serve(&path, |ask| match ask {
            Ask::GetRoutes => Ok(serde_json::json!([])),
            _ => Err("not a USRP".into()),
        })
        .unwrap();
        let mut stream = UnixStream::connect(&path).unwrap();
        assert_eq!(ask(&mut stream, "{\"id\":7,\"ask\":\"get_routes\"}\n"), "{\"id\":7,\"ok\":[]}\n");
        assert_eq!(ask(&mut stream, "{\"id\":8,\"ask\":\"link\"}\n"), "{\"id\":8,\"error\":\"not a USRP\"}\n");
        assert!(ask(&mut stream, "{\"id\":9,\"ask\":\"dance\"}\n").contains("cannot be read"));
        assert!(ask(&mut stream, "nonsense\n").contains("\"id\":0"));
        // A keeper that leaves finds its connection closed at the other end, with nothing reported since.
        let mut leaving = UnixStream::connect(&path).unwrap();
        ask(&mut leaving, "{\"id\":1,\"ask\":\"get_routes\"}\n");
        leaving.shutdown(std::net::Shutdown::Write).unwrap();
        leaving.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert_eq!(std::io::Read::read(&mut leaving, &mut [0]).unwrap(), 0);
        reporter.report(Happened::Note { text: "up".into() });
        let mut event = String::new();
        BufReader::new(stream).read_line(&mut event).unwrap();
        assert_eq!(event, "{\"event\":\"note\",\"text\":\"up\"}\n");
    }
}
