//! What the guest says on its serial console, a line each: written there, and read by the agent.

use std::fmt;

/// A line of the guest's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// It answers pings and dirties its memory.
    Ready,
    /// All of its memory set has been found as it was written, so often.
    Checked {
        /// Passes so far, this one included.
        passes: u64,
    },
    /// Memory was not as it was written.
    Damaged(String),
    /// It cannot do what it is for.
    Failed(String),
}

/// Before each of its lines, so that those of the kernel are no lines of it.
const MARK: &str = "baton-guest: ";
const READY: &str = "READY";
const CHECKED: &str = "checked ";
const DAMAGED: &str = "DAMAGED ";
const FAILED: &str = "FAILED ";

impl Words {
    /// Reads a line of the console; `None` for a line of anybody else's.
    pub fn read(line: &str) -> Option<Self> {
        // What the kernel has written last may stand before it.
        let said = line.split_once(MARK)?.1.trim_end();
        if said == READY {
            return Some(Self::Ready);
        }
        if let Some(passes) = said.strip_prefix(CHECKED) {
            return passes.parse().ok().map(|passes| Self::Checked { passes });
        }
        let damaged = said.strip_prefix(DAMAGED).map(|what| Self::Damaged(what.to_owned()));
        damaged.or_else(|| said.strip_prefix(FAILED).map(|what| Self::Failed(what.to_owned())))
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)?;
        match self {
            Self::Ready => f.write_str(READY),
            Self::Checked { passes } => write!(f, "{CHECKED}{passes}"),
            Self::Damaged(what) => write!(f, "{DAMAGED}{what}"),
            Self::Failed(what) => write!(f, "{FAILED}{what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let damage = "page 3, word 7: 0x0 in the place of 0x1".to_owned();
        for words in [Words::Ready, Words::Checked { passes: 12 }, Words::Damaged(damage.clone()), Words::Failed(damage)] {
            assert_eq!(Words::read(&format!("{words}\r\n")), Some(words.clone()));
            assert_eq!(Words::read(&format!("[    2.1] random: {words}\r")), Some(words));
        }
    }

    #[test]
    fn lines_of_others_say_nothing() {
        for line in ["", "READY", "[    0.0] Linux version", "baton-guest: checked many", "baton-guest: what"] {
            assert_eq!(Words::read(line), None, "{line}");
        }
    }
}
