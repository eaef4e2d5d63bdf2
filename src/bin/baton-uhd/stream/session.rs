//! What the threads of the process share: the radio, whether it is linked, and how far it has come.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, SyncSender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use config::Radio;
use radio::RECEIVE_BUFFER;
use radio::counters::Counters;
use uhd::Usrp;
use workload::clock::monotonic_us;
use workload::contract::Happened;
use workload::waker::Waker;

use super::ticks::{TICKS_PER_SECOND, require_rate};
use crate::device::{self, BOARD, CHANNEL, said};
use crate::libuhd::{RxStream, TxStream};

/// Opening a radio takes some 100 ms (N210) to 20 s (N310).
pub const LINKS_WITHIN: Duration = Duration::from_secs(25);
/// Giving it free takes as long as libuhd does; an N210 is left as it is, at once.
pub const ENDS_WITHIN: Duration = Duration::from_secs(3);
/// After the start command, samples come within milliseconds or not at all.
const FIRST_SAMPLES: Duration = Duration::from_millis(1500);
/// Who has had no samples for this long gives the radio nothing to transmit: it may be another host's by now.
const HEARS: Duration = Duration::from_millis(50);

/// Where the threads get their streams from.
#[derive(Debug)]
pub struct Threads {
    /// What the receive thread has to do.
    pub rx: Sender<Receive>,
    /// The transmit thread's new streams.
    pub tx: Sender<TxStream>,
}

/// What the receive thread has to do.
#[derive(Debug)]
pub enum Receive {
    /// Take this stream, and start it.
    Begin(RxStream),
    /// Stop the stream and start it again.
    Again,
}

/// What waits for something.
#[derive(Debug, Default)]
struct Flow {
    /// Samples have come since they were asked for.
    arrived: bool,
    /// Why they cannot.
    failed: Option<String>,
    /// Streams that have come to rest.
    resting: u32,
}

/// The process.
#[derive(Debug)]
pub struct Session {
    radio: Radio,
    /// Ticks per sample.
    pub decimation: u32,
    /// Counters.
    pub counters: Counters,
    /// Ends a wait of the transmit thread.
    pub waker: Waker,
    /// The open radio; held while it is asked.
    device: Mutex<Option<OpenRadio>>,
    threads: Mutex<Threads>,
    linked: AtomicBool,
    ending: AtomicBool,
    /// Tick behind the latest sample received, and when that was, on CLOCK_MONOTONIC, us; 0 before the first.
    tick: AtomicU64,
    heard_us: AtomicU64,
    locked: Mutex<Option<bool>>,
    flow: Mutex<Flow>,
    flow_changed: Condvar,
    news: SyncSender<Happened>,
}

/// libuhd's radio, which has no words for itself.
struct OpenRadio(Usrp);

