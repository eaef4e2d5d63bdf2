//! The D2D process: a modem between tun and the samples of the USRP process. `docs/modem.md` describes its air interface.

pub mod cell;
pub mod core;
pub mod demodulate;
pub mod gold;
mod history;
pub mod numerology;
mod process;
pub mod queue;
pub mod receive;
pub mod search;
pub mod segment;
pub mod settings;
mod shell;
pub mod sync_signals;
pub mod transmit;
pub mod transport;

#[cfg(test)]
mod loopback;

pub use self::core::{Modem, Outlet, Report};
pub use process::{Args, run};
pub use receive::Sync;
