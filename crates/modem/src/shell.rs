//! What surrounds the modem in its process: the sample socket, tun, the contract.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::core::{Modem, ModemReport};
use super::intake::{Intake, IpInterface};
use super::outlet::{Outlet, Sync};
use super::phy::numerology::SUBFRAME_TICKS;
use super::progress::Progress;
use super::requests::{ModemRequest, ModemRequests};
use super::settings::{self, ModemSettings};
use super::soft_state::ModemSoftState;
use protocol::{Route, StreamCounters, SyncState};
use workload::contract::{Ask, Happened, Status, Unsent};
use workload::realtime::{Rank, real_time};
use workload::samples::{Block, Kind, MAX_SAMPLES};
use workload::seqpacket::{Received, SampleListener, SampleSocket};
use workload::serve::Reporter;
use workload::standby::Packet;

/// A connected USRP process that sends nothing for this long has no samples: a hundred subframes.
const SILENCE: Duration = Duration::from_millis(100);

/// What the modem's thread tells and the contract's threads read.
#[derive(Debug)]
pub struct SharedState {
    settings: ModemSettings,
    state: Mutex<State>,
    requests: ModemRequests,
    /// The USRP process is told where the modem is.
    reports_progress: AtomicBool,
}

#[derive(Debug)]
struct State {
    sync: Sync,
    since: Instant,
    report: ModemReport,
    /// Bursts that the USRP process did not take in time.
    bursts_dropped: u64,
    routes: Vec<Route>,
}

impl SharedState {
    /// The state at the start.
    ///
    /// # Errors
    /// Of the system: too many open files.
    pub fn new(settings: ModemSettings) -> io::Result<Self> {
        let state = State {
            sync: Sync::NoSamples,
            since: Instant::now(),
            report: ModemReport::default(),
            bursts_dropped: 0,
            routes: Vec::new(),
        };
        Ok(Self { settings, state: Mutex::new(state), requests: ModemRequests::new()?, reports_progress: AtomicBool::new(false) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a question of the contract.
    ///
    /// # Errors
    /// A sentence, for what only a USRP process can do.
    pub fn answer(&self, ask: Ask) -> Result<Value, String> {
        let json = |value: serde_json::Result<Value>| value.map_err(|e| format!("the answer cannot be written: {e}"));
        match ask {
            Ask::Status => json(serde_json::to_value(self.status())),
            Ask::GetControl => Ok(Value::Object(self.settings.control(self.state().report.cell))),
            Ask::Describe => Ok(Value::Object(settings::meanings())),
            Ask::GetRoutes => json(serde_json::to_value(self.routes())),
            Ask::SetRoutes { route_list } if self.settings.group.is_some() => {
                self.requests.submit(ModemRequest::SetRoutes(route_list))
            }
            Ask::SetRoutes { route_list } => {
                self.state().routes = route_list;
                Ok(Value::Null)
            }
            Ask::Export => self.requests.submit(ModemRequest::Export),
            Ask::Import { state } => self.requests.submit(ModemRequest::Import(Box::new(ModemSoftState::read(&state)?))),
            Ask::Freeze => self.requests.submit(ModemRequest::Freeze),
            Ask::Resume => self.requests.submit(ModemRequest::Resume),
            Ask::Unsent => self.requests.submit(ModemRequest::Unsent),
            Ask::Forward(Unsent { packets }) => self.requests.submit(ModemRequest::Forward(packets)),
            Ask::ReportProgress { on } => {
                self.reports_progress.store(on, Ordering::Relaxed);
                Ok(Value::Null)
            }
            Ask::Link
            | Ask::Relink
            | Ask::TakeOver(_)
            | Ask::Overlap(_)
            | Ask::Settle
            | Ask::SendHeartbeats(_)
            | Ask::EndHeartbeats
            | Ask::Follow(_)
            | Ask::Unfollow => Err("the D2D process has no radio to link; the USRP process has".into()),
        }
    }

    /// The route table; between two, what was last set.
    fn routes(&self) -> Vec<Route> {
        let state = self.state();
        let Some(next_hops) = state.report.routes else { return state.routes.clone() };
        let route = |(dest_id, next): (u16, Option<u8>)| Some(Route { dest_id, nexthop: u16::from(next?) });
        (0..).zip(next_hops).filter_map(route).collect()
    }

    fn status(&self) -> Status {
        let state = self.state();
        let for_ms = state.since.elapsed().as_millis() as u64;
        let counters = StreamCounters {
            rx_samples: state.report.rx_samples,
            tx_samples: state.report.tx_samples,
            rx_lost_samples: state.report.rx_lost_samples,
            late: state.bursts_dropped,
            ..StreamCounters::default()
        };
        Status {
            frozen: state.report.frozen.then_some(true),
            sync: Some(told(state.sync, for_ms)),
            counters: Some(counters),
            link: Some(state.report.link),
            ..Status::default()
        }
    }
}

/// A state of synchronisation as the contract tells it.
fn told(sync: Sync, for_ms: u64) -> SyncState {
    match sync {
        Sync::NoSamples => SyncState::NoSamples,
        Sync::Searching => SyncState::Searching,
        Sync::Synced => SyncState::Synced { for_ms },
        Sync::Lost => SyncState::Lost { for_ms },
    }
}

/// The modem's outlet in its process.
struct Shell<'a, I> {
    shared: &'a SharedState,
    reporter: &'a Reporter,
    tun: &'a I,
    intake: &'a Intake,
    samples: Option<SampleSocket>,
    bursts_dropped: u64,
    /// Changes that are not reported yet: whoever receives a report and asks for the control variables gets the present ones.
    changes: Vec<Sync>,
    /// Tick at which the USRP process was last told where the modem is.
    told: u64,
}

impl<I: IpInterface> Outlet for Shell<'_, I> {
    fn burst(&mut self, burst: &Block) {
        let Some(samples) = &mut self.samples else { return };
        if samples.send(burst).is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock) {
            self.bursts_dropped += 1;
        }
    }