impl std::fmt::Debug for OpenRadio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenRadio")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// Nothing is asked of the radio yet.
    ///
    /// # Errors
    /// Of the system.
    pub fn make(radio: Radio, decimation: u32, threads: Threads, news: SyncSender<Happened>) -> io::Result<Self> {
        Ok(Self {
            radio,
            decimation,
            counters: Counters::default(),
            waker: Waker::new()?,
            device: Mutex::default(),
            threads: Mutex::new(threads),
            linked: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            tick: AtomicU64::new(0),
            heard_us: AtomicU64::new(0),
            locked: Mutex::default(),
            flow: Mutex::default(),
            flow_changed: Condvar::new(),
            news,
        })
    }

    /// Opens the radio, makes every setting, and returns when samples flow. A linked process makes the settings again and begins new streams.
    ///
    /// # Errors
    /// A sentence with libuhd's words.
    pub fn link(&self) -> Result<(), String> {
        let mut device = lock(&self.device);
        self.linked.store(false, Ordering::Release);
        let open = match device.take() {
            Some(open) => open,
            None => OpenRadio(device::open(&device::arguments(&self.radio, RECEIVE_BUFFER))?),
        };
        // What has failed once is opened anew.
        let OpenRadio(usrp) = device.insert(open);
        let streams = self.set_up(usrp);
        let (rx, tx) = match streams {
            Ok(streams) => streams,
            Err(why) => {
                *device = None;
                return Err(why);
            }
        };
        *lock(&self.flow) = Flow::default();
        let threads = lock(&self.threads);
        let gone = |_| "a thread of this process has ended; start the work anew".to_owned();
        threads.tx.send(tx).map_err(|_| gone(()))?;
        threads.rx.send(Receive::Begin(rx)).map_err(|_| gone(()))?;
        drop(threads);
        self.linked.store(true, Ordering::Release);
        self.waker.wake();
        self.await_samples().inspect_err(|_| self.linked.store(false, Ordering::Release))
    }

    /// All settings, and both streams.
    fn set_up(&self, usrp: &mut Usrp) -> Result<(RxStream, TxStream), String> {
        device::set_all(usrp, &self.radio)?;
        let read = |e: uhd::Error| said("reading the radio's rates", &e);
        let clock = usrp.get_master_clock_rate(BOARD).map_err(read)?;
        require_rate("receives", self.decimation, usrp.get_rx_sample_rate(CHANNEL).map_err(read)?, clock)?;
        require_rate("transmits", self.decimation, usrp.get_tx_sample_rate(CHANNEL).map_err(read)?, clock)?;
        Ok((RxStream::open(usrp)?, TxStream::open(usrp)?))
    }

    /// Starts the receive stream again. Does nothing where samples flow.
    ///
    /// # Errors
    /// A sentence: it is not linked, or nothing comes all the same.
    pub fn relink(&self) -> Result<(), String> {
        if !self.linked() {
            return Err("this process is not linked to the radio: it has no streams to ask for again".into());
        }
        if self.hears() {
            return Ok(());
        }
        *lock(&self.flow) = Flow::default();
        lock(&self.threads).rx.send(Receive::Again).map_err(|_| "the receive thread has ended; start the work anew")?;
        self.await_samples()
    }

    fn await_samples(&self) -> Result<(), String> {
        let flow = lock(&self.flow);
        let open = |flow: &mut Flow| !flow.arrived && flow.failed.is_none();
        let (mut flow, _) = self.flow_changed.wait_timeout_while(flow, FIRST_SAMPLES, open).unwrap_or_else(PoisonError::into_inner);
        match (flow.arrived, flow.failed.take()) {
            (true, _) => Ok(()),
            (false, Some(why)) => Err(why),
            (false, None) => Err(format!(
                "the radio ({}) took every setting, but no samples came; start the work anew, which opens it again",
                self.radio.args.as_str()
            )),
        }
    }

    /// Samples have come whose end is at that tick.
    pub fn heard(&self, end_tick: u64) {
        self.tick.store(end_tick, Ordering::Release);
        self.heard_us.store(monotonic_us(), Ordering::Release);
        self.change_flow(|flow| !std::mem::replace(&mut flow.arrived, true));
    }

    /// The stream cannot be started.
    pub fn failed(&self, why: String) {
        self.change_flow(|flow| {
            flow.failed = Some(why);
            true
        });
    }

    /// A stream has come to rest, as the process ends.
    pub fn rests(&self) {
        self.change_flow(|flow| {
            flow.resting += 1;
            true
        });
    }

    fn change_flow(&self, change: impl FnOnce(&mut Flow) -> bool) {
        if change(&mut lock(&self.flow)) {
            self.flow_changed.notify_all();
        }
    }

    /// Ends both streams, if they come to rest in time.
    pub fn rest(&self, limit: Duration) {
        self.ending.store(true, Ordering::Release);
        self.waker.wake();
        if self.linked() {
            let flow = lock(&self.flow);
            drop(self.flow_changed.wait_timeout_while(flow, limit, |flow| flow.resting < 2));
        }
    }

    /// Ends the session, as it is ended for that radio. One that is being opened is left to the end of the process.
    pub fn close(&self) {
        // A linked radio is at most asked for its reference at the moment.
        let device = if self.linked() { Some(lock(&self.device)) } else { self.device.try_lock().ok() };
        if let Some(OpenRadio(usrp)) = device.and_then(|mut device| device.take()) {
            device::end(usrp, &self.radio);
        }
    }

    /// Whether the process is to end.
    pub fn ends(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Whether it is linked.
    pub fn linked(&self) -> bool {
        self.linked.load(Ordering::Acquire)
    }

    /// Whether samples arrive.
    pub fn hears(&self) -> bool {
        let since = monotonic_us().saturating_sub(self.heard_us.load(Ordering::Acquire));
        Duration::from_micros(since) < HEARS
    }

    /// The radio's time by what has been received, at most some milliseconds behind it; none before any sample.
    pub fn radio_time(&self) -> Option<u64> {
        let (tick, heard_us) = (self.tick.load(Ordering::Acquire), self.heard_us.load(Ordering::Acquire));
        let since = monotonic_us().saturating_sub(heard_us).saturating_mul(TICKS_PER_SECOND / 1_000_000);
        (heard_us > 0).then(|| tick.saturating_add(since))
    }

    /// Whether the radio's clock is locked to its reference, where it was asked and says so.
    pub fn reference_locked(&self) -> Option<bool> {
        lock(&self.locked).filter(|_| self.linked())
    }

    /// Asks the radio whether its clock is locked. One that sends no samples is not asked: libuhd would wait for it for long.
    pub fn look_at_reference(&self) {
        let known = if self.linked() && self.hears() {
            lock(&self.device).as_ref().and_then(|OpenRadio(usrp)| device::reference_locked(usrp))
        } else {
            None
        };
        *lock(&self.locked) = known;
    }

    /// A line for the log. Never waits: a line too many is dropped.
    pub fn note(&self, text: String) {
        self.tell(Happened::Note { text });
    }

    /// For the agent. Never waits, and what is too much is dropped: whatever lasts is told again.
    pub fn tell(&self, happened: Happened) {
        let _ = self.news.try_send(happened);
    }

    /// For how long nothing has come.
    pub fn silence(&self, since: Instant) -> Duration {
        let heard_us = self.heard_us.load(Ordering::Acquire);
        since.elapsed().min(Duration::from_micros(monotonic_us().saturating_sub(heard_us)))
    }
}

#[cfg(test)]
impl Session {
    /// One that nobody has linked.
    pub fn idle() -> Self {
        let radio = config::Config::parse(config::EXAMPLE).unwrap().radio.into_values().next().unwrap();
        let threads = Threads { rx: std::sync::mpsc::channel().0, tx: std::sync::mpsc::channel().0 };
        Self::make(radio, 52, threads, std::sync::mpsc::sync_channel(1).0).unwrap()
    }
}
