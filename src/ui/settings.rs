//! How this operator wants the console: flags over the environment over a settings file. The cluster file says nothing of it, because it
//! is shared by all hosts.

mod file;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::args::ConsoleArgs;
use super::capability::{Capability, ColourDepth};
use super::keymap::Keymap;
use super::lang::Lang;
use super::sequences::Notice;
use super::theme::{Skin, Theme, ThemeName};
use protocol::{ErrorCode, Failure, Method};

/// The settings of one console.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Colours, characters, language.
    pub skin: Skin,
    /// The colours that the terminal is given.
    pub depth: ColourDepth,
    /// The method of the first migration, where one is named.
    pub method: Option<Method>,
    /// The theme with all its colours, for pictures.
    pub pictures: Theme,
    /// Which key does what.
    pub keys: Keymap,
    /// Clicks and the wheel are heard.
    pub mouse: bool,
    /// Nothing that changes a host can be ordered.
    pub read_only: bool,
    /// Addresses and names of people are masked.
    pub privacy: bool,
    /// Times of the log are this machine's local ones, not UTC.
    pub local_time: bool,
    /// The console is a demo's: its lab ends with it.
    pub ends_lab: bool,
    /// Where exports go.
    pub export_dir: PathBuf,
    /// What happens when the verdict on the service changes.
    pub notice: Notice,
    /// What of this machine's environment could not be used.
    pub warnings: Vec<String>,
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
        Self::load_with(args, &|name: &str| std::env::var(name).ok())
    }

    /// The settings file that flags or this process's environment name; nobody need have written it.
    pub fn path(args: &ConsoleArgs) -> Option<PathBuf> {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        args.settings.clone().or_else(|| own_file(env))
    }

    fn load_with(args: &ConsoleArgs, env: &impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        if let Some(path) = &args.settings {
            let text = std::fs::read_to_string(path)
                .map_err(|e| Failure::new(ErrorCode::Config, format!("the settings {} cannot be read: {e}", path.display())))?;
            return Self::from(args, env, Some((path, &text)));
        }
        let path = own_file(env);
        // Whatever stands in the way of a file that nobody named: the console works without.
        let (text, trouble) = match path.as_ref().map(std::fs::read_to_string) {
            Some(Ok(text)) => (Some(text), None),
            Some(Err(e)) if e.kind() != ErrorKind::NotFound => (None, Some(e)),
            _ => (None, None),
        };
        let mut settings = Self::from(args, env, path.as_deref().zip(text.as_deref()))?;
        settings.warnings.extend(path.zip(trouble).map(|(path, e)| {
            let text = "the settings {0} cannot be read ({1}): this console has the defaults";
            settings.skin.lang.fill(text, &[&path.display(), &e])
        }));
        if let Some(relative) = env(XDG).filter(|folder| !Path::new(folder).is_absolute()) {
            let text = "XDG_CONFIG_HOME ({0}) is not an absolute path and is not used";
            settings.warnings.push(settings.skin.lang.fill(text, &[&relative]));
        }
        Ok(settings)
    }

    /// Settings from flags, an environment and the text of a settings file.
    fn from(args: &ConsoleArgs, env: impl Fn(&str) -> Option<String>, written: Option<(&Path, &str)>) -> Result<Self, Failure> {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let file = written.map_or_else(|| Ok(file::SettingsFile::default()), |(path, text)| file::parse(path, text))?;
        let terminal = Capability::from_env(env);
        let no_color = env("NO_COLOR").map(|_| ThemeName::Mono);
        let theme = args.theme.or(no_color).or(file.theme).unwrap_or_default();
        let depth = if theme == ThemeName::Mono { ColourDepth::None } else { terminal.colours };
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(&env).and_then(|name| Lang::from_locale(&name));
        let ascii = args.ascii || file.ascii.unwrap_or(terminal.ascii);
        // There is no Chinese in ASCII.
        let lang = args.lang.or(file.language).or(locale).filter(|_| !ascii).unwrap_or_default();
        let export_dir = args.export_dir.clone().or(file.export_dir).unwrap_or_else(|| PathBuf::from("."));
        Ok(Self {
            skin: Skin { theme: Theme::on(theme, &file.colours, depth), lang, ..Skin::new(theme, ascii) },
            depth,
            method: args.method,
            pictures: Theme::with(theme, &file.colours),
            keys: file.keys,
            mouse: !args.no_mouse && file.mouse.unwrap_or(true),
            read_only: args.read_only || file.read_only.unwrap_or(false),
            privacy: args.privacy || file.privacy.unwrap_or(false),
            local_time: file.local_time.unwrap_or(false),
            ends_lab: args.ends_lab,
            export_dir,
            notice: Notice { bell: file.bell.unwrap_or(false), notification: file.notification },
            warnings: Vec::new(),
        })
    }
}

const XDG: &str = "XDG_CONFIG_HOME";

/// Where this operator's own file would be. The XDG specification has relative paths ignored.
fn own_file(env: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folder = absolute(XDG).or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(folder.join("baton/console.toml"))
}
