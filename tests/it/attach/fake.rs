//! A radio of a few lines with switches for faults: what a real one, or the software N210, does only when it must.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use n210_wire::control::{Action, I2cData, Message};
use n210_wire::dsp::decimation_of;
use n210_wire::register::setting_address;
use n210_wire::stream_rx::{RxError, STREAM_ID, encode_data};
use n210_wire::stream_tx::{TxHeader, TxMessage};
use n210_wire::{Control, RxContext, Sample, SetDestination, StreamCommand, StreamMode, TxData, TxEvent, port, sr};
use nix::sys::socket::{setsockopt, sockopt};

/// The radio's time when it starts.
const POWER_UP: u64 = 1 << 33;

/// Samples at the end of a burst that stay in the transmitter's filters: of a real one 12 to 17.
const STAYS: usize = 17;

/// What the tests see and turn.
#[derive(Default)]
pub struct State {
    pub registers: Vec<(u8, u32)>,
    pub streaming: bool,
    pub starts: u32,
    /// The transmit packets.
    pub transmitted: Vec<(TxHeader, Vec<Sample>)>,
    /// Reports no room in the transmit queue.
    pub mute_reports: bool,
    /// Stops with an overflow before the next packet.
    pub overflow: bool,
    /// Packets to lose.
    pub lose: u32,
    /// What to say of the next packets, last first.
    pub events: Vec<TxMessage>,
    /// Ticks from the time of a start to the first time stamp, of each start the next one; without any those of a real radio.
    pub start_delays: Vec<u64>,
    /// Ticks by which the clock was set back since the start: without power it counts from 0 again.
    pub set_back: u64,
    /// Receive chain 1 says nothing.
    pub mute_second: bool,
    chains: [Chain; 2],
}

/// A receive chain.
#[derive(Default)]
struct Chain {
    /// Time stamp of the next sample, while it runs.
    next: Option<u64>,
    /// Samples until it stops by itself.
    left: Option<usize>,
    /// Packet count of the next packet.
    count: u8,
}

/// From the time of a start to the first time stamp, of a real radio: a sample, and what the filters take.
fn start_delay(word: u32) -> u64 {
    let decimation = u64::from(decimation_of(word).unwrap_or(100));
    decimation
        + match word >> 8 & 3 {
            0 => 5,
            3 => 22,
            _ => 15,
        }
}

impl State {
    pub fn register(&self, number: u8) -> Option<u32> {
        self.registers.iter().rev().find(|(r, _)| *r == number).map(|(_, data)| *data)
    }

    /// What has left the transmitter: of every burst that has ended, its samples but those that stay in the filters, at the time stamps of their packets
    /// and those after. Zeros are left out.
    pub fn on_air(&self) -> Vec<(u64, Sample)> {
        let step = self.register(sr::TX_INTERPOLATION).and_then(decimation_of).map_or(0, u64::from);
        let (mut air, mut burst) = (Vec::new(), Vec::new());
        for (header, samples) in &self.transmitted {
            burst.extend((0..).zip(samples).map(|(n, sample)| (header.tick.unwrap() + n * step, *sample)));
            if header.end_of_burst {
                burst.truncate(burst.len().saturating_sub(STAYS));
                air.append(&mut burst);
            }
        }
        air.retain(|(_, sample)| *sample != Sample::default());
        air
    }

    /// Writes of a register.
    pub fn writes(&self, number: u8) -> usize {
        self.registers.iter().filter(|(r, _)| *r == number).count()
    }

    fn decimation(&self, chain: usize) -> u32 {
        self.register(sr::RX0_DECIMATION + chain as u8 * sr::RX1_OFFSET).unwrap_or(0x319)
    }

