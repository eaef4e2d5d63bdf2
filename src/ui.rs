//! The console: one model, one update, panels that only read, and a driver around them.
//!
//! `update(&mut Model, Msg) -> Vec<Effect>` is pure; [`run`] performs the effects. The folder `panel/` is the map of the screen.

mod action;
mod big;
mod command_line;
mod confirm;
mod export;
mod failover;
#[cfg(test)]
mod fleet;
mod frames;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod host;
mod keymap;
mod lang;
mod model;
mod msg;
mod ordering;
mod panel;
mod pings;
mod preflight;
mod privacy;
mod run;
mod runs;
mod screen;
mod settings;
mod shown;
mod terminal;
#[cfg(test)]
mod tests;
mod text;
mod theme;
mod timeline;
mod update;
mod view;
mod words;
mod zoom;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use config::Config;
use protocol::Failure;

pub use export::{Args as ExportArgs, run as export_run};

/// Options.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Colours: dark if not given; NO_COLOR in the environment means mono.
    #[arg(long, value_enum, env = "BATON_THEME")]
    theme: Option<theme::ThemeName>,
    /// Draw with ASCII characters only.
    #[arg(long)]
    ascii: bool,
    /// Language of the screen; the locale's if not given.
    #[arg(long, value_enum, env = "BATON_LANG")]
    lang: Option<lang::Lang>,
    /// Leave the mouse to the terminal.
    #[arg(long)]
    no_mouse: bool,
    /// Watch only: everything that changes a host is removed.
    #[arg(long)]
    read_only: bool,
    /// Mask addresses and names of people on the screen and in exports.
    #[arg(long)]
    privacy: bool,
    /// Settings of this operator: keys, colours, language; baton/console.toml in the user's configuration folder if not given.
    #[arg(long, value_name = "FILE", env = "BATON_CONSOLE")]
    settings: Option<PathBuf>,
    /// Folder for the pictures that the export key writes; the working folder if not given.
    #[arg(long, value_name = "DIR")]
    export_dir: Option<PathBuf>,
}

/// Runs the console until the operator leaves.
///
/// # Errors
/// The cluster file, the terminal or the link could not be used; or `end` failed on leaving, said after the terminal is restored.
pub fn run(file: &Path, args: &Args) -> Result<ExitCode, Failure> {
    run::run(Config::load(file)?, &settings::Settings::load(args)?)
}
