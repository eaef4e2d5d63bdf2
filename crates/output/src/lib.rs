//! What baton writes to terminals, pipes and log files.
//!
//! Two rules. Text from outside (a workload's words, names, records, another agent's sentences) is data: a control character in it is shown
//! and never acts. And output decides about nothing: a reader that goes away, stalls or has no room changes no order, no exit code and no
//! task. Ground floor: imports nothing of baton.

mod columns;
mod natural;
mod streams;
mod visible;

pub use columns::{pad, pad_left};
pub use natural::natural_order;
pub use streams::{LogWriter, log_line, say, write_stdout};
pub use visible::{VisibleBytes, acts, json, one_line, visible};
