//! Agents among hostile peers, and agents with no more rights than they need.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::io::{Read, Write};
use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::common::cluster::{Agent, Cluster, ETH3};
use crate::common::{machine, needs};
use protocol::{Command, ErrorCode, Linked, ProbeMark};
use serde_json::Value;

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// Resident memory of a process, kB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What an agent remembers of requests is bounded in bytes, however large they were.
#[tokio::test]
async fn a_thousand_large_requests_leave_no_more_than_their_digests() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let agent = Agent::start(&cluster, "one");
    cluster.status("one").await;
    let before = resident(agent.pid());
    for _ in 0..1100 {
        let refused = cluster.ask("one", Command::SetTunIp { tun_ip: "1".repeat(250_000) }).await;
        assert!(refused.is_err());
    }
    let grown = resident(agent.pid()).saturating_sub(before);
    println!("the agent has {before} kB, and {grown} kB more after 1100 requests of 250 kB");
    assert!(grown < 30_000, "{grown} kB");
}

/// Who commands, and who is refused, stands in the journal.
#[tokio::test]
async fn the_journal_names_who_commands_and_who_is_refused() {
    let _turn = machine::shared();
    let cluster = Cluster::new("key_file = \"{at}/cluster.key\"", None);
    let journal = cluster.path("journal");
    let _agent = Agent::start_as(&cluster, "one", ETH3, "", &format!("2>{}", journal.display()));
    cluster.ask("one", Command::StartD2d { control_flag: 0, control: None }).await.unwrap();
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
    let mut stranger = UnixStream::connect(cluster.path("one.cmd")).unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    stranger.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let _ = stranger.read_to_end(&mut Vec::new());
    let mut said = String::new();
    for _ in 0..200 {
        said = std::fs::read_to_string(&journal).unwrap();
        if said.contains("refused") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        said.contains(&format!("start_d2d for {user} (uid 0) on this machine")) || !nix::unistd::Uid::effective().is_root(),
        "{said}"
    );
    assert!(said.contains("refused this machine: the peer does not speak ZMTP"), "{said}");
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
