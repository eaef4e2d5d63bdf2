//! An armed standby: follows the heartbeats of the process beside which it receives, hands them to its D2D process, and takes over.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, poll};

use super::bridge::Bridge;
use super::detector::Detector;
use super::heartbeat::{MAX_BYTES, Network, Signer};
use super::session::{Claimed, Session};
use super::sockets;
use workload::clock::monotonic_us;
use workload::realtime::{Rank, real_time};
use workload::standby::{Follow, Following, Packet, StandbyState, TakeoverCause, TookOver};

/// Between two looks, ms.
const LOOK_MS: u16 = 1;

/// The D2D process is told of the other one's progress this often, us: what it holds back is seldom thousands of packets.
const TELL_US: u64 = 10_000;

/// After a take-over the other one is told so this often.
const NOTICE_PERIOD: Duration = Duration::from_millis(100);

/// A take-over that failed is tried again after so long, us.
const AGAIN_US: u64 = 100_000;

/// Begins to follow; where heartbeats are waited for.
///
/// # Errors
/// A sentence: this process does not receive beside another one, or the system refuses a socket or a thread.
pub fn start(session: &Arc<Session>, bridge: &Arc<Bridge>, asked: &Follow) -> Result<Following, String> {
    if !session.overlaps() {
        return Err("this process does not receive beside another one: overlap comes first".into());
    }
    let socket = sockets::for_heartbeats(asked.port.unwrap_or_default())?;
    let port = socket.local_addr().map_err(|e| format!("the socket for heartbeats has no address: {e}"))?.port();
    session.prepare_fence()?;
    let number = session.begin_following();
    let mut follower = Follower {
        session: Arc::clone(session),
        bridge: Arc::clone(bridge),
        socket,
        signer: Signer::new(asked.arming, &asked.key),
        detector: Detector::new(asked.takeover_after_us, monotonic_us()),
        number,
        progress: Vec::new(),
        told_us: 0,
        failed_us: None,
        from: [None; 2],
    };
    let thread = thread::Builder::new().name("standby".into()).spawn(move || {
        // The receive thread has reported a refusal already.
        let _ = real_time(Rank::Stream);
        while follower.turn() {}
        follower.tell_the_other_one();
    });
    thread.map_err(|e| format!("a thread for the standby cannot be had: {e}"))?;
    Ok(Following { port })
}

struct Follower {
    session: Arc<Session>,
    bridge: Arc<Bridge>,
    socket: UdpSocket,
    signer: Signer,
    detector: Detector,
    /// Of this following: a later one ends it.
    number: u32,
    /// Of the newest heartbeat that said that all was well.
    progress: Vec<u8>,
    told_us: u64,
    failed_us: Option<u64>,
    /// Where the last heartbeats came from, by each network.
    from: [Option<SocketAddr>; 2],
}

impl Follower {
    /// One look; whether it goes on.
    fn turn(&mut self) -> bool {
        let mut waited = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        // Interrupted: the look is early.
        let _ = poll(&mut waited, LOOK_MS);
        self.take_heartbeats();
        let now = monotonic_us();
        if !self.session.follows(self.number) {
            return false;
        }
        let Some((cause, well_us)) = self.detector.look(now) else { return true };
        // Without samples of its own it could not serve either: then it is the radio that is silent. What the other one complained of then may be over.
        let is_deaf = match cause {
            TakeoverCause::NoHeartbeat => !self.session.hears(),
            TakeoverCause::NoSamples => !self.session.has_heard_for_a_while() || !self.session.has_heard_after(well_us),
            TakeoverCause::NoProgress => !self.session.has_heard_for_a_while(),
        };
        if is_deaf || self.failed_us.is_some_and(|failed| now.saturating_sub(failed) < AGAIN_US) {
            return true;
        }
        let Some((beat, _)) = self.detector.well() else { return true };
        match self.session.take_over_from(self.number, &beat) {
            Ok(Claimed { claimed_us, not_before }) => {
                let told = self.bridge.tell(&Packet::GoOn { not_before, progress: &self.progress });
                let took_over =
                    TookOver { cause, well_us, decided_us: now, claimed_us, gone_on_us: monotonic_us(), first_burst_us: None };
                self.session.took_over(took_over);
                if let Err(why) = told {
                    self.session.note(format!("the D2D process could not be told to go on: {why}"));
                }
                self.session.end_fence();
                false
            }
            Err(why) => {
                if self.failed_us.replace(now).is_none() {
                    self.session.note(format!("the standby cannot take over: {why}; it tries again"));
                }
                true
            }
        }
    }

    fn take_heartbeats(&mut self) {
        let mut bytes = [0; MAX_BYTES];
        // An ICMP error of the socket is nobody's heartbeat.
        while let Ok((count, from)) = self.socket.recv_from(&mut bytes) {
            let Some((beat, progress)) = self.signer.read(&bytes[..count]) else { continue };
            self.from[beat.network.place()] = Some(from);
            let now = monotonic_us();
            let is_news = self.detector.hear(&beat, now);
            let is_well = self.detector.well().is_some_and(|(well, _)| well.number == beat.number);
            if is_news && is_well {
                self.progress.clear();
                self.progress.extend_from_slice(progress);
                if now.saturating_sub(self.told_us) >= TELL_US {
                    self.told_us = now;
                    // A D2D process that is away holds back what it can.
                    let _ = self.bridge.tell(&Packet::Followed(progress));
                }
            }
            let state = match (self.detector.has_ended(), self.detector.well()) {
                (true, _) => StandbyState::StoodDown,
                (false, Some(_)) => StandbyState::Armed,
                (false, None) => StandbyState::Waiting,
            };
            let heard = [Network::Radio, Network::Management].map(|network| self.detector.heard_us(network));
            if self.session.heard_heartbeat(state, beat.tick, heard) {
                self.session.tell_of_following();
            }
        }
    }

    /// Tells the process that was followed that this one serves, by both networks, until that one has ended or is itself followed by none: what finds
    /// itself without samples must not ask for them again because no agent answers.
    fn tell_the_other_one(&mut self) {
        let mut number = 0;
        while self.session.serves_after(self.number) && !self.detector.has_ended() {
            if self.session.hears() {
                number += 1;
                let notice = self.signer.write_notice(number);
                for to in self.from.into_iter().flatten() {
                    // A network that is down brings it by the other one, or later.
                    let _ = self.socket.send_to(&notice, to);
                }
            }
            thread::sleep(NOTICE_PERIOD);
            self.hear_its_end();
        }
    }

    /// Whether the process that was followed says good-bye.
    fn hear_its_end(&mut self) {
        let mut bytes = [0; MAX_BYTES];
        while let Ok((count, _)) = self.socket.recv_from(&mut bytes) {
            if let Some((beat, _)) = self.signer.read(&bytes[..count]) {
                self.detector.hear(&beat, monotonic_us());
            }
        }
    }
}
