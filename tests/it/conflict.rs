//! Two hosts with one radio, strangers with its address, memories that are wrong: what ends by itself, and what is said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::os::unix::net::UnixStream;
use std::process::{Command as Process, Output};
use std::time::Duration;

use crate::common::cluster::{Agent, Cluster, ETH3};
use crate::common::{machine, needs};
use nix::sys::signal::Signal;
use protocol::{Command, ErrorCode, Linked, Method, Order, Outcome, ProcessState, RunRecord, Telemetry};
use serde_json::Value;

const ACTIVE: &str = "192.168.10.1/24";
const PARKED: &str = "192.168.20.2/24";
const STRANGER: &str = "02:00:00:00:00:99";
const PLAIN: Command = Command::StartD2d { control_flag: 0, control: None };

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn link(epoch: u64) -> Command {
    Command::LinkUsrp { epoch: Some(epoch), force: false, despite_foreign: false }
}

fn has_radio(status: &Telemetry) -> bool {
    status.radio_port.addresses == [ACTIVE] && status.usrp.state == ProcessState::Running
}

fn has_left(status: &Telemetry) -> bool {
    status.radio_port.addresses == [PARKED] && status.usrp.state == ProcessState::Stopped
}

fn is_alarmed(status: &Telemetry, words: &str) -> bool {
    status.alarms.iter().any(|alarm| alarm.text.contains(words))
}

/// `baton` as an operator would call it.
fn baton(cluster: &Cluster, words: &[&str]) -> Output {
    let file = cluster.path("baton.toml");
    Process::new(env!("CARGO_BIN_EXE_baton")).arg("--config").arg(file).args(words).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

async fn linked(cluster: &Cluster, host: &str, command: Command) -> Linked {
    // A connection to an agent that was started again since is made anew by a question that may be repeated.
    cluster.status(host).await;
    cluster.ask(host, Command::MakeUsrp).await.unwrap();
    read(cluster.ask(host, command).await.unwrap())
}

/// An agent that does not run until this is dropped.
struct Stopped<'a>(&'a Agent);

impl<'a> Stopped<'a> {
    fn stop(agent: &'a Agent) -> Self {
        agent.signal(Signal::SIGSTOP);
        Self(agent)
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.signal(Signal::SIGCONT);
    }
}

