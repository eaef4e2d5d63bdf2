//! Output decides about nothing: real pipes whose reader has gone, a full disk, and words that would act on a terminal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use baton::metrics::records;
use protocol::{ErrorCode, Failure, Method, Order, Outcome, RunRecord};
use serde_json::Value;

use crate::common::console::{PATIENCE, agents, cluster};

/// What a workload, an operator's name or a host may hold: a title, a cleared screen, the clipboard, colours, C1, an override of direction, a
/// line that looks like ours.
const HOSTILE: &str =
    "\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}]52;c;QUxM\u{7}\u{1b}[31mALL IS WELL\u{9b}2J\u{202e}\u{2066}\r\nM classic: ok";

fn baton(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    command.args(arguments).env_remove("BATON_CONFIG").env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    command
}

/// A pipe whose reader has gone.
fn nobody() -> Stdio {
    let (read, write) = nix::unistd::pipe().unwrap();
    drop(read);
    Stdio::from(write)
}

fn full() -> Stdio {
    Stdio::from(File::options().write(true).open("/dev/full").unwrap())
}

fn record(outcome: Outcome, words: &str) -> RunRecord {
    let mut run: RunRecord = serde_json::from_value(serde_json::json!({
        "run": "01990000-0000-7000-8000-000000000001", "started": "2026-11-20T09:53:22Z", "order": "M", "method": "classic",
        "from": "server1", "to": "server2", "by": null, "outcome": "ok", "reason": null, "phases": [], "total_ms": 1.0,
        "interruption": {"by_phases_ms": null, "probe_interval_ms": null, "probes_sent": null, "probes_lost": null, "by_loss_ms": null, "gap_ms": null},
    }))
    .unwrap();
    (run.order, run.method, run.outcome) = (Order::M, Method::Classic, outcome);
    run.by = Some(words.to_owned());
    run.reason = Some(words.to_owned());
    run.failure = Some(Failure::new(ErrorCode::Process, words).hint(words));
    run.warnings = vec![words.to_owned()];
    run.trace = vec![protocol::TracePart { host: words.into(), part: words.into(), at_us: 0, us: 1 }];
    run
}

fn recorded(folder: &Path) -> String {
    let file = folder.join("baton.toml");
    std::fs::write(&file, config::example_in(folder)).unwrap();
    records::append(&folder.join("records"), &record(Outcome::Failed, HOSTILE)).unwrap();
    file.display().to_string()
}

fn status(command: &mut Command, stdout: Stdio, stderr: Stdio) -> ExitStatus {
    command.stdout(stdout).stderr(stderr).status().unwrap()
}

#[test]
fn a_reader_that_has_gone_changes_no_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path());
    let table: [(&[&str], i32); 14] = [
        (&["--config", &file, "runs"], 0),
        (&["--config", &file, "runs", "--json"], 0),
        (&["--config", &file, "runs", "show"], 0),
        (&["--config", &file, "runs", "compare"], 0),
        (&["--config", &file, "runs", "export", "--last", "--format", "text"], 0),
        (&["--config", &file, "status"], 3),
        (&["--config", &file, "check", "M"], 3),
        (&["--config", &file, "plan", "M"], 3),
        (&["--config", &file, "do", "M"], 3),
        (&["--config", &file, "do", "FLY"], 2),
        (&["completions", "zsh"], 0),
        (&["completions", "bash"], 0),
        (&["man"], 0),
        (&["--help"], 0),
    ];
    for (arguments, code) in table {
        assert_eq!(status(&mut baton(arguments), nobody(), Stdio::null()).code(), Some(code), "{arguments:?} | true");
        assert_eq!(status(&mut baton(arguments), nobody(), nobody()).code(), Some(code), "{arguments:?} 2>&1 | true");
    }
}

#[test]
fn a_full_disk_is_said_and_changes_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path());
    // What was asked for is the text itself: without it the command has failed.
    let table: [(&[&str], i32); 6] = [
        (&["--config", &file, "status"], 3),
        (&["--config", &file, "check", "M", "--json"], 3),
        (&["--config", &file, "runs"], 1),
        (&["--config", &file, "runs", "export", "--last", "--format", "csv"], 1),
        (&["completions", "zsh"], 1),
        (&["man"], 1),
    ];
    for (arguments, code) in table {
        let output = baton(arguments).stdout(full()).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        let about_it = said.lines().filter(|line| line.contains("No space left")).count();
        assert!(about_it == 1 && !said.contains("panicked"), "{arguments:?}: {said}");
        assert_eq!(status(&mut baton(arguments), full(), full()).code(), Some(code), "{arguments:?}");
    }
}

/// Over agents that answer: the order is sent, and carried out, and that is what the exit code says.
#[test]
fn the_exit_code_of_an_order_is_the_orders() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = cluster(folder.path());
    let orders = agents(&cluster);
    let file = cluster.display().to_string();
    for (out, err) in [(nobody(), Stdio::null()), (nobody(), nobody()), (full(), full())] {
        let status = status(&mut baton(&["--config", &file, "do", "end"]), out, err);
        assert!(orders.recv_timeout(PATIENCE).unwrap().contains("end"));
        assert_eq!(status.code(), Some(0));
    }
}

