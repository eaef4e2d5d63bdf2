//! The receive thread: packets of the radio to blocks for the D2D process.

use std::io;
use std::time::{Duration, Instant};

use super::attach;
use super::bridge::{Bridge, Outlet};
use super::counters::add;
use super::session::{Session, Throttle};
use super::sockets::Incoming;
use super::timeline::{Place, Timeline};
use super::wire::stream_rx::RxError;
use super::wire::{RxContext, RxData, RxPacket};
use crate::workload::samples::{Block, Kind};

/// Most samples of a block: one subframe of the reference modem's shape, so that blocks cost little and wait for nothing.
const BLOCK: usize = 1920;

/// How long a call waits for packets before the thread looks around.
const LOOK_AROUND: Duration = Duration::from_millis(20);

/// A stream that is silent for this long has stopped: at 200 ksps, the slowest rate, packets come every 2 ms.
const SILENCE: Duration = Duration::from_millis(100);

/// Least time between two attempts to start a silent stream, and between two notes of one kind.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs for as long as the process.
pub fn run(session: &Session, bridge: &Bridge) {
    // Without a timeout a silent stream would go unnoticed; with one that can not be set, nothing else works either.
    let _ = session.rx.set_read_timeout(Some(LOOK_AROUND));
    let mut receiver = Receiver::new(session, bridge);
    let mut incoming = Incoming::default();
    loop {
        session.await_linked();
        receiver.turn(&mut incoming);
    }
}

struct Receiver<'a> {
    session: &'a Session,
    merger: Merger<'a>,
    epoch: u32,
    heard: Instant,
    silent: bool,
    restarts: Throttle,
    overflow_notes: Throttle,
}

/// Joins packets into blocks.
struct Merger<'a> {
    session: &'a Session,
    outlet: Outlet<'a>,
    timeline: Timeline,
    block: Block,
    slow_notes: Throttle,
}

impl<'a> Receiver<'a> {
    fn new(session: &'a Session, bridge: &'a Bridge) -> Self {
        let block = Block { kind: Kind::Rx, tick: 0, samples: Vec::with_capacity(BLOCK) };
        let timeline = Timeline::new(u64::from(session.plan.decimation));
        let merger = Merger { session, outlet: bridge.outlet(), timeline, block, slow_notes: Throttle::default() };
        let (restarts, overflow_notes) = (Throttle::default(), Throttle::default());
        Self { session, merger, epoch: 0, heard: Instant::now(), silent: false, restarts, overflow_notes }
    }

    /// One call's worth of packets.
    fn turn(&mut self, incoming: &mut Incoming) {
        if self.epoch != self.session.epoch() {
            self.epoch = self.session.epoch();
            self.merger.timeline.restart();
            (self.heard, self.silent) = (Instant::now(), false);
        }
        match incoming.wait(&self.session.rx) {
            Ok(packets) => {
                let stopped = packets.fold(None, |stopped, bytes| self.merger.packet(bytes).or(stopped));
                if self.merger.deliver() {
                    self.hear();
                }
                if let Some(error) = stopped {
                    self.resume(error);
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // At the timeout, and after an ICMP that says why nothing comes.
            Err(_) => self.watch(),
        }
    }

    fn hear(&mut self) {
        let now = Instant::now();
        if std::mem::take(&mut self.silent) {
            let ms = now.saturating_duration_since(self.heard).as_millis();
            self.session.note(format!("samples flow again after {ms} ms"));
        }
        self.heard = now;
        self.session.samples_arrived();
    }

    /// An error ends the radio's stream, and only a new command starts it again.
    fn resume(&mut self, error: RxError) {
        let outcome = attach::start(&mut self.session.control());
        if self.overflow_notes.open(Instant::now(), PATIENCE) {
            let what = match error {
                RxError::Overflow => "the radio's receive stream overflowed",
                _ => "the radio's receive stream broke off",
            };
            self.session.note(match outcome {
                Ok(()) => format!("{what}; it was started again"),
                Err(why) => format!("{what} and could not be started again: {why}"),
            });
        }
    }

    /// Asks for the stream again when it has been silent for too long.
    fn watch(&mut self) {
        let now = Instant::now();
        let silence = now.saturating_duration_since(self.heard);
        if silence < SILENCE || !self.session.linked() || !self.restarts.open(now, PATIENCE) {
            return;
        }
        let asked = attach::claim(&self.session.rx).map_err(|e| format!("the radio can not be reached: {e}"));
        let outcome = asked.and_then(|()| attach::start(&mut self.session.control()));
        if !std::mem::replace(&mut self.silent, true) {
            let ms = silence.as_millis();
            self.session.note(match outcome {
                Ok(()) => format!("no samples from the radio for {ms} ms; the stream was asked for again"),
                Err(why) => format!("no samples from the radio for {ms} ms; asking again fails: {why}"),
            });
        }
    }
}

impl Merger<'_> {
    /// Takes a packet; returns the error when it says that the stream has ended.
    fn packet(&mut self, bytes: &[u8]) -> Option<RxError> {
        match RxPacket::decode(bytes) {
            Ok(RxPacket::Data(data)) => {
                self.data(&data);
                None
            }
            Ok(RxPacket::Context(RxContext { error, .. })) => {
                if error == RxError::Overflow {
                    add(&self.session.counters.overflows, 1);
                }
                matches!(error, RxError::Overflow | RxError::Late | RxError::BrokenChain).then_some(error)
            }
            // Not of the radio's making: the socket is connected to it, so this is a damaged packet, whose samples the gap will show.
            Err(_) => None,
        }
    }

    fn data(&mut self, data: &RxData<'_>) {
        let place = self.timeline.place(data.tick, data.count, data.len());
        if place == Place::Straggler {
            return;
        }
        if let Place::Gap(lost) = place {
            add(&self.session.counters.rx_lost_samples, lost);
        }
        if place != Place::Next || self.block.samples.len() + data.len() > BLOCK {
            self.deliver();
        }
        if self.block.samples.is_empty() {
            self.block.tick = data.tick;
        }
        self.block.samples.extend(data.samples());
        add(&self.session.counters.rx_samples, data.len() as u64);
    }

    /// Hands over what has been joined; whether there was anything.
    fn deliver(&mut self) -> bool {
        if self.block.samples.is_empty() {
            return false;
        }
        if self.outlet.send(&self.block).is_err() && self.slow_notes.open(Instant::now(), PATIENCE) {
            self.session.note("the D2D process does not take its samples in time; blocks are dropped".into());
        }
        self.block.samples.clear();
        true
    }
}