#[tokio::test]
async fn a_memory_that_was_lost_is_old_or_is_absurd_is_learnt_from_the_other_host() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _two = Agent::start(&cluster, "two");
    let mut epoch = linked(&cluster, "two", link(7)).await.epoch.unwrap();
    let file = cluster.path("records/state/one.owner.json");
    let table = [
        ("", None),
        (r#"{"epoch": 1, "owner": "one"}"#, None),
        (r#"{"epoch": 18446744073709551615, "owner": "one"}"#, Some("no radio reaches")),
        (r#"{"epoch": 9000, "owner": "one", "host": "two"}"#, Some("the file of two")),
        (r#"{"epoch": 9000, "own"#, Some("EOF")),
    ];
    for (content, words) in table {
        if content.is_empty() {
            let _ = std::fs::remove_file(&file);
        } else {
            std::fs::write(&file, content).unwrap();
        }
        let one = Agent::start(&cluster, "one");
        // At once: the claim itself waits for what the other one knows.
        let taken = linked(&cluster, "one", Command::LINK_USRP).await;
        assert_eq!(taken.epoch, Some(epoch + 1), "{content}");
        let status = cluster.until("one", "an owner that it knows", |s| s.owner.as_deref() == Some("one")).await;
        assert!(!words.is_some_and(|words| is_alarmed(&status, words)), "healed: {status:#?}");
        cluster.until("two", "giving way", has_left).await;
        epoch = linked(&cluster, "two", Command::LINK_USRP).await.epoch.unwrap();
        cluster.until("one", "giving way", has_left).await;
        drop(one);
        let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!((&kept["epoch"], &kept["owner"], &kept["host"]), (&epoch.into(), &"two".into(), &"one".into()), "{content}");
    }
}

#[tokio::test]
async fn an_absurd_epoch_that_no_other_host_can_mend_is_said_and_repaired() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    std::fs::create_dir_all(cluster.path("records/state")).unwrap();
    std::fs::write(cluster.path("records/state/one.owner.json"), r#"{"epoch": 18446744073709551615, "owner": "one"}"#).unwrap();
    let _one = Agent::start(&cluster, "one");
    let status = cluster.status("one").await;
    assert!(is_alarmed(&status, "is not believed") && status.owner_epoch.is_none(), "{status:#?}");
    let shown = text(&baton(&cluster, &["status"]));
    assert!(shown.contains("no radio reaches") && shown.contains("baton repair"), "{shown}");
    let shown = text(&baton(&cluster, &["check"]));
    assert!(shown.contains("no radio reaches"), "{shown}");
    let asked = baton(&cluster, &["repair"]);
    assert_eq!(asked.status.code(), Some(2), "nobody is there to agree: {}", text(&asked));
    assert!(text(&asked).contains("--yes") && text(&asked).contains("To be done"), "{}", text(&asked));
    let done = baton(&cluster, &["repair", "--yes"]);
    assert!(done.status.success(), "{}", text(&done));
    let status = cluster.status("one").await;
    assert_eq!((status.owner_epoch, status.owner.as_deref(), status.alarms.len()), (Some(1), Some("one"), 0), "{status:#?}");
    // Refused from the wire as well, with a hint that works.
    cluster.ask("one", Command::MakeUsrp).await.unwrap();
    for command in [link(u64::MAX), Command::Fence { epoch: u64::MAX, owner: "two".into() }] {
        let failure = cluster.ask("one", command).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::StaleEpoch);
        assert!(failure.hint.unwrap().contains("baton repair"));
    }
    assert_eq!(read::<Linked>(cluster.ask("one", Command::LINK_USRP).await.unwrap()).epoch, Some(2));
    assert!(text(&baton(&cluster, &["repair"])).contains("Nothing is to be repaired"));
}

#[tokio::test]
async fn epochs_that_have_run_out_are_counted_anew_by_a_repair() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let (_one, _two) = (Agent::start(&cluster, "one"), Agent::start(&cluster, "two"));
    linked(&cluster, "one", link(protocol::MAX_EPOCH)).await;
    cluster.until("two", "knowing the owner", |s| s.owner.as_deref() == Some("one")).await;
    cluster.ask("two", Command::MakeUsrp).await.unwrap();
    let failure = cluster.ask("two", Command::LINK_USRP).await.unwrap_err();
    assert!(failure.hint.unwrap().contains("baton repair"));
    assert!(baton(&cluster, &["repair", "--yes"]).status.success());
    for host in ["one", "two"] {
        assert_eq!(cluster.status(host).await.owner_epoch, Some(1));
    }
    assert!(has_radio(&cluster.status("one").await), "the service goes on");
    assert_eq!(read::<Linked>(cluster.ask("two", Command::LINK_USRP).await.unwrap()).epoch, Some(2));
    cluster.until("one", "giving way", has_left).await;
}

#[tokio::test]
async fn two_hosts_that_have_the_radio_end_it_by_themselves() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let one = Agent::start(&cluster, "one");
    let two = Agent::start(&cluster, "two");
    linked(&cluster, "one", link(8)).await;
    cluster.until("two", "knowing the owner", |s| s.owner_epoch == Some(8)).await;
    drop(two);
    // Cut off, and the other host's memory is from an old backup.
    let stopped = Stopped::stop(&one);
    std::fs::write(cluster.path("records/state/two.owner.json"), r#"{"epoch": 1, "owner": "one"}"#).unwrap();
    let _two = Agent::start(&cluster, "two");
    assert_eq!(linked(&cluster, "two", Command::LINK_USRP).await.epoch, Some(2));
    drop(stopped);
    let since = std::time::Instant::now();
    cluster.until("two", "giving way", has_left).await;
    eprintln!("a conflict ended after {:?}", since.elapsed());
    assert!(has_radio(&cluster.status("one").await), "the one with the greater epoch keeps it");
    let status = cluster.status("two").await;
    assert_eq!((status.owner_epoch, status.owner.as_deref()), (Some(8), Some("one")));
}

#[tokio::test]
async fn a_host_that_has_the_radio_alone_is_not_ended_by_a_claim_that_came_to_nothing() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _one = Agent::start(&cluster, "one");
    let _two = Agent::start(&cluster, "two");
    linked(&cluster, "one", link(3)).await;
    cluster.touch("no_find");
    cluster.ask("two", Command::MakeUsrp).await.unwrap();
    assert_eq!(cluster.ask("two", Command::LINK_USRP).await.unwrap_err().code, ErrorCode::RadioNotFound);
    let status = cluster.until("one", "a new epoch", |s| s.owner_epoch >= Some(5)).await;
    assert!(has_radio(&status) && status.owner.as_deref() == Some("one"), "{status:#?}");
}

