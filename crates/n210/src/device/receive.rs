//! A receive chain: stream commands in, packets out, each when its last sample is due.

mod latched_command;
mod packet_in_progress;

use std::collections::VecDeque;

use self::latched_command::LatchedCommand;
use self::packet_in_progress::PacketInProgress;
use super::activity::Activity;
use super::clock::{Clock, Tick};
use super::partial_packet::PartialPacket;
use super::pipeline::{ReceivePipeline, Timing};
use crate::air::Air;
use crate::air::tuning::{FrontEnd, Tuning};
use crate::ethernet::frame::UDP_HEADERS;
use crate::ethernet::framer::{Framer, FramerStream};
use crate::ethernet::outbox::Outbox;
use crate::ethernet::wire::Wire;
use n210_wire::SAMPLES_PER_PACKET;
use n210_wire::dsp::Direction;
use n210_wire::format::{self, Format};
use n210_wire::register::sr;
use n210_wire::stream_rx::{self, RxContext, RxError, RxTemplate};

/// Commands that the chain queues.
const COMMANDS: usize = 16;

/// Most samples in a packet: its memory has 1023 words for them, four words of header and a trailer.
const MOST_SAMPLES: u32 = 1018;

/// A stream of this decimation or less, 5 Msps or more, is a fast one.
const FAST: u32 = 20;

/// What a chain needs of the rest of its radio.
pub struct Surroundings<'a> {
    /// Number of the radio in its process.
    pub radio: usize,
    /// Its clock.
    pub clock: &'a Clock,
    /// Where its streams go.
    pub framer: &'a Framer,
    /// How busy its wire is.
    pub wire: &'a mut Wire,
    /// The medium.
    pub air: &'a mut Air,
    /// What it sends.
    pub out: &'a mut Outbox,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Idle,
    /// For the device time of a command.
    Waiting(LatchedCommand, u64),
    Running(PacketInProgress),
    /// Samples were lost; until this tick there is no room to say so.
    Overrun(Tick),
}

/// One chain.
pub struct RxChain {
    stream: FramerStream,
    timing: Timing,
    tuning: Tuning,
    template: RxTemplate,
    per_packet: u32,
    count: u8,
    command: [u32; 2],
    queue: VecDeque<LatchedCommand>,
    state: State,
    /// When the two packet memories are free: that of the packet before, and that of the one before it.
    free: [Tick; 2],
    /// Tick up to which all was done.
    seen: Tick,
    /// Samples sent.
    sent: u64,
    partial: PartialPacket,
    /// 16-bit samples on their way to 8 bits.
    wide: Vec<u8>,
}

impl RxChain {
    /// A chain as it is after power-up.
    pub fn new(stream: FramerStream, timing: Timing) -> Self {
        Self {
            stream,
            timing,
            tuning: Tuning::new(Direction::Receive),
            template: RxTemplate::default(),
            per_packet: SAMPLES_PER_PACKET as u32,
            count: 0,
            command: [0; 2],
            queue: VecDeque::with_capacity(COMMANDS),
            state: State::Idle,
            free: [0; 2],
            seen: 0,
            sent: 0,
            partial: PartialPacket::default(),
            wide: Vec::new(),
        }
    }

    /// Writes one of the chain's registers, by the number it has for chain 0.
    pub fn write(&mut self, register: u8, value: u32, now: Tick, around: &mut Surroundings) {
        match register {
            sr::RX0_COMMAND => self.command[0] = value,
            sr::RX0_COMMAND_TIME_HIGH => self.command[1] = value,
            sr::RX0_COMMAND_TIME_LOW => {
                let [command, high] = self.command;
                self.push(LatchedCommand::new([command, high, value]), now, around);
            }
            sr::RX0_FORMAT => self.template.format = Format::from_register(value),
            sr::RX0_HEADER => self.template.header = value,
            sr::RX0_STREAM_ID => (self.template.stream, self.count) = (value, 0),
            sr::RX0_TRAILER => self.template.trailer = value,
            // More than the memory holds, or the count that never comes, would spoil the real device's packets.
            sr::RX0_SAMPLES => {
                self.per_packet = if value & 0xFFFF == 0 { MOST_SAMPLES } else { (value & 0xFFFF).min(MOST_SAMPLES) }
            }
            sr::RX0_RESET => self.reset(),
            sr::RX0_FREQUENCY => self.tuning.set_frequency(value, now + self.pipeline().oscillator),
            sr::RX0_SCALE => self.tuning.set_scale(value),
            sr::RX0_DECIMATION => self.tuning.set_decimation(value),
            sr::RX0_MUX => self.tuning.set_multiplexer(value),
            _ => {}
        }
    }

