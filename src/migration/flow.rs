//! What a flow is made of.

use std::time::Duration;

use serde_json::Value;

use protocol::{Command, ControlValues, Handover, PhaseName, SetPort, TracePart, Unsent};

/// A host by its part in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Where the work is when a migration begins.
    Source,
    /// Where the work goes; for orders that move nothing, the host concerned.
    Destination,
    /// The other host of the pool, for orders that move nothing.
    Other,
}

/// What a step asks for; [`StepCommand::command`] fills in what earlier steps learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepCommand {
    /// Refuse the order unless the host runs neither D2D nor USRP: a later clean-up would kill what runs there. Nobody may have the radio's
    /// address.
    RequireFree,
    /// Refuse the order unless the host is free, parked, and its eth3 is up. No stranger may have the radio's address.
    RequireReady,
    /// The same, and nobody at all may have the radio's address.
    RequireReadyAlone,
    /// Refuse the order unless the host runs something that can be moved.
    RequireAtWork,
    /// Refuse the order unless the host's eth3 is known to be away from the radio.
    RequireParked,
    /// Refuse the order when the host answers: what is for hosts that do not would take its work from it.
    RequireSilent,
    /// Refuse the order when the host serves: its work is ended if it answers, and it is fenced if not.
    RequireEndable,
    /// Refuse the order when the host serves, or could not serve. No stranger may have the radio's address.
    RequireRecoverable,
    /// Make sure that the source is off, by the program that the operator has named for that.
    FenceSource,
    /// Read what the host has last collected of the source; kept as if the source had said it.
    GetCollected,
    /// Read the tun address; kept for `SetTunIp`.
    GetTunIp,
    /// Set the tun address that was read.
    SetTunIp,
    /// Read control variables and routes; kept for `StartD2dWithControl` and `SetRoute`.
    GetControl,
    /// Store the routes that were read.
    SetRoute,
    /// `control_flag` 0.
    StartD2dPlain,
    /// `control_flag` 1 with the control variables that were read.
    StartD2dWithControl,
    /// The same with what is known of the control variables; plain where nothing is.
    StartD2dAgain,
    /// Make the USRP entity.
    MakeUsrp,
    /// Point eth3 at the radio, probe, link the made entity.
    LinkUsrp,
    /// Point eth3 at the radio, probe, initialise, make and link.
    StartUsrp,
    /// Wait for synchronisation.
    AwaitSync,
    /// Read the soft state of the running D2D process; kept for `Prepare`.
    Export,
    /// Give the soft state that was read, find the radio.
    Prepare,
    /// Receive beside the source until in sync.
    Overlap,
    /// Stop both processes without ending them, take eth3 away; what they know is kept for `TakeOver`.
    Freeze,
    /// Go on where the frozen ones were.
    TakeOver,
    /// Wait for synchronisation within the time that going back is better than waiting.
    ConfirmSync,
    /// The destination owns the radio for good.
    Commit,
    /// End a freeze. Left out when the other host could not be made to leave the radio alone.
    Resume,
    /// Kill both processes, park eth3.
    DoubleKill,
    /// Park eth3, kill the USRP process.
    KillUsrp,
    /// Kill the D2D process.
    KillD2d,
    /// Point eth3 at the radio.
    PointEth3,
    /// Park eth3.
    ParkEth3,
}

/// How long the signal processing may take to re-synchronise.
pub const SYNC_DEADLINE: Duration = Duration::from_secs(5);
/// How long a destination that goes on where the source was may take for its first good subframe: it needs a few ms, and as long again is what going
/// back takes.
pub const CONFIRM_DEADLINE: Duration = Duration::from_millis(30);
/// Kept beyond a deadline that the asked agent keeps itself, so that its own sentence arrives before we give up on it.
pub const MARGIN: Duration = Duration::from_secs(1);

