//! Every fault at every step, taken from the flows themselves.

use std::fmt;

use baton::migration::flow::{Facts, Flow, Side, Step, StepCommand, When};
use baton::migration::flows;
use protocol::{Method, Order};

/// The two processes of the workload.
pub const ROLES: [&str; 2] = ["d2d", "usrp"];

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The command is not carried out and answered with a failure.
    Error,
    /// Carried out, never answered.
    NoReply,
    /// Neither carried out nor answered.
    Lost,
    /// The agent ends before it carries the command out; the next one starts after a second.
    DiesBefore,
    /// The agent ends between carrying out and answering.
    DiesAfter,
    /// A process is killed: at the source or the destination, D2D or USRP.
    Kill(Side, &'static str),
    /// The agent or a process of a host is stopped for so long, ms (SIGSTOP, SIGCONT).
    Pause(Side, Paused, u32),
    /// The agent that is asked is told to end (SIGTERM), as an upgrade does; the next one starts after a second.
    Terminated,
    /// The agent that is asked dies, and what it knew of the radio's owner is gone when the next one starts.
    OwnerForgotten,
    /// For 3 s, what the host that is asked sends to the other one of the pool does not arrive; what it gets does.
    OneWay,
    /// The port to the radio is down for 3 s.
    RadioPort,
    /// The port to the other agents is down for 3 s.
    Management,
    /// The radio hears and says nothing for 3 s.
    Deaf,
    /// Until the record of the order is written.
    DeafThroughout,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match *self {
            Self::Error => "error reply",
            Self::NoReply => "no reply, done",
            Self::Lost => "no reply, not done",
            Self::DiesBefore => "agent dies before",
            Self::DiesAfter => "agent dies after",
            Self::Kill(Side::Source, "d2d") => "D2D killed, source",
            Self::Kill(Side::Source, _) => "USRP killed, source",
            Self::Kill(_, "d2d") => "D2D killed, destination",
            Self::Kill(..) => "USRP killed, destination",
            Self::Pause(side, paused, ms) => {
                let side = if side == Side::Source { "source" } else { "destination" };
                return write!(f, "{paused} stopped {} s, {side}", f64::from(ms) / 1e3);
            }
            Self::Terminated => "agent told to end",
            Self::OwnerForgotten => "agent dies, owner file lost",
            Self::OneWay => "mgmt0 one way 3 s",
            Self::RadioPort => "eth3 down 3 s",
            Self::Management => "mgmt0 down 3 s",
            Self::Deaf => "radio silent 3 s",
            Self::DeafThroughout => "radio silent throughout",
        };
        f.write_str(text)
    }
}

/// What can be stopped on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    Agent,
    D2d,
    Usrp,
}

impl fmt::Display for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agent => "agent",
            Self::D2d => "D2D",
            Self::Usrp => "USRP",
        })
    }
}

/// For how long something is stopped, ms: longer than a cut, than a lease, than what an agent is waited for, than most deadlines.
const PAUSES: [u32; 5] = [300, 1000, 3000, 5000, 30_000];

/// In the order of the table's lines.
pub fn faults() -> Vec<Fault> {
    let mut faults = vec![
        Fault::Error,
        Fault::NoReply,
        Fault::Lost,
        Fault::DiesBefore,
        Fault::DiesAfter,
        Fault::Kill(Side::Source, "d2d"),
        Fault::Kill(Side::Source, "usrp"),
        Fault::Kill(Side::Destination, "d2d"),
        Fault::Kill(Side::Destination, "usrp"),
        Fault::RadioPort,
        Fault::Management,
        Fault::Deaf,
        Fault::DeafThroughout,
        Fault::OneWay,
        Fault::Terminated,
        Fault::OwnerForgotten,
    ];
    for side in [Side::Source, Side::Destination] {
        for paused in [Paused::Agent, Paused::D2d, Paused::Usrp] {
            faults.extend(PAUSES.map(|ms| Fault::Pause(side, paused, ms)));
        }
    }
    faults
}

