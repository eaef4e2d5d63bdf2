//! Agents that are killed and started again, that have no room to write, and that are told to misbehave.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::time::Duration;

use crate::common::cluster::{Agent, Cluster, ETH3, SOON, baton, lives, until_gone};
use crate::common::machine;
use baton::metrics::records;
use nix::sys::signal::Signal;
use protocol::{
    Command, ControlValues, ErrorCode, Method, Order, OrderStage, Outcome, ProcessState, Route, RunRecord, SetPort, Started,
    Telemetry,
};
use serde_json::Value;

const PLAIN: Command = Command::StartD2d { control_flag: 0, control: None };
const ACTIVE: &str = "192.168.10.1/24";

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn states(status: &Telemetry) -> (ProcessState, ProcessState, Option<&str>) {
    (status.d2d.state, status.usrp.state, status.radio_port.addresses.first().map(String::as_str))
}

/// Starts both; their process ids.
async fn serve(cluster: &Cluster) -> (u32, u32) {
    let d2d: Started = read(cluster.ask("one", PLAIN).await.unwrap());
    cluster.ask("one", Command::START_USRP).await.unwrap();
    (d2d.pid, cluster.status("one").await.usrp.pid.unwrap())
}

#[tokio::test]
async fn an_agent_that_was_killed_finds_what_still_runs() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let agent = Agent::start(&cluster, "one");
    let (d2d, usrp) = serve(&cluster).await;
    cluster.touch("synced");
    let before =
        cluster.until("one", "sync", |s| s.d2d.sync.is_some_and(|s| matches!(s, protocol::SyncState::Synced { .. }))).await;
    let route_list = vec![Route { dest_id: 3, nexthop: 4 }];
    cluster.ask("one", Command::SetRoute { route_list: route_list.clone() }).await.unwrap();
    agent.kill();
    assert!(lives(d2d) && lives(usrp));

    let agent = Agent::again(&cluster, "one", d2d, "");
    let status = cluster.status("one").await;
    assert_eq!(states(&status), (ProcessState::Running, ProcessState::Running, Some(ACTIVE)));
    assert_eq!((status.d2d.pid, status.usrp.pid), (Some(d2d), Some(usrp)));
    assert!(status.d2d.uptime_ms >= before.d2d.uptime_ms && status.uptime_ms < status.d2d.uptime_ms.unwrap());
    assert_eq!((status.owner_epoch, status.owner.as_deref()), (Some(1), Some("one")));
    assert!(!status.control.meanings.is_empty() && status.control.values == before.control.values, "{status:#?}");
    cluster.until("one", "sync again", |s| matches!(s.d2d.sync, Some(protocol::SyncState::Synced { .. }))).await;
    cluster.until("one", "collecting again", |s| s.control.age_ms.is_some_and(|age| age < s.uptime_ms)).await;
    assert_eq!(cluster.ask("one", PLAIN).await.unwrap_err().code, ErrorCode::State, "it runs already");
    assert_eq!(cluster.ask("one", Command::LINK_USRP).await.unwrap_err().message, "the USRP process is already linked");
    cluster.ask("one", Command::DoubleKill).await.unwrap();
    assert!(!lives(d2d) && !lives(usrp));
    let status = cluster.status("one").await;
    assert_eq!((status.d2d.state, status.d2d.last_words), (ProcessState::Stopped, None));

    // Routes that were given for the next start are still set.
    cluster.ask("one", PLAIN).await.unwrap();
    let values: ControlValues = read(cluster.ask("one", Command::GetControl).await.unwrap());
    assert_eq!(values.route_list, route_list);
    drop(agent);
    let _agent = Agent::start(&cluster, "one");
    assert_eq!(cluster.status("one").await.d2d.state, ProcessState::Stopped, "an agent that was ended in peace left nothing");
}

