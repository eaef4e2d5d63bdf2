//! The console in a terminal of its own: what it leaves behind, and that no terminal holds it up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use baton::link::publisher::Publisher;
use baton::link::server::Server;
use config::Config;
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::common::machine;
use crate::common::pty::{Line, Terminal};

/// Ends a test that would wait for ever.
const PATIENCE: Duration = Duration::from_secs(60);

fn cluster(dir: &Path) -> PathBuf {
    let host = |name: &str| {
        let dir = dir.display();
        format!("[host.{name}]\ncommand = \"ipc://{dir}/{name}.cmd\"\ntelemetry = \"ipc://{dir}/{name}.tele\"\nradio = \"N210\"\n")
    };
    let text = format!(
        "records = \"{0}/records\"\nruntime = \"{0}/run\"\n[roles]\ninitiator = \"server1\"\ndestination = \"server2\"\n\
         [addresses]\nactive = \"192.168.10.1/24\"\nparked = \"192.168.20.2/24\"\n\
         [workload]\nd2d = [\"true\"]\nusrp = [\"true\"]\nuhd = [\"true\"]\n{1}{2}\
         [radio.N210]\nargs = \"addr=192.168.10.2\"\nrate = 6250000.0\ntx_freq = 10e6\nrx_freq = 20e6\ngain = 0.0\n\
         tx_ant = \"A\"\nrx_ant = \"A\"\nref = \"internal\"\nbw = 0.0\n",
        dir.display(),
        host("server1"),
        host("server2"),
    );
    let path = dir.join("cluster.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn console(cluster: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    // No settings of whoever runs the tests.
    command.arg("console").arg("-c").arg(cluster).env("XDG_CONFIG_HOME", cluster.parent().unwrap());
    command
}

/// Agents that take orders of both servers and say which came.
fn agents(cluster: &Path) -> Receiver<String> {
    let (said, orders) = channel();
    let config = Config::load(cluster).unwrap();
    let (ready, is_ready) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut publishers = Vec::new();
            for host in ["server1", "server2"] {
                // Silent, but there: nothing is sent to an agent that is not heard at all.
                publishers.push(Publisher::bind(&config, host).await.unwrap());
                let server = Server::bind(&config, host, true).await.unwrap();
                let said = said.clone();
                tokio::spawn(server.serve(
                    move |command| {
                        let _ = said.send(format!("{host}: {}", serde_json::to_string(&command).unwrap()));
                        async { Ok(Value::Null) }
                    },
                    CancellationToken::new(),
                ));
            }
            ready.send(()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    is_ready.recv_timeout(PATIENCE).unwrap();
    orders
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
        rows[0].starts_with(" baton ") && rows[23].contains("s DS") && rows[0].trim_end().ends_with("UTC")
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

/// User and system time of a process, and its resident memory: seconds, bytes.
fn used(pid: u32) -> (f64, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    (ticks as f64 / 100.0, pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096)
}

/// From a key to its order at the agent, over a terminal and ZeroMQ; run by scripts/bench-console.
#[test]
#[ignore = "measures"]
fn print_key_to_wire() {
    for (name, line) in [("fast", Line::Fast), ("9600 baud", Line::Baud(9600))] {
        key_to_wire(name, line);
    }
}

fn key_to_wire(name: &str, line: Line) {
    let dir = tempfile::tempdir().unwrap();
    let cluster = cluster(dir.path());
    let orders = agents(&cluster);
    let mut terminal = Terminal::start(&mut console(&cluster), (60, 200), line);
    terminal.wait_taken();
    let mut times = Vec::new();
    for _ in 0..100 {
        let start = std::time::Instant::now();
        terminal.keys("s");
        orders.recv_timeout(PATIENCE).unwrap();
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        std::thread::sleep(Duration::from_millis(37));
    }
    times.sort_by(f64::total_cmp);
    let [median, p95] = [times[50], times[95]];
    println!(
        "{{\"figure\":\"console key to wire\",\"line\":\"{name}\",\"keys\":100,\"median_ms\":{median:.3},\"p95_ms\":{p95:.3}}}"
    );
    terminal.keys("\x03");
    terminal.ended();
}

/// The process that draws: the last of those that were started to join the lab.
fn innermost(mut pid: u32) -> u32 {
    loop {
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        match children.split_whitespace().next() {
            Some(child) => pid = child.parse().unwrap(),
            None => return pid,
        }
    }
}

/// Processor time and memory at rest, beside the live lab that `BATON_LAB` names.
#[test]
#[ignore = "measures"]
fn print_rest() {
    let Some(lab) = std::env::var_os("BATON_LAB") else { return };
    let seconds: u64 = std::env::var("SECONDS_AT_REST").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    command.arg("--in").arg(lab).arg("console").env("XDG_CONFIG_HOME", "/nowhere");
    let mut terminal = Terminal::start(&mut command, (60, 200), Line::Fast);
    terminal.wait_taken();
    terminal.wait_for("RUNNING");
    // The start is not rest.
    std::thread::sleep(Duration::from_secs(2));
    let console = innermost(terminal.child.id());
    let (before, _) = used(console);
    let start = std::time::Instant::now();
    std::thread::sleep(Duration::from_secs(seconds));
    let (after, memory) = used(console);
    let percent = 100.0 * (after - before) / start.elapsed().as_secs_f64();
    println!("{{\"figure\":\"console at rest\",\"seconds\":{seconds},\"cpu_percent\":{percent:.2},\"memory_bytes\":{memory}}}");
    let lost = terminal.contents().contains("telemetry lost");
    println!("{{\"figure\":\"console telemetry\",\"said_lost\":{lost}}}");
    terminal.keys("\x03");
    terminal.ended();
}
