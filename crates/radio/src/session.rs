//! What the threads of the USRP process share: the made entity, and whether it is linked.

mod overlap;
mod relink;
mod standby;

use std::io;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use self::standby::Claimed;
use self::standby::StandbySide;
use super::chain::RxChain;
use super::control::ControlPort;
use super::counters::Counters;
use super::park::Park;
use super::plan::RadioPlan;
use super::radio_state::RadioState;
use super::{attach, sockets};
use protocol::Deadline;
use workload::clock::monotonic_us;
use workload::contract::{Happened, Mark, TakeOver, TakenOver};

/// After the start command, samples come within milliseconds or not at all.
const FIRST_SAMPLES: Duration = Duration::from_millis(800);

/// A stream that goes on brings samples within this: even at the slowest rate packets come every 2 ms.
const FLOWING: Duration = Duration::from_millis(20);

/// A stream that is taken over from another host brings samples within this, or an overflow has stopped it, and it has to be started.
/// Starting one that runs does no harm.
const GOES_ON: Duration = Duration::from_millis(10);

/// Whoever has had no samples for this long gives the radio nothing to transmit: the streams may be another host's by now. Packets come every 2 ms
/// at the slowest rate; half of what the receive thread takes for silence.
const HEARS: Duration = Duration::from_millis(50);

/// No difference of two clocks.
const UNKNOWN: i64 = i64::MIN;

/// Whether the entity is linked, and whether its samples have arrived.
#[derive(Debug, Default)]
struct StreamState {
    linked: bool,
    arrived: bool,
}

/// The made entity.
#[derive(Debug)]
pub struct Session {
    /// Of an armed standby, and of the process that it follows.
    standby: StandbySide,
    /// Register values.
    pub plan: RadioPlan,
    /// Receive stream.
    pub rx: UdpSocket,
    /// Transmit stream, events and flow control.
    pub tx: UdpSocket,
    /// Counters.
    pub counters: Counters,
    /// What was last read of the radio.
    pub radio: RadioState,
    /// Whether it is parked.
    pub park: Park,
    /// Held while the transmit socket sends, and while its address changes.
    pub sending: Mutex<()>,
    /// Number of the receive chain that is ours, or will be.
    chain: AtomicU8,
    /// Time behind the latest sample received, on the radio's clock.
    tick: AtomicU64,
    /// It receives beside another host's process, and is parked.
    overlaps: AtomicBool,
    control: Mutex<ControlPort>,
    /// One link at a time.
    linking: Mutex<()>,
    flow: Mutex<StreamState>,
    flow_changed: Condvar,
    /// Copy of [`StreamState::linked`] for the threads that must not wait.
    linked: AtomicBool,
    /// Whether somebody waits for the first samples.
    awaited: AtomicBool,
    /// Counts beginnings of the transmit sequence, which each time starts at `begin`.
    epoch: AtomicU32,
    /// Counts receive streams. One that is asked for again after a silence is the same: what is missing of it is lost.
    stream: AtomicU32,
    begin: Mutex<Mark>,
    /// When the receive thread last had samples that had not waited in the socket, on CLOCK_MONOTONIC, us; 0 before the first.
    fresh_us: AtomicU64,
    /// CLOCK_MONOTONIC, in ticks, less the radio's clock; [`UNKNOWN`] before the first samples.
    clock_difference: AtomicI64,
    news: SyncSender<Happened>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// Makes the entity: sockets and buffers, and sends nothing to the radio.
    ///
    /// # Errors
    /// Of the system.
    pub fn make(plan: RadioPlan, news: SyncSender<Happened>) -> io::Result<Self> {
        Ok(Self {
            plan,
            rx: sockets::make()?,
            tx: sockets::make()?,
            counters: Counters::default(),
            radio: RadioState::default(),
            park: Park::new()?,
            sending: Mutex::default(),
            chain: AtomicU8::new(0),
            tick: AtomicU64::new(0),
            overlaps: AtomicBool::new(false),
            control: Mutex::new(ControlPort::make(plan.device)?),
            linking: Mutex::default(),
            flow: Mutex::default(),
            flow_changed: Condvar::new(),
            linked: AtomicBool::new(false),
            awaited: AtomicBool::new(false),
            epoch: AtomicU32::new(0),
            stream: AtomicU32::new(0),
            begin: Mutex::default(),
            fresh_us: AtomicU64::new(0),
            clock_difference: AtomicI64::new(UNKNOWN),
            standby: StandbySide::default(),
            news,
        })
    }

