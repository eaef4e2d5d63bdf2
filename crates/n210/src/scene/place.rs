//! Where in a scene something is wrong: file, line and key of a stretch of its text.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use protocol::{ErrorCode, Failure};

/// A text and where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Name of the file; none is a line that somebody sent.
    pub file: Option<&'a str>,
    /// What it says.
    pub text: &'a str,
}

impl Source<'_> {
    /// A failure that names file, line and key.
    pub fn wrong(&self, at: Option<Range<usize>>, what: &str) -> Failure {
        let at = at.unwrap_or(0..0);
        let line = self.text.bytes().take(at.start).filter(|byte| *byte == b'\n').count() + 1;
        let place = self.file.map_or_else(|| "the event".into(), |file| format!("{file}, line {line}"));
        let key = key(self.text, &at).map_or_else(String::new, |key| format!(", key `{key}`"));
        Failure::new(ErrorCode::Config, format!("{place}{key}: {what}"))
    }

    /// What the TOML reader found wrong.
    pub fn unreadable(&self, error: &toml::de::Error) -> Failure {
        // Its words are those of programs; a scene has keys.
        let what = error.message().replace("unknown field", "unknown key").replace("missing field", "missing key");
        self.wrong(error.span(), &what.replace('\n', ", "))
    }
}

/// Dotted key whose name or value is there; the narrowest of those that are.
fn key(text: &str, at: &Range<usize>) -> Option<String> {
    let (table, _) = DeTable::parse_recoverable(text);
    let mut best = None;
    search_table(table.get_ref(), "", at, &mut best);
    // A key that the reader threw out, being there twice, is in no table.
    let name = || text.get(at.clone()).filter(|name| name.contains(char::is_alphanumeric) && name.chars().all(is_of_key));
    best.map(|(_, key)| key).or_else(|| name().map(str::to_owned))
}

fn is_of_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn search_table(table: &DeTable, prefix: &str, at: &Range<usize>, best: &mut Option<(usize, String)>) {
    for (name, value) in table {
        let dot = if prefix.is_empty() { "" } else { "." };
        let key = format!("{prefix}{dot}{}", name.get_ref());
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
