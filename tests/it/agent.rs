//! The agent: every command with its failure branches, on real processes and real addresses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use crate::common::cluster::{Agent, Cluster, ETH3, SOON, baton, lives, until_gone};
use crate::common::machine;
use baton::link::telemetry::{Heard, subscribe};
use nix::sys::signal::Signal;
use protocol::{
    Command, Control, ControlValues, ErrorCode, Level, Linked, Method, Order, Outcome, ProcessState, Route, RunRecord, SetPort,
    Started, SyncState, Telemetry, TunIp,
};
use serde_json::{Value, json};

const PLAIN: Command = Command::StartD2d { control_flag: 0, control: None };

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn states(status: &Telemetry) -> (ProcessState, ProcessState, &str) {
    (status.d2d.state, status.usrp.state, status.radio_port.addresses.first().map_or("none", String::as_str))
}

use ProcessState::{Made, Running, Stopped};
const ACTIVE: &str = "192.168.10.1/24";
const PARKED: &str = "192.168.20.2/24";

#[tokio::test]
async fn the_hot_way_start_make_link_kill() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agent = Agent::start(&cluster, "one");
    assert_eq!(states(&cluster.status("one").await), (Stopped, Stopped, PARKED));
    assert!(cluster.status("one").await.radio_port.up);

    let d2d: Started = read(cluster.ask("one", PLAIN).await.unwrap());
    assert!(lives(d2d.pid));
    let again = cluster.ask("one", PLAIN).await.unwrap_err();
    assert_eq!((again.code, again.message), (ErrorCode::State, format!("the D2D process already runs (pid {})", d2d.pid)));
    let usrp: Started = read(cluster.ask("one", Command::MakeUsrp).await.unwrap());
    assert_eq!(states(&cluster.status("one").await), (Running, Made, PARKED));

    let linked: Linked = read(cluster.ask("one", Command::LINK_USRP).await.unwrap());
    assert_eq!((linked.probes, linked.init_ms, linked.make_ms), (1, None, None));
    let status = cluster.status("one").await;
    assert_eq!(states(&status), (Running, Running, ACTIVE));
    assert_eq!((status.d2d.pid, status.usrp.pid), (Some(d2d.pid), Some(usrp.pid)));
    assert_eq!(cluster.ask("one", Command::LINK_USRP).await.unwrap_err().code, ErrorCode::State);

    cluster.ask("one", Command::KillUsrp).await.unwrap();
    assert_eq!(states(&cluster.status("one").await), (Running, Stopped, PARKED));
    cluster.ask("one", Command::KillD2d).await.unwrap();
    assert!(!lives(d2d.pid) && !lives(usrp.pid));
    cluster.ask("one", Command::DoubleKill).await.expect("already stopped counts as worked");
    assert_eq!(cluster.ask("one", Command::LINK_USRP).await.unwrap_err().message, "the USRP process does not run");
}

#[tokio::test]
async fn the_cold_way_and_each_way_it_fails() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agent = Agent::start(&cluster, "one");
    let linked: Linked = read(cluster.ask("one", Command::START_USRP).await.unwrap());
    assert!(linked.init_ms.is_some() && linked.make_ms.is_some());
    assert_eq!(states(&cluster.status("one").await), (Stopped, Running, ACTIVE));
    assert_eq!(cluster.ask("one", Command::START_USRP).await.unwrap_err().code, ErrorCode::State);
    cluster.ask("one", Command::DoubleKill).await.unwrap();
    let table = [
        ("no_link", ErrorCode::Radio, "USRP: the radio does not stream"),
        ("no_init", ErrorCode::Radio, "the radio (addr=192.168.10.2) could not be initialised: the test says so"),
        ("no_find", ErrorCode::RadioNotFound, "the radio (addr=192.168.10.2) was not found in 8 tries: the test says so"),
    ];
    for (fixture, code, words) in table {
        cluster.touch(fixture);
        let failure = cluster.ask("one", Command::START_USRP).await.unwrap_err();
        assert_eq!((failure.code, failure.message.as_str()), (code, words));
        assert_eq!(states(&cluster.status("one").await), (Stopped, Stopped, PARKED), "{fixture} leaves nothing");
    }
    cluster.ask("one", Command::MakeUsrp).await.unwrap();
    let failure = cluster.ask("one", Command::LINK_USRP).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::RadioNotFound);
    assert_eq!(states(&cluster.status("one").await), (Stopped, Made, PARKED));
}

