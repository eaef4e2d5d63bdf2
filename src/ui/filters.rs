//! Filters that are typed into lists of text: the log's and the help's. (The records have one of their own.)

use crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::text::one_line;

/// Longest filter, characters.
const LONGEST: usize = 64;

/// A filter of lines of text: every word must be in the line, in any case.
#[derive(Debug, Clone, Default)]
pub struct TextFilter {
    /// As typed.
    pub input: Input,
    /// Whether it is being typed.
    pub typing: bool,
}

impl TextFilter {
    /// Whether every line passes.
    pub fn is_empty(&self) -> bool {
        self.input.value().trim().is_empty()
    }

    /// Whether a line passes.
    pub fn admits(&self, line: &str) -> bool {
        if self.is_empty() {
            return true;
        }
        let line = line.to_lowercase();
        self.input.value().to_lowercase().split_whitespace().all(|word| line.contains(word))
    }

    /// Appends the first line of pasted text.
    pub fn paste(&mut self, text: &str) {
        let line = one_line(text.lines().next().unwrap_or_default());
        self.input = Input::from(format!("{}{line}", self.input.value()).chars().take(LONGEST).collect::<String>());
    }

    /// A key while it is typed: Enter keeps it, Esc removes it.
    pub fn key(&mut self, key: KeyEvent) {
        match key.code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => *self = Self::default(),
            KeyCode::Char(_) if self.input.value().chars().count() >= LONGEST => {}
            _ => {
                self.input.handle_event(&Event::Key(key));
            }
        }
    }
}