/// An agent that has not answered by then within a cut is given up.
pub const FROZEN: Duration = Duration::from_millis(250);
/// A frozen source goes on by itself after this, unless another host has the radio's address: twice what a whole hot move may take, since a busy
/// machine needs 150 ms for a freeze alone.
pub const LEASE: Duration = Duration::from_millis(200);
/// Nobody takes over later than this after the source was asked to freeze: its lease begins after that, and the rest of it is for claiming the
/// streams.
pub const TAKE_OVER_WITHIN: Duration = Duration::from_millis(170);

/// What earlier steps learnt.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Address of the source's tun.
    pub tun_ip: String,
    /// The source's control variables and routes; it has routes in the relay scenario only.
    pub values: ControlValues,
    /// The soft state of the source's D2D process, of the latest step that read it.
    pub state: Value,
    /// The receive stream of the source's USRP process; null where that does not tell.
    pub stream: Value,
    /// Where the source's USRP process was frozen.
    pub mark: Value,
    /// The parts of the cut.
    pub trace: Vec<TracePart>,
    /// What the processes counted at the cut.
    pub handover: Option<Handover>,
    /// What the source's programs have sent since the freeze.
    pub unsent: Unsent,
    /// How many of those packets the destination has sent.
    pub packets_forwarded: u64,
    /// The highest epoch of the radio's owner that any host knows, or that this order has asked for.
    pub epoch: u64,
    /// The source has been frozen, so that another host may have become the owner since.
    pub frozen: bool,
    /// The radio is to be taken although another host's eth3 still answers for its address.
    pub force: bool,
    /// The radio is to be taken although a machine that is no host of this cluster has its address: the service goes back to where it was,
    /// or the operator has said so.
    pub despite_foreign: bool,
    /// The host that has the work before the order, by name: the source, or the other one where nothing is moved.
    pub source: String,
    /// The other host of the pool does not answer.
    pub other_silent: bool,
}

impl Facts {
    /// The epoch of the next owner: above all that were, so that no host takes a late word of the old owner for news.
    fn next_epoch(&self) -> u64 {
        self.epoch.saturating_add(1)
    }
}

impl StepCommand {
    /// The command on the wire.
    pub fn command(self, facts: &Facts) -> Command {
        match self {
            Self::RequireAtWork | Self::RequireParked | Self::RequireSilent | Self::RequireEndable => Command::Status,
            // The question that the step behind it will ask, before anything is changed.
            Self::RequireFree | Self::RequireReady | Self::RequireReadyAlone | Self::RequireRecoverable => Command::Survey,
            Self::FenceSource => Command::FenceHost { host: facts.source.clone() },
            Self::GetCollected => Command::GetCollected { of: facts.source.clone() },
            Self::GetTunIp => Command::GetTunIp,
            Self::SetTunIp => Command::SetTunIp { tun_ip: facts.tun_ip.clone() },
            Self::GetControl => Command::GetControl,
            Self::SetRoute => Command::SetRoute { route_list: facts.values.route_list.clone() },
            Self::StartD2dPlain => Command::StartD2d { control_flag: 0, control: None },
            Self::StartD2dAgain if facts.values.control.is_empty() => Command::StartD2d { control_flag: 0, control: None },
            Self::StartD2dWithControl | Self::StartD2dAgain => {
                Command::StartD2d { control_flag: 1, control: Some(facts.values.control.clone()) }
            }
            Self::MakeUsrp => Command::MakeUsrp,
            Self::LinkUsrp => {
                Command::LinkUsrp { epoch: Some(facts.next_epoch()), force: facts.force, despite_foreign: facts.despite_foreign }
            }
            Self::StartUsrp => {
                Command::StartUsrp { epoch: Some(facts.next_epoch()), force: facts.force, despite_foreign: facts.despite_foreign }
            }
            Self::AwaitSync => Command::AwaitSync { deadline_ms: SYNC_DEADLINE.as_millis() as u64 },
            Self::Export => Command::Export,
            Self::Prepare => Command::Prepare { state: facts.state.clone() },
            Self::Overlap => Command::Overlap { stream: facts.stream.clone() },
            Self::Freeze => Command::Freeze,
            Self::TakeOver => {
                Command::TakeOver { state: facts.state.clone(), mark: facts.mark.clone(), epoch: facts.next_epoch(), by: None }
            }
            Self::ConfirmSync => Command::AwaitSync { deadline_ms: CONFIRM_DEADLINE.as_millis() as u64 },
            Self::Resume => Command::Resume { epoch: facts.frozen.then(|| facts.next_epoch()) },
            Self::Commit => Command::Commit { packets: facts.unsent.packets.clone() },
            Self::DoubleKill => Command::DoubleKill,
            Self::KillUsrp => Command::KillUsrp,
            Self::KillD2d => Command::KillD2d,
            Self::PointEth3 => Command::SetEth3 { port: SetPort::Active },
            Self::ParkEth3 => Command::SetEth3 { port: SetPort::Parked },
        }
    }
}

