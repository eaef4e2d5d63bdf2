//! The console: one model, one update, panels that only read, and a driver around them.
//!
//! `update(&mut Model, Msg) -> Vec<Effect>` is pure; [`run`] performs the effects. The folder `panel/` is the map of the screen.

mod action;
mod big;
mod command_line;
mod confirm;
mod export;
#[cfg(test)]
mod fleet;
mod model;
mod msg;
mod panel;
mod run;
mod runs;
mod screen;
mod shown;
mod terminal;
#[cfg(test)]
mod tests;
mod text;
mod theme;
mod timeline;
mod update;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::Config;
use crate::protocol::Failure;

pub use export::{Args as ExportArgs, run as export_run};

/// Options.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Colours; NO_COLOR in the environment means mono.
    #[arg(long, value_enum, default_value_t)]
    theme: theme::ThemeName,
    /// Draw with ASCII characters only.
    #[arg(long)]
    ascii: bool,
    /// Folder for the pictures that `e` writes; the working folder if not given.
    #[arg(long, value_name = "DIR")]
    export_dir: Option<PathBuf>,
}

/// Runs the console until the operator leaves.
///
/// # Errors
/// The cluster file, the terminal or the link could not be used; or `end` failed on leaving, said after the terminal is restored.
pub fn run(file: &Path, args: &Args) -> Result<ExitCode, Failure> {
    run::run(Config::load(file)?, args)
}