#[tokio::test]
async fn addresses_are_set_one_at_a_time_and_read_back() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agent = Agent::start(&cluster, "one");
    assert!(cluster.ask("one", Command::GetTunIp).await.unwrap_err().message.contains("tun of one has no IPv4 address"));
    // The second is in the network of the first, whose removal must not take it along.
    for tun_ip in ["192.168.40.8/24", "192.168.40.9/24", "192.168.40.9/24", "10.0.0.1/30"] {
        cluster.ask("one", Command::SetTunIp { tun_ip: tun_ip.into() }).await.unwrap();
        assert_eq!(read::<TunIp>(cluster.ask("one", Command::GetTunIp).await.unwrap()).tun_ip, tun_ip);
        assert_eq!(cluster.status("one").await.tun.addresses, [tun_ip]);
    }
    cluster.ask("one", Command::SetTunIp { tun_ip: String::new() }).await.unwrap();
    assert!(cluster.status("one").await.tun.addresses.is_empty(), "an empty address clears it");
    for bad in ["192.168.40.9", "rm -rf", "192.168.40.9/99"] {
        let failure = cluster.ask("one", Command::SetTunIp { tun_ip: bad.into() }).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Address, "{failure}");
    }
    for (port, address) in [(SetPort::Active, ACTIVE), (SetPort::Active, ACTIVE), (SetPort::Parked, PARKED)] {
        cluster.ask("one", Command::SetEth3 { port }).await.unwrap();
        assert_eq!(cluster.status("one").await.radio_port.addresses, [address]);
    }
}

#[tokio::test]
async fn a_missing_interface_is_named() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agent = Agent::start_with(&cluster, "one", "");
    let failure = cluster.ask("one", Command::SetEth3 { port: SetPort::Active }).await.unwrap_err();
    assert_eq!((failure.code, failure.message.as_str()), (ErrorCode::Address, "one has no interface eth3"));
    let failure = cluster.ask("one", Command::START_USRP).await.unwrap_err();
    assert_eq!(failure.message, "one has no interface eth3; and eth3 could not be parked: one has no interface eth3");
    cluster.ask("one", PLAIN).await.unwrap();
    assert!(cluster.ask("one", Command::DoubleKill).await.is_err());
    assert_eq!(cluster.status("one").await.d2d.state, Stopped, "the others are killed all the same");
}

#[tokio::test]
async fn control_variables_and_routes_are_carried_and_collected() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agent = Agent::start(&cluster, "one");
    assert_eq!(cluster.ask("one", Command::GetControl).await.unwrap_err().code, ErrorCode::State);
    let flag = |control_flag, control| Command::StartD2d { control_flag, control };
    assert_eq!(cluster.ask("one", flag(1, None)).await.unwrap_err().code, ErrorCode::BadRequest);
    assert_eq!(cluster.ask("one", flag(2, None)).await.unwrap_err().code, ErrorCode::BadRequest);

    cluster.ask("one", PLAIN).await.unwrap();
    let values: ControlValues = read(cluster.ask("one", Command::GetControl).await.unwrap());
    assert_eq!(Value::Object(values.control), json!({"BW": 5, "phy_cell_ID": 7, "workmode": 1, "carried": false}));
    let status = cluster.until("one", "collected meanings", |s| !s.control.meanings.is_empty()).await;
    assert_eq!(status.control.meanings["BW"], "system bandwidth, MHz");
    cluster.ask("one", Command::KillD2d).await.unwrap();

    let route_list = vec![Route { dest_id: 3, nexthop: 4 }];
    cluster.ask("one", Command::SetRoute { route_list: route_list.clone() }).await.unwrap();
    let control: Control = read(json!({"phy_cell_ID": 301, "RNTI": 2}));
    cluster.ask("one", flag(1, Some(control))).await.unwrap();
    let carried = json!({"BW": 5, "phy_cell_ID": 301, "workmode": 1, "RNTI": 2, "carried": true});
    let status = cluster.until("one", "carried control", |s| Value::Object(s.control.values.clone()) == carried).await;
    assert_eq!(status.route_list, route_list);
    cluster.ask("one", Command::KillD2d).await.unwrap();

    cluster.touch("no_routes");
    cluster.ask("one", Command::SetRoute { route_list }).await.unwrap();
    let failure = cluster.ask("one", PLAIN).await.unwrap_err();
    assert_eq!(failure.message, "the routes could not be written into the D2D process: D2D: the table is full");
    assert_eq!(cluster.status("one").await.d2d.state, Stopped);
}

