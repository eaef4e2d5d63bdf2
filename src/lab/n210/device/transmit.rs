//! The transmit chain: a queue of packets, played in order into the air; events and flow control.

use std::collections::VecDeque;

use super::activity::Activity;
use super::clock::{Clock, Tick};
use super::receive::Surroundings;
use crate::lab::n210::air::tuning::Tuning;
use crate::lab::n210::ethernet::framer::Stream;
use crate::radio::wire::Sample;
use crate::radio::wire::dsp::Direction;
use crate::radio::wire::register::sr;
use crate::radio::wire::stream_tx::{EVENT_LENGTH, NO_SEQUENCE, QUEUE_SAMPLES, TxData, TxEvent, TxHeader, TxMessage};

/// Bytes of the queue in external memory.
const QUEUE_BYTES: usize = 1 << 20;

/// Least ticks between two updates by time: a tiny register value must not drown the network.
const LEAST_PERIOD: u64 = 10_000;

const ENABLE: u32 = 0x8000_0000;

#[derive(Debug, Clone, Copy)]
struct Queued {
    header: TxHeader,
    samples: usize,
    bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Idle,
    /// Playing a packet that ends at this tick, and with it perhaps the burst.
    Burst {
        end: Tick,
        last: bool,
    },
}

/// The chain.
pub struct TxChain {
    tuning: Tuning,
    stream_id: u32,
    packets: VecDeque<Queued>,
    samples: VecDeque<Sample>,
    bytes: usize,
    clearing: bool,
    state: State,
    expected: u32,
    expected_count: u8,
    reached: u32,
    period: Option<u64>,
    next_update: Tick,
    every: Option<u32>,
    consumed: u32,
    seen: Tick,
    updates: u8,
    events: u8,
    played: u64,
}

