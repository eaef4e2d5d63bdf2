//! One owner of the radio: epochs between two agents, and the question on the wire whether somebody else has its address.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::common::cluster::{Agent, Cluster, SOON};
use crate::common::machine;
use nix::sys::signal::Signal;
use protocol::{Command, ErrorCode, Linked, Method, Order, Outcome, ProcessState, Request, RunRecord, SetPort, Telemetry};
use serde_json::{Value, json};

const ACTIVE: &str = "192.168.10.1/24";
const PARKED: &str = "192.168.20.2/24";

fn link(epoch: u64) -> Command {
    Command::LinkUsrp { epoch: Some(epoch), force: false, despite_foreign: false }
}

fn linked(value: Value) -> Linked {
    serde_json::from_value(value).unwrap()
}

fn owner(status: &Telemetry) -> (Option<u64>, Option<&str>) {
    (status.owner_epoch, status.owner.as_deref())
}

#[tokio::test]
async fn the_newer_owner_fences_the_older_and_a_stale_one_is_refused() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let one = Agent::start(&cluster, "one");
    let _two = Agent::start(&cluster, "two");
    assert_eq!(owner(&cluster.status("one").await), (None, None));
    let first = linked(cluster.ask("one", Command::START_USRP).await.unwrap());
    assert_eq!((first.epoch, first.forced), (Some(1), None));
    cluster.until("two", "knowing the owner", |s| owner(s) == (Some(1), Some("one"))).await;

    cluster.ask("two", Command::MakeUsrp).await.unwrap();
    for old in [0, 1] {
        let failure = cluster.ask("two", link(old)).await.unwrap_err();
        assert_eq!(
            (failure.code, failure.message),
            (ErrorCode::StaleEpoch, format!("epoch {old} is over: one owns the radio under epoch 1"))
        );
        assert_eq!(cluster.status("two").await.radio_port.addresses, [PARKED]);
    }
    assert_eq!(linked(cluster.ask("two", link(7)).await.unwrap()).epoch, Some(7));
    let fenced = cluster.until("one", "giving way", |s| s.usrp.state == ProcessState::Stopped).await;
    assert_eq!((owner(&fenced), fenced.radio_port.addresses.clone()), ((Some(7), Some("two")), vec![PARKED.to_owned()]));

    // An owner that was told is still told after a restart.
    drop(one);
    let _one = Agent::start(&cluster, "one");
    assert_eq!(owner(&cluster.status("one").await), (Some(7), Some("two")));
    cluster.ask("one", Command::MakeUsrp).await.unwrap();
    assert_eq!(cluster.ask("one", link(7)).await.unwrap_err().code, ErrorCode::StaleEpoch);
    let file = cluster.path("records/state/one.owner.json");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(linked(cluster.ask("one", Command::LINK_USRP).await.unwrap()).epoch, Some(8), "a plain client takes the next");
    cluster.until("two", "giving way", |s| s.usrp.state == ProcessState::Stopped).await;
}

#[tokio::test]
async fn a_fence_leaves_a_process_that_is_only_made_and_is_refused_when_it_is_old() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _one = Agent::start(&cluster, "one");
    let fence = |epoch, owner: &str| Command::Fence { epoch, owner: owner.into() };
    cluster.ask("one", Command::MakeUsrp).await.unwrap();
    cluster.ask("one", Command::SetEth3 { port: SetPort::Active }).await.unwrap();
    assert_eq!(owner(&cluster.status("one").await), (Some(1), Some("one")));
    assert_eq!(cluster.ask("one", fence(0, "two")).await.unwrap_err().code, ErrorCode::StaleEpoch);
    for nobody in ["one", "three"] {
        assert_eq!(cluster.ask("one", fence(9, nobody)).await.unwrap_err().code, ErrorCode::BadRequest);
    }
    assert_eq!(cluster.status("one").await.radio_port.addresses, [ACTIVE], "what is refused changes nothing");
    cluster.ask("one", fence(2, "two")).await.unwrap();
    let status = cluster.status("one").await;
    assert_eq!((status.usrp.state, status.radio_port.addresses), (ProcessState::Made, vec![PARKED.to_owned()]));
}