fn acts(text: &str) -> Vec<char> {
    text.chars().filter(|&c| c != '\n' && output::acts(c)).collect()
}

#[test]
fn words_of_others_do_not_act_on_a_terminal_or_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path());
    let table: [&[&str]; 12] = [
        &["runs"],
        &["runs", "--json"],
        &["runs", "show"],
        &["runs", "show", "--json"],
        &["runs", "compare", "--by", "run"],
        &["runs", "compare", "--json"],
        &["runs", "show", "\u{1b}[2J\u{9b}"],
        &["runs", "--filter", "by:\u{1b}[2J\u{202e}"],
        &["runs", "export", "--last", "--format", "text"],
        &["runs", "export", "--last", "--format", "csv"],
        &["runs", "export", "--last", "--format", "json"],
        &["runs", "export", "--last", "--format", "svg"],
    ];
    for arguments in table {
        let output = baton(&["--config", &file]).args(arguments).output().unwrap();
        let (said, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!((acts(&said), acts(&error)), (vec![], vec![]), "{arguments:?}: {said}{error}");
        assert!(!said.lines().any(|line| line.starts_with("M classic: ok")), "{arguments:?}: a line that is not ours:\n{said}");
        if arguments.contains(&"--json") && !arguments.contains(&"compare") {
            let document: Value = serde_json::from_str(&said).unwrap();
            let run = document.get("runs").map_or(&document, |runs| &runs[0]);
            assert_eq!(run["by"], HOSTILE, "JSON escapes what acts, and keeps it");
        }
    }
    // Colours of our own are all that acts in an export for a terminal.
    let ansi = baton(&["--config", &file, "runs", "export", "--last", "--format", "ansi"]).output().unwrap();
    let text = String::from_utf8(ansi.stdout).unwrap();
    let others: Vec<&str> = text.split('\u{1b}').skip(1).filter(|rest| !is_colour(rest)).collect();
    assert!(others.is_empty() && text.chars().all(|c| c == '\u{1b}' || c == '\n' || !output::acts(c)), "{others:?}");
    let kept = std::fs::read_to_string(folder.path().join("records").join(records::FILE)).unwrap();
    assert_eq!(acts(&kept), [], "{kept}");
}

fn is_colour(rest: &str) -> bool {
    rest.strip_prefix('[')
        .and_then(|rest| rest.split_once('m'))
        .is_some_and(|(code, _)| code.chars().all(|c| c.is_ascii_digit() || c == ';'))
}

/// A cell that a spreadsheet would take for a formula begins with an apostrophe; what acts is shown.
#[test]
fn no_cell_of_a_table_is_a_formula() {
    for start in ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "\u{feff}="] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("baton.toml");
        std::fs::write(&file, config::example_in(folder.path())).unwrap();
        let words = format!("{start}cmd|' /C calc'!A0,\"x");
        records::append(&folder.path().join("records"), &record(Outcome::Ok, &words)).unwrap();
        let output = baton(&["--config", file.to_str().unwrap(), "runs", "export", "--last", "--format", "csv"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let row = text.lines().nth(1).unwrap();
        assert!(row.contains(",\"'"), "{start:?}: {row}");
        assert!(row.contains("\"\"x\"") && row.ends_with(",ms,1,1969"), "numbers stay numbers: {row}");
    }
}

#[test]
fn a_command_that_only_reads_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let file = folder.path().join("baton.toml");
    std::fs::write(&file, config::example_in(&folder.path().join("data"))).unwrap();
    let file = file.display().to_string();
    let before = || {
        let mut seen: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().chain(std::fs::read_dir(&home).unwrap()).map(|e| e.unwrap().path()).collect();
        seen.sort();
        seen
    };
    let found = before();
    let table: [&[&str]; 6] = [
        &["runs"],
        &["runs", "--json"],
        &["-c", &file, "runs"],
        &["-c", &file, "status"],
        &["-c", &file, "check"],
        &["-c", &file, "plan", "M"],
    ];
    for home in [home.to_str().unwrap(), "/dev/null"] {
        for arguments in table {
            let output =
                baton(arguments).env("HOME", home).env("XDG_STATE_HOME", "relative").current_dir(folder.path()).output().unwrap();
            assert!(matches!(output.status.code(), Some(0 | 3)), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(before(), found, "{arguments:?}");
        }
    }
}

/// A process that is started by an agent and whose agent has gone goes on without its log.
#[test]
fn a_log_line_for_nobody_ends_no_process() {
    let mut program = baton(&["recorder", "--listen", "127.0.0.1:0"]);
    let mut child = program.stderr(Stdio::piped()).stdout(nobody()).spawn().unwrap();
    let mut said = [0; 64];
    let mut stderr = child.stderr.take().unwrap();
    let count = stderr.read(&mut said).unwrap();
    let ready = String::from_utf8_lossy(&said[..count]).into_owned();
    assert!(ready.starts_with("recorder ready 127.0.0.1:") && !ready.trim_end().ends_with(":0"), "{ready}");
    drop(stderr);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
