//! A work that is a virtual machine: its guest is started, moved, watched and ended here.
//!
//! What QEMU does and says is `mover::vm`'s; this is the guest as a part of a host's work.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::watch;

use super::Work;
use crate::agent::host::HostHandle;
use crate::link::server::runtime_folder;
use crate::mover::confine::confine;
use crate::mover::vm::{Guest, GuestHealth, Launch, Migration, Rehearsal, Role, Software, ready_within, rehearse};
use config::{Endpoint, Workload};
use guest::GuestSettings;
use protocol::{
    Accelerator, ErrorCode, Failure, Form, GuestCopy, GuestMigration, GuestMoment, GuestPrepared, GuestRehearsal, GuestState,
    GuestStatus, Level, Started,
};

/// A guest whose state is all there runs within some ms.
const RUNS_WITHIN: Duration = Duration::from_secs(2);
/// Giving a migration up takes QEMU as long as one pass of its loop.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(5);

/// The guest of a work.
pub(super) struct GuestWork {
    host: Arc<HostHandle>,
    folder: PathBuf,
    settings: config::Guest,
    rehearsal: watch::Sender<GuestRehearsal>,
    state: Mutex<GuestWorkState>,
}

#[derive(Default)]
struct GuestWorkState {
    guest: Option<HeldGuest>,
    migration: Option<Migration>,
    /// The last words of a guest that ended by itself, until another one is started.
    died: Option<String>,
}

struct HeldGuest {
    guest: Guest,
    accelerator: Option<Accelerator>,
    /// It waits for the state of another host's, or did.
    incoming: bool,
}

impl GuestWork {
    /// The guest of a host whose work is one; nothing runs yet.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] when the cluster file does not describe it.
    pub(super) fn open(host: &Arc<HostHandle>) -> Result<Option<Self>, Failure> {
        if host.config.form_of(&host.name) != Form::Guest {
            return Ok(None);
        }
        let settings = host.config.workload_of(&host.name).guest.clone().ok_or_else(|| {
            Failure::new(ErrorCode::Config, "the work has the form guest, and the cluster file has no [workload.guest]")
                .hint("docs/other-ways-vm.md shows one")
        })?;
        let folder = runtime_folder(&host.config, &host.name)?.join("guest");
        let rehearsal = watch::Sender::default();
        Ok(Some(Self { host: Arc::clone(host), folder, settings, rehearsal, state: Mutex::default() }))
    }

    fn state(&self) -> MutexGuard<'_, GuestWorkState> {
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guest(&self) -> Result<Guest, Failure> {
        self.state()
            .guest
            .as_ref()
            .map(|held| held.guest.clone())
            .ok_or_else(|| Failure::new(ErrorCode::State, format!("{} runs no guest", self.host.name)).hint("DS or DSR starts one"))
    }

    fn require_none(&self) -> Result<(), Failure> {
        match self.state().guest.as_ref().map(|held| held.guest.pid()) {
            None => Ok(()),
            Some(pid) => Err(Failure::new(ErrorCode::State, format!("{} already runs a guest (pid {pid})", self.host.name))
                .hint("KL or KR ends it")),
        }
    }

    /// Finds out whether guests run here, by a throw-away one.
    async fn rehearse(&self) {
        let folder = self.folder.with_file_name("guest-rehearsal");
        let rehearsed = rehearse(&folder, &self.settings).await;
        // What it leaves is empty.
        let _ = std::fs::remove_dir(&folder);
        let result = match rehearsed {
            Ok(Rehearsal { accelerator, ready_after }) => {
                let after_ms = super::millis(ready_after);
                let on = match accelerator {
                    Accelerator::Kvm => "the processor itself (KVM)",
                    Accelerator::Tcg => "an emulated processor (TCG), too slow for the modem: the guest is the light responder",
                };
                self.host
                    .event(Level::Info, format!("a guest runs on {} on {on}: it was ready after {after_ms} ms", self.host.name));
                GuestRehearsal::Ready { accelerator, after_ms }
            }
            Err(failure) => {
                self.host.event(Level::Error, format!("no guest runs on {}: {failure}", self.host.name));
                GuestRehearsal::Failed { failure }
            }
        };
        self.rehearsal.send_replace(result);
        self.host.notify_change();
    }