    /// Links the entity to the radio, and returns when samples flow. A linked entity is linked again.
    ///
    /// # Errors
    /// A sentence that names what did not answer.
    pub fn link(&self) -> Result<(), String> {
        let _one_at_a_time = lock(&self.linking);
        self.park.leave();
        self.overlaps.store(false, Ordering::Release);
        self.set_linked(false);
        let mut control = lock(&self.control);
        let chain = RxChain::Zero;
        self.set_chain(chain);
        attach::attach(&mut control, &self.rx, &self.tx, &self.plan, chain)?;
        // A former owner's chain, which nothing else would stop.
        attach::reset(&mut control, chain.other(), Instant::now() + attach::DEADLINE)?;
        self.begin_at(Mark::default());
        self.begin_stream();
        self.expect_samples();
        self.set_linked(true);
        let started = attach::start(&mut control, chain, attach::DEADLINE);
        drop(control);
        started.and_then(|()| self.await_samples(FIRST_SAMPLES)).inspect_err(|_| {
            self.set_linked(false);
            self.quiet(Instant::now() + FIRST_SAMPLES);
        })
    }

    /// Continues for another host's parked entity: asks for the streams, and returns when samples flow. Nothing is set up and
    /// nothing cleared: what the other has sent is still in the radio's queue, and our first packet is the next in sequence.
    ///
    /// # Errors
    /// A sentence that names what did not answer, or that this entity has the radio already; it is not linked then.
    pub fn take_over(&self, TakeOver { mark, by_us }: TakeOver) -> Result<TakenOver, String> {
        let _one_at_a_time = lock(&self.linking);
        if self.linked() && !self.overlaps() {
            return Err("this process is linked to the radio already; resume ends a freeze".into());
        }
        // Looked at last, by the thread that claims: it may itself have been stopped since it was asked.
        if by_us.is_some_and(|by_us| Deadline::at_boottime_us(by_us).has_passed()) {
            return Err("it is too late to take over: the process that was frozen may have gone on by itself".into());
        }
        if self.overlaps() {
            return self.take_transmit_side(mark);
        }
        let began = Instant::now();
        self.set_chain(RxChain::new(mark.chain)?);
        self.park.leave();
        self.begin_at(mark);
        self.begin_stream();
        self.expect_samples();
        // Before the first sample, which the receive thread then finds.
        self.set_linked(true);
        let (claimed_us, joined) = (monotonic_us(), self.join());
        let restarted = joined.inspect_err(|_| self.set_linked(false))?;
        Ok(taken_over(began, restarted, claimed_us))
    }

    /// Has the streams come here; whether the receive stream had to be started.
    fn join(&self) -> Result<bool, String> {
        let mut control = lock(&self.control);
        attach::join(&mut control, &self.rx, &self.tx, &self.plan, self.chain())?;
        if self.await_samples(GOES_ON).is_ok() {
            return Ok(false);
        }
        // Asked once more as well: the first may have been lost on the way.
        attach::join(&mut control, &self.rx, &self.tx, &self.plan, self.chain())?;
        attach::start(&mut control, self.chain(), GOES_ON)?;
        self.await_samples(GOES_ON).map(|()| true)
    }

