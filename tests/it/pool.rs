//! One agent, several radios: each has processes, interfaces, addresses and orders of its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::time::Duration;

use crate::common::cluster::{Agent, Cluster, ETH3, SECOND, SOON};
use crate::common::machine;
use baton::link::telemetry::{Heard, subscribe};
use protocol::{Command, ErrorCode, Method, Order, Outcome, ProcessState, RunRecord, Telemetry};

fn told(status: &Telemetry) -> (Option<&str>, ProcessState, ProcessState, &str) {
    let address = status.radio_port.addresses.first().map_or("none", String::as_str);
    (status.radio.as_deref(), status.d2d.state, status.usrp.state, address)
}

use ProcessState::{Running, Stopped};

#[tokio::test]
async fn two_radios_of_a_host_know_nothing_of_each_other() {
    let _turn = machine::shared();
    let alpha = Cluster::new("", None).of_two_radios("alpha");
    let interfaces = format!("{ETH3} {SECOND}");
    let _one = Agent::start_with(&alpha, "one", &interfaces);
    // The second server parks one address behind the first.
    let _two = Agent::start_with(&alpha, "two", &interfaces.replace(".2/24", ".3/24"));
    let started: RunRecord =
        serde_json::from_value(alpha.ask("one", Command::order(Order::DS, Method::Hot)).await.unwrap()).unwrap();
    assert_eq!((started.outcome, started.radio.as_deref()), (Outcome::Ok, Some("alpha")), "{started:#?}");
    let alphas = alpha.status("one").await;
    assert_eq!(told(&alphas), (Some("alpha"), Running, Running, "192.168.10.1/24"));

    let beta = alpha.of_two_radios("beta");
    assert_eq!(told(&beta.status("one").await), (Some("beta"), Stopped, Stopped, "192.168.21.2/24"));
    let started: RunRecord =
        serde_json::from_value(beta.ask("one", Command::order(Order::DS, Method::Hot)).await.unwrap()).unwrap();
    assert_eq!((started.outcome, started.radio.as_deref()), (Outcome::Ok, Some("beta")), "{started:#?}");
    let betas = beta.status("one").await;
    assert_eq!(told(&betas), (Some("beta"), Running, Running, "192.168.11.1/24"));
    assert!(betas.d2d.pid != alphas.d2d.pid && betas.usrp.pid != alphas.usrp.pid);

    // A reader of one radio hears of that one alone.
    let mut heard = subscribe(std::sync::Arc::clone(&beta.config)).unwrap();
    let ten = tokio::time::timeout(SOON, async {
        let mut seen = 0;
        while seen < 10 {
            if let Some(Heard::Telemetry(telemetry)) = heard.recv().await {
                assert_eq!(telemetry.radio.as_deref(), Some("beta"));
                seen += 1;
            }
        }
    });
    ten.await.unwrap();

    // What is ended of one goes on for the other.
    beta.ask("one", Command::order(Order::KL, Method::Hot)).await.unwrap();
    assert_eq!(told(&beta.status("one").await), (Some("beta"), Stopped, Stopped, "192.168.21.2/24"));
    let alpha = beta.of_two_radios("alpha");
    let after = alpha.status("one").await;
    assert_eq!((told(&after), after.d2d.pid), ((Some("alpha"), Running, Running, "192.168.10.1/24"), alphas.d2d.pid));
}

#[tokio::test]
async fn a_command_that_names_no_radio_is_refused_where_there_are_two() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None).of_two_radios("alpha");
    let _one = Agent::start_with(&cluster, "one", &format!("{ETH3} {SECOND}"));
    let config = config::RadioViews::load(&cluster.path("baton.toml")).unwrap().whole().clone();
    let client = baton::link::client::Client::new(std::sync::Arc::new(config)).unwrap();
    let failure = client.request("one", Command::Status, Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(
        (failure.code, failure.message.as_str()),
        (ErrorCode::BadRequest, "one serves several radios, and the command names none")
    );
    assert_eq!(failure.hint.as_deref(), Some("it serves alpha, beta"));
}
