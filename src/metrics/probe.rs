//! The far end's probe: ICMP echo on an absolute schedule, every probe accounted for.
//!
//! One thread and one socket serve the whole probe: `ppoll` waits for the next send time and for replies alike, with the kernel's
//! nanosecond timers (tokio's are in whole milliseconds, too coarse for an interval of 1 ms). The statistics are in
//! [`window`](super::window).

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Slice, Icmpv4Type, Ipv4Slice};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::watch;

use super::window::Ledger;
use config::time::{PROBE_INTERVALS, milliseconds};
use protocol::{ErrorCode, Failure, ProbeMark, ProbeStatus, ProbeWindow};

/// The thread looks at least this often whether it is to stop and whether probes are to be given up.
const LOOK: Duration = Duration::from_millis(50);

/// A running probe; dropping it stops it.
#[derive(Debug)]
pub struct Prober {
    shared: Arc<Shared>,
    settled: watch::Receiver<u64>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    target: Ipv4Addr,
    interval: Duration,
    start: Instant,
    stop: AtomicBool,
    ledger: Mutex<Ledger>,
}

impl Shared {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // A ledger is whole after every call, so that a panic elsewhere spoils nothing.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn interval_ms(&self) -> f64 {
        milliseconds(self.interval)
    }
}

impl Prober {
    /// Starts to probe `target` every `interval`, in the network namespace of the calling thread. The first probe goes at once. `answered` is told
    /// every round trip, by the probe's own thread.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] for an interval outside 1 ms to 60 s, [`ErrorCode::Environment`] when the machine grants no ICMP socket.
    pub fn start(target: Ipv4Addr, interval: Duration, answered: impl Fn(Duration) + Send + 'static) -> Result<Self, Failure> {
        if !PROBE_INTERVALS.contains(&interval) {
            return Err(Failure::new(
                ErrorCode::Config,
                format!("an interval of {} ms between probes is not possible", milliseconds(interval)),
            )
            .hint("choose 1 ms to 60 s"));
        }
        let line = Line::open(target)?;
        let shared =
            Arc::new(Shared { target, interval, start: Instant::now(), stop: AtomicBool::new(false), ledger: Mutex::default() });
        let (settling, settled) = watch::channel(0);
        let seen = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("probe".into())
            .spawn(move || run(&seen, &line, &settling, &answered))
            .map_err(|e| Failure::new(ErrorCode::Environment, format!("the probe's thread could not be started: {e}")))?;
        Ok(Self { shared, settled, thread: Some(thread) })
    }

    /// Counters, percentiles and the latest 200 probes.
    pub fn status(&self) -> ProbeStatus {
        let now = self.shared.now();
        self.shared.ledger().status(self.shared.target.to_string(), self.shared.interval_ms(), now)
    }

    /// The number of the next probe.
    pub fn mark(&self) -> ProbeMark {
        let ledger = self.shared.ledger();
        ProbeMark { next: ledger.next(), unanswered_from: ledger.unanswered_from() }
    }

    /// Statistics of all probes from `since` up to now; waits until each of them is answered or lost, at most a second. Owns what
    /// it needs, so that it may be awaited after the prober itself is locked away or gone.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when the probe ended meanwhile or the window began too long ago.
    pub fn window(&self, since: u64) -> impl Future<Output = Result<ProbeWindow, Failure>> + Send + 'static {
        let (shared, mut settled) = (Arc::clone(&self.shared), self.settled.clone());
        let (until, now) = (self.mark().next, self.shared.now());
        async move {
            settled
                .wait_for(|&settled| settled >= until)
                .await
                .map_err(|_| Failure::new(ErrorCode::State, "the probe ended before its last probes were answered or lost"))?;
            shared.ledger().window(since, until, shared.interval_ms(), now)
        }
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Not joined: it ends within [`LOOK`] and holds nothing but its socket; an async caller is not to wait for it.
        drop(self.thread.take());
    }
}

