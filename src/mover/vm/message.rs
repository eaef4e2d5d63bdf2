//! The QEMU Machine Protocol: the commands that a migration needs, their answers and events, as types.
//!
//! Source: QEMU's "QMP Reference Manual" (commands and events) and "QEMU Machine Protocol Specification" (framing: one JSON object a line).
//! What QEMU says beyond these fields is left aside, so that a later QEMU is understood, too.

use std::borrow::Cow;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use protocol::GuestMigrationState;

/// A command of QMP and its arguments.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "execute", content = "arguments", rename_all = "kebab-case")]
pub enum Execute {
    /// Leave the negotiation: the first command of a connection.
    #[serde(rename = "qmp_capabilities")]
    QmpCapabilities,
    /// Whether the guest runs.
    QueryStatus,
    /// Where the migration is.
    QueryMigrate,
    /// Turn capabilities of the migration on or off.
    MigrateSetCapabilities {
        /// Which.
        capabilities: Vec<CapabilityState>,
    },
    /// Set parameters of the migration.
    MigrateSetParameters(Parameters),
    /// Wait there for a migration.
    MigrateIncoming {
        /// Where, e.g. `tcp:10.77.0.12:0`.
        uri: String,
        /// Whether QEMU is to end when the migration fails; from 9.1 on.
        #[serde(rename = "exit-on-error")]
        exit_on_error: bool,
    },
    /// Begin to migrate.
    Migrate {
        /// Where to.
        uri: String,
    },
    /// Go on with post-copy: the guest runs at the destination from now on.
    MigrateStartPostcopy,
    /// Give the migration up.
    #[serde(rename = "migrate_cancel")]
    MigrateCancel,
    /// Run the guest.
    Cont,
    /// Let the network card tell the switches where it is.
    AnnounceSelf(Announce),
    /// End QEMU.
    Quit,
}

/// A capability of the migration and whether it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CapabilityState {
    /// Which.
    pub capability: Capability,
    /// On or off.
    pub state: bool,
}

/// Capabilities of the migration that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Tell every change of state as an event.
    Events,
    /// Post-copy may be begun.
    PostcopyRam,
}

/// Parameters of the migration; those that are absent stay as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Parameters {
    /// The longest that the guest may stand still at the end of pre-copy, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downtime_limit: Option<u64>,
    /// Most bytes a second; 0 is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bandwidth: Option<u64>,
}

/// How often a network card tells the switches where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Announce {
    /// Before the second time, ms.
    pub initial: u32,
    /// The longest between two times, ms.
    pub max: u32,
    /// How often.
    pub rounds: u32,
    /// What each wait is longer than the one before, ms.
    pub step: u32,
}

/// A command with the type of its answer.
pub trait Ask {
    /// What QEMU returns.
    type Answer: DeserializeOwned;

    /// The command.
    fn execute(self) -> Execute;
}

/// Of commands that return nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Done {}

impl Ask for Execute {
    type Answer = Done;

    fn execute(self) -> Execute {
        self
    }
}

macro_rules! queries {
    ($($(#[$doc:meta])* $name:ident -> $answer:ty),* $(,)?) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Ask for $name {
            type Answer = $answer;

            fn execute(self) -> Execute {
                Execute::$name
            }
        }
    )* };
}

queries! {
    /// Whether the guest runs.
    QueryStatus -> StatusInfo,
    /// Where the migration is.
    QueryMigrate -> MigrationInfo,
}

/// What the guest does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct StatusInfo {
    /// Whether its processors run.
    pub running: bool,
    /// Why not, or that they do.
    pub status: RunState,
}

/// The guest's state, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It runs.
    Running,
    /// Stopped by the operator or by us.
    Paused,
    /// It waits for a migration, or takes one in.
    Inmigrate,
    /// It has been migrated away.
    Postmigrate,
    /// It is stopped for the end of a migration.
    FinishMigrate,
    /// The guest's kernel has given up.
    GuestPanicked,
    /// Any other state.
    #[serde(other)]
    Other,
}

/// Where a migration is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct MigrationInfo {
    /// Its state; absent before the first.
    pub status: Option<GuestMigrationState>,
    /// What was copied of the memory.
    pub ram: Option<RamInfo>,
    /// Since its begin, or until its end, ms.
    pub total_time: Option<u64>,
    /// How long the guest stood still, in QEMU's own count, ms.
    pub downtime: Option<u64>,
    /// How long it would stand still if it ended now, ms.
    pub expected_downtime: Option<u64>,
    /// How long connecting took, ms.
    pub setup_time: Option<u64>,
    /// Why it failed.
    pub error_desc: Option<String>,
    /// Where it is waited for.
    pub socket_address: Vec<SocketAddress>,
}

