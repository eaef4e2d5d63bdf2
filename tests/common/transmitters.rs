//! Who transmits, from outside: the sender of every packet of samples that reaches the pool's radio, in the order in which they arrive.

#![allow(dead_code, reason = "each test file uses what it needs")]

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::sockopt::{RcvBufForce, ReceiveTimeout};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike};

type Mac = [u8; 6];

/// Senders that take turns as often as this, so fast, transmit at once. A hand-over is one turn, and one that is called back two.
const TURNS: usize = 3;
const WITHIN: Duration = Duration::from_millis(100);

/// Ethernet, IPv4 and UDP headers.
const HEADERS: usize = 42;
/// The radio's port for samples to be transmitted.
const TX: [u8; 2] = 49157_u16.to_be_bytes();
/// A packet that only asks for the stream's reports is no longer than this.
const NO_SAMPLES: usize = 16;

/// Listens until dropped.
pub struct Transmitters {
    turns: Arc<Mutex<Vec<(Instant, Mac)>>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Transmitters {
    /// At the radio of the lab with this root folder.
    pub fn at(root: &Path) -> Self {
        let namespace = File::open(root.join("run/netns/n210")).unwrap();
        let (turns, end) = (Arc::<Mutex<Vec<_>>>::default(), Arc::new(AtomicBool::new(false)));
        let (noted, ended) = (Arc::clone(&turns), Arc::clone(&end));
        let thread = thread::spawn(move || {
            setns(&namespace, CloneFlags::CLONE_NEWNET).unwrap();
            listen(&packet_socket(), &noted, &ended);
        });
        Self { turns, end, thread: Some(thread) }
    }

    /// How often the sender changed, and every moment at which two sent.
    pub fn verdict(&self) -> (usize, Vec<String>) {
        let turns = self.turns.lock().unwrap();
        (turns.len(), at_once(&turns))
    }
}

impl Drop for Transmitters {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn packet_socket() -> OwnedFd {
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll).unwrap();
    setsockopt(&socket, RcvBufForce, &(64 << 20)).unwrap();
    setsockopt(&socket, ReceiveTimeout, &TimeVal::milliseconds(200)).unwrap();
    socket
}

fn listen(socket: &OwnedFd, turns: &Mutex<Vec<(Instant, Mac)>>, end: &AtomicBool) {
    let mut last = None;
    let mut bytes = [0; HEADERS];
    while !end.load(Ordering::Relaxed) {
        // With MSG_TRUNC the length is that of the frame; only its headers are copied.
        let Ok(length) = recv(socket.as_raw_fd(), &mut bytes, MsgFlags::MSG_TRUNC) else { continue };
        let Some(sender) = sender_of_samples(&bytes, length) else { continue };
        if last.replace(sender) != Some(sender) {
            turns.lock().unwrap().push((Instant::now(), sender));
        }
    }
}

fn sender_of_samples(headers: &[u8; HEADERS], length: usize) -> Option<Mac> {
    let udp = headers[12..15] == [8, 0, 0x45] && headers[23] == 17;
    let samples = udp && headers[36..38] == TX && length > HEADERS + NO_SAMPLES;
    samples.then(|| headers[6..12].try_into().unwrap())
}

fn at_once(turns: &[(Instant, Mac)]) -> Vec<String> {
    let mut found = Vec::new();
    // The first sender takes no turn from anybody.
    for turns in turns.get(1..).unwrap_or_default().windows(TURNS) {
        let took = turns[TURNS - 1].0.duration_since(turns[0].0);
        if took < WITHIN {
            found.push(format!("{:02x?} and {:02x?} took {TURNS} turns within {took:?}", turns[0].1, turns[1].1));
        }
    }
    found
}

#[test]
fn turns_that_follow_fast_are_two_transmitters_and_a_hand_over_is_none() {
    let began = Instant::now();
    let turns = |times: &[u64]| -> Vec<(Instant, Mac)> {
        times.iter().zip([1, 2].iter().cycle()).map(|(ms, host)| (began + Duration::from_millis(*ms), [*host; 6])).collect()
    };
    assert!(at_once(&turns(&[0, 500, 530, 5000, 5020])).is_empty());
    assert_eq!(at_once(&turns(&[0, 500, 530, 560])).len(), 1);
    let mut frame = [0; HEADERS];
    (frame[12], frame[14], frame[23]) = (8, 0x45, 17);
    frame[36..38].copy_from_slice(&TX);
    assert_eq!(sender_of_samples(&frame, 1500), Some([0; 6]));
    assert_eq!(sender_of_samples(&frame, HEADERS + 8), None, "a claim of the stream");
}
