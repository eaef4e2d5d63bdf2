//! A work whose processes run in a pod: made with its network when the first of them is to be started, and ended after the last.

mod moving;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use super::Work;
use super::children::ProcessIdentity;
use super::failures::in_context;
use crate::agent::host::alarms::Concern;
use crate::agent::host::arp::{ArpSocket, MacAddress, format_mac};
use crate::agent::host::disk;
use crate::agent::host::pod_network::{BRIDGE, INSIDE, OUTSIDE, pod_mac};
use crate::agent::host::ports::Ports;
use crate::mover::criu::rehearsal::rehearse;
use crate::mover::pod::{LEADER, Leader, Members, Place, RunningPod, kill_holder, start_holder};
use protocol::{ErrorCode, Failure, Level, Port, SetPort};

/// The switch may lose a frame: it is told three times where the radio's address is.
const ANNOUNCEMENTS: u32 = 3;

/// The pod of a work, whether there is one now or not.
#[derive(Debug)]
pub(super) struct Pod {
    /// Its sockets and files on this host.
    pub(super) folder: PathBuf,
    /// Where the pod sees that folder, on every host alike.
    pub(super) at: PathBuf,
    /// For the images of a dump.
    images: PathBuf,
    /// One rehearsal at a time.
    rehearsing: tokio::sync::Mutex<()>,
    state: Mutex<PodState>,
}

/// A pod as it is now.
#[derive(Debug, Default)]
struct PodState {
    /// The process that holds it; none where there is no pod.
    holder: Option<ProcessIdentity>,
    /// Its network, once there is a leader.
    network: Option<PodNetwork>,
    /// Hardware address of its eth3 on this host.
    mac: Option<MacAddress>,
    /// CRIU has dumped it and left its processes stopped.
    dumped: bool,
    /// How the rehearsal went, once it was made.
    rehearsed: Option<Result<(), Failure>>,
}

/// The network of a pod.
#[derive(Debug, Clone)]
struct PodNetwork {
    /// Its namespace.
    namespace: Arc<File>,
    /// Its interfaces.
    ports: Ports,
}

/// What a restarted agent has to know of the pod.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PodFile {
    holder: ProcessIdentity,
}

impl Pod {
    pub(super) fn new(runtime: &Path, host: &str) -> Self {
        let own = runtime.join(host);
        Self {
            folder: own.join("pod"),
            at: runtime.join("pod"),
            images: own.join("images"),
            rehearsing: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// The state; never held across an await.
    fn state(&self) -> MutexGuard<'_, PodState> {
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self) -> PathBuf {
        self.folder.with_extension("json")
    }

    fn members(&self) -> Option<Members> {
        let holder = self.state().holder.filter(|holder| holder.runs())?;
        Members::of_holder(i32::try_from(holder.pid).ok()?)
    }

    fn running(&self) -> Option<RunningPod> {
        Some(RunningPod { leader: Leader::in_folder(&self.folder), members: self.members()? })
    }

    /// Starts a holder, with a leader that makes this tun interface or without one.
    async fn hold(&self, tun: Option<&str>) -> Result<RunningPod, Failure> {
        let place = Place { folder: self.folder.clone(), at: self.at.clone() };
        let ended = || Failure::new(ErrorCode::Environment, "the first process of the pod has ended").hint("see the agent's log");
        let holder = u32::try_from(start_holder(&place, tun).await?).ok().and_then(ProcessIdentity::read).ok_or_else(ended)?;
        self.state().holder = Some(holder);
        // Without the file only a restart of this agent loses sight of it.
        let _ = disk::store_until_reboot(&self.file(), &PodFile { holder });
        self.running().ok_or_else(ended)
    }

    /// Ends everything in it.
    fn end(&self) {
        let holder = {
            let mut state = self.state();
            (state.network, state.dumped) = (None, false);
            state.holder.take()
        };
        if let Some(holder) = holder.filter(|holder| holder.runs()).and_then(|holder| i32::try_from(holder.pid).ok()) {
            kill_holder(holder);
        }
        let _ = std::fs::remove_file(self.file());
        let _ = std::fs::remove_dir_all(&self.images);
    }

    /// Its network, and its hardware address there on this host.
    fn network_and_mac(&self) -> Option<(PodNetwork, MacAddress)> {
        let state = self.state();
        state.network.clone().zip(state.mac)
    }

    /// What was carried holds the memory of the processes, and is needed no more.
    pub(super) fn forget_images(&self) {
        let _ = std::fs::remove_dir_all(&self.images);
    }

    /// Opens the network of its leader.
    fn open_network(&self, host: &str, members: &Members) -> Result<PodNetwork, Failure> {
        let gone =
            |why: String| Failure::new(ErrorCode::Environment, format!("the network of the pod on {host} cannot be opened: {why}"));
        let leader = members.numbered(LEADER).ok_or_else(|| gone("it has no leader".into()))?;
        let namespace = File::open(format!("/proc/{leader}/ns/net")).map_err(|e| gone(e.to_string()))?;
        let ports = Ports::open_in(host, &namespace)?;
        let network = PodNetwork { namespace: Arc::new(namespace), ports };
        self.state().network = Some(network.clone());
        Ok(network)
    }
}

impl Work {
    /// The pod in which a process is to be started, made now if there is none; nothing where the work is in none.
    pub(super) async fn ensure_pod(&self) -> Result<Option<RunningPod>, Failure> {
        let Some(pod) = &self.pod else { return Ok(None) };
        if let Some(running) = pod.running()
            && running.members.numbered(LEADER).is_some()
        {
            return Ok(Some(running));
        }
        pod.end();
        let made = self.make_pod(pod).await;
        if made.is_err() {
            pod.end();
        }
        made.map(Some)
    }

