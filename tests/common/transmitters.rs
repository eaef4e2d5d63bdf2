//! Who transmits, from outside: the sender and the times of every packet of samples that reaches the pool's radio.

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

use n210_wire::stream_tx::TxData;

pub type Mac = [u8; 6];

/// Senders that take turns as often as this, so fast, transmit at once. A hand-over is one turn, and one that is called back two.
const TURNS: usize = 3;
const WITHIN: Duration = Duration::from_millis(100);

/// What a loser of the radio has handed out and may still send, ms: docs/standby.md.
pub const QUEUE_MS: f64 = 8.1;
/// Of the radio's clock.
const TICKS_PER_MS: f64 = 1e5;

/// Ethernet, IPv4 and UDP headers.
const HEADERS: usize = 42;
/// More than any frame.
const FRAME: usize = 2048;
/// The radio's port for samples to be transmitted.
const TX: [u8; 2] = 49157_u16.to_be_bytes();
/// A packet that only asks for the stream's reports is no longer than this.
const NO_SAMPLES: usize = 16;

/// One sender's packets until another one's.
#[derive(Debug, Clone, Copy)]
struct Sending {
    /// When its first packet came.
    at: Instant,
    /// And its last.
    last: Instant,
    sender: Mac,
    /// Of the first and the last packet that told a time: each subframe's does.
    ticks: Option<(u64, u64)>,
}

