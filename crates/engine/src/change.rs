//! What the watchers of the store are told.

use std::collections::{BTreeMap, BTreeSet};

use config::{HostName, RadioName};

use crate::error::Error;
use crate::ownership::{Ownership, Reserved};

/// All there is, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Radios that have an owner.
    pub owners: BTreeMap<RadioName, Ownership>,
    /// Radios that are reserved.
    pub reserved: BTreeMap<RadioName, Reserved>,
    /// Who is there.
    pub members: BTreeSet<HostName>,
    /// Who leads.
    pub leader: Option<HostName>,
}

/// What [`crate::Changes`] says.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// All there is: at first, and after each [`Change::Interrupted`]. What it does not name is not there.
    All(View),
    /// A radio's owner is another one, or has another state.
    Owner(RadioName, Option<Ownership>),
    /// A radio was reserved, or the reservation has ended.
    Reserved(RadioName, Option<Reserved>),
    /// A member came (`true`) or is missing (`false`; see [`crate::Absences`]).
    Member(HostName, bool),
    /// Another host leads, or none does.
    Leader(Option<HostName>),
    /// From here on changes may have been missed, for this reason. [`Change::All`] follows as soon as the store can be read again.
    Interrupted(Error),
}
