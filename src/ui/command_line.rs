//! The command line at `:`.

use crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::action::{self, Action};
use super::arguments::{self, Arguments};
use super::lang::Lang;
use super::text::one_line;
use protocol::Form;

/// Commands remembered.
const HISTORY: usize = 50;
/// Longest command accepted: the longest name is nine letters.
const LONGEST: usize = 64;

/// State of the command line.
#[derive(Debug, Clone, Default)]
pub struct CommandPrompt {
    /// Language of its complaints.
    pub lang: Lang,
    /// Form of the work, which decides what methods may be typed.
    pub form: Form,
    /// Commands that change hosts are removed.
    pub read_only: bool,
    /// Whether it is open.
    pub open: bool,
    /// What is being typed.
    pub input: Input,
    /// Why the last command was not accepted.
    pub complaint: Option<String>,
    /// Commands entered before, oldest first.
    history: Vec<String>,
    /// Which of them is shown, counted from the newest.
    recalled: Option<usize>,
    /// What the last unknown command may have meant: Tab on the empty line takes it.
    meant: Vec<String>,
    /// What was typed when Tab was first pressed, and the number of presses.
    completing: Option<(String, usize)>,
}

/// What a key on the command line leads to.
#[derive(Debug, PartialEq)]
pub enum Typed {
    /// Nothing yet.
    More,
    /// This action, with its arguments.
    Command(Action, Arguments),
}

impl CommandPrompt {
    /// One that takes the methods of this form of the work.
    pub fn of_form(form: Form) -> Self {
        Self { form, ..Self::default() }
    }

    /// Opens it, empty.
    pub fn open(&mut self) {
        self.open = true;
        self.clear();
    }

    /// Opens it with the beginning of a command.
    pub fn open_with(&mut self, beginning: &str) {
        self.open();
        self.input = Input::from(beginning.to_owned());
    }

    fn clear(&mut self) {
        self.input.reset();
        self.complaint = None;
        self.recalled = None;
        self.completing = None;
        self.meant.clear();
    }

    /// Handles a key.
    pub fn key(&mut self, key: KeyEvent) -> Typed {
        if key.code != KeyCode::Tab {
            self.completing = None;
        }
        match key.code {
            KeyCode::Esc => self.open = false,
            KeyCode::Backspace if self.input.value().is_empty() => self.open = false,
            KeyCode::Enter => return self.enter(),
            KeyCode::Tab => self.complete(),
            KeyCode::Up => self.recall(self.recalled.map_or(0, |n| n + 1)),
            KeyCode::Down => match self.recalled {
                Some(n) if n > 0 => self.recall(n - 1),
                _ => self.clear(),
            },
            _ => {
                self.complaint = None;
                if self.input.value().len() < LONGEST || !matches!(key.code, KeyCode::Char(_)) {
                    self.input.handle_event(&Event::Key(key));
                }
            }
        }
        Typed::More
    }

    /// Appends pasted text: the first line only, and never enters it.
    pub fn paste(&mut self, text: &str) {
        let line: String = one_line(text.lines().next().unwrap_or_default()).chars().take(LONGEST).collect();
        self.input = Input::from(format!("{}{line}", self.input.value()).chars().take(LONGEST).collect::<String>());
    }

    fn enter(&mut self) -> Typed {
        let text = self.input.value().trim().to_owned();
        if text.is_empty() {
            self.open = false;
            return Typed::More;
        }
        self.history.retain(|old| *old != text);
        self.history.push(text.clone());
        if self.history.len() > HISTORY {
            self.history.remove(0);
        }
        self.clear();
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((&text, ""));
        if let Some(entry) = action::by_name(name) {
            match Arguments::parse(self.form, entry.action, rest) {
                _ if !self.knows(entry.names[0]) => {
                    self.complaint = Some(self.lang.fill("{0} is not available: this console is read-only", &[&entry.names[0]]));
                }
                Ok(arguments) => {
                    self.open = false;
                    return Typed::Command(entry.action, arguments);
                }
                Err(word) => {
                    self.meant = arguments::corrected(self.form, entry, name, rest, word);
                    self.complaint = Some(arguments::refused(self.form, entry, word, self.lang));
                }
            }
            return Typed::More;
        }
        self.complain_of_unknown(&text, name, rest);
        Typed::More
    }

    /// An unknown command: the nearest names, with the arguments that were typed.
    fn complain_of_unknown(&mut self, text: &str, name: &str, rest: &str) {
        let mut near = action::near_misses(name);
        near.retain(|name| self.knows(name));
        let takes =
            |name: &&&str| action::by_name(name).is_some_and(|entry| Arguments::parse(self.form, entry.action, rest).is_ok());
        // What would not take these arguments was not meant.
        self.meant = near.iter().filter(takes).map(|name| format!("{name} {}", rest.trim()).trim_end().to_owned()).collect();
        let firsts = action::TABLE.iter().filter_map(|entry| entry.names.first().copied());
        let try_these = match self.meant.as_slice() {
            [] => firsts.filter(|name| self.knows(name)).collect::<Vec<_>>().join(", "),
            meant => meant.join(", "),
        };
        self.complaint = Some(self.lang.fill("unknown command \"{0}\", try {1}", &[&text, &try_these]));
    }

    /// Whether a command is available.
    fn knows(&self, name: &str) -> bool {
        !self.read_only || action::by_name(name).is_none_or(|entry| !entry.action.changes_hosts())
    }

    fn complete(&mut self) {
        let (prefix, presses) = self.completing.take().unwrap_or_else(|| (self.input.value().to_owned(), 0));
        let mut candidates = if prefix.is_empty() && !self.meant.is_empty() {
            self.meant.clone()
        } else {
            arguments::completions(self.form, &prefix)
        };
        candidates.retain(|line| self.knows(line.split(' ').next().unwrap_or_default()));
        if !candidates.is_empty() {
            self.input = Input::from(candidates[presses % candidates.len()].clone());
            self.complaint = None;
        }
        self.completing = Some((prefix, presses + 1));
    }

    fn recall(&mut self, back: usize) {
        if let Some(text) = self.history.iter().rev().nth(back) {
            self.input = Input::from(text.clone());
            self.recalled = Some(back);
            self.complaint = None;
        }
    }
}
