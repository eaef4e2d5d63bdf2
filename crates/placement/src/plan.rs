//! A plan: what changes, in which order, and what is true afterwards.

use std::collections::BTreeSet;
use std::fmt;

use config::{HostName, InterfaceName, RadioName};
use serde::Serialize;

use crate::amount::{Cores, Rate};
use crate::pool::Pool;
use crate::refusal::listed;

/// One change of one radio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Start a radio that nobody serves.
    Start {
        /// The radio.
        radio: RadioName,
        /// Where it is to be served.
        to: HostName,
    },
    /// Serve a lost server's radio elsewhere.
    FailOver {
        /// The radio.
        radio: RadioName,
        /// The lost server.
        from: HostName,
        /// Where it is to be served.
        to: HostName,
        /// The standby there takes over.
        armed: bool,
    },
    /// Move a radio that is served.
    Move {
        /// The radio.
        radio: RadioName,
        /// Where it is served.
        from: HostName,
        /// Where it is to be served.
        to: HostName,
        /// It only makes way there, and goes on in a later wave.
        detour: bool,
    },
    /// Arm a standby.
    Arm {
        /// The radio.
        radio: RadioName,
        /// The server that is to follow.
        at: HostName,
    },
    /// End a standby.
    Disarm {
        /// The radio.
        radio: RadioName,
        /// The server that follows.
        at: HostName,
    },
}

impl Change {
    /// The radio that it is about.
    pub fn radio(&self) -> &RadioName {
        match self {
            Self::Start { radio, .. }
            | Self::FailOver { radio, .. }
            | Self::Move { radio, .. }
            | Self::Arm { radio, .. }
            | Self::Disarm { radio, .. } => radio,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { radio, to } => write!(f, "start {radio} on {to}"),
            Self::FailOver { radio, from, to, armed: true } => write!(f, "fail {radio} over from {from} to its standby on {to}"),
            Self::FailOver { radio, from, to, armed: false } => write!(f, "fail {radio} over from {from} to {to}"),
            Self::Move { radio, from, to, detour: false } => write!(f, "move {radio} from {from} to {to}"),
            Self::Move { radio, from, to, detour: true } => {
                write!(f, "move {radio} from {from} to {to}, on its way to another server")
            }
            Self::Arm { radio, at } => write!(f, "arm a standby of {radio} on {at}"),
            Self::Disarm { radio, at } => write!(f, "disarm the standby of {radio} on {at}"),
        }
    }
}

/// Changes that may be under way together; the next wave begins when all are over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Wave(pub Vec<Change>);

/// What a radio is without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lacks {
    /// No server can serve it.
    Service,
    /// It cannot go where it is to go, and is served where it is.
    Move,
    /// No server can follow.
    Standby,
}

/// What keeps a radio off a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// The server is lost.
    Lost,
    /// The server is drained.
    Drained,
    /// The radio is forbidden there.
    Forbidden,
    /// The server has not the interface.
    NoInterface(InterfaceName),
    /// A radio is there from which this one is kept apart.
    Apart(RadioName),
    /// Too few cores are free.
    Cores {
        /// What is free.
        free: Cores,
        /// What is needed.
        need: Cores,
    },
    /// The link has too little room.
    Link {
        /// The interface.
        interface: InterfaceName,
        /// What is free.
        free: Rate,
        /// What is needed.
        need: Rate,
    },
    /// The server serves the radio, so that it cannot follow as well.
    Serves,
    /// It would have room in the end, but no order of moves leads there: radios wait for one another's places, and no third server lets one pass.
    NoDetour,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => f.write_str("is lost"),
            Self::Drained => f.write_str("is drained"),
            Self::Forbidden => f.write_str("is forbidden to it"),
            Self::NoInterface(interface) => write!(f, "has no interface {interface}"),
            Self::Apart(other) => write!(f, "has {other}, which is kept apart from it"),
            Self::Cores { free, need } => write!(f, "has {free} free of the {need} that it needs"),
            Self::Link { interface, free, need } => write!(f, "has {free} free at {interface} of the {need} that it needs"),
            Self::Serves => f.write_str("serves it"),
            Self::NoDetour => f.write_str("has room only after moves that wait for one another, and no third server lets one pass"),
        }
    }
}

/// Why a radio has no place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Something keeps it off each server that is in question.
    NoServer(Vec<(HostName, Obstacle)>),
    /// Its interruption budget allows no move in this period.
    BudgetUsed,
}

/// A radio without a place, as a sentence: what failed, where, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unplaced {
    /// The radio.
    pub radio: RadioName,
    /// What it is without.
    pub lacks: Lacks,
    /// Why.
    pub reason: Reason,
}