/// Listens until dropped.
pub struct Transmitters {
    turns: Arc<Mutex<Vec<Sending>>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Transmitters {
    /// At the radio of the lab with this root folder.
    pub fn at(root: &Path) -> Self {
        Self::in_namespace(root, "n210", [192, 168, 10, 2])
    }

    /// At the radio that has this namespace and address: a switch also passes on to it what is for others.
    pub fn in_namespace(root: &Path, name: &str, address: [u8; 4]) -> Self {
        let namespace = File::open(root.join("run/netns").join(name)).unwrap();
        let (turns, end) = (Arc::<Mutex<Vec<_>>>::default(), Arc::new(AtomicBool::new(false)));
        let (noted, ended) = (Arc::clone(&turns), Arc::clone(&end));
        let thread = thread::spawn(move || {
            setns(&namespace, CloneFlags::CLONE_NEWNET).unwrap();
            listen(&packet_socket(), address, &noted, &ended);
        });
        Self { turns, end, thread: Some(thread) }
    }

    /// How often the sender changed, and every moment at which two sent.
    pub fn verdict(&self) -> (usize, Vec<String>) {
        let turns = self.turns.lock().unwrap();
        (turns.len(), at_once(&turns))
    }

    /// Who transmitted last, and how long ago.
    pub fn last(&self) -> Option<(Mac, Duration)> {
        self.turns.lock().unwrap().last().map(|turn| (turn.sender, turn.last.elapsed()))
    }

    /// For how long, on the radio's clock, a sender's samples went on behind the first ones of the next sender, at most, ms.
    pub fn longest_overlap_ms(&self) -> f64 {
        self.turns.lock().unwrap().windows(2).map(|turns| overlap_ms(&turns[0], &turns[1])).fold(0.0, f64::max)
    }
}

impl Drop for Transmitters {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn packet_socket() -> OwnedFd {
    // Of one protocol the kernel shows what arrives alone, and not the many packets that the radio sends.
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthIp).unwrap();
    setsockopt(&socket, RcvBufForce, &(64 << 20)).unwrap();
    setsockopt(&socket, ReceiveTimeout, &TimeVal::milliseconds(200)).unwrap();
    socket
}

fn listen(socket: &OwnedFd, radio: [u8; 4], turns: &Mutex<Vec<Sending>>, end: &AtomicBool) {
    let mut bytes = [0; FRAME];
    while !end.load(Ordering::Relaxed) {
        let Ok(length) = recv(socket.as_raw_fd(), &mut bytes, MsgFlags::empty()) else { continue };
        let Some((sender, packet)) = packet_of_samples(&bytes[..length], radio) else { continue };
        // Of tick 0 is the packet by which a standby that has taken over finds the sequence: it is of no burst.
        let ticks = packet.header.tick.filter(|tick| *tick > 0).map(|tick| (tick, tick));
        let (mut turns, now) = (turns.lock().unwrap(), Instant::now());
        match turns.last_mut().filter(|turn| turn.sender == sender) {
            Some(turn) => {
                turn.last = now;
                turn.ticks = [turn.ticks, ticks].into_iter().flatten().reduce(|(first, _), (_, end)| (first, end));
            }
            None => turns.push(Sending { at: now, last: now, sender, ticks }),
        }
    }
}

fn packet_of_samples(frame: &[u8], radio: [u8; 4]) -> Option<(Mac, TxData<'_>)> {
    let udp = frame.get(12..15)? == [8, 0, 0x45] && *frame.get(23)? == 17;
    let here = udp && *frame.get(30..34)? == radio;
    let samples = here && *frame.get(36..38)? == TX && frame.len() > HEADERS + NO_SAMPLES;
    let packet = TxData::decode(frame.get(HEADERS..)?).ok().filter(|_| samples)?;
    Some((frame[6..12].try_into().unwrap(), packet))
}

/// A clock that was set back, and a sender that told no times, overlap with nobody.
fn overlap_ms(before: &Sending, after: &Sending) -> f64 {
    let Some(((_, end), (begin, _))) = before.ticks.zip(after.ticks) else { return 0.0 };
    let ms = (end as f64 - begin as f64) / TICKS_PER_MS;
    if ms < 1000.0 { ms.max(0.0) } else { 0.0 }
}

/// Of the day.
fn time_of(at: Instant) -> impl std::fmt::Display {
    (chrono::Utc::now() - at.elapsed()).format("%H:%M:%S%.6f")
}

fn at_once(turns: &[Sending]) -> Vec<String> {
    let mut found = Vec::new();
    // The first sender takes no turn from anybody.
    for turns in turns.get(1..).unwrap_or_default().windows(TURNS) {
        let took = turns[TURNS - 1].at.duration_since(turns[0].at);
        if took < WITHIN {
            let at = time_of(turns[0].at);
            let ticks = turns.iter().map(|turn| turn.ticks).collect::<Vec<_>>();
            let senders = (turns[0].sender, turns[1].sender);
            found.push(format!(
                "{at}: {:02x?} and {:02x?} took {TURNS} turns within {took:?}, ticks {ticks:?}",
                senders.0, senders.1
            ));
        }
    }
    for turns in turns.windows(2) {
        let ms = overlap_ms(&turns[0], &turns[1]);
        if ms > QUEUE_MS {
            let at = time_of(turns[1].at);
            found.push(format!(
                "{at}: {:02x?} went on for {ms:.1} ms behind the first sample of {:02x?}",
                turns[0].sender, turns[1].sender
            ));
        }
    }
    found
}

#[test]
fn turns_that_follow_fast_are_two_transmitters_and_a_hand_over_is_none() {
    let began = Instant::now();
    let turns = |times: &[u64]| -> Vec<Sending> {
        let sending = |(ms, host): (&u64, &u8)| {
            let at = began + Duration::from_millis(*ms);
            Sending { at, last: at, sender: [*host; 6], ticks: None }
        };
        times.iter().zip([1, 2].iter().cycle()).map(sending).collect()
    };
    assert!(at_once(&turns(&[0, 500, 530, 5000, 5020])).is_empty());
    assert_eq!(at_once(&turns(&[0, 500, 530, 560])).len(), 1);
    let mut frame = [0; HEADERS + 28];
    (frame[12], frame[14], frame[23]) = (8, 0x45, 17);
    let radio = [192, 168, 10, 2];
    frame[30..34].copy_from_slice(&radio);
    frame[36..38].copy_from_slice(&TX);
    let header = n210_wire::stream_tx::TxHeader { tick: Some(7), ..Default::default() };
    header.encode(&[n210_wire::Sample::default(); 2], &mut frame[HEADERS..]).unwrap();
    let (sender, packet) = packet_of_samples(&frame, radio).unwrap();
    assert_eq!((sender, packet.header.tick), ([0; 6], Some(7)));
    assert!(packet_of_samples(&frame[..HEADERS + 8], radio).is_none(), "a claim of the stream");
    assert!(packet_of_samples(&frame, [192, 168, 11, 2]).is_none(), "another radio's");
}

#[test]
fn what_was_handed_out_may_go_on_for_as_long_as_the_queue_and_no_longer() {
    let sending = |sender: u8, first_ms: u64, last_ms: u64| Sending {
        at: Instant::now(),
        last: Instant::now(),
        sender: [sender; 6],
        ticks: Some((first_ms * 100_000, last_ms * 100_000)),
    };
    let table = [(100, 101, 0.0, 0), (100, 100, 0.0, 0), (105, 100, 5.0, 0), (109, 100, 9.0, 1), (90_000, 5, 0.0, 0)];
    for (end, begin, ms, found) in table {
        let turns = [sending(1, 0, end), sending(2, begin, begin + 1000)];
        assert_eq!((overlap_ms(&turns[0], &turns[1]), at_once(&turns).len()), (ms, found), "{end} {begin}");
    }
}
