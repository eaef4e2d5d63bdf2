//! What the console costs from outside: a key's way to the wire, and, where `BATON_LAB` names a living lab, the processor at rest beside it.
//! `scripts/bench-console` runs this and keeps the lines that it prints.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement ends with what it could not do"
)]

#[path = "../tests/common"]
mod common {
    pub mod console;
    pub mod pty;
}

use std::process::Command;
use std::time::Duration;

use common::console::{PATIENCE, agents, cluster, console};
use common::pty::{Line, Terminal};

fn main() {
    if std::env::var_os("BATON_LAB").is_some() {
        print_rest();
    } else {
        print_key_to_wire();
    }
}

/// User and system time of a process, and its resident memory: seconds, bytes.
fn used(pid: u32) -> (f64, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    (ticks as f64 / 100.0, pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096)
}

/// From a key to its order at the agent, over a terminal and ZeroMQ.
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