    /// From now on the transmit sequence is this one.
    fn begin_at(&self, mark: Mark) {
        *lock(&self.begin) = mark;
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// What is received from now on does not continue what was received before.
    fn begin_stream(&self) {
        self.stream.fetch_add(1, Ordering::Release);
    }

    /// The count of receive streams so far.
    pub fn stream_count(&self) -> u32 {
        self.stream.load(Ordering::Acquire)
    }

    /// Where the transmit sequence of the present epoch begins.
    pub fn begin(&self) -> Mark {
        *lock(&self.begin)
    }

    /// Parks the entity: no more bursts, and no word to the radio, until it resumes. What the D2D process had given out is sent first.
    ///
    /// # Errors
    /// A sentence when the transmit side does not come to rest.
    pub fn freeze(&self) -> Result<Mark, String> {
        let _one_at_a_time = lock(&self.linking);
        self.park.enter()
    }

    /// Claims the streams of a parked entity again, and returns when samples flow. Settings are as they were left: the host that had the radio meanwhile had the same.
    ///
    /// # Errors
    /// A sentence that names what did not answer. The entity is no longer parked then, and links again by itself as after any silence.
    pub fn resume(&self) -> Result<TakenOver, String> {
        let _one_at_a_time = lock(&self.linking);
        let began = Instant::now();
        let claimed_us = monotonic_us();
        let parked = self.park.is_parking() && self.linked();
        // Also where it was not parked: another host's late take-over may have asked for what this one still uses.
        let claimed = if self.linked() && !self.overlaps() { self.claim() } else { Ok(false) };
        self.park.leave();
        let resumed = claimed.map(|restarted| taken_over(began, restarted, claimed_us))?;
        if parked {
            // A successor's that was called back, and cannot reach the radio any more.
            let stopped = attach::reset(&mut lock(&self.control), self.chain().other(), Instant::now() + attach::DEADLINE);
            stopped.unwrap_or_else(|why| self.note(format!("the radio's other receive chain may still run: {why}")));
        }
        Ok(resumed)
    }

    fn claim(&self) -> Result<bool, String> {
        let mut control = lock(&self.control);
        self.expect_samples();
        attach::claim_both(&control, &self.rx, &self.tx, &self.plan, self.chain())?;
        attach::report_room(&mut control)?;
        if self.await_samples(FLOWING).is_ok() {
            return Ok(false);
        }
        attach::start(&mut control, self.chain(), attach::DEADLINE)?;
        self.await_samples(FIRST_SAMPLES).map(|()| true)
    }

    /// The receive chain that is ours.
    pub fn chain(&self) -> RxChain {
        if self.chain.load(Ordering::Acquire) == RxChain::One.number() { RxChain::One } else { RxChain::Zero }
    }

    fn set_chain(&self, chain: RxChain) {
        self.chain.store(chain.number(), Ordering::Release);
    }

    fn expect_samples(&self) {
        lock(&self.flow).arrived = false;
        self.awaited.store(true, Ordering::Release);
    }

    fn await_samples(&self, limit: Duration) -> Result<(), String> {
        let flow = lock(&self.flow);
        let (flow, _) =
            self.flow_changed.wait_timeout_while(flow, limit, |flow| !flow.arrived).unwrap_or_else(PoisonError::into_inner);
        if flow.arrived {
            return Ok(());
        }
        let (device, port) = (self.plan.device, self.chain().port());
        Err(format!("the radio at {device} took every setting, but no samples came from its receive port {port}"))
    }

    fn set_linked(&self, linked: bool) {
        lock(&self.flow).linked = linked;
        self.linked.store(linked, Ordering::Release);
        self.flow_changed.notify_all();
    }

    /// Whether it is linked.
    pub fn linked(&self) -> bool {
        self.linked.load(Ordering::Acquire)
    }

    /// Waits until it is linked.
    pub fn await_linked(&self) {
        let flow = lock(&self.flow);
        drop(self.flow_changed.wait_while(flow, |flow| !flow.linked));
    }

    /// The count of beginnings of the transmit sequence so far.
    pub fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Tells who waits for the first samples that they are there.
    pub fn samples_arrived(&self) {
        if self.awaited.load(Ordering::Relaxed) && self.awaited.swap(false, Ordering::AcqRel) {
            lock(&self.flow).arrived = true;
            self.flow_changed.notify_all();
        }
    }

    /// The radio's control port; waits until it is free.
    pub fn control(&self) -> MutexGuard<'_, ControlPort> {
        lock(&self.control)
    }

    /// Stops the receive stream if the radio answers in time; what it says no longer matters.
    pub fn quiet(&self, deadline: Instant) {
        loop {
            if let Ok(mut control) = self.control.try_lock() {
                let _ = attach::stop(&mut control, self.chain(), deadline);
                return;
            }
            if Instant::now() >= deadline {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The receive thread has samples, which have waited in the socket for so long.
    pub fn note_samples(&self, waited: Duration) {
        if waited < HEARS {
            self.note_fresh(monotonic_us());
        }
    }

    /// Whether samples of the radio arrive, and are of now: then its streams are this host's. A process that was stopped finds samples in its socket that
    /// prove nothing.
    pub fn hears(&self) -> bool {
        let since = monotonic_us().saturating_sub(self.fresh_us.load(Ordering::Acquire));
        Duration::from_micros(since) < HEARS
    }

    /// Has the reports of the transmit side come here again: a late take-over of another host's may have asked for them, or an ICMP of its own turned
    /// them off. Only for an entity that hears samples.
    pub fn claim_reports(&self) {
        if self.hears() {
            // What fails now is tried again.
            let _ = attach::take_transmit_side(&mut self.control(), &self.tx, &self.plan);
        }
    }

    /// A line for the log. Never waits: a line too many is dropped.
    pub fn note(&self, text: String) {
        self.tell(Happened::Note { text });
    }

    /// For the agent. Never waits, and what is too much is dropped: whatever lasts is told again.
    pub fn tell(&self, happened: Happened) {
        let _ = self.news.try_send(happened);
    }
}

fn taken_over(began: Instant, restarted: bool, claimed_us: u64) -> TakenOver {
    TakenOver { ms: began.elapsed().as_secs_f64() * 1e3, restarted, claimed_us, flowing_us: monotonic_us() }
}
