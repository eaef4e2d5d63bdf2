//! What a frozen receiver holds back, and what becomes of it.

use super::Receiver;
use crate::hold::sequence_of;
use crate::outlet::Outlet;
use crate::segment::Reassembler;
use workload::contract::Resumed;

impl Receiver {
    /// From now on what is received is held back.
    pub fn freeze(&mut self) {
        self.hold.get_or_insert_default();
    }

    /// The same, and the packets are given out all the same, for those of them that are for everybody.
    pub fn freeze_and_overhear(&mut self, longest: usize) {
        self.freeze();
        self.overheard.get_or_insert_with(|| Reassembler::with_longest(longest));
    }

    /// Whether what is given out is held back as well.
    pub const fn overhears(&self) -> bool {
        self.overheard.is_some()
    }

    /// Delivers what was held back, as far as it continues what has been delivered here or elsewhere, and holds back no more.
    pub fn resume(&mut self, out: &mut impl Outlet) -> Resumed {
        let (mut delivered, mut resumed) = (0, Resumed::default());
        self.overheard = None;
        for payload in self.hold.take().into_iter().flatten() {
            match self.reassembler.ahead(&payload) {
                ..0 => resumed.again += 1,
                ahead => {
                    resumed.missing += u64::from(ahead.unsigned_abs());
                    self.reassembler.accept(&payload, |packet| {
                        delivered += 1;
                        out.packet(packet);
                    });
                }
            }
        }
        self.quality.delivered(delivered);
        resumed
    }

    /// As a standby: the modem that serves expects this payload next, and has delivered those before it.
    pub fn follow(&mut self, expected: u16) {
        if let Some(hold) = &mut self.hold {
            hold.let_go(expected);
        }
    }

    /// Delivers what was held back from the payload on that another modem expected, and holds back no more. Packets that had begun before are put
    /// together from what was held back, too.
    pub fn take_over(&mut self, expected: Option<u16>, out: &mut impl Outlet) {
        let mut delivered = 0;
        self.overheard = None;
        self.reassembler.resume(None, None);
        for payload in self.hold.take().into_iter().flatten() {
            let is_past =
                sequence_of(&payload).zip(expected).is_some_and(|(number, expected)| (number.wrapping_sub(expected) as i16) < 0);
            self.reassembler.accept(&payload, |packet| {
                if !is_past {
                    delivered += 1;
                    out.packet(packet);
                }
            });
        }
        self.quality.delivered(delivered);
    }
}
