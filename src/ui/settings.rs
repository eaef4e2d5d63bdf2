//! How this operator wants the console: flags over the environment over a settings file. The cluster file says nothing of it, because it
//! is shared by all hosts.

mod file;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use super::args::ConsoleArgs;
use super::keymap::Keymap;
use super::lang::Lang;
use super::theme::{Skin, Theme, ThemeName};
use protocol::{ErrorCode, Failure};

/// The settings of one console.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Colours, characters, language.
    pub skin: Skin,
    /// Whether the theme has colours.
    pub colours: bool,
    /// Which key does what.
    pub keys: Keymap,
    /// Clicks and the wheel are heard.
    pub mouse: bool,
    /// Nothing that changes a host can be ordered.
    pub read_only: bool,
    /// Addresses and names of people are masked.
    pub privacy: bool,
    /// Where exports go.
    pub export_dir: PathBuf,
}

/// Reads a settings file's text and keeps nothing of it.
///
/// # Errors
/// As [`file::parse`].
#[cfg(any(test, feature = "fuzz"))]
pub fn check(path: &Path, text: &str) -> Result<(), Failure> {
    file::parse(path, text).map(drop)
}

impl Settings {
    /// Settings from flags, this process's environment and the settings file that they name.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] with file, line and key.
    pub fn load(args: &ConsoleArgs) -> Result<Self, Failure> {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let written = match place(args, env) {
            Some((path, required)) => read(&path, required)?.map(|text| (path, text)),
            None => None,
        };
        Self::from(args, env, written.as_ref().map(|(path, text)| (path.as_path(), text.as_str())))
    }

    /// Settings from flags, an environment and the text of a settings file.
    fn from(args: &ConsoleArgs, env: impl Fn(&str) -> Option<String>, written: Option<(&Path, &str)>) -> Result<Self, Failure> {
        let file = written.map_or_else(|| Ok(file::SettingsFile::default()), |(path, text)| file::parse(path, text))?;
        let no_color = env("NO_COLOR").map(|_| ThemeName::Mono);
        let theme = args.theme.or(no_color).or(file.theme).unwrap_or_default();
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(&env).and_then(|name| Lang::from_locale(&name));
        let ascii = args.ascii || file.ascii.unwrap_or(false);
        // There is no Chinese in ASCII.
        let lang = args.lang.or(file.language).or(locale).filter(|_| !ascii).unwrap_or_default();
        let export_dir = args.export_dir.clone().or(file.export_dir).unwrap_or_else(|| PathBuf::from("."));
        Ok(Self {
            skin: Skin { theme: Theme::with(theme, &file.colours), lang, ..Skin::new(theme, ascii) },
            colours: theme != ThemeName::Mono,
            keys: file.keys,
            mouse: !args.no_mouse && file.mouse.unwrap_or(true),
            read_only: args.read_only || file.read_only.unwrap_or(false),
            privacy: args.privacy || file.privacy.unwrap_or(false),
            export_dir,
        })
    }
}

/// The settings file, and whether it was asked for by name.
fn place(args: &ConsoleArgs, env: impl Fn(&str) -> Option<String>) -> Option<(PathBuf, bool)> {
    if let Some(path) = &args.settings {
        return Some((path.clone(), true));
    }
    let home = || env("HOME").map(|home| PathBuf::from(home).join(".config"));
    let folder = env("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home)?;
    Some((folder.join("baton/console.toml"), false))
}

fn read(path: &Path, required: bool) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !required => Ok(None),
        Err(e) => Err(Failure::new(ErrorCode::Config, format!("the settings {} cannot be read: {e}", path.display()))),
    }
}
