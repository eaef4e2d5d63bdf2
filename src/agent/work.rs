//! One radio's work on this host: its two processes, what was collected of them, the radio's address on this host's port, and who owns the
//! radio.
//!
//! A work knows its host through [`HostHandle`]. It knows no command, no order and no telemetry: those stand above it.

mod address;
mod children;
mod collector;
mod conflict;
mod failures;
mod fault;
mod freeze;
mod guest;
mod kept;
mod kill;
mod ownership;
mod pod;
mod processes;
mod radio_link;
mod radio_network;
mod radio_session;
mod radio_step;
mod read_back;
mod restore;
mod seamless;
mod silence;
mod standby;
mod take_over;
mod take_radio;
mod taken_over;
mod trace;

use std::net::Ipv4Addr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::host::HostHandle;
use super::host::pod_network::BRIDGE;
use super::host::radio_port::RadioPort;
use crate::link::server::runtime_folder;
use children::{Child, ChildEvent};
use config::{Cidr, Host, Radio, Workload};
use freeze::Freeze;
use guest::GuestWork;
use kept::Kept;
use ownership::Ownership;
use pod::Pod;
use protocol::{ControlValues, ErrorCode, Failure, Form, Port, Route, WorkloadProcess};
use radio_network::RadioNetwork;
use radio_session::KnownSession;
use standby::StandbyIntent;
use take_over::CutPreparation;

pub(super) use children::millis;
pub(super) use conflict::ASK as ASK_OWNER;
pub(super) use fault::WorkFault;
pub(super) use ownership::Owner;
pub(super) use take_radio::RadioClaim;

/// One radio's work on this host.
pub(super) struct Work {
    host: Arc<HostHandle>,
    radio_name: String,
    radio_port: RadioPort,
    ownership: Ownership,
    radio_network: RadioNetwork,
    /// Becomes `true` when every other agent was asked who owns the radio.
    introduction: watch::Sender<bool>,
    /// Another host with the radio's address was met, and is being asked.
    meeting: AtomicBool,
    /// Of a work in a pod.
    pod: Option<Pod>,
    d2d: Child,
    usrp: Child,
    /// In the place of both, where the work is a virtual machine.
    guest: Option<Arc<GuestWork>>,
    /// Held while this host is made a standby.
    pub(super) arming: tokio::sync::Mutex<()>,
    /// Held while processes or addresses change: one change at a time, in the order of asking.
    changes: tokio::sync::Mutex<()>,
    /// The collector should not wait for its next turn.
    collect_now: Notify,
    /// Something of a process has changed.
    process_news: watch::Sender<()>,
    /// Something of the standby has changed.
    standby_news: watch::Sender<()>,
    state: Mutex<WorkState>,
}

/// What changes and is small enough for one lock.
#[derive(Default)]
struct WorkState {
    collected: Collection,
    /// From `set_route`, for the next start of the D2D process.
    routes_to_set: Vec<Route>,
    /// The other host of the pool, and what was last collected of its work.
    peer: Option<(String, protocol::Collected)>,
    /// Since when both processes are frozen.
    frozen: Option<Freeze>,
    /// Why the streams were last not asked for again after a silence.
    silence: Option<protocol::ErrorCode>,
    /// From `prepare`, for `take_over`.
    prepared: Option<CutPreparation>,
    /// From `take_over`, for `commit`: the streams still go to the parked address.
    unsettled: bool,
    /// After a take-over: the radio's address is not here yet.
    serves_parked: bool,
    standby: StandbyIntent,
    /// Another host is the owner, and the work here is being ended for that.
    giving_way: bool,
    /// The radio's address was given up because the cable to the radio is out.
    cable_out: bool,
    /// Since when another host has been about to take the radio that this one has.
    waiting_since: Option<Instant>,
    /// What the radio did not do as it was asked when it was last initialised.
    not_as_asked: Vec<String>,
    /// Whose settings the radio has, as far as is known here.
    session: Option<KnownSession>,
    /// The mark of another program's session that was reported.
    foreign_session: Option<u32>,
    /// What was last written for a restart of this agent.
    kept: Kept,
}

/// Control variables and routes as last collected.
#[derive(Debug, Clone, Default)]
pub(super) struct Collection {
    pub(super) values: ControlValues,
    pub(super) meanings: serde_json::Map<String, Value>,
    pub(super) at: Option<Instant>,
}

