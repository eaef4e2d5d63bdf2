//! What a process that serves tells of itself for a standby, and what a standby does to take over.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::super::heartbeat::Heartbeat;
use super::super::send_heartbeats::Heart;
use super::super::{attach, sockets};
use super::{Session, lock};
use n210_wire::TICKS_PER_SECOND;
use workload::clock::monotonic_us;
use workload::contract::{Happened, Mark};
use workload::standby::{FollowStatus, HeartbeatRequest, StandbyState, TookOver};

/// What the other one had handed out is on the air within its lead after its last sample, and its last sample is that of the claim: ticks more, for
/// what is under way.
const UNDER_WAY: u64 = TICKS_PER_SECOND / 500;

/// No modem sends further ahead of what it receives, ticks: a lead beyond that is not believed.
const MOST_LEAD: u64 = TICKS_PER_SECOND / 20;

/// Two hosts see one silence of the radio begin so far apart at most, us: packets come every 2 ms at the slowest rate, and each host reads them when it
/// finds the time.
const SAME_SILENCE_US: u64 = 5_000;

/// A standby without samples for so long is not armed, whatever its other network says, us. Longer than a busy machine lets a thread wait.
const DEAF_US: u64 = 500_000;

/// After a radio was silent, a host that it serves hears it again and has told so within this, us.
const BACK_US: u64 = 200_000;

/// A standby that has taken over says so every 100 ms. One that has not for so long serves no longer, us: as long as a frozen source waits for its
/// successor.
const NOTICE_HOLDS_US: u64 = 3_000_000;

/// Of both roles.
#[derive(Debug, Default)]
pub struct StandbySide {
    /// Where the transmit side is.
    mark: Mutex<Mark>,
    /// What the D2D process last said of itself, and when, us.
    progress: Mutex<(Vec<u8>, u64)>,
    heart: Mutex<Option<Heart>>,
    /// Since when samples of now have come without a break, us.
    hearing_since_us: AtomicU64,
    /// Counts followings: a thread of an earlier one ends.
    following: AtomicU32,
    followed: Mutex<Option<Followed>>,
    /// When the standby last said that it has taken over from this process, us; 0 before.
    taken_over_us: AtomicU64,
    /// Takes the other one's receive stream away.
    fence: Mutex<Option<UdpSocket>>,
    /// The next packet may not be the next in sequence.
    out_of_sequence: AtomicBool,
    /// When the first burst after a take-over was handed to the radio, us; 0 before.
    first_burst_us: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Followed {
    state: StandbyState,
    behind_ms: Option<f64>,
    heard_us: [Option<u64>; 2],
    took_over: Option<TookOver>,
}

/// How a process fares that serves.
#[derive(Debug, Clone, Copy)]
pub struct Condition {
    /// Time behind the latest sample received, on the radio's clock.
    pub tick: u64,
    /// Where the transmit side is.
    pub mark: Mark,
    /// Since the latest samples of now came, us.
    pub samples_age_us: u32,
    /// Since the D2D process last said where it is, us.
    pub progress_age_us: u32,
}

/// What a take-over has claimed.
#[derive(Debug, Clone, Copy)]
pub struct Claimed {
    /// When, us.
    pub claimed_us: u64,
    /// Nothing may be on the air before this tick.
    pub not_before: u64,
}

fn age(now_us: u64, at_us: u64) -> u32 {
    u32::try_from(now_us.saturating_sub(at_us)).unwrap_or(u32::MAX)
}

impl Session {
    /// The D2D process has said where it is.
    pub fn note_progress(&self, progress: &[u8]) {
        let mut known = lock(&self.standby.progress);
        known.0.clear();
        known.0.extend_from_slice(progress);
        known.1 = monotonic_us();
    }

    /// The transmit side is there.
    pub fn note_mark(&self, mark: Mark) {
        *lock(&self.standby.mark) = Mark { chain: self.chain().number(), ..mark };
    }

    /// How this process fares; `progress` is what its D2D process last said.
    pub fn condition(&self, progress: &mut Vec<u8>) -> Condition {
        let progressed_us = {
            let known = lock(&self.standby.progress);
            progress.clear();
            progress.extend_from_slice(&known.0);
            known.1
        };
        let now = monotonic_us();
        Condition {
            tick: self.tick.load(Ordering::Acquire),
            mark: *lock(&self.standby.mark),
            samples_age_us: age(now, self.fresh_us.load(Ordering::Acquire)),
            progress_age_us: age(now, progressed_us),
        }
    }