#[tokio::test]
async fn a_process_that_a_killed_agent_had_not_written_down_is_found() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let agent = Agent::start(&cluster, "one");
    let (d2d, usrp) = serve(&cluster).await;
    agent.kill();
    // As if it had been killed between the start and the note, in which the USRP process's predecessor still stands.
    std::fs::remove_file(cluster.path("run/one/d2d.pid")).unwrap();
    std::fs::write(cluster.path("run/one/usrp.pid"), format!(r#"{{"pid":{d2d},"started":1}}"#)).unwrap();
    let agent = Agent::again(&cluster, "one", d2d, "");
    let status = cluster.status("one").await;
    assert_eq!((status.d2d.pid, status.usrp.pid), (Some(d2d), Some(usrp)));
    // It is written down now.
    agent.kill();
    assert!(cluster.path("run/one/d2d.pid").exists());
    let _agent = Agent::again(&cluster, "one", d2d, "");
    assert_eq!(cluster.status("one").await.d2d.pid, Some(d2d));
    cluster.ask("one", Command::DoubleKill).await.unwrap();
    assert!(!lives(d2d) && !lives(usrp));
}

#[tokio::test]
async fn an_agent_that_is_told_to_stop_leaves_the_work_to_the_next_one() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let agent = Agent::start(&cluster, "one");
    let (d2d, usrp) = serve(&cluster).await;
    agent.signal(Signal::SIGTERM);
    assert_eq!(tokio::task::spawn_blocking(|| agent.exit()).await.unwrap(), Some(0));
    assert!(lives(d2d) && lives(usrp));
    let _agent = Agent::again(&cluster, "one", d2d, "");
    let status = cluster.status("one").await;
    assert_eq!(states(&status), (ProcessState::Running, ProcessState::Running, Some(ACTIVE)));
    assert_eq!((status.d2d.pid, status.usrp.pid), (Some(d2d), Some(usrp)));
    assert_eq!((status.owner_epoch, status.owner.as_deref()), (Some(1), Some("one")), "nobody took the radio meanwhile");
}

/// The agents of a pair that is at work on "one", and how an order for "two" is sent.
async fn pair(cluster: &Cluster, faults: &str) -> [Agent; 2] {
    cluster.touch("synced");
    let file = cluster.path("faults.toml");
    std::fs::write(&file, faults).unwrap();
    let one = Agent::start(cluster, "one");
    let two = Agent::start_as(cluster, "two", ETH3, "", &format!("--faults {}", file.display()));
    cluster.ask("one", Command::SetTunIp { tun_ip: "192.168.40.9/24".into() }).await.unwrap();
    let record: RunRecord = read(cluster.ask("one", Command::order(Order::DS, Method::Classic)).await.unwrap());
    assert_eq!(record.outcome, Outcome::Ok, "{record:#?}");
    [one, two]
}

fn order(cluster: &Cluster, hold: bool) -> tokio::task::JoinHandle<Result<RunRecord, protocol::Failure>> {
    let client = cluster.client.clone();
    let request = protocol::OrderRequest { hold, ..protocol::OrderRequest::new(Order::M, Method::Classic) };
    tokio::spawn(
        async move { client.request("two", Command::Order(request), SOON * 3).await.and_then(protocol::Answer::into_result) },
    )
}

#[tokio::test]
async fn a_stop_before_the_cut_gives_the_order_up_and_the_source_serves_on() {
    let _turn = machine::shared();
    for stopped in [0, 1] {
        let cluster = Cluster::new("", None);
        let mut agents: Vec<Agent> = pair(&cluster, "").await.into();
        let asked = order(&cluster, true);
        cluster.until("two", "a hold", |s| s.migration.as_ref().is_some_and(|p| p.stage == OrderStage::Ready)).await;
        let [d2d, usrp] = {
            let status = cluster.status("one").await;
            [status.d2d.pid.unwrap(), status.usrp.pid.unwrap()]
        };
        let agent = agents.remove(stopped);
        agent.signal(Signal::SIGTERM);
        let record = asked.await.unwrap().unwrap();
        assert_eq!(record.outcome, Outcome::Cancelled, "{record:#?}");
        let words = ["the operator cancelled it", "the agent that carries it out was told to stop"][stopped];
        let reason = record.reason.unwrap();
        assert!(reason.contains(words) && reason.ends_with("one still serves."), "{reason}");
        assert_eq!(tokio::task::spawn_blocking(|| agent.exit()).await.unwrap(), Some(0));
        assert!(lives(d2d) && lives(usrp));
        if stopped == 0 {
            drop(Agent::again(&cluster, "one", d2d, ""));
        }
    }
}

