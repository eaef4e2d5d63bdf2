//! Faults as sentences.

use std::fmt::{self, Display, Formatter};

use super::{FaultChange, FaultKind, Lag, PacketChoice, PacketDirection};
use n210_wire::TICKS_PER_SECOND;

impl Display for PacketChoice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Probability(probability) => write!(f, "each packet with probability {probability}"),
            Self::Every(n) => write!(f, "one packet in {n}"),
        }
    }
}

impl Display for Lag {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "by {} ticks", self.ticks)?;
        if self.jitter > 0 { write!(f, " and up to {} more", self.jitter) } else { Ok(()) }
    }
}

impl Display for FaultKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop(choice) => write!(f, "drops {choice}"),
            Self::Delay(lag) => write!(f, "delays packets {lag}"),
            Self::Duplicate(choice) => write!(f, "doubles {choice}"),
            Self::Reorder(choice) => write!(f, "lets the next packet overtake {choice}"),
            Self::Deaf => write!(f, "hears and says nothing"),
            Self::BrownOut => write!(f, "is without power"),
            Self::SlowCpu(lag) => write!(f, "handles packets of the firmware late {lag}"),
            Self::LostLock => write!(f, "has lost the lock of its oscillators"),
            Self::ClockJump(ticks) => write!(f, "sets its clock off by {ticks} ticks"),
            Self::Overflow => write!(f, "overflows"),
        }
    }
}

impl Display for FaultChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Some(kind) => write!(f, "{kind}")?,
            None => write!(f, "has no faults any more")?,
        }
        if let Some(port) = self.port {
            write!(f, ", port {port}")?;
        }
        match self.direction {
            Some(PacketDirection::In) => write!(f, ", to the radio")?,
            Some(PacketDirection::Out) => write!(f, ", from the radio")?,
            None => {}
        }
        match self.lasts {
            Some(ticks) => write!(f, ", for {} s", ticks as f64 / TICKS_PER_SECOND as f64),
            None => Ok(()),
        }
    }
}
