//! Orders have one mind: decisions name their run and the first one stands, a host that takes part in a run obeys that run alone, and a hold ends with
//! who asked for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::process::{Child, Command as Process, Output, Stdio};
use std::time::Duration;

use crate::common::cluster::{Agent, Cluster, ETH3, SOON};
use crate::common::machine;
use crate::common::pty::{Line, Terminal};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::{
    Command, ErrorCode, Failure, Method, Order, OrderRequest, OrderStage, Outcome, ProcessState, Progress, RunRecord, Telemetry,
};
use serde_json::Value;
use tokio::task::JoinHandle;

const ACTIVE: &str = "192.168.10.1/24";

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// Agents "one" and "two", the work on "one".
async fn at_work(cluster: &Cluster) -> [Agent; 2] {
    cluster.touch("synced");
    let agents = [Agent::start(cluster, "one"), Agent::start(cluster, "two")];
    cluster.ask("one", Command::SetTunIp { tun_ip: "192.168.40.9/24".into() }).await.unwrap();
    let record: RunRecord = read(cluster.ask("one", Command::order(Order::DS, Method::Classic)).await.unwrap());
    assert_eq!(record.outcome, Outcome::Ok, "{record:#?}");
    agents
}

fn serves(status: &Telemetry) -> bool {
    let running = [&status.d2d, &status.usrp].iter().all(|process| process.state == ProcessState::Running);
    running && status.radio_port.addresses == [ACTIVE]
}

fn is_idle(status: &Telemetry) -> bool {
    status.d2d.pid.is_none() && status.usrp.pid.is_none() && status.radio_port.addresses != [ACTIVE]
}

/// M with a hold, as a script asks for it: without a lease. Its answer, and its run once it waits.
async fn held(cluster: &Cluster) -> (JoinHandle<Result<RunRecord, Failure>>, String) {
    let client = cluster.client.clone();
    let request = OrderRequest { hold: true, ..OrderRequest::new(Order::M, Method::Classic) };
    let asked = tokio::spawn(async move {
        client.request("two", Command::Order(request), SOON * 6).await.and_then(protocol::Answer::into_result)
    });
    (asked, ready(cluster).await.run)
}

async fn ready(cluster: &Cluster) -> Progress {
    let waits = |s: &Telemetry| s.migration.as_ref().is_some_and(|p| !p.finished && p.stage == OrderStage::Ready);
    cluster.until("two", "a hold", waits).await.migration.unwrap()
}

/// The record of the last order, once it is over.
async fn over(cluster: &Cluster) -> RunRecord {
    let finished = |s: &Telemetry| s.migration.as_ref().is_some_and(|p| p.finished);
    cluster.until("two", "the end", finished).await.migration.and_then(|progress| progress.record).unwrap()
}

fn go(run: &str) -> Command {
    Command::Go { run: Some(run.into()) }
}

fn cancel(run: &str) -> Command {
    Command::Cancel { run: Some(run.into()) }
}

#[tokio::test]
async fn the_first_decision_stands_and_no_decision_hits_another_run() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agents = at_work(&cluster).await;
    let refused = async |command: Command| cluster.ask("two", command).await.unwrap_err();

    let (asked, first) = held(&cluster).await;
    // Both are on their way before the order has made its next step.
    let (cancelled, gone) = tokio::join!(cluster.ask("two", cancel(&first)), cluster.ask("two", go(&first)));
    cancelled.unwrap();
    let gone = gone.unwrap_err();
    assert_eq!(gone.code, ErrorCode::State, "{gone}");
    let record = asked.await.unwrap().unwrap();
    assert_eq!((record.outcome, record.run.as_str()), (Outcome::Cancelled, first.as_str()), "{record:#?}");
    assert!(serves(&cluster.status("one").await) && is_idle(&cluster.status("two").await));

    // A late word for the first run leaves the second alone.
    let (asked, second) = held(&cluster).await;
    for late in [cancel(&first), go(&first)] {
        let failure = refused(late).await;
        assert_eq!(failure.code, ErrorCode::State);
        assert!(failure.message.contains(&format!("the run {first}")), "{failure}");
    }
    assert_eq!(ready(&cluster).await.run, second);
    let (gone, cancelled) = tokio::join!(cluster.ask("two", go(&second)), cluster.ask("two", cancel(&second)));
    gone.unwrap();
    assert_eq!(cancelled.unwrap_err().code, ErrorCode::State);
    let record = asked.await.unwrap().unwrap();
    assert_eq!((record.outcome, record.run.as_str()), (Outcome::Ok, second.as_str()), "{record:#?}");
    let failure = refused(cancel(&second)).await;
    assert!(failure.message.contains("is over"), "{failure}");
    assert_eq!(refused(Command::Go { run: None }).await.message, "two is carrying out no order");
}