#[tokio::test]
async fn a_stranger_with_the_radios_address_is_an_alarm_and_stops_no_work() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    cluster.touch("synced");
    let one = Agent::start(&cluster, "one");
    let two = Agent::start(&cluster, "two");
    let order = |host: &'static str, order| {
        let cluster = &cluster;
        async move { read::<RunRecord>(cluster.ask(host, Command::order(order, Method::Classic)).await.unwrap()) }
    };
    let plug = |verb: &str| {
        for agent in [&one, &two] {
            agent.ip(&format!("link set radio address {STRANGER}"));
            agent.ip(&format!("addr {verb} {ACTIVE} dev radio"));
        }
    };

    // Before a start: the check says what the step would say.
    plug("add");
    let check = baton(&cluster, &["check", "DS"]);
    assert_eq!(check.status.code(), Some(1), "{}", text(&check));
    assert!(text(&check).contains(STRANGER) && text(&check).contains("UHD's manual"), "{}", text(&check));
    let record = order("one", Order::DS).await;
    assert_eq!(record.failure.map(|failure| failure.code), Some(ErrorCode::AddressConflict));
    plug("del");
    cluster.ask("one", Command::SetTunIp { tun_ip: "192.168.40.9/24".into() }).await.unwrap();
    assert_eq!(order("one", Order::DS).await.outcome, Outcome::Ok);
    let before = cluster.status("one").await;

    // During service: seen without an order, said everywhere, and the work goes on.
    plug("add");
    let status = cluster.until("one", "an alarm", |s| is_alarmed(s, STRANGER)).await;
    assert!(has_radio(&status) && status.address_holders[0].host.is_none(), "{status:#?}");
    let said = baton(&cluster, &["status"]);
    assert_eq!(said.status.code(), Some(1));
    assert!(text(&said).contains(&format!("CONFLICT: one and {STRANGER}")), "{}", text(&said));
    assert_eq!(baton(&cluster, &["check", "M"]).status.code(), Some(1));
    for method in [Method::Classic, Method::Cold, Method::Hot] {
        let record: RunRecord = read(cluster.ask("two", Command::order(Order::M, method)).await.unwrap());
        assert_eq!(
            (record.outcome, record.failure.map(|failure| failure.code)),
            (Outcome::RolledBack, Some(ErrorCode::AddressConflict))
        );
    }
    let after = cluster.status("one").await;
    assert_eq!((after.d2d.pid, after.usrp.pid, has_radio(&after)), (before.d2d.pid, before.usrp.pid, true));

    plug("del");
    cluster.ask("one", Command::Survey).await.unwrap();
    assert!(!is_alarmed(&cluster.status("one").await, STRANGER));
    assert_eq!(order("two", Order::M).await.outcome, Outcome::Ok);
}

#[tokio::test]
async fn a_host_whose_cable_was_out_asks_before_it_goes_on() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let one = Agent::start(&cluster, "one");
    let two = Agent::start(&cluster, "two");
    linked(&cluster, "one", link(3)).await;
    let mac = cluster.status("two").await.radio_port.mac.unwrap();
    one.ip("link set radio down");
    let status = cluster.until("one", "giving the address up", |s| !s.radio_port.addresses.contains(&ACTIVE.to_owned())).await;
    assert!(is_alarmed(&status, "the cable of eth3 of one"), "{status:#?}");
    one.ip("link set radio up");
    let status = cluster.until("one", "going on", |s| s.radio_port.addresses.contains(&ACTIVE.to_owned())).await;
    assert_eq!(status.usrp.state, ProcessState::Running);
    cluster.until("one", "no alarm", |s| s.alarms.is_empty()).await;

    // Meanwhile the other host has taken the radio, and cannot be asked.
    cluster.until("two", "knowing the owner", |s| s.owner_epoch >= Some(3)).await;
    one.ip("link set radio down");
    cluster.until("one", "giving the address up", |s| !s.radio_port.addresses.contains(&ACTIVE.to_owned())).await;
    let stopped = Stopped::stop(&two);
    one.ip(&format!("link set radio address {mac}"));
    one.ip(&format!("addr add {ACTIVE} dev radio"));
    one.ip("link set radio up");
    cluster.until("one", "giving way", has_left).await;
    drop(stopped);
}

