//! A receive chain: stream commands in, packets out, each when its last sample is due.

use std::collections::VecDeque;

use super::activity::Activity;
use super::clock::{Clock, Tick};
use super::ear::Ear;
use crate::lab::n210::air::Air;
use crate::lab::n210::air::tuning::Tuning;
use crate::lab::n210::ethernet::frame::UDP_HEADERS;
use crate::lab::n210::ethernet::framer::{Framer, Stream};
use crate::lab::n210::ethernet::outbox::Outbox;
use crate::radio::wire::SAMPLES_PER_PACKET;
use crate::radio::wire::dsp::Direction;
use crate::radio::wire::register::{StreamCommand, StreamMode, sr};
use crate::radio::wire::stream_rx::{self, RxContext, RxError};

/// Preamble, check sequence and gap of an Ethernet frame, in bytes.
const WIRE_OVERHEAD: u64 = 24;

/// Commands that the chain queues.
const COMMANDS: usize = 16;

/// What a chain needs of the rest of its radio.
pub struct Surroundings<'a> {
    /// Number of the radio in its process.
    pub radio: usize,
    /// Its clock.
    pub clock: &'a Clock,
    /// Where its streams go.
    pub framer: &'a Framer,
    /// The medium.
    pub air: &'a mut Air,
    /// What it sends.
    pub out: &'a mut Outbox,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Idle,
    /// For the device time of a command.
    Waiting(StreamCommand, u64),
    Running(Run),
}

#[derive(Debug, Clone, Copy)]
struct Run {
    /// Tick of the first sample of the packet that is being filled.
    start: Tick,
    /// Samples of the present command from there on; none is without end.
    left: Option<u64>,
    /// Another command is to follow.
    chain: bool,
}

/// One chain.
pub struct RxChain {
    stream: Stream,
    tuning: Tuning,
    stream_id: u32,
    per_packet: u64,
    count: u8,
    errors: u8,
    command: [u32; 2],
    queue: VecDeque<StreamCommand>,
    state: State,
    /// Tick up to which all was done.
    seen: Tick,
    /// Samples sent.
    sent: u64,
    ear: Ear,
}

impl RxChain {
    /// A chain as it is after power-up.
    pub fn new(stream: Stream) -> Self {
        Self {
            stream,
            tuning: Tuning::new(Direction::Receive),
            stream_id: 0,
            per_packet: SAMPLES_PER_PACKET as u64,
            count: 0,
            errors: 0,
            command: [0; 2],
            queue: VecDeque::with_capacity(COMMANDS),
            state: State::Idle,
            seen: 0,
            sent: 0,
            ear: Ear::default(),
        }
    }

    /// Writes one of the chain's registers, by the number it has for chain 0.
    pub fn write(&mut self, register: u8, value: u32, now: Tick, around: &mut Surroundings) {
        match register {
            sr::RX0_COMMAND => self.command[0] = value,
            sr::RX0_COMMAND_TIME_HIGH => self.command[1] = value,
            sr::RX0_COMMAND_TIME_LOW => {
                let [command, high] = self.command;
                self.push(StreamCommand::from_words([command, high, value]), now, around);
            }
            sr::RX0_STREAM_ID => (self.stream_id, self.count) = (value, 0),
            // A packet that would not fit in a frame is not sent by the real device either.
            sr::RX0_SAMPLES => self.per_packet = u64::from(value).clamp(1, SAMPLES_PER_PACKET as u64),
            sr::RX0_RESET => self.reset(),
            sr::RX0_FREQUENCY => self.tuning.frequency = value,
            sr::RX0_SCALE => self.tuning.set_scale(value),
            sr::RX0_DECIMATION => self.tuning.set_decimation(value),
            _ => {}
        }
    }

    /// Stops at once, without a last packet.
    pub fn reset(&mut self) {
        self.state = State::Idle;
        self.queue.clear();
        self.count = 0;
    }

    /// What it does.
    pub fn activity(&self) -> Activity {
        Activity { runs: self.is_running(), decimation: self.tuning.decimation, samples: self.sent }
    }

    /// Hears the part of the packet under way that has come by now.
    pub fn listen(&mut self, now: Tick, radio: usize, air: &mut Air) {
        if let State::Running(run) = self.state {
            self.ear.listen((run.start, now), self.per_packet, radio, self.tuning, air);
        }
    }

    fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
    }

    /// Tick of the next thing to do.
    pub fn due(&self, now: Tick, clock: &Clock) -> Option<Tick> {
        match &self.state {
            State::Idle => None,
            State::Waiting(_, time) => Some(clock.tick_of(*time, now).unwrap_or(now)),
            State::Running(run) => Some(self.end(run)),
        }
    }

    fn step(&self) -> u64 {
        u64::from(self.tuning.decimation)
    }

    /// Tick at which the packet being filled is full or the command ends.
    fn end(&self, run: &Run) -> Tick {
        let samples = run.left.map_or(self.per_packet, |left| left.min(self.per_packet));
        run.start.saturating_add(samples * self.step())
    }

    fn push(&mut self, command: StreamCommand, now: Tick, around: &mut Surroundings) {
        if self.queue.len() < COMMANDS {
            self.queue.push_back(command);
        }
        match self.state {
            State::Idle => self.begin(now, around),
            State::Waiting(..) => {}
            State::Running(run) => self.absorb(run, now),
        }
    }

    /// Takes the next command while idle.
    fn begin(&mut self, now: Tick, around: &mut Surroundings) {
        while let (State::Idle, Some(command)) = (self.state, self.queue.pop_front()) {
            match (command.mode, command.at) {
                (StreamMode::Stop, _) => self.report(RxError::StopWhileIdle, now, around),
                (_, None) => self.start(command, now),
                (_, Some(time)) => match around.clock.tick_of(time, now) {
                    None => self.report(RxError::Late, now, around),
                    Some(at) if at == now => self.start(command, now),
                    Some(_) => self.state = State::Waiting(command, time),
                },
            }
        }
    }

    fn start(&mut self, command: StreamCommand, at: Tick) {
        let (left, chain) = length(command.mode);
        let run = Run { start: at, left, chain };
        self.state = State::Running(run);
        self.absorb(run, at);
    }

    /// A stream without end looks for a new command at each sample.
    fn absorb(&mut self, mut run: Run, now: Tick) {
        while run.left.is_none()
            && let Some(command) = self.queue.pop_front()
        {
            // Samples that have begun; a stop lets the one under way finish.
            let begun = now.saturating_sub(run.start) / self.step() + 1;
            (run.left, run.chain) = match command.mode {
                StreamMode::Stop => (Some(begun), false),
                mode => {
                    let (samples, chain) = length(mode);
                    (samples.map(|n| n + begun), chain)
                }
            };
        }
        self.state = State::Running(run);
    }

    /// Does what is due up to a tick.
    pub fn advance(&mut self, to: Tick, around: &mut Surroundings) {
        let seen = self.seen;
        self.seen = to;
        loop {
            match self.state {
                State::Idle => return,
                State::Waiting(command, time) => {
                    // A new time may have jumped over the one waited for: then it starts at once.
                    let at = around.clock.tick_of(time, seen).unwrap_or(seen);
                    if at > to {
                        return;
                    }
                    self.start(command, at);
                }
                State::Running(run) => {
                    let end = self.end(&run);
                    if end > to {
                        return;
                    }
                    self.finish_packet(run, end, around);
                }
            }
        }
    }

    /// The packet is full, or the command has ended, or both.
    fn finish_packet(&mut self, mut run: Run, end: Tick, around: &mut Surroundings) {
        let samples = (end - run.start) / self.step();
        if run.left == Some(samples) {
            let next = if run.chain { self.queue.pop_front() } else { None };
            match next.map(|command| command.mode) {
                Some(mode) if mode != StreamMode::Stop => {
                    let (more, chain) = length(mode);
                    run.chain = chain;
                    run.left = more.map(|n| n + samples);
                    self.absorb(run, end);
                    return;
                }
                stopped => {
                    self.emit(run.start, samples, true, around);
                    self.state = State::Idle;
                    if run.chain && stopped.is_none() {
                        self.report(RxError::BrokenChain, end, around);
                    }
                    self.begin(end, around);
                    return;
                }
            }
        }
        if self.outruns_the_wire(end - run.start) {
            return self.overflow(end, around);
        }
        self.emit(run.start, samples, false, around);
        run.start = end;
        run.left = run.left.map(|left| left - samples);
        self.state = State::Running(run);
    }

    /// Whether full packets follow one another faster than a gigabit Ethernet takes them.
    fn outruns_the_wire(&self, packet: Tick) -> bool {
        let bytes = self.per_packet * 4 + (stream_rx::OVERHEAD + UDP_HEADERS) as u64 + WIRE_OVERHEAD;
        // A byte takes 8 ns, a tick is 10 ns.
        packet * 10 < bytes * 8
    }

    /// Samples could not leave in time: the stream stops until a new command.
    pub fn overflow(&mut self, now: Tick, around: &mut Surroundings) {
        if self.is_running() {
            self.state = State::Idle;
            self.report(RxError::Overflow, now, around);
            self.begin(now, around);
        }
    }

    fn emit(&mut self, start: Tick, samples: u64, last: bool, around: &mut Surroundings) {
        self.sent += samples;
        let samples = samples as usize;
        let count = self.count;
        self.count = (count + 1) & 15;
        let Some(packet) = around.framer.frame(self.stream, around.out, samples * 4 + stream_rx::OVERHEAD) else { return };
        let tick = around.clock.device(start);
        if let Ok(length) = stream_rx::encode_frame(packet, self.stream_id, count, tick, samples, last) {
            self.ear.hear(start, around.radio, self.tuning, around.air, &mut packet[stream_rx::SAMPLES_AT..length - 4]);
        }
    }

    fn report(&mut self, error: RxError, now: Tick, around: &mut Surroundings) {
        let context = RxContext { stream: self.stream_id, count: self.errors, tick: around.clock.device(now), error };
        self.errors = (self.errors + 1) & 15;
        if let Some(packet) = around.framer.frame(self.stream, around.out, stream_rx::CONTEXT_LENGTH) {
            packet.copy_from_slice(&context.encode());
        }
    }
}

/// Samples of a command (none is without end), and whether another follows. The device cannot count to 0: it takes one sample.
fn length(mode: StreamMode) -> (Option<u64>, bool) {
    match mode {
        StreamMode::Continuous => (None, true),
        StreamMode::Stop => (Some(1), false),
        StreamMode::Samples(n) => (Some(u64::from(n.max(1))), false),
        StreamMode::SamplesAndMore(n) => (Some(u64::from(n.max(1))), true),
    }
}