    /// Tells a standby from now on how this process fares; an earlier one no longer.
    ///
    /// # Errors
    /// A sentence: this process does not serve, or the system refuses a socket or a thread.
    pub fn send_heartbeats(self: &Arc<Self>, asked: &HeartbeatRequest) -> Result<(), String> {
        if !self.linked() || self.park.is_parking() {
            return Err("this process does not serve: it is not linked to the radio, or frozen".into());
        }
        let heart = Heart::start(self, asked)?;
        if let Some(earlier) = lock(&self.standby.heart).replace(heart) {
            earlier.end();
        }
        Ok(())
    }

    /// The last heartbeat says that this process ends in order.
    pub fn end_heartbeats(&self) {
        let heart = lock(&self.standby.heart).take();
        if let Some(heart) = heart {
            heart.end();
        }
    }

    /// Whether a standby is told.
    pub fn sends_heartbeats(&self) -> bool {
        lock(&self.standby.heart).is_some()
    }

    /// A socket that will take the other one's receive stream away: made before, as its buffers take time.
    pub(in super::super) fn prepare_fence(&self) -> Result<(), String> {
        let device = self.plan.device;
        let fence = sockets::make().and_then(|fence| sockets::connect(&fence, device, self.chain().other().port()).map(|()| fence));
        let fence = fence.map_err(|e| format!("this host has no way to the radio at {device}: {e}"))?;
        *lock(&self.standby.fence) = Some(fence);
        Ok(())
    }

