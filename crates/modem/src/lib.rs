//! The D2D process: a modem between tun and the samples of the USRP process. `docs/modem.md` describes its air interface.

mod acquire;
pub mod core;
mod ear;
mod group;
mod group_state;
mod hold;
mod intake;
mod membership;
mod orders;
pub mod phy;
mod process;
mod quality;
pub mod queue;
pub mod receive;
pub mod relay;
pub mod segment;
pub mod settings;
mod shell;
pub mod soft_state;
mod survey;

#[cfg(test)]
mod loopback;

pub use self::core::{Modem, Outlet, Report};
pub use process::{Args, run};
pub use receive::Sync;