impl TxChain {
    /// The chain as it is after power-up.
    pub fn new() -> Self {
        Self {
            tuning: Tuning::new(Direction::Transmit),
            stream_id: 0,
            packets: VecDeque::with_capacity(1024),
            samples: VecDeque::with_capacity(QUEUE_SAMPLES),
            bytes: 0,
            clearing: false,
            state: State::Idle,
            expected: 0,
            expected_count: 0,
            reached: NO_SEQUENCE,
            period: None,
            next_update: 0,
            every: None,
            consumed: 0,
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
                self.clear();
                self.clearing = value & 1 == 1;
                self.expect_from_zero();
            }
            sr::TX_STREAM_ID => {
                self.stream_id = value;
                self.expect_from_zero();
            }
            sr::TX_FLOW_TIME => {
                let ticks = u64::from(value & 0x00FF_FFFF).max(LEAST_PERIOD);
                self.period = (value & ENABLE != 0).then_some(ticks);
                self.next_update = now.saturating_add(ticks);
            }
            sr::TX_FLOW_PACKETS => {
                self.every = (value & ENABLE != 0).then_some((value & 0xFFFF).max(1));
                self.consumed = 0;
            }
            sr::TX_FREQUENCY => self.tuning.frequency = value,
            sr::TX_SCALE => self.tuning.set_scale(value),
            sr::TX_INTERPOLATION => self.tuning.set_decimation(value),
            _ => {}
        }
    }

    /// What it does.
    pub fn activity(&self) -> Activity {
        Activity { runs: self.state != State::Idle, decimation: self.tuning.decimation, samples: self.played }
    }

    fn clear(&mut self) {
        self.packets.clear();
        self.samples.clear();
        self.bytes = 0;
        self.state = State::Idle;
    }

    fn expect_from_zero(&mut self) {
        (self.expected, self.expected_count, self.reached) = (0, 0, NO_SEQUENCE);
    }

    /// Ends updates by time: what the firmware does when the peer's port is gone.
    pub fn stop_updates(&mut self) {
        self.period = None;
    }

    /// Takes a datagram into the queue; a broken one, or one that finds the queue full, is lost.
    pub fn push(&mut self, datagram: &[u8]) {
        let Ok(data) = TxData::decode(datagram) else { return };
        if self.clearing || self.bytes + datagram.len() > QUEUE_BYTES {
            return;
        }
        self.bytes += datagram.len();
        self.samples.extend(data.samples());
        self.packets.push_back(Queued { header: data.header, samples: data.len(), bytes: datagram.len() });
    }

    /// Tick of the next thing to do.
    pub fn due(&self, now: Tick, clock: &Clock) -> Option<Tick> {
        let update = self.period.map(|_| self.next_update);
        let play = match self.state {
            State::Burst { end, .. } => Some(end),
            State::Idle => {
                self.packets.front().map(|packet| packet.header.tick.and_then(|time| clock.tick_of(time, now)).unwrap_or(now))
            }
        };
        [update, play].into_iter().flatten().min()
    }

    /// Does what is due up to a tick.
    pub fn advance(&mut self, to: Tick, around: &mut Surroundings) {
        // What waits was queued by then: from there on its time has not passed.
        let mut at = self.seen;
        self.seen = to;
        loop {
            match self.state {
                State::Burst { end, .. } if end > to => break,
                State::Burst { end, last } => {
                    at = end;
                    self.continue_burst(end, last, around);
                }
                State::Idle => match self.idle(at, to, around) {
                    Some(start) => at = start,
                    None => break,
                },
            }
        }
        self.update_by_time(to, around);
    }

    /// A packet has been played out.
    fn continue_burst(&mut self, end: Tick, last: bool, around: &mut Surroundings) {
        if last {
            self.state = State::Idle;
            self.event(TxMessage::BurstAck, end, around);
        } else if let Some(packet) = self.packets.front().copied() {
            if self.in_sequence(&packet, TxMessage::SequenceErrorInBurst, end, around) {
                self.play(packet, end, around);
            }
        } else {
            self.state = State::Idle;
            self.event(TxMessage::Underflow, end, around);
        }
    }

    /// Looks at the first packet in the queue; none when there is nothing to do before `to`.
    fn idle(&mut self, at: Tick, to: Tick, around: &mut Surroundings) -> Option<Tick> {
        let packet = self.packets.front().copied()?;
        let start = match packet.header.tick {
            None => at,
            Some(time) => match around.clock.tick_of(time, at) {
                Some(start) if start > to => return None,
                Some(start) => start,
                None => {
                    if self.in_sequence(&packet, TxMessage::SequenceError, at, around) {
                        self.take_front(&packet, around, at);
                        self.event(TxMessage::Late, at, around);
                    }
                    return Some(at);
                }
            },
        };
        if self.in_sequence(&packet, TxMessage::SequenceError, start, around) {
            self.play(packet, start, around);
        }
        Some(start)
    }

    /// Checks the two counters of the first packet; a wrong one is dropped and reported, and counting goes on from it.
    fn in_sequence(&mut self, packet: &Queued, error: TxMessage, at: Tick, around: &mut Surroundings) -> bool {
        let TxHeader { sequence, count, .. } = packet.header;
        let right = sequence == self.expected && count == self.expected_count;
        (self.expected, self.expected_count) = (sequence.wrapping_add(1), (count + 1) & 15);
        if !right {
            self.take_front(packet, around, at);
            self.event(error, at, around);
        }
        right
    }

    /// Removes the first packet; its samples are lost unless they were played.
    fn take_front(&mut self, packet: &Queued, around: &mut Surroundings, at: Tick) {
        self.packets.pop_front();
        self.samples.drain(..packet.samples.min(self.samples.len()));
        self.bytes = self.bytes.saturating_sub(packet.bytes);
        self.reached = packet.header.sequence;
        self.consumed += 1;
        if self.every.is_some_and(|every| self.consumed >= every) {
            self.consumed = 0;
            self.update(at, around);
        }
    }

    fn play(&mut self, packet: Queued, start: Tick, around: &mut Surroundings) {
        let count = packet.samples.min(self.samples.len());
        around.air.play(around.radio, self.tuning, start, self.samples.range(..count).copied());
        self.played += count as u64;
        let end = start + count as u64 * u64::from(self.tuning.decimation);
        self.state = State::Burst { end, last: packet.header.end_of_burst };
        self.take_front(&packet, around, start);
    }

    fn update_by_time(&mut self, to: Tick, around: &mut Surroundings) {
        while let Some(period) = self.period
            && self.next_update <= to
        {
            self.update(self.next_update, around);
            self.next_update += period;
        }
    }

    fn update(&mut self, at: Tick, around: &mut Surroundings) {
        let count = self.updates;
        self.updates = (count + 1) & 15;
        self.send(TxMessage::FlowControl, count, at, around);
    }

    fn event(&mut self, message: TxMessage, at: Tick, around: &mut Surroundings) {
        let count = self.events;
        self.events = (count + 1) & 15;
        self.send(message, count, at, around);
    }

    fn send(&self, message: TxMessage, count: u8, at: Tick, around: &mut Surroundings) {
        let event = TxEvent { stream: self.stream_id, count, tick: around.clock.device(at), message, sequence: self.reached };
        if let Some(packet) = around.framer.frame(Stream::Tx, around.out, EVENT_LENGTH) {
            packet.copy_from_slice(&event.encode());
        }
    }
}
