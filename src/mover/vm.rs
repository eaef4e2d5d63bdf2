//! The method `vm`: QEMU moves a guest from one host to another (docs/other-ways-vm.md).
//!
//! This room knows QEMU, and no agent: where the software is, how a guest is started, how it is spoken to, and how its migration goes.

mod command_line;
mod guest;
mod initramfs;
mod message;
mod migration;
mod qmp;
mod rehearsal;
mod software;

pub use guest::{Guest, GuestHealth, Launch, Role};
pub use migration::Migration;
pub use rehearsal::{Rehearsal, ready_within, rehearse};
pub use software::Software;
