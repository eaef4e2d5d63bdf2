//! The languages of the screen. English stands in the code, where it is read; one table holds what stands for it in Chinese.
//!
//! What other machines say (events, checks, reasons of failures) is translated where a table knows the sentence, and else shown as they said
//! it. Names of commands, methods and variables are never translated: they are typed.

mod said;
#[cfg(test)]
mod tests;
mod zh;
mod zh_acting;
mod zh_console;
mod zh_doing;
mod zh_measures;
mod zh_pool;
mod zh_runs;
mod zh_said;
mod zh_service;
mod zh_standby;

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::OnceLock;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Lang {
    /// The language of a locale's name, as `zh_CN.UTF-8`.
    pub fn from_locale(name: &str) -> Option<Self> {
        match name.split(['_', '.', '@', '-']).next() {
            Some("zh") => Some(Self::Zh),
            Some("") | None => None,
            Some(_) => Some(Self::En),
        }
    }

    /// A text of the screen in this language; `en` is both the English text and the key of the table.
    pub fn tr(self, en: &str) -> &str {
        match self {
            Self::En => en,
            Self::Zh => table().get(en).copied().unwrap_or_else(|| missed(en)),
        }
    }

    /// A text of another machine: in this language where the table happens to know it.
    pub fn offer(self, text: &str) -> &str {
        match self {
            Self::En => text,
            Self::Zh => table().get(text).copied().unwrap_or(text),
        }
    }

    /// A sentence of another machine, which may be made of several and may have others in it: in this language as far as its table knows it.
    pub fn said(self, text: &str) -> String {
        match self {
            Self::En => text.to_owned(),
            Self::Zh => said::translated(text, 0).unwrap_or_else(|| text.to_owned()),
        }
    }

    /// The same as [`tr`](Self::tr) with `{0}`, `{1}` ... filled in.
    pub fn fill(self, en: &str, args: &[&dyn Display]) -> String {
        filled(self.tr(en), |i| args.get(i).map(ToString::to_string))
    }
}

/// A text with its blanks filled; what stands in one is not looked through for others.
fn filled(text: &str, arg: impl Fn(usize) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        let Some(end) = rest.find('}') else { break };
        out.push_str(&rest[..end].parse().ok().and_then(&arg).unwrap_or_default());
        rest = &rest[end + 1..];
    }
    out + rest
}

fn table() -> &'static HashMap<&'static str, &'static str> {
    static TABLE: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    TABLE.get_or_init(|| entries().collect())
}

/// All parts of the table.
fn entries() -> impl Iterator<Item = (&'static str, &'static str)> {
    let own = zh::TABLE.iter().chain(zh_acting::TABLE).chain(zh_console::TABLE).chain(zh_doing::TABLE);
    let own =
        own.chain(zh_measures::TABLE).chain(zh_runs::TABLE).chain(zh_service::TABLE).chain(zh_standby::TABLE).chain(zh_pool::TABLE);
    own.chain(said_by_others().filter(|(en, _)| !en.contains('{'))).copied()
}

/// Sentences of agents, and of whoever reads the settings file.
fn said_by_others() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    zh_said::TABLE.iter().chain(zh_standby::SAID).chain(zh_pool::SAID).chain(zh_console::MISTAKES)
}

/// All that the screen says in Chinese.
#[cfg(test)]
pub fn chinese_texts() -> impl Iterator<Item = &'static str> {
    entries().chain(said_by_others().copied()).map(|(_, zh)| zh)
}

/// A text that the table does not have is shown in English; the tests collect it.
fn missed(en: &str) -> &str {
    #[cfg(test)]
    tests::MISSED.with_borrow_mut(|missed| missed.insert(en.to_owned()));
    en
}
