//! The headless twins over the real link, with a fake fleet behind it.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::demo::{self, DemoReport};
use super::*;
use crate::link::server::Server;
use crate::metrics::history::Spread;
use crate::migration::fleet::{Fault, Fleet, Host, config};
use crate::migration::{Agents, Decision, carry_out};
use protocol::{Answer, Command, Method, Order, Outcome};

/// Agents as far as orders go, one for each host, on private sockets.
struct Fakes {
    cluster: Cluster,
    fleet: Arc<Mutex<Fleet>>,
    _stop: DropGuard,
    _folder: tempfile::TempDir,
}

impl Agents for Client {
    async fn request(&self, host: &str, command: Command, deadline: Duration) -> Result<Answer, Failure> {
        Self::request(self, host, command, deadline).await
    }
}

async fn fakes(fleet: Fleet, hosts: &[&'static str]) -> Fakes {
    fakes_with(fleet, hosts, true).await
}

async fn fakes_with(fleet: Fleet, hosts: &[&'static str], far_end: bool) -> Fakes {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder.path().join("records"), far_end);
    config.runtime = folder.path().join("run");
    for (name, host) in &mut config.host {
        host.command = format!("ipc://{}/{name}.command", folder.path().display()).parse().unwrap();
        host.telemetry = format!("ipc://{}/{name}.telemetry", folder.path().display()).parse().unwrap();
    }
    let config = Arc::new(config);
    let client = Client::new(Arc::clone(&config)).unwrap();
    let (fleet, stop) = (Arc::new(Mutex::new(fleet)), CancellationToken::new());
    for &host in hosts {
        let server = Server::bind(&config, host, false).await.unwrap();
        let (config, client, fleet) = (Arc::clone(&config), client.clone(), Arc::clone(&fleet));
        let execute = move |command: Command| {
            let (config, client, fleet) = (Arc::clone(&config), client.clone(), Arc::clone(&fleet));
            async move {
                match command {
                    Command::Order(request) => {
                        Ok(carry_out(&request, &config, &client, watch::channel(Decision::None).1, |_| ()).await.into())
                    }
                    command => fleet.lock().unwrap().answer(host, &command),
                }
            }
        };
        tokio::spawn(server.serve(execute, stop.clone()));
    }
    Fakes { cluster: Cluster { config, client }, fleet, _stop: stop.drop_guard(), _folder: folder }
}

fn args(migrations: usize) -> demo::Args {
    demo::Args { headless: true, method: Some(Method::Classic), migrations, probe_interval: Duration::from_millis(100), json: true }
}

const ALL: [&str; 3] = ["server1", "server2", "server3"];

#[tokio::test]
async fn the_demonstration_migrates_to_and_fro() {
    let fakes = fakes(Fleet::new(Host::default(), Host::default()), &ALL).await;
    let mut report = DemoReport::default();
    demo::demonstrate(&fakes.cluster, &args(3), &mut report).await.unwrap();
    let orders: Vec<Order> = report.runs.iter().map(|run| run.record.order).collect();
    assert_eq!(orders, [Order::M, Order::MB, Order::M]);
    for run in &report.runs {
        assert_eq!((run.record.outcome, &run.record.warnings), (Outcome::Ok, &vec![]));
        assert!(run.replies_before >= 5 && run.replies_after >= 5);
        assert_eq!(run.record.by.as_ref().map(|by| by.contains('@')), Some(true));
    }
    let fleet = fakes.fleet.lock().unwrap();
    assert!(fleet.hosts["server2"].serves() && fleet.collision.is_none());
    // The start and the three migrations are on disk.
    assert_eq!(crate::metrics::records::load(&fakes.cluster.config.records).unwrap().runs.len(), 4);
}

#[tokio::test]
async fn the_demonstration_stops_at_a_migration_that_fails() {
    let mut fleet = Fleet::new(Host::default(), Host::default());
    fleet.faults.push(("server2", "link_usrp", Fault::Refused));
    let fakes = fakes(fleet, &ALL).await;
    let mut report = DemoReport::default();
    demo::demonstrate(&fakes.cluster, &args(4), &mut report).await.unwrap();
    assert_eq!(report.runs.len(), 1);
    assert_eq!(report.runs[0].record.outcome, Outcome::RolledBack);
}

#[tokio::test]
async fn a_host_without_an_agent_is_silent_and_the_others_are_not() {
    let fakes = fakes(Fleet::new(Host::serving(), Host::default()), &["server1", "server3"]).await;
    let answers = status::ask_all(&fakes.cluster).await;
    let reached: Vec<bool> = answers.iter().map(|(_, answer)| answer.is_ok()).collect();
    assert_eq!(reached, [true, false, true]);
    let failure = answers.into_iter().nth(1).unwrap().1.unwrap_err();
    assert_eq!(failure.exit_code(), 3, "{failure}");
}

/// What the engine and its link add to a migration: the agents answer at once. `scripts/bench-agent` keeps the lines that this prints.
#[tokio::test]
#[ignore = "measures"]
async fn print_engine_overhead() {
    const MIGRATIONS: usize = 200;
    // A failover asks for a source that does not answer, and these all do.
    for method in [Method::Cold, Method::Classic, Method::Hot, Method::Seamless] {
        // Without a far end nothing is waited for.
        let fakes = fakes_with(Fleet::new(Host::serving(), Host::default()), &ALL, false).await;
        let (mut totals, mut failed) = (Vec::new(), 0);
        for order in [Order::M, Order::MB].into_iter().cycle().take(MIGRATIONS) {
            let record = order::carry_out(&fakes.cluster, order, method).await.unwrap();
            match record.outcome {
                Outcome::Ok => totals.push(record.total_ms),
                _ => failed += 1,
            }
        }
        let Spread { n, median, p99, max, .. } = Spread::from_values(totals).unwrap();
        let requests = fakes.fleet.lock().unwrap().log.len() / MIGRATIONS;
        println!(
            "{{\"figure\":\"engine overhead\",\"method\":\"{method}\",\"n\":{n},\"failed\":{failed},\"requests\":{requests},\"median_ms\":{median:.3},\"p99_ms\":{p99:.3},\"max_ms\":{max:.3}}}"
        );
    }
}
