//! The terminal, taken and given back: also after errors and panics.

use std::io::{IsTerminal, Stdout, stdout};

use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::execute;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Position;

use super::model::Model;
use super::screen;
use crate::protocol::{ErrorCode, Failure};

/// The terminal in full-screen mode; restored when dropped, and by ratatui's hook on a panic.
pub struct Screen(Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] when standard input or output is no terminal, or it refuses.
    pub fn take() -> Result<Self, Failure> {
        if !stdout().is_terminal() || !std::io::stdin().is_terminal() {
            return Err(Failure::new(ErrorCode::Environment, "the console needs a terminal, and this is none")
                .hint("without a terminal use `baton status --json`, `baton do` or `baton demo --headless`"));
        }
        let terminal = ratatui::try_init().map_err(|e| broken(&e))?;
        // From here on a failure drops the guard, which restores the terminal.
        let screen = Self(terminal);
        execute!(stdout(), EnableBracketedPaste).map_err(|e| broken(&e))?;
        Ok(screen)
    }

    /// Draws one frame.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] when the terminal is gone.
    pub fn draw(&mut self, model: &Model) -> Result<(), Failure> {
        let mut frame = || -> std::io::Result<()> {
            execute!(stdout(), BeginSynchronizedUpdate)?;
            self.0.draw(|frame| {
                let area = frame.area();
                let cursor: Option<Position> = screen::draw(model, area, frame.buffer_mut());
                if let Some(cursor) = cursor {
                    frame.set_cursor_position(cursor);
                }
            })?;
            execute!(stdout(), EndSynchronizedUpdate)
        };
        frame().map_err(|e| broken(&e))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that will not be restored.
        let _ = execute!(stdout(), DisableBracketedPaste);
        ratatui::restore();
    }
}

/// The failure of a terminal.
pub fn broken(error: &std::io::Error) -> Failure {
    Failure::new(ErrorCode::Environment, format!("the terminal can not be used: {error}"))
}
