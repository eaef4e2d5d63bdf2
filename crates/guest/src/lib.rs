//! The light responder: what runs in the guest of the method `vm` in the place of the modem.
//!
//! An emulated processor is too slow for the modem (docs/other-ways-vm.md), so that the guest is one that answers pings and dirties memory as
//! the modem does, and that checks its own memory all the time: a migration that damages it is seen. It is the first process of the guest,
//! configured by the kernel's command line, and its words go out on the serial console.

mod boot;
mod memory;
mod settings;
mod words;

pub use boot::run;
pub use memory::{Damage, MemorySet};
pub use settings::{GuestSettings, HARDWARE_ADDRESS, MODULES};
pub use words::Words;