impl StepCommand {
    /// Whether it points the host's eth3 at the radio.
    pub fn points(self) -> bool {
        matches!(self, Self::LinkUsrp | Self::StartUsrp | Self::PointEth3 | Self::TakeOver | Self::Resume)
    }

    /// Whether it changes processes or addresses: an agent does that one at a time, in the order of asking.
    pub fn changes(self) -> bool {
        use StepCommand::{AwaitSync, ConfirmSync, Export, RequireAtWork, RequireFree, RequireParked, RequireReady, RequireSilent};
        use StepCommand::{FenceSource, GetCollected, GetControl, GetTunIp, RequireReadyAlone, SetRoute};
        use StepCommand::{RequireEndable, RequireRecoverable};
        !matches!(
            self,
            RequireFree
                | RequireReady
                | RequireReadyAlone
                | RequireEndable
                | RequireRecoverable
                | FenceSource
                | RequireAtWork
                | RequireParked
                | RequireSilent
                | GetTunIp
                | GetControl
                | GetCollected
                | Export
                | SetRoute
                | AwaitSync
                | ConfirmSync
        )
    }

    /// Whether its success means that eth3 is parked and the USRP process gone.
    pub fn silences(self) -> bool {
        matches!(self, Self::DoubleKill | Self::KillUsrp)
    }
}

/// How long an agent may take to answer: several times what it needs on a loaded machine, so that only a hung step meets it.
pub fn deadline(command: &Command) -> Duration {
    let seconds = match command {
        // Eight probes of up to 3 s each, and 2 to 3 s of initialisation.
        Command::StartUsrp { .. } => 60,
        // A minute for the program, and its start.
        Command::FenceHost { .. } => 65,
        // Eight probes of up to 3 s each.
        Command::LinkUsrp { .. } => 40,
        // Asking a process to end, waiting, then killing it.
        Command::DoubleKill | Command::KillUsrp | Command::KillD2d | Command::Fence { .. } => 15,
        // A process that has to answer on its socket.
        Command::StartD2d { .. } | Command::MakeUsrp => 10,
        // Within the cut: an agent that keeps its own deadlines answers sooner than this, well or not.
        Command::Freeze | Command::TakeOver { .. } => return FROZEN,
        // Claiming streams, or starting them.
        Command::Resume { .. } => 10,
        Command::AwaitSync { deadline_ms } => return Duration::from_millis(*deadline_ms) + MARGIN,
        // Answered once the last probe is answered or lost, which takes up to a second.
        Command::ProbeWindow { .. } => 5,
        _ => 3,
    };
    Duration::from_secs(seconds)
}

/// A clean-up command: who is asked for what.
pub type Undo = (Side, StepCommand);

/// What the failure of a step means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureIs {
    /// The order ends: clean up and report.
    Fatal,
    /// The order goes on and the record says what went wrong.
    Warning,
}