#[tokio::test]
async fn go_is_for_an_order_that_holds_and_a_word_without_a_run_for_one_that_nobody_has_decided_on() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let faults = cluster.path("faults.toml");
    std::fs::write(&faults, "[[fault]]\ncommand = \"start_d2d\"\noccurrence = 1\ndo = \"delay\"\nms = 1500").unwrap();
    cluster.touch("synced");
    let _one = Agent::start(&cluster, "one");
    let _two = Agent::start_as(&cluster, "two", ETH3, "", &format!("--faults {}", faults.display()));
    cluster.ask("one", Command::SetTunIp { tun_ip: "192.168.40.9/24".into() }).await.unwrap();
    cluster.ask("one", Command::order(Order::DS, Method::Classic)).await.unwrap();
    let run = uuid::Uuid::now_v7().to_string();
    let request = OrderRequest { run: Some(run.clone()), ..OrderRequest::new(Order::M, Method::Classic) };
    let asked = {
        let (client, request) = (cluster.client.clone(), request.clone());
        tokio::spawn(async move { client.request("two", Command::Order(request), SOON * 3).await })
    };
    cluster.until("two", "M under way", |s| s.migration.as_ref().is_some_and(|p| p.run == run && !p.finished)).await;
    let failure = cluster.ask("two", Command::Go { run: None }).await.unwrap_err();
    assert!(failure.message.ends_with("does not wait for go: it was ordered without hold"), "{failure}");
    cluster.ask("two", Command::Cancel { run: None }).await.unwrap();
    cluster.ask("two", cancel(&run)).await.expect("the same again, of the same run");
    let failure = cluster.ask("two", Command::Cancel { run: None }).await.unwrap_err();
    assert!(failure.message.ends_with("was cancelled before, and that stands"), "{failure}");
    let record: RunRecord = asked.await.unwrap().unwrap().into_result().unwrap();
    assert_eq!((record.outcome, record.run), (Outcome::Cancelled, run.clone()));
    for (run, why) in [(run.as_str(), "is another order's"), ("mine", "is no UUID")] {
        let request = OrderRequest { run: Some(run.into()), ..request.clone() };
        let failure = cluster.ask("two", Command::Order(request)).await.unwrap_err();
        assert!(failure.code == ErrorCode::BadRequest && failure.message.ends_with(why), "{failure}");
    }
}

#[tokio::test]
async fn what_a_held_move_counts_on_is_changed_by_nobody_else() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agents = at_work(&cluster).await;
    let (asked, run) = held(&cluster).await;
    let kl = || cluster.ask("one", Command::order(Order::KL, Method::Classic));
    let failure = kl().await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Busy);
    assert_eq!(failure.message, format!("one takes part in M, which two is carrying out (run {run})"));
    assert!(failure.hint.unwrap().contains("`baton do cancel`"));
    for (host, command) in [
        ("one", Command::DoubleKill),
        ("one", Command::KillUsrp),
        ("one", Command::KillD2d),
        ("one", Command::End),
        ("two", Command::DoubleKill),
        ("two", Command::SetTunIp { tun_ip: String::new() }),
    ] {
        let failure = cluster.ask(host, command).await.unwrap_err();
        assert!(failure.code == ErrorCode::Busy && failure.message.contains(&run), "{host}: {failure}");
    }
    let same = cluster.ask("one", Command::order(Order::MB, Method::Classic)).await.unwrap_err();
    assert_eq!(same.code, ErrorCode::Busy, "{same}");
    assert!(serves(&cluster.status("one").await));
    // As the hint says.
    cluster.ask("two", cancel(&run)).await.unwrap();
    assert_eq!(asked.await.unwrap().unwrap().outcome, Outcome::Cancelled);
    let killed: RunRecord = read(kl().await.unwrap());
    assert_eq!(killed.outcome, Outcome::Ok);
    assert!(is_idle(&cluster.status("one").await));
}

