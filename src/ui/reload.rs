//! The settings file is read again when it was saved: all of it or nothing.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::args::ConsoleArgs;
use super::model::Model;
use super::msg::{Effect, Msg};
use super::ordering::log_failure;
use super::settings::Settings;
use protocol::{Failure, Level};

/// Between two looks at the file.
const LOOK: Duration = Duration::from_millis(500);

/// What tells one saved file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let of = |file: Metadata| {
            use std::os::unix::fs::MetadataExt;
            Self { modified: file.modified().ok(), length: file.len(), inode: file.ino() }
        };
        std::fs::metadata(path).ok().map(of)
    }
}

/// The settings file as it was read, and as it was last seen.
#[derive(Debug, Clone)]
pub struct SettingsWatch {
    args: ConsoleArgs,
    path: Option<PathBuf>,
    read: Option<Stamp>,
    seen: Option<Stamp>,
}

impl SettingsWatch {
    /// The file that these options and this process's environment name. To be called before it is read for the first time, so that what is
    /// saved meanwhile is not missed.
    pub fn new(args: &ConsoleArgs) -> Self {
        let path = Settings::path(args);
        let stamp = path.as_deref().and_then(Stamp::of);
        // Named, so that one that can no longer be read is a mistake and not a console without settings.
        Self { args: ConsoleArgs { settings: path.clone(), ..args.clone() }, path, read: stamp, seen: stamp }
    }

    /// Whether the file was saved and is to be read. An editor writes it in several steps, or puts another in its place: it has to look the
    /// same twice. A file that is gone leaves the console as it is.
    fn is_saved(&mut self, now: Option<Stamp>) -> bool {
        let quiet = now == self.seen;
        self.seen = now;
        let saved = now.is_some() && quiet && now != self.read;
        if saved {
            self.read = now;
        }
        saved
    }

    /// Looks at the file for as long as somebody listens, and sends what it says whenever it was saved.
    pub async fn watch(mut self, told: mpsc::Sender<Msg>) {
        let Some(path) = self.path.clone() else { return };
        while !told.is_closed() {
            sleep(LOOK).await;
            // The folder may be on another machine that does not answer.
            let of = path.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || Stamp::of(&of)).await else { return };
            if !self.is_saved(now) {
                continue;
            }
            let args = self.args.clone();
            let Ok(read) = tokio::task::spawn_blocking(move || Settings::load(&args)).await else { return };
            if told.send(Msg::SettingsSaved(read.map(Box::new))).await.is_err() {
                return;
            }
        }
    }
}

