//! A connection to a QEMU: commands one after the other, events as they come.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use nix::sys::socket::{getsockopt, sockopt};
use rustix::process::Pid;
use tokio::net::UnixStream;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::codec::{Framed, LinesCodec};

use super::message::{Ask, Execute, Line, QmpEvent, read_return};
use protocol::{ErrorCode, Failure, Trying};

/// A QEMU that takes longer hangs: the longest that its own lock is held for a migration is the downtime.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Between two attempts to connect to a QEMU that has just been started.
const LOOK: Duration = Duration::from_millis(5);
/// The longest line that is read, bytes: `query-migrate` answers with about 1000.
const LONGEST_LINE: usize = 1 << 20;
/// Events kept for a reader that is slow.
const EVENTS: usize = 64;

type Stream = Framed<UnixStream, LinesCodec>;

/// A connection to a QEMU. Copies of it speak through the same connection.
#[derive(Debug, Clone)]
pub struct Qmp {
    jobs: mpsc::Sender<Job>,
    events: broadcast::Sender<QmpEvent>,
    pid: Pid,
}

/// A command on its way, and where its answer, a line, is waited for.
struct Job {
    command: String,
    answer: oneshot::Sender<Result<String, Failure>>,
}

impl Qmp {
    /// Connects to the socket of a QEMU that may still be starting.
    ///
    /// # Errors
    /// [`ErrorCode::Process`] when nobody listens there within that time, or what listens is no QEMU.
    pub async fn connect(socket: &Path, within: Duration) -> Result<Self, Failure> {
        let connecting = async {
            loop {
                match UnixStream::connect(socket).await {
                    Ok(stream) => return stream,
                    // It has not made its socket yet.
                    Err(_) => tokio::time::sleep(LOOK).await,
                }
            }
        };
        let stream = timeout(within, connecting).await.map_err(|_| {
            Failure::new(ErrorCode::Process, format!("no QEMU listens on {} within {} s", socket.display(), within.as_secs_f64()))
        })?;
        Self::over(stream, socket).await
    }

    /// Connects to the socket of a QEMU that runs; `None` where none does.
    pub async fn connect_now(socket: &Path) -> Option<Self> {
        Self::over(UnixStream::connect(socket).await.ok()?, socket).await.ok()
    }

    async fn over(stream: UnixStream, socket: &Path) -> Result<Self, Failure> {
        let peer = getsockopt(&stream, sockopt::PeerCredentials).trying(|| "the kernel does not tell which process QEMU is")?;
        let pid = Pid::from_raw(peer.pid()).ok_or_else(ended)?;
        let mut stream = Framed::new(stream, LinesCodec::new_with_max_length(LONGEST_LINE));
        let (events, _) = broadcast::channel(EVENTS);
        match timeout(ANSWER_WITHIN, next_line(&mut stream, &events)).await {
            Ok(Ok((Line::Greeting, _))) => {}
            Ok(Ok(_)) => return Err(Failure::new(ErrorCode::Process, format!("what listens on {} is no QEMU", socket.display()))),
            Ok(Err(failure)) => return Err(failure),
            Err(_) => return Err(silent("the greeting")),
        }
        let (jobs, orders) = mpsc::channel(1);
        tokio::spawn(serve(stream, orders, events.clone()));
        let qmp = Self { jobs, events, pid };
        qmp.ask(Execute::QmpCapabilities).await?;
        Ok(qmp)
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// [`ErrorCode::Workload`] with QEMU's own sentence when it refuses, [`ErrorCode::Deadline`] when it does not answer,
    /// [`ErrorCode::Process`] when it has ended.
    pub async fn ask<A: Ask>(&self, command: A) -> Result<A::Answer, Failure> {
        let command = command.execute();
        let unreadable = |what: &str, e: serde_json::Error| Failure::new(ErrorCode::Internal, format!("{what} of QEMU: {e}"));
        let text = serde_json::to_string(&command).map_err(|e| unreadable("a command", e))?;
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job { command: text.clone(), answer }).await.map_err(|_| ended())?;
        let line = match timeout(ANSWER_WITHIN, answered).await {
            Ok(Ok(line)) => line?,
            Ok(Err(_)) => return Err(ended()),
            Err(_) => return Err(silent(&text)),
        };
        read_return(&line).map_err(|e| unreadable("an answer", e))
    }

    /// The process that listens on the socket.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// What QEMU tells from now on.
    pub fn events(&self) -> broadcast::Receiver<QmpEvent> {
        self.events.subscribe()
    }

    /// Waits until the connection is closed: QEMU has ended.
    pub async fn closed(&self) {
        self.jobs.closed().await;
    }
}

fn ended() -> Failure {
    Failure::new(ErrorCode::Process, "QEMU has ended")
}

fn silent(what: &str) -> Failure {
    let text = format!("QEMU did not answer {what} within {} s", ANSWER_WITHIN.as_secs());
    Failure::new(ErrorCode::Deadline, text).hint("its machine is overloaded, or QEMU hangs: KL or KR ends it")
}

/// Reads up to the next line that is no event; events go to those who listen.
async fn next_line(stream: &mut Stream, events: &broadcast::Sender<QmpEvent>) -> Result<(Line, String), Failure> {
    loop {
        let text = match stream.next().await {
            Some(Ok(text)) => {
                tracing::trace!("QMP says {text}");
                text
            }
            Some(Err(e)) => return Err(Failure::new(ErrorCode::Process, format!("the connection to QEMU broke: {e}"))),
            None => return Err(ended()),
        };
        match Line::read(&text) {
            // Nobody need listen.
            Ok(Line::Event(event)) => drop(event.map(|event| events.send(event))),
            Ok(line) => return Ok((line, text)),
            Err(e) => return Err(Failure::new(ErrorCode::Internal, format!("QEMU said what is no QMP ({e}): {text}"))),
        }
    }
}

/// Carries commands out until the last handle or QEMU is gone.
async fn serve(mut stream: Stream, mut jobs: mpsc::Receiver<Job>, events: broadcast::Sender<QmpEvent>) {
    loop {
        let job = tokio::select! {
            job = jobs.recv() => job,
            // An answer to nobody belongs to no command; a failure is the end of the connection.
            unasked = next_line(&mut stream, &events) => match unasked {
                Ok(_) => continue,
                Err(_) => return,
            },
        };
        let Some(Job { command, answer }) = job else { return };
        tracing::trace!("QMP is asked {command}");
        if stream.send(command).await.is_err() {
            return;
        }
        let result = match next_line(&mut stream, &events).await {
            Ok((Line::Error(error), _)) => Err(Failure::new(ErrorCode::Workload, format!("QEMU refuses: {}", error.desc))),
            Ok((_, line)) => Ok(line),
            Err(failure) => {
                let _ = answer.send(Err(failure));
                return;
            }
        };
        // Whoever asked may have given up.
        let _ = answer.send(result);
    }
}

/// Path of the QMP socket in the folder of a guest.
pub fn socket_in(folder: &Path) -> PathBuf {
    folder.join("qmp.sock")
}
