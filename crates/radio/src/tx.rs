//! The transmit thread: bursts of the D2D process to the radio, and the radio's word on them. It also keeps the connection to the
//! D2D process, which may come later and may go and come again.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use nix::sys::socket::MultiHeaders;

use super::bridge::Bridge;
use super::burst::{Bursts, MAX_PACKETS, packets};
use super::counters::{Counters, add};
use super::session::Session;
use super::sockets::{Incoming, send_all};
use super::throttle::Throttle;
use super::window::Window;
use n210_wire::stream_tx::TxMessage;
use n210_wire::{TICKS_PER_SECOND, TxEvent};
use workload::contract::Mark;
use workload::samples::{Block, Kind, MAX_SAMPLES};
use workload::seqpacket::{Received, SampleSocket};
use workload::standby::Packet;

/// How often an absent D2D process is looked for, ms.
const RETRY_MS: u16 = 10;

/// Longest wait of the thread when nothing happens, ms; the radio's reports come as often.
const IDLE_MS: u16 = 50;

/// How long a burst may wait for room in the radio's queue; by then its own time has passed.
const ROOM: Duration = Duration::from_millis(50);

/// A burst's end is sent this long before it is due at least, ticks: 1 ms.
const MARGIN: u64 = TICKS_PER_SECOND / 1000;

/// No burst ends later than this, ticks: its end would hold up all behind it. A clock that was set back can make it look so.
const FAR: u64 = 10 * TICKS_PER_SECOND;

/// Length of a tick, ns.
const NANOSECONDS_PER_TICK: u64 = 1_000_000_000 / TICKS_PER_SECOND;

/// Least time between two notes of one kind, and between two repairs.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs for as long as the process.
pub fn run(session: &Session, bridge: &Bridge, samples: &Path) {
    let mut sender = Sender::new(session);
    loop {
        let connected = SampleSocket::connect(samples).and_then(|socket| Ok((socket.try_clone()?, socket)));
        match connected {
            Ok((outlet, inlet)) => {
                bridge.offer(outlet);
                sender.serve(inlet);
            }
            Err(_) => {
                sender.wait(None, RETRY_MS);
                sender.settle();
            }
        }
    }
}

struct Sender<'a> {
    session: &'a Session,
    bursts: Bursts,
    /// Number of the last burst that was late: each of its packets is reported.
    late_burst: u64,
    window: Window,
    /// When the burst that goes on ends, unless a block continues it before.
    end_at: Option<Instant>,
    headers: MultiHeaders<()>,
    incoming: Incoming,
    epoch: u32,
    /// Since when there has been no room.
    full_since: Option<Instant>,
    full_notes: Throttle,
    unsent_notes: Throttle,
    repairs: Throttle,
    /// The next burst is the first after a take-over.
    first_burst: bool,
}

impl<'a> Sender<'a> {
    fn new(session: &'a Session) -> Self {
        Self {
            session,
            bursts: Bursts::new(session.plan.decimation, session.plan.tx.delay),
            late_burst: 0,
            window: Window::default(),
            end_at: None,
            headers: MultiHeaders::preallocate(MAX_PACKETS, None),
            incoming: Incoming::default(),
            epoch: 0,
            full_since: None,
            full_notes: Throttle::default(),
            unsent_notes: Throttle::default(),
            repairs: Throttle::default(),
            first_burst: false,
        }
    }

    /// Serves one connection until the D2D process closes it.
    fn serve(&mut self, mut inlet: SampleSocket) {
        let mut block = Block { kind: Kind::Tx, tick: 0, samples: Vec::with_capacity(MAX_SAMPLES) };
        loop {
            // Called to park, it looks only whether something is left to send.
            let ms = if self.session.park.is_parking() && self.session.park.may_send() { 0 } else { IDLE_MS };
            if !self.wait(Some(&inlet), ms) {
                self.settle();
                continue;
            }
            match inlet.receive_either(&mut block) {
                Ok(Received::Block) if block.kind == Kind::Tx && self.may_transmit() => self.transmit(&block),
                Ok(Received::Packet(Packet::Progress(progress))) => self.session.note_progress(progress),
                // Bursts of an unlinked or parked entity, and of one that hears nothing, have nowhere to go; a packet that is no block is the D2D process's fault, not the end.
                Ok(Received::Block | Received::Packet(_)) => {}
                Err(e) if matches!(e.kind(), io::ErrorKind::InvalidData | io::ErrorKind::Interrupted) => {}
                Ok(Received::Closed) | Err(_) => return,
            }
        }
    }