impl Work {
    /// A work with no process; must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorCode::Config`](protocol::ErrorCode::Config) for a radio that is not described,
    /// [`ErrorCode::Environment`](protocol::ErrorCode::Environment) without netlink.
    pub(super) fn open(host: Arc<HostHandle>) -> Result<Arc<Self>, Failure> {
        let (config, settings) = (&host.config, host.settings());
        // Found out here rather than in the middle of a move.
        config.radio_of(&host.name)?;
        let folder = runtime_folder(config, &host.name)?;
        let descriptors = Arc::clone(&host.descriptors);
        let guest = GuestWork::open(&host)?.map(Arc::new);
        let (sender, events) = mpsc::unbounded_channel();
        let pod = (config.form_of(&host.name) == Form::Pod).then(|| Pod::new(&config.runtime, &host.name));
        let active = config.addresses.active;
        let radio_port = RadioPort::open(&host.name, &settings.radio_port, active, descriptors, pod.is_some())?;
        let child = |role| match &pod {
            None => Child::new(role, &folder, sender.clone()),
            Some(pod) => Child::new(role, &pod.folder, sender.clone()).in_pod(&pod.at),
        };
        let ownership = Ownership::load(&host, settings.radio.as_str());
        let work = Arc::new(Self {
            radio_name: settings.radio.to_string(),
            radio_port,
            ownership,
            radio_network: RadioNetwork::default(),
            introduction: watch::Sender::new(false),
            meeting: AtomicBool::new(false),
            d2d: child(WorkloadProcess::D2d),
            usrp: child(WorkloadProcess::Usrp),
            pod,
            guest,
            arming: tokio::sync::Mutex::default(),
            changes: tokio::sync::Mutex::default(),
            collect_now: Notify::new(),
            process_news: watch::Sender::new(()),
            standby_news: watch::Sender::new(()),
            state: Mutex::default(),
            host,
        });
        tokio::spawn(Arc::clone(&work).follow_children(events));
        Ok(work)
    }

    async fn follow_children(self: Arc<Self>, mut events: mpsc::UnboundedReceiver<ChildEvent>) {
        while let Some(event) = events.recv().await {
            match event {
                ChildEvent::Changed => {
                    self.process_news.send_replace(());
                    self.host.notify_change();
                }
                ChildEvent::Synced => self.collect_now.notify_one(),
                // On its own: a change under way may be what ends the silence.
                ChildEvent::Silent(silence) => drop(tokio::spawn(Arc::clone(&self).heal_silence(silence))),
                ChildEvent::Standby => {
                    self.standby_news.send_replace(());
                    self.host.notify_change();
                }
                ChildEvent::Line(level, text) => self.host.event(level, text),
            }
        }
    }

    /// The state; never held across an await.
    fn state(&self) -> MutexGuard<'_, WorkState> {
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to change processes or addresses, in the order of asking.
    ///
    /// # Errors
    /// [`ErrorCode::State`](protocol::ErrorCode::State) when the agent is about to end.
    pub(super) async fn lock_changes(&self) -> Result<tokio::sync::MutexGuard<'_, ()>, Failure> {
        let turn = self.changes.lock().await;
        if self.host.leaving.is_cancelled() { Err(self.host.leaving_failure()) } else { Ok(turn) }
    }

    /// Name of the radio in the configuration.
    pub(super) fn radio_name(&self) -> &str {
        &self.radio_name
    }

    pub(super) fn d2d(&self) -> &Child {
        &self.d2d
    }

    pub(super) fn usrp(&self) -> &Child {
        &self.usrp
    }

    /// Tells when something of a process has changed.
    pub(super) fn process_news(&self) -> watch::Receiver<()> {
        self.process_news.subscribe()
    }

    /// What was last collected of the D2D process.
    pub(super) fn collected(&self) -> Collection {
        self.state().collected.clone()
    }

    fn settings(&self) -> &Host {
        self.host.settings()
    }

    fn workload(&self) -> &Workload {
        self.host.config.workload_of(&self.host.name)
    }

    fn radio(&self) -> Result<&Radio, Failure> {
        self.host.config.radio_of(&self.host.name)
    }

    /// The radio's own address, where it has one on the network.
    fn radio_address(&self) -> Result<Option<Ipv4Addr>, Failure> {
        Ok(self.radio()?.args.address())
    }

    /// The address of an N210, of whose network the methods without a restart make use.
    fn n210_address(&self) -> Result<Ipv4Addr, Failure> {
        self.radio()?.args.n210().map_err(|why| Failure::new(ErrorCode::State, why).hint("the method cold moves any radio"))
    }

    /// Where the radio sends its samples: the address of the host that owns it.
    fn active_address(&self) -> Cidr {
        self.host.config.addresses.active
    }

    /// Name of the interface through which this host itself is on the radio's network.
    fn radio_interface(&self) -> &str {
        if self.pod.is_some() { BRIDGE } else { &self.settings().radio_port }
    }

    fn parked_address(&self) -> Cidr {
        self.host.config.parked_of(&self.host.name)
    }

    /// The interface towards the radio, as it is now.
    ///
    /// # Errors
    /// [`ErrorCode::Address`](protocol::ErrorCode::Address) when netlink fails.
    pub(super) async fn read_radio_port(&self) -> Result<Port, Failure> {
        match &self.pod {
            None => self.host.ports.read(&self.settings().radio_port).await,
            Some(_) => self.read_pod_port().await,
        }
    }

    /// The interface that carries IP over the air, as it is now.
    ///
    /// # Errors
    /// [`ErrorCode::Address`](protocol::ErrorCode::Address) when netlink fails.
    pub(super) async fn read_tun(&self) -> Result<Port, Failure> {
        self.tun_ports().read(&self.settings().tun).await
    }
}