#[tokio::test]
async fn a_stop_past_the_cut_waits_for_the_end_of_the_order() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let faults = "[[fault]]\ncommand = \"link_usrp\"\noccurrence = 1\ndo = \"delay\"\nms = 1500";
    let [_one, two] = pair(&cluster, faults).await;
    let asked = order(&cluster, false);
    cluster.until("two", "the cut", |s| s.migration.as_ref().is_some_and(|p| p.stage == OrderStage::Moving)).await;
    let d2d = cluster.status("two").await.d2d.pid.unwrap();
    two.signal(Signal::SIGTERM);
    let failure = cluster.ask("two", Command::order(Order::KR, Method::Classic)).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Busy, "{failure}");
    let record = asked.await.unwrap().unwrap();
    assert_eq!(record.outcome, Outcome::Ok, "{record:#?}");
    assert_eq!(tokio::task::spawn_blocking(|| two.exit()).await.unwrap(), Some(0));
    let _two = Agent::again(&cluster, "two", d2d, "");
    assert_eq!(states(&cluster.status("two").await), (ProcessState::Running, ProcessState::Running, Some(ACTIVE)));
}

#[tokio::test]
async fn what_died_while_the_agent_was_away_or_afterwards_is_reported() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let agent = Agent::start(&cluster, "one");
    let (d2d, usrp) = serve(&cluster).await;
    agent.kill();
    cluster.touch("die_usrp");
    until_gone(usrp).await;
    let agent = Agent::again(&cluster, "one", d2d, "");
    let status = cluster.status("one").await;
    assert_eq!((status.d2d.state, status.usrp.state), (ProcessState::Running, ProcessState::Died));
    assert!(status.usrp.last_words.unwrap().contains("while its agent was away"));
    cluster.touch("die_d2d");
    // The kernel's word of the end comes first; the process's own last words may still be in their pipe.
    let ended = |s: &Telemetry| s.d2d.state == ProcessState::Died && s.d2d.last_words.is_some();
    let status = cluster.until("one", "a death", ended).await;
    let words = status.d2d.last_words.unwrap();
    assert!(words.contains("exit status is not known") && words.contains("the d2d fixture was told to die"), "{words}");
    // Neither is found again by the next.
    agent.kill();
    let _agent = Agent::start(&cluster, "one");
    let status = cluster.status("one").await;
    assert_eq!((status.d2d.state, status.usrp.state), (ProcessState::Stopped, ProcessState::Stopped));
}

#[tokio::test]
async fn a_program_without_a_contract_is_adopted_with_all_that_it_started() {
    let _turn = machine::shared();
    let script = r#"d2d = ["/bin/sh", "-c", "trap '' TERM; sleep 1000 & echo $! > $BATON_TEST_DIR/sleeper; wait; wait"]
usrp = ["/bin/sleep", "1000"]"#;
    let cluster = Cluster::new("", Some(script));
    let agent = Agent::start(&cluster, "one");
    let (d2d, usrp) = serve(&cluster).await;
    let sleeper: u32 = std::fs::read_to_string(cluster.path("sleeper")).unwrap().trim().parse().unwrap();
    agent.kill();
    let _agent = Agent::again(&cluster, "one", d2d, "");
    let status = cluster.status("one").await;
    assert_eq!(states(&status), (ProcessState::Running, ProcessState::Running, Some(ACTIVE)));
    let values: ControlValues = read(cluster.ask("one", Command::GetControl).await.unwrap());
    assert_eq!(values.control["BW"], 5);
    cluster.ask("one", Command::DoubleKill).await.unwrap();
    assert!(!lives(d2d) && !lives(usrp) && !lives(sleeper));
}

