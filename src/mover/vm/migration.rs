//! A guest's migration as its source follows it: a state machine that takes in what QEMU tells, and a driver that asks QEMU.
//!
//! The machine is pure. It hears `query-migrate` and the events MIGRATION, STOP and RESUME, in whatever order they arrive, and says what QEMU is to be
//! asked next. What is older than what is known already changes nothing.

use std::net::SocketAddrV4;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::message::{Capability, CapabilityState, Execute, MigrationInfo, Parameters, QmpEvent, QueryMigrate};
use super::qmp::Qmp;
use protocol::{ErrorCode, Failure, GuestCopy, GuestMigration, GuestMigrationState as State};

/// Between two questions to QEMU: short against the 0.7 s that a migration takes, and QEMU's answer takes its lock.
const LOOK: Duration = Duration::from_millis(20);
/// Post-copy begins when the whole memory has been copied once: that is when QEMU asks for the second time which pages are dirty.
const SECOND_PASS: u64 = 2;

/// How a migration has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The guest is at the destination.
    Completed,
    /// It failed, and the guest goes on here.
    Failed,
    /// It was given up, and the guest goes on here.
    Cancelled,
    /// It failed after the guest had gone on at the destination: what is here is not whole, and what is there is not either.
    Lost,
}

/// What QEMU is to be asked next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Nothing.
    Nothing,
    /// To go on with post-copy.
    StartPostcopy,
    /// To give it up.
    Cancel,
}

/// The machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    copy: GuestCopy,
    report: GuestMigration,
    /// The guest stands still here for the migration's end.
    stopped: bool,
    /// The guest has gone on at the destination before all of its memory was there.
    postcopied: bool,
    postcopy_asked: bool,
    cancel_asked: bool,
    why: Option<String>,
}

/// States in the order in which they pass.
fn rank(state: State) -> u8 {
    match state {
        State::None => 0,
        State::Setup => 1,
        State::Active => 2,
        State::PreSwitchover => 3,
        State::Device => 4,
        State::PostcopyActive => 5,
        State::PostcopyPaused => 6,
        State::Cancelling => 7,
        State::Completed | State::Failed | State::Cancelled => 8,
        // Unknown words move nothing.
        State::Other => 0,
    }
}

impl Machine {
    /// Before the first word of QEMU.
    pub fn new(copy: GuestCopy) -> Self {
        let report = GuestMigration::default();
        Self { copy, report, stopped: false, postcopied: false, postcopy_asked: false, cancel_asked: false, why: None }
    }

    /// Where it is.
    pub fn report(&self) -> GuestMigration {
        self.report
    }

    /// Whether the guest has stopped here, or has gone.
    pub fn has_stopped(&self) -> bool {
        self.stopped || matches!(self.report.state, State::PostcopyActive | State::PostcopyPaused | State::Completed)
    }

    /// Whether the guest runs at the destination.
    pub fn has_gone(&self) -> bool {
        matches!(self.report.state, State::PostcopyActive | State::PostcopyPaused | State::Completed)
    }

    /// How it has ended, if it has. Whether post-copy had begun decides what a failure means.
    pub fn ended(&self) -> Option<Ended> {
        match self.report.state {
            State::Completed => Some(Ended::Completed),
            State::PostcopyPaused => Some(Ended::Lost),
            State::Failed if self.postcopied => Some(Ended::Lost),
            State::Failed => Some(Ended::Failed),
            State::Cancelled => Some(Ended::Cancelled),
            _ => None,
        }
    }

    /// In QEMU's words, why it failed.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// Takes in an answer to `query-migrate`.
    pub fn told(&mut self, info: &MigrationInfo) -> Wish {
        if let Some(state) = info.status {
            self.enter(state);
        }
        let report = &mut self.report;
        if let Some(ram) = info.ram {
            report.iteration = ram.dirty_sync_count;
            (report.dirty_pages_per_s, report.page_bytes) = (ram.dirty_pages_rate, ram.page_size);
            (report.remaining_bytes, report.transferred_bytes) = (ram.remaining, ram.transferred);
        }
        report.expected_downtime_ms = info.expected_downtime.or(report.expected_downtime_ms);
        report.downtime_ms = info.downtime.or(report.downtime_ms);
        report.total_ms = info.total_time.or(report.total_ms);
        if info.error_desc.is_some() {
            self.why.clone_from(&info.error_desc);
        }
        self.wish()
    }

    /// Takes in an event.
    pub fn heard(&mut self, event: QmpEvent) -> Wish {
        match event {
            QmpEvent::Migration(state) => self.enter(state),
            QmpEvent::Stop => self.stopped = true,
            QmpEvent::Resume => self.stopped = false,
        }
        self.wish()
    }

