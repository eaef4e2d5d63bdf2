//! Where the operator is: the screen, the enlarged panel, and the place whose keys count.

use protocol::Order;

/// Which screen is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// Both servers, the radio, the work.
    Operate,
    /// Where the time of a run went.
    Timing,
    /// The history of runs.
    Runs,
    /// All radios and servers of the pool.
    Pool,
    /// What is known before a migration.
    Preflight {
        /// Which migration.
        order: Order,
        /// First line shown.
        scroll: u16,
    },
    /// What every key does.
    Help {
        /// First line shown.
        scroll: u16,
    },
}

/// A panel of the Operate screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PanelName {
    /// The initiator.
    Left,
    /// The radio and the story.
    Radio,
    /// The destination.
    Right,
    /// The far end's pings.
    Pings,
    /// The phases.
    Phases,
    /// The control variables.
    Control,
    /// The route table.
    Routes,
    /// The log.
    Log,
}

impl PanelName {
    /// All, in the order of the screen.
    pub const ALL: [Self; 8] =
        [Self::Left, Self::Radio, Self::Right, Self::Pings, Self::Phases, Self::Control, Self::Routes, Self::Log];

    /// The panel so many places further on; the first follows the last.
    pub fn turn(self, places: isize) -> Self {
        let here = Self::ALL.iter().position(|panel| *panel == self).unwrap_or(0) as isize;
        Self::ALL[(here + places).rem_euclid(Self::ALL.len() as isize) as usize]
    }
}

/// Where keys of their own count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Everywhere.
    Anywhere,
    /// The Runs screen.
    Runs,
    /// The Timing screen with a run from the records.
    Opened,
    /// A replay.
    Replay,
    /// The Pool page.
    Pool,
}

impl Place {
    /// All.
    pub const ALL: [Self; 5] = [Self::Anywhere, Self::Runs, Self::Opened, Self::Replay, Self::Pool];
}
