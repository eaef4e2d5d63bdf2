//! The contract side of a process: waits for its socket, asks it, follows its events.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::{Child, ChildEvent, LOOK, RunningChild, until_ended};
use protocol::{ErrorCode, Failure, FollowStatus, Level, ProcessState, StandbyState, SyncState, WorkloadProcess};
use workload::contract::{Ask, Happened, Status};
use workload::keeper::Keeper;

/// A process with a contract socket answers within this.
const READY: Duration = Duration::from_secs(3);
/// A program that has made no contract socket by then is treated as one that makes none.
const FOREIGN: Duration = Duration::from_millis(300);
/// A program that has not reported synchronisation by then never does: an interpreter on a busy machine needs that long.
const FIRST_WORD: Duration = Duration::from_secs(3);
/// A process that goes on closes and accepts connections at once.
const PARTING: Duration = Duration::from_secs(1);
/// A state poll must not hold up the next one.
const POLL: Duration = Duration::from_millis(90);

impl Child {
    /// Waits for the contract socket; stops waiting for a program that makes none.
    pub(super) async fn ready(&self) -> Result<(), Failure> {
        let began = Instant::now();
        loop {
            if let Ok(answered) = timeout(READY, self.attach()).await
                && answered
            {
                return Ok(());
            }
            if began.elapsed() >= FOREIGN && !self.socket.exists() {
                let child = self.clone();
                let pid = self.pid();
                tokio::spawn(async move { child.attach_late(pid).await });
                return Ok(());
            }
            if began.elapsed() >= READY {
                return Err(Failure::new(
                    ErrorCode::Process,
                    format!("the {} process did not answer on its contract socket within {} s", self.name(), READY.as_secs()),
                ));
            }
            sleep(LOOK).await;
        }
    }

    /// A slow program may still make its socket.
    pub(super) async fn attach_late(&self, pid: Option<u32>) {
        while self.pid() == pid {
            if self.attach().await {
                self.report(ChildEvent::Changed);
                return;
            }
            sleep(FOREIGN).await;
        }
    }

    /// Connects twice and asks for the state; `false` while nobody answers.
    async fn attach(&self) -> bool {
        let (Some(pid), Ok((long, _)), Ok((short, events))) =
            (self.pid(), Keeper::connect(&self.socket).await, Keeper::connect(&self.socket).await)
        else {
            return false;
        };
        let Ok(answer) = short.ask(self.name(), Ask::Status, READY).await else { return false };
        if self.with_running(pid, |running| running.keepers = Some((long, short))).is_none() {
            return false;
        }
        self.attached.notify_waiters();
        self.set_status(pid, 0, &answer);
        tokio::spawn(self.clone().follow_events(pid, events));
        true
    }

    /// Ends both connections to the contract socket, and waits until the process has closed its ends: it then has no descriptor that leads
    /// outside. [`Self::join`] makes new ones.
    ///
    /// # Errors
    /// [`ErrorCode::Workload`] when it keeps one.
    pub(in crate::agent) async fn part(&self) -> Result<(), Failure> {
        let keepers = self.shared().running.as_mut().and_then(|running| running.keepers.take());
        let Some((long, short)) = keepers else { return Ok(()) };
        let (long, short) = tokio::join!(long.leave(PARTING), short.leave(PARTING));
        if long && short {
            return Ok(());
        }
        Err(Failure::new(ErrorCode::Workload, format!("the {} process keeps a connection to its agent open", self.name()))
            .hint("a program in a pod closes what its agent has closed (docs/workload.md)"))
    }

    /// Connects to the contract socket again.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when it does not run, [`ErrorCode::Workload`] when it does not answer.
    pub(in crate::agent) async fn join(&self) -> Result<(), Failure> {
        if self.has_contract() {
            return Ok(());
        }
        if !self.is_running() {
            return Err(self.not_running());
        }
        if timeout(PARTING, self.attach()).await == Ok(true) {
            return Ok(());
        }
        Err(Failure::new(
            ErrorCode::Workload,
            format!("the {} process does not answer on its contract socket any more", self.name()),
        ))
    }