    async fn make_pod(&self, pod: &Pod) -> Result<RunningPod, Failure> {
        let tun = self.settings().tun.clone();
        let running = pod.hold(Some(&tun)).await?;
        let mac = self.pod_mac(pod).await?;
        let leader = running.members.numbered(LEADER).and_then(|pid| u32::try_from(pid).ok());
        let leader = leader.ok_or_else(|| Failure::new(ErrorCode::Environment, "the leader of the pod has ended"))?;
        self.host.ports.lay_cable(leader, mac).await?;
        self.host.ports.bring_up(OUTSIDE).await?;
        let PodNetwork { ports, .. } = pod.open_network(&self.host.name, &running.members)?;
        for name in ["lo", INSIDE] {
            ports.bring_up(name).await?;
        }
        ports.add(INSIDE, self.active_address()).await?;
        // The address of the host's own tun is the one that the next work gets.
        if let Some(address) = self.host.ports.read(&tun).await?.addresses.first().and_then(|address| address.parse().ok()) {
            ports.set(&tun, address).await?;
        }
        Ok(running)
    }

    /// Hardware address of the pod's eth3 on this host; the host's own network is made ready for it.
    async fn pod_mac(&self, pod: &Pod) -> Result<MacAddress, Failure> {
        if let Some(mac) = pod.state().mac {
            return Ok(mac);
        }
        let port = &self.settings().radio_port;
        self.host.ports.make_bridge(port, self.parked_address()).await?;
        let (_, host) = self.host.ports.hardware(port).await?;
        let mac = pod_mac(host);
        pod.state().mac = Some(mac);
        Ok(mac)
    }

    /// Whether CRIU can move a pod on this machine: rehearsed once, and an alarm where it cannot.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] with CRIU's reason, and what to do.
    pub(super) async fn require_rehearsal(&self) -> Result<(), Failure> {
        let Some(pod) = &self.pod else { return Ok(()) };
        let _alone = pod.rehearsing.lock().await;
        // One that failed is made again: the operator may have done what its hint says.
        if let Some(Ok(())) = pod.state().rehearsed {
            return Ok(());
        }
        let result = rehearse(&pod.folder.with_file_name("rehearsal")).await;
        pod.state().rehearsed = Some(result.clone());
        let host = &self.host.name;
        match &result {
            Ok(()) => self.host.clear(&Concern::Rehearsal, || format!("{host} can move a pod now")),
            Err(failure) => self.host.raise(Concern::Rehearsal, Level::Warning, failure.clone()),
        }
        result
    }

    /// Rehearses when the agent starts, so that a check tells before the first order whether this machine can move a pod.
    pub(in crate::agent) async fn rehearse_early(self: Arc<Self>) {
        // What it finds is an alarm.
        let _ = self.require_rehearsal().await;
    }

    /// Whether that is the pod of this host itself.
    pub(super) fn is_own_pod(&self, mac: MacAddress) -> bool {
        self.pod.as_ref().is_some_and(|pod| pod.state().mac == Some(mac))
    }

    /// Whether a pod with a leader is there.
    pub(super) fn pod_runs(&self) -> bool {
        self.pod.as_ref().is_some_and(|pod| pod.state().network.is_some())
    }

