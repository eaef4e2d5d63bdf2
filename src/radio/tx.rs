//! The transmit thread: bursts of the D2D process to the radio, and the radio's word on them. It also keeps the connection to the
//! D2D process, which may come later and may go and come again.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::MultiHeaders;

use super::attach;
use super::bridge::Bridge;
use super::burst::{Bursts, MAX_PACKETS, packets};
use super::counters::{Counters, add};
use super::session::{Session, Throttle};
use super::sockets::{Incoming, send_all};
use super::window::Window;
use super::wire::TxEvent;
use super::wire::stream_tx::TxMessage;
use crate::workload::samples::{Block, Kind, MAX_SAMPLES};
use crate::workload::seqpacket::SampleSocket;

/// How often an absent D2D process is looked for.
const RETRY: Duration = Duration::from_millis(10);

/// Longest wait of the thread when nothing happens, ms.
const IDLE_MS: u16 = 200;

/// How long a burst may wait for room in the radio's queue; by then its own time has passed.
const ROOM: Duration = Duration::from_millis(50);

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
            Err(_) => sender.wait(None, RETRY.as_millis() as u16),
        }
    }
}

struct Sender<'a> {
    session: &'a Session,
    bursts: Bursts,
    window: Window,
    headers: MultiHeaders<()>,
    incoming: Incoming,
    epoch: u32,
    full_notes: Throttle,
    unsent_notes: Throttle,
    repairs: Throttle,
}

impl<'a> Sender<'a> {
    fn new(session: &'a Session) -> Self {
        Self {
            session,
            bursts: Bursts::default(),
            window: Window::default(),
            headers: MultiHeaders::preallocate(MAX_PACKETS, None),
            incoming: Incoming::default(),
            epoch: 0,
            full_notes: Throttle::default(),
            unsent_notes: Throttle::default(),
            repairs: Throttle::default(),
        }
    }

    /// Serves one connection until the D2D process closes it.
    fn serve(&mut self, mut inlet: SampleSocket) {
        let mut block = Block { kind: Kind::Tx, tick: 0, samples: Vec::with_capacity(MAX_SAMPLES) };
        loop {
            if !self.wait_for_samples(&inlet) {
                continue;
            }
            match inlet.receive_into(&mut block) {
                Ok(true) if block.kind == Kind::Tx && self.session.linked() => self.transmit(&block),
                // Bursts of an unlinked entity have nowhere to go; a packet that is no block is the D2D process's fault, not the end.
                Ok(true) => {}
                Err(e) if matches!(e.kind(), io::ErrorKind::InvalidData | io::ErrorKind::Interrupted) => {}
                Ok(false) | Err(_) => return,
            }
        }
    }

    fn wait_for_samples(&mut self, inlet: &SampleSocket) -> bool {
        self.wait_on(Some(inlet.as_fd()), IDLE_MS)
    }

    fn wait(&mut self, inlet: Option<BorrowedFd<'_>>, ms: u16) {
        self.wait_on(inlet, ms);
    }

    /// Waits for events of the radio, which it takes, and for samples; whether there are samples.
    fn wait_on(&mut self, inlet: Option<BorrowedFd<'_>>, ms: u16) -> bool {
        let session = self.session;
        let radio = PollFd::new(session.tx.as_fd(), PollFlags::POLLIN);
        let mut waited = [radio, PollFd::new(inlet.unwrap_or(session.tx.as_fd()), PollFlags::POLLIN)];
        let waited = &mut waited[..1 + usize::from(inlet.is_some())];
        if poll(waited, PollTimeout::from(ms)).is_err() {
            return false;
        }
        let ready: [bool; 2] = std::array::from_fn(|at| waited.get(at).is_some_and(|fd| fd.any().unwrap_or(false)));
        if ready[0] {
            self.take_events();
        }
        ready[1]
    }

    fn take_events(&mut self) {
        // An ICMP error is taken off the socket by this call as well; what it means shows in what arrives or does not.
        let Ok(packets) = self.incoming.poll(&self.session.tx) else { return };
        for event in packets.filter_map(|bytes| TxEvent::decode(bytes).ok()) {
            self.window.reported(event.sequence);
            count(&self.session.counters, event.message);
        }
    }

    fn transmit(&mut self, block: &Block) {
        if self.epoch != self.session.epoch() {
            self.epoch = self.session.epoch();
            self.bursts.reset();
            self.window = Window::default();
        }
        if !self.await_room(packets(block.samples.len()) as u32) {
            return;
        }
        let session = self.session;
        let frames = self.bursts.lay_out(block);
        let wanted = frames.len();
        match send_all(&session.tx, &mut self.headers, frames) {
            Ok(sent) => {
                self.bursts.sent(sent);
                self.window.sent(sent as u32);
                let samples = if sent == wanted { block.samples.len() } else { sent * super::wire::SAMPLES_PER_PACKET };
                add(&session.counters.tx_samples, samples as u64);
            }
            Err(why) => {
                if self.unsent_notes.open(Instant::now(), PATIENCE) {
                    session.note(format!("a burst could not be sent to the radio: {why}"));
                }
            }
        }
    }

    /// Waits until the radio's queue has room for a burst.
    fn await_room(&mut self, packets: u32) -> bool {
        if self.window.room() >= packets {
            return true;
        }
        let until = Instant::now() + ROOM;
        while Instant::now() < until {
            self.wait(None, 5);
            if self.window.room() >= packets {
                return true;
            }
        }
        let now = Instant::now();
        if self.full_notes.open(now, PATIENCE) {
            self.session.note("the radio's transmit queue reports no room; bursts are dropped".into());
        }
        if self.repairs.open(now, PATIENCE) {
            // Its reports may have been turned off by an ICMP of a former owner.
            let _ = attach::report_room(&mut self.session.control());
        }
        false
    }
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