#[tokio::test]
async fn a_migration_that_its_agent_did_not_survive_is_brought_to_an_end_by_the_next_one() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    cluster.touch("synced");
    let faults = cluster.path("faults.toml");
    let text = "[[fault]]\ncommand = \"link_usrp\"\noccurrence = 1\ndo = \"die_before\"";
    std::fs::write(&faults, text).unwrap();
    let _one = Agent::start(&cluster, "one");
    let two = Agent::start_as(&cluster, "two", ETH3, "", &format!("--faults {}", faults.display()));
    cluster.ask("one", Command::SetTunIp { tun_ip: "192.168.40.9/24".into() }).await.unwrap();
    let order = |host: &'static str, order| cluster.ask(host, Command::order(order, Method::Classic));
    order("one", Order::DS).await.unwrap();
    let asking = {
        let client = cluster.client.clone();
        tokio::spawn(async move { client.request("two", Command::order(Order::M, Method::Classic), SOON * 3).await })
    };
    assert_eq!(tokio::task::spawn_blocking(|| two.exit()).await.unwrap(), None, "the file of faults has killed it");
    let pid: u32 = {
        let text = std::fs::read_to_string(cluster.path("run/two/d2d.pid")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["pid"].as_u64().unwrap() as u32
    };
    let _two = Agent::again(&cluster, "two", pid, "");
    let failure = asking.await.unwrap().unwrap_err();
    assert_eq!(failure.code, ErrorCode::Restarted, "{failure}");
    let status = cluster.until("two", "a report", |s| s.migration.as_ref().is_some_and(|p| p.record.is_some())).await;
    let record = status.migration.unwrap().record.unwrap();
    assert_eq!((record.order, record.outcome, record.taken_up), (Order::M, Outcome::RolledBack, true));
    let reason = record.reason.clone().unwrap();
    let said = "the agent of two ended while it carried out M, and the next one has taken it up. one serves again.";
    assert_eq!(reason, said);
    assert_eq!(records::load(&cluster.path("records")).unwrap().runs.last(), Some(&record));
    assert_eq!(states(&cluster.status("one").await), (ProcessState::Running, ProcessState::Running, Some(ACTIVE)));
    assert_eq!((status.d2d.state, status.usrp.state), (ProcessState::Stopped, ProcessState::Stopped));
    let again: RunRecord = read(order("two", Order::M).await.unwrap());
    assert_eq!(again.outcome, Outcome::Ok, "{again:#?}");
}

#[tokio::test]
async fn another_order_that_its_agent_did_not_survive_is_recorded_and_mends_nothing() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let faults = cluster.path("faults.toml");
    std::fs::write(&faults, "[[fault]]\ncommand = \"start_usrp\"\noccurrence = 1\ndo = \"die_before\"").unwrap();
    let _two = Agent::start(&cluster, "two");
    let one = Agent::start_as(&cluster, "one", ETH3, "", &format!("--faults {}", faults.display()));
    let client = cluster.client.clone();
    let asking = tokio::spawn(async move { client.request("one", Command::order(Order::DS, Method::Classic), SOON * 3).await });
    assert_eq!(tokio::task::spawn_blocking(|| one.exit()).await.unwrap(), None, "the file of faults has killed it");
    let text = std::fs::read_to_string(cluster.path("run/one/d2d.pid")).unwrap();
    let pid = serde_json::from_str::<Value>(&text).unwrap()["pid"].as_u64().unwrap() as u32;
    let _one = Agent::again(&cluster, "one", pid, "");
    assert_eq!(asking.await.unwrap().unwrap_err().code, ErrorCode::Restarted);
    let status = cluster.until("one", "a report", |s| s.migration.as_ref().is_some_and(|p| p.record.is_some())).await;
    let record = status.migration.unwrap().record.unwrap();
    assert_eq!((record.order, record.outcome, record.taken_up), (Order::DS, Outcome::Failed, false));
    let reason = record.reason.unwrap();
    assert!(reason.starts_with("the agent of one ended while it carried out DS; nobody serves now (one: D2D, no"), "{reason}");
    // The address without a USRP process served nobody.
    assert_eq!(states(&cluster.status("one").await), (ProcessState::Running, ProcessState::Stopped, Some("192.168.20.2/24")));
}

