//! A work that is a virtual machine: what its agent tells of it, and of its migration.

use std::net::SocketAddrV4;

use serde::{Deserialize, Serialize};

use super::{Accelerator, Failure, Mechanism};

/// How a guest's memory is copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum GuestCopy {
    /// Before the guest stops at the source: until it has gone, the source can go on. A guest that dirties memory faster than it is copied never
    /// gets away.
    #[default]
    Pre,
    /// One pass before, the rest after the guest has gone on at the destination: ends always, and has no way back once it has begun.
    Post,
}

/// State of a guest's migration, in QEMU's words (`query-migrate`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuestMigrationState {
    /// None was begun.
    #[default]
    None,
    /// Connecting.
    Setup,
    /// Copying memory while the guest runs.
    Active,
    /// The guest stands still, and QEMU waits to be told to go on.
    PreSwitchover,
    /// The guest stands still: the last of its memory and its devices are sent.
    Device,
    /// The guest runs at the destination, which gets memory as it needs it.
    PostcopyActive,
    /// The connection broke in post-copy.
    PostcopyPaused,
    /// Done.
    Completed,
    /// Failed.
    Failed,
    /// Being given up.
    Cancelling,
    /// Given up.
    Cancelled,
    /// Any other state.
    #[serde(other)]
    Other,
}

impl GuestMigrationState {
    /// The word for it in QEMU's documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Setup => "setup",
            Self::Active => "active",
            Self::PreSwitchover => "pre-switchover",
            Self::Device => "device",
            Self::PostcopyActive => "postcopy-active",
            Self::PostcopyPaused => "postcopy-paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Other => "other",
        }
    }

    /// Whether nothing comes after it.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A guest's migration as its source follows it, in QEMU's own figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct GuestMigration {
    /// Where it is.
    pub state: GuestMigrationState,
    /// Pass over the memory, from 1.
    pub iteration: u64,
    /// Pages that the guest dirties a second.
    pub dirty_pages_per_s: u64,
    /// Bytes of a page; 0 while that is not told.
    pub page_bytes: u64,
    /// Bytes still to be sent.
    pub remaining_bytes: u64,
    /// Bytes sent.
    pub transferred_bytes: u64,
    /// How long the guest would stand still if it were stopped now, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_downtime_ms: Option<u64>,
    /// How long it stood still, ms; once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downtime_ms: Option<u64>,
    /// Since its begin, or until its end, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<u64>,
}

impl GuestMigration {
    /// For the record of the run.
    pub fn mechanism(&self, accelerator: Option<Accelerator>) -> Mechanism {
        Mechanism {
            downtime_ms: self.downtime_ms.map(|ms| ms as f64),
            bytes_moved: Some(self.transferred_bytes),
            iterations: Some(self.iteration),
            dirty_pages_per_s: Some(self.dirty_pages_per_s),
            accelerator,
            ..Mechanism::default()
        }
    }
}

/// What a guest does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestState {
    /// There is none.
    #[default]
    Stopped,
    /// Its QEMU starts, or its kernel does.
    Starting,
    /// Its QEMU waits for the state of another host's guest, or takes it in.
    Incoming,
    /// It runs.
    Running,
    /// It stands still: it is about to go, has gone, or was stopped.
    Paused,
    /// Its QEMU has ended by itself.
    Died,
}

/// A guest as its agent tells of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GuestStatus {
    /// What it does.
    pub state: GuestState,
    /// Whether guests run on this host.
    #[serde(default)]
    pub rehearsal: GuestRehearsal,
    /// Process id of its QEMU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// What runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<Accelerator>,
    /// Whole passes in which it found all of its memory as it was written.
    pub memory_passes: u64,
    /// The first damage that it found in its memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
    /// Of a QEMU that has ended by itself: the last that it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_words: Option<String>,
    /// Its migration away from this host, under way or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<GuestMigration>,
}

/// Answer of `prepare_guest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestPrepared {
    /// Where its QEMU waits for the guest, by TCP.
    pub address: SocketAddrV4,
    /// How the memory is to be copied.
    pub copy: GuestCopy,
}

/// A moment of a guest's migration that can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestMoment {
    /// The guest has stopped at the source.
    Stopped,
    /// It has gone: it runs at the destination.
    Gone,
    /// All of it is at the destination.
    Completed,
}

/// Whether guests run on a host, by a rehearsal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum GuestRehearsal {
    /// It is under way.
    #[default]
    UnderWay,
    /// A throw-away guest was ready.
    Ready {
        /// On what.
        accelerator: Accelerator,
        /// After so long, ms.
        after_ms: u64,
    },
    /// None runs here.
    Failed {
        /// Why, and what to do.
        failure: Failure,
    },
}
