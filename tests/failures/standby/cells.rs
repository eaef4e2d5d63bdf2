//! The rows of the armed standby's truth table: what fails, how, and of which host.

use std::fmt;

use super::super::outside::{POOL, Program};

/// A host, by its part before the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Serving,
    Standby,
}

/// Processes of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Usrp,
    D2d,
    BothProcesses,
    Agent,
    /// Agent and both processes at once.
    Host,
}

impl Part {
    pub fn has(self, program: Program) -> bool {
        match self {
            Self::Usrp => program == Program::Usrp,
            Self::D2d => program == Program::D2d,
            Self::BothProcesses => program != Program::Agent,
            Self::Agent => program == Program::Agent,
            Self::Host => true,
        }
    }
}

/// Networks of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    Radio,
    Management,
    Both,
}

/// How a host is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Its interface is down.
    Down,
    /// What it sends does not arrive.
    Sends,
    /// What is sent to it does not arrive.
    Gets,
}

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Nothing,
    Cut(Role, Network, Cut),
    Kill(Role, Part),
    /// Stopped for so long, ms (SIGSTOP, SIGCONT).
    Pause(Role, Part, u32),
    RadioSilent,
    RadioSilentThroughout,
    BrownOut,
}

/// For how long all is watched while nothing fails, ms.
pub const ALIVE_MS: u32 = 10_000;
/// How long a network or the radio is silent, ms.
const LASTING_MS: u32 = 3_000;
/// Longer than every host waits for the radio before it asks, and asks again, several times over, ms.
const THROUGHOUT_MS: u32 = 20_000;
const BROWN_OUT_MS: u32 = 300;
/// Of the processes that serve, ms: longer than it takes to take over, than a fence, than a lease, than the calm after a take-over.
const PAUSES: [u32; 4] = [300, 1000, 5000, 30_000];
/// Of agents and hosts, ms.
const LONG_PAUSES: [u32; 3] = [1000, 5000, 30_000];

impl Fault {
    /// How long it lasts, ms; none of what is killed.
    pub fn lasts_ms(self) -> Option<u32> {
        match self {
            Self::Nothing => Some(ALIVE_MS),
            Self::Cut(..) | Self::RadioSilent => Some(LASTING_MS),
            Self::Kill(..) => None,
            Self::Pause(_, _, ms) => Some(ms),
            Self::RadioSilentThroughout => Some(THROUGHOUT_MS),
            Self::BrownOut => Some(BROWN_OUT_MS),
        }
    }

    /// Whether it is the radio itself: then nobody can serve.
    pub fn is_the_radios(self) -> bool {
        matches!(self, Self::RadioSilent | Self::RadioSilentThroughout | Self::BrownOut)
    }

    /// Whether the host that serves is expected to lose the work by it.
    pub fn moves(self) -> bool {
        match self {
            Self::Nothing | Self::RadioSilent | Self::RadioSilentThroughout | Self::BrownOut => false,
            Self::Cut(role, network, _) => role == Role::Serving && network != Network::Management,
            Self::Kill(role, part) | Self::Pause(role, part, _) => role == Role::Serving && part != Part::Agent,
        }
    }

    /// The thing that fails.
    pub fn what(self) -> String {
        let (role, thing) = match self {
            Self::Nothing => return "nothing".into(),
            Self::RadioSilent | Self::RadioSilentThroughout | Self::BrownOut => return "the radio".into(),
            Self::Cut(role, Network::Radio, _) => (role, "radio network"),
            Self::Cut(role, Network::Management, _) => (role, "management network"),
            Self::Cut(role, Network::Both, _) => (role, "both networks"),
            Self::Kill(role, part) | Self::Pause(role, part, _) => match part {
                Part::Usrp => (role, "USRP process"),
                Part::D2d => (role, "D2D process"),
                Part::BothProcesses => (role, "both processes"),
                Part::Agent => (role, "agent"),
                Part::Host => (role, "host"),
            },
        };
        format!("{thing}, {}", if role == Role::Serving { "serving" } else { "standby" })
    }

    /// How it fails.
    pub fn how(self) -> String {
        let seconds = |ms: u32| f64::from(ms) / 1e3;
        match self {
            Self::Nothing => format!("alive for {} s", seconds(ALIVE_MS)),
            Self::Cut(_, _, cut) => {
                let cut = match cut {
                    Cut::Down => "down",
                    Cut::Sends => "one way: what it sends is lost,",
                    Cut::Gets => "one way: what it gets is lost,",
                };
                format!("{cut} {} s", seconds(LASTING_MS))
            }
            Self::Kill(..) => "dead".into(),
            Self::Pause(_, _, ms) => format!("paused {} s", seconds(ms)),
            Self::RadioSilent => format!("silent {} s", seconds(LASTING_MS)),
            Self::RadioSilentThroughout => format!("silent throughout, {} s", seconds(THROUGHOUT_MS)),
            Self::BrownOut => format!("without power {} s", seconds(BROWN_OUT_MS)),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what(), self.how())
    }
}

/// In the order of the table's lines.
pub fn faults() -> Vec<Fault> {
    let roles = [Role::Serving, Role::Standby];
    let mut faults = vec![Fault::Nothing];
    for network in [Network::Radio, Network::Management] {
        for role in roles {
            faults.extend([Cut::Down, Cut::Sends, Cut::Gets].map(|cut| Fault::Cut(role, network, cut)));
        }
    }
    faults.extend(roles.map(|role| Fault::Cut(role, Network::Both, Cut::Down)));
    for part in [Part::Usrp, Part::D2d, Part::BothProcesses] {
        faults.push(Fault::Kill(Role::Serving, part));
        faults.extend(PAUSES.map(|ms| Fault::Pause(Role::Serving, part, ms)));
        faults.extend([Fault::Kill(Role::Standby, part), Fault::Pause(Role::Standby, part, 5000)]);
    }
    for part in [Part::Agent, Part::Host] {
        for role in roles {
            faults.push(Fault::Kill(role, part));
            faults.extend(LONG_PAUSES.map(|ms| Fault::Pause(role, part, ms)));
        }
    }
    faults.extend([Fault::RadioSilent, Fault::RadioSilentThroughout, Fault::BrownOut]);
    faults
}

/// A fault while one of the two serves and the other one is armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub serving: &'static str,
    pub fault: Fault,
}

impl Cell {
    /// Whether it is tried afterwards that the standby takes over: once for each fault that leaves both where they were.
    pub fn is_proved(&self) -> bool {
        self.serving == POOL[0] && !self.fault.moves()
    }

    pub fn host(&self, role: Role) -> &'static str {
        if role == Role::Serving { self.serving } else { other(self.serving) }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} serves; {}", self.serving, self.fault)
    }
}

pub fn other(host: &str) -> &'static str {
    if host == POOL[0] { POOL[1] } else { POOL[0] }
}

/// Each fault with each host serving.
pub fn all() -> Vec<Cell> {
    faults().into_iter().flat_map(|fault| POOL.map(|serving| Cell { serving, fault })).collect()
}

#[test]
fn no_two_cells_have_one_name() {
    let names: std::collections::BTreeSet<String> = all().iter().map(Cell::to_string).collect();
    assert_eq!(names.len(), all().len());
}