#[tokio::test]
async fn sync_is_awaited_and_gives_up_in_time() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agent = Agent::start(&cluster, "one");
    let wait = |deadline_ms| Command::AwaitSync { deadline_ms };
    assert_eq!(cluster.ask("one", wait(1000)).await.unwrap_err().code, ErrorCode::State);
    cluster.ask("one", PLAIN).await.unwrap();
    let failure = cluster.ask("one", wait(50)).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Deadline);
    assert!(failure.message.ends_with("it is searching for the far end"), "{failure}");
    let (synced, ()) = tokio::join!(cluster.ask("one", wait(10_000)), async { cluster.touch("synced") });
    assert!(matches!(read(synced.unwrap()), SyncState::Synced { .. }));
    cluster.ask("one", Command::MakeUsrp).await.unwrap();
    let usrp = cluster.status("one").await.usrp.pid.unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(usrp as i32), Signal::SIGKILL).unwrap();
    until_gone(usrp).await;
    let failure = cluster.ask("one", wait(1000)).await.unwrap_err();
    assert_eq!((failure.code, failure.message.as_str()), (ErrorCode::Process, "the USRP process has died"));
    std::fs::remove_file(cluster.path("synced")).unwrap();
    cluster.ask("one", Command::KillD2d).await.unwrap();
    cluster.ask("one", PLAIN).await.unwrap();
    let (ended, _) = tokio::join!(cluster.ask("one", wait(10_000)), async { cluster.ask("one", Command::KillD2d).await.unwrap() });
    assert_eq!(ended.unwrap_err().message, "the D2D process ended before it was in sync");
}

#[tokio::test]
async fn a_death_is_reported_with_its_last_words() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agent = Agent::start(&cluster, "one");
    let mut heard = subscribe(std::sync::Arc::clone(&cluster.config)).unwrap();
    let listening = async {
        while let Some(next) = heard.recv().await {
            if matches!(&next, Heard::Telemetry(t) if t.host == "one") {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, listening).await.unwrap();
    cluster.ask("one", Command::MakeUsrp).await.unwrap();
    cluster.touch("die_usrp");
    let died = async {
        while let Some(next) = heard.recv().await {
            if let Heard::Event(event) = next
                && event.level == Level::Error
            {
                return event.text;
            }
        }
        String::new()
    };
    let text = tokio::time::timeout(SOON, died).await.unwrap();
    assert!(text.contains("died: exit status: 7") && text.contains("the usrp fixture was told to die"), "{text}");
    let status = cluster.status("one").await;
    assert_eq!((status.usrp.state, status.usrp.pid), (ProcessState::Died, None));
    assert!(status.usrp.last_words.unwrap().contains("told to die"));
    let failure = cluster.ask("one", Command::MakeUsrp).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Process);
    assert!(failure.message.contains("told to die"), "{failure}");
    std::fs::remove_file(cluster.path("die_usrp")).unwrap();
    cluster.ask("one", Command::MakeUsrp).await.expect("it may be started again");
}

#[tokio::test]
async fn programs_without_a_contract_are_started_asked_nothing_and_killed_with_their_children() {
    let _turn = machine::shared();
    let script = r#"d2d = ["/bin/sh", "-c", "trap '' TERM; sleep 1000 & echo $! > $BATON_TEST_DIR/sleeper; wait; wait"]
usrp = ["/nowhere/usrp"]"#;
    let cluster = Cluster::new("", Some(script));
    let _agent = Agent::start(&cluster, "one");
    let started: Started = read(cluster.ask("one", PLAIN).await.unwrap());
    let sleeper: u32 = std::fs::read_to_string(cluster.path("sleeper")).unwrap().trim().parse().unwrap();
    assert!(lives(started.pid) && lives(sleeper));
    assert_eq!(cluster.status("one").await.d2d.state, Running);
    let values: ControlValues = read(cluster.ask("one", Command::GetControl).await.unwrap());
    assert_eq!(values.control["BW"], 5);
    cluster.ask("one", Command::KillD2d).await.unwrap();
    assert!(!lives(started.pid) && !lives(sleeper), "SIGKILL follows an ignored SIGTERM, for the whole group");
    let failure = cluster.ask("one", Command::MakeUsrp).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Environment);
    assert!(failure.message.contains("/nowhere/usrp"), "{failure}");
}

#[tokio::test]
async fn the_probe_starts_stops_and_counts() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agent = Agent::start(&cluster, "one");
    assert_eq!(cluster.ask("one", Command::ProbeMark).await.unwrap_err().code, ErrorCode::State);
    let start = |target: &str, interval_ms| Command::ProbeStart { target: target.into(), interval_ms };
    assert_eq!(cluster.ask("one", start("nobody", 10.0)).await.unwrap_err().code, ErrorCode::BadRequest);
    assert!(cluster.ask("one", start("127.0.0.1", 0.1)).await.is_err());
    assert!(cluster.ask("one", start("127.0.0.1", -5.0)).await.is_err());
    cluster.ask("one", start("127.0.0.1", 2.0)).await.unwrap();
    let mark: protocol::ProbeMark = read(cluster.ask("one", Command::ProbeMark).await.unwrap());
    cluster.until("one", "ten replies", |s| s.probe.as_ref().is_some_and(|p| p.received >= mark.next + 10)).await;
    let window: protocol::ProbeWindow = read(cluster.ask("one", Command::ProbeWindow { since: mark.next }).await.unwrap());
    assert!(window.sent >= 10 && window.lost == 0, "{window:?}");
    cluster.ask("one", Command::ProbeStop).await.unwrap();
    assert_eq!(cluster.status("one").await.probe, None);
}