    /// What runs guests here, once that is known.
    async fn accelerator(&self) -> Result<Accelerator, Failure> {
        let mut rehearsal = self.rehearsal.subscribe();
        let known = rehearsal.wait_for(|rehearsal| *rehearsal != GuestRehearsal::UnderWay).await.map(|known| known.clone());
        match known {
            Ok(GuestRehearsal::Ready { accelerator, .. }) => Ok(accelerator),
            Ok(GuestRehearsal::Failed { failure }) => Err(failure),
            // The sender lives as long as the work.
            Ok(GuestRehearsal::UnderWay) | Err(_) => {
                Err(Failure::new(ErrorCode::State, "whether guests run here is not known yet"))
            }
        }
    }

    async fn launch(self: &Arc<Self>, role: Role, accelerator: Accelerator, workload: &Workload) -> Result<Guest, Failure> {
        let Self { settings, .. } = &**self;
        let launch = Launch {
            software: Software::find(&settings.software)?,
            program: settings.program.clone(),
            accelerator,
            memory_mib: settings.memory_mib,
            tap: Some(settings.tap.clone()),
            settings: GuestSettings {
                address: Some(settings.address),
                dirty_mib: settings.dirty_mib,
                dirty_mib_s: settings.dirty_mib_s,
            },
            role,
        };
        let guest = Guest::start(&self.folder, &launch, |command: &mut Command| confine(command, workload)).await?;
        self.hold(guest.clone(), Some(accelerator), role == Role::Incoming);
        Ok(guest)
    }

    /// Keeps a guest that runs, and watches it.
    fn hold(self: &Arc<Self>, guest: Guest, accelerator: Option<Accelerator>, incoming: bool) {
        {
            let mut state = self.state();
            *state = GuestWorkState::default();
            state.guest = Some(HeldGuest { guest: guest.clone(), accelerator, incoming });
        }
        tokio::spawn(Arc::clone(self).watch(guest));
        self.host.notify_change();
    }

    /// Tells of what the guest's own words and its process show, until it has ended.
    async fn watch(self: Arc<Self>, guest: Guest) {
        let (mut health, mut told) = (guest.health(), false);
        loop {
            let GuestHealth { ended, damage, last_words, .. } = health.borrow_and_update().clone();
            if let Some(damage) = damage.filter(|_| !told) {
                told = true;
                self.host.event(Level::Error, format!("the guest on {} found its memory damaged: {damage}", self.host.name));
            }
            self.host.notify_change();
            if ended {
                return self.forget(&guest, last_words);
            }
            if health.changed().await.is_err() {
                return;
            }
        }
    }

    /// A QEMU that has ended although nobody asked it to has died.
    fn forget(&self, guest: &Guest, last_words: Vec<String>) {
        let words = if last_words.is_empty() { "it left no words".to_owned() } else { last_words.join(" / ") };
        {
            let mut state = self.state();
            if state.guest.as_ref().is_none_or(|held| held.guest.pid() != guest.pid()) {
                return;
            }
            *state = GuestWorkState { died: Some(words.clone()), ..GuestWorkState::default() };
        }
        self.host.event(Level::Error, format!("the guest's QEMU (pid {}) died: {words}", guest.pid()));
        self.host.notify_change();
    }

