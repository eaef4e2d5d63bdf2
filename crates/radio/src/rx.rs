//! The receive thread: packets of the radio to blocks for the D2D process.

use std::io;
use std::time::{Duration, Instant};

use super::attach;
use super::bridge::{BlockSender, Bridge};
use super::counters::add;
use super::freshness::Freshness;
use super::merge::Merger;
use super::session::Session;
use super::sockets::Incoming;
use super::throttle::Throttle;
use super::timeline::PacketPlace;
use n210_wire::stream_rx::RxError;
use n210_wire::{RxContext, RxData, RxPacket};
use workload::clock::monotonic_us;
use workload::contract::Happened;
use workload::samples::Block;

/// How long a call waits for packets before the thread looks around.
pub const LOOK_AROUND: Duration = Duration::from_millis(20);

/// Pause after each delivery, in which packets gather: at BW 1.4 they come every 0.2 ms, at BW 5 every 0.06 ms, and a wake-up for each, here and in the
/// D2D process, costs more than all work on the samples. A subframe is complete this much later at most. A whole lab took
/// about 8 % of a core less with it (two runs each way; `scripts/lab-load` measures one).
const GATHER: Duration = Duration::from_micros(300);

/// A stream that is silent for this long has stopped: even at the slowest rate packets come every 2 ms.
const SILENCE: Duration = Duration::from_millis(100);

/// Least time between two attempts to start a silent stream, and between two notes of one kind.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs for as long as the process.
pub fn run(session: &Session, bridge: &Bridge) {
    // Without a timeout a silent stream would go unnoticed; with one that cannot be set, nothing else works either.
    let _ = session.rx.set_read_timeout(Some(LOOK_AROUND));
    let mut receiver = StreamReceiver::new(session, bridge);
    let mut incoming = Incoming::default();
    loop {
        session.await_linked();
        receiver.turn(&mut incoming);
        std::thread::sleep(GATHER);
    }
}

struct StreamReceiver<'a> {
    session: &'a Session,
    merger: Merger,
    freshness: Freshness,
    sender: BlockSender<'a>,
    stream: u32,
    heard: Instant,
    silent: bool,
    silence_reports: Throttle,
    overflow_notes: Throttle,
    slow_notes: Throttle,
}

impl<'a> StreamReceiver<'a> {
    fn new(session: &'a Session, bridge: &'a Bridge) -> Self {
        Self {
            session,
            merger: Merger::new(session.plan.decimation, session.plan.rx.delay),
            freshness: Freshness::default(),
            sender: bridge.sender(),
            stream: 0,
            heard: Instant::now(),
            silent: false,
            silence_reports: Throttle::default(),
            overflow_notes: Throttle::default(),
            slow_notes: Throttle::default(),
        }
    }

    /// One call's worth of packets.
    fn turn(&mut self, incoming: &mut Incoming) {
        let come = incoming.wait(&self.session.rx);
        // Looked at behind the wait: its packets may be the first ones of a new stream.
        if self.stream != self.session.stream_count() {
            self.stream = self.session.stream_count();
            self.merger.restart();
            self.freshness.restart();
            if !self.silent {
                self.heard = Instant::now();
            }
        }
        match come {
            Ok(packets) => self.handle(packets),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // At the timeout, and after an ICMP that says why nothing comes.
            Err(_) => self.watch(),
        }
    }

    fn handle<'p>(&mut self, packets: impl Iterator<Item = &'p [u8]>) {
        let (mut samples, mut stopped) = (0, None);
        for bytes in packets {
            match RxPacket::decode(bytes) {
                Ok(RxPacket::Data(data)) => samples += self.join(&data),
                Ok(RxPacket::Context(context)) => stopped = self.consider(&context).or(stopped),
                // The socket is connected to the radio, so this is a damaged packet; the gap will show its samples as lost.
                Err(_) => {}
            }
        }
        let Self { merger, sender, session, slow_notes, .. } = self;
        merger.hand_over(|block| deliver(block, sender, session, slow_notes));
        if samples > 0 {
            add(&self.session.counters.rx_samples, samples);
            self.hear();
        }
        if let Some(error) = stopped {
            self.resume(error);
        }
    }

    /// Adds a packet's samples to the block under way; how many they were.
    fn join(&mut self, data: &RxData<'_>) -> u64 {
        let Self { merger, sender, session, slow_notes, .. } = &mut *self;
        match merger.add(data, |block| deliver(block, sender, session, slow_notes)) {
            PacketPlace::Straggler => return 0,
            PacketPlace::Gap(lost) => add(&session.counters.rx_lost_samples, lost),
            // The radio's clock may have been set back.
            PacketPlace::Start => self.freshness.restart(),
            PacketPlace::Next => {}
        }
        data.len() as u64
    }

    /// Counts an error packet; returns the error if it ended the stream.
    fn consider(&self, context: &RxContext) -> Option<RxError> {
        let error = context.error;
        if error == RxError::Overflow {
            add(&self.session.counters.overflows, 1);
        }
        matches!(error, RxError::Overflow | RxError::Late | RxError::BrokenChain).then_some(error)
    }

    fn hear(&mut self) {
        let now = Instant::now();
        if std::mem::take(&mut self.silent) {
            let ms = now.saturating_duration_since(self.heard).as_millis();
            self.session.note(format!("samples flow again after {ms} ms"));
        }
        self.heard = now;
        let waited = self.session.latest_tick().map_or(Duration::ZERO, |tick| self.freshness.delay(tick, monotonic_us()));
        if let Some(ticks) = self.freshness.difference() {
            self.session.note_clock_difference(ticks);
        }
        self.session.note_samples(waited);
        self.session.samples_arrived();
    }

    /// An error ends the radio's stream, and only a new command starts it again.
    fn resume(&mut self, error: RxError) {
        // A parked entity leaves the radio alone; its resumption starts the stream again. One that overlaps has a chain of its own.
        if self.session.park.is_parking() && !self.session.overlaps() {
            return;
        }
        let outcome = attach::start(&mut self.session.control(), self.session.chain(), attach::DEADLINE);
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

    /// Tells the agent when the stream has been silent for too long. It is not asked for again from here: another host may have it by now, and only
    /// the agent can find out.
    fn watch(&mut self) {
        let now = Instant::now();
        let silence = now.saturating_duration_since(self.heard);
        if silence < SILENCE
            || !self.session.linked()
            || self.session.park.is_parking()
            || !self.silence_reports.open(now, PATIENCE)
        {
            return;
        }
        let for_ms = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
        if !std::mem::replace(&mut self.silent, true) {
            self.session.note(format!("no samples from the radio for {for_ms} ms"));
        }
        self.session.tell(Happened::Silent { for_ms });
    }
}

/// Hands a block to the D2D process.
fn deliver(block: &Block, sender: &mut BlockSender<'_>, session: &Session, notes: &mut Throttle) {
    session.note_tick(block.tick + session.plan.rx.delay + block.samples.len() as u64 * u64::from(session.plan.decimation));
    if sender.send(block).is_err() && notes.open(Instant::now(), PATIENCE) {
        session.note("the D2D process does not take its samples in time; blocks are dropped".into());
    }
}