/// Takes saved settings up, or says what is wrong with them and keeps what there is.
pub fn saved(model: &mut Model, result: Result<Box<Settings>, Failure>) -> Vec<Effect> {
    let lang = model.skin.lang;
    let settings = match result {
        Ok(settings) => settings,
        Err(failure) => {
            log_failure(model, lang.tr("the settings stay as they were"), &failure);
            return Vec::new();
        }
    };
    // What was masked by a key stays so: nobody expects a mask to fall because a colour was changed.
    let masked = model.privacy;
    model.set(&settings);
    model.privacy |= masked;
    model.share_settings();
    if model.read_only {
        model.confirm = model.confirm.take().filter(|question| !question.action.changes_hosts());
        model.command_line.open = false;
        model.pool_page.iter_mut().for_each(|page| page.dialog = None);
    }
    if let Some(frozen) = &mut model.frozen {
        (frozen.skin, frozen.keys, frozen.privacy) = (model.skin, model.keys.clone(), model.privacy);
    }
    model.dirty = true;
    model.say(Level::Info, model.skin.lang.tr("the settings were saved and hold from now on"));
    settings.warnings.iter().for_each(|warning| model.say(Level::Warning, warning.clone()));
    vec![Effect::Adopt(settings)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::fleet::{self, Moment};
    use crate::ui::lang::Lang;
    use crate::ui::tests::press;
    use crate::ui::theme::ThemeName;
    use crate::ui::update::update;

    fn watch(path: &Path) -> SettingsWatch {
        SettingsWatch::new(&ConsoleArgs { settings: Some(path.to_owned()), ..ConsoleArgs::default() })
    }

    /// A look at the file; what it says, where it is to be read.
    fn look(watch: &mut SettingsWatch) -> Option<Result<Settings, Failure>> {
        let now = watch.path.as_deref().and_then(Stamp::of);
        watch.is_saved(now).then(|| Settings::load(&watch.args))
    }

    #[test]
    fn a_saved_file_is_read_once_it_is_quiet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console.toml");
        std::fs::write(&path, "theme = \"dark\"").unwrap();
        let mut watch = watch(&path);
        assert!(look(&mut watch).is_none(), "nothing was saved");
        std::fs::write(&path, "theme = ").unwrap();
        assert!(look(&mut watch).is_none(), "it may be half of a file");
        std::fs::write(&path, "theme = \"light\"\nprivacy = true").unwrap();
        assert!(look(&mut watch).is_none());
        assert!(look(&mut watch).unwrap().unwrap().privacy);
        assert!(look(&mut watch).is_none(), "once");
        // As an editor that puts a new file in the place of the old one.
        std::fs::remove_file(&path).unwrap();
        assert!(look(&mut watch).is_none() && look(&mut watch).is_none(), "a file that is gone changes nothing");
        std::fs::write(&path, "privacy = 3").unwrap();
        assert!(look(&mut watch).is_none());
        assert!(look(&mut watch).unwrap().unwrap_err().message.contains("line 1, key `privacy`"));
    }

    #[tokio::test]
    async fn who_listens_is_told_what_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console.toml");
        let (told, mut heard) = mpsc::channel(1);
        let watching = tokio::spawn(watch(&path).watch(told));
        // It was not there when the console began.
        std::fs::write(&path, "bell = true").unwrap();
        let message = heard.recv().await.unwrap();
        assert!(matches!(message, Msg::SettingsSaved(Ok(settings)) if settings.notice.bell), "it was read");
        drop(heard);
        watching.await.unwrap();
    }

    fn settings(text: &str) -> Result<Box<Settings>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console.toml");
        std::fs::write(&path, text).unwrap();
        Settings::load(&ConsoleArgs { settings: Some(path), ..ConsoleArgs::default() }).map(Box::new)
    }

    #[test]
    fn saved_settings_hold_at_once_and_a_mistake_changes_nothing() {
        let mut model = fleet::at(Moment::Before, ThemeName::Dark, false);
        press(&mut model, "xf");
        let effects = update(&mut model, Msg::SettingsSaved(settings("language = \"zh\"\nascii = false\n[keys]\nfreeze = \"Z\"")));
        assert!(matches!(effects.as_slice(), [Effect::Adopt(_)]));
        assert_eq!((model.skin.lang, model.command_line.lang, model.privacy), (Lang::Zh, Lang::Zh, true));
        assert_eq!(model.frozen.as_ref().map(|frozen| frozen.skin), Some(model.skin), "also what stands still");
        press(&mut model, "Z");
        assert!(model.frozen.is_none(), "the new key counts");
        // Right up to its last line.
        let before = (model.skin, model.keys.clone(), model.read_only);
        let wrong = "language = \"en\"\nread-only = true\n[keys]\nfreeze = \"Y\"\n[colours]\ngod = 3";
        assert!(update(&mut model, Msg::SettingsSaved(settings(wrong))).is_empty());
        assert_eq!(before, (model.skin, model.keys.clone(), model.read_only));
        let said: Vec<&str> = model.log.iter().rev().take(2).map(|event| event.text.as_str()).collect();
        assert!(said.iter().any(|text| text.contains("第 6 行，键 `colours.god`") && text.contains("ground, text")), "{said:?}");
    }

    #[test]
    fn a_console_that_becomes_read_only_asks_nothing_any_more() {
        let mut model = fleet::at(Moment::Before, ThemeName::Dark, false);
        press(&mut model, "m");
        assert!(model.confirm.is_some());
        update(&mut model, Msg::SettingsSaved(settings("read-only = true")));
        assert!(model.confirm.is_none());
        assert!(press(&mut model, "\n").is_empty(), "nothing is ordered");
    }
}
