//! The D2D process: a modem between tun and the samples of the USRP process. `docs/modem.md` describes its air interface.

mod acquire;
mod core;
mod group;
mod group_state;
mod hold;
mod intake;
mod membership;
mod outlet;
mod phy;
mod process;
mod progress;
mod quality;
mod queue;
mod receive;
mod receive_side;
mod relay;
mod requests;
mod segment;
mod settings;
mod shell;
mod soft_state;
mod survey;

#[cfg(any(test, feature = "bench"))]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests and measurements may panic")]
mod loopback;

#[cfg(feature = "bench")]
#[doc(hidden)]
pub use loopback::figures::records as figures;
pub use phy::numerology::Bandwidth;
pub use process::{Args, run};
