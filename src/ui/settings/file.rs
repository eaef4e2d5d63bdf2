//! The settings file: TOML, every key optional, every mistake named with its line and its key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ratatui::style::Color;
use serde::Deserialize;
use toml::{Spanned, Value};

use crate::ui::action::{Action, TABLE};
use crate::ui::keymap::Keymap;
use crate::ui::lang::Lang;
use crate::ui::sequences::Notification;
use crate::ui::theme::{ColourName, ThemeName};
use config::TomlSource;
use protocol::Failure;

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SettingsFile {
    pub theme: Option<ThemeName>,
    pub ascii: Option<bool>,
    pub language: Option<Lang>,
    pub mouse: Option<bool>,
    pub read_only: Option<bool>,
    pub privacy: Option<bool>,
    pub local_time: Option<bool>,
    pub export_dir: Option<PathBuf>,
    pub bell: Option<bool>,
    pub notification: Option<Notification>,
    pub keys: Keymap,
    pub colours: Vec<(ColourName, Color)>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Raw {
    theme: Option<ThemeName>,
    ascii: Option<bool>,
    language: Option<Lang>,
    mouse: Option<bool>,
    read_only: Option<bool>,
    privacy: Option<bool>,
    local_time: Option<bool>,
    export_dir: Option<PathBuf>,
    bell: Option<bool>,
    notification: Option<Notification>,
    keys: BTreeMap<String, Spanned<Value>>,
    colours: BTreeMap<String, Spanned<Value>>,
}

/// Reads a settings file's text; `path` is for its errors.
///
/// # Errors
/// [`protocol::ErrorCode::Config`] with file, line, key and what is wrong.
pub fn parse(path: &Path, text: &str) -> Result<SettingsFile, Failure> {
    let source = TomlSource::of_file(path, text);
    read(&source).map_err(|failure| failure.hint(HINT))
}

fn read(source: &TomlSource<'_>) -> Result<SettingsFile, Failure> {
    let raw: Raw = source.read()?;
    Ok(SettingsFile {
        theme: raw.theme,
        ascii: raw.ascii,
        language: raw.language,
        mouse: raw.mouse,
        read_only: raw.read_only,
        privacy: raw.privacy,
        local_time: raw.local_time,
        export_dir: raw.export_dir,
        bell: raw.bell,
        notification: raw.notification,
        keys: keys(source, &raw.keys)?,
        colours: colours(source, &raw.colours)?,
    })
}

/// Where the reader finds what the file may hold.
const HINT: &str = "docs/console.md lists what the settings file may hold";

/// The action that a settings file calls by its word in the footer.
fn action(name: &str) -> Option<Action> {
    TABLE.iter().find(|entry| entry.label == name).map(|entry| entry.action)
}

fn keys(source: &TomlSource<'_>, wanted: &BTreeMap<String, Spanned<Value>>) -> Result<Keymap, Failure> {
    let mut map = Keymap::default();
    for (name, value) in wanted {
        let wrong = |what: &str| source.wrong(Some(value.span()), what);
        let action = action(name).ok_or_else(|| {
            let known: Vec<&str> = TABLE.iter().map(|entry| entry.label).collect();
            wrong(&format!("there is no such action; they are {}", known.join(", ")))
        })?;
        let texts = match value.get_ref() {
            Value::String(text) => vec![text.as_str()],
            Value::Array(texts) => texts.iter().map(|text| text.as_str().unwrap_or_default()).collect(),
            _ => Vec::new(),
        };
        let keys: Option<Vec<char>> = texts.iter().map(|text| single(text)).collect();
        let keys = keys.filter(|keys| !keys.is_empty());
        map.bind(action, keys.ok_or_else(|| wrong("a key is one printable character, as in \"f\"; several stand in a list"))?);
    }
    let Some((key, one, two)) = map.conflict() else { return Ok(map) };
    let label = |action: Action| TABLE.iter().find(|entry| entry.action == action).map_or("", |entry| entry.label);
    let (one, two) = (label(one), label(two));
    // The line to mend is one that the operator wrote.
    let span = wanted.get(two).or_else(|| wanted.get(one)).map(Spanned::span);
    Err(source.wrong(span, &format!("the key \"{key}\" would mean both {one} and {two}; give the other one a key too")))
}

fn single(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|c| chars.next().is_none() && !c.is_control() && !c.is_whitespace())
}

fn colours(source: &TomlSource<'_>, wanted: &BTreeMap<String, Spanned<Value>>) -> Result<Vec<(ColourName, Color)>, Failure> {
    wanted
        .iter()
        .map(|(name, value)| {
            let wrong = |what: &str| source.wrong(Some(value.span()), what);
            let place = ColourName::parse(name)
                .ok_or_else(|| wrong(&format!("there is no such colour; they are {}", ColourName::names().join(", "))))?;
            let colour = match value.get_ref() {
                Value::Integer(n) => u8::try_from(*n).ok().map(Color::Indexed),
                Value::String(text) => rgb(text),
                _ => None,
            };
            Ok((place, colour.ok_or_else(|| wrong("a colour is a number of the 256, or \"#rrggbb\""))?))
        })
        .collect()
}

fn rgb(text: &str) -> Option<Color> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    u32::from_str_radix(digits, 16).ok().map(Color::from_u32)
}
