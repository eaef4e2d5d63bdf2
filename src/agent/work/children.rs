//! A workload process: started, asked, watched and stopped.

mod adopt;
mod contract;
mod last_words;
mod member;
mod process;
mod running;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::net::unix::pipe;
use tokio::process::Command;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;

use config::{CommandLine, Workload};
use last_words::LastWords;
pub(in crate::agent) use process::ProcessIdentity;
use process::WatchedProcess;
use protocol::{ErrorCode, Failure, FollowStatus, Level, ProcessState, ProcessStatus, SyncState, WorkloadProcess};
use running::{GRACE, RunningChild};
use workload::contract::ENV_SOCKET;

use crate::agent::host::disk;
use crate::mover::confine::confine;
use crate::mover::pod::RunningPod;

/// Between two looks for the socket: short against the 50 ms that starting takes.
const LOOK: Duration = Duration::from_millis(5);
/// The kernel ends a killed process within this, or something holds it.
const REAPED: Duration = Duration::from_secs(3);

/// What happened to a process.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::agent) enum ChildEvent {
    /// Its state changed; telemetry should say so at once.
    Changed,
    /// The D2D process is in sync.
    Synced,
    /// The USRP process has had no samples for so long.
    Silent(Duration),
    /// What it does as a standby has changed.
    Standby,
    /// A line for the log.
    Line(Level, String),
}

/// What to start.
#[derive(Debug, Clone)]
pub(in crate::agent) struct Start<'a> {
    /// Program and arguments.
    pub(in crate::agent) command: &'a CommandLine,
    /// What it gets of its agent.
    pub(in crate::agent) workload: &'a Workload,
    /// Environment variables of the contract, the socket's left out.
    pub(in crate::agent) environment: Vec<(&'static str, String)>,
    /// Where it is to run in a pod.
    pub(in crate::agent) pod: Option<RunningPod>,
}

/// One of the two workload processes, whether it runs or not.
#[derive(Debug, Clone)]
pub(in crate::agent) struct Child {
    role: WorkloadProcess,
    socket: PathBuf,
    /// Its contract socket as a pod sees it, where it runs in one.
    inside: Option<PathBuf>,
    shared: Arc<Mutex<ChildState>>,
    events: mpsc::UnboundedSender<ChildEvent>,
    sync: Arc<watch::Sender<Option<SyncState>>>,
    /// Told when the process has answered on its contract socket.
    attached: Arc<Notify>,
}

#[derive(Debug, Default)]
struct ChildState {
    state: ProcessState,
    last_words: Option<String>,
    running: Option<RunningChild>,
}

impl Child {
    /// A process that does not run yet; its contract socket goes into `folder`.
    pub(in crate::agent) fn new(role: WorkloadProcess, folder: &Path, events: mpsc::UnboundedSender<ChildEvent>) -> Self {
        let socket = folder.join(match role {
            WorkloadProcess::D2d => "d2d.sock",
            WorkloadProcess::Usrp => "usrp.sock",
        });
        Self {
            role,
            socket,
            inside: None,
            shared: Arc::default(),
            events,
            sync: Arc::new(watch::Sender::new(None)),
            attached: Arc::default(),
        }
    }

    /// The same in a pod, which sees the folder there.
    pub(in crate::agent) fn in_pod(self, at: &Path) -> Self {
        Self { inside: self.socket.file_name().map(|name| at.join(name)), ..self }
    }

