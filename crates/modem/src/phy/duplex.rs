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
    /// By time, among the terminals of a group.
    Group {
        /// Row of table 4.2-2, one that leaves every terminal something.
        assignment: u8,
    },
}

/// Directions of the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkDirection {
    /// From the master or base station.
    Down,
    /// From the slave.
    Up,
    /// From the terminal with this index to the others of its group.
    Terminal(u8),
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

/// Most terminals of a group: the primary signal tells so many apart.
pub const GROUP_SIZE: u8 = 3;

/// Who transmits when in a group: the master (0) has the downlink subframes of table 4.2-2, the others share the uplink ones. Special
/// subframes stay empty. Not in the standard.
const SHARES: [&[u8; SUBFRAMES]; 7] =
    [b"0.1120.112", b"0.1200.120", b"0.1000.200", b"0.11200000", b"0.12000000", b"0.10000000", b"0.1210.120"];

/// Whether a row of table 4.2-2 leaves every terminal of a group something.
pub fn shares_with_all(assignment: u8) -> bool {
    (0..GROUP_SIZE).all(|index| SHARES[usize::from(assignment) % SHARES.len()].contains(&(b'0' + index)))
}

/// Where a direction's synchronisation signals lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyncPlan {
    /// FDD: both at the end of the first slot of subframes 0 and 5 (6.11.1.2 and 6.11.2.2).
    Fdd,
    /// TDD downlink: the secondary in the last symbol of subframes 0 and 5, the primary in the third of 1 and 6.
    TddDown,
    /// TDD uplink: as in FDD, but in subframe 2, which is the only one that always belongs to it. Not in the standard.
    TddUp,
    /// A terminal of a group: as in FDD, but in its own first subframe, and in the one five later if that is its own, too.
    Group {
        /// Number of the first.
        first: u8,
        /// There is a second.
        both: bool,
    },
}

impl SyncPlan {
    /// Subframe of the primary signal in the first half of the frame.
    pub const fn primary_subframe(self) -> usize {
        match self {
            Self::Fdd => 0,
            Self::TddDown => 1,
            Self::TddUp => 2,
            Self::Group { first, .. } => first as usize,
        }
    }

    /// Subframe of the secondary signal in the first half of the frame; it is never after the primary.
    pub const fn secondary_subframe(self) -> usize {
        match self {
            Self::Fdd | Self::TddDown => 0,
            Self::TddUp => 2,
            Self::Group { first, .. } => first as usize,
        }
    }

    /// Subframe that would carry the broadcast block.
    pub const fn broadcast_subframe(self) -> usize {
        match self {
            Self::Group { first, .. } => first as usize,
            Self::Fdd | Self::TddDown | Self::TddUp => 0,
        }
    }

    /// Whether the second half of the frame has signals, too.
    pub const fn in_both_halves(self) -> bool {
        !matches!(self, Self::TddUp | Self::Group { both: false, .. })
    }

    /// Symbol of the primary signal.
    pub const fn primary_symbol(self, numerology: &Numerology) -> usize {
        match self {
            Self::Fdd | Self::TddUp | Self::Group { .. } => numerology.slot_symbols() - 1,
            Self::TddDown => 2,
        }
    }

