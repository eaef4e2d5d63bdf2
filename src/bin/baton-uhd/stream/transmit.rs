//! The transmit thread: bursts of the D2D process to the radio, and the radio's word on them. It also keeps the connection to the
//! D2D process, which may come later and may go and come again.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use radio::Throttle;
use radio::bridge::Bridge;
use radio::counters::add;
use radio::placement::{Join, Placement, TAIL};
use workload::samples::{Block, Kind, MAX_SAMPLES, Sample};
use workload::seqpacket::{Received, SampleSocket};

use super::session::Session;
use super::ticks::{TICKS_PER_SECOND, time_of};
use crate::libuhd::{Burst, TxReport, TxStream};

/// How often an absent D2D process is looked for.
const RETRY: Duration = Duration::from_millis(10);
/// Longest wait of the thread when nothing happens.
const IDLE: Duration = Duration::from_millis(50);
/// How long a burst may wait for room in the radio's queue; by then its own time has passed.
const ROOM: Duration = Duration::from_millis(50);
/// A burst's end is sent this long before it is due at least, ticks: 1 ms.
const MARGIN: u64 = TICKS_PER_SECOND / 1000;
/// No burst ends later than this, ticks: its end would hold up all behind it. A clock that was set back can make it look so.
const FAR: u64 = 10 * TICKS_PER_SECOND;
/// Length of a tick, ns.
const NANOSECONDS_PER_TICK: u64 = 1_000_000_000 / TICKS_PER_SECOND;
/// Least time between two notes of one kind.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs until the process ends.
pub fn run(session: &Session, bridge: &Bridge, samples: &Path, streams: &Receiver<TxStream>) {
    let mut sender = Sender::new(session, streams);
    while !session.ends() {
        let connected = SampleSocket::connect(samples).and_then(|socket| Ok((socket.try_clone()?, socket)));
        match connected {
            Ok((outlet, inlet)) => {
                bridge.offer(outlet);
                sender.serve(inlet);
            }
            Err(_) => std::thread::sleep(RETRY),
        }
    }
    sender.end_burst();
    // Before it is said: the radio is given free only when no stream is left.
    drop(sender);
    session.rests();
}

struct Sender<'a> {
    session: &'a Session,
    streams: &'a Receiver<TxStream>,
    stream: Option<TxStream>,
    placement: Placement,
    samples: Vec<Sample>,
    /// When the burst that goes on ends, unless a block continues it before.
    end_at: Option<Instant>,
    /// Whether a block was sent since the last report that one was late: each of its packets may be reported.
    sent_since_late: bool,
    notes: Throttle,
}

impl<'a> Sender<'a> {
    fn new(session: &'a Session, streams: &'a Receiver<TxStream>) -> Self {
        Self {
            session,
            streams,
            stream: None,
            placement: Placement::new(session.decimation, 0),
            samples: Vec::with_capacity(MAX_SAMPLES + 2 * TAIL),
            end_at: None,
            sent_since_late: true,
            notes: Throttle::default(),
        }
    }

    /// Serves one connection until the D2D process closes it, or the process ends.
    fn serve(&mut self, mut inlet: SampleSocket) {
        let mut block = Block { kind: Kind::Tx, tick: 0, samples: Vec::with_capacity(MAX_SAMPLES) };
        while !self.session.ends() {
            if !self.wait(&inlet) {
                continue;
            }
            match inlet.receive_either(&mut block) {
                Ok(Received::Block) if block.kind == Kind::Tx && self.may_transmit() => self.transmit(&block),
                // Bursts have nowhere to go; a packet that is no block is the D2D process's fault, not the end.
                Ok(Received::Block | Received::Packet(_)) => {}
                Err(e) if matches!(e.kind(), io::ErrorKind::InvalidData | io::ErrorKind::Interrupted) => {}
                Ok(Received::Closed) | Err(_) => return,
            }
        }
    }

    /// Who hears no samples may have lost the radio to another host, which alone transmits then.
    fn may_transmit(&self) -> bool {
        self.session.linked() && self.session.hears()
    }

