//! A work that is a virtual machine: its guest is started, moved, watched and ended here.
//!
//! What QEMU does and says is `mover::vm`'s; this is the guest as a part of a host's work.

mod commands;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::process::Command;
use tokio::sync::watch;

use crate::agent::host::HostHandle;
use crate::link::server::runtime_folder;
use crate::mover::confine::confine;
use crate::mover::vm::{Guest, GuestHealth, Launch, Migration, Rehearsal, Role, Software, rehearse};
use config::{Endpoint, Workload};
use guest::GuestSettings;
use protocol::{Accelerator, ErrorCode, Failure, Form, GuestRehearsal, GuestState, GuestStatus, Level};

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