    /// The guest for telemetry.
    fn status(&self) -> GuestStatus {
        let state = self.state();
        let rehearsal = self.rehearsal.borrow().clone();
        let migration = state.migration.as_ref().map(Migration::report);
        let Some(HeldGuest { guest, accelerator, incoming }) = &state.guest else {
            let died = state.died.is_some();
            let now = if died { GuestState::Died } else { GuestState::Stopped };
            return GuestStatus { state: now, rehearsal, last_words: state.died.clone(), ..GuestStatus::default() };
        };
        let health = guest.health().borrow().clone();
        let now = match (health.running, health.ready) {
            (true, true) => GuestState::Running,
            (true, false) => GuestState::Starting,
            (false, _) if *incoming && migration.is_none() => GuestState::Incoming,
            (false, false) => GuestState::Starting,
            (false, true) => GuestState::Paused,
        };
        GuestStatus {
            state: now,
            pid: Some(guest.pid()),
            accelerator: accelerator.or(match &rehearsal {
                GuestRehearsal::Ready { accelerator, .. } => Some(*accelerator),
                _ => None,
            }),
            memory_passes: health.passes,
            rehearsal,
            damage: health.damage,
            last_words: None,
            migration,
        }
    }

    fn migration(&self) -> Result<Migration, Failure> {
        let migration = self.state().migration.clone();
        migration.ok_or_else(|| Failure::new(ErrorCode::State, format!("no migration of {}'s guest is under way", self.host.name)))
    }

    /// An address of this host that the other hosts reach: that of its agent.
    fn reached_at(&self) -> Result<Ipv4Addr, Failure> {
        let command = &self.host.settings().command;
        if let Endpoint::Ipc(_) = command {
            return Ok(Ipv4Addr::LOCALHOST);
        }
        let found = command.addresses()?.into_iter().find_map(|address| match address.ip() {
            IpAddr::V4(ip) if !ip.is_unspecified() => Some(ip),
            _ => None,
        });
        found.ok_or_else(|| {
            Failure::new(ErrorCode::Config, format!("{command} names no IPv4 address at which another host could send a guest"))
                .hint(format!("write the address of {} in the place of its command endpoint's", self.host.name))
        })
    }

    /// Ends the guest, whatever it does.
    pub(super) async fn end(&self) -> Result<(), Failure> {
        // Taken out before it ends: an end that was asked for is no death.
        let held = {
            let mut state = self.state();
            state.died = None;
            state.migration = None;
            state.guest.take()
        };
        let Some(held) = held else { return Ok(()) };
        let ended = held.guest.end().await;
        if ended.is_err() {
            self.state().guest = Some(held);
        }
        self.host.notify_change();
        ended
    }
}

impl Work {
    fn guest_work(&self) -> Result<&Arc<GuestWork>, Failure> {
        self.guest.as_ref().ok_or_else(|| {
            Failure::new(ErrorCode::State, format!("the work of {} is no guest", self.host.name))
                .hint("a lab with a guest: baton lab --form guest")
        })
    }

    /// Refuses what is for processes where the work is a guest.
    ///
    /// # Errors
    /// [`ErrorCode::State`] with the orders that start and end a guest.
    pub(in crate::agent) fn require_processes(&self) -> Result<(), Failure> {
        if self.guest.is_none() {
            return Ok(());
        }
        Err(Failure::new(
            ErrorCode::State,
            format!("the work of {} is a guest, which has no D2D and no USRP process", self.host.name),
        )
        .hint("DS starts it, KL ends it, M moves it"))
    }

    /// Of a host with a guest: finds out whether guests run here, and takes up one that runs already.
    pub(in crate::agent) async fn restore_guest(&self) {
        let Some(work) = &self.guest else { return };
        if let Some(guest) = Guest::find(&work.folder).await {
            let text = format!("the guest of {} (QEMU is pid {}) runs and was taken up again", self.host.name, guest.pid());
            self.host.event(Level::Info, text);
            work.hold(guest, None, false);
        }
        let work = Arc::clone(work);
        tokio::spawn(async move { work.rehearse().await });
    }

    /// For telemetry, where the work is a guest.
    pub(in crate::agent) fn guest_status(&self) -> Option<GuestStatus> {
        self.guest.as_ref().map(|work| work.status())
    }

    /// Boots the guest and waits until it is ready.
    ///
    /// # Errors
    /// It runs already, it cannot run here, or it does not get ready; nothing is left of it then.
    pub(in crate::agent) async fn start_guest(&self) -> Result<Started, Failure> {
        let work = self.guest_work()?;
        work.require_none()?;
        let accelerator = work.accelerator().await?;
        let guest = work.launch(Role::Boot, accelerator, self.workload()).await?;
        if let Err(failure) = guest.until_ready(ready_within(accelerator)).await {
            work.end().await?;
            return Err(failure);
        }
        Ok(Started { pid: guest.pid() })
    }

