//! A guest on this host: started or found again, spoken to, listened to, ended.
//!
//! QEMU's sockets in the guest's folder are all that is known of it, so that an agent that was started again finds the guest that runs: who listens on
//! the QMP socket is its QEMU, and the kernel tells its process id.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::timeout;

pub use super::command_line::{Launch, Role};
use super::command_line::{console_in, initramfs_in};
use super::initramfs;
use super::message::{Announce, Execute, QmpEvent, QueryMigrate, QueryStatus, RunState, SocketAddress, StatusInfo};
use super::migration::{self, Migration};
use super::qmp::{self, Qmp};
use guest::Words;
use protocol::{ErrorCode, Failure, GuestCopy, GuestMigrationState, Trying};

/// QEMU makes its sockets within 50 ms; a loaded machine takes longer.
const STARTED_WITHIN: Duration = Duration::from_secs(10);
/// A QEMU that was told to quit ends within some ms.
const QUIT_WITHIN: Duration = Duration::from_secs(1);
/// The kernel ends a killed process within this, or something holds it.
const KILLED_WITHIN: Duration = Duration::from_secs(3);
/// How often the guest's network card tells the switches where it is, after QEMU has done so at the end of the migration.
const ANNOUNCE: Announce = Announce { initial: 20, max: 200, rounds: 5, step: 50 };
/// Lines of QEMU's own that are kept for the case that it ends.
const LAST_WORDS: usize = 3;

/// How the guest is, by its own words on the console, and by the process that runs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestHealth {
    /// Its processors run.
    pub running: bool,
    /// It has said that it is ready; one that has come from another host was ready there.
    pub ready: bool,
    /// Whole passes in which it found its memory as it was written.
    pub passes: u64,
    /// The first damage that it found.
    pub damage: Option<String>,
    /// It could not do what it is for.
    pub failed: Option<String>,
    /// The last that its QEMU said.
    pub last_words: Vec<String>,
    /// Its QEMU has ended.
    pub ended: bool,
}

/// A guest and its QEMU. Copies of it are the same guest.
#[derive(Debug, Clone)]
pub struct Guest {
    qmp: Qmp,
    process: Arc<AsyncFd<OwnedFd>>,
    health: watch::Receiver<GuestHealth>,
    folder: PathBuf,
}