#[tokio::test]
async fn a_full_disk_costs_records_and_memory_but_not_the_service() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    cluster.touch("synced");
    let at = cluster.dir.path().display().to_string();
    let full = |folder: &str| {
        format!(
            "mkdir -p {at}/{folder}; mount -t tmpfs -o size=4k,mode=0700 none {at}/{folder}; head -c 4096 /dev/zero > {at}/{folder}/fill;"
        )
    };
    let _two = Agent::start(&cluster, "two");
    let agent = Agent::start_with(&cluster, "one", &format!("{} {} {ETH3}", full("records"), full("run")));
    for _ in 0..2 {
        let record: RunRecord = read(cluster.ask("one", Command::order(Order::DS, Method::Classic)).await.unwrap());
        assert_eq!(record.outcome, Outcome::Ok, "{record:#?}");
        assert!(record.warnings.iter().any(|text| text.contains("could not be written")), "{:?}", record.warnings);
        let status = cluster.status("one").await;
        assert_eq!(states(&status), (ProcessState::Running, ProcessState::Running, Some(ACTIVE)));
        cluster.ask("one", Command::SetRoute { route_list: vec![Route { dest_id: 1, nexthop: 2 }] }).await.unwrap();
        cluster.ask("one", Command::order(Order::KL, Method::Classic)).await.unwrap();
    }
    assert!(cluster.status("one").await.owner_epoch >= Some(4), "remembered as long as the agent lives");
    drop(agent);
}

#[tokio::test]
async fn status_and_events_go_on_while_a_link_hangs() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agent = Agent::start(&cluster, "one");
    cluster.touch("hang_find");
    let linking = {
        let client = cluster.client.clone();
        tokio::spawn(async move { client.request("one", Command::START_USRP, SOON * 6).await })
    };
    cluster.until("one", "the link under way", |s| s.radio_port.addresses == [ACTIVE]).await;
    for _ in 0..20 {
        cluster.status("one").await;
    }
    assert!(!linking.is_finished());
    assert_eq!(cluster.ask("one", Command::GetTunIp).await.unwrap_err().code, ErrorCode::Address);
    // Ending does not wait for libuhd either.
    cluster.ask("one", Command::End).await.unwrap();
    let failure = linking.await.unwrap().unwrap_err();
    assert!(failure.message.contains("is about to end"), "{failure}");
}

#[tokio::test]
async fn faults_are_met_as_the_file_says() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let faults = cluster.path("faults.toml");
    let fault = |command: &str, occurrence: u32, deed: &str| {
        format!("[[fault]]\ncommand = \"{command}\"\noccurrence = {occurrence}\ndo = \"{deed}\"\n")
    };
    let text = fault("set_eth3", 2, "fail") + &fault("make_usrp", 1, "no_reply") + &fault("kill_usrp", 1, "lose");
    std::fs::write(&faults, &text).unwrap();
    let agent = Agent::start_as(&cluster, "one", ETH3, "", &format!("--faults {}", faults.display()));
    let park = || cluster.ask("one", Command::SetEth3 { port: SetPort::Parked });
    park().await.unwrap();
    assert_eq!(park().await.unwrap_err().message, "set_eth3 failed because a file of faults says so");
    park().await.unwrap();
    let silent = |command| cluster.client.request("one", command, Duration::from_millis(600));
    assert_eq!(silent(Command::MakeUsrp).await.unwrap_err().code, ErrorCode::Unreachable);
    assert_eq!(silent(Command::KillUsrp).await.unwrap_err().code, ErrorCode::Unreachable);
    cluster.until("one", "the made process", |s| s.usrp.state == ProcessState::Made).await;
    cluster.ask("one", Command::KillUsrp).await.unwrap();
    drop(agent);
    std::fs::write(&faults, text + "why = 1").unwrap();
    let file = cluster.path("baton.toml").display().to_string();
    let (code, words) = baton(&["--config", &file, "agent", "--host", "one", "--faults", &faults.display().to_string()]);
    assert_eq!(code, Some(2));
    assert!(words.contains("faults.toml") && words.contains("line 13"), "{words}");
}