    /// Waits for samples, and takes the radio's reports in passing. Whether something came in time.
    fn wait(&mut self, inlet: &SampleSocket) -> bool {
        let limit = self.end_at.map_or(IDLE, |at| IDLE.min(at.saturating_duration_since(Instant::now())));
        let ready = self.session.waker.wait(inlet.as_fd(), Some(limit));
        if let Ok(stream) = self.streams.try_recv() {
            self.stream = Some(stream);
            (self.placement, self.end_at) = (Placement::new(self.session.decimation, 0), None);
        }
        self.take_reports();
        // What has come goes first: it may continue the burst.
        if !ready && self.end_at.is_some_and(|at| Instant::now() >= at) {
            self.end_burst();
        }
        ready
    }

    fn take_reports(&mut self) {
        let counters = &self.session.counters;
        while let Some(report) = self.stream.as_mut().and_then(TxStream::report) {
            match report {
                TxReport::Underflow => add(&counters.underflows, 1),
                TxReport::SequenceError => add(&counters.sequence_errors, 1),
                TxReport::Late if std::mem::take(&mut self.sent_since_late) => add(&counters.late, 1),
                TxReport::Late | TxReport::Other => {}
            }
        }
    }

    fn transmit(&mut self, block: &Block) {
        if block.samples.is_empty() {
            return;
        }
        if self.placement.join(block).is_none() {
            self.end_burst();
        }
        let join = self.placement.join(block).unwrap_or(Join::alone(block.tick));
        join.fill(block, MAX_SAMPLES, &mut self.samples);
        let sent = self.send(join.tick, join.starts, false);
        add(&self.session.counters.tx_samples, sent.saturating_sub(join.zeros) as u64);
        self.sent_since_late |= sent > 0;
        self.end_at = self.placement.is_open().then(|| self.end_at(block));
    }

    /// When to end a burst that no block has continued: each comes about as early as this one, and none that is in time comes later than by half of that.
    fn end_at(&self, block: &Block) -> Instant {
        let Some(now) = self.session.radio_time() else { return Instant::now() };
        let early = block.tick.saturating_sub(now);
        let ticks = self.placement.left(now).saturating_sub(MARGIN.max(early / 2));
        Instant::now() + Duration::from_nanos(ticks.min(FAR) * NANOSECONDS_PER_TICK)
    }

    /// Ends the burst that goes on, if one does, with zeros that bring its last sample out of the radio's filters.
    fn end_burst(&mut self) {
        self.end_at = None;
        let left = self.session.radio_time().map_or(0, |now| self.placement.left(now));
        // A radio that has come to the end has ended it, and one whose clock was set back has forgotten it.
        if let Some(tick) = self.placement.end_tick()
            && self.placement.is_open()
            && self.may_transmit()
            && (1..FAR).contains(&left)
        {
            self.samples.clear();
            self.samples.resize(TAIL, Sample::default());
            self.send(tick, false, true);
        }
        self.placement.abandon();
    }

    /// Sends what is laid out; how many samples the radio took. All have their time: should the radio drop the first ones as too late, those behind them
    /// would else go out at once.
    fn send(&mut self, tick: u64, starts: bool, ends: bool) -> usize {
        let Some(stream) = &mut self.stream else { return 0 };
        if self.samples.is_empty() {
            return 0;
        }
        let sent = stream.send(&self.samples, Burst { time: time_of(tick), starts, ends }, ROOM);
        let (all, count) = (self.samples.len(), *sent.as_ref().unwrap_or(&0));
        if count > 0 {
            self.placement.note(tick, count, ends && count == all);
        }
        let why = match sent {
            Ok(count) if count == all => return count,
            Ok(_) => "the radio's transmit queue has no room; bursts are dropped".to_owned(),
            Err(why) => why,
        };
        if self.notes.open(Instant::now(), PATIENCE) {
            self.session.note(why);
        }
        count
    }
}
