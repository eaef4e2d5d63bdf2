//! Tells an armed standby where this process is, from a thread of its own: nothing of the streams waits for it.

use std::net::{SocketAddrV4, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::heartbeat::{Heartbeat, MAX_BYTES, NOTICE_BYTES, Network, Signer};
use super::session::Session;
use super::sockets;
use workload::realtime::{Rank, real_time};
use workload::standby::HeartbeatRequest;

/// Between two heartbeats.
const PERIOD: Duration = Duration::from_millis(2);

/// The last one is sent so often: it is the only one that must not be lost.
const FAREWELLS: u32 = 3;

/// The thread, and what ends it.
#[derive(Debug)]
pub struct Heart {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: JoinHandle<()>,
}

impl Heart {
    /// Begins to send.
    ///
    /// # Errors
    /// A sentence when the system refuses a socket or a thread.
    pub fn start(session: &Arc<Session>, asked: &HeartbeatRequest) -> Result<Self, String> {
        let networks = [(Network::Radio, asked.radio), (Network::Management, asked.management)];
        let ways = networks.into_iter().filter_map(|(network, to)| Some((network, to?)));
        let ways: Result<Vec<Way>, String> = ways.map(|(network, to)| Way::open(network, to)).collect();
        let mut sender = HeartbeatSender {
            session: Arc::clone(session),
            signer: Signer::new(asked.arming, &asked.key),
            ways: ways?,
            number: 0,
            notice: 0,
            progress: Vec::new(),
        };
        let stop: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let stopping = Arc::clone(&stop);
        let thread = thread::Builder::new().name("heartbeat".into()).spawn(move || {
            // Late ones look like a pause of this process; the receive thread has reported a refusal already.
            let _ = real_time(Rank::Stream);
            let (stop, changed) = &*stopping;
            let mut stopped = stop.lock().unwrap_or_else(PoisonError::into_inner);
            while !*stopped {
                sender.send(false);
                (stopped, _) = changed.wait_timeout(stopped, PERIOD).unwrap_or_else(PoisonError::into_inner);
            }
            (0..FAREWELLS).for_each(|_| sender.send(true));
        });
        Ok(Self { stop, thread: thread.map_err(|e| format!("a thread for heartbeats cannot be had: {e}"))? })
    }

    /// The last heartbeat says that this process ends in order.
    pub fn end(self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        // Nothing is left to do for a thread that has panicked.
        let _ = self.thread.join();
    }
}

/// To the standby by one network, on a socket of its own: what waits for a neighbour that does not answer takes all of a socket's memory, and would keep the
/// other network's heartbeats back.
struct Way {
    network: Network,
    to: SocketAddrV4,
    socket: UdpSocket,
}

impl Way {
    fn open(network: Network, to: SocketAddrV4) -> Result<Self, String> {
        Ok(Self { network, to, socket: sockets::for_heartbeats(0)? })
    }
}

struct HeartbeatSender {
    session: Arc<Session>,
    signer: Signer,
    ways: Vec<Way>,
    number: u64,
    /// Number of the last notice.
    notice: u64,
    progress: Vec<u8>,
}

impl HeartbeatSender {
    fn send(&mut self, ends: bool) {
        self.number += 1;
        let condition = self.session.condition(&mut self.progress);
        // While samples come, nobody has taken over: the standby stops this stream first.
        if !self.session.hears() {
            self.take_notices();
        }
        let mut bytes = [0; MAX_BYTES];
        for Way { network, to, socket } in &self.ways {
            let beat = Heartbeat {
                arming: self.signer.arming(),
                number: self.number,
                network: *network,
                ends,
                tick: condition.tick,
                mark: condition.mark,
                samples_age_us: condition.samples_age_us,
                progress_age_us: condition.progress_age_us,
            };
            // A network that is down is missed by the standby, which says so.
            let _ = socket.send_to(self.signer.write(&beat, &self.progress, &mut bytes), to);
        }
    }

    /// The standby says that it has taken over, where neither agent may be there to say so.
    fn take_notices(&mut self) {
        let mut bytes = [0; NOTICE_BYTES + 1];
        for Way { socket, .. } in &self.ways {
            // An ICMP error of the socket is nobody's notice.
            while let Ok(count) = socket.recv(&mut bytes) {
                if let Some(number) = self.signer.read_notice(&bytes[..count]).filter(|number| *number > self.notice) {
                    self.notice = number;
                    self.session.note_taken_over();
                }
            }
        }
    }
}
