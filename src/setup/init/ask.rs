//! Questions and answers as lines of text: they work in a terminal, over ssh and in a script.

use std::fmt::Display;
use std::io::{BufRead, Write};

use protocol::{ErrorCode, Failure};

/// Longest answer, bytes.
const LONGEST: u64 = 4096;

/// Asks whoever writes to `input`.
pub struct Asker<'a> {
    input: &'a mut dyn BufRead,
    output: &'a mut dyn Write,
    repeats: bool,
}

impl<'a> Asker<'a> {
    pub fn new(input: &'a mut dyn BufRead, output: &'a mut dyn Write) -> Self {
        Self { input, output, repeats: false }
    }

    /// Shows each answer behind its question, as a terminal does by itself.
    pub fn repeat_answers(&mut self) {
        self.repeats = true;
    }

    /// Says something.
    ///
    /// # Errors
    /// [`ErrorCode::Io`]: nobody could read the next question.
    pub fn say(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.output.write_all(output::visible(text).to_string().as_bytes()).and_then(|()| self.output.flush());
        written.map_err(|e| Failure::new(ErrorCode::Io, format!("the question could not be written: {e}; nothing was written")))
    }

    /// Asks until the answer is one. An empty answer is the one in brackets.
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`] when the answers end.
    pub fn ask<T, E: Display>(
        &mut self,
        question: &str,
        default: Option<&str>,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, Failure> {
        loop {
            let offered = default.map_or_else(String::new, |default| format!(" [{default}]"));
            self.say(&format!("{question}{offered}: "))?;
            let line = self.line(question)?;
            if self.repeats {
                self.say(&format!("{line}\n"))?;
            }
            let answer = if line.is_empty() { default.unwrap_or_default() } else { &line };
            match read(answer) {
                Ok(value) => return Ok(value),
                Err(why) => self.say(&format!("  {why}.\n"))?,
            }
        }
    }

    /// Asks for yes or no; an empty answer is yes.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
        self.ask(question, Some("yes"), |answer| match answer.to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            other => Err(format!("{other:?} is neither yes nor no; write one of them")),
        })
    }

    fn line(&mut self, question: &str) -> Result<String, Failure> {
        let ended = |why: &str| {
            Failure::new(ErrorCode::BadRequest, format!("the answers {why} at the question \"{question}\": nothing was written"))
                .hint("answer it, or give the answers as options with --yes: `baton init --help`")
        };
        let mut bytes = Vec::new();
        let read = std::io::Read::take(&mut *self.input, LONGEST).read_until(b'\n', &mut bytes);
        let count = read.map_err(|e| ended(&format!("could not be read ({e})")))?;
        if count == 0 {
            return Err(ended("end"));
        }
        if count as u64 == LONGEST {
            return Err(ended("are longer than a line"));
        }
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }
}