/// What was copied of the memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct RamInfo {
    /// Bytes sent.
    pub transferred: u64,
    /// Bytes still to be sent.
    pub remaining: u64,
    /// Bytes of the guest.
    pub total: u64,
    /// Pages that the guest dirties a second.
    pub dirty_pages_rate: u64,
    /// How often the kernel or the emulator was asked which pages are dirty: the number of the pass.
    pub dirty_sync_count: u64,
    /// Bytes of a page.
    pub page_size: u64,
    /// Bytes sent after the guest had gone on at the destination.
    pub postcopy_bytes: u64,
}

/// Where a migration is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum SocketAddress {
    /// By TCP.
    Inet {
        /// The address.
        host: String,
        /// The port, in digits.
        port: String,
    },
    /// Another way.
    #[serde(other)]
    Other,
}

/// An error of QMP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QmpError {
    /// A sentence.
    pub desc: String,
}

/// What QEMU tells unasked, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QmpEvent {
    /// The migration has another state.
    Migration(GuestMigrationState),
    /// The guest's processors have stopped.
    Stop,
    /// They run.
    Resume,
}

/// A line that QEMU has written.
#[derive(Debug, PartialEq)]
pub enum Line {
    /// Its first: it is there.
    Greeting,
    /// The answer to the command that was sent last.
    Return,
    /// That command failed.
    Error(QmpError),
    /// It tells something unasked; `None` where that does not matter here.
    Event(Option<QmpEvent>),
}

#[derive(Deserialize)]
struct AnyLine<'a> {
    #[serde(rename = "QMP")]
    greeting: Option<IgnoredAny>,
    #[serde(rename = "return")]
    answer: Option<IgnoredAny>,
    error: Option<QmpError>,
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct MigrationEvent {
    data: MigrationEventData,
}

#[derive(Deserialize)]
struct MigrationEventData {
    status: GuestMigrationState,
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// It is no line of QMP.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        let line: AnyLine<'_> = serde_json::from_str(text)?;
        match line {
            AnyLine { greeting: Some(_), .. } => Ok(Self::Greeting),
            AnyLine { answer: Some(_), .. } => Ok(Self::Return),
            AnyLine { error: Some(error), .. } => Ok(Self::Error(error)),
            AnyLine { event: Some(name), .. } => Ok(Self::Event(match &*name {
                "MIGRATION" => Some(QmpEvent::Migration(serde_json::from_str::<MigrationEvent>(text)?.data.status)),
                "STOP" => Some(QmpEvent::Stop),
                "RESUME" => Some(QmpEvent::Resume),
                _ => None,
            })),
            _ => Err(serde::de::Error::custom("neither an answer nor an event")),
        }
    }
}

/// Reads what a command returned, out of its line.
///
/// # Errors
/// It is not of that type.
pub fn read_return<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    #[derive(Deserialize)]
    struct Return<T> {
        #[serde(rename = "return")]
        answer: T,
    }
    serde_json::from_str(text).map(|line: Return<T>| line.answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(command: Execute) -> String {
        serde_json::to_string(&command).unwrap()
    }

    #[test]
    fn commands_are_written_as_qemu_reads_them() {
        assert_eq!(written(Execute::QmpCapabilities), r#"{"execute":"qmp_capabilities"}"#);
        assert_eq!(written(Execute::QueryMigrate), r#"{"execute":"query-migrate"}"#);
        assert_eq!(written(Execute::MigrateCancel), r#"{"execute":"migrate_cancel"}"#);
        let limit = Parameters { downtime_limit: Some(30), max_bandwidth: None };
        assert_eq!(
            written(Execute::MigrateSetParameters(limit)),
            r#"{"execute":"migrate-set-parameters","arguments":{"downtime-limit":30}}"#
        );
        let events = CapabilityState { capability: Capability::Events, state: true };
        assert_eq!(
            written(Execute::MigrateSetCapabilities { capabilities: vec![events] }),
            r#"{"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"events","state":true}]}}"#
        );
        assert_eq!(
            written(Execute::MigrateIncoming { uri: "tcp:127.0.0.1:0".into(), exit_on_error: true }),
            r#"{"execute":"migrate-incoming","arguments":{"uri":"tcp:127.0.0.1:0","exit-on-error":true}}"#
        );
    }

    #[test]
    fn what_is_no_line_of_qmp_is_refused() {
        for text in ["", "{}", "[]", "QEMU 10", r#"{"event": "MIGRATION"}"#] {
            assert!(Line::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn states_of_a_later_qemu_are_other_ones() {
        let text = r#"{"event": "MIGRATION", "data": {"status": "new-one"}, "timestamp": {"seconds": 1, "microseconds": 2}}"#;
        assert_eq!(Line::read(text).unwrap(), Line::Event(Some(QmpEvent::Migration(GuestMigrationState::Other))));
        let text = r#"{"event": "NEW_ONE", "data": {"status": [1]}, "timestamp": {"seconds": 1, "microseconds": 2}}"#;
        assert_eq!(Line::read(text).unwrap(), Line::Event(None));
    }
}
