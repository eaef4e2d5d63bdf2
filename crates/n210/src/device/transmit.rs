//! The transmit chain: a queue of packets, played in order into the air; events and flow control.

mod burst_edges;
mod half_bands;
mod playing;

use std::collections::VecDeque;

use self::burst_edges::BurstEdges;
use super::activity::Activity;
use super::clock::{Clock, Tick};
use super::deframer::{Deframer, Packet};
use super::flow::FlowControl;
use super::pipeline::{Timing, TransmitPipeline};
use super::receive::Surroundings;
use crate::air::tuning::{FrontEnd, Tuning};
use crate::ethernet::frame::UDP_HEADERS;
use crate::ethernet::framer::FramerStream;
use n210_wire::Sample;
use n210_wire::dsp::Direction;
use n210_wire::format::Format;
use n210_wire::register::{NEXT_BURST, NEXT_PACKET, WAIT, sr};
use n210_wire::stream_tx::{EVENT_LENGTH, NO_SEQUENCE, QUEUE_SAMPLES, TxEvent, TxMessage};

/// Bytes of the queue in external memory.
const QUEUE_BYTES: usize = 1 << 20;

/// Samples between the reader of packets and the transmitter: so far ahead a packet's numbers are read.
const AHEAD: u64 = 16;

/// The transmitter stays on so long after a burst that did not end, in ticks.
const HOLD: u64 = 1_000_000;

#[derive(Debug, Clone, Copy)]
struct Queued {
    packet: Packet,
    bytes: usize,
    /// Its numbers have been read: whether they were wrong.
    wrong: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Idle,
    /// Playing a packet that ends at this tick, and with it perhaps the burst.
    Playing {
        end: Tick,
        last: bool,
    },
    /// The burst goes on if a packet comes within a sample after this tick.
    Gap(Tick),
    /// Drops what comes, to the end of its burst or forever.
    Dropping,
    /// Until cleared.
    Stuck,
}

/// The chain.
pub struct TxChain {
    timing: Timing,
    /// Nothing where bursts are sent whole.
    edges: Option<BurstEdges>,
    tuning: Tuning,
    stream_id: u32,
    policy: u32,
    format: Format,
    deframer: Deframer,
    packets: VecDeque<Queued>,
    samples: VecDeque<Sample>,
    bytes: usize,
    clearing: bool,
    state: State,
    expected: u32,
    expected_count: u8,
    /// The last packet with numbers had wrong ones.
    wrong: bool,
    /// Sequence of the last packet whose numbers were read, and of the last that the transmitter has seen.
    read: u32,
    at_head: u32,
    /// After a burst without an end, its last sample stays on the air: from and to which tick.
    held: Option<(Tick, Tick)>,
    /// The next burst starts at this tick at the earliest.
    ready: Tick,
    last_sample: Sample,
    flow: FlowControl,
    seen: Tick,
    updates: u8,
    events: u8,
    /// Samples played.
    played: u64,
}

impl TxChain {
    /// The chain as it is after power-up.
    pub fn new(timing: Timing) -> Self {
        Self {
            timing,
            edges: (timing == Timing::Device).then(BurstEdges::default),
            tuning: Tuning::new(Direction::Transmit),
            stream_id: 0,
            policy: 0,
            format: Format::default(),
            deframer: Deframer::default(),
            packets: VecDeque::with_capacity(1024),
            samples: VecDeque::with_capacity(QUEUE_SAMPLES),
            bytes: 0,
            clearing: false,
            state: State::Idle,
            expected: 0,
            expected_count: 0,
            wrong: false,
            read: NO_SEQUENCE,
            at_head: 0,
            held: None,
            ready: 0,
            last_sample: Sample::default(),
            flow: FlowControl::default(),
            seen: 0,
            updates: 0,
            events: 0,
            played: 0,
        }
    }

    /// Writes one of the chain's registers.
    pub fn write(&mut self, register: u8, value: u32, now: Tick) {
        match register {
            sr::TX_CLEAR => {
                self.clear(now);
                self.clearing = value & 1 == 1;
            }
            sr::TX_FORMAT => self.format = Format::from_register(value),
            sr::TX_STREAM_ID => {
                // What was read before keeps its judgement.
                self.look_ahead(now);
                self.stream_id = value;
                self.expect_from_zero();
            }
            sr::TX_UNDERFLOW_POLICY => self.policy = value,
            sr::TX_FLOW_TIME => self.flow.set_time(value, now),
            sr::TX_FLOW_PACKETS => self.flow.set_packets(value),
            sr::TX_FREQUENCY => self.tuning.set_frequency(value, now + self.pipeline().oscillator),
            sr::TX_SCALE => self.tuning.set_scale(value),
            sr::TX_INTERPOLATION => self.tuning.set_decimation(value),
            _ => {}
        }
    }

