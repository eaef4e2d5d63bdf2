//! Agents among hostile peers, and agents with no more rights than they need.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::io::{Read, Write};
use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::common::cluster::{Agent, Cluster, ETH3};
use crate::common::{machine, needs};
use protocol::{Command, ErrorCode, Linked, Method, Order, Outcome, ProbeMark, ProcessState, RunRecord};
use serde_json::{Value, json};

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// What a ZMTP 3.0 peer says first.
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
    let mut bytes = vec![0x01, 0x00, 0x00, u8::try_from(request.len()).unwrap()];
    bytes.extend_from_slice(request.as_bytes());
    bytes
}

/// Connects again and again, says `first` and then `again` until it is thrown out; counts what it has said.
fn pester(socket: &Path, first: &[u8], again: impl Fn() -> Vec<u8>, stop: &AtomicBool, said: &AtomicU64, refused: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = UnixStream::connect(socket) else { continue };
        stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        if stream.write_all(first).is_err() {
            continue;
        }
        let mut buffer = [0; 65536];
        for _ in 0..500 {
            if stop.load(Ordering::Relaxed) || stream.write_all(&again()).is_err() {
                break;
            }
            said.fetch_add(1, Ordering::Relaxed);
            let answer = stream.read(&mut buffer).unwrap_or(0);
            let words = buffer[..answer].windows(12).filter(|words| words == b"unauthorized").count();
            refused.fetch_add(words as u64, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_on_every_port_leaves_migrations_unharmed() {
    let _turn = machine::alone();
    let cluster = Cluster::new("key_file = \"{at}/cluster.key\"", None);
    let _agents = [Agent::start(&cluster, "one"), Agent::start(&cluster, "two")];
    cluster.touch("synced");
    cluster.ask("one", Command::SetTunIp { tun_ip: "192.168.40.9/24".into() }).await.unwrap();
    let order = |host: &'static str, order| cluster.ask(host, Command::order(order, Method::Classic));
    let (stop, said, refused) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let outcomes = std::thread::scope(|scope| {
        for host in ["one", "two"] {
            for port in ["cmd", "tele"] {
                let socket = cluster.path(&format!("{host}.{port}"));
                let (stop, said, refused, garbage) = (&stop, &said, &refused, socket.clone());
                scope.spawn(move || pester(&garbage, b"", || uuid::Uuid::new_v4().as_bytes().repeat(100), stop, said, refused));
                scope.spawn(move || pester(&socket, &handshake(), || unsigned(host), stop, said, refused));
            }
        }
        let outcomes = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let mut outcomes = Vec::new();
                for (host, name) in [("one", Order::DS), ("two", Order::M), ("one", Order::MB), ("two", Order::M)] {
                    outcomes.push((name, order(host, name).await));
                }
                outcomes
            })
        });
        stop.store(true, Ordering::Relaxed);
        outcomes
    });
    for (name, outcome) in outcomes {
        let record: RunRecord = read(outcome.unwrap());
        assert_eq!(record.outcome, Outcome::Ok, "{name}: {record:#?}");
    }
    let (said, refused) = (said.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
    println!("{said} messages, {refused} refused as unauthorized");
    assert!(said > 100 && refused > 100, "it was a flood: {said}, {refused}");
    let status = cluster.status("two").await;
    assert_eq!((status.d2d.state, status.usrp.state), (ProcessState::Running, ProcessState::Running), "nothing unsigned was done");
}

/// A named pipe as an agent's standard error, whose reader can go away. A full one takes nothing.
fn words_of_agent(cluster: &Cluster) -> (Agent, std::fs::File) {
    use std::os::unix::fs::OpenOptionsExt;
    let fifo = cluster.path("words");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let reader = std::fs::OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(&fifo).unwrap();
    nix::fcntl::fcntl(&reader, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    let agent = Agent::start_as(cluster, "one", ETH3, "", &format!("2>{}", fifo.display()));
    (agent, reader)
}

#[tokio::test]
async fn an_agent_whose_words_nobody_takes_goes_on_working_and_listening() {
    let _turn = machine::shared();
    for reader_goes_away in [true, false] {
        let cluster = Cluster::new("", None);
        let (_agent, reader) = words_of_agent(&cluster);
        let reader = (!reader_goes_away).then_some(reader);
        let garbage = vec![b'x'; 200];
        for _ in 0..100 {
            let mut stranger = UnixStream::connect(cluster.path("one.cmd")).unwrap();
            stranger.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let _ = stranger.write_all(&garbage);
            // It is closed.
            let _ = stranger.read_to_end(&mut Vec::new());
        }
        for _ in 0..20 {
            cluster.ask("one", Command::StartD2d { control_flag: 0, control: None }).await.unwrap();
            cluster.ask("one", Command::KillD2d).await.unwrap();
            let unknown = Command::Fence { epoch: 0, owner: "x".repeat(100) };
            let _ = cluster.ask("one", unknown).await;
        }
        drop(reader);
    }
}

/// What an agent and its workload need, as docs/agents.md has it.
const CAPABILITIES: &str = "+net_admin,+net_raw";

/// An agent of user 65534 with these capabilities.
fn nobody(cluster: &Cluster, capabilities: &str) -> Agent {
    for path in [cluster.dir.path().to_owned(), cluster.path("cluster.key"), cluster.path("baton.toml")] {
        chown(path, Some(65534), Some(65534)).unwrap();
    }
    let prefix = format!(
        "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,{capabilities} --ambient-caps=-all,{capabilities} \
         --bounding-set=-all,{capabilities}"
    );
    Agent::start_as(cluster, "one", ETH3, &prefix, "")
}

#[tokio::test]
async fn an_agent_needs_two_capabilities_and_not_root() {
    let _turn = machine::shared();
    // Only root can become another user with capabilities.
    if !needs::root() {
        return;
    }
    let cluster = Cluster::new("key_file = \"{at}/cluster.key\"", None);
    let agent = nobody(&cluster, CAPABILITIES);
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    assert!(status.contains("CapEff:\t0000000000003000") && status.contains("Uid:\t65534"), "{status}");
    cluster.ask("one", Command::StartD2d { control_flag: 0, control: None }).await.unwrap();
    let linked: Linked = read(cluster.ask("one", Command::START_USRP).await.unwrap());
    assert_eq!(linked.forced, None);
    cluster.ask("one", Command::SetTunIp { tun_ip: "192.168.40.9/24".into() }).await.unwrap();
    cluster.ask("one", Command::ProbeStart { target: "127.0.0.1".into(), interval_ms: 5.0 }).await.unwrap();
    let mark: ProbeMark = read(cluster.ask("one", Command::ProbeMark).await.unwrap());
    cluster.until("one", "replies", |s| s.probe.as_ref().is_some_and(|p| p.received > mark.next)).await;
    cluster.ask("one", Command::DoubleKill).await.unwrap();
    drop(agent);

    let cluster = Cluster::new("key_file = \"{at}/cluster.key\"", None);
    let agent = nobody(&cluster, "+net_admin");
    let failure = cluster.ask("one", Command::START_USRP).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Environment);
    assert!(failure.message.contains("could not be asked") && failure.hint.unwrap().contains("CAP_NET_RAW"), "{}", failure.message);
    drop(agent);
    let cluster = Cluster::new("key_file = \"{at}/cluster.key\"", None);
    let _agent = nobody(&cluster, "+net_raw");
    let failure = cluster.ask("one", Command::SetTunIp { tun_ip: "192.168.40.9/24".into() }).await.unwrap_err();
    assert!(failure.hint.unwrap().contains("CAP_NET_ADMIN"), "{}", failure.message);
}