    fn packet(&mut self, packet: &[u8]) {
        // Refused when the interface is down or the far end sent no IP; this process can do nothing about either.
        let _ = self.tun.send(packet);
    }

    fn sync(&mut self, sync: Sync) {
        self.changes.push(sync);
    }

    fn note(&mut self, text: &str) {
        self.reporter.report(Happened::Note { text: text.to_owned() });
    }
}

impl<I: IpInterface> Shell<'_, I> {
    /// Performs the agent's requests, and answers each when its effect is published.
    fn serve_requests(&mut self, modem: &mut Modem) {
        while let Some((request, reply)) = self.shared.requests.next() {
            if matches!(request, ModemRequest::Freeze | ModemRequest::Unsent) {
                // The host's replies to the packets that were delivered last belong into the answer. An error of tun shows in the thread that reads it.
                let _ = self.intake.drain(self.tun);
            }
            let answer = request.perform(modem, self);
            self.publish(modem.report());
            // The one who asked may have given up.
            let _ = reply.send(answer);
        }
    }

    /// Tells the USRP process where the modem is, for a standby, once a subframe: behind the bursts that it has handed out.
    fn tell_progress(&mut self, modem: &Modem) {
        let now = modem.now();
        if !self.shared.reports_progress.load(Ordering::Relaxed) || now.abs_diff(self.told) < SUBFRAME_TICKS {
            return;
        }
        if let Some(samples) = &mut self.samples {
            self.told = now;
            // One that finds no room is followed by another.
            let _ = samples.send_packet(&Packet::Progress(&modem.progress().encode()));
        }
    }

    /// A word of the USRP process of a standby.
    fn hear(&mut self, packet: Packet<'_>, modem: &mut Modem) {
        match packet {
            Packet::Followed(progress) => {
                if let Some(progress) = Progress::decode(progress) {
                    modem.follow(progress);
                }
            }
            Packet::GoOn { not_before, progress } => {
                if modem.take_over(Progress::decode(progress), not_before, self) {
                    self.publish(modem.report());
                }
            }
            // Not meant for this end.
            Packet::Progress(_) => {}
        }
    }

    /// Shows what the modem has done, and tells what has changed.
    fn publish(&mut self, report: ModemReport) {
        {
            let mut state = self.shared.state();
            (state.report, state.bursts_dropped) = (report, self.bursts_dropped);
            if let Some(&sync) = self.changes.last() {
                (state.sync, state.since) = (sync, Instant::now());
            }
        }
        for sync in self.changes.drain(..) {
            self.reporter.report(Happened::Sync { sync: told(sync, 0) });
        }
    }
}

/// Serves one USRP process after another, at real-time priority where that is allowed; returns why no further one can come.
pub fn serve_samples(
    listener: &SampleListener,
    mut modem: Modem,
    shared: &SharedState,
    reporter: &Reporter,
    (tun, intake): (&impl IpInterface, &Intake),
) -> io::Error {
    let mut shell = Shell { shared, reporter, tun, intake, samples: None, bursts_dropped: 0, changes: Vec::new(), told: 0 };
    let mut ordinary = real_time(Rank::Modem).err();
    loop {
        let called = shared.requests.waker.wait(listener.as_fd(), None);
        shell.serve_requests(&mut modem);
        if !called {
            continue;
        }
        let mut samples = match listener.accept() {
            Ok(samples) => samples,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return e,
        };
        // Reported once, and only now: at the start no agent listens yet.
        if let Some(error) = ordinary.take() {
            let text = format!("the modem runs without real-time priority ({error}): on a busy machine bursts may come too late");
            reporter.report(Happened::Note { text });
        }
        // A connection that ends at once is no error of this process: it waits for the next one.
        let _ = serve_one(&mut samples, &mut modem, &mut shell);
        shell.samples = None;
        modem.no_samples(&mut shell);
        shell.publish(modem.report());
    }
}

fn serve_one(samples: &mut SampleSocket, modem: &mut Modem, shell: &mut Shell<'_, impl IpInterface>) -> io::Result<()> {
    samples.set_read_timeout(Some(SILENCE))?;
    shell.samples = Some(samples.try_clone()?);
    let mut block = Block { kind: Kind::Rx, tick: 0, samples: Vec::with_capacity(MAX_SAMPLES) };
    let mut heard = Instant::now();
    loop {
        let ready = shell.shared.requests.waker.wait(samples.as_fd(), Some(SILENCE.saturating_sub(heard.elapsed())));
        shell.serve_requests(modem);
        // Woken by the agent alone. Silence is handled as a read that times out.
        if !ready && heard.elapsed() < SILENCE {
            continue;
        }
        heard = Instant::now();
        if !ready {
            modem.no_samples(shell);
            shell.publish(modem.report());
            continue;
        }
        match samples.receive_either(&mut block) {
            Ok(Received::Closed) => return Ok(()),
            Ok(Received::Block) if block.kind == Kind::Rx => {
                modem.receive(block.tick, &block.samples, shell);
                shell.tell_progress(modem);
            }
            Ok(Received::Packet(packet)) => {
                shell.hear(packet, modem);
                continue;
            }
            // Not meant for this end, or no block at all.
            Ok(Received::Block) => continue,
            Err(e) if matches!(e.kind(), io::ErrorKind::InvalidData | io::ErrorKind::Interrupted) => continue,
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => modem.no_samples(shell),
            Err(e) => return Err(e),
        }
        shell.publish(modem.report());
    }
}