    /// What its board does from now on.
    pub fn set_front(&mut self, front: FrontEnd) {
        self.tuning.set_front(front);
    }

    /// What it does.
    pub fn activity(&self) -> Activity {
        Activity { runs: self.is_on(self.seen), decimation: self.tuning.decimation, samples: self.played }
    }

    /// Everything under way is gone, and the transmitter is off.
    fn clear(&mut self, now: Tick) {
        self.packets.clear();
        self.samples.clear();
        self.bytes = 0;
        self.deframer = Deframer::default();
        (self.state, self.held, self.ready) = (State::Idle, None, now);
        self.flow.restart(now);
        self.expect_from_zero();
    }

    fn expect_from_zero(&mut self) {
        (self.expected, self.expected_count, self.read) = (0, 0, NO_SEQUENCE);
    }

    /// Ends updates by time: what the firmware does when the peer's port is gone.
    pub fn stop_updates(&mut self, now: Tick) {
        self.flow.set_time(0, now);
    }

    /// Whether the transmitter is on: what switches the boards to transmit.
    pub fn is_on(&self, now: Tick) -> bool {
        match self.state {
            State::Playing { .. } | State::Gap(_) => true,
            _ => self.held.is_some_and(|(_, until)| now < until),
        }
    }

    /// Whether the queue takes a datagram of this length.
    pub fn has_room(&self, length: usize) -> bool {
        self.clearing || self.bytes + length <= QUEUE_BYTES
    }

    /// Takes a datagram into the queue; while the chain is being cleared it is lost.
    pub fn push(&mut self, datagram: &[u8]) {
        if self.clearing {
            return;
        }
        let packet = self.deframer.read(datagram, self.format, &mut self.samples);
        self.bytes += datagram.len();
        self.packets.push_back(Queued { packet, bytes: datagram.len(), wrong: None });
    }

    fn pipeline(&self) -> TransmitPipeline {
        self.timing.transmit(self.tuning.words.1)
    }

    fn step(&self) -> u64 {
        u64::from(self.tuning.decimation)
    }

    /// Tick of the next thing to do.
    pub fn due(&self, clock: &Clock) -> Option<Tick> {
        let now = self.seen;
        let front = self.packets.front();
        let play = match self.state {
            State::Playing { end, .. } => Some(end),
            State::Gap(since) => Some(if front.is_some() { now } else { since + self.step() }),
            State::Idle => front
                .map(|queued| queued.packet.header.tick.and_then(|time| clock.tick_of(time, now)).unwrap_or(now).max(self.ready)),
            State::Dropping => front.map(|_| now),
            State::Stuck => None,
        };
        [self.flow.due(now), play].into_iter().flatten().min().map(|tick| tick.max(now))
    }

    /// Does what is due up to a tick.
    pub fn advance(&mut self, to: Tick, around: &mut Surroundings) {
        while let Some(at) = self.due(around.clock).filter(|at| *at <= to) {
            self.seen = at;
            if self.flow.due(at) == Some(at) {
                self.update(at, around);
            } else {
                self.act(at, around);
            }
        }
        self.seen = self.seen.max(to);
        self.hold(to, around);
    }

    /// Does the one thing that the state machine has to do at this tick.
    fn act(&mut self, at: Tick, around: &mut Surroundings) {
        match self.state {
            State::Playing { end, last } => {
                self.flow.consume();
                if last {
                    self.cut((end, end.saturating_sub(self.step())), around);
                    self.state = State::Idle;
                    self.ready = at + self.timing.next_burst();
                    self.event(TxMessage::BurstAck, at, around);
                } else {
                    self.state = State::Gap(end);
                    self.stay_on(end);
                }
            }
            State::Gap(since) => self.go_on(since, at, around),
            State::Idle => self.begin(at, around),
            State::Dropping => {
                if let Some(last) = self.drop_front() {
                    self.settle(last);
                }
            }
            State::Stuck => {}
        }
    }

    /// Between two packets of a burst.
    fn go_on(&mut self, since: Tick, at: Tick, around: &mut Surroundings) {
        match self.front() {
            Some(queued) if queued.wrong == Some(true) => self.fail(TxMessage::SequenceErrorInBurst, at, around),
            Some(queued) => self.play(queued.packet, since, around),
            None if at < since + self.step() => {}
            None => {
                self.event(TxMessage::Underflow, at, around);
                self.ready = at + self.timing.next_burst();
                self.state = match self.policy {
                    policy if policy & NEXT_PACKET != 0 => State::Idle,
                    policy if policy & WAIT != 0 => State::Stuck,
                    _ => State::Dropping,
                };
            }
        }
    }

