//! What the command line says of how the operator wants the console.

use std::path::PathBuf;

use super::lang::Lang;
use super::theme::ThemeName;
use protocol::Method;

/// Options.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ConsoleArgs {
    /// Colours: dark if not given; NO_COLOR in the environment means mono.
    #[arg(long, value_enum, env = "BATON_THEME")]
    pub(in crate::ui) theme: Option<ThemeName>,
    /// Draw with ASCII characters only.
    #[arg(long)]
    pub(in crate::ui) ascii: bool,
    /// Language of the screen; the locale's if not given.
    #[arg(long, value_enum, env = "BATON_LANG")]
    pub(in crate::ui) lang: Option<Lang>,
    /// Leave the mouse to the terminal.
    #[arg(long)]
    pub(in crate::ui) no_mouse: bool,
    /// Watch only: everything that changes a host is removed.
    #[arg(long)]
    pub(in crate::ui) read_only: bool,
    /// Mask addresses and names of people on the screen and in exports.
    #[arg(long)]
    pub(in crate::ui) privacy: bool,
    /// Settings of this operator: keys, colours, language; baton/console.toml in the user's configuration folder if not given.
    #[arg(long, value_name = "FILE", env = "BATON_CONSOLE")]
    pub(in crate::ui) settings: Option<PathBuf>,
    /// Folder for the pictures that the export key writes; the working folder if not given.
    #[arg(long, value_name = "DIR")]
    pub(in crate::ui) export_dir: Option<PathBuf>,
    /// The method of the first migration; that of the work's form if not given.
    #[arg(skip)]
    pub(in crate::ui) method: Option<Method>,
    /// The lab ends with the console.
    #[arg(skip)]
    pub(in crate::ui) ends_lab: bool,
}

impl ConsoleArgs {
    /// The same, whose first migration is made by this method, where one is named.
    pub fn beginning_with(self, method: Option<Method>) -> Self {
        Self { method, ..self }
    }

    /// Of a console whose lab ends with it.
    pub fn of_demo(&self) -> Self {
        Self { ends_lab: true, ..self.clone() }
    }
}
