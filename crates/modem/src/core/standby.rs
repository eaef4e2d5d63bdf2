//! A modem that follows another one as a standby: it receives the same samples, decodes, holds back, and goes on when the other one is gone without
//! having said where it was to the last.

use std::collections::VecDeque;

use super::Modem;
use crate::outlet::Outlet;
use crate::progress::Progress;
use crate::soft_state::MOST_AHEAD;

/// Payloads that are left out after a take-over. Those of the other one that the last heartbeat does not count may have been on the air, and a number
/// that comes twice is thrown away at the far end; it asks for what is left out, and is given nothing. Well below what a far end asks for at most.
const SKIPPED: u16 = 64;

impl Modem {
    /// Where it is, for a standby.
    pub fn progress(&self) -> Progress {
        Progress { sent: self.segmenter.sequence(), expected: self.receive_side.expected(), next_free: self.next_free }
    }

    /// Tick behind the latest sample received.
    pub fn now(&self) -> u64 {
        self.history.end()
    }

    /// The modem that serves is there: what it has delivered need not be held back any longer.
    pub fn follow(&mut self, other: Progress) {
        self.receive_side.follow(other.expected);
    }

    /// Goes on in the place of a modem that was there when it was last heard, and has nothing on the air before a tick. Whether it was frozen, and
    /// goes on.
    pub fn take_over(&mut self, other: Option<Progress>, not_before: u64, out: &mut impl Outlet) -> bool {
        if !self.frozen {
            return false;
        }
        // What programs here have sent while another host had the address, and what came with the other one's state, is hours old.
        self.queue.clear();
        self.outgoing.clear();
        self.receive_side.take_over(other.map(|other| other.expected).unwrap_or_default(), self.history.end(), out);
        if let Some(other) = other {
            self.segmenter.resume(other.sent.wrapping_add(SKIPPED), Vec::new(), VecDeque::new());
            self.next_free = self.next_free.max(other.next_free.min(self.history.end() + MOST_AHEAD));
        }
        self.next_free = self.next_free.max(not_before.min(self.history.end() + MOST_AHEAD));
        self.frozen = false;
        self.queue.mark(false);
        self.transmit(out);
        true
    }
}