    /// Who hears no samples may have lost the streams to another host, which alone transmits then.
    fn may_transmit(&self) -> bool {
        self.session.linked() && self.session.park.may_send() && self.session.hears()
    }

    /// Parks if that is wanted: nothing is left to send but the end of a burst.
    fn settle(&mut self) {
        if self.session.park.is_parking() && self.session.park.may_send() {
            self.end_burst();
        }
        let mark = if self.epoch == self.session.epoch() {
            let (sequence, count) = self.bursts.next();
            Mark { sequence, count, end_tick: self.bursts.end_tick(), chain: 0 }
        } else {
            self.session.begin()
        };
        self.session.park.settle(Mark { chain: self.session.chain().number(), ..mark });
    }

    /// Waits for samples, or without an inlet for the radio, and takes the radio's events in passing: they come about as often as
    /// bursts, and waking up for each would double the thread's work. Whether something came in time.
    fn wait(&mut self, inlet: Option<&SampleSocket>, ms: u16) -> bool {
        let waited = inlet.map_or(self.session.tx.as_fd(), AsFd::as_fd);
        let limit = Duration::from_millis(ms.into());
        let limit = self.end_at.map_or(limit, |at| limit.min(at.saturating_duration_since(Instant::now())));
        let ready = self.session.park.waker.wait(waited, Some(limit));
        self.take_events();
        // What has come goes first: it may continue the burst.
        if !ready && self.end_at.is_some_and(|at| Instant::now() >= at) {
            self.end_burst();
        }
        ready
    }

    fn take_events(&mut self) {
        // An ICMP error is taken off the socket by this call as well; what it means shows in what arrives or does not.
        let Ok(packets) = self.incoming.poll(&self.session.tx) else { return };
        for event in packets.filter_map(|bytes| TxEvent::decode(bytes).ok()) {
            self.window.reported(event.sequence);
            if event.message == TxMessage::Late {
                let number = self.bursts.number_of(event.sequence);
                if number == self.late_burst {
                    continue;
                }
                self.late_burst = number;
            }
            count(&self.session.counters, event.message);
        }
    }

    fn transmit(&mut self, block: &Block) {
        if self.epoch != self.session.epoch() {
            self.epoch = self.session.epoch();
            let Mark { sequence, count, end_tick, .. } = self.session.begin();
            self.bursts.begin_at(sequence, count, end_tick);
            self.window = Window::at(sequence);
            self.end_at = None;
            if self.session.take_out_of_sequence() {
                self.resequence();
                self.first_burst = true;
            }
        }
        if block.samples.is_empty() || !self.await_room(packets(block.samples.len()) as u32) || self.is_over(block) {
            return;
        }
        if self.bursts.ends_before(block) {
            self.end_burst();
        }
        let (session, frames) = (self.session, self.bursts.lay_out(block));
        let Some(sent) = send(session, &mut self.headers, frames, &mut self.unsent_notes) else { return };
        add(&session.counters.tx_samples, self.bursts.sent(sent) as u64);
        self.window.sent(sent as u32);
        if std::mem::take(&mut self.first_burst) {
            session.note_first_burst();
        }
        self.end_at = self.bursts.is_open().then(|| self.end_at(block));
        self.tell_mark();
    }

    /// Whether a block comes too late for the radio, as from a D2D process that was held up: another host may have gone on in its place, and its
    /// packets would mix with that one's sequence.
    fn is_over(&self, block: &Block) -> bool {
        let is_over = self.session.radio_time().is_some_and(|now| self.bursts.is_over(block, now));
        if is_over {
            add(&self.session.counters.late, 1);
        }
        is_over
    }

