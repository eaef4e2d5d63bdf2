//! A program and its arguments.

use serde::{Deserialize, Deserializer, Serialize};

use crate::BadValue;

/// A program and its arguments, at least the program. A list of texts in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct CommandLine {
    program: String,
    arguments: Vec<String>,
}

impl CommandLine {
    /// The same command with every word replaced.
    ///
    /// # Errors
    /// The new words are no command: the first is empty, or one holds a NUL character.
    pub fn map(self, change: impl FnMut(String) -> String) -> Result<Self, BadValue> {
        Vec::from(self).into_iter().map(change).collect::<Vec<_>>().try_into()
    }

    /// Path or name of the program, never empty.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Its arguments.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }
}

impl std::fmt::Display for CommandLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.program)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

impl TryFrom<Vec<String>> for CommandLine {
    type Error = BadValue;

    fn try_from(mut words: Vec<String>) -> Result<Self, BadValue> {
        const ALLOWED: &str = "write a program and its arguments, as in [\"/usr/bin/baton\", \"d2d\"]";
        if words.iter().any(|word| word.contains('\0')) {
            return Err(BadValue::new("a word of the command holds a NUL character", ALLOWED));
        }
        if words.first().is_none_or(|program| program.trim().is_empty()) {
            return Err(BadValue::new("the command names no program", ALLOWED));
        }
        let arguments = words.split_off(1);
        Ok(Self { program: words.swap_remove(0), arguments })
    }
}

impl From<CommandLine> for Vec<String> {
    fn from(command: CommandLine) -> Self {
        std::iter::once(command.program).chain(command.arguments).collect()
    }
}

/// Reads a command that may be left out; so does an empty list.
pub(crate) fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<CommandLine>, D::Error> {
    let words = Vec::<String>::deserialize(from)?;
    if words.is_empty() { Ok(None) } else { CommandLine::try_from(words).map(Some).map_err(serde::de::Error::custom) }
}