    /// Changes the running process, if it is still the one with this id: reports of an earlier one do not count.
    fn with_running<T>(&self, pid: u32, work: impl FnOnce(&mut RunningChild) -> T) -> Option<T> {
        self.shared().running.as_mut().filter(|running| running.pid == pid).map(work)
    }

    async fn follow_events(self, pid: u32, mut events: mpsc::Receiver<Happened>) {
        while let Some(happened) = events.recv().await {
            match happened {
                Happened::Sync { sync } => {
                    self.with_running(pid, |running| running.changes += 1);
                    self.set_sync(pid, sync);
                }
                Happened::Silent { for_ms } => self.report(ChildEvent::Silent(Duration::from_millis(for_ms))),
                Happened::Follows { follows } => {
                    self.with_running(pid, |running| {
                        running.changes += 1;
                        running.status.follows = Some(follows);
                    });
                    self.report(ChildEvent::Standby);
                }
                Happened::TookOver(took_over) => {
                    self.with_running(pid, |running| {
                        running.changes += 1;
                        running.status.linked = Some(true);
                        let follows = &mut running.status.follows;
                        *follows = follows.map(|follows| FollowStatus {
                            state: StandbyState::TookOver,
                            took_over: Some(took_over),
                            ..follows
                        });
                    });
                    self.report(ChildEvent::Standby);
                }
                Happened::Note { text } => self.report(ChildEvent::Line(Level::Info, format!("{}: {text}", self.name()))),
            }
        }
    }

    fn set_sync(&self, pid: u32, sync: SyncState) {
        let Some(before) = self.with_running(pid, |running| running.status.sync.replace(sync)) else { return };
        self.sync.send_replace(Some(sync));
        let kind = |sync: &SyncState| std::mem::discriminant(sync);
        if before.as_ref().map(kind) != Some(kind(&sync)) {
            self.report(ChildEvent::Changed);
            if matches!(sync, SyncState::Synced { .. }) {
                self.report(ChildEvent::Synced);
            }
        }
    }

    /// Stores the answer to a question that was asked after so many changes. What it says of synchronisation and of the link is older than a change
    /// that has come since.
    fn set_status(&self, pid: u32, changes: u64, answer: &Value) {
        let Ok(status) = serde_json::from_value::<Status>(answer.clone()) else { return };
        let (sync, linked) = (status.sync, status.linked);
        let current = self.with_running(pid, |running| {
            let Status { sync, linked: before, .. } = running.status;
            let linked = if running.changes == changes { linked } else { before };
            running.status = Status { sync, linked, ..status };
            running.changes == changes
        });
        if let (WorkloadProcess::Usrp, Some(true), Some(linked)) = (self.role, current, linked) {
            let mut shared = self.shared();
            if matches!(shared.state, ProcessState::Made | ProcessState::Running) {
                shared.state = if linked { ProcessState::Running } else { ProcessState::Made };
            }
        }
        if let (Some(true), Some(sync)) = (current, sync) {
            self.set_sync(pid, sync);
        }
    }

    /// Asks for the state, in a tenth of a second or not at all.
    pub(in crate::agent) async fn poll(&self) {
        let found = self.shared().running.as_ref().and_then(|r| Some((r.pid, r.changes, r.keepers.clone()?.1)));
        let Some((pid, changes, keeper)) = found else { return };
        let asked = Instant::now();
        let answer = keeper.ask(self.name(), Ask::Status, POLL).await;
        self.with_running(pid, |running| match answer {
            Ok(_) => running.unanswered_since = None,
            Err(_) => drop(running.unanswered_since.get_or_insert(asked)),
        });
        if let Ok(answer) = answer {
            self.set_status(pid, changes, &answer);
        }
    }

