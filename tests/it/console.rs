//! The console in a terminal of its own: what it leaves behind, and that no terminal holds it up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nix::sys::signal::Signal;

use crate::common::console::{PATIENCE, agents, cluster, console};
use crate::common::machine;
use crate::common::pty::{Line, Terminal};

/// Whether a process has this file open.
fn holds(pid: u32, file: &str) -> bool {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    files.flatten().any(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| to == std::path::Path::new(file)))
}

#[test]
fn the_terminal_is_given_back_however_the_console_ends() {
    let _turn = machine::shared();
    let dir = tempfile::tempdir().unwrap();
    let cluster = cluster(dir.path());
    type End = (&'static str, fn(&Terminal));
    let ends: [End; 6] = [
        ("Ctrl-C", |t| t.keys("\x03")),
        ("q", |t| t.keys("q")),
        ("SIGTERM", |t| t.signal(Signal::SIGTERM)),
        ("SIGHUP", |t| t.signal(Signal::SIGHUP)),
        ("SIGINT", |t| t.signal(Signal::SIGINT)),
        ("SIGQUIT", |t| t.signal(Signal::SIGQUIT)),
    ];
    for (how, end) in ends {
        let mut terminal = Terminal::start(&mut console(&cluster), (40, 120), Line::Fast);
        terminal.wait_taken();
        terminal.wait_for("server2's agent cannot be reached");
        assert!(terminal.contents().contains("PHASES"));
        assert!(!holds(terminal.child.id(), "/dev/ptmx"), "the console holds the other end of its terminal");
        end(&terminal);
        terminal.ended();
        terminal.wait_restored(how);
        // The last frame stays.
        terminal.wait_for("PHASES");
        assert!(!terminal.contents().contains("help"), "keys are shown that nobody hears:\n{}", terminal.contents());
    }
}

#[test]
fn the_shell_has_the_terminal_while_the_console_is_suspended() {
    let _turn = machine::shared();
    let dir = tempfile::tempdir().unwrap();
    let cluster = cluster(dir.path());
    let line = format!("{} console -c {}; echo SHELL; read -r; fg; echo LEFT", env!("CARGO_BIN_EXE_baton"), cluster.display());
    let mut shell = Command::new("bash");
    shell.args(["--norc", "-mc", &line]).env("XDG_CONFIG_HOME", dir.path());
    for external in [false, true] {
        let mut terminal = Terminal::start(&mut shell, (40, 120), Line::Fast);
        terminal.wait_taken();
        terminal.wait_for("PHASES");
        if external {
            // As `kill -TSTP` from another terminal would.
            let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", terminal.child.id())).unwrap();
            let console = nix::unistd::Pid::from_raw(children.split_whitespace().next().unwrap().parse().unwrap());
            nix::sys::signal::kill(console, Signal::SIGTSTP).unwrap();
        } else {
            terminal.keys("\x1a");
        }
        terminal.wait_for("SHELL");
        terminal.wait_restored("suspending");
        terminal.keys("\n");
        terminal.wait_taken();
        terminal.wait("a full frame", |screen| screen.contents().contains("PHASES") && !screen.contents().contains("SHELL"));
        terminal.keys("h");
        terminal.wait_for("HELP");
        terminal.keys("\x03");
        terminal.ended();
        terminal.wait_for("LEFT");
        terminal.wait_restored("leaving");
    }
}

#[test]
fn a_console_that_is_told_to_go_on_keeps_the_terminal_raw() {
    let _turn = machine::shared();
    let dir = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(&mut console(&cluster(dir.path())), (40, 120), Line::Fast);
    terminal.wait_taken();
    let (over, end) = (AtomicBool::new(false), Instant::now() + PATIENCE);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) && Instant::now() < end {
                if !terminal.is_raw() {
                    return false;
                }
            }
            true
        });
        for n in 0..100 {
            terminal.signal(Signal::SIGCONT);
            // The answer to a key tells that it has gone on.
            terminal.keys("h");
            terminal.wait("an answer", |screen| screen.contents().contains("HELP") == (n % 2 == 0));
        }
        over.store(true, Ordering::Relaxed);
        assert!(watch.join().unwrap(), "there was a moment when it was not raw");
    });
    terminal.keys("\x03");
    terminal.ended();
    terminal.wait_restored("leaving");
}

#[test]
fn a_storm_of_sizes_leaves_a_whole_frame() {
    let _turn = machine::shared();
    let dir = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(&mut console(&cluster(dir.path())), (40, 120), Line::Fast);
    terminal.wait_taken();
    for i in 0..60_u16 {
        terminal.resize(10 + i * 7 % 50, 40 + i * 13 % 160);
    }
    terminal.resize(24, 80);
    terminal.wait("a frame of 80x24", |screen| {
        let rows: Vec<String> = screen.rows(0, 80).collect();
        rows[0].starts_with(" baton ") && rows[23].contains("q leave") && rows[0].trim_end().ends_with("UTC")
    });
    terminal.keys("\x03");
    terminal.ended();
    terminal.wait_restored("a storm");
}

#[test]
fn a_terminal_that_takes_nothing_does_not_hold_up_the_keys() {
    let _turn = machine::shared();
    let dir = tempfile::tempdir().unwrap();
    let cluster = cluster(dir.path());
    let orders = agents(&cluster);
    for line in [Line::Baud(9600), Line::Stuck] {
        let mut terminal = Terminal::start(&mut console(&cluster), (60, 200), line);
        if line == Line::Stuck {
            // There is nothing to see: raw mode is what tells that keys are taken.
            while !terminal.is_raw() {
                std::thread::yield_now();
            }
        } else {
            terminal.wait_taken();
        }
        // Help and back, many frames' worth, before the order.
        for _ in 0..50 {
            terminal.keys("h\x1bOQh");
        }
        terminal.keys("s");
        let order = orders.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no order came"));
        assert!(order.starts_with("server1: ") && order.contains("DS"), "{order}");
        terminal.keys("\x03");
        terminal.ended();
    }
}

#[test]
fn settings_that_are_wrong_are_refused_before_the_terminal_is_taken() {
    let _turn = machine::shared();
    let dir = tempfile::tempdir().unwrap();
    let cluster = cluster(dir.path());
    let settings = dir.path().join("console.toml");
    std::fs::write(&settings, "theme = \"dark\"\n[keys]\nfreze = \"F\"\n").unwrap();
    let mut command = console(&cluster);
    let mut terminal = Terminal::start(command.arg("--settings").arg(&settings), (24, 80), Line::Fast);
    assert_eq!(terminal.ended().code(), Some(2));
    terminal.wait_for("line 3, key `keys.freze`: there is no such");
    terminal.wait_restored("a refusal");
}

#[test]
fn flags_reach_the_screen() {
    let _turn = machine::shared();
    let dir = tempfile::tempdir().unwrap();
    let cluster = cluster(dir.path());
    let mut command = console(&cluster);
    let terminal = Terminal::start(command.args(["--lang", "zh", "--read-only", "--privacy", "--no-mouse"]), (40, 120), Line::Fast);
    terminal.wait_for("\u{63a7}\u{5236}\u{53d8}\u{91cf}");
    terminal.wait("no mouse", |screen| screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None && screen.alternate_screen());
    terminal.wait_for("\u{53ea}\u{8bfb}");
}
