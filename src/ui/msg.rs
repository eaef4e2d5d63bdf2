//! What can happen to the console, and what it asks its driver to do.

use super::export::Written;
use super::settings::Settings;
use crate::metrics::records::Records;
use chrono::{DateTime, Utc};
use config::RadioName;
use crossterm::event::{KeyEvent, MouseEvent};
use protocol::{Answer, Command, Failure, Method, Order};
use ratatui::layout::Size;

pub use crate::link::telemetry::{Heard, LinkState};

/// What a request to an agent is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An order.
    Order(Order),
    /// `go` for an order.
    Go(Order),
    /// `cancel` for an order.
    Cancel(Order),
    /// A standby is armed, or disarmed.
    Standby {
        /// Which.
        arms: bool,
    },
    /// The plan of a migration.
    Plan(Order, Method),
    /// Another time between pings.
    Interval,
    /// The same, and then a migration by a method, with a hold or without.
    IntervalBefore(Order, Method, bool),
    /// A server takes on work no longer, or again.
    Drain {
        /// Which.
        drains: bool,
    },
    /// What an agent has said before this console heard it.
    Recent,
    /// `end`.
    End,
    /// The `end` of `quit`.
    EndThenLeave,
}

/// Everything that changes the model.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The mouse was moved, clicked or turned.
    Mouse(MouseEvent, Size),
    /// The terminal has a new size.
    Resize,
    /// Time passed.
    Tick {
        /// Monotonic, ms since the console started.
        now_ms: u64,
        /// Wall-clock time.
        at: DateTime<Utc>,
    },
    /// A host was heard.
    Heard(Heard),
    /// An agent answered, or did not.
    Answer {
        /// What was asked.
        purpose: Purpose,
        /// Which host.
        host: String,
        /// What it said.
        result: Result<Answer, Failure>,
    },
    /// What is of one radio of several, whichever is on the screen.
    OfRadio(RadioName, Box<Self>),
    /// The records were read, or could not be.
    RunsLoaded(Result<Records, Failure>),
    /// An export is over.
    Exported(Result<Written, Failure>),
    /// The settings file was saved: what it says, or what is wrong with it.
    SettingsSaved(Result<Box<Settings>, Failure>),
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask an agent; answered by [`Msg::Answer`].
    Request {
        /// Which host.
        host: String,
        /// What.
        command: Command,
        /// Longest wait, ms.
        deadline_ms: u64,
        /// Returned with the answer.
        purpose: Purpose,
    },
    /// The same for one radio of several, whichever is on the screen; answered by [`Msg::OfRadio`].
    OfRadio(RadioName, Box<Self>),
    /// Write the screen to files; answered by [`Msg::Exported`].
    Export,
    /// Read the records; answered by [`Msg::RunsLoaded`].
    LoadRuns,
    /// Copy a text to the terminal's clipboard.
    Copy(String),
    /// Tell the operator who looks elsewhere, as far as the settings ask for it: the bell, a notification.
    Notify(String),
    /// Other settings hold for the terminal and for exports.
    Adopt(Box<Settings>),
    /// Give the terminal back and stop, until the shell says otherwise.
    Suspend,
    /// Leave the console.
    Leave,
}
