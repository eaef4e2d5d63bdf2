//! baton moves a running radio program from one server to another without dropping it.
//!
//! The folder names are the architecture; `ARCHITECTURE.md` is the map. Imports point downwards only:
//! `ui`, `agent`, `lab`, `headless` -> `setup`, `pool` -> `migration` -> `metrics` -> `link`, beside these `mover`, and below them the crates of `crates/`.

pub mod agent;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod headless;
pub mod lab;
pub mod link;
pub mod metrics;
pub mod migration;
pub mod mover;
pub mod pool;
pub mod setup;
pub mod ui;
