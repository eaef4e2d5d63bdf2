//! Who transmits when (3GPP TS 36.211, 4), and where the synchronisation signals lie.

use super::numerology::{Numerology, SUBFRAMES};

/// How the two directions are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Duplex {
    /// By frequency: both ends transmit in every subframe.
    Fdd,
    /// By time.
    Tdd {
        /// Row of table 4.2-2, 0..=6.
        assignment: u8,
    },
}

/// Directions of the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the master or base station.
    Down,
    /// From the slave.
    Up,
}

impl Direction {
    /// The opposite one.
    pub const fn other(self) -> Self {
        match self {
            Self::Down => Self::Up,
            Self::Up => Self::Down,
        }
    }
}

/// What a transmitter may do in a subframe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Use {
    /// Nothing: it is the other direction's.
    Silent,
    /// Only the primary signal: the change from down to up.
    Special,
    /// Reference signals and data.
    Data,
}

/// Uplink-downlink configurations, table 4.2-2.
const ASSIGNMENTS: [&[u8; SUBFRAMES]; 7] =
    [b"DSUUUDSUUU", b"DSUUDDSUUD", b"DSUDDDSUDD", b"DSUUUDDDDD", b"DSUUDDDDDD", b"DSUDDDDDDD", b"DSUUUDSUUD"];

/// Rows of table 4.2-2.
pub const ASSIGNMENT_COUNT: u8 = ASSIGNMENTS.len() as u8;

/// Where a direction's synchronisation signals lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyncPlan {
    /// FDD: both at the end of the first slot of subframes 0 and 5 (6.11.1.2 and 6.11.2.2).
    Fdd,
    /// TDD downlink: the secondary in the last symbol of subframes 0 and 5, the primary in the third of 1 and 6.
    TddDown,
    /// TDD uplink: as in FDD, but in subframe 2, which is the only one that always belongs to it. Not in the standard.
    TddUp,
}

impl SyncPlan {
    /// Subframe of the primary signal in the first half of the frame.
    pub const fn primary_subframe(self) -> usize {
        match self {
            Self::Fdd => 0,
            Self::TddDown => 1,
            Self::TddUp => 2,
        }
    }

    /// Subframe of the secondary signal in the first half of the frame; it is never after the primary.
    pub const fn secondary_subframe(self) -> usize {
        match self {
            Self::Fdd | Self::TddDown => 0,
            Self::TddUp => 2,
        }
    }

    /// Whether the second half of the frame has signals, too.
    pub const fn in_both_halves(self) -> bool {
        !matches!(self, Self::TddUp)
    }

    /// Symbol of the primary signal.
    pub const fn primary_symbol(self, numerology: &Numerology) -> usize {
        match self {
            Self::Fdd | Self::TddUp => numerology.slot_symbols() - 1,
            Self::TddDown => 2,
        }
    }

    /// Symbol of the secondary signal.
    pub const fn secondary_symbol(self, numerology: &Numerology) -> usize {
        match self {
            Self::Fdd | Self::TddUp => numerology.slot_symbols() - 2,
            Self::TddDown => numerology.symbols() - 1,
        }
    }

    /// Half of the frame (0 or 1) of a subframe with the primary signal.
    pub fn primary_half(self, subframe: usize) -> Option<usize> {
        self.half(self.primary_subframe(), subframe)
    }

    /// Half of the frame (0 or 1) of a subframe with the secondary signal.
    pub fn secondary_half(self, subframe: usize) -> Option<usize> {
        self.half(self.secondary_subframe(), subframe)
    }

    fn half(self, first: usize, subframe: usize) -> Option<usize> {
        match subframe.checked_sub(first)? {
            0 => Some(0),
            5 if self.in_both_halves() => Some(1),
            _ => None,
        }
    }
}

impl Duplex {
    /// What a direction may do in a subframe 0..10.
    pub fn usage(self, direction: Direction, subframe: usize) -> Use {
        let Self::Tdd { assignment } = self else { return Use::Data };
        match (ASSIGNMENTS[usize::from(assignment) % ASSIGNMENTS.len()][subframe % SUBFRAMES], direction) {
            (b'D', Direction::Down) | (b'U', Direction::Up) => Use::Data,
            (b'S', Direction::Down) => Use::Special,
            _ => Use::Silent,
        }
    }

    /// Where a direction's synchronisation signals lie.
    pub const fn sync_plan(self, direction: Direction) -> SyncPlan {
        match (self, direction) {
            (Self::Fdd, _) => SyncPlan::Fdd,
            (Self::Tdd { .. }, Direction::Down) => SyncPlan::TddDown,
            (Self::Tdd { .. }, Direction::Up) => SyncPlan::TddUp,
        }
    }

    /// Whether a direction transmits a block in this subframe even when nothing waits, as the proof of synchronisation.
    pub fn always_sent(self, direction: Direction, subframe: usize) -> bool {
        self.sync_plan(direction).secondary_half(subframe).is_some()
    }

    /// Whether the subframe carries the broadcast block.
    pub const fn broadcast(self, direction: Direction, subframe: usize) -> bool {
        subframe == 0 && matches!((self, direction), (Self::Fdd, _) | (_, Direction::Down))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_gives_each_subframe_to_one_direction_at_most() {
        for assignment in 0..ASSIGNMENT_COUNT {
            let duplex = Duplex::Tdd { assignment };
            for subframe in 0..SUBFRAMES {
                let both = [Direction::Down, Direction::Up].map(|d| duplex.usage(d, subframe));
                assert!(both.contains(&Use::Silent), "assignment {assignment}, subframe {subframe}: {both:?}");
            }
            for direction in [Direction::Down, Direction::Up] {
                let plan = duplex.sync_plan(direction);
                for subframe in 0..SUBFRAMES {
                    if plan.primary_half(subframe).is_some() {
                        assert_ne!(duplex.usage(direction, subframe), Use::Silent);
                    }
                    if plan.secondary_half(subframe).is_some() {
                        assert_eq!(duplex.usage(direction, subframe), Use::Data);
                    }
                }
            }
        }
    }

    #[test]
    fn configurations_have_the_documented_share_of_the_uplink() {
        let up = |assignment| (0..SUBFRAMES).filter(|s| Duplex::Tdd { assignment }.usage(Direction::Up, *s) == Use::Data).count();
        assert_eq!((0..ASSIGNMENT_COUNT).map(up).collect::<Vec<_>>(), [6, 4, 2, 3, 2, 1, 5]);
    }
}