/// A step of a flow, and whom and what it asks.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub order: Order,
    pub method: Method,
    /// Counted from 1.
    pub number: usize,
    pub ask: StepCommand,
    pub side: Side,
    /// Which time that host gets that command.
    pub occurrence: usize,
    /// Processes that exist when it begins, at source and destination.
    there: [[bool; 2]; 2],
}

/// A fault at a step.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    pub place: Place,
    pub fault: Fault,
}

/// What is not injected, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// A step that changes nothing is the same carried out or not.
    Same,
    /// The process does not exist then.
    NoProcess,
}

impl Place {
    pub fn command(&self) -> &'static str {
        self.ask.command(&Facts::default()).name()
    }

    pub fn host(&self, side: Side) -> &'static str {
        match (self.order, side) {
            (Order::M, Side::Source) | (Order::MB, Side::Destination) => "server1",
            _ => "server2",
        }
    }

    /// Whether the D2D (0) or USRP (1) process of that side exists.
    fn has(&self, side: Side, index: usize) -> bool {
        self.there[usize::from(side != Side::Source)][index]
    }

    /// Whether the fault makes sense here.
    pub fn takes(&self, fault: Fault) -> Result<Cell, Without> {
        let cell = Cell { place: *self, fault };
        match fault {
            Fault::Lost | Fault::DiesAfter if !self.ask.changes() => Err(Without::Same),
            Fault::Kill(side, role) => self.has(side, usize::from(role == ROLES[1])).then_some(cell).ok_or(Without::NoProcess),
            Fault::Pause(side, Paused::D2d, _) => self.has(side, 0).then_some(cell).ok_or(Without::NoProcess),
            Fault::Pause(side, Paused::Usrp, _) => self.has(side, 1).then_some(cell).ok_or(Without::NoProcess),
            _ => Ok(cell),
        }
    }
}

impl Cell {
    /// The host that the step asks.
    pub fn asked(&self) -> &'static str {
        self.place.host(self.place.side)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:>2} {} {}", self.order, self.method, self.number, self.command(), self.host(self.side))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)
    }
}

pub const ORDERS: [Order; 2] = [Order::M, Order::MB];
pub const METHODS: [Method; 4] = [Method::Classic, Method::Cold, Method::Hot, Method::Seamless];

/// The steps of a flow without a relay, the ones afterwards included.
pub fn places(order: Order, method: Method) -> Vec<Place> {
    let flow: &'static Flow = flows::of(order, method, protocol::Form::Processes);
    let steps = flow.steps.iter().chain(flow.afterwards).filter(|step| step.when != When::Relay);
    let mut there = [[true; 2], [false; 2]];
    let mut asked: Vec<(Side, &'static str)> = Vec::new();
    let mut places = Vec::new();
    for (index, step) in steps.enumerate() {
        let mut place = Place { order, method, number: index + 1, ask: step.ask, side: step.at, occurrence: 1, there };
        let asking = (step.at, place.command());
        place.occurrence += asked.iter().filter(|earlier| **earlier == asking).count();
        asked.push(asking);
        places.push(place);
        after(step, &mut there);
    }
    places
}

/// Which processes exist after a step.
fn after(step: &Step, there: &mut [[bool; 2]; 2]) {
    let [d2d, usrp] = &mut there[usize::from(step.at != Side::Source)];
    match step.ask {
        StepCommand::StartD2dPlain | StepCommand::StartD2dWithControl | StepCommand::StartD2dAgain => *d2d = true,
        StepCommand::MakeUsrp | StepCommand::StartUsrp => *usrp = true,
        StepCommand::DoubleKill => (*d2d, *usrp) = (false, false),
        StepCommand::KillUsrp => *usrp = false,
        StepCommand::KillD2d => *d2d = false,
        _ => {}
    }
}

pub fn all_places() -> Vec<Place> {
    METHODS.iter().flat_map(|&method| ORDERS.iter().flat_map(move |&order| places(order, method))).collect()
}

pub fn all() -> Vec<Cell> {
    all_places().iter().flat_map(|place| faults().into_iter().filter_map(|fault| place.takes(fault).ok())).collect()
}
