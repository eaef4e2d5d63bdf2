//! Why a service is down, as a sentence for the operator: a template with its arguments, so that a console can translate it.

use protocol::WorkloadProcess;

/// Why a service is down, or why that is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A process has ended by itself.
    Died {
        /// Where.
        host: String,
        /// Which.
        process: WorkloadProcess,
    },
    /// One process runs without the other.
    Stopped {
        /// Where.
        host: String,
        /// The one that is missing.
        process: WorkloadProcess,
    },
    /// The work runs nowhere.
    NotRunning,
    /// The USRP process has no link to the radio.
    NotLinked {
        /// Where.
        host: String,
    },
    /// Both processes run, but the interface has not the radio's address.
    Parked {
        /// Where.
        host: String,
        /// The interface.
        port: String,
    },
    /// A process does not answer its agent.
    Hung {
        /// Where.
        host: String,
        /// Which.
        process: WorkloadProcess,
    },
    /// The QEMU of the guest has ended by itself.
    GuestDied {
        /// Where.
        host: String,
    },
    /// The guest is there and does not run.
    GuestStill {
        /// Where.
        host: String,
    },
    /// The guest has found its memory other than it had written it.
    GuestDamaged {
        /// Where.
        host: String,
    },
    /// The guest runs, and the far end has no replies.
    GuestSilent {
        /// Where.
        host: String,
    },
    /// The interface towards the radio has no link.
    CableOut {
        /// Where.
        host: String,
        /// The interface.
        port: String,
    },
    /// Somebody else has the radio's address.
    Contested {
        /// A host, or a hardware address.
        holder: String,
    },
    /// No samples come from the radio.
    RadioSilent {
        /// To whom.
        host: String,
    },
    /// The receiver does not find the far end's signal.
    NotInSync {
        /// Whose.
        host: String,
    },
    /// Nothing that is known explains it.
    Unexplained {
        /// Who has the work.
        host: String,
    },
    /// The host's agent is not heard.
    HostNotHeard {
        /// Which host.
        host: String,
    },
    /// A process of the far end does not run.
    FarEndProcess {
        /// The far end.
        host: String,
        /// Which.
        process: WorkloadProcess,
    },
    /// A process of the far end does not answer its agent.
    FarEndHung {
        /// The far end.
        host: String,
        /// Which.
        process: WorkloadProcess,
    },
    /// No samples come from the far end's radio.
    FarEndRadioSilent {
        /// The far end.
        host: String,
    },
    /// The far end does not hear the work, which hears it.
    FarEndDeaf {
        /// The far end.
        host: String,
    },
    /// The far end's agent is not heard, so that nobody tells of pings.
    FarEndNotHeard {
        /// The far end.
        host: String,
    },
    /// No far end is configured.
    NobodyPings,
}

impl Cause {
    /// The template of its sentence, and what goes into it.
    pub fn sentence(&self) -> (&'static str, Vec<&str>) {
        match self {
            Self::Died { host, process } => ("the {1} process of {0} died", vec![host, process.name()]),
            Self::Stopped { host, process } => ("{0} runs without its {1} process", vec![host, process.name()]),
            Self::NotRunning => ("the work runs nowhere", vec![]),
            Self::NotLinked { host } => ("the USRP process of {0} is not linked to the radio", vec![host]),
            Self::Parked { host, port } => ("{1} of {0} does not have the radio's address", vec![host, port]),
            Self::Hung { host, process } => {
                ("the {1} process of {0} does not answer: stopped by a signal, or hung", vec![host, process.name()])
            }
            Self::GuestDied { host } => ("the guest of {0} died with its QEMU", vec![host]),
            Self::GuestStill { host } => ("the guest of {0} stands still", vec![host]),
            Self::GuestDamaged { host } => ("the guest of {0} found its memory damaged", vec![host]),
            Self::GuestSilent { host } => ("the guest of {0} runs, and the far end has no replies", vec![host]),
            Self::CableOut { host, port } => ("{1} of {0} has no link: the cable to the radio is out", vec![host, port]),
            Self::Contested { holder } => ("{0} has the radio's address as well", vec![holder]),
            Self::RadioSilent { host } => ("no samples come from the radio to {0}", vec![host]),
            Self::NotInSync { host } => ("{0} does not find the far end's signal", vec![host]),
            Self::Unexplained { host } => ("the far end has no replies, and {0} shows no fault", vec![host]),
            Self::HostNotHeard { host } => ("the agent of {0} is not heard", vec![host]),
            Self::FarEndProcess { host, process } => ("at the far end: {0} has no {1} process", vec![host, process.name()]),
            Self::FarEndHung { host, process } => {
                ("at the far end: the {1} process of {0} does not answer", vec![host, process.name()])
            }
            Self::FarEndRadioSilent { host } => ("at the far end: no samples come from {0}'s radio", vec![host]),
            Self::FarEndDeaf { host } => ("at the far end: {0} does not find the signal", vec![host]),
            Self::FarEndNotHeard { host } => ("the agent of the far end {0} is not heard", vec![host]),
            Self::NobodyPings => ("no far end is configured that pings", vec![]),
        }
    }

    /// The sentence in English.
    pub fn text(&self) -> String {
        let (template, arguments) = self.sentence();
        let fill = |text: String, (index, argument): (usize, &&str)| text.replace(&format!("{{{index}}}"), argument);
        arguments.iter().enumerate().fold(template.to_owned(), fill)
    }

    /// What to do by hand where no order mends it, or beside the order.
    pub fn advice(&self) -> Option<&'static str> {
        let text = match self {
            Self::CableOut { .. } => "look at the cable and at the switch",
            Self::GuestSilent { .. } => "look at the bridge of the guest's interface and at the switch",
            Self::RadioSilent { .. } | Self::FarEndRadioSilent { .. } => {
                "look at the radio's power and cable, and at whether another program has taken it"
            }
            Self::Contested { .. } => "one of the two gives the address up, or is switched off",
            Self::FarEndProcess { .. } | Self::FarEndHung { .. } => "start the far end's work again: restart its agent",
            Self::FarEndDeaf { .. } | Self::NotInSync { .. } | Self::Unexplained { .. } => {
                "look at the antennas, the gains and the frequencies of both ends"
            }
            Self::FarEndNotHeard { .. } | Self::HostNotHeard { .. } => "look at that machine and at the management network",
            Self::NobodyPings => "name a far end in the configuration's roles",
            _ => return None,
        };
        Some(text)
    }
}