#[tokio::test]
async fn orders_run_between_two_agents_and_only_where_they_belong() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agents = [Agent::start(&cluster, "one"), Agent::start(&cluster, "two")];
    cluster.touch("synced");
    cluster.ask("one", Command::SetTunIp { tun_ip: "192.168.40.9/24".into() }).await.unwrap();
    let order = |host: &'static str, order, method| {
        let cluster = &cluster;
        async move { cluster.ask(host, Command::order(order, method)).await.map(read::<RunRecord>) }
    };
    let failure = order("two", Order::DS, Method::Classic).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::WrongAddressee, "{failure}");
    for (host, name, method) in [
        ("one", Order::DS, Method::Classic),
        ("two", Order::M, Method::Classic),
        ("one", Order::MB, Method::Classic),
        ("two", Order::M, Method::Cold),
        ("two", Order::KR, Method::Cold),
    ] {
        let (record, beside) = tokio::join!(order(host, name, method), async {
            cluster.until(host, "an order under way", |s| s.migration.as_ref().is_some_and(|p| p.order == name)).await;
            order(host, name, method).await
        });
        let record = record.unwrap();
        assert_eq!((record.outcome, &record.reason), (Outcome::Ok, &None), "{name}: {record:#?}");
        if let Err(failure) = beside {
            assert_eq!(failure.code, ErrorCode::Busy);
        }
        let serving = cluster.status(host).await;
        if name != Order::KR {
            assert_eq!(states(&serving), (Running, Running, ACTIVE), "{name}");
        }
        if name.is_migration() {
            assert_eq!(states(&cluster.status(&record.from).await), (Stopped, Stopped, PARKED), "{name}");
            assert_eq!(serving.tun.addresses, ["192.168.40.9/24"]);
        }
    }
    let lines = std::fs::read_to_string(cluster.path("records/runs.jsonl")).unwrap();
    assert!(lines.lines().count() >= 5);
}

#[tokio::test]
async fn end_and_signals_leave_nothing_behind() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    for way in ["end", "SIGTERM", "SIGINT"] {
        // A stop leaves the work at work unless told otherwise: tests/it/survival.rs.
        let agent = Agent::start_as(&cluster, "one", ETH3, "", "--end-on-stop");
        let d2d: Started = read(cluster.ask("one", PLAIN).await.unwrap());
        read::<Linked>(cluster.ask("one", Command::START_USRP).await.unwrap());
        let usrp = cluster.status("one").await.usrp.pid.unwrap();
        match way {
            "end" => drop(cluster.ask("one", Command::End).await.unwrap()),
            "SIGTERM" => agent.signal(Signal::SIGTERM),
            _ => agent.signal(Signal::SIGINT),
        }
        assert_eq!(tokio::task::spawn_blocking(|| agent.exit()).await.unwrap(), Some(0), "{way}");
        assert!(!lives(d2d.pid) && !lives(usrp), "{way}");
        assert!(!cluster.path("one.cmd").exists() && !cluster.path("one.tele").exists(), "{way}");
    }
}

#[test]
fn what_is_wrong_at_the_start_is_said_with_an_exit_code() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let file = cluster.path("baton.toml").display().to_string();
    let (code, words) = baton(&["--config", &file, "agent", "--host", "three"]);
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("there is no host \"three\"") && words.contains("one, two"), "{words}");
    let (code, words) = baton(&["--config", "/nowhere.toml", "agent", "--host", "one"]);
    assert_eq!(code, Some(2));
    assert!(words.contains("cannot be read"), "{words}");
    let _agent = Agent::start(&cluster, "one");
    let (code, words) = baton(&["--config", &file, "agent", "--host", "one"]);
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("cannot listen on ipc://"), "{words}");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen(&format!("ipc://{}/two.cmd", cluster.dir.path().display()), "tcp://0.0.0.0:17600", 1))
        .unwrap();
    let (code, words) = baton(&["--config", &file, "agent", "--host", "two"]);
    assert_eq!(code, Some(2));
    assert!(words.contains("key_file"), "{words}");
}