    /// A following begins, and an earlier one ends; its number.
    pub(in super::super) fn begin_following(&self) -> u32 {
        let waiting = Followed { state: StandbyState::Waiting, behind_ms: None, heard_us: [None; 2], took_over: None };
        *lock(&self.standby.followed) = Some(waiting);
        self.standby.following.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Ends a following, unless it has come to a take-over: whether it has.
    pub fn stop_following(&self) -> bool {
        let _one_at_a_time = lock(&self.linking);
        let has_taken_over = self.follow_status().is_some() && !self.overlaps();
        if !has_taken_over {
            self.standby.following.fetch_add(1, Ordering::AcqRel);
            *lock(&self.standby.followed) = None;
        }
        has_taken_over
    }

    /// Whether that following is the present one, and this process still receives beside another.
    pub(in super::super) fn follows(&self, number: u32) -> bool {
        self.standby.following.load(Ordering::Acquire) == number && self.overlaps()
    }

    /// A heartbeat has come. Whether the state has changed with it.
    pub(in super::super) fn heard_heartbeat(&self, state: StandbyState, tick: u64, heard_us: [Option<u64>; 2]) -> bool {
        let behind = tick.wrapping_sub(self.tick.load(Ordering::Acquire)).cast_signed();
        let behind_ms = Some(behind as f64 / (TICKS_PER_SECOND / 1000) as f64);
        let before = lock(&self.standby.followed).replace(Followed { state, behind_ms, heard_us, took_over: None });
        before.is_none_or(|before| before.state != state)
    }

    /// Tells the agent what this process does as a standby.
    pub(in super::super) fn tell_of_following(&self) {
        if let Some(follows) = self.follow_status() {
            self.tell(Happened::Follows { follows });
        }
    }

    /// It has taken over.
    pub(in super::super) fn took_over(&self, took_over: TookOver) {
        if let Some(followed) = &mut *lock(&self.standby.followed) {
            (followed.state, followed.took_over) = (StandbyState::TookOver, Some(took_over));
        }
        self.tell(Happened::TookOver(took_over));
    }

    /// What this process does as a standby; none if it never was one.
    pub fn follow_status(&self) -> Option<FollowStatus> {
        let Followed { state, behind_ms, heard_us, took_over } = (*lock(&self.standby.followed))?;
        let now = monotonic_us();
        let is_deaf = now.saturating_sub(self.fresh_us.load(Ordering::Acquire)) > DEAF_US;
        // One that hears nothing of the radio would not take over.
        let state = if is_deaf && state == StandbyState::Armed { StandbyState::Waiting } else { state };
        let [radio_ms, management_ms] = heard_us.map(|heard| heard.map(|heard| now.saturating_sub(heard) as f64 / 1e3));
        let first_burst_us = Some(self.standby.first_burst_us.load(Ordering::Acquire)).filter(|at| *at > 0);
        let took_over = took_over.map(|took_over| TookOver { first_burst_us, ..took_over });
        Some(FollowStatus { state, behind_ms, radio_ms, management_ms, took_over })
    }

    /// Whether samples of now came when another host had already had none for a while: then it is not the radio that is silent.
    pub(in super::super) fn has_heard_after(&self, silent_us: u64) -> bool {
        self.fresh_us.load(Ordering::Acquire) > silent_us.saturating_add(SAME_SILENCE_US)
    }

    /// Samples of now have come.
    pub(super) fn note_fresh(&self, now_us: u64) {
        if !self.hears() {
            self.standby.hearing_since_us.store(now_us, Ordering::Release);
        }
        self.fresh_us.store(now_us, Ordering::Release);
    }

    /// Whether the radio has been heard for long enough that another host, which fell silent with it, would have told that it hears it again.
    pub(in super::super) fn has_heard_for_a_while(&self) -> bool {
        self.hears() && monotonic_us().saturating_sub(self.standby.hearing_since_us.load(Ordering::Acquire)) > BACK_US
    }

    /// Takes over from another host's process that was there when it was last heard. First its receive stream goes: who hears nothing hands out nothing,
    /// so that it falls silent when what it has handed out is over. Nothing of the transmit side is cleared, as that is still the service's.
    ///
    /// # Errors
    /// A sentence: this following has ended, or there is no way to the radio.
    pub(in super::super) fn take_over_from(&self, number: u32, beat: &Heartbeat) -> Result<Claimed, String> {
        let _one_at_a_time = lock(&self.linking);
        if !self.follows(number) {
            return Err("this process follows no longer".into());
        }
        {
            let control = &mut *lock(&self.control);
            let device = self.plan.device;
            let way = |e: std::io::Error| format!("this host has no way to the radio at {device}: {e}");
            if let Some(fence) = &*lock(&self.standby.fence) {
                // An earlier ICMP shows as the first call's error, without a meaning for this one.
                attach::claim(fence).or_else(|_| attach::claim(fence)).map_err(way)?;
            }
            control.post(&attach::reset_registers(self.chain().other())).map_err(way)?;
        }
        self.standby.first_burst_us.store(0, Ordering::Release);
        self.standby.out_of_sequence.store(true, Ordering::Release);
        let claimed_us = self.take_transmit_side(beat.mark)?.claimed_us;
        let lead = beat.mark.end_tick.map_or(0, |end| end.saturating_sub(beat.tick)).min(MOST_LEAD);
        let now = self.radio_time().unwrap_or(beat.tick);
        Ok(Claimed { claimed_us, not_before: now.saturating_add(lead).saturating_add(UNDER_WAY) })
    }

    /// Whether that following has come to a take-over, and this process serves since, followed by none.
    pub(in super::super) fn serves_after(&self, number: u32) -> bool {
        let has_taken_over = lock(&self.standby.followed).is_some_and(|followed| followed.took_over.is_some());
        let is_present = self.standby.following.load(Ordering::Acquire) == number;
        has_taken_over && is_present && self.linked() && !self.overlaps() && !self.park.is_parking() && !self.sends_heartbeats()
    }

    /// The standby says that it has taken over from this process.
    pub(in super::super) fn note_taken_over(&self) {
        self.standby.taken_over_us.store(monotonic_us(), Ordering::Release);
    }

    /// Whether the standby has taken over from this process, and has said so of late.
    pub(super) fn is_taken_over(&self) -> bool {
        let at = self.standby.taken_over_us.load(Ordering::Acquire);
        at > 0 && monotonic_us().saturating_sub(at) < NOTICE_HOLDS_US
    }

    /// Makes sure that the other receive chain has stopped, and lets go of its stream.
    pub(in super::super) fn end_fence(&self) {
        let stopped = attach::reset(&mut lock(&self.control), self.chain().other(), Instant::now() + attach::DEADLINE);
        stopped.unwrap_or_else(|why| self.note(format!("the radio's other receive chain may still run: {why}")));
        *lock(&self.standby.fence) = None;
    }

    /// Whether the next packet may not be the next in sequence; told once.
    pub fn take_out_of_sequence(&self) -> bool {
        self.standby.out_of_sequence.swap(false, Ordering::AcqRel)
    }

    /// The first burst after a take-over was handed to the radio.
    pub fn note_first_burst(&self) {
        self.standby.first_burst_us.store(monotonic_us(), Ordering::Release);
    }
}