    fn shared(&self) -> MutexGuard<'_, ChildState> {
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, event: ChildEvent) {
        // The receiver lives as long as the work does.
        let _ = self.events.send(event);
    }

    /// As sentences name it.
    pub(in crate::agent) fn name(&self) -> &'static str {
        self.role.name()
    }

    /// Whether the process runs.
    pub(in crate::agent) fn is_running(&self) -> bool {
        self.shared().running.is_some()
    }

    /// Whether it has ended by itself, as the kernel says now.
    pub(in crate::agent) fn has_died(&self) -> bool {
        let shared = self.shared();
        shared.state == ProcessState::Died || shared.running.as_ref().is_some_and(|running| !process::exists(running.pid))
    }

    /// Its process id.
    pub(in crate::agent) fn pid(&self) -> Option<u32> {
        self.shared().running.as_ref().map(|running| running.pid)
    }

    /// Whether it has said that it is linked to the radio.
    pub(in crate::agent) fn is_linked(&self) -> bool {
        self.shared().running.as_ref().is_some_and(|running| running.status.linked == Some(true))
    }

    /// Whether it waits, frozen.
    pub(in crate::agent) fn is_frozen(&self) -> bool {
        self.shared().running.as_ref().is_some_and(|running| running.status.frozen == Some(true))
    }

    /// What the USRP process does as a standby.
    pub(in crate::agent) fn follow_status(&self) -> Option<FollowStatus> {
        self.shared().running.as_ref().and_then(|running| running.status.follows)
    }

    /// Whether it tells a standby how it fares.
    pub(in crate::agent) fn sends_heartbeats(&self) -> bool {
        self.shared().running.as_ref().is_some_and(|running| running.status.sends_heartbeats)
    }

    /// For telemetry; without the load.
    pub(in crate::agent) fn status(&self) -> ProcessStatus {
        let shared = self.shared();
        let running = shared.running.as_ref();
        let status = running.map(|running| running.status.clone()).unwrap_or_default();
        ProcessStatus {
            // The kernel knows of an exit before `supervise` has seen it.
            state: if running.is_some_and(|running| !process::exists(running.pid)) { ProcessState::Died } else { shared.state },
            pid: running.map(|running| running.pid),
            uptime_ms: running.map(|running| millis(running.since.elapsed())),
            unanswered_ms: running.and_then(RunningChild::unanswered).map(millis),
            load: protocol::ProcessLoad::default(),
            sync: status.sync,
            counters: status.counters,
            link: status.link,
            reference_locked: status.reference_locked,
            methods: running.and_then(RunningChild::methods),
            warnings: Vec::new(),
            last_words: shared.last_words.clone(),
        }
    }

    /// The mark of the program that has last opened a UHD session on the radio, as the USRP process reads it; `None` where it does not tell.
    pub(in crate::agent) fn session_mark(&self) -> Option<u32> {
        self.shared().running.as_ref().and_then(|running| running.status.session_mark)
    }

    /// Starts the process and waits until it answers on its contract socket; one that makes no socket only has to live.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when it runs already, [`ErrorCode::Environment`] when the program cannot be run,
    /// [`ErrorCode::Process`] with its last words when it ends at once.
    pub(in crate::agent) async fn start(&self, start: Start<'_>) -> Result<u32, Failure> {
        if let Some(pid) = self.pid() {
            return Err(Failure::new(ErrorCode::State, format!("the {} process already runs (pid {pid})", self.name()))
                .hint("kill it first"));
        }
        let (pid, mut ended) = match &start.pod {
            Some(pod) => self.launch(pod, &start).await?,
            None => self.spawn(&start)?,
        };
        let ready = tokio::select! {
            result = self.ready() => Some(result),
            () = until_ended(&mut ended) => None,
        };
        match ready {
            Some(Ok(())) => {}
            Some(Err(failure)) => {
                self.kill().await?;
                return Err(failure);
            }
            None => {
                let words = self.shared().last_words.clone().unwrap_or_default();
                let message = format!("the {} process ended as soon as it was started: {words}", self.name());
                return Err(Failure::new(ErrorCode::Process, message)
                    .hint("its last words say why; the command is in the configuration's section workload"));
            }
        }
        self.settle();
        Ok(pid)
    }

    /// The process has answered, or does not have to: it is started.
    fn settle(&self) {
        let mut shared = self.shared();
        if let Some(running) = shared.running.as_ref() {
            let linked = running.keepers.is_none() || running.status.linked == Some(true);
            shared.state = if self.role == WorkloadProcess::Usrp && !linked { ProcessState::Made } else { ProcessState::Running };
        }
        drop(shared);
        self.report(ChildEvent::Changed);
    }

    fn pid_file(&self) -> PathBuf {
        self.socket.with_extension("pid")
    }

    fn stderr_file(&self) -> PathBuf {
        self.socket.with_extension("stderr")
    }

    /// Writes the process down, so that this agent finds it again after a restart.
    fn remember(&self, pid: u32) {
        let written = ProcessIdentity::read(pid).ok_or_else(|| "it has ended".to_owned());
        if let Err(text) = written.and_then(|identity| disk::store_until_reboot(&self.pid_file(), &identity)) {
            let text = format!(
                "the {} process (pid {pid}) could not be written down: {text}; an agent that dies will not find it again",
                self.name()
            );
            self.report(ChildEvent::Line(Level::Warning, text));
        }
    }

    /// Removes what would let a restarted agent look for the process.
    fn forget(&self) {
        for file in [self.socket.clone(), self.pid_file(), self.stderr_file()] {
            let _ = std::fs::remove_file(file);
        }
    }

    /// A pipe with a name for the process's standard error. The process holds both ends: it can write on when its agent dies, and the
    /// next agent finds the pipe by its name.
    fn stderr_pipe(&self) -> std::io::Result<(pipe::Receiver, OwnedFd)> {
        let name = self.stderr_file();
        let _ = std::fs::remove_file(&name);
        nix::unistd::mkfifo(&name, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR)?;
        let read = pipe::OpenOptions::new().open_receiver(&name)?;
        let both = std::fs::OpenOptions::new().read(true).write(true).open(&name)?;
        Ok((read, both.into()))
    }

    fn spawn(&self, start: &Start<'_>) -> Result<(u32, watch::Receiver<bool>), Failure> {
        let environment = |message: String| Failure::new(ErrorCode::Environment, message);
        let program = start.command.program();
        // The socket of an earlier process must not be mistaken for this one's.
        let _ = std::fs::remove_file(&self.socket);
        let mut command = Command::new(program);
        confine(&mut command, start.workload);
        command
            .args(start.command.arguments())
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .env(ENV_SOCKET, &self.socket);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let stderr = self.stderr_pipe();
        let stderr = match stderr {
            Ok((read, both)) => {
                command.stderr(both);
                Some(read)
            }
            Err(_) => {
                command.stderr(Stdio::piped());
                None
            }
        };
        // A group of its own: what it starts ends with it, and Ctrl-C at the agent's terminal is the agent's alone.
        command.process_group(0);
        let mut child = command.spawn().map_err(|e| {
            environment(format!("the {} process could not be started: {program}: {e}", self.name()))
                .hint("check the configuration's section workload")
        })?;
        let pid = child.id().ok_or_else(|| environment(format!("the {} process ended at once", self.name())))?;
        // The command keeps its end of the pipe.
        drop(command);
        self.remember(pid);
        let words = match stderr {
            Some(read) => LastWords::read_in_background(Some(read), self.name()),
            None => LastWords::read_in_background(child.stderr.take(), self.name()),
        };
        let process = WatchedProcess::child(child).ok_or_else(|| {
            self.forget();
            environment(format!("the {} process (pid {pid}) cannot be watched: too many open files?", self.name()))
        })?;
        Ok((pid, self.follow(process, pid, words)))
    }

    /// Ends the process: SIGTERM, and SIGKILL 300 ms later, or when it says that it needs longer, then. A process that does not run counts as ended.
    ///
    /// # Errors
    /// [`ErrorCode::Process`] when the kernel does not end it.
    pub(in crate::agent) async fn kill(&self) -> Result<(), Failure> {
        let found = self.shared().running.as_ref().map(|running| (running.pid, running.end.clone(), running.ended.clone()));
        let Some((pid, end, mut ended)) = found else {
            let mut shared = self.shared();
            (shared.state, shared.last_words) = (ProcessState::Stopped, None);
            return Ok(());
        };
        // Full: somebody has already asked for it.
        let _ = end.try_send(());
        match timeout(self.grace() + REAPED, until_ended(&mut ended)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(Failure::new(ErrorCode::Process, format!("the {} process (pid {pid}) does not end", self.name()))
                .hint("it hangs in the kernel; look at /proc/<pid>/stack")),
        }
    }

    /// How long it may take to end by itself.
    fn grace(&self) -> Duration {
        self.shared().running.as_ref().map_or(GRACE, RunningChild::grace)
    }

    /// How long it may take to link, where it says that it needs longer than usual.
    pub(in crate::agent) fn link_within(&self, usual: Duration) -> Duration {
        self.shared().running.as_ref().map_or(usual, |running| running.link_within(usual))
    }

    /// Waits until the process ends by itself or is to be ended.
    async fn supervise(
        self,
        mut process: WatchedProcess,
        pid: u32,
        words: LastWords,
        mut asked_to_end: mpsc::Receiver<()>,
        ending: watch::Sender<bool>,
    ) {
        let asked = tokio::select! {
            () = process.ended() => false,
            _ = asked_to_end.recv() => {
                process.signal_group(Signal::TERM);
                if timeout(self.grace(), process.ended()).await.is_err() {
                    process.signal_group(Signal::KILL);
                    process.ended().await;
                }
                true
            }
        };
        // Whatever it has started and left running, before it is reaped and its number is free.
        process.signal_group(Signal::KILL);
        let status = process.reap().await;
        words.finish().await;
        if self.inside.is_some() {
            words.take_file(&self.stderr_file());
        }
        {
            let mut shared = self.shared();
            shared.running = None;
            (shared.state, shared.last_words) =
                if asked { (ProcessState::Stopped, None) } else { (ProcessState::Died, Some(words.with(status))) };
        }
        self.sync.send_replace(None);
        self.forget();
        if !asked {
            let text = format!("the {} process (pid {pid}) died: {}", self.name(), words.with(status));
            self.report(ChildEvent::Line(Level::Error, text));
        }
        ending.send_replace(true);
        self.report(ChildEvent::Changed);
    }
}

async fn until_ended(ended: &mut watch::Receiver<bool>) {
    // A supervisor that is gone has nothing left to wait for.
    let _ = ended.wait_for(|ended| *ended).await;
}

/// Milliseconds of a duration, as telemetry has them.
pub(in crate::agent) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