/// Sends on schedule and takes in replies until told to stop.
fn run(shared: &Shared, line: &Line, settling: &watch::Sender<u64>, answered: &impl Fn(Duration)) {
    let interval = u64::try_from(shared.interval.as_nanos()).unwrap_or(u64::MAX);
    let mut due = 0_u64;
    while !shared.stop.load(Ordering::Relaxed) {
        line.wait(Duration::from_nanos(due.saturating_sub(shared.now())).min(LOOK));
        while let Some(seq) = line.receive() {
            let now = shared.now();
            let after = shared.ledger().replied(seq, now);
            after.into_iter().for_each(|ns| answered(Duration::from_nanos(ns)));
        }
        let now = shared.now();
        if now >= due {
            let seq = shared.ledger().sent(now);
            // No route, interface down, queue full: the probe is lost like any other.
            let _ = line.send(seq);
            due = next_due(due, interval, now);
        }
        let settled = shared.ledger().settled(shared.now());
        settling.send_if_modified(|known| std::mem::replace(known, settled) != settled);
    }
}

/// The next time on the grid of `interval` that is still to come: times that were missed stay missed.
fn next_due(due: u64, interval: u64, now: u64) -> u64 {
    let missed = now.saturating_sub(due) / interval;
    due.saturating_add((missed + 1).saturating_mul(interval))
}

/// The socket and what marks our probes in it.
struct Line {
    socket: UdpSocket,
    target: SocketAddr,
    /// Whether received packets begin with the IP header.
    raw: bool,
    id: u16,
    token: [u8; 8],
}

impl Line {
    fn open(target: Ipv4Addr) -> Result<Self, Failure> {
        let fail = |e: std::io::Error| {
            Failure::new(ErrorCode::Environment, format!("no ICMP socket for the probe: {e}"))
                .hint("run the agent as root, give it CAP_NET_RAW, or widen net.ipv4.ping_group_range")
        };
        // Unprivileged first, where the machine allows it; a raw socket otherwise.
        let open = |kind| Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4));
        let (socket, raw) = match open(Type::DGRAM) {
            Ok(socket) => (socket, false),
            Err(_) => (open(Type::RAW).map_err(fail)?, true),
        };
        socket.set_nonblocking(true).map_err(fail)?;
        Ok(Self {
            socket: socket.into(),
            target: SocketAddrV4::new(target, 0).into(),
            raw,
            id: rand::random(),
            token: rand::random(),
        })
    }

    /// Waits for a packet or until the time is over.
    fn wait(&self, time: Duration) {
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        // An interruption only means an early look.
        let _ = ppoll(&mut fds, Some(TimeSpec::from_duration(time)), None);
    }

    fn send(&self, seq: u64) -> std::io::Result<usize> {
        let mut payload = [0_u8; 16];
        payload[..8].copy_from_slice(&self.token);
        payload[8..].copy_from_slice(&seq.to_be_bytes());
        // The kernel puts an id of its own on an unprivileged socket; the token tells our probes from others on a raw one.
        let header =
            Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(IcmpEchoHeader { id: self.id, seq: seq as u16 }), &payload);
        let mut packet = [0_u8; 24];
        packet[..8].copy_from_slice(&header.to_bytes());
        packet[8..].copy_from_slice(&payload);
        self.socket.send_to(&packet, self.target)
    }

    /// The number of the next reply to one of our probes; `None` when nothing more is waiting.
    fn receive(&self) -> Option<u64> {
        // An IPv4 header with options, an echo header and our payload fit; more is not ours.
        let mut buffer = [0_u8; 128];
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) if from.ip() == self.target.ip() => {
                    if let Some(seq) = buffer.get(..length).and_then(|packet| self.read(packet)) {
                        return Some(seq);
                    }
                }
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return None,
                // An ICMP error of an earlier probe, reported once: look on.
                Err(e) if e.kind() == ErrorKind::Interrupted || e.raw_os_error().is_some_and(is_network) => {}
                Err(_) => return None,
            }
        }
    }

    fn read(&self, packet: &[u8]) -> Option<u64> {
        let ip = if self.raw { Some(Ipv4Slice::from_slice(packet).ok()?) } else { None };
        let icmp = Icmpv4Slice::from_slice(ip.as_ref().map_or(packet, |ip| ip.payload().payload)).ok()?;
        let Icmpv4Type::EchoReply(_) = icmp.icmp_type() else { return None };
        let (token, rest) = icmp.payload().split_first_chunk::<8>()?;
        (*token == self.token).then_some(u64::from_be_bytes(*rest.first_chunk::<8>()?))
    }
}

