//! The console beside a real lab, in tmux: what an operator does by keys, and what the terminal shows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::{lab, needs};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Ends a test that would wait for ever; says nothing about speed.
const PATIENCE: Duration = Duration::from_secs(90);

/// A tmux server of the test's own, with one window.
struct Tmux(String);

impl Tmux {
    fn start(columns: u16, rows: u16, shell: &str) -> Self {
        let tmux = Self(format!("baton-test-{}", std::process::id()));
        let [columns, rows] = [columns, rows].map(|n| n.to_string());
        tmux.ask(&["-f", "/dev/null", "new-session", "-d", "-s", "it", "-x", &columns, "-y", &rows, shell]);
        tmux
    }

    fn ask(&self, words: &[&str]) -> String {
        let output = Command::new("tmux").args(["-L", &self.0]).args(words).env_remove("TMUX").output().unwrap();
        assert!(output.status.success(), "tmux {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn press(&self, keys: &str) {
        self.ask(&["send-keys", "-t", "it", keys]);
    }

    /// Answers a question that the screen shows, as late as a person who reads it: what comes sooner than 0.1 s is no answer.
    fn answer(&self, keys: &str) {
        std::thread::sleep(Duration::from_millis(300));
        self.press(keys);
    }

    fn line(&self, text: &str) {
        self.ask(&["send-keys", "-t", "it", "-l", text]);
        self.press("Enter");
    }

    fn shows(&self) -> String {
        self.ask(&["capture-pane", "-p", "-t", "it"])
    }

    fn is(&self, format: &str) -> String {
        self.ask(&["display-message", "-p", "-t", "it", format]).trim().to_owned()
    }

    /// Waits until the screen shows what is wanted, and returns it.
    fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let since = Instant::now();
        loop {
            let screen = self.shows();
            if wanted(&screen) {
                return screen;
            }
            assert!(since.elapsed() < PATIENCE, "not shown: {what}; the terminal shows\n{screen}");
            // tmux tells nobody that a screen has changed.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_for(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    /// Gives the window another size and waits for a frame that fills it.
    fn resize(&self, columns: u16, rows: u16) {
        let [width, height] = [columns, rows].map(|n| n.to_string());
        self.ask(&["resize-window", "-t", "it", "-x", &width, "-y", &height]);
        self.wait(&format!("a frame of {columns}x{rows}"), |screen| {
            let lines: Vec<&str> = screen.lines().collect();
            let whole = lines.len() == usize::from(rows) && lines.last().is_some_and(|last| last.contains("q leave"));
            whole && lines[0].trim_start().starts_with("baton") && lines[0].trim_end().ends_with("UTC")
        });
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.0, "kill-server"]).output();
    }
}

#[test]
fn a_demo_by_keys_from_the_start_to_the_last_frame() {
    if !needs::tools(&["tmux"]) {
        return;
    }
    let Some(_turn) = lab::alone() else { return };
    let state = tempfile::tempdir().unwrap();
    let tmux = Tmux::start(120, 40, "bash --norc --noprofile");
    tmux.line("PS1='shell> '; clear");
    tmux.wait("a prompt", |screen| screen.starts_with("shell>"));
    tmux.line(&format!(
        "export XDG_STATE_HOME={0} XDG_CONFIG_HOME={0} LANG=C.UTF-8; unset NO_COLOR LC_ALL; clear; {1} demo",
        state.path().display(),
        env!("CARGO_BIN_EXE_baton"),
    ));
    tmux.wait_for("NOBODY owns the radio");
    tmux.press("s");
    tmux.wait("the work on server1", |screen| screen.contains("server1 owns the radio") && screen.contains("in sync"));

    // Moved by keys, slowly enough to be looked at, the window resized meanwhile.
    tmux.press(":");
    tmux.line("method classic");
    tmux.press("m");
    // Rows are written one by one, so that a capture may have the answers before it has the question.
    tmux.wait("a question with an answered check", |screen| {
        let question = screen.contains("M: move the work from server1 to server2 (classic)?");
        question && screen.contains("CHECK OK") && !screen.contains("no plan yet")
    });
    tmux.answer("Enter");
    tmux.wait("a phase under way", |screen| screen.contains("MIGRATING") && screen.contains(" of 7: "));
    tmux.resize(100, 30);
    tmux.wait("the end of M", |screen| {
        screen.contains("MOVED") && screen.contains("server2 is owner") || screen.contains("server2 owns")
    });
    tmux.resize(120, 40);
    tmux.wait_for("M done by server2");

    // Held, looked at in another size, and let go.
    tmux.press(":");
    tmux.line("MB hot hold");
    tmux.wait_for("MB: move the work from server2 to server1 (hot)?");
    tmux.answer("Enter");
    tmux.wait("waiting for go", |screen| screen.contains("WAITS FOR GO") && screen.contains("server2 still serves"));
    tmux.resize(80, 24);
    tmux.wait_for("WAITS FOR GO");
    tmux.resize(120, 40);
    tmux.press("g");
    tmux.wait_for("MB done by server1");

    // Held and given up: the source serves on.
    tmux.press("m");
    tmux.wait_for("server2 (hot)?");
    tmux.answer("Enter");
    tmux.wait_for("WAITS FOR GO");
    tmux.press("a");
    tmux.wait("a cancelled migration", |screen| screen.contains(" CANCELLED ") && screen.contains("server1 owns the radio"));

    // The shell has the terminal, and gives it back.
    tmux.press("C-z");
    tmux.wait("the shell", |screen| screen.contains("Stopped") && screen.trim_end().ends_with("shell>"));
    assert_eq!(tmux.is("#{alternate_on}#{mouse_any_flag}#{cursor_flag}"), "001", "modes in the shell");
    tmux.line("fg; echo LEFT $?");
    tmux.wait("the console again", |screen| screen.contains("PHASES of M hot") && !screen.contains("shell>"));
    assert_eq!(tmux.is("#{alternate_on}"), "1");

    // Told to end: the terminal is given back with the last frame on it, and the lab goes with the console.
    let shell = Pid::from_raw(tmux.is("#{pane_pid}").parse().unwrap());
    let demo = *lab::children_of(shell).first().expect("a demo below the shell");
    kill(Pid::from_raw(demo), Signal::SIGTERM).unwrap();
    // The shell's own line names LEFT as well; what follows it there is no number.
    let ended = |line: &str| line.strip_prefix("LEFT ").is_some_and(|code| code.trim_end().parse::<u8>().is_ok());
    let left = tmux.wait("the shell after the console", |screen| screen.lines().any(ended));
    assert_eq!(tmux.is("#{alternate_on}#{mouse_any_flag}#{cursor_flag}"), "001", "modes after the end");
    assert!(left.contains("CANCELLED") && left.contains("LOG"), "the last frame is gone:\n{left}");
    // What the shell hands to a program again.
    tmux.line("clear; stty -a");
    tmux.wait_for("isig icanon iexten echo ");
    let since = Instant::now();
    while !lab::remains_on_host().is_empty() && since.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    assert_eq!(lab::remains_on_host(), Vec::<String>::new());
}
