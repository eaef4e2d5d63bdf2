//! The order that an agent did not finish before its restart: noted on disk while it is under way, recorded as failed when it cannot be
//! brought to its end.

use std::net::Ipv4Addr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::state::Agent;
use super::telemetry;
use crate::migration::{self, standing::holds_radio};
use config::Config;
use protocol::{
    Failure, Interruption, Level, OrderRequest, OrderStage, Outcome, ProcessState, Progress, RunRecord, Telemetry, ask,
};

/// The other host of an order is asked what it does; one that is down must not keep the answer waiting.
const LOOK: Duration = Duration::from_secs(3);
/// The note of an order is on disk sooner, unless the disk hangs.
const NOTED: Duration = Duration::from_millis(300);

/// An order under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderUnderWay {
    /// When it was ordered, for people.
    pub(super) began: DateTime<Utc>,
    /// The same on CLOCK_BOOTTIME, ms, which no step of the wall clock changes; absent in the files of 0.2.0.
    #[serde(default)]
    pub(super) began_boot_ms: Option<u64>,
    /// What.
    pub(super) request: OrderRequest,
    /// Address of this host's tun then.
    #[serde(default)]
    pub(super) tun_before: String,
    /// The checks are done, and things change.
    #[serde(default)]
    pub(super) begun: bool,
}

/// CLOCK_BOOTTIME.
pub(super) fn boot_time() -> Duration {
    // Every Linux has this clock.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

impl OrderUnderWay {
    /// How long ago it was ordered; since the machine's start when that was before it.
    pub(super) fn age(&self) -> Duration {
        let Some(began) = self.began_boot_ms.map(Duration::from_millis) else { return Duration::ZERO };
        let now = boot_time();
        now.checked_sub(began).unwrap_or(now)
    }
}

/// Notes that an order is under way.
pub(super) async fn note_order(agent: &Agent, under_way: &OrderUnderWay) {
    agent.host.write_state("order", under_way);
    // Nothing of the order has begun; a disk that hangs must not keep it from beginning.
    agent.host.disk.flush(NOTED).await;
}

/// The order that was under way when this agent last ended.
pub(super) fn unfinished_order(agent: &Agent) -> Option<OrderUnderWay> {
    agent.host.read_state("order")
}

/// The order has ended, and its record is written.
pub(super) fn forget_order(agent: &Agent) {
    agent.host.remove_state("order");
}

/// Records an order as failed in whose middle this agent ended, with what each host does now.
pub(super) async fn report_broken_order(agent: &Agent, began: DateTime<Utc>, request: OrderRequest, config: &Config) {
    let (from, to) = config.ends(request.order);
    let mut found = vec![look_at(agent, to).await];
    if from != to {
        found.insert(0, look_at(agent, from).await);
    }
    let serving: Vec<&str> = found.iter().filter(|sighting| sighting.serves).map(|sighting| sighting.host.as_str()).collect();
    let details: Vec<&str> = found.iter().map(|sighting| sighting.words.as_str()).collect();
    let outcome = match serving.as_slice() {
        [] => "nobody serves now".to_owned(),
        hosts => format!("{} serves now", hosts.join(" and ")),
    };
    let order = request.order;
    let reason = format!("the agent of {} ended while it carried out {order}; {outcome} ({})", agent.host.name, details.join("; "));
    let record = RunRecord {
        radio: agent.host.config.radio_to_tell(),
        run: request.run.unwrap_or_else(|| uuid::Uuid::now_v7().to_string()),
        started: began,
        order,
        method: request.method,
        from: from.to_owned(),
        to: to.to_owned(),
        relay: !agent.host.config.terminals.is_empty(),
        taken_up: false,
        by: request.by,
        outcome: Outcome::Failed,
        reason: Some(reason.clone()),
        failure: None,
        warnings: Vec::new(),
        phases: Vec::new(),
        trace: Vec::new(),
        handover: None,
        mechanism: None,
        packets_forwarded: 0,
        total_ms: 0.0,
        held_ms: None,
        interruption: Interruption::default(),
        rollback: None,
    };
    append(agent, &record).await;
    forget_order(agent);
    agent.host.event(Level::Error, reason);
    show(agent, record);
}

async fn append(agent: &Agent, record: &RunRecord) {
    if let Err(failure) = migration::write_record(&agent.host.config.records, record).await {
        agent.host.event(Level::Warning, failure.to_string());
    }
}

/// The console shows the broken order as the last one, unless there is a newer.
fn show(agent: &Agent, record: RunRecord) {
    let last = Progress {
        run: record.run.clone(),
        order: record.order,
        method: record.method,
        from: record.from.clone(),
        to: record.to.clone(),
        steps: Vec::new(),
        now: record.reason.clone().unwrap_or_default(),
        stage: OrderStage::Closing,
        finished: true,
        record: Some(record),
    };
    agent.state().progress.get_or_insert(last);
    agent.host.notify_change();
}

/// What a host does.
struct Sighting {
    host: String,
    serves: bool,
    words: String,
}

async fn look_at(agent: &Agent, host: &str) -> Sighting {
    match status_of(agent, host).await {
        Ok(status) => sighting_from_status(host, &status, agent.host.config.addresses.active.address()),
        Err(failure) => Sighting { host: host.to_owned(), serves: false, words: failure.message },
    }
}

async fn status_of(agent: &Agent, host: &str) -> Result<Telemetry, Failure> {
    if host == agent.host.name {
        return telemetry::snapshot(agent).await;
    }
    agent.client.ask(host, ask::Status {}, LOOK).await
}

fn sighting_from_status(host: &str, status: &Telemetry, active: Ipv4Addr) -> Sighting {
    let points = holds_radio(status, active);
    let d2d = status.d2d.pid.is_some();
    let linked = status.usrp.state == ProcessState::Running;
    let item = |what: &str, it: bool| if it { what.to_owned() } else { format!("no {what}") };
    let words = format!("{host}: {}, {}, {}", item("D2D", d2d), item("linked USRP", linked), item("radio address", points));
    Sighting { host: host.to_owned(), serves: points && d2d && linked, words }
}
