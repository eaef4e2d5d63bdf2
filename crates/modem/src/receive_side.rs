//! The receiving side of a modem: one receiver for the far end of a link, or one for every other terminal of a group.

use rustfft::FftPlanner;

use super::group::GroupReceiver;
use super::outlet::Outlet;
use super::phy::duplex::LinkDirection;
use super::phy::history::SampleHistory;
use super::phy::numerology::FrameClock;
use super::phy::parameters::Parameters;
use super::phy::sync_signals::CellId;
use super::receive::{Effort, Receiver};
use super::relay::hello::PerTerminal;
use super::settings::ModemSettings;
use protocol::Link;
use workload::contract::Resumed;

/// The receiving side of a modem.
pub enum ReceiveSide {
    /// Of a link between two.
    Link(Box<Receiver>),
    /// Of a terminal in a group.
    Group(Box<GroupReceiver>),
}

impl ReceiveSide {
    /// For a modem of two.
    pub fn for_link(settings: &ModemSettings, planner: &mut FftPlanner<f32>) -> Self {
        Self::Link(Box::new(Receiver::new(settings, planner)))
    }

    /// The direction to transmit in.
    pub fn direction(&self, settings: &ModemSettings) -> LinkDirection {
        match self {
            Self::Link(_) => settings.role.direction(),
            Self::Group(group) => group.direction(),
        }
    }

    /// The cell to transmit for, once known, and how it works.
    pub fn cell(&self) -> Option<(CellId, Parameters)> {
        match self {
            Self::Link(receiver) => receiver.cell(),
            Self::Group(group) => group.cell(),
        }
    }

    /// The frames that a slave transmits in, once proven.
    pub fn clock(&self) -> Option<FrameClock> {
        match self {
            Self::Link(receiver) => receiver.clock(),
            Self::Group(group) => group.clock(),
        }
    }

    /// Number of the received frame at a tick.
    pub fn frame_at(&self, tick: u64) -> Option<u16> {
        match self {
            Self::Link(receiver) => receiver.frame_at(tick),
            Self::Group(group) => group.frame_at(tick),
        }
    }

    /// Hops to tell of the own timing; 0 between two.
    pub fn hops(&self) -> u8 {
        match self {
            Self::Link(_) => 0,
            Self::Group(group) => group.hops(),
        }
    }

    /// Its part of the link's figures.
    pub fn link(&self) -> Link {
        match self {
            Self::Link(receiver) => receiver.link(),
            Self::Group(group) => group.link(),
        }
    }

    /// Received packets of which a part was missing.
    pub fn broken(&self) -> u64 {
        match self {
            Self::Link(receiver) => receiver.reassembler.broken,
            Self::Group(group) => group.broken(),
        }
    }

    /// Whether samples arrive.
    pub fn has_samples(&self) -> bool {
        match self {
            Self::Link(receiver) => receiver.has_samples(),
            Self::Group(group) => group.has_samples(),
        }
    }

    /// Does what the latest samples allow.
    pub fn work(&mut self, history: &SampleHistory, out: &mut impl Outlet) {
        match self {
            Self::Link(receiver) => receiver.work(history, Effort::Full, out),
            Self::Group(group) => group.work(history, out),
        }
    }

    /// No samples arrive any more.
    pub fn no_samples(&mut self, out: &mut impl Outlet) {
        match self {
            Self::Link(receiver) => receiver.no_samples(out),
            Self::Group(group) => group.no_samples(out),
        }
    }

    /// The device clock was set back.
    pub fn forget(&mut self) {
        match self {
            Self::Link(receiver) => receiver.forget(),
            Self::Group(group) => group.forget(),
        }
    }

    /// From now on what is received is held back.
    pub fn freeze(&mut self) {
        match self {
            Self::Link(receiver) => receiver.freeze(),
            Self::Group(group) => group.freeze(),
        }
    }

    /// Number of the next payload expected, of the far end or of each terminal of a group.
    pub fn expected(&self) -> PerTerminal<Option<u16>> {
        match self {
            Self::Link(receiver) => [receiver.reassembler.expected(), None, None],
            Self::Group(group) => group.expected(),
        }
    }

    /// As a standby: the modem that serves expects these payloads next, and has delivered those before them.
    pub fn follow(&mut self, expected: PerTerminal<Option<u16>>) {
        match self {
            Self::Link(receiver) => expected[0].into_iter().for_each(|expected| receiver.follow(expected)),
            Self::Group(group) => group.follow_other(expected),
        }
    }

    /// Delivers what was held back from the payloads on that another modem expected; `now` is the latest tick.
    pub fn take_over(&mut self, expected: PerTerminal<Option<u16>>, now: u64, out: &mut impl Outlet) {
        match self {
            Self::Link(receiver) => receiver.take_over(expected[0], out),
            Self::Group(group) => group.take_over(expected, now, out),
        }
    }

    /// Delivers what was held back; `now` is the latest tick.
    pub fn resume(&mut self, now: u64, out: &mut impl Outlet) -> Resumed {
        match self {
            Self::Link(receiver) => receiver.resume(out),
            Self::Group(group) => group.resume(now, out),
        }
    }
}