#[tokio::test]
async fn an_address_that_somebody_has_is_not_set_unless_by_force() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let one = Agent::start(&cluster, "one");
    one.ip("link set radio address 02:00:00:00:00:99");
    one.ip("addr add 192.168.10.1/24 dev radio");
    cluster.ask("one", Command::MakeUsrp).await.unwrap();
    let words = "eth3 of one was not given 192.168.10.1: the host with the hardware address 02:00:00:00:00:99 has it";
    for command in [Command::LINK_USRP, link(5), Command::SetEth3 { port: SetPort::Active }] {
        let failure = cluster.ask("one", command).await.unwrap_err();
        assert_eq!((failure.code, failure.message.as_str()), (ErrorCode::AddressConflict, words));
    }
    let status = cluster.status("one").await;
    assert_eq!((owner(&status), status.radio_port.addresses.clone()), ((None, None), vec![PARKED.to_owned()]));
    let forced = linked(cluster.ask("one", Command::LinkUsrp { epoch: None, force: true, despite_foreign: false }).await.unwrap());
    assert_eq!((forced.epoch, forced.forced.as_deref()), (Some(1), Some(words)));
    assert_eq!(cluster.status("one").await.radio_port.addresses, [ACTIVE]);
    cluster.ask("one", Command::DoubleKill).await.unwrap();
    one.ip("addr del 192.168.10.1/24 dev radio");
    cluster.ask("one", Command::START_USRP).await.expect("nobody has it any more");
}

#[tokio::test]
async fn a_network_that_can_not_be_asked_is_said() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let one = Agent::start(&cluster, "one");
    one.ip("link set eth3 down");
    let failure = cluster.ask("one", Command::SetEth3 { port: SetPort::Active }).await.unwrap_err();
    assert_eq!(
        failure.message,
        "eth3 of one could not be asked whether another host has 192.168.10.1: Network is down (os error 100)"
    );
}

#[test]
fn a_plain_client_need_not_name_an_epoch() {
    for args in ["", r#", "args": {}"#, r#", "args": null"#] {
        for (name, command) in
            [("link_usrp", Command::LINK_USRP), ("start_usrp", Command::START_USRP), ("make_usrp", Command::MakeUsrp)]
        {
            let frame = format!(r#"{{"v": 1, "id": "1", "to": "one", "command": "{name}"{args}}}"#);
            assert_eq!(Request::parse(frame.as_bytes()).unwrap().command, command, "{frame}");
        }
    }
    let full = json!({"v": 1, "id": "1", "to": "one", "command": "link_usrp", "args": {"epoch": 3, "force": true}});
    let parsed = Request::parse(full.to_string().as_bytes()).unwrap();
    assert_eq!(parsed.command, Command::LinkUsrp { epoch: Some(3), force: true, despite_foreign: false });
    assert_eq!(serde_json::from_value::<Request>(serde_json::to_value(&parsed).unwrap()).unwrap(), parsed);
    let wrong = full.to_string().replace('3', "-3");
    assert_eq!(Request::parse(wrong.as_bytes()).unwrap_err().code, ErrorCode::BadRequest);
}

#[tokio::test]
async fn a_failover_takes_nothing_before_the_silent_host_is_switched_off() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let at = cluster.dir.path().display().to_string();
    let script = format!("test -e {at}/board || {{ echo the board does not answer >&2; exit 3; }}; touch {at}/off");
    let cluster = cluster.with_host_one(&format!("fence_command = {}", json!(["/bin/sh", "-c", script])));
    cluster.touch("synced");
    let (one, two) = (Agent::start(&cluster, "one"), Agent::start(&cluster, "two"));
    cluster.ask("one", Command::SetTunIp { tun_ip: "192.168.40.9/24".into() }).await.unwrap();
    let order = async |host: &str, order, method| -> RunRecord {
        serde_json::from_value(cluster.ask(host, Command::order(order, method)).await.unwrap()).unwrap()
    };
    assert_eq!(order("one", Order::DS, Method::Classic).await.outcome, Outcome::Ok);
    let began = std::time::Instant::now();
    while cluster.ask("two", Command::GetCollected { of: "one".into() }).await.is_err() {
        assert!(began.elapsed() < SOON, "two has collected nothing of one");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    one.signal(Signal::SIGSTOP);
    let refused = order("two", Order::M, Method::Failover).await;
    let failure = refused.failure.as_ref().unwrap();
    assert_eq!((refused.outcome, failure.code), (Outcome::Failed, ErrorCode::State), "{refused:#?}");
    assert!(failure.message.contains("the board does not answer"), "{failure}");
    let status = cluster.status("two").await;
    assert_eq!(status.radio_port.addresses, ["192.168.20.2/24"], "nothing was taken");
    assert_eq!((status.d2d.state, status.usrp.state), (ProcessState::Stopped, ProcessState::Stopped));
    assert!(!cluster.path("off").exists());

    cluster.touch("board");
    let taken = order("two", Order::M, Method::Failover).await;
    assert_eq!(taken.outcome, Outcome::Ok, "{taken:#?}");
    assert!(cluster.path("off").exists() && !taken.warnings.iter().any(|text| text.contains("fence_command")), "{taken:#?}");
    // In this test it was not really off, and gives way.
    one.signal(Signal::SIGCONT);
    cluster.until("one", "giving way", |status| status.usrp.state == ProcessState::Stopped).await;
    drop(two);
}