    /// The operator gives it up. Once post-copy has begun there is nothing left to give up.
    pub fn cancel(&mut self) -> Wish {
        if self.cancel_asked || self.has_gone() || self.report.state.is_over() {
            return Wish::Nothing;
        }
        self.cancel_asked = true;
        Wish::Cancel
    }

    fn enter(&mut self, state: State) {
        self.postcopied |= matches!(state, State::PostcopyActive | State::PostcopyPaused);
        if rank(state) > rank(self.report.state) {
            self.report.state = state;
        }
    }

    fn wish(&mut self) -> Wish {
        let due = self.copy == GuestCopy::Post && self.report.state == State::Active && self.report.iteration >= SECOND_PASS;
        if due && !self.postcopy_asked && !self.cancel_asked {
            self.postcopy_asked = true;
            return Wish::StartPostcopy;
        }
        Wish::Nothing
    }
}

/// A migration under way, or over; copies of it follow the same one.
#[derive(Debug, Clone)]
pub struct Migration {
    state: watch::Receiver<Followed>,
    cancel: CancellationToken,
}

/// The machine, and why it is no longer followed.
#[derive(Debug, Clone)]
struct Followed {
    machine: Machine,
    broken: Option<Failure>,
}

impl Migration {
    /// Begins to move a guest to where another QEMU waits for it.
    ///
    /// # Errors
    /// What QEMU refuses, see [`Qmp::ask`].
    pub async fn begin(qmp: Qmp, to: SocketAddrV4, copy: GuestCopy, settings: &config::Guest) -> Result<Self, Failure> {
        prepare(&qmp, copy).await?;
        let bandwidth = u64::from(settings.bandwidth_mib_s) << 20;
        let limit = Parameters { downtime_limit: Some(settings.downtime_limit_ms.into()), max_bandwidth: Some(bandwidth) };
        qmp.ask(Execute::MigrateSetParameters(limit)).await?;
        let events = qmp.events();
        qmp.ask(Execute::Migrate { uri: format!("tcp:{to}") }).await?;
        let (tell, state) = watch::channel(Followed { machine: Machine::new(copy), broken: None });
        let cancel = CancellationToken::new();
        tokio::spawn(follow(qmp, events, tell, cancel.clone()));
        Ok(Self { state, cancel })
    }

    /// Where it is.
    pub fn report(&self) -> GuestMigration {
        self.state.borrow().machine.report()
    }

    /// Gives it up; how it ended is told by [`Migration::until_ended`].
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Waits until the guest has stopped here.
    ///
    /// # Errors
    /// It ended before, or QEMU did.
    pub async fn until_stopped(&self) -> Result<(), Failure> {
        self.until(|machine| machine.has_stopped().then_some(Ok(()))).await
    }

    /// Waits until the guest runs at the destination.
    ///
    /// # Errors
    /// It ended before, or QEMU did.
    pub async fn until_gone(&self) -> Result<(), Failure> {
        self.until(|machine| machine.has_gone().then_some(Ok(()))).await
    }

    /// Waits until it is over, well; the figures of the whole.
    ///
    /// # Errors
    /// It ended in another way, or QEMU did.
    pub async fn until_ended(&self) -> Result<GuestMigration, Failure> {
        self.until(|machine| (machine.ended() == Some(Ended::Completed)).then_some(Ok(machine.report()))).await
    }

    /// Gives it up, and waits until QEMU has.
    ///
    /// # Errors
    /// [`ErrorCode::TooLate`] when the guest had gone already, [`ErrorCode::Deadline`] when QEMU takes longer.
    pub async fn give_up(&self, within: Duration) -> Result<(), Failure> {
        self.cancel();
        let mut state = self.state.clone();
        let over =
            |followed: &Followed| followed.machine.ended().is_some() || followed.machine.has_gone() || followed.broken.is_some();
        let settled = timeout(within, state.wait_for(over)).await.map_err(|_| {
            Failure::new(ErrorCode::Deadline, format!("QEMU did not give the migration up within {} s", within.as_secs_f64()))
        })?;
        match settled {
            Ok(followed) if followed.machine.has_gone() => {
                Err(Failure::new(ErrorCode::TooLate, "the guest had gone before its migration could be given up"))
            }
            Ok(followed) => followed.broken.clone().map_or(Ok(()), Err),
            // Nobody follows it any more: it is over.
            Err(_) => Ok(()),
        }
    }

    /// Refuses to let the guest go on here when parts of its memory are at the destination.
    ///
    /// # Errors
    /// [`ErrorCode::State`]: post-copy had begun.
    pub fn require_whole(&self) -> Result<(), Failure> {
        let followed = self.state.borrow();
        if followed.machine.postcopied { Err(not_whole()) } else { Ok(()) }
    }