/// Agents "one" and "two", the work on "one", and a file of faults for "two" by which starting D2D there takes a while.
async fn slow_pair(cluster: &Cluster) -> [Agent; 2] {
    cluster.touch("synced");
    let faults = cluster.path("faults.toml");
    std::fs::write(&faults, "[[fault]]\ncommand = \"start_d2d\"\noccurrence = 1\ndo = \"delay\"\nms = 700").unwrap();
    let one = Agent::start(cluster, "one");
    let two = Agent::start_as(cluster, "two", ETH3, "", &format!("--faults {}", faults.display()));
    cluster.ask("one", Command::SetTunIp { tun_ip: "192.168.40.9/24".into() }).await.unwrap();
    let record: RunRecord = read(cluster.ask("one", Command::order(Order::DS, Method::Classic)).await.unwrap());
    assert_eq!(record.outcome, Outcome::Ok, "{record:#?}");
    [one, two]
}

#[tokio::test]
async fn a_console_that_is_killed_amid_a_migration_changes_nothing() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agents = slow_pair(&cluster).await;
    let mut console = std::process::Command::new(env!("CARGO_BIN_EXE_baton"));
    let mut console =
        console.arg("--config").arg(cluster.path("baton.toml")).args(["do", "M", "--method", "classic"]).spawn().unwrap();
    cluster.until("two", "M under way", |s| s.migration.as_ref().is_some_and(|p| !p.finished)).await;
    console.kill().unwrap();
    console.wait().unwrap();
    let status = cluster.until("two", "the end", |s| s.migration.as_ref().is_some_and(|p| p.finished)).await;
    let record = status.migration.and_then(|progress| progress.record).unwrap();
    assert_eq!((record.order, record.outcome), (Order::M, Outcome::Ok), "{record:#?}");
    assert_eq!(cluster.status("two").await.radio_port.addresses, [ACTIVE]);
}

#[tokio::test]
async fn of_several_orders_at_once_one_wins_and_the_others_get_a_sentence() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agents = slow_pair(&cluster).await;
    let second = baton::link::client::Client::new(std::sync::Arc::clone(&cluster.config)).unwrap();
    let first = {
        let client = cluster.client.clone();
        tokio::spawn(async move { client.request("two", Command::order(Order::M, Method::Classic), SOON * 3).await })
    };
    cluster.until("two", "M under way", |s| s.migration.as_ref().is_some_and(|p| !p.finished)).await;
    let same = second.request("two", Command::order(Order::M, Method::Cold), SOON).await.unwrap_err();
    assert_eq!((same.code, same.message.as_str()), (ErrorCode::Busy, "two is carrying out M"));
    let back = second.request("one", Command::order(Order::MB, Method::Classic), SOON).await.unwrap_err();
    assert_eq!(back.code, ErrorCode::Busy);
    assert!(back.message.starts_with("one takes part in M, which two is carrying out (run "), "{back}");
    let first: RunRecord = first.await.unwrap().unwrap().into_result().unwrap();
    assert_eq!(first.outcome, Outcome::Ok, "{first:#?}");
    let states = [cluster.status("one").await, cluster.status("two").await].map(|s| (s.d2d.state, s.radio_port.addresses));
    assert_eq!(states[0].0, ProcessState::Stopped);
    assert_eq!((states[1].0, states[1].1.as_slice()), (ProcessState::Running, &[ACTIVE.to_owned()][..]));
}