    fn keepers(&self) -> Option<(Keeper, Keeper)> {
        self.shared().running.as_ref().and_then(|running| running.keepers.clone())
    }

    /// Whether the process speaks the contract.
    pub(in crate::agent) fn has_contract(&self) -> bool {
        self.keepers().is_some()
    }

    /// Waits until the process speaks the contract, or ends.
    pub(in crate::agent) async fn contract_or_end(&self) {
        let Some(mut ended) = self.shared().running.as_ref().map(|running| running.ended.clone()) else { return };
        let attached = self.attached.notified();
        tokio::pin!(attached);
        // Before the look, so that no notification falls between the two.
        attached.as_mut().enable();
        if self.has_contract() {
            return;
        }
        tokio::select! {
            () = attached => {}
            () = until_ended(&mut ended) => {}
        }
    }

    /// Asks the process.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when it does not run, [`ErrorCode::Workload`] when it has no contract socket, refuses or does not answer.
    pub(in crate::agent) async fn ask(&self, ask: Ask, deadline: Duration) -> Result<Value, Failure> {
        if !self.is_running() {
            return Err(self.not_running());
        }
        let Some((keeper, _)) = self.keepers() else {
            return Err(Failure::new(
                ErrorCode::Workload,
                format!("the {} process has no contract socket to be asked on", self.name()),
            )
            .hint("docs/workload.md says how a program gets one"));
        };
        keeper.ask(self.name(), ask, deadline).await
    }

    /// The failure of asking a process that does not run.
    pub(in crate::agent) fn not_running(&self) -> Failure {
        Failure::new(ErrorCode::State, format!("the {} process does not run", self.name())).hint("start it first")
    }

    /// Notes that the process is linked to the radio, ahead of the next poll.
    pub(in crate::agent) fn set_linked(&self) {
        {
            let mut shared = self.shared();
            let Some(running) = shared.running.as_mut() else { return };
            running.status.linked = Some(true);
            running.changes += 1;
            shared.state = ProcessState::Running;
        }
        self.report(ChildEvent::Changed);
    }

    /// Waits until the process is in sync; a program that does not tell is not waited for.
    ///
    /// # Errors
    /// [`ErrorCode::Deadline`] when it is not by then, [`ErrorCode::Process`] when it ends meanwhile, [`ErrorCode::State`] when it does
    /// not run.
    pub(in crate::agent) async fn await_sync(&self, deadline: Duration) -> Result<SyncState, Failure> {
        let Some(mut ended) = self.shared().running.as_ref().map(|running| running.ended.clone()) else {
            return Err(self.not_running());
        };
        let mut sync = self.sync.subscribe();
        if timeout(FIRST_WORD.min(deadline), sync.wait_for(Option::is_some)).await.is_err() {
            return Ok(SyncState::Unreported);
        }
        let synced = async {
            let found = sync.wait_for(|sync| matches!(sync, Some(SyncState::Synced { .. }))).await;
            found.ok().and_then(|sync| *sync)
        };
        tokio::select! {
            biased;
            Some(sync) = synced => Ok(sync),
            () = until_ended(&mut ended) => {
                Err(Failure::new(ErrorCode::Process, format!("the {} process ended before it was in sync", self.name())))
            }
            () = sleep(deadline) => {
                let state = self.status().sync.map_or("it has not said what it does", describe_sync);
                Err(Failure::new(ErrorCode::Deadline, format!("the {} process was not in sync within {:?}: {state}", self.name(), deadline))
                    .hint("is the far end on the air, and does the USRP process run and have the radio?"))
            }
        }
    }
}

fn describe_sync(sync: SyncState) -> &'static str {
    match sync {
        SyncState::NoSamples => "no samples arrive",
        SyncState::Searching => "it is searching for the far end",
        SyncState::Synced { .. } => "it is in sync",
        SyncState::Lost { .. } => "it was in sync and has lost it",
        SyncState::Unreported => "it does not tell",
    }
}