#[tokio::test]
async fn what_the_operator_ended_behind_the_back_of_a_stopped_agent_is_not_started_again() {
    let _turn = machine::shared();
    for by in [Command::order(Order::KL, Method::Classic), Command::DoubleKill] {
        let cluster = Cluster::new("", None);
        let [_one, two] = at_work(&cluster).await;
        let (asked, run) = held(&cluster).await;
        two.signal(Signal::SIGSTOP);
        // The reservation ends by itself: an agent that is gone must not keep the operator from ending the work.
        let since = std::time::Instant::now();
        while let Err(failure) = cluster.ask("one", by.clone()).await {
            assert_eq!(failure.code, ErrorCode::Busy, "{failure}");
            assert!(since.elapsed() < SOON * 2, "it never ends");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        two.signal(Signal::SIGCONT);
        // Whoever says go now is told that it is over, or is not heeded.
        let _ = cluster.ask("two", go(&run)).await;
        let record = over(&cluster).await;
        assert_eq!(record.run, run);
        assert_eq!(record.outcome, Outcome::Failed, "{record:#?}");
        let reason = record.reason.unwrap();
        assert!(
            reason.contains("has ended the work on the source meanwhile") && reason.contains("Nobody serves now: DS"),
            "{reason}"
        );
        assert!(record.rollback.is_none());
        for host in ["one", "two"] {
            let status = cluster.status(host).await;
            assert!(is_idle(&status), "{host}: {status:#?}");
        }
        drop(asked);
        cluster.ask("one", Command::order(Order::DS, Method::Classic)).await.expect("both hosts are free again");
    }
}

/// `baton do M --hold` of a shell.
fn hold_by_command(cluster: &Cluster) -> Child {
    // Tests may run where signals are ignored, and that is inherited.
    let mut command = Process::new("env");
    command.args(["--default-signal=INT,TERM,HUP", env!("CARGO_BIN_EXE_baton"), "--config"]).arg(cluster.path("baton.toml"));
    command.args(["do", "M", "--method", "classic", "--hold"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

async fn output(child: Child) -> Output {
    tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

#[tokio::test]
async fn an_interrupted_command_gives_its_hold_up_and_says_what_became_of_it() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agents = at_work(&cluster).await;
    for interrupt in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let command = hold_by_command(&cluster);
        let run = ready(&cluster).await.run;
        signal(&command, interrupt);
        let output = output(command).await;
        let [said, told] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        assert_eq!(output.status.code(), Some(1), "{interrupt}: {said}{told}");
        assert!(told.contains("the hold ends with this command: M is given up"), "{told}");
        assert!(said.contains("the operator cancelled it before the cut. one still serves."), "{said}");
        let record = over(&cluster).await;
        assert_eq!((record.run, record.outcome), (run, Outcome::Cancelled));
        assert!(serves(&cluster.status("one").await) && is_idle(&cluster.status("two").await));
    }
}

#[tokio::test]
async fn a_hold_whose_asker_was_killed_is_given_up() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agents = at_work(&cluster).await;
    let mut command = hold_by_command(&cluster);
    let run = ready(&cluster).await.run;
    // While it lives the hold goes on for longer than its lease.
    tokio::time::sleep(baton::migration::hold::HOLD_LEASE + Duration::from_secs(1)).await;
    assert_eq!(ready(&cluster).await.run, run);
    command.kill().unwrap();
    command.wait().unwrap();
    let record = over(&cluster).await;
    assert_eq!((record.run, record.outcome), (run, Outcome::Cancelled), "{:?}", record.reason);
    let reason = record.reason.unwrap();
    assert!(
        reason.contains("whoever asked for the hold is not heard any more") && reason.ends_with("one still serves."),
        "{reason}"
    );
}

#[tokio::test]
async fn a_console_that_leaves_gives_its_hold_up() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agents = at_work(&cluster).await;
    for (way, keys) in [("Ctrl-C", "\x03"), ("a closed terminal", "")] {
        let mut command = Process::new(env!("CARGO_BIN_EXE_baton"));
        command.arg("console").arg("-c").arg(cluster.path("baton.toml")).env("XDG_CONFIG_HOME", cluster.dir.path());
        let mut terminal = Terminal::start(&mut command, (40, 120), Line::Fast);
        terminal.wait_taken();
        terminal.wait_for("OWNS THE RADIO");
        terminal.keys(":method classic\r");
        terminal.wait_for("classic");
        terminal.keys("w");
        terminal.wait_for("will wait for go before its cut");
        terminal.keys("m");
        terminal.wait_for("move the work from one to two");
        // A question takes no key that was typed before it can have been read.
        tokio::time::sleep(Duration::from_millis(300)).await;
        terminal.keys("\r");
        let run = ready(&cluster).await.run;
        if keys.is_empty() {
            terminal.signal(Signal::SIGHUP)
        } else {
            terminal.keys(keys)
        }
        terminal.ended();
        let record = over(&cluster).await;
        assert_eq!((record.run.as_str(), record.outcome), (run.as_str(), Outcome::Cancelled), "{way}");
        // Not when the lease was over.
        assert!(record.reason.as_deref().unwrap().contains("the operator cancelled it"), "{way}: {record:#?}");
        assert!(serves(&cluster.status("one").await));
    }
}

/// `baton do M` of a shell, once the order is under way at "two", which takes a while for it.
async fn order_by_command(cluster: &Cluster) -> (Child, [Agent; 2]) {
    cluster.touch("synced");
    let faults = cluster.path("faults.toml");
    std::fs::write(&faults, "[[fault]]\ncommand = \"start_d2d\"\noccurrence = 1\ndo = \"delay\"\nms = 1500").unwrap();
    let one = Agent::start(cluster, "one");
    let two = Agent::start_as(cluster, "two", ETH3, "", &format!("--faults {}", faults.display()));
    cluster.ask("one", Command::SetTunIp { tun_ip: "192.168.40.9/24".into() }).await.unwrap();
    cluster.ask("one", Command::order(Order::DS, Method::Classic)).await.unwrap();
    let mut command = Process::new("env");
    command.args(["--default-signal=INT,TERM,HUP", env!("CARGO_BIN_EXE_baton"), "--config"]).arg(cluster.path("baton.toml"));
    command.args(["do", "M", "--method", "classic", "--json"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A step of its own: no other host's answer is waited for.
    let starts = |s: &Telemetry| s.migration.as_ref().is_some_and(|p| !p.finished && p.now.starts_with("start_d2d on two"));
    cluster.until("two", "its own step", starts).await;
    (child, [one, two])
}

#[tokio::test]
async fn an_order_whose_agent_falls_silent_for_a_while_is_followed_to_its_end() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let (command, [_one, two]) = order_by_command(&cluster).await;
    two.signal(Signal::SIGSTOP);
    // Longer than a client waits for an agent that says nothing.
    tokio::time::sleep(Duration::from_millis(5500)).await;
    two.signal(Signal::SIGCONT);
    let output = output(command).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("looking for the run on two"), "{told}");
    let record: RunRecord = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {told}"));
    // The agent has been stopped for longer than the source is kept for its run, which harms nothing when nobody wanted it.
    assert_eq!((output.status.code(), record.outcome), (Some(0), Outcome::Ok), "{record:#?}");
    assert!(serves(&cluster.status("two").await));
}

#[tokio::test]
async fn what_is_not_known_is_said_so_with_an_exit_code_of_its_own() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let (command, [_one, two]) = order_by_command(&cluster).await;
    two.kill();
    let output = output(command).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("whether M was carried out is not known") && told.contains("baton runs show"), "{told}");
    assert!(output.stdout.is_empty());

    let cluster = Cluster::new("", None);
    let (command, _agents) = order_by_command(&cluster).await;
    signal(&command, Signal::SIGINT);
    let output = self::output(command).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("M goes on on two without this command"), "{told}");
    assert_eq!(over(&cluster).await.outcome, Outcome::Ok);
}