impl Guest {
    /// Starts a guest whose sockets are in `folder`; `confine` may take rights from its process. It goes on when this process ends.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] when it cannot be started, [`ErrorCode::Process`] with QEMU's own words when it ends at once.
    pub async fn start(folder: &Path, launch: &Launch, confine: impl FnOnce(&mut Command)) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder).trying(|| format!("{} could not be made", folder.display()))?;
        clear(folder);
        initramfs::write(&initramfs_in(folder), &launch.program, &launch.software.modules()?).await?;
        let line = launch.command_line(folder);
        let (program, arguments) = line.split_first().ok_or_else(|| Failure::new(ErrorCode::Internal, "QEMU has no program"))?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // A group of its own: Ctrl-C ends an agent, not the guest that serves.
        command.env_clear().process_group(0);
        confine(&mut command);
        let mut child = command.spawn().trying(|| "QEMU could not be started")?;
        let (tell, health) = watch::channel(GuestHealth { ready: launch.role == Role::Incoming, ..GuestHealth::default() });
        let said = child.stderr.take();
        let words = tell.clone();
        let reading = tokio::spawn(async move {
            if let Some(said) = said {
                read_words(said, &words).await
            }
        });
        let socket = qmp::socket_in(folder);
        let started = tokio::select! {
            qmp = Qmp::connect(&socket, STARTED_WITHIN) => qmp,
            _ = child.wait() => {
                // All that it said is there once its end of the pipe is closed.
                let _ = timeout(QUIT_WITHIN, reading).await;
                Err(Failure::new(ErrorCode::Process, format!("QEMU ended as soon as it was started: {}", last_words(&health)))
                    .hint("look whether the interface of [workload.guest] tap is there, and no other program has it"))
            }
        };
        let found = match started {
            Ok(qmp) => Self::over(folder, qmp, tell, health).await,
            Err(failure) => Err(failure),
        };
        if found.is_err() {
            let _ = child.start_kill();
        }
        // QEMU has read it before it answers its first command, and does not start the guest again.
        let _ = std::fs::remove_file(initramfs_in(folder));
        // Whoever waits for a child takes its number from the kernel, which is the end that the pidfd tells.
        tokio::spawn(async move { child.wait().await });
        found
    }

    /// The guest that runs with its sockets in `folder`, if one does.
    pub async fn find(folder: &Path) -> Option<Self> {
        let socket = qmp::socket_in(folder);
        let (tell, health) = watch::channel(GuestHealth::default());
        let qmp = Qmp::connect_now(&socket).await?;
        let found = Self::over(folder, qmp, tell.clone(), health).await.ok()?;
        // It was ready before this process was.
        tell.send_modify(|health| health.ready = true);
        Some(found)
    }

    async fn over(
        folder: &Path,
        qmp: Qmp,
        tell: watch::Sender<GuestHealth>,
        health: watch::Receiver<GuestHealth>,
    ) -> Result<Self, Failure> {
        let process = Arc::new(watch_process(qmp.pid())?);
        if let Ok(console) = UnixStream::connect(console_in(folder)).await {
            let words = tell.clone();
            tokio::spawn(async move { listen(console, &words).await });
        }
        tokio::spawn(follow_running(qmp.clone(), qmp.events(), tell.clone()));
        let watched = Arc::clone(&process);
        tokio::spawn(async move {
            // Readable once the process has ended.
            let _ = watched.readable().await;
            tell.send_modify(|health| health.ended = true);
        });
        Ok(Self { qmp, process, health, folder: folder.to_owned() })
    }

    /// Process id of its QEMU.
    pub fn pid(&self) -> u32 {
        self.qmp.pid().as_raw_nonzero().get().unsigned_abs()
    }

    /// How it is; also tells of changes.
    pub fn health(&self) -> watch::Receiver<GuestHealth> {
        self.health.clone()
    }

    /// Waits until the guest says that it is ready.
    ///
    /// # Errors
    /// [`ErrorCode::Process`] when it ends before or says that it cannot, [`ErrorCode::Deadline`] when it takes longer.
    pub async fn until_ready(&self, within: Duration) -> Result<(), Failure> {
        let mut health = self.health();
        let settled = health.wait_for(|health| health.ready || health.ended || health.failed.is_some());
        let settled = timeout(within, settled).await.map(|settled| settled.map(|health| health.clone()));
        match settled {
            Ok(Ok(GuestHealth { failed: Some(why), .. })) => {
                Err(Failure::new(ErrorCode::Process, format!("the guest cannot do its work: {why}")))
            }
            Ok(Ok(GuestHealth { ended: true, .. }) | Err(_)) => Err(Failure::new(
                ErrorCode::Process,
                format!("the guest's QEMU ended before it was ready: {}", last_words(&self.health)),
            )),
            Ok(Ok(_)) => Ok(()),
            Err(_) => {
                let text = format!("the guest did not say READY within {} s", within.as_secs_f64());
                Err(Failure::new(ErrorCode::Deadline, text).hint("its kernel does not boot here, or the machine is overloaded"))
            }
        }
    }

    /// Whether its processors run.
    ///
    /// # Errors
    /// As [`Qmp::ask`].
    pub async fn status(&self) -> Result<StatusInfo, Failure> {
        self.qmp.ask(QueryStatus).await
    }

    /// Waits there for a migration: where its source is to send it. `host` is an address of this host that the source reaches.
    ///
    /// # Errors
    /// As [`Qmp::ask`].
    pub async fn await_incoming(&self, host: Ipv4Addr, copy: GuestCopy) -> Result<SocketAddrV4, Failure> {
        migration::prepare(&self.qmp, copy).await?;
        let uri = format!("tcp:{host}:0");
        self.qmp.ask(Execute::MigrateIncoming { uri, exit_on_error: true }).await?;
        let info = self.qmp.ask(QueryMigrate).await?;
        let port = info.socket_address.iter().find_map(|address| match address {
            SocketAddress::Inet { port, .. } => port.parse().ok(),
            SocketAddress::Other => None,
        });
        port.map(|port| SocketAddrV4::new(host, port))
            .ok_or_else(|| Failure::new(ErrorCode::Workload, "QEMU does not tell on which port it waits for the guest"))
    }

    /// Begins to move it to where another QEMU waits for it.
    ///
    /// # Errors
    /// As [`Qmp::ask`].
    pub async fn migrate(&self, to: SocketAddrV4, copy: GuestCopy, settings: &config::Guest) -> Result<Migration, Failure> {
        Migration::begin(self.qmp.clone(), to, copy, settings).await
    }

    /// Waits until it runs; one that has come from another host does so by itself.
    ///
    /// # Errors
    /// [`ErrorCode::Deadline`] when it does not, [`ErrorCode::Process`] when its QEMU ends.
    pub async fn until_running(&self, within: Duration) -> Result<(), Failure> {
        let mut health = self.health();
        let settled = timeout(within, health.wait_for(|health| health.running || health.ended)).await;
        match settled.map(|settled| settled.map(|health| health.running)) {
            Ok(Ok(true)) => Ok(()),
            Ok(_) => {
                let text = format!("QEMU ended before the guest ran: {}", last_words(&self.health));
                Err(Failure::new(ErrorCode::Process, text))
            }
            Err(_) => Err(Failure::new(ErrorCode::Deadline, format!("the guest did not run within {} s", within.as_secs_f64()))),
        }
    }

    /// Gives up a migration that this process does not follow, as one that was begun before a restart.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when parts of the guest's memory are at the destination; as [`Qmp::ask`].
    pub async fn give_up_unfollowed(&self) -> Result<(), Failure> {
        let info = self.qmp.ask(QueryMigrate).await?;
        if info.ram.is_some_and(|ram| ram.postcopy_bytes > 0) {
            return Err(migration::not_whole());
        }
        match info.status {
            Some(state) if state != GuestMigrationState::None && !state.is_over() => {
                self.qmp.ask(Execute::MigrateCancel).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Lets its network card tell the switches where it is.
    ///
    /// # Errors
    /// As [`Qmp::ask`].
    pub async fn announce(&self) -> Result<(), Failure> {
        self.qmp.ask(Execute::AnnounceSelf(ANNOUNCE)).await.map(drop)
    }

    /// Lets it go on here after a migration that came to nothing. Whoever asks knows that it does not run elsewhere.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when it waits for the state of another host's; as [`Qmp::ask`].
    pub async fn go_on(&self) -> Result<(), Failure> {
        let StatusInfo { running, status } = self.status().await?;
        match status {
            _ if running => return Ok(()),
            RunState::Inmigrate => {
                return Err(Failure::new(ErrorCode::State, "the guest here has no state yet, and cannot go on")
                    .hint("recover starts it anew"));
            }
            _ => {}
        }
        self.qmp.ask(Execute::Cont).await?;
        self.announce().await
    }

    /// Ends it: asks QEMU first, then kills it.
    ///
    /// # Errors
    /// [`ErrorCode::Process`] when it is still there afterwards.
    pub async fn end(&self) -> Result<(), Failure> {
        // One that does not answer is killed.
        let _ = timeout(QUIT_WITHIN, self.qmp.ask(Execute::Quit)).await;
        if timeout(QUIT_WITHIN, self.process.readable()).await.is_err() {
            let _ = pidfd_send_signal(self.process.get_ref(), Signal::KILL);
            if timeout(KILLED_WITHIN, self.process.readable()).await.is_err() {
                let text = format!("the guest's QEMU (pid {}) could not be ended within {} s", self.pid(), KILLED_WITHIN.as_secs());
                return Err(Failure::new(ErrorCode::Process, text).hint("look for what holds it: `ps` shows it in state D"));
            }
        }
        clear(&self.folder);
        Ok(())
    }
}

/// Keeps whether the guest's processors run, until QEMU ends.
async fn follow_running(qmp: Qmp, mut events: broadcast::Receiver<QmpEvent>, tell: watch::Sender<GuestHealth>) {
    loop {
        // The state in QEMU's words: an event may have been missed.
        let Ok(StatusInfo { running, .. }) = qmp.ask(QueryStatus).await else { return };
        tell.send_if_modified(|health| std::mem::replace(&mut health.running, running) != running);
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                () = qmp.closed() => return,
            };
            match event {
                Ok(QmpEvent::Migration(_)) => {}
                Ok(QmpEvent::Stop | QmpEvent::Resume) | Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return,
            }
        }
    }
}