    /// Calls that at every change, until it is over.
    pub async fn each_change(&self, mut tell: impl FnMut()) {
        let mut state = self.state.clone();
        while state.changed().await.is_ok() {
            tell();
        }
    }

    async fn until<T>(&self, done: impl Fn(&Machine) -> Option<Result<T, Failure>>) -> Result<T, Failure> {
        let settled = |followed: &Followed| {
            let machine = &followed.machine;
            let failed = machine.ended().filter(|ended| *ended != Ended::Completed).map(|ended| Err(failure(ended, machine.why())));
            failed.or_else(|| done(machine)).or_else(|| followed.broken.clone().map(Err))
        };
        let mut state = self.state.clone();
        let gone = || Failure::new(ErrorCode::Process, "the migration is not followed any more");
        loop {
            if let Some(result) = settled(&state.borrow_and_update()) {
                return result;
            }
            state.changed().await.map_err(|_| gone())?;
        }
    }
}

fn failure(ended: Ended, why: Option<&str>) -> Failure {
    let why = why.map_or_else(String::new, |why| format!(" (QEMU: {why})"));
    match ended {
        Ended::Cancelled => Failure::new(ErrorCode::State, "the migration of the guest was given up"),
        Ended::Lost => Failure::new(
            ErrorCode::Workload,
            format!("the migration of the guest broke in post-copy, when parts of its memory were at either end{why}"),
        )
        .hint("the guest cannot go on: recover starts it anew"),
        Ended::Completed | Ended::Failed => Failure::new(ErrorCode::Workload, format!("QEMU could not migrate the guest{why}"))
            .hint("look at the log of the destination's agent"),
    }
}

/// Post-copy had begun.
pub fn not_whole() -> Failure {
    let text = "the guest cannot go on here: post-copy had begun, and what it did since is at the destination";
    Failure::new(ErrorCode::State, text).hint("recover starts it anew")
}

/// Sets the capabilities of a migration, which are the same at both ends.
///
/// # Errors
/// As [`Qmp::ask`].
pub async fn prepare(qmp: &Qmp, copy: GuestCopy) -> Result<(), Failure> {
    let capabilities = vec![
        CapabilityState { capability: Capability::Events, state: true },
        CapabilityState { capability: Capability::PostcopyRam, state: copy == GuestCopy::Post },
    ];
    qmp.ask(Execute::MigrateSetCapabilities { capabilities }).await.map(drop)
}

async fn follow(qmp: Qmp, mut events: broadcast::Receiver<QmpEvent>, tell: watch::Sender<Followed>, cancel: CancellationToken) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cancelled = false;
    loop {
        let mut machine = tell.borrow().machine.clone();
        let wish = tokio::select! {
            event = events.recv() => match event {
                Ok(event) => machine.heard(event),
                // The next answer has what was missed.
                Err(broadcast::error::RecvError::Lagged(_)) => Wish::Nothing,
                Err(broadcast::error::RecvError::Closed) => Wish::Nothing,
            },
            () = cancel.cancelled(), if !cancelled => {
                cancelled = true;
                machine.cancel()
            }
            _ = ticks.tick() => match qmp.ask(QueryMigrate).await {
                Ok(info) => machine.told(&info),
                Err(failure) => {
                    tell.send_modify(|followed| followed.broken = Some(failure));
                    return;
                }
            },
        };
        let asked = match wish {
            Wish::Nothing => Ok(()),
            Wish::StartPostcopy => qmp.ask(Execute::MigrateStartPostcopy).await.map(drop),
            Wish::Cancel => qmp.ask(Execute::MigrateCancel).await.map(drop),
        };
        // A migration that has ended meanwhile refuses both: the next answer says how.
        if let Err(failure) =
            asked.as_ref().err().filter(|failure| failure.code != ErrorCode::Workload).map_or(Ok(()), |f| Err(f.clone()))
        {
            tell.send_modify(|followed| followed.broken = Some(failure));
            return;
        }
        if let Some(ended) = machine.ended() {
            // An event may have come before the figures.
            if let Ok(info) = qmp.ask(QueryMigrate).await {
                machine.told(&info);
            }
            tracing::debug!("the migration of the guest has ended: {ended:?}");
            tell.send_modify(|followed| followed.machine = machine);
            return;
        }
        tell.send_if_modified(|followed| {
            let changed = followed.machine != machine;
            followed.machine = machine;
            changed
        });
    }
}

#[cfg(test)]
#[path = "tests/migration.rs"]
mod tests;