/// When a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Where the source carries routes (relay scenario).
    Relay,
    /// Of a return: the host's D2D process does not run.
    D2dLacks,
    /// The same, and the work carries routes.
    RelayLacks,
    /// Of a return: the host has no USRP entity.
    UsrpLacks,
    /// Of a return: the host's USRP process is not linked.
    LinkLacks,
    /// Of a return: the USRP process is linked, but eth3 does not point at the radio.
    PortLacks,
    /// Of a return: a freeze could not be ended in order, and both processes go on by themselves once the radio lets them.
    Unresumed,
    /// Of a return: the source did not answer the last change that it was asked for, so that it may have done it, or may still.
    Unanswered,
    /// Of a recovery: the other host answers.
    OtherAnswers,
    /// Of a recovery: the other host does not answer.
    OtherSilent,
    /// Of a recovery: the address of the work's tun is known.
    TunKnown,
}

/// One step of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Who is asked.
    pub at: Side,
    /// For what.
    pub ask: StepCommand,
    /// Phases that its time counts under; where there are several, the answer tells how to divide it and the last takes the rest.
    pub phases: &'static [PhaseName],
    /// Clean-up when it fails.
    pub undo: &'static [Undo],
    /// Clean-up when nobody knows whether it was carried out (no answer): it may have been, so more has to go.
    pub undo_unanswered: &'static [Undo],
    /// What its failure means.
    pub failure_is: FailureIs,
    /// When it is taken.
    pub when: When,
}

/// A step that is not timed and whose failure ends the order with nothing to clean up.
pub const fn step(at: Side, ask: StepCommand) -> Step {
    Step { at, ask, phases: &[], undo: &[], undo_unanswered: &[], failure_is: FailureIs::Fatal, when: When::Always }
}

impl Step {
    /// Counts its time under these phases.
    pub const fn timed(self, phases: &'static [PhaseName]) -> Self {
        Self { phases, ..self }
    }

    /// Cleans up like this when it fails, answered or not.
    pub const fn undo(self, undo: &'static [Undo]) -> Self {
        Self { undo, undo_unanswered: undo, ..self }
    }

    /// Cleans up like this when no answer came; to be named after [`Step::undo`].
    pub const fn unanswered(self, undo_unanswered: &'static [Undo]) -> Self {
        Self { undo_unanswered, ..self }
    }

    /// Goes on when it fails.
    pub const fn or_warn(self) -> Self {
        Self { failure_is: FailureIs::Warning, ..self }
    }

    /// Only then.
    pub const fn when(self, when: When) -> Self {
        Self { when, ..self }
    }

    /// Only in the relay scenario.
    pub const fn in_relay(self) -> Self {
        self.when(When::Relay)
    }
}

/// A way to bring the service back after the cut has failed. Its steps end with the wait for synchronisation. None that points eth3 at
/// the radio is taken before the other end has confirmed that its own is parked and its USRP process gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Return {
    /// Who is to serve.
    pub at: Side,
    /// Taken in this order, each if its [`When`] is so at the beginning.
    pub steps: &'static [Step],
}

/// A flow: what has to be true, what is done, and what is done once the service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// Asked first; not timed.
    pub checks: &'static [Step],
    /// Timed from the first to the last.
    pub steps: &'static [Step],
    /// Outside the total.
    pub afterwards: &'static [Step],
    /// Tried one after the other when the cut was made, the order failed and nobody serves.
    pub returns: &'static [Return],
}

impl Flow {
    /// Index in `steps` of the step that stops the source, if there is one: the cut.
    pub fn cut(&self) -> Option<usize> {
        self.steps.iter().position(|s| s.phases.contains(&PhaseName::StopSource))
    }

    /// Phases in the order in which they are completed.
    pub fn phases(&self, relay: bool) -> Vec<PhaseName> {
        let mut phases: Vec<PhaseName> = Vec::new();
        for &phase in self.steps.iter().filter(|s| relay || s.when != When::Relay).flat_map(|s| s.phases) {
            phases.retain(|&earlier| earlier != phase);
            phases.push(phase);
        }
        phases
    }
}
