//! Where in a TOML text something is wrong: file, line and key.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use protocol::{ErrorCode, Failure};

/// The TOML reader speaks of a program's types; a file has keys and values.
const WORDS: [(&str, &str); 5] = [
    ("unknown field", "unknown key"),
    ("missing field", "missing key"),
    ("unknown variant", "unknown value"),
    ("expected a sequence", "expected a list"),
    ("expected f64", "expected a number"),
];

/// A TOML text and where it comes from; its errors name file, line and key.
#[derive(Debug, Clone)]
pub struct TomlSource<'a> {
    text: &'a str,
    origin: Origin<'a>,
}

#[derive(Debug, Clone)]
enum Origin<'a> {
    File(String),
    Text,
    Line(&'a str),
}

impl<'a> TomlSource<'a> {
    /// The text of a file. Errors begin with `FILE, line N, key`.
    pub fn of_file(file: &Path, text: &'a str) -> Self {
        Self { text, origin: Origin::File(file.display().to_string()) }
    }

    /// A text of several lines that has no file. Errors begin with `line N, key`.
    pub fn of_text(text: &'a str) -> Self {
        Self { text, origin: Origin::Text }
    }

    /// A single line that has no file. Errors begin with `name, key`.
    pub fn of_line(name: &'a str, text: &'a str) -> Self {
        Self { text, origin: Origin::Line(name) }
    }

    /// The value that the text describes.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] with the place and what is wrong there.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, Failure> {
        toml::from_str(self.text).map_err(|error| self.unreadable(&error))
    }

    /// Whether there is a section of that name. A text that cannot be read has what comes before its first mistake at least.
    pub fn has_section(&self, name: &str) -> bool {
        DeTable::parse_recoverable(self.text).0.get_ref().contains_key(name)
    }

    /// The failure at a stretch of the text: its place, and what is wrong there.
    pub fn wrong(&self, at: Option<Range<usize>>, what: &str) -> Failure {
        let at = at.unwrap_or(0..0);
        let line = self.text.bytes().take(at.start).filter(|byte| *byte == b'\n').count() + 1;
        let place = match &self.origin {
            Origin::File(file) => format!("{file}, line {line}"),
            Origin::Text => format!("line {line}"),
            Origin::Line(name) => (*name).to_owned(),
        };
        let key = key(self.text, &at).map_or_else(String::new, |key| format!(", key `{key}`"));
        Failure::new(ErrorCode::Config, format!("{place}{key}: {what}"))
    }

    /// The failure at the value of a key; `path` is from the top of the text, with the place in the list for a list's element.
    pub fn wrong_at(&self, path: &[&str], what: &str) -> Failure {
        self.wrong(locate(self.text, path), what)
    }

    fn unreadable(&self, error: &toml::de::Error) -> Failure {
        let what = WORDS.iter().fold(error.message().trim_end().replace('\n', ", "), |what, (old, new)| what.replace(old, new));
        self.wrong(error.span(), &what)
    }
}

/// The stretch of the value at a path, or of the innermost table on the way there.
fn locate(text: &str, path: &[&str]) -> Option<Range<usize>> {
    let (table, _) = DeTable::parse_recoverable(text);
    let (first, rest) = path.split_first()?;
    let mut value = table.get_ref().get(*first)?;
    for step in rest {
        let next = match value.get_ref() {
            DeValue::Table(table) => table.get(*step),
            DeValue::Array(array) => step.parse().ok().and_then(|index: usize| array.get(index)),
            _ => None,
        };
        let Some(next) = next else { break };
        value = next;
    }
    Some(value.span())
}

/// Dotted key whose name or value is there; the narrowest of those that are.
fn key(text: &str, at: &Range<usize>) -> Option<String> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut best = None;
    search_table(table.get_ref(), "", at, &mut best);
    // A key that the reader threw out, being there twice, is in no table.
    let name = || text.get(at.clone()).filter(|name| name.contains(char::is_alphanumeric) && name.chars().all(is_of_key));
    let in_its_line = || if errors.is_empty() { None } else { key_of_line(text, at.start) };
    best.map(|(_, key)| key).or_else(|| name().or_else(in_its_line).map(str::to_owned))
}

/// The key at the beginning of a line, for a value that the reader could not make sense of.
fn key_of_line(text: &str, at: usize) -> Option<&str> {
    let begin = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let (key, _) = text.get(begin..)?.lines().next()?.split_once('=')?;
    Some(key.trim()).filter(|key| !key.is_empty() && key.chars().all(is_of_key))
}

fn is_of_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn search_table(table: &DeTable, prefix: &str, at: &Range<usize>, best: &mut Option<(usize, String)>) {
    for (name, value) in table {
        let dot = if prefix.is_empty() { "" } else { "." };
        let name_text = name.get_ref();
        let bare = !name_text.is_empty() && name_text.chars().all(|c| is_of_key(c) && c != '.');
        let key = if bare { format!("{prefix}{dot}{name_text}") } else { format!("{prefix}{dot}{name_text:?}") };
        consider(&name.span(), &key, at, best);
        search_value(value, &key, at, best);
    }
}

fn search_value(value: &Spanned<DeValue>, key: &str, at: &Range<usize>, best: &mut Option<(usize, String)>) {
    consider(&value.span(), key, at, best);
    match value.get_ref() {
        DeValue::Table(table) => search_table(table, key, at, best),
        DeValue::Array(array) => array.iter().for_each(|value| search_value(value, key, at, best)),
        _ => {}
    }
}

fn consider(span: &Range<usize>, key: &str, at: &Range<usize>, best: &mut Option<(usize, String)>) {
    let holds = span.start <= at.start && at.end <= span.end && at.start < span.end;
    if holds && best.as_ref().is_none_or(|(length, _)| span.len() <= *length) {
        *best = Some((span.len(), key.to_owned()));
    }
}