#[tokio::test]
async fn a_frame_that_is_lost_makes_no_second_owner() {
    if !needs::tools(&["nft"]) {
        return;
    }
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let one = Agent::start(&cluster, "one");
    one.ip(&format!("link set radio address {STRANGER}"));
    one.ip(&format!("addr add {ACTIVE} dev radio"));
    cluster.ask("one", Command::MakeUsrp).await.unwrap();
    // Every second frame of ARP is lost on its way to whoever has the address.
    let shell = |script: &str| {
        let mut nsenter = Process::new("nsenter");
        nsenter.args(["-t", &one.pid().to_string(), "-n", "/bin/sh", "-c", script]);
        nsenter.status().unwrap().success()
    };
    let rules = "add table netdev lossy; add chain netdev lossy in { type filter hook ingress device radio priority 0; }; \
         add rule netdev lossy in ether type arp numgen inc mod 2 == 0 drop";
    assert!(shell(&format!("nft '{rules}'")), "nft takes the rules");
    for _ in 0..6 {
        assert_eq!(cluster.ask("one", Command::LINK_USRP).await.unwrap_err().code, ErrorCode::AddressConflict);
    }
}

/// A file system of its own for a folder of one agent, which can be made to hang as a dead disk does.
struct HangingDisk<'a> {
    agent: &'a Agent,
    folder: String,
}

impl HangingDisk<'_> {
    fn freeze(&self, freeze: bool) {
        let mut nsenter = Process::new("nsenter");
        nsenter.args(["-t", &self.agent.pid().to_string(), "-m", "fsfreeze", if freeze { "-f" } else { "-u" }, &self.folder]);
        assert!(nsenter.status().unwrap().success());
    }
}

impl Drop for HangingDisk<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.freeze(false);
        }
    }
}

#[tokio::test]
async fn a_disk_that_hangs_costs_the_record_and_not_the_service() {
    let _turn = machine::shared();
    let has_loop = || Process::new("losetup").arg("-f").output().unwrap().status.success();
    if !needs::tools(&["losetup", "fsfreeze", "mkfs.ext4"]) || !(has_loop() || needs::missing("there is no loop device")) {
        return;
    }
    let cluster = Cluster::new("", None);
    cluster.touch("synced");
    let at = cluster.dir.path().display().to_string();
    let disk = format!(
        "dd if=/dev/zero of={at}/disk bs=1M count=8 status=none; mkfs.ext4 -q {at}/disk; mkdir -p {at}/records; \
         mount -o loop {at}/disk {at}/records; chmod 700 {at}/records; {ETH3}"
    );
    let _one = Agent::start(&cluster, "one");
    let two = Agent::start_with(&cluster, "two", &disk);
    cluster.ask("one", Command::SetTunIp { tun_ip: "192.168.40.9/24".into() }).await.unwrap();
    let order =
        async |host: &str, order| -> RunRecord { read(cluster.ask(host, Command::order(order, Method::Classic)).await.unwrap()) };
    assert_eq!(order("one", Order::DS).await.outcome, Outcome::Ok);
    let hanging = HangingDisk { agent: &two, folder: format!("{at}/records") };
    hanging.freeze(true);
    let began = std::time::Instant::now();
    let record = order("two", Order::M).await;
    eprintln!("M with a disk that hangs took {:?}", began.elapsed());
    let moved = record.outcome == Outcome::Ok;
    let said = record.warnings.iter().any(|warning| warning.contains("the disk hangs"));
    let alarmed = cluster.until("two", "an alarm", |s| is_alarmed(s, "the disk of two hangs")).await;
    let back = order("one", Order::MB).await;
    hanging.freeze(false);
    assert!(moved && said, "{record:#?}");
    assert!(has_radio(&alarmed) && back.outcome == Outcome::Ok, "{back:#?}");
    cluster.until("two", "no alarm", |s| s.alarms.is_empty()).await;
}

#[tokio::test]
async fn an_agent_without_file_descriptors_still_parks_and_says_what_is_missing() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let limit = 72;
    let one = Agent::start_as(&cluster, "one", ETH3, &format!("prlimit --nofile={limit}:{limit}"), "");
    cluster.ask("one", PLAIN).await.unwrap();
    cluster.ask("one", Command::START_USRP).await.unwrap();
    let status = cluster.status("one").await;
    assert!(is_alarmed(&status, &format!("may open {limit} files only")), "{status:#?}");
    assert!(text(&baton(&cluster, &["check"])).contains("LimitNOFILE"));
    // Whoever connects and says nothing takes descriptors, until the gate refuses or there are no more.
    let open = || std::fs::read_dir(format!("/proc/{}/fd", one.pid())).unwrap().count();
    let mut taken = Vec::new();
    for _ in 0..24 {
        taken.extend(["one.cmd", "one.tele"].map(|socket| UnixStream::connect(cluster.path(socket)).ok()));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    eprintln!("{} of {limit} descriptors are open", open());
    cluster.ask("one", Command::DoubleKill).await.unwrap();
    drop(taken);
    cluster.until("one", "parking", has_left).await;
}