    /// The first packet of a burst is due, or was.
    fn begin(&mut self, at: Tick, around: &mut Surroundings) {
        let Some(Queued { packet, wrong, .. }) = self.front() else { return };
        if wrong == Some(true) {
            return self.fail(TxMessage::SequenceError, at, around);
        }
        match packet.header.tick.map(|time| around.clock.tick_of(time, at)) {
            None => self.play(packet, at, around),
            Some(Some(start)) if start == at => self.play(packet, at, around),
            Some(None) => self.fail(TxMessage::Late, at, around),
            Some(Some(_)) => {}
        }
    }

    /// The first packet that the transmitter gets to see, with its numbers read. Those without samples pass unseen.
    fn front(&mut self) -> Option<Queued> {
        loop {
            self.read_front();
            let queued = *self.packets.front()?;
            if queued.packet.samples > 0 {
                self.at_head = queued.packet.header.sequence;
                return Some(queued);
            }
            self.take_front();
        }
    }

    /// Reads the numbers of the first packet: a packet is expected to have those after the last one's.
    fn read_front(&mut self) {
        let Some(queued) = self.packets.front_mut().filter(|queued| queued.wrong.is_none()) else { return };
        let header = queued.packet.header;
        if queued.packet.numbered {
            self.wrong = header.sequence != self.expected || header.count != self.expected_count;
            (self.expected, self.expected_count) = (header.sequence.wrapping_add(1), (header.count + 1) & 15);
            self.read = header.sequence;
        }
        queued.wrong = Some(self.wrong);
    }

    /// The numbers of the next packet are read shortly before the one that plays has ended.
    fn look_ahead(&mut self, at: Tick) {
        match self.state {
            State::Playing { end, .. } if at.saturating_add(AHEAD * self.step()) < end => {}
            _ => self.read_front(),
        }
    }

    fn take_front(&mut self) -> Option<Queued> {
        let queued = self.packets.pop_front()?;
        self.bytes = self.bytes.saturating_sub(queued.bytes);
        Some(queued)
    }

    /// Drops the first packet; says whether it would have ended a burst.
    fn drop_front(&mut self) -> Option<bool> {
        let queued = self.front()?;
        self.take_front();
        let count = queued.packet.samples.min(self.samples.len());
        let dropped = self.samples.drain(..count).next_back();
        if self.edges.is_some() {
            // It stands in front of the filters now.
            self.last_sample = dropped.unwrap_or(self.last_sample);
        }
        self.flow.consume();
        Some(queued.packet.header.end_of_burst)
    }

    /// The first packet is wrong or late: it is reported and dropped, and what follows is up to the policy.
    fn fail(&mut self, message: TxMessage, at: Tick, around: &mut Surroundings) {
        self.event(message, at, around);
        if let Some(last) = self.drop_front() {
            self.settle(last);
        }
    }

    /// After a dropped packet.
    fn settle(&mut self, end_of_burst: bool) {
        self.state = match self.policy {
            policy if policy & NEXT_PACKET != 0 || (policy & NEXT_BURST != 0 && end_of_burst) => State::Idle,
            policy if policy & WAIT != 0 => State::Stuck,
            _ => State::Dropping,
        };
    }

    fn update(&mut self, at: Tick, around: &mut Surroundings) {
        self.flow.restart(at);
        let count = self.updates;
        self.updates = (count + 1) & 15;
        self.send(TxMessage::FlowControl, count, at, around);
    }

    fn event(&mut self, message: TxMessage, at: Tick, around: &mut Surroundings) {
        let count = self.events;
        self.events = (count + 1) & 15;
        let done = matches!(message, TxMessage::BurstAck | TxMessage::Underflow);
        self.send(message, count, if done { at + self.timing.event() } else { at }, around);
    }

    fn send(&mut self, message: TxMessage, count: u8, at: Tick, around: &mut Surroundings) {
        self.look_ahead(at);
        let event = TxEvent { stream: self.stream_id, count, tick: around.clock.device(at), message, sequence: self.read };
        around.wire.small(at, UDP_HEADERS + EVENT_LENGTH);
        if let Some(packet) = around.framer.frame(FramerStream::Tx, around.out, EVENT_LENGTH) {
            packet.copy_from_slice(&event.encode_about(self.at_head));
        }
    }
}
