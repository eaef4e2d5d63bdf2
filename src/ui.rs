//! The console: one model, one update, panels that only read, and a driver around them.
//!
//! `update(&mut Model, Msg) -> Vec<Effect>` is pure; [`run`] performs the effects. The folder `panel/` is the map of the screen.

mod action;
mod args;
mod arguments;
mod asking;
mod big;
mod capability;
mod clients;
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
mod hearing;
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
mod pool;
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

use config::{ClusterFile, RadioViews};
use protocol::Failure;

pub use args::ConsoleArgs;
pub use export::{ExportArgs, run as export_run};

/// Runs the console until the operator leaves.
///
/// # Errors
/// The cluster file, the terminal or the link could not be used; or `end` failed on leaving, said after the terminal is restored.
pub fn run(file: &ClusterFile, args: &ConsoleArgs) -> Result<ExitCode, Failure> {
    let watch = reload::SettingsWatch::new(args);
    let views = RadioViews::load(&file.path)?;
    let start = start(&views, file)?;
    run::run(views, &start, &settings::Settings::load(args)?, watch)
}

/// Where a console begins: with the radio that is named, with the only one, or with the pool.
fn start(views: &RadioViews, file: &ClusterFile) -> Result<run::Start, Failure> {
    let several = file.radio.is_none() && views.radios().len() > 1;
    let first = views.radios().keys().next().cloned().filter(|_| file.radio.is_none());
    let radio = match first {
        Some(radio) => radio,
        None => views.clone().into_view(file.radio.as_deref())?.moved_radio().clone(),
    };
    Ok(run::Start { radio, screen: if several { place::Screen::Pool } else { place::Screen::Operate } })
}
