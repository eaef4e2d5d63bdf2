//! Takes up a process that has outlived the agent which started it.

use tokio::net::unix::pipe;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::last_words::LastWords;
use super::process::{self, Found, ProcessIdentity, WatchedProcess};
use super::{Child, ChildEvent, RunningChild};
use crate::agent::host::disk;
use protocol::{Level, ProcessState};

const ENDED_MEANWHILE: &str = "it ended while its agent was away: its exit status and last words are not known";

impl Child {
    /// A process was started: it is watched from now on.
    pub(super) fn follow(&self, process: WatchedProcess, pid: u32, words: LastWords) -> watch::Receiver<bool> {
        let (end, asked_to_end) = mpsc::channel(1);
        let (ending, ended) = watch::channel(false);
        {
            let mut shared = self.shared();
            shared.state = ProcessState::Starting;
            shared.last_words = None;
            shared.running = Some(RunningChild::new(pid, Instant::now(), end, ended.clone()));
        }
        self.sync.send_replace(None);
        self.report(ChildEvent::Changed);
        tokio::spawn(self.clone().supervise(process, pid, words, asked_to_end, ending));
        ended
    }

    /// Takes up the process that was left running when this agent last ended, or reports that it has ended since.
    pub(in crate::agent) async fn adopt(&self) {
        let noted = disk::load::<ProcessIdentity>(&self.pid_file()).unwrap_or_else(|text| {
            let text = format!("which {} process ran is not written down: {text}", self.name());
            self.report(ChildEvent::Line(Level::Warning, text));
            None
        });
        // An agent that was killed in the middle of a start has written nothing down, or an earlier process.
        let mut running = process::started_with(&self.socket);
        running.sort_by_key(|identity| Some(*identity) != noted);
        let Some((identity, rest)) = running.split_first() else {
            return noted.map_or((), |identity| self.report_ended(identity));
        };
        for surplus in rest {
            let text =
                format!("a second {} process (pid {}) was left over by an earlier agent, and is ended", self.name(), surplus.pid);
            surplus.kill_left_over(&self.socket);
            self.report(ChildEvent::Line(Level::Warning, text));
        }
        match identity.find(&self.socket) {
            Found::Ours(process) => {
                self.remember(identity.pid);
                self.adopt_running(*identity, process).await;
            }
            Found::Gone | Found::Foreign => self.report_ended(*identity),
        }
    }

    /// The process of the file does not run, or is not ours.
    fn report_ended(&self, identity: ProcessIdentity) {
        match identity.find(&self.socket) {
            // It has appeared since it was looked for, which only one in the middle of execve(2) can.
            Found::Ours(_) => identity.kill_left_over(&self.socket),
            Found::Gone => self.report_lost(identity),
            Found::Foreign => {
                let (name, pid, file) = (self.name(), identity.pid, self.pid_file());
                let text = format!(
                    "{} names the process {pid} as the {name} process, but no agent of this host has started it: it is left alone",
                    file.display()
                );
                self.forget();
                self.report(ChildEvent::Line(Level::Error, text));
            }
        }
    }

    pub(super) async fn adopt_running(&self, identity: ProcessIdentity, process: WatchedProcess) {
        let pid = identity.pid;
        // There is no pipe when none could be made at its start: it then has no last words.
        let words = LastWords::read_in_background(pipe::OpenOptions::new().open_receiver(self.stderr_file()).ok(), self.name());
        let (end, asked_to_end) = mpsc::channel(1);
        let (ending, ended) = watch::channel(false);
        {
            let mut shared = self.shared();
            shared.state = ProcessState::Starting;
            let since = Instant::now().checked_sub(identity.uptime()).unwrap_or_else(Instant::now);
            shared.running = Some(RunningChild::new(pid, since, end, ended));
        }
        tokio::spawn(self.clone().supervise(process, pid, words, asked_to_end, ending));
        self.report(ChildEvent::Line(Level::Info, format!("the {} process (pid {pid}) runs and was taken up again", self.name())));
        if let Err(failure) = self.ready().await {
            // It runs all the same, can be killed, and may answer later.
            self.report(ChildEvent::Line(Level::Warning, failure.to_string()));
            let child = self.clone();
            tokio::spawn(async move { child.attach_late(Some(pid)).await });
        }
        self.settle();
    }

    fn report_lost(&self, identity: ProcessIdentity) {
        let pid = identity.pid;
        identity.kill_left_over(&self.socket);
        {
            let mut shared = self.shared();
            (shared.state, shared.last_words) = (ProcessState::Died, Some(ENDED_MEANWHILE.to_owned()));
        }
        self.forget();
        self.report(ChildEvent::Line(Level::Error, format!("the {} process (pid {pid}) died: {ENDED_MEANWHILE}", self.name())));
    }
}
