//! The console: one model, one update, panels that only read, and a driver around them.
//!
//! `update(&mut Model, Msg) -> Vec<Effect>` is pure; [`run`] performs the effects. The folder `panel/` is the map of the screen.

mod action;
mod args;
mod arguments;
mod asking;
mod big;
mod capability;
mod command_line;
mod confirm;
mod copy;
mod explanation;
mod export;
mod failover;
mod filters;
#[cfg(test)]
mod fleet;
mod frames;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod held;
mod host;
mod journal;
mod keymap;
mod lang;
mod latest;
mod methods;
mod model;
mod msg;
mod ordering;
mod outcomes;
mod pair;
mod panel;
mod performing;
mod ping_history;
mod pings;
mod place;
mod plans;
mod possible;
mod preflight;
mod privacy;
mod questions;
mod recent;
mod reload;
mod run;
mod runs;
mod screen;
mod sequences;
mod service;
mod settings;
mod shown;
mod standby;
mod terminal;
#[cfg(test)]
mod tests;
mod text;
mod theme;
mod timeline;
mod typing;
mod update;
mod view;

use std::process::ExitCode;

use config::ClusterFile;
use protocol::Failure;

pub use args::ConsoleArgs;
pub use export::{ExportArgs, run as export_run};

/// Runs the console until the operator leaves.
///
/// # Errors
/// The cluster file, the terminal or the link could not be used; or `end` failed on leaving, said after the terminal is restored.
pub fn run(file: &ClusterFile, args: &ConsoleArgs) -> Result<ExitCode, Failure> {
    let watch = reload::SettingsWatch::new(args);
    run::run(file.view()?, &settings::Settings::load(args)?, watch)
}
