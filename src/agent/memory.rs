//! What an agent that is started again has to know of its earlier life: the control variables and routes that it had collected, the
//! routes that it was given for the next start, and an order that it did not finish.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::host::disk;
use super::state::Agent;
use super::telemetry;
use crate::metrics::records;
use crate::migration::standing::holds_radio;
use protocol::{
    Collected, Control, Interruption, Level, OrderRequest, OrderStage, Outcome, ProcessState, Progress, Route, RunRecord,
    Telemetry, ask,
};

/// The other host of an order is asked what it does; one that is down must not keep the answer waiting.
const LOOK: Duration = Duration::from_secs(3);

/// Collected values and routes as they are written down.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    routes_to_set: Vec<Route>,
    control: Control,
    meanings: serde_json::Map<String, Value>,
    routes: Vec<Route>,
    collected: Option<DateTime<Utc>>,
    #[serde(default)]
    peer: Option<(String, Collected)>,
}

impl Kept {
    /// The same but for the times of collecting.
    fn same(&self, other: &Self) -> bool {
        let values = |kept: &Self| {
            let timeless = |(host, collected): &(String, Collected)| {
                (host.clone(), Collected { at: DateTime::default(), ..collected.clone() })
            };
            Self { collected: None, peer: kept.peer.as_ref().map(timeless), ..kept.clone() }
        };
        values(self) == values(other) && self.collected.is_some() == other.collected.is_some()
    }
}

/// An order under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnderWay {
    /// When it was ordered.
    pub began: DateTime<Utc>,
    /// What.
    pub request: OrderRequest,
    /// Address of this host's tun then.
    #[serde(default)]
    pub tun_before: String,
    /// The checks are done with, and things change.
    #[serde(default)]
    pub begun: bool,
}

fn file(agent: &Agent, what: &str) -> PathBuf {
    agent.config.state_folder().join(format!("{}.{what}.json", agent.host))
}

async fn write(agent: &Agent, what: &str, content: impl Serialize + Send + 'static) {
    if let Err(text) = disk::store_in_thread(file(agent, what), content).await {
        agent.event(Level::Warning, format!("what a restart would need was not written down: {text}; the service goes on"));
    }
}

fn read<T: serde::de::DeserializeOwned>(agent: &Agent, what: &str) -> Option<T> {
    disk::load(&file(agent, what)).unwrap_or_else(|text| {
        agent.event(Level::Warning, format!("what an earlier life of this agent left can not be read: {text}"));
        None
    })
}

/// Writes down what was collected and what is to be set, if that has changed.
pub async fn keep(agent: &Agent) {
    let kept = {
        let mut state = agent.state();
        let collected = &state.collected;
        let age = collected.at.map(|at| chrono::Duration::from_std(at.elapsed()).unwrap_or_default());
        let kept = Kept {
            routes_to_set: state.routes_to_set.clone(),
            control: collected.control.clone(),
            meanings: collected.meanings.clone(),
            routes: collected.routes.clone(),
            collected: age.map(|age| Utc::now() - age),
            peer: state.peer.clone(),
        };
        if kept.same(&state.kept) {
            return;
        }
        state.kept = kept.clone();
        kept
    };
    write(agent, "kept", kept).await;
}

/// Takes up what [`keep`] has written down in an earlier life.
pub fn take_up(agent: &Agent) {
    let Some(kept) = read::<Kept>(agent, "kept") else { return };
    let age = kept.collected.map(|at| (Utc::now() - at).to_std().unwrap_or_default());
    let mut state = agent.state();
    state.routes_to_set.clone_from(&kept.routes_to_set);
    state.collected.control.clone_from(&kept.control);
    state.collected.meanings.clone_from(&kept.meanings);
    state.collected.routes.clone_from(&kept.routes);
    state.peer.clone_from(&kept.peer);
    state.collected.at = age.map(|age| Instant::now().checked_sub(age).unwrap_or_else(Instant::now));
    state.kept = kept;
}

/// Writes down that an order is under way.
pub async fn begin(agent: &Agent, under_way: &UnderWay) {
    write(agent, "order", under_way.clone()).await;
}

/// What an earlier life of this agent did not finish.
pub fn under_way(agent: &Agent) -> Option<UnderWay> {
    read::<UnderWay>(agent, "order")
}

/// The order is over, and its record written.
pub fn over(agent: &Agent) {
    // One that is not there was never written down.
    let _ = std::fs::remove_file(file(agent, "order"));
}

/// Says how the world stands when an earlier life of this agent ended amid an order, and records the order as failed.
pub async fn report_broken_order(agent: &Agent, began: DateTime<Utc>, request: OrderRequest) {
    let (from, to) = agent.config.ends(request.order);
    let mut found = vec![sight(agent, to).await];
    if from != to {
        found.insert(0, sight(agent, from).await);
    }
    let serving: Vec<&str> = found.iter().filter(|sight| sight.serves).map(|sight| sight.host.as_str()).collect();
    let details: Vec<&str> = found.iter().map(|sight| sight.words.as_str()).collect();
    let outcome = match serving.as_slice() {
        [] => "nobody serves now".to_owned(),
        hosts => format!("{} serves now", hosts.join(" and ")),
    };
    let order = request.order;
    let reason = format!("the agent of {} ended while it carried out {order}; {outcome} ({})", agent.host, details.join("; "));
    let record = RunRecord {
        radio: None,
        run: uuid::Uuid::now_v7().to_string(),
        started: began,
        order,
        method: request.method,
        from: from.to_owned(),
        to: to.to_owned(),
        relay: !agent.config.terminals.is_empty(),
        taken_up: false,
        by: request.by,
        outcome: Outcome::Failed,
        reason: Some(reason.clone()),
        failure: None,
        warnings: Vec::new(),
        phases: Vec::new(),
        trace: Vec::new(),
        handover: None,
        packets_forwarded: 0,
        total_ms: 0.0,
        held_ms: None,
        interruption: Interruption::default(),
        rollback: None,
    };
    append(agent, &record).await;
    over(agent);
    agent.event(Level::Error, reason);
    show(agent, record);
}

async fn append(agent: &Agent, record: &RunRecord) {
    let (folder, record) = (agent.config.records.clone(), record.clone());
    let written = tokio::task::spawn_blocking(move || records::append(&folder, &record)).await;
    if let Ok(Err(failure)) = written {
        agent.event(Level::Warning, failure.to_string());
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
    agent.changed.notify_one();
}

/// What a host does.
struct Sight {
    host: String,
    serves: bool,
    words: String,
}

async fn sight(agent: &Agent, host: &str) -> Sight {
    let told =
        if host == agent.host { telemetry::snapshot(agent).await } else { agent.client.ask(host, ask::Status {}, LOOK).await };
    match told {
        Ok(status) => of(host, &status, agent.config.addresses.active.address()),
        Err(failure) => Sight { host: host.to_owned(), serves: false, words: failure.message },
    }
}

fn of(host: &str, status: &Telemetry, active: std::net::Ipv4Addr) -> Sight {
    let points = holds_radio(status, active);
    let d2d = status.d2d.pid.is_some();
    let linked = status.usrp.state == ProcessState::Running;
    let item = |what: &str, it: bool| if it { what.to_owned() } else { format!("no {what}") };
    let words = format!("{host}: {}, {}, {}", item("D2D", d2d), item("linked USRP", linked), item("radio address", points));
    Sight { host: host.to_owned(), serves: points && d2d && linked, words }
}
