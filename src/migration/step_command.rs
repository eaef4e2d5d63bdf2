//! What a step asks of an agent, and how long the agent may take for it.

use std::time::Duration;

use super::facts::{CONFIRM_DEADLINE, CONVERGE_WITHIN, FROZEN, Facts, MARGIN, SYNC_DEADLINE};
use protocol::{Accelerator, Command, GuestMoment, SetPort};

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
    /// Of a pod: make its holder and its place in the network.
    PreparePod,
    /// Of a pod: freeze, and leave its processes alone.
    FreezePod,
    /// Of a pod: dump its processes; the list of images is kept for `CopyImages`.
    DumpPod,
    /// Of a pod: fetch the images from the source.
    CopyImages,
    /// Of a pod: make the processes again.
    RestorePod,
    /// Of a pod: plug it into the radio's network.
    ConnectPod,
    /// Of a pod: have its processes go on.
    GoOn,
    /// Wait for synchronisation within the time that going back is better than waiting.
    ConfirmSync,
    /// The destination owns the radio for good.
    Commit,
    /// End a freeze. Left out when the other host could not be made to leave the radio alone.
    Resume,
    /// Boot the guest.
    StartGuest,
    /// Start the guest that waits; where is kept for `MigrateGuest`.
    PrepareGuest,
    /// Begin to move the guest.
    MigrateGuest,
    /// Wait until the guest has stopped at the source.
    AwaitGuestStopped,
    /// Wait until it has gone.
    AwaitGuestGone,
    /// Wait until all of it is at the destination.
    AwaitGuestCompleted,
    /// Give the guest's migration up.
    CancelGuest,
    /// Wait until the guest runs where it has come to.
    ConfirmGuest,
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
            Self::StartUsrp => Command::StartUsrp {
                epoch: Some(facts.next_epoch()),
                force: facts.force,
                despite_foreign: facts.despite_foreign,
                by_radio: facts.by_radio,
            },
            Self::AwaitSync => Command::AwaitSync { deadline_ms: SYNC_DEADLINE.as_millis() as u64 },
            Self::Export => Command::Export,
            Self::Prepare => Command::Prepare { state: facts.state.clone() },
            Self::Overlap => Command::Overlap { stream: facts.stream.clone() },
            Self::Freeze => Command::Freeze,
            Self::TakeOver => {
                Command::TakeOver { state: facts.state.clone(), mark: facts.mark.clone(), epoch: facts.next_epoch(), by: None }
            }
            Self::PreparePod => Command::PreparePod,
            Self::FreezePod => Command::FreezePod,
            Self::DumpPod => Command::DumpPod,
            Self::CopyImages => Command::CopyImages { of: facts.source.clone(), images: facts.images.clone() },
            Self::RestorePod => Command::RestorePod,
            Self::ConnectPod => Command::ConnectPod { epoch: facts.next_epoch(), by: None },
            Self::GoOn => Command::Resume { epoch: None },
            Self::ConfirmSync => Command::AwaitSync { deadline_ms: CONFIRM_DEADLINE.as_millis() as u64 },
            Self::Resume => Command::Resume { epoch: facts.frozen.then(|| facts.next_epoch()) },
            Self::Commit => Command::Commit { packets: facts.unsent.packets.clone() },
            Self::StartGuest => Command::StartGuest,
            Self::PrepareGuest => Command::PrepareGuest { accelerator: facts.accelerator.unwrap_or(Accelerator::Tcg) },
            Self::MigrateGuest => Command::MigrateGuest { address: facts.guest_destination(), copy: facts.copy },
            Self::AwaitGuestStopped => Command::AwaitGuest { until: GuestMoment::Stopped },
            Self::AwaitGuestGone => Command::AwaitGuest { until: GuestMoment::Gone },
            Self::AwaitGuestCompleted => Command::AwaitGuest { until: GuestMoment::Completed },
            Self::CancelGuest => Command::CancelGuest,
            Self::ConfirmGuest => Command::ConfirmGuest,
            Self::DoubleKill => Command::DoubleKill,
            Self::KillUsrp => Command::KillUsrp,
            Self::KillD2d => Command::KillD2d,
            Self::PointEth3 => Command::SetEth3 { port: SetPort::Active },
            Self::ParkEth3 => Command::SetEth3 { port: SetPort::Parked },
        }
    }
}

impl StepCommand {
    /// Whether it points the host's eth3 at the radio, or makes a guest run there.
    pub fn points(self) -> bool {
        use StepCommand::{ConnectPod, GoOn, LinkUsrp, PointEth3, Resume, StartGuest, StartUsrp, TakeOver};
        matches!(self, LinkUsrp | StartUsrp | PointEth3 | TakeOver | Resume | ConnectPod | GoOn | StartGuest)
    }

    /// Whether it changes processes or addresses: an agent does that one at a time, in the order of asking.
    pub fn changes(self) -> bool {
        use StepCommand::{AwaitGuestCompleted, AwaitGuestGone, AwaitGuestStopped, RequireEndable, RequireRecoverable};
        use StepCommand::{AwaitSync, ConfirmSync, Export, RequireAtWork, RequireFree, RequireParked, RequireReady, RequireSilent};
        use StepCommand::{FenceSource, GetCollected, GetControl, GetTunIp, RequireReadyAlone, SetRoute};
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
                | AwaitGuestStopped
                | AwaitGuestGone
                | AwaitGuestCompleted
        )
    }

    /// Whether its success means that eth3 is parked and the USRP process gone, or the guest.
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
        // Its kernel boots, on a machine that may still rehearse.
        Command::StartGuest | Command::PrepareGuest { .. } => 90,
        Command::AwaitGuest { until: GuestMoment::Stopped } => return CONVERGE_WITHIN,
        Command::AwaitGuest { until: GuestMoment::Completed } => return CONVERGE_WITHIN,
        Command::AwaitGuest { until: GuestMoment::Gone } | Command::CancelGuest | Command::ConfirmGuest => 10,
        // Within the cut: an agent that keeps its own deadlines answers sooner than this, well or not.
        Command::Freeze | Command::TakeOver { .. } => return FROZEN,
        Command::FreezePod | Command::ConnectPod { .. } => 1,
        // CRIU gives up after 4 s.
        Command::DumpPod | Command::RestorePod => 5,
        // Some megabytes, which two busy agents encode, encrypt and read.
        Command::CopyImages { .. } => 8,
        // Claiming streams, or starting them.
        Command::Resume { .. } => 10,
        Command::AwaitSync { deadline_ms } => return Duration::from_millis(*deadline_ms) + MARGIN,
        // Answered once the last probe is answered or lost, which takes up to a second.
        Command::ProbeWindow { .. } => 5,
        _ => 3,
    };
    Duration::from_secs(seconds)
}
