//! Strangers on every port of the agents while the work moves.
//!
//! Needs root.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::common::lab::{Lab, alone, processes};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;
use serde_json::json;

const CONNECTIONS: usize = 8;
/// Messages a second on all connections together.
const RATE: u64 = 10_000;
const MOVES: usize = 50;

/// What a ZMTP 3.0 peer says first: greeting, and READY of a DEALER (28 bytes).
fn handshake() -> Vec<u8> {
    let mut bytes = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0];
    bytes.extend_from_slice(b"NULL");
    bytes.resize(64, 0);
    bytes.extend_from_slice(b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER");
    bytes
}

/// An unsigned `double_kill` for a host.
fn unsigned(host: &str) -> Vec<u8> {
    let request = json!({"v": 1, "id": uuid::Uuid::new_v4().to_string(), "to": host, "command": "double_kill"}).to_string();
    [&[0x01, 0x00, 0x00, u8::try_from(request.len()).unwrap()], request.as_bytes()].concat()
}

/// An agent of the lab.
fn agent_of(lab: &Lab, host: &str) -> i32 {
    let is = |pid: &i32| {
        let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let ours = std::fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|link| link == lab.pid_namespace);
        ours && words.contains("\0agent\0") && words.contains(host)
    };
    processes().into_iter().find(is).unwrap_or_else(|| panic!("no agent of {host}"))
}

/// Resident memory of a process, kB.
fn resident(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Says an eighth of the rate to a port, and connects again whenever it is thrown out.
fn flood(address: &str, host: &str, stop: &AtomicBool, said: &AtomicU64) {
    let began = Instant::now();
    let (mut mine, mut stream) = (0, None);
    while !stop.load(Ordering::Relaxed) {
        if mine * 1000 * CONNECTIONS as u64 > RATE * began.elapsed().as_millis() as u64 {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        let open = stream.take().or_else(|| {
            let mut fresh = TcpStream::connect(address).ok()?;
            fresh.set_nonblocking(true).ok()?;
            fresh.write_all(&handshake()).ok()?;
            Some(fresh)
        });
        mine += 1;
        let Some(mut open) = open else { continue };
        let thrown_out = matches!(open.read(&mut [0; 4096]), Ok(0));
        if !thrown_out && open.write_all(&unsigned(host)).is_ok() {
            stream = Some(open);
        }
        said.fetch_add(1, Ordering::Relaxed);
    }
}

/// Hot moves to and fro; the gaps, ms.
fn gaps(lab: &Lab) -> Vec<f64> {
    let gap = |order: &&str| {
        let record = lab.done(&[order, "--method", "hot"]);
        record["interruption"]["gap_ms"].as_f64().unwrap_or_else(|| panic!("{record:#}"))
    };
    let mut gaps: Vec<f64> = ["M", "MB"].iter().cycle().take(MOVES).map(gap).collect();
    gaps.sort_by(f64::total_cmp);
    gaps
}

#[test]
#[ignore = "measures: the machine must be idle otherwise"]
fn a_flood_of_strangers_delays_no_move_and_fills_no_memory() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("flood", &[]);
    lab.done(&["DS"]);
    lab.is_served();
    let without = gaps(&lab);
    let agents = ["server1", "server2"].map(|host| agent_of(&lab, host));
    let before = agents.map(resident);
    let namespace = File::open(format!("/proc/{}/ns/net", agent_of(&lab, "server3"))).unwrap();
    let (stop, said) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    let (with, grown) = std::thread::scope(|scope| {
        for at in 0..CONNECTIONS {
            let (stop, said, namespace) = (&stop, &said, &namespace);
            scope.spawn(move || {
                setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
                let (host, ip) = [("server1", "10.77.0.11"), ("server2", "10.77.0.12")][at % 2];
                flood(&format!("{ip}:{}", 7600 + at / 2 % 2), host, stop, said);
            });
        }
        let watching = scope.spawn(|| {
            let mut most = [0; 2];
            while !stop.load(Ordering::Relaxed) {
                most = std::array::from_fn(|at| most[at].max(resident(agents[at])));
                std::thread::sleep(Duration::from_millis(50));
            }
            std::array::from_fn::<u64, 2, _>(|at| most[at].saturating_sub(before[at]))
        });
        let with = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| gaps(&lab)));
        stop.store(true, Ordering::Relaxed);
        (with, watching.join().unwrap())
    });
    let rate = said.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    let with = with
        .unwrap_or_else(|_| panic!("a move failed under {rate:.0} messages a second; without: {without:?} ms; {grown:?} kB more"));
    println!(
        "gaps {without:?} ms without, {with:?} ms with {rate:.0} messages a second; agents grew by {grown:?} kB from {before:?}"
    );
    assert!(rate > RATE as f64 / 10.0, "it was a flood: {rate} a second");
    let median = |gaps: &[f64]| gaps[gaps.len() / 2];
    assert!(median(&with) <= 2.0 * median(&without) + 10.0, "{with:?} ms against {without:?} ms");
    assert!(grown.iter().all(|grown| *grown < 30_000), "{grown:?} kB");
    lab.is_served();
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}