    /// Symbol of the secondary signal.
    pub const fn secondary_symbol(self, numerology: &Numerology) -> usize {
        match self {
            Self::Fdd | Self::TddUp | Self::Group { .. } => numerology.slot_symbols() - 2,
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
    pub fn usage(self, direction: LinkDirection, subframe: usize) -> Use {
        let of = |table: [&[u8; SUBFRAMES]; 7], row: u8| table[usize::from(row) % table.len()][subframe % SUBFRAMES];
        match (self, direction) {
            (Self::Fdd, LinkDirection::Down | LinkDirection::Up) => Use::Data,
            (Self::Tdd { assignment }, LinkDirection::Down | LinkDirection::Up) => match (of(ASSIGNMENTS, assignment), direction) {
                (b'D', LinkDirection::Down) | (b'U', LinkDirection::Up) => Use::Data,
                (b'S', LinkDirection::Down) => Use::Special,
                _ => Use::Silent,
            },
            (Self::Group { assignment }, LinkDirection::Terminal(index)) if of(SHARES, assignment) == b'0' + index % 10 => {
                Use::Data
            }
            _ => Use::Silent,
        }
    }

    /// Where a direction's synchronisation signals lie.
    pub fn sync_plan(self, direction: LinkDirection) -> SyncPlan {
        match (self, direction) {
            (Self::Tdd { .. }, LinkDirection::Down) => SyncPlan::TddDown,
            (Self::Tdd { .. }, _) => SyncPlan::TddUp,
            (Self::Group { .. }, _) => {
                let own = |subframe: usize| self.usage(direction, subframe) == Use::Data;
                let first = (0..SUBFRAMES).find(|n| own(*n)).unwrap_or(0);
                SyncPlan::Group { first: first as u8, both: first < SUBFRAMES / 2 && own(first + SUBFRAMES / 2) }
            }
            (Self::Fdd, _) => SyncPlan::Fdd,
        }
    }

    /// Whether a direction transmits a block in this subframe even when nothing waits, as the proof of synchronisation.
    pub fn always_sent(self, direction: LinkDirection, subframe: usize) -> bool {
        self.sync_plan(direction).secondary_half(subframe).is_some()
    }

    /// Whether the subframe carries the broadcast block.
    pub fn broadcast(self, direction: LinkDirection, subframe: usize) -> bool {
        match (self, direction) {
            (Self::Tdd { .. }, LinkDirection::Up | LinkDirection::Terminal(_)) => false,
            _ => subframe == self.sync_plan(direction).broadcast_subframe(),
        }
    }

    /// Every way in which a direction's frame may look to somebody who knows nothing of it: one for each place of the broadcast block.
    pub fn every_look(direction: LinkDirection) -> Vec<Self> {
        let LinkDirection::Terminal(_) = direction else { return vec![Self::Fdd, Self::Tdd { assignment: 0 }] };
        let mut looks: Vec<Self> = Vec::new();
        for assignment in (0..ASSIGNMENT_COUNT).filter(|n| shares_with_all(*n)) {
            let (look, at) = (Self::Group { assignment }, |look: Self| look.sync_plan(direction).broadcast_subframe());
            // Signals in both halves come first in the table: they find those in one half, too.
            if looks.iter().all(|known| at(*known) != at(look)) {
                looks.push(look);
            }
        }
        looks
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
                let both = [LinkDirection::Down, LinkDirection::Up].map(|d| duplex.usage(d, subframe));
                assert!(both.contains(&Use::Silent), "assignment {assignment}, subframe {subframe}: {both:?}");
            }
            for direction in [LinkDirection::Down, LinkDirection::Up] {
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
        let up =
            |assignment| (0..SUBFRAMES).filter(|s| Duplex::Tdd { assignment }.usage(LinkDirection::Up, *s) == Use::Data).count();
        assert_eq!((0..ASSIGNMENT_COUNT).map(up).collect::<Vec<_>>(), [6, 4, 2, 3, 2, 1, 5]);
    }

    #[test]
    fn a_group_shares_what_the_table_gives_and_every_terminal_has_its_signals() {
        let data = |assignment, index| -> Vec<usize> {
            let duplex = Duplex::Group { assignment };
            (0..SUBFRAMES).filter(|n| duplex.usage(LinkDirection::Terminal(index), *n) == Use::Data).collect()
        };
        assert_eq!([data(0, 0), data(0, 1), data(0, 2)], [vec![0, 5], vec![2, 3, 7, 8], vec![4, 9]]);
        for assignment in 0..ASSIGNMENT_COUNT {
            assert_eq!(shares_with_all(assignment), assignment != 5);
            let (tdd, group) = (Duplex::Tdd { assignment }, Duplex::Group { assignment });
            for subframe in 0..SUBFRAMES {
                let owners: Vec<u8> =
                    (0..GROUP_SIZE).filter(|n| group.usage(LinkDirection::Terminal(*n), subframe) == Use::Data).collect();
                let down = tdd.usage(LinkDirection::Down, subframe) == Use::Data;
                let up = tdd.usage(LinkDirection::Up, subframe) == Use::Data;
                assert_eq!((owners.len(), owners == [0]), (usize::from(down || up), down), "{assignment}, subframe {subframe}");
            }
            for index in (0..GROUP_SIZE).filter(|_| shares_with_all(assignment)) {
                let direction = LinkDirection::Terminal(index);
                let always: Vec<usize> = (0..SUBFRAMES).filter(|n| group.always_sent(direction, *n)).collect();
                assert!(!always.is_empty() && always.iter().all(|n| data(assignment, index).contains(n)));
                assert!(group.broadcast(direction, always[0]));
                let seen = Duplex::every_look(direction).iter().any(|look| look.broadcast(direction, always[0]));
                assert!(seen, "{assignment}, terminal {index}");
            }
        }
    }
}
