//! What an agent costs, as root: a command's round trip over both transports, and memory. `scripts/bench-agent` runs this and keeps the
//! lines that it prints.
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
    pub mod cluster;
    pub mod ends;
    pub mod machine;
}

use common::cluster::{Agent, Cluster, workload};
use common::machine;
use protocol::Command;

const PLAIN: Command = Command::StartD2d { control_flag: 0, control: None };

/// The agent starts this program as its workload, as it does with the tests' own.
fn main() {
    match std::env::args().find(|argument| argument.starts_with("workload_")).as_deref() {
        Some("workload_d2d") => workload::d2d(),
        Some(_) => workload::usrp(),
        None => print_round_trips(),
    }
}

/// Resident memory of a process, kB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn print_round_trips() {
    let _turn = machine::alone();
    for (what, tcp) in [("ipc", false), ("tcp loopback", true)] {
        let mut cluster = Cluster::new("key_file = \"{at}/cluster.key\"", None);
        if tcp {
            cluster = cluster.over_tcp("tcp://127.0.0.1:7600");
        }
        let agent = Agent::start(&cluster, "one");
        let namespace = std::fs::File::open(format!("/proc/{}/ns/net", agent.pid())).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                nix::sched::setns(&namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                    cluster.ask("one", PLAIN).await.unwrap();
                    cluster.ask("one", Command::START_USRP).await.unwrap();
                    cluster.ask("one", Command::ProbeStart { target: "127.0.0.1".into(), interval_ms: 10.0 }).await.unwrap();
                    for (name, command) in [("status", Command::Status), ("probe_mark", Command::ProbeMark)] {
                        let mut times = Vec::new();
                        for _ in 0..2000 {
                            let began = std::time::Instant::now();
                            cluster.ask("one", command.clone()).await.unwrap();
                            times.push(began.elapsed());
                        }
                        times.sort();
                        // The figure is of the transport it is named after: connections to port 7600 (hex 1DB0), in state 01, established.
                        let table = std::fs::read_to_string("/proc/thread-self/net/tcp").unwrap();
                        let established = table.lines().filter(|line| line.contains(":1DB0 01 ")).count();
                        assert_eq!((established > 0, cluster.path("one.cmd").exists()), (tcp, !tcp), "{table}");
                        let [median, p99, max] = [1000, 1980, 1999].map(|at| times[at].as_secs_f64() * 1e3);
                        println!(
                            "{{\"figure\":\"agent round trip\",\"over\":\"{what}\",\"command\":\"{name}\",\"n\":2000,\"median_ms\":{median:.3},\"p99_ms\":{p99:.3},\"max_ms\":{max:.3}}}"
                        );
                    }
                });
            });
        });
        println!("{{\"figure\":\"agent memory\",\"over\":\"{what}\",\"resident_bytes\":{}}}", resident(agent.pid()) * 1024);
    }
}