    /// The interfaces among which tun is: the pod's, where there is one.
    pub(super) fn tun_ports(&self) -> Ports {
        let network = self.pod.as_ref().and_then(|pod| pod.state().network.clone());
        network.map_or_else(|| self.host.ports.clone(), |network| network.ports)
    }

    /// The network namespace in which the radio is reached, where it is not this host's.
    pub(super) fn pod_network(&self) -> Option<Arc<File>> {
        Some(self.pod.as_ref()?.state().network.as_ref()?.namespace.clone())
    }

    /// eth3 as others see it: the pod's, while its cable is plugged in, and else the host's own.
    pub(super) async fn read_pod_port(&self) -> Result<Port, Failure> {
        let port = self.host.ports.read(&self.settings().radio_port).await?;
        let addresses = match self.host.ports.is_plugged().await {
            true => vec![self.active_address().to_string()],
            false => self.host.ports.read(BRIDGE).await?.addresses,
        };
        let mac = self.pod.as_ref().and_then(|pod| pod.state().mac).map(format_mac);
        Ok(Port { addresses, mac, ..port })
    }

    /// Plugs the pod's cable in, or out.
    pub(super) async fn set_pod_port(&self, port: SetPort) -> Result<(), Failure> {
        let result = match port {
            SetPort::Active => {
                self.ensure_pod().await?;
                let plugged = self.radio_port.hold(None);
                self.announce_pod().await;
                plugged
            }
            SetPort::Parked => {
                self.forget_preparation();
                let parked = self.radio_port.release();
                self.end_pod_if_empty().await;
                parked
            }
        };
        self.host.notify_change();
        result?;
        self.cable_is_good();
        Ok(())
    }

    /// Tells everybody on the radio's network that its address is in this host's pod.
    pub(super) async fn announce_pod(&self) {
        let Some(mac) = self.pod.as_ref().and_then(|pod| pod.state().mac) else { return };
        let address = self.active_address().address();
        let announced = match self.host.ports.hardware(BRIDGE).await {
            Ok((index, _)) => tokio::task::spawn_blocking(move || {
                let socket = ArpSocket::open(index, mac)?;
                (0..ANNOUNCEMENTS).try_for_each(|_| socket.announce(address))
            })
            .await
            .unwrap_or_else(|e| Err(std::io::Error::other(e))),
            Err(failure) => Err(std::io::Error::other(failure)),
        };
        if let Err(e) = announced {
            self.host.event(Level::Warning, format!("the radio's address could not be announced: {e}"));
        }
    }

    /// Ends a pod in which nothing of the work runs any more.
    pub(super) async fn end_pod_if_empty(&self) {
        let Some(pod) = &self.pod else { return };
        if self.d2d.is_running() || self.usrp.is_running() || pod.state().holder.is_none() {
            return;
        }
        pod.end();
        if let Err(failure) = self.host.ports.take_cable().await {
            self.host.event(Level::Warning, failure.to_string());
        }
    }

    /// Has the processes of a dumped pod go on, still frozen, and connects to them.
    ///
    /// # Errors
    /// [`ErrorCode::Workload`] when one does not answer.
    pub(super) async fn thaw_pod(&self) -> Result<(), Failure> {
        let Some(pod) = &self.pod else { return Ok(()) };
        if std::mem::take(&mut pod.state().dumped)
            && let Some(members) = pod.members()
        {
            members.signal(Signal::SIGCONT);
        }
        tokio::try_join!(self.d2d.join(), self.usrp.join()).map(drop)
    }

    /// Takes up what an agent before this one has left; whether its processes are stopped, or frozen and without a connection.
    pub(super) async fn restore_pods_host(&self) -> bool {
        let Some(pod) = &self.pod else { return false };
        if let Err(failure) = self.pod_mac(pod).await {
            self.host.event(Level::Error, format!("this host cannot have a pod: {failure}"));
        }
        let noted = disk::load::<PodFile>(&pod.file()).ok().flatten();
        pod.state().holder = noted.map(|file| file.holder).filter(|holder| holder.runs());
        let Some(running) = pod.running() else { return false };
        if let Err(failure) = pod.open_network(&self.host.name, &running.members) {
            self.host.event(Level::Warning, in_context("the pod that was left is ended", failure).to_string());
            pod.end();
            return false;
        }
        let stopped = running.members.are_stopped();
        pod.state().dumped = stopped;
        for child in [&self.d2d, &self.usrp] {
            // One that is not there was not started, or has died; telemetry shows it.
            let _ = child.adopt_member(&running).await;
        }
        stopped
    }
}