    /// Stops at once, without a last packet.
    pub fn reset(&mut self) {
        self.state = State::Idle;
        self.queue.clear();
        self.count = 0;
        self.free = [0; 2];
    }

    /// What its board does from now on.
    pub fn set_front(&mut self, front: FrontEnd) {
        self.tuning.set_front(front);
    }

    /// What it does.
    pub fn activity(&self) -> Activity {
        Activity { runs: self.is_running(), decimation: self.tuning.decimation, samples: self.sent }
    }

    /// Computes the part of the packet under way that has arrived by now.
    pub fn listen(&mut self, now: Tick, radio: usize, air: &mut Air) {
        if let State::Running(run) = self.state {
            self.partial.extend((run.heard, now + self.pipeline().air), run.full, radio, self.tuning, air);
        }
    }

    /// The device's clock was set at a tick: a sample that is not complete has another time stamp now.
    pub fn clock_is_set(&mut self, now: Tick, clock: &Clock) {
        if let State::Running(run) = &mut self.state
            && run.stamp > now
        {
            run.time = clock.device(run.stamp);
        }
    }

    fn pipeline(&self) -> ReceivePipeline {
        self.timing.receive(self.tuning.words.1)
    }

    /// Whether samples are being taken: what switches the boards to receive.
    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
    }

    /// Tick of the next thing to do.
    pub fn due(&self, clock: &Clock) -> Option<Tick> {
        match &self.state {
            State::Idle => None,
            State::Waiting(_, time) => Some(clock.tick_of(*time, self.seen).unwrap_or(self.seen)),
            State::Running(run) => Some(run.end()),
            State::Overrun(until) => Some((*until).max(self.seen)),
        }
    }

    fn push(&mut self, command: LatchedCommand, now: Tick, around: &mut Surroundings) {
        self.seen = self.seen.max(now);
        if self.queue.len() < COMMANDS {
            self.queue.push_back(command);
        }
        match self.state {
            State::Idle => self.begin(now, now + self.timing.command(), around),
            State::Running(run) => self.state = State::Running(self.limited(run, now)),
            State::Waiting(..) | State::Overrun(_) => {}
        }
    }

    /// Takes the next command while idle; it starts at tick `ready` at the earliest.
    fn begin(&mut self, now: Tick, ready: Tick, around: &mut Surroundings) {
        while matches!(self.state, State::Idle)
            && let Some(command) = self.queue.pop_front()
        {
            match command.at {
                _ if command.stop => self.report(RxError::StopWhileIdle, now, around),
                None => self.start(command, ready, around),
                Some(time) => match around.clock.tick_of(time, ready) {
                    None => self.report(RxError::Late, now, around),
                    Some(at) if at == ready => self.start(command, ready, around),
                    Some(_) => self.state = State::Waiting(command, time),
                },
            }
        }
    }

    fn start(&mut self, command: LatchedCommand, at: Tick, around: &Surroundings) {
        let pipeline = self.pipeline();
        self.tuning.start(at + pipeline.intake, at + pipeline.oscillator);
        let left = (!command.reload || !command.chain).then_some(command.samples);
        let run = self.packet(command, at + pipeline.start, 0, left, around);
        self.state = State::Running(self.limited(run, at));
    }

    /// A packet whose first sample is at this tick.
    fn packet(
        &self,
        command: LatchedCommand,
        start: Tick,
        done: u64,
        left: Option<u64>,
        around: &Surroundings,
    ) -> PacketInProgress {
        let (pipeline, step) = (self.pipeline(), u64::from(self.tuning.decimation));
        let stamp = start.saturating_add(pipeline.stamp_samples * step);
        PacketInProgress {
            command,
            start,
            stamp,
            time: around.clock.device(stamp),
            heard: stamp.saturating_add(pipeline.heard),
            step,
            full: u64::from(self.per_packet),
            done,
            left,
            room: self.free[1],
        }
    }

    /// A command that starts again of itself ends for a new one where it would start again next.
    fn limited(&self, mut run: PacketInProgress, now: Tick) -> PacketInProgress {
        if run.left.is_none() && !self.queue.is_empty() {
            // Samples that have begun; the one under way is finished.
            let begun = run.done + now.saturating_sub(run.start) / run.step + 1;
            let end = begun.div_ceil(run.command.samples) * run.command.samples;
            run.left = Some(end.saturating_sub(run.done));
        }
        run
    }

    /// Does the one thing that is due at this tick.
    pub fn act(&mut self, at: Tick, around: &mut Surroundings) {
        self.seen = self.seen.max(at);
        match self.state {
            State::Idle => {}
            State::Waiting(command, time) => {
                self.state = State::Idle;
                // A new time may have jumped over the one waited for.
                match around.clock.tick_of(time, at) {
                    Some(start) => self.start(command, start, around),
                    None => self.report(RxError::Late, at, around),
                }
                self.begin(at, at + self.timing.next_command(), around);
            }
            State::Running(run) => self.finish_packet(run, run.end(), around),
            State::Overrun(_) => self.overflow(at, around),
        }
    }

    /// Nothing more happens up to a tick.
    pub fn rest(&mut self, to: Tick) {
        self.seen = self.seen.max(to);
    }

    /// The packet is full, or the command has ended, or both, or there is no room for the rest.
    fn finish_packet(&mut self, run: PacketInProgress, end: Tick, around: &mut Surroundings) {
        let samples = run.samples();
        if run.left != Some(samples) {
            let lost = run.overruns(run.left.map_or(run.full, |left| left.min(run.full)));
            self.emit(&run, samples, end, false, around);
            if lost {
                self.state = State::Overrun(run.room);
                return;
            }
            let left = run.left.map(|left| left - samples);
            // The count within the command is all that matters of it.
            let done = (run.done + samples) % run.command.samples;
            let next = self.packet(run.command, end, done, left, around);
            self.state = State::Running(self.limited(next, end));
            return;
        }
        match if run.command.chain { self.queue.pop_front() } else { None } {
            Some(next) if !next.stop => self.go_on(run, next, samples, end, around),
            stop => {
                let broken = run.command.chain && stop.is_none();
                // A chain that breaks was to go on: its last packet does not end a burst.
                self.emit(&run, samples, end, !broken, around);
                self.state = State::Idle;
                if broken {
                    self.report(RxError::BrokenChain, end, around);
                }
                self.begin(end, end + self.timing.next_command(), around);
            }
        }
    }

    /// Another command follows without a gap, whatever its time: in the same packet if that is not full.
    fn go_on(&mut self, mut run: PacketInProgress, next: LatchedCommand, samples: u64, end: Tick, around: &mut Surroundings) {
        let anew = next.reload && next.chain;
        if samples == run.full {
            self.emit(&run, samples, end, false, around);
            run = self.packet(next, end, 0, (!anew).then_some(next.samples), around);
        } else {
            run.command = next;
            run.left = (!anew).then_some(next.samples + samples);
            // The command began this many samples after the packet.
            run.done = (next.samples - samples % next.samples) % next.samples;
        }
        self.state = State::Running(self.limited(run, end));
    }

    /// Samples could not leave in time: the stream stops until a new command.
    pub fn overflow(&mut self, now: Tick, around: &mut Surroundings) {
        if matches!(self.state, State::Running(_) | State::Overrun(_)) {
            self.state = State::Idle;
            self.report(RxError::Overflow, now, around);
            self.begin(now, now + self.timing.next_command(), around);
        }
    }

    fn emit(&mut self, run: &PacketInProgress, samples: u64, end: Tick, last: bool, around: &mut Surroundings) {
        let Self { stream, tuning, template, count, .. } = *self;
        self.sent += samples;
        let (samples, length) = (samples as usize, template.length(samples as usize));
        self.count = (count + 1) & 15;
        self.free = [around.wire.packet(end, UDP_HEADERS + length), self.free[0]];
        if tuning.decimation <= FAST {
            around.out.set_busy();
        }
        let Some(packet) = around.framer.frame(stream, around.out, length) else { return };
        let Ok(payload) = template.encode(packet, count, run.time, samples, last) else { return };
        match template.format {
            Format::Sc16 => self.partial.complete(run.heard, around.radio, tuning, around.air, payload),
            Format::Sc8 => {
                self.wide.resize(samples * 4, 0);
                self.partial.complete(run.heard, around.radio, tuning, around.air, &mut self.wide);
                format::clip_into(&self.wide, payload);
            }
        }
    }

    fn report(&mut self, error: RxError, now: Tick, around: &mut Surroundings) {
        let context = RxContext { stream: self.template.stream, count: self.count, tick: around.clock.device(now), error };
        around.wire.packet(now, UDP_HEADERS + stream_rx::CONTEXT_LENGTH);
        if let Some(packet) = around.framer.frame(self.stream, around.out, stream_rx::CONTEXT_LENGTH) {
            packet.copy_from_slice(&context.encode_as(&self.template));
        }
    }
}