impl fmt::Display for Unplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let radio = &self.radio;
        match self.lacks {
            Lacks::Service => write!(f, "radio {radio} cannot be served: ")?,
            Lacks::Move => write!(f, "radio {radio} cannot be moved and stays where it is: ")?,
            Lacks::Standby => write!(f, "no standby of radio {radio} can be armed: ")?,
        }
        match &self.reason {
            Reason::BudgetUsed => f.write_str(
                "its interruption budget allows no move in this period; wait for the next period, or order it beyond the budget",
            ),
            Reason::NoServer(obstacles) => {
                f.write_str(
                    &obstacles.iter().map(|(server, obstacle)| format!("{server} {obstacle}")).collect::<Vec<_>>().join(", "),
                )?;
                write!(f, "; {}", remedy(radio, obstacles))
            }
        }
    }
}

/// What would help, the least effort first.
fn remedy(radio: &RadioName, obstacles: &[(HostName, Obstacle)]) -> String {
    let short = obstacles.iter().filter_map(|(server, obstacle)| match obstacle {
        Obstacle::Cores { free, need } => {
            Some((need.thousandths().saturating_sub(free.thousandths()), format!("free {} on {server}", less(*need, *free))))
        }
        Obstacle::Link { interface, free, need } => {
            let missing = need.thousandths().saturating_sub(free.thousandths());
            Some((missing, format!("free {} at {interface} of {server}", Rate::of_thousandths(missing))))
        }
        _ => None,
    });
    let apart = obstacles.iter().find_map(|(server, obstacle)| match obstacle {
        Obstacle::Apart(other) => Some(format!("move {other} off {server}")),
        _ => None,
    });
    let drained =
        obstacles.iter().find_map(|(server, obstacle)| (*obstacle == Obstacle::Drained).then(|| format!("undrain {server}")));
    let lost =
        obstacles.iter().find_map(|(server, obstacle)| (*obstacle == Obstacle::Lost).then(|| format!("bring {server} back")));
    let stuck = obstacles.iter().any(|(_, obstacle)| *obstacle == Obstacle::NoDetour);
    let room = stuck.then(|| "make room on a third server for as long as the moves take".to_owned());
    let first = room.or(short.min().map(|(_, text)| text)).or(apart).or(drained).or(lost);
    let allow = format!("allow another server to serve {radio}");
    first.map_or(allow.clone(), |first| format!("{first}, or {allow}"))
}

fn less(need: Cores, free: Cores) -> Cores {
    Cores::of_thousandths(need.thousandths().saturating_sub(free.thousandths()))
}

/// A server whose loss could not be made good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoHeadroom {
    /// The server.
    pub server: HostName,
    /// Radios that would not be served if it were lost.
    pub without: BTreeSet<RadioName>,
}

impl fmt::Display for NoHeadroom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "there is no headroom for the loss of {}: {} would not be served; free room on other servers",
            self.server,
            listed(&self.without)
        )
    }
}

/// A plan for a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What changes, one wave after the other.
    pub waves: Vec<Wave>,
    /// The pool after the last wave.
    #[serde(skip)]
    pub after: Pool,
    /// Radios that the goal concerns and for which there is no place.
    pub unplaced: Vec<Unplaced>,
    /// Radios that would be moved if their interruption budget allowed it.
    pub left_for_budget: BTreeSet<RadioName>,
    /// Servers that are not lost and have nothing to do afterwards.
    pub empty: BTreeSet<HostName>,
    /// Servers whose loss could not be made good afterwards.
    pub no_headroom: Vec<NoHeadroom>,
}

impl Plan {
    /// All changes in their order.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.waves.iter().flat_map(|wave| &wave.0)
    }

    /// Whether the goal is reached with it.
    pub fn is_whole(&self) -> bool {
        self.unplaced.is_empty()
    }
}

impl fmt::Display for Plan {
    /// As an operator reads it: a line for each change, then one for all that is to be known about it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.waves.is_empty() {
            writeln!(f, "nothing is to be done")?;
        }
        for (number, wave) in (1..).zip(&self.waves) {
            wave.0.iter().try_for_each(|change| writeln!(f, "{number}. {change}"))?;
        }
        self.unplaced.iter().try_for_each(|unplaced| writeln!(f, "{unplaced}"))?;
        if !self.left_for_budget.is_empty() {
            writeln!(f, "left where they are, for their interruption budgets: {}", listed(&self.left_for_budget))?;
        }
        if !self.empty.is_empty() {
            writeln!(f, "servers that are empty afterwards: {}", listed(&self.empty))?;
        }
        self.no_headroom.iter().try_for_each(|lacking| writeln!(f, "{lacking}"))
    }
}
