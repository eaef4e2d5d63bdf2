//! A program in a terminal of its own, and what that terminal shows.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};

/// Ends a test that would wait for ever; says nothing about speed.
const PATIENCE: Duration = Duration::from_secs(60);

/// How fast the terminal takes what is written to it.
#[derive(Clone, Copy, PartialEq)]
pub enum Line {
    Fast,
    /// Bits per second, ten to a byte.
    Baud(u64),
    /// Not at all.
    Stuck,
}

/// Both ends of a terminal, which no program inherits: one that holds its own terminal's other end is never hung up on, and outlives whoever
/// started it.
pub fn open(size: Option<&Winsize>) -> OpenptyResult {
    let pty = openpty(size, None).unwrap();
    for end in [&pty.master, &pty.slave] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
    }
    pty
}

type Shown = Arc<(Mutex<vt100::Parser>, Condvar)>;

/// The program and its terminal.
pub struct Terminal {
    master: File,
    slave: PathBuf,
    pub child: Child,
    shown: Shown,
}

impl Terminal {
    /// Starts a program with a terminal of `rows` x `columns` as its controlling terminal.
    pub fn start(command: &mut Command, (rows, columns): (u16, u16), line: Line) -> Self {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = open(Some(&size));
        let slave = nix::unistd::ttyname(&pty.slave).unwrap();
        let end = || -> OwnedFd { pty.slave.try_clone().unwrap() };
        // util-linux's setsid makes the terminal the controlling one, and becomes the program.
        let mut with_terminal = Command::new("setsid");
        with_terminal.arg("--ctty").arg(command.get_program()).args(command.get_args());
        with_terminal
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .env("LANG", "C.UTF-8")
            .env_remove("LC_ALL")
            .env_remove("LC_CTYPE");
        with_terminal.env("RUST_BACKTRACE", "0");
        for (key, value) in command.get_envs() {
            with_terminal.env(key, value.unwrap());
        }
        let child = with_terminal.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let master = File::from(pty.master);
        let shown: Shown = Arc::new((Mutex::new(vt100::Parser::new(rows, columns, 0)), Condvar::new()));
        if line != Line::Stuck {
            let (mut reader, shown) = (master.try_clone().unwrap(), shown.clone());
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                let part = if let Line::Baud(_) = line { 96 } else { bytes.len() };
                // The last end of the terminal is closed with EIO.
                while let Ok(n @ 1..) = reader.read(&mut bytes[..part]) {
                    shown.0.lock().unwrap().process(&bytes[..n]);
                    shown.1.notify_all();
                    if let Line::Baud(rate) = line {
                        std::thread::sleep(Duration::from_micros(n as u64 * 10_000_000 / rate));
                    }
                }
            });
        }
        Self { master, slave, child, shown }
    }

    /// Types.
    pub fn keys(&self, bytes: &str) {
        (&self.master).write_all(bytes.as_bytes()).unwrap();
    }

    /// Gives the terminal another size; the program is told by the kernel.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.shown.0.lock().unwrap().screen_mut().set_size(rows, columns);
        let size = [rows.to_string(), columns.to_string()];
        let done = Command::new("stty").arg("-F").arg(&self.slave).args(["rows", &size[0], "cols", &size[1]]).status().unwrap();
        assert!(done.success());
    }

    /// Waits until the terminal shows what is wanted.
    pub fn wait(&self, what: &str, shown: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut parser = self.shown.0.lock().unwrap();
        while !shown(parser.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not shown: {what}; the terminal shows\n{}", parser.screen().contents());
            parser = self.shown.1.wait_timeout(parser, left).unwrap().0;
        }
    }

    /// Waits for a text.
    pub fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.contents().contains(text));
    }

    /// What is shown now.
    pub fn contents(&self) -> String {
        self.shown.0.lock().unwrap().screen().contents()
    }

    /// Waits for the program to end.
    pub fn ended(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the program did not end; the terminal shows\n{}", self.contents());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Whether keys reach the program one by one, unechoed.
    pub fn is_raw(&self) -> bool {
        !tcgetattr(&self.master).unwrap().local_flags.intersects(LocalFlags::ICANON | LocalFlags::ECHO)
    }

    /// Waits until every mode is what a shell expects.
    pub fn wait_restored(&self, after: &str) {
        self.wait(&format!("restored modes after {after}"), |screen| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
        // These are not written to the terminal but set, so nothing tells of them.
        let end = Instant::now() + PATIENCE;
        loop {
            let flags = tcgetattr(&self.master).unwrap().local_flags;
            if flags.contains(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG) {
                return;
            }
            assert!(Instant::now() < end, "after {after}: {flags:?}");
            std::thread::yield_now();
        }
    }

    /// Waits until the console has the terminal with all modes.
    pub fn wait_taken(&self) {
        self.wait("the console", |screen| {
            screen.alternate_screen() && screen.bracketed_paste() && screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None
        });
        assert!(self.is_raw(), "the console draws on a terminal that is not raw");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
