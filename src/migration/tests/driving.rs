//! The driver with a fake fleet in place of agents.

use std::sync::Mutex;

use tokio::sync::watch;

use super::*;
use crate::metrics::records;
use crate::migration::{Agents, Decision, carry_out};
use protocol::{Answer, Command, ErrorCode, Failure, Outcome, Progress};

fn request(order: Order) -> OrderRequest {
    OrderRequest { by: Some("tester@here".into()), ..OrderRequest::new(order, Method::Classic) }
}

fn nothing() -> watch::Receiver<Decision> {
    watch::channel(Decision::None).1
}

#[tokio::test(start_paused = true)]
async fn a_migration_is_on_disk_before_anyone_hears_that_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), true);
    let fleet = Mutex::new(before(Order::M));
    let mut seen: Vec<Progress> = Vec::new();
    let record = carry_out(&request(Order::M), &config, &fleet, nothing(), |progress| {
        let kept = records::load(folder.path()).unwrap().runs;
        assert_eq!(kept.len(), usize::from(progress.finished));
        seen.push(progress.clone());
    })
    .await;
    assert_eq!(record.outcome, Outcome::Ok);
    assert_eq!(record.by.as_deref(), Some("tester@here"));
    assert_eq!(records::load(folder.path()).unwrap().runs, std::slice::from_ref(&record));
    assert_eq!(seen.iter().filter(|p| p.finished).count(), 1);
    assert_eq!(seen.last().unwrap().record, Some(record));
}

#[tokio::test(start_paused = true)]
async fn records_that_can_not_be_written_are_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let record = carry_out(&request(Order::M), &config(&file, true), &Mutex::new(before(Order::M)), nothing(), |_| ()).await;
    assert_eq!(record.outcome, Outcome::Ok);
    assert!(record.warnings[0].contains("could not be written"), "{:?}", record.warnings);
}

/// Answers everything but `link_usrp`, for which it never comes back.
struct Hung(Mutex<Fleet>);

impl Agents for Hung {
    async fn request(&self, host: &str, command: Command, deadline: Duration) -> Result<Answer, Failure> {
        if matches!(command, Command::LinkUsrp { .. }) {
            std::future::pending::<()>().await;
        }
        self.0.request(host, command, deadline).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_hung_step_is_named_and_not_waited_for_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), true);
    let agents = Hung(Mutex::new(before(Order::M)));
    let mut running = 0.0_f64;
    // Spawned, as an agent does it: the future has to be Send.
    let record = tokio::spawn(async move {
        let record = carry_out(&request(Order::M), &config, &agents, nothing(), |progress| {
            running = progress.steps.iter().map(|s| s.ms).fold(running, f64::max);
        })
        .await;
        (record, running)
    });
    let (record, running) = record.await.unwrap();
    // The way back met it, too, and went round it.
    assert_eq!(record.outcome, Outcome::RolledBack);
    assert_eq!(record.failure.clone().unwrap().code, ErrorCode::Deadline);
    assert!(record.reason.clone().unwrap().starts_with("link_usrp on server2: server2 did not answer link_usrp"), "{record:?}");
    // The console saw the time of the hung step grow.
    assert!(running > 30_000.0, "{running}");
}

#[test]
fn runs_sort_by_time() {
    let ids: Vec<String> = (0..1000).map(|_| uuid::Uuid::now_v7().to_string()).collect();
    assert!(ids.is_sorted());
}