    /// Starts a guest that waits for the state of another host's.
    ///
    /// # Errors
    /// One runs already, or cannot run here on what the other one runs on; nothing is left of it then.
    pub(in crate::agent) async fn prepare_guest(&self, accelerator: Accelerator) -> Result<GuestPrepared, Failure> {
        let work = self.guest_work()?;
        work.require_none()?;
        let own = work.accelerator().await?;
        if own != accelerator {
            let text = format!("guests of {} run on {own}, and the one that is to come runs on {accelerator}", self.host.name);
            return Err(Failure::new(ErrorCode::Environment, text).hint("both hosts need a processor that runs guests, or neither"));
        }
        let at = work.reached_at()?;
        let guest = work.launch(Role::Incoming, accelerator, self.workload()).await?;
        let copy = work.settings.copy;
        match guest.await_incoming(at, copy).await {
            Ok(address) => Ok(GuestPrepared { address, copy }),
            Err(failure) => {
                work.end().await?;
                Err(failure)
            }
        }
    }

    /// Begins to move the guest to where it is waited for.
    ///
    /// # Errors
    /// None runs, or QEMU refuses.
    pub(in crate::agent) async fn migrate_guest(&self, to: SocketAddrV4, copy: GuestCopy) -> Result<(), Failure> {
        let work = self.guest_work()?;
        let migration = work.guest()?.migrate(to, copy, work.settings.downtime_limit_ms).await?;
        let (host, follower) = (Arc::clone(&self.host), migration.clone());
        tokio::spawn(async move { follower.each_change(|| host.notify_change()).await });
        work.state().migration = Some(migration);
        Ok(())
    }

    /// Waits for a moment of the migration.
    ///
    /// # Errors
    /// It does not come: the migration has ended otherwise, with QEMU's words.
    pub(in crate::agent) async fn await_guest(&self, until: GuestMoment) -> Result<GuestMigration, Failure> {
        let migration = self.guest_work()?.migration()?;
        match until {
            GuestMoment::Stopped => migration.until_stopped().await?,
            GuestMoment::Gone => migration.until_gone().await?,
            GuestMoment::Completed => migration.until_ended().await.map(drop)?,
        }
        Ok(migration.report())
    }

    /// Gives the migration up, and waits until the guest runs here again.
    ///
    /// # Errors
    /// It had gone already.
    pub(in crate::agent) async fn cancel_guest(&self) -> Result<(), Failure> {
        let work = self.guest_work()?;
        if let Ok(migration) = work.migration() {
            migration.give_up(GIVEN_UP_WITHIN).await?;
        }
        work.guest()?.until_running(RUNS_WITHIN).await
    }

    /// Waits until the guest that has come runs here, and tells the switches where it is.
    ///
    /// # Errors
    /// It does not run.
    pub(in crate::agent) async fn confirm_guest(&self) -> Result<(), Failure> {
        let guest = self.guest_work()?.guest()?;
        guest.until_running(RUNS_WITHIN).await?;
        guest.announce().await
    }

    /// Lets the guest go on after a move that came to nothing; whoever asks has made sure that it does not run elsewhere.
    ///
    /// # Errors
    /// Its memory is not whole here, or QEMU refuses.
    pub(super) async fn resume_guest(&self, work: &GuestWork) -> Result<(), Failure> {
        if let Ok(migration) = work.migration() {
            migration.require_whole()?;
            migration.give_up(GIVEN_UP_WITHIN).await.or_else(|failure| match failure.code {
                // It has gone, and what it went to has ended.
                ErrorCode::TooLate => Ok(()),
                _ => Err(failure),
            })?;
        }
        let guest = work.guest()?;
        guest.go_on().await?;
        guest.until_running(RUNS_WITHIN).await?;
        self.host.notify_change();
        Ok(())
    }
}
