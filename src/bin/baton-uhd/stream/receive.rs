//! The receive thread: samples of the radio to blocks for the D2D process.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use radio::Throttle;
use radio::bridge::{BlockSender, Bridge};
use radio::counters::add;
use uhd::TimeSpec;
use workload::contract::Happened;
use workload::samples::{Block, Kind, Sample};

use super::session::{Receive, Session};
use super::ticks::{Grid, TICKS_PER_SECOND};
use crate::libuhd::{Received, RxStream};

/// Most samples of a block, as the contract has it.
const BLOCK: usize = 1920;
/// Length of a block, of a second: a wake-up for each packet would cost more than all work on the samples.
const BLOCKS_PER_SECOND: u64 = 2000;
/// Longest wait for samples, after which the thread looks around.
const LOOK_AROUND: Duration = Duration::from_millis(20);
/// A stream that is silent for this long has stopped.
const SILENCE: Duration = Duration::from_millis(100);
/// Least time between two notes of one kind, and between two attempts to start a stream.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs until the process ends.
pub fn run(session: &Session, bridge: &Bridge, streams: &Receiver<Receive>) {
    // Whoever sends is the session, which outlives this thread.
    while let Ok(order) = streams.recv() {
        let Receive::Begin(stream) = order else { continue };
        let mut receiver = StreamReceiver::new(session, bridge, stream);
        receiver.start();
        while let Some(next) = receiver.follow(streams) {
            receiver = StreamReceiver::new(session, bridge, next);
            receiver.start();
        }
        // Before it is said: the radio is given free only when no stream is left.
        drop(receiver);
        return session.rests();
    }
}

struct StreamReceiver<'a> {
    session: &'a Session,
    stream: RxStream,
    grid: Grid,
    sender: BlockSender<'a>,
    block: Block,
    begun: Instant,
    silent: bool,
    silence_reports: Throttle,
    restarts: Throttle,
    notes: Throttle,
    slow_notes: Throttle,
}

impl<'a> StreamReceiver<'a> {
    fn new(session: &'a Session, bridge: &'a Bridge, stream: RxStream) -> Self {
        let room = (TICKS_PER_SECOND / u64::from(session.decimation) / BLOCKS_PER_SECOND).clamp(1, BLOCK as u64);
        Self {
            session,
            stream,
            grid: Grid::new(session.decimation),
            sender: bridge.sender(),
            block: Block { kind: Kind::Rx, tick: 0, samples: vec![Sample::default(); room as usize] },
            begun: Instant::now(),
            silent: false,
            silence_reports: Throttle::default(),
            restarts: Throttle::default(),
            notes: Throttle::default(),
            slow_notes: Throttle::default(),
        }
    }

    fn start(&mut self) {
        if let Err(why) = self.stream.start() {
            self.session.failed(why);
        }
    }

    /// Moves samples until there is another stream, which it returns, or the process ends.
    fn follow(&mut self, streams: &Receiver<Receive>) -> Option<RxStream> {
        let room = self.block.samples.len();
        while !self.session.ends() {
            match streams.try_recv() {
                Ok(Receive::Begin(next)) => {
                    self.quiet();
                    return Some(next);
                }
                Ok(Receive::Again) => {
                    self.quiet();
                    self.start();
                }
                Err(_) => {}
            }
            self.block.samples.resize(room, Sample::default());
            match self.stream.receive(&mut self.block.samples, LOOK_AROUND) {
                Ok(received) => self.take(received),
                Err(why) => self.note(why),
            }
        }
        self.quiet();
        None
    }

    /// Stops the stream; a radio that does not answer is quiet as well.
    fn quiet(&mut self) {
        if let Err(why) = self.stream.stop() {
            self.note(why);
        }
    }

    fn take(&mut self, received: Received) {
        match received {
            Received::Samples(count, time) => self.deliver(count, time),
            Received::Nothing => self.watch(),
            // What is missing shows in the time of what follows.
            Received::Missing => {}
            Received::Overflow => {
                add(&self.session.counters.overflows, 1);
                self.note("the radio's receive stream overflowed".into());
            }
            Received::BrokenOff if self.restarts.open(Instant::now(), PATIENCE) => {
                self.note("the radio's receive stream broke off; it is started again".into());
                self.start();
            }
            Received::BrokenOff => {}
        }
    }

    fn deliver(&mut self, count: usize, time: TimeSpec) {
        let place = self.grid.place(time, count);
        let session = self.session;
        add(&session.counters.rx_samples, count as u64);
        add(&session.counters.rx_lost_samples, place.missing);
        session.heard(place.tick.saturating_add(count as u64 * u64::from(session.decimation)));
        if std::mem::take(&mut self.silent) {
            session.note("samples flow again".into());
        }
        self.block.tick = place.tick;
        self.block.samples.truncate(count);
        if self.sender.send(&self.block).is_err() && self.slow_notes.open(Instant::now(), PATIENCE) {
            session.note("the D2D process does not take its samples in time; blocks are dropped".into());
        }
    }

    /// Tells the agent when the stream has been silent for too long. It is not asked for again from here: only the agent can find out whose it is.
    fn watch(&mut self) {
        let silence = self.session.silence(self.begun);
        if silence < SILENCE || !self.session.linked() || !self.silence_reports.open(Instant::now(), PATIENCE) {
            return;
        }
        let for_ms = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
        if !std::mem::replace(&mut self.silent, true) {
            self.session.note(format!("no samples from the radio for {for_ms} ms"));
        }
        self.session.tell(Happened::Silent { for_ms });
    }

    fn note(&mut self, text: String) {
        if self.notes.open(Instant::now(), PATIENCE) {
            self.session.note(text);
        }
    }
}