fn is_network(errno: i32) -> bool {
    use nix::errno::Errno;
    matches!(
        Errno::from_raw(errno),
        Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::ENETDOWN | Errno::EHOSTDOWN
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_times_are_not_made_up_for() {
        for (due, now, expected) in [(0, 0, 10), (0, 9, 10), (10, 10, 20), (10, 19, 20), (10, 20, 30), (10, 105, 110)] {
            assert_eq!(next_due(due, 10, now), expected, "{due} {now}");
        }
    }

    /// A prober on loopback; `None`, with a word, on a machine that grants no ICMP socket.
    fn prober(interval: Duration) -> Option<Prober> {
        match Prober::start(Ipv4Addr::LOCALHOST, interval, |_| ()) {
            Ok(prober) => Some(prober),
            Err(failure) => {
                assert_eq!(failure.code, ErrorCode::Environment);
                eprintln!("skipped: {failure}");
                None
            }
        }
    }

    async fn until(prober: &Prober, enough: impl Fn(&ProbeStatus) -> bool) {
        let mut settled = prober.settled.clone();
        while !enough(&prober.status()) {
            settled.changed().await.unwrap();
        }
    }

    #[tokio::test]
    async fn every_probe_to_this_machine_is_answered() {
        let Some(prober) = prober(*PROBE_INTERVALS.start()) else { return };
        until(&prober, |status| status.received >= 20).await;
        let mark = prober.mark();
        until(&prober, |status| status.sent >= mark.next + 100).await;
        let window = prober.window(mark.next).await.unwrap();
        assert!(window.sent >= 100, "{window:?}");
        assert_eq!((window.lost, window.interval_ms), (0, 1.0));
        let status = prober.status();
        assert_eq!((status.target.as_str(), status.recent.len().min(120)), ("127.0.0.1", 120));
    }

    #[tokio::test]
    async fn two_probers_do_not_take_each_others_replies() {
        let (Some(one), Some(two)) = (prober(*PROBE_INTERVALS.start()), prober(*PROBE_INTERVALS.start())) else { return };
        until(&one, |status| status.received >= 30).await;
        until(&two, |status| status.received >= 30).await;
        for prober in [&one, &two] {
            let window = prober.window(0).await.unwrap();
            assert_eq!(window.lost, 0, "{window:?}");
        }
    }

    #[tokio::test]
    async fn a_dropped_probe_ends_its_windows() {
        let Some(prober) = prober(*PROBE_INTERVALS.end()) else { return };
        until(&prober, |status| status.received >= 1).await;
        let (shared, mut settled) = (Arc::clone(&prober.shared), prober.settled.clone());
        drop(prober);
        assert!(settled.wait_for(|_| false).await.is_err());
        assert!(shared.stop.load(Ordering::Relaxed));
    }

    #[test]
    fn intervals_out_of_range_are_refused() {
        for interval in [Duration::ZERO, Duration::from_micros(999), Duration::from_secs(61)] {
            assert_eq!(Prober::start(Ipv4Addr::LOCALHOST, interval, |_| ()).unwrap_err().code, ErrorCode::Config);
        }
    }
}
