//! The operator's terminal: its modes are restored even when the program that changed them was killed.

use std::io::{IsTerminal, Write};

use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};

/// What a full-screen program changes besides the modes: alternate screen, hidden cursor, mouse reports, bracketed paste.
const PLAIN: &[u8] = b"\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l";

/// Modes of the terminal on standard input, if there is one.
pub struct Terminal(Option<Termios>);

impl Terminal {
    /// Remembers the modes as they are.
    pub fn remember() -> Self {
        Self(tcgetattr(std::io::stdin()).ok())
    }

    /// Puts them back if something left them changed.
    pub fn restore(&self) {
        let Some(before) = &self.0 else { return };
        // From the background, setting modes would stop this process.
        if !in_foreground() || tcgetattr(std::io::stdin()).is_ok_and(|now| now == *before) {
            return;
        }
        if std::io::stdout().is_terminal() {
            let _ = std::io::stdout().write_all(PLAIN).and_then(|()| std::io::stdout().flush());
        }
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, before);
    }
}

/// Whether standard input is a terminal that this process may read from now.
pub fn in_foreground() -> bool {
    tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == getpgrp())
}