    /// Executes a command to a chain; what to say of it.
    fn command(&mut self, chain: usize, now: u64) -> Option<RxError> {
        let of = |r: u8| self.register(r + chain as u8 * sr::RX1_OFFSET).unwrap_or(0);
        let command = StreamCommand::from_words([sr::RX0_COMMAND, sr::RX0_COMMAND_TIME_HIGH, sr::RX0_COMMAND_TIME_LOW].map(of));
        let left = match command.mode {
            StreamMode::Stop => None,
            StreamMode::Samples(count) | StreamMode::SamplesAndMore(count) => Some(Some(count as usize)),
            StreamMode::Continuous => Some(None),
        };
        if chain == 0 {
            self.streaming = left == Some(None);
            self.starts += u32::from(self.streaming);
        }
        let Some(left) = left else {
            self.chains[chain].next = None;
            return None;
        };
        if command.at.is_some_and(|at| at < now) {
            return Some(RxError::Late);
        }
        let delay = if self.start_delays.is_empty() { start_delay(self.decimation(chain)) } else { self.start_delays.remove(0) };
        // A chain that runs goes on.
        self.chains[chain].next.get_or_insert(command.at.unwrap_or(now) + delay);
        self.chains[chain].left = left;
        None
    }
}

pub struct FakeRadio {
    state: Arc<Mutex<State>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FakeRadio {
    /// On loopback, in the network namespace of the calling thread.
    pub fn start() -> Self {
        let (state, end) = (Arc::new(Mutex::new(State::default())), Arc::new(AtomicBool::new(false)));
        let sockets = [port::CONTROL, port::RX0, port::RX1, port::TX].map(|port| {
            let socket = UdpSocket::bind(("127.0.0.1", port)).unwrap();
            socket.set_nonblocking(true).unwrap();
            // As much as the transmit queue of a real one.
            setsockopt(&socket, sockopt::RcvBufForce, &(4 << 20)).unwrap();
            socket
        });
        let (s, e) = (Arc::clone(&state), Arc::clone(&end));
        let thread = thread::spawn(move || serve(&sockets, &s, &e));
        Self { state, end, thread: Some(thread) }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for FakeRadio {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn serve(sockets: &[UdpSocket; 4], state: &Mutex<State>, end: &AtomicBool) {
    let [control, rx0, rx1, tx] = sockets;
    let (receive, begun) = ([rx0, rx1], Instant::now());
    let (mut rx_to, mut tx_to) = ([None; 2], None);
    let mut bytes = [0; 2048];
    while !end.load(Ordering::Relaxed) {
        let now = POWER_UP + begun.elapsed().as_nanos() as u64 / 10 - state.lock().unwrap().set_back;
        while let Some((count, from)) = take(control, &mut bytes) {
            let mut state = state.lock().unwrap();
            let Some((reply, told)) = answer(&bytes[..count], &mut state, now) else { continue };
            let _ = control.send_to(&reply, from);
            if let Some((chain, error)) = told {
                let context = RxContext { stream: STREAM_ID + chain as u32, count: 0, tick: now, error };
                let _ = rx_to[chain].map(|to| receive[chain].send_to(&context.encode(), to));
            }
        }
        for (socket, to) in receive.iter().zip(&mut rx_to) {
            while let Some((_, from)) = take(socket, &mut bytes) {
                *to = Some(from);
            }
        }
        while let Some((count, from)) = take(tx, &mut bytes) {
            if SetDestination::is_one(&bytes[..count]) {
                tx_to = Some(from);
            } else {
                accept(&bytes[..count], &mut state.lock().unwrap(), tx, tx_to, now);
            }
        }
        for (chain, (socket, to)) in receive.iter().zip(rx_to).enumerate() {
            stream(&mut state.lock().unwrap(), chain, socket, to, now);
        }
        thread::sleep(Duration::from_micros(500));
    }
}

fn take(socket: &UdpSocket, bytes: &mut [u8]) -> Option<(usize, SocketAddr)> {
    match socket.recv_from(bytes) {
        Ok(got) => Some(got),
        Err(e) if e.kind() == ErrorKind::WouldBlock => None,
        // ICMP from a process that has ended.
        Err(_) => None,
    }
}

type Told = Option<(usize, RxError)>;

fn answer(bytes: &[u8], state: &mut State, now: u64) -> Option<([u8; 36], Told)> {
    let request = Control::decode(bytes).ok()?;
    let mut told = None;
    let message = match request.message {
        Message::Hello => Message::HelloReply([127, 0, 0, 1].into()),
        Message::Register { address, data, action: Action::Write } => {
            let number = ((address - setting_address(0)) / 4) as u8;
            state.registers.push((number, data));
            let chain = usize::from(number >= sr::RX0_COMMAND + sr::RX1_OFFSET);
            match number.wrapping_sub(chain as u8 * sr::RX1_OFFSET) {
                sr::RX0_COMMAND_TIME_LOW => told = state.command(chain, now).map(|error| (chain, error)),
                sr::RX0_STREAM_ID => state.chains[chain].count = 0,
                sr::RX0_RESET => {
                    state.streaming &= chain != 0;
                    state.chains[chain] = Chain::default();
                }
                _ => {}
            }
            Message::RegisterDone(0)
        }
        // An EEPROM with nothing in it.
        Message::I2cWrite { .. } => Message::I2cWriteDone,
        Message::I2cRead { count, .. } => Message::I2cReadDone(I2cData::new(&[0xFF; 16][..usize::from(count).min(16)])),
        _ => Message::NotUnderstood,
    };
    Some((Control::request(request.sequence, message).encode(), told))
}

/// Sends what is due by now.
fn stream(state: &mut State, chain: usize, rx: &UdpSocket, to: Option<SocketAddr>, now: u64) {
    let stops = chain == 0 && !state.streaming && state.chains[0].left.is_none();
    if stops {
        state.chains[0].next = None;
    }
    let Some(to) = to else { return };
    let stream = STREAM_ID + chain as u32;
    if chain == 0 && state.streaming && std::mem::take(&mut state.overflow) {
        (state.streaming, state.chains[0].next) = (false, None);
        let context = RxContext { stream, count: 0, tick: now, error: RxError::Overflow };
        let _ = rx.send_to(&context.encode(), to);
        return;
    }
    let size = state.register(sr::RX0_SAMPLES + chain as u8 * sr::RX1_OFFSET).unwrap_or(0) as usize;
    let step = u64::from(decimation_of(state.decimation(chain)).unwrap());
    while let Some(tick) = state.chains[chain].next {
        let samples = state.chains[chain].left.map_or(size, |left| left.min(size));
        let next = tick + samples as u64 * step;
        if next > now || samples == 0 {
            return;
        }
        let mut bytes = [0; 1472];
        let values = vec![Sample::new(tick as i16, 0); samples];
        let running = &mut state.chains[chain];
        let length = encode_data(&mut bytes, stream, running.count, tick, &values, false).unwrap();
        running.count = (running.count + 1) & 15;
        running.left = running.left.map(|left| left - samples);
        running.next = Some(next).filter(|_| running.left != Some(0));
        let lost = chain == 0 && state.lose > 0;
        state.lose -= u32::from(lost);
        let muted = chain == 1 && state.mute_second;
        if !lost && !muted {
            let _ = rx.send_to(&bytes[..length], to);
        }
    }
}

fn accept(bytes: &[u8], state: &mut State, tx: &UdpSocket, to: Option<SocketAddr>, now: u64) {
    let data = TxData::decode(bytes).unwrap();
    let header = data.header;
    assert_eq!(u32::from(header.count), header.sequence & 15, "the two counters run in step");
    state.transmitted.push((header, data.samples().collect()));
    let message = state.events.pop().unwrap_or(TxMessage::FlowControl);
    if let Some(to) = to.filter(|_| !state.mute_reports) {
        let event = TxEvent { stream: 2, count: 0, tick: now, message, sequence: header.sequence };
        let _ = tx.send_to(&event.encode(), to);
    }
}