/// Removes what a guest leaves in its folder.
fn clear(folder: &Path) {
    for file in [qmp::socket_in(folder), console_in(folder), initramfs_in(folder)] {
        // What is not there need not go.
        let _ = std::fs::remove_file(file);
    }
}

fn last_words(health: &watch::Receiver<GuestHealth>) -> String {
    let health = health.borrow();
    if health.last_words.is_empty() { "it left no words".into() } else { health.last_words.join(" / ") }
}

/// A handle of a process that never means a later one.
#[expect(unsafe_code, reason = "tokio asks for a promise that the descriptor stays the same file")]
fn watch_process(pid: Pid) -> Result<AsyncFd<OwnedFd>, Failure> {
    let pidfd = pidfd_open(pid, PidfdFlags::NONBLOCK).trying(|| "the process of QEMU cannot be watched")?;
    // SAFETY: an OwnedFd is the same descriptor for as long as it lives, and nobody else closes it.
    unsafe { AsyncFd::register(pidfd) }.trying(|| "the process of QEMU cannot be watched")
}

/// Reads the guest's own words until the console is closed.
async fn listen(console: impl AsyncRead + Unpin, tell: &watch::Sender<GuestHealth>) {
    let mut lines = BufReader::new(console).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match Words::read(&line) {
            Some(Words::Ready) => tell.send_modify(|health| health.ready = true),
            Some(Words::Checked { passes }) => tell.send_modify(|health| health.passes = passes),
            Some(Words::Damaged(what)) => tell.send_modify(|health| health.damage = health.damage.take().or(Some(what))),
            Some(Words::Failed(why)) => tell.send_modify(|health| health.failed = Some(why)),
            None => {}
        }
    }
}

/// Keeps the last lines that QEMU says.
async fn read_words(said: impl AsyncRead + Unpin, tell: &watch::Sender<GuestHealth>) {
    let mut lines = BufReader::new(said).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::debug!("QEMU: {line}");
        tell.send_modify(|health| {
            health.last_words.push(line);
            if health.last_words.len() > LAST_WORDS {
                health.last_words.remove(0);
            }
        });
    }
}
