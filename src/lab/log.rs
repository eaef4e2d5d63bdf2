//! The output of a program of the lab: its log file, and the last lines, which a failure quotes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Seek, Write};

use output::VisibleBytes;

/// Folder of the logs, one file a program.
pub const LOG_FOLDER: &str = "/run/baton/log";

/// Longest log, bytes: the logs share the lab's memory. A longer one starts again.
const LONGEST_LOG: usize = 4 << 20;
/// Lines that are quoted.
const QUOTED: usize = 4;
/// Longest quoted line, bytes.
const LONGEST_LINE: usize = 400;

/// A log file of limited size. Failures to write are ignored: a program runs on without its log.
pub struct Log {
    file: Option<File>,
    length: usize,
    visible: VisibleBytes,
}

impl Log {
    /// Makes `<LOG_FOLDER>/<name>.log`.
    pub fn create(name: &str) -> Self {
        Self { file: File::create(format!("{LOG_FOLDER}/{name}.log")).ok(), length: 0, visible: VisibleBytes::default() }
    }

    /// Appends to the log of an earlier run.
    pub fn append_to(name: &str) -> Self {
        let file = File::options().append(true).create(true).open(format!("{LOG_FOLDER}/{name}.log")).ok();
        let length = file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |data| data.len() as usize);
        Self { file, length, visible: VisibleBytes::default() }
    }

    /// Appends, with what acts on a terminal made visible.
    pub fn write(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        if self.length > LONGEST_LOG {
            let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(b"(older lines are dropped)\n"));
            self.length = 0;
        }
        let text = self.visible.next(bytes);
        let _ = file.write_all(text.as_bytes());
        self.length += text.len();
    }
}

/// Splits output into lines, watches for the line that says "ready", and keeps the last lines.
pub struct OutputTail {
    ready: String,
    line: Vec<u8>,
    last: VecDeque<String>,
}

impl OutputTail {
    /// `ready` is how that line begins.
    pub fn new(ready: &str) -> Self {
        Self { ready: ready.to_owned(), line: Vec::new(), last: VecDeque::new() }
    }

    /// Takes output as it comes; whether the line "ready" was in it.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        let mut ready = false;
        for &byte in bytes {
            match byte {
                b'\n' => ready |= self.end_line(),
                _ if self.line.len() < LONGEST_LINE => self.line.push(byte),
                _ => {}
            }
        }
        ready
    }

    fn end_line(&mut self) -> bool {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.line)).trim().to_owned();
        let ready = text.starts_with(&self.ready);
        if !text.is_empty() {
            if self.last.len() == QUOTED {
                self.last.pop_front();
            }
            self.last.push_back(text);
        }
        ready
    }

    /// The last lines, in one.
    pub fn last(mut self) -> String {
        self.end_line();
        output::one_line(&Vec::from(self.last).join(" / ")).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ready_line_is_seen_however_it_is_cut() {
        let text = b"warming up\nagent ready tcp://x\nmore";
        for cut in 0..text.len() {
            let mut tail = OutputTail::new("agent ready");
            let (one, two) = (tail.feed(&text[..cut]), tail.feed(&text[cut..]));
            assert!(one ^ two, "{cut}");
            assert_eq!(tail.last(), "warming up / agent ready tcp://x / more");
        }
    }

    #[test]
    fn only_the_last_lines_are_quoted() {
        let mut tail = OutputTail::new("never");
        assert!(!tail.feed(b"1\n\n2\n3\n4\n 5 \nnot never"));
        assert_eq!(tail.last(), "3 / 4 / 5 / not never");
    }

    proptest! {
        #[test]
        fn any_output_is_survived_and_bounded(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..2000), 0..8)) {
            let mut tail = OutputTail::new("ready");
            for chunk in &chunks {
                tail.feed(chunk);
            }
            // Lossy decoding may turn one byte into three.
            prop_assert!(tail.last().len() <= QUOTED * (3 * LONGEST_LINE + 3));
        }
    }
}