    /// Where the transmit side is now, for a standby.
    fn tell_mark(&self) {
        let (sequence, count) = self.bursts.next();
        self.session.note_mark(Mark { sequence, count, end_tick: self.bursts.end_tick(), chain: 0 });
    }

    /// After a take-over from a process whose last packets are not known: a wrong sequence costs a packet, which is not one of a burst.
    fn resequence(&mut self) {
        let frames = self.bursts.lay_out_resequencing();
        if let Some(1) = send(self.session, &mut self.headers, frames, &mut self.unsent_notes) {
            self.bursts.resequenced();
            self.window.sent(1);
        }
    }

    /// When to end a burst that no block has continued: each comes about as early as this one, and none that is in time comes later than by half of that.
    fn end_at(&self, block: &Block) -> Instant {
        let Some(now) = self.session.radio_time() else { return Instant::now() };
        let early = self.bursts.time_of(block).saturating_sub(now);
        let ticks = self.bursts.left(now).saturating_sub(MARGIN.max(early / 2));
        Instant::now() + Duration::from_nanos(ticks.min(FAR) * NANOSECONDS_PER_TICK)
    }

    /// Ends the burst that goes on, if one does.
    fn end_burst(&mut self) {
        self.end_at = None;
        let left = self.session.radio_time().map_or(0, |now| self.bursts.left(now));
        // A radio that has come to the end has ended it, and one whose clock was set back has forgotten it. What is another host's by now is not touched.
        if self.epoch == self.session.epoch() && self.may_transmit() && (1..FAR).contains(&left) {
            let frames = self.bursts.lay_out_end();
            if let Some(sent) = send(self.session, &mut self.headers, frames, &mut self.unsent_notes) {
                self.bursts.sent(sent);
                self.window.sent(sent as u32);
            }
        }
        self.bursts.abandon();
        self.tell_mark();
    }

    /// Waits until the radio's queue has room for a burst.
    fn await_room(&mut self, packets: u32) -> bool {
        let until = Instant::now() + ROOM;
        while self.window.room() < packets {
            let now = Instant::now();
            if now >= until {
                self.full(now);
                return false;
            }
            self.wait(None, 5);
        }
        self.full_since = None;
        true
    }

    /// A burst has waited for room without success.
    fn full(&mut self, now: Instant) {
        if self.full_notes.open(now, PATIENCE) {
            self.session.note("the radio's transmit queue reports no room; bursts are dropped".into());
        }
        if self.repairs.open(now, PATIENCE) {
            self.session.claim_reports();
        }
        // Or what is under way never reached it: then it has nothing to report before a next packet comes. What did is long sent.
        if now.duration_since(*self.full_since.get_or_insert(now)) >= PATIENCE {
            self.window = Window::at(self.bursts.next().0);
            self.full_since = None;
        }
    }
}

/// Sends packets; how many went out.
fn send<'f>(
    session: &Session,
    headers: &mut MultiHeaders<()>,
    frames: impl ExactSizeIterator<Item = &'f [u8]>,
    notes: &mut Throttle,
) -> Option<usize> {
    let sent = {
        let _connected = session.sending.lock().unwrap_or_else(PoisonError::into_inner);
        send_all(&session.tx, headers, frames)
    };
    if let Err(why) = &sent
        && notes.open(Instant::now(), PATIENCE)
    {
        session.note(format!("a burst could not be sent to the radio: {why}"));
    }
    sent.ok()
}

fn count(counters: &Counters, message: TxMessage) {
    match message {
        TxMessage::Underflow | TxMessage::UnderflowInPacket => add(&counters.underflows, 1),
        TxMessage::SequenceError | TxMessage::SequenceErrorInBurst => add(&counters.sequence_errors, 1),
        TxMessage::Late => add(&counters.late, 1),
        TxMessage::FlowControl | TxMessage::BurstAck | TxMessage::Other(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_by_what_they_say() {
        let counters = Counters::default();
        for code in [0, 1, 2, 2, 4, 8, 0x10, 0x20, 0x40] {
            count(&counters, TxMessage::from_code(code));
        }
        let seen = counters.snapshot();
        assert_eq!((seen.underflows, seen.sequence_errors, seen.late), (3, 2, 1));
    }
}
