//! The terminal is given back after a panic and after an error, in a terminal of its own: this test program starts itself there.

use std::process::Command;

use super::pty::{Line, Terminal};
use crate::ui::capability::ColourDepth;
use crate::ui::terminal::ConsoleTerminal;

/// Runs `part` of this file inside a terminal.
fn inside(part: &str) -> Terminal {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", &format!("ui::tests::alive::{part}")]);
    Terminal::start(command.env("BATON_INSIDE", "1"), (24, 80), Line::Fast)
}

fn with_terminal(work: impl FnOnce(ConsoleTerminal)) {
    if std::env::var_os("BATON_INSIDE").is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { work(ConsoleTerminal::acquire(true, ColourDepth::Many).unwrap()) });
}

/// Waits for the other side of the terminal to have looked.
fn wait_for_enter() {
    std::io::Read::read(&mut std::io::stdin(), &mut [0]).unwrap();
}

#[test]
#[ignore = "runs inside the terminal of the test below"]
fn panics() {
    with_terminal(|_screen| {
        wait_for_enter();
        panic!("a fault was made on purpose");
    });
}

#[test]
#[ignore = "runs inside the terminal of the test below"]
fn panics_in_a_thread() {
    with_terminal(|_screen| {
        wait_for_enter();
        let _ = std::thread::spawn(|| panic!("a fault was made on purpose")).join();
        assert!(crate::ui::terminal::panicked());
        wait_for_enter();
    });
}

#[test]
#[ignore = "runs inside the terminal of the test below"]
fn fails() {
    with_terminal(|screen| {
        wait_for_enter();
        drop(screen);
        println!("an error was said");
    });
}

#[test]
fn the_terminal_is_given_back_after_panics_and_errors() {
    for (part, words) in [
        ("panics", "a fault was made on purpose"),
        ("panics_in_a_thread", "a fault was made on purpose"),
        ("fails", "an error was said"),
    ] {
        let terminal = inside(part);
        terminal.wait_taken();
        terminal.keys("x");
        terminal.wait_restored(part);
        terminal.wait_for(words);
    }
}
