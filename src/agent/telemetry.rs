//! Ten times a second, and at once when something changes: everything the agent knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::Utc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::children::millis;
use super::load::Sampler;
use super::state::Agent;
use crate::protocol::{ControlReport, Port, ProcessLoad, ProcessStatus, TOPIC_TELEMETRY, Telemetry, VERSION};

/// Telemetry's interval.
const TICK: Duration = Duration::from_millis(100);
/// Load is sampled every so many ticks: sysinfo's percentages need 200 ms between samples.
const LOAD_EVERY: u64 = 5;

/// Counts published messages, so that a gap is seen as a loss; a snapshot by `status` repeats the latest.
static SEQUENCE: AtomicU64 = AtomicU64::new(0);

/// Publishes until the agent ends.
pub async fn publish(agent: Arc<Agent>) {
    let mut sampler = Sampler::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut count = 0_u64;
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                if count.is_multiple_of(LOAD_EVERY) {
                    sample(&agent, &mut sampler).await;
                }
                count += 1;
                // Both are given 90 ms; asking them at once keeps the tick.
                tokio::join!(agent.d2d.poll(), agent.usrp.poll());
            }
            () = agent.changed.notified() => {}
            () = agent.stop.cancelled() => return,
        }
        SEQUENCE.fetch_add(1, Ordering::Relaxed);
        agent.publisher.publish(TOPIC_TELEMETRY, &snapshot(&agent).await);
    }
}

async fn sample(agent: &Agent, sampler: &mut Sampler) {
    let traffic = agent.ports.traffic().await;
    let sample = sampler.sample([agent.d2d.pid(), agent.usrp.pid()], traffic);
    let mut state = agent.state();
    state.load = sample.host;
    [state.d2d_load, state.usrp_load] = sample.processes;
}

/// The host as it is now.
pub async fn snapshot(agent: &Agent) -> Telemetry {
    let settings = agent.settings();
    let (radio_port, tun) = tokio::join!(port(agent, &settings.radio_port), port(agent, &settings.tun));
    let state = agent.state();
    let collected = &state.collected;
    Telemetry {
        v: VERSION,
        host: agent.host.clone(),
        seq: SEQUENCE.load(Ordering::Relaxed),
        at: Utc::now(),
        uptime_ms: millis(agent.began.elapsed()),
        load: state.load.clone(),
        radio_port,
        tun,
        d2d: with_load(agent.d2d.status(), state.d2d_load),
        usrp: with_load(agent.usrp.status(), state.usrp_load),
        control: ControlReport {
            values: collected.control.clone(),
            meanings: collected.meanings.clone(),
            age_ms: collected.at.map(|at: Instant| millis(at.elapsed())),
        },
        route_list: collected.routes.clone(),
        probe: state.probe.as_ref().map(|probe| probe.status()),
        migration: state.progress.clone(),
    }
}

fn with_load(status: ProcessStatus, load: ProcessLoad) -> ProcessStatus {
    let load = if status.pid.is_some() { load } else { ProcessLoad::default() };
    ProcessStatus { load, ..status }
}

async fn port(agent: &Agent, name: &str) -> Port {
    // Netlink that fails shows as an interface without addresses; a command on it says why.
    agent.ports.read(name).await.unwrap_or_else(|_| Port { name: name.to_owned(), ..Port::default() })
}
