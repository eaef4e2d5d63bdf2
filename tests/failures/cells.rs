//! Every fault at every step, taken from the flows themselves.

use std::fmt;

use baton::migration::flow::{Facts, Flow, Side, Step, StepCommand, When};
use baton::migration::flows;
use protocol::{Form, Method, Order};

/// A process of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    D2d,
    Usrp,
    /// That of a work which is a guest.
    Qemu,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::D2d => "D2D",
            Self::Usrp => "USRP",
            Self::Qemu => "QEMU",
        })
    }
}

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
    /// A process is killed, at the source or the destination.
    Kill(Side, Process),
    /// The agent or a process of a host is stopped for so long, ms (SIGSTOP, SIGCONT).
    Pause(Side, Paused, u32),
    /// The operator gives the order up when the step begins.
    Cancelled,
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
            Self::Kill(side, process) => return write!(f, "{process} killed, {}", named(side)),
            Self::Pause(side, paused, ms) => return write!(f, "{paused} stopped {} s, {}", f64::from(ms) / 1e3, named(side)),
            Self::Cancelled => "cancelled",
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

fn named(side: Side) -> &'static str {
    if side == Side::Source { "source" } else { "destination" }
}

/// What can be stopped on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    Agent,
    Process(Process),
}

impl fmt::Display for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent => f.write_str("agent"),
            Self::Process(process) => process.fmt(f),
        }
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
        Fault::Kill(Side::Source, Process::D2d),
        Fault::Kill(Side::Source, Process::Usrp),
        Fault::Kill(Side::Source, Process::Qemu),
        Fault::Kill(Side::Destination, Process::D2d),
        Fault::Kill(Side::Destination, Process::Usrp),
        Fault::Kill(Side::Destination, Process::Qemu),
        Fault::Cancelled,
        Fault::RadioPort,
        Fault::Management,
        Fault::Deaf,
        Fault::DeafThroughout,
        Fault::OneWay,
        Fault::Terminated,
        Fault::OwnerForgotten,
    ];
    for side in [Side::Source, Side::Destination] {
        let processes = [Process::D2d, Process::Usrp, Process::Qemu].map(Paused::Process);
        for paused in [Paused::Agent].into_iter().chain(processes) {
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
    /// Whether the work's processes exist when it begins, D2D (or the guest's QEMU) and USRP, at source and destination.
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
    /// A guest uses no radio.
    NoRadio,
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

    fn has(&self, side: Side, process: Process) -> bool {
        let there = self.there[usize::from(side != Side::Source)];
        match process {
            Process::Qemu => form_of(self.method) == Form::Guest && there[0],
            Process::D2d => form_of(self.method) != Form::Guest && there[0],
            Process::Usrp => form_of(self.method) != Form::Guest && there[1],
        }
    }

    /// Whether the fault makes sense here.
    pub fn takes(&self, fault: Fault) -> Result<Cell, Without> {
        let cell = Cell { place: *self, fault };
        match fault {
            Fault::Lost | Fault::DiesAfter if !self.ask.changes() => Err(Without::Same),
            Fault::Kill(side, process) | Fault::Pause(side, Paused::Process(process), _) => {
                self.has(side, process).then_some(cell).ok_or(Without::NoProcess)
            }
            Fault::RadioPort | Fault::Deaf | Fault::DeafThroughout if form_of(self.method) == Form::Guest => Err(Without::NoRadio),
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
pub const METHODS: [Method; 6] = [Method::Classic, Method::Cold, Method::Hot, Method::Seamless, Method::Criu, Method::Vm];

/// What the work has to be for that method.
pub fn form_of(method: Method) -> Form {
    match method {
        Method::Criu => Form::Pod,
        Method::Vm => Form::Guest,
        _ => Form::Processes,
    }
}

/// The steps of a flow, the ones afterwards included.
pub fn places(order: Order, method: Method) -> Vec<Place> {
    let flow: &'static Flow = flows::of(order, method, form_of(method));
    // Without a relay, and by pre-copy.
    let steps = flow.steps.iter().chain(flow.afterwards).filter(|step| !matches!(step.when, When::Relay | When::Postcopy));
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
        StepCommand::RestorePod | StepCommand::PrepareGuest => (*d2d, *usrp) = (true, true),
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
