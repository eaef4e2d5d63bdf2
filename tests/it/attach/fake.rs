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
    tick: u64,
    count: u8,
}

impl State {
    pub fn register(&self, number: u8) -> Option<u32> {
        self.registers.iter().rev().find(|(r, _)| *r == number).map(|(_, data)| *data)
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
        let (state, end) = (Arc::new(Mutex::new(State { tick: 1 << 33, ..State::default() })), Arc::new(AtomicBool::new(false)));
        let sockets = [port::CONTROL, port::RX0, port::TX].map(|port| {
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

fn serve(sockets: &[UdpSocket; 3], state: &Mutex<State>, end: &AtomicBool) {
    let [control, rx, tx] = sockets;
    let (mut rx_to, mut tx_to, mut begun) = (None, None, Instant::now());
    let mut bytes = [0; 2048];
    while !end.load(Ordering::Relaxed) {
        while let Some((count, from)) = take(control, &mut bytes) {
            let was = state.lock().unwrap().streaming;
            if let Some(reply) = answer(&bytes[..count], &mut state.lock().unwrap()) {
                let _ = control.send_to(&reply, from);
            }
            let mut now = state.lock().unwrap();
            if now.streaming && !was {
                // Time went on while the stream stood still.
                now.tick += begun.elapsed().as_nanos() as u64 / 10;
                begun = Instant::now();
            }
        }
        while let Some((_, from)) = take(rx, &mut bytes) {
            rx_to = Some(from);
        }
        while let Some((count, from)) = take(tx, &mut bytes) {
            if SetDestination::is_one(&bytes[..count]) {
                tx_to = Some(from);
            } else {
                accept(&bytes[..count], &mut state.lock().unwrap(), tx, tx_to);
            }
        }
        stream(&mut state.lock().unwrap(), rx, rx_to, &mut begun);
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

fn answer(bytes: &[u8], state: &mut State) -> Option<[u8; 36]> {
    let request = Control::decode(bytes).ok()?;
    let message = match request.message {
        Message::Hello => Message::HelloReply([127, 0, 0, 1].into()),
        Message::Register { address, data, action: Action::Write } => {
            let number = ((address - setting_address(0)) / 4) as u8;
            state.registers.push((number, data));
            if number == sr::RX0_COMMAND_TIME_LOW {
                let words = [sr::RX0_COMMAND, sr::RX0_COMMAND_TIME_HIGH, number].map(|r| state.register(r).unwrap_or(0));
                state.streaming = StreamCommand::from_words(words).mode == StreamMode::Continuous;
                state.starts += u32::from(state.streaming);
            }
            Message::RegisterDone(0)
        }
        // An EEPROM with nothing in it.
        Message::I2cWrite { .. } => Message::I2cWriteDone,
        Message::I2cRead { count, .. } => Message::I2cReadDone(I2cData::new(&[0xFF; 16][..usize::from(count).min(16)])),
        _ => Message::NotUnderstood,
    };
    Some(Control::request(request.sequence, message).encode())
}

/// Sends what is due by now.
fn stream(state: &mut State, rx: &UdpSocket, to: Option<SocketAddr>, begun: &mut Instant) {
    let Some(to) = to.filter(|_| state.streaming) else { return };
    if std::mem::take(&mut state.overflow) {
        state.streaming = false;
        let context = RxContext { stream: STREAM_ID, count: 0, tick: state.tick, error: RxError::Overflow };
        let _ = rx.send_to(&context.encode(), to);
        return;
    }
    let samples = state.register(sr::RX0_SAMPLES).unwrap_or(0) as usize;
    let decimation = state.register(sr::RX0_DECIMATION).and_then(decimation_of).unwrap_or(100);
    let span = Duration::from_nanos(samples as u64 * u64::from(decimation) * 10);
    while begun.elapsed() >= span {
        *begun += span;
        let mut bytes = [0; 1472];
        let sample = vec![Sample::new(state.tick as i16, 0); samples];
        let length = encode_data(&mut bytes, STREAM_ID, state.count, state.tick, &sample, false).unwrap();
        if state.lose > 0 {
            state.lose -= 1;
        } else {
            let _ = rx.send_to(&bytes[..length], to);
        }
        state.count = (state.count + 1) & 15;
        state.tick += samples as u64 * u64::from(decimation);
    }
}

fn accept(bytes: &[u8], state: &mut State, tx: &UdpSocket, to: Option<SocketAddr>) {
    let data = TxData::decode(bytes).unwrap();
    let header = data.header;
    assert_eq!(u32::from(header.count), header.sequence & 15, "the two counters run in step");
    state.transmitted.push((header, data.samples().collect()));
    let message = state.events.pop().unwrap_or(TxMessage::FlowControl);
    if let Some(to) = to.filter(|_| !state.mute_reports) {
        let event = TxEvent { stream: 2, count: 0, tick: state.tick, message, sequence: header.sequence };
        let _ = tx.send_to(&event.encode(), to);
    }
}
