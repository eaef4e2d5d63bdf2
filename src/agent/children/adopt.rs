//! Taking up processes that have outlived the agent which started them.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::last_words::LastWords;
use super::life::{Identity, Life};
use super::{Child, News, Running};
use crate::agent::host::disk;
use protocol::{Level, ProcessState};
use workload::contract::Status;

const AWAY: &str = "it ended while its agent was away: its exit status and last words are not known";

impl Child {
    /// Takes up the process that an earlier life of this agent has left running, or says that it has ended since.
    pub async fn adopt(&self) {
        let identity = match disk::load::<Identity>(&self.pid_file()) {
            Ok(Some(identity)) => identity,
            Ok(None) => return,
            Err(text) => {
                let text = format!("whether a {} process runs is not known: {text}", self.name());
                return self.tell(News::Line(Level::Warning, text));
            }
        };
        match identity.open() {
            Some(life) => self.take_up(identity, life).await,
            None => self.mourn(identity),
        }
    }

    async fn take_up(&self, identity: Identity, life: Life) {
        let pid = identity.pid;
        // Without its last words when there is no such pipe: it was started when none could be made.
        let words = LastWords::hear(pipe::OpenOptions::new().open_receiver(self.stderr_file()).ok(), self.name());
        let (end, asked_to_end) = mpsc::channel(1);
        let (ending, ended) = watch::channel(false);
        {
            let mut shared = self.shared();
            shared.state = ProcessState::Starting;
            let since = Instant::now().checked_sub(identity.uptime()).unwrap_or_else(Instant::now);
            shared.running = Some(Running { pid, since, keepers: None, status: Status::default(), events: 0, end, ended });
        }
        tokio::spawn(self.clone().supervise(life, pid, words, asked_to_end, ending));
        self.tell(News::Line(Level::Info, format!("the {} process (pid {pid}) runs and was taken up again", self.name())));
        if let Err(failure) = self.ready().await {
            // It is there all the same, can be killed, and may answer later.
            self.tell(News::Line(Level::Warning, failure.to_string()));
            let child = self.clone();
            tokio::spawn(async move { child.attach_late(Some(pid)).await });
        }
        self.settle();
    }

    fn mourn(&self, identity: Identity) {
        let pid = identity.pid;
        // What it started itself and left behind; its number is the group's as long as one of them lives.
        if identity.is_free()
            && let Ok(group) = i32::try_from(pid)
        {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        {
            let mut shared = self.shared();
            (shared.state, shared.last_words) = (ProcessState::Died, Some(AWAY.to_owned()));
        }
        self.forget();
        self.tell(News::Line(Level::Error, format!("the {} process (pid {pid}) died: {AWAY}", self.name())));
    }
}
