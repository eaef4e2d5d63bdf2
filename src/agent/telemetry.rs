//! Ten times a second, and at once when something changes: everything the agent knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::Utc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::children::millis;
use super::host::load::Sampler;
use super::state::Agent;
use protocol::{ControlReport, Failure, ProcessLoad, ProcessStatus, TOPIC_TELEMETRY, Telemetry, VERSION};

/// Telemetry's interval.
const TICK: Duration = Duration::from_millis(100);
/// Changes come in bursts: those of this long go into one message.
const GATHER: Duration = Duration::from_millis(5);
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
                if agent.priority.is_raised() {
                    continue;
                }
                if count.is_multiple_of(LOAD_EVERY) {
                    sample(&agent, &mut sampler).await;
                }
                count += 1;
                // Both are given 90 ms; asking them at once keeps the tick.
                tokio::join!(agent.d2d.poll(), agent.usrp.poll());
            }
            () = agent.changed.notified() => {
                tokio::time::sleep(GATHER).await;
                // The next tick will say it.
                if agent.priority.is_raised() {
                    continue;
                }
            }
            () = agent.stop.cancelled() => return,
        }
        match snapshot(&agent).await {
            Ok(mut telemetry) => {
                // Counted only when there is one: a snapshot that could not be made is silence and not a loss.
                telemetry.seq = SEQUENCE.fetch_add(1, Ordering::Relaxed) + 1;
                agent.publisher.publish(TOPIC_TELEMETRY, &telemetry);
            }
            // Rather silence, which the console shows, than an address that may not be so.
            Err(failure) => tracing::error!("no telemetry: {failure}"),
        }
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
///
/// # Errors
/// [`ErrorCode::Address`](protocol::ErrorCode::Address) when netlink fails: who holds the radio is then not known.
pub async fn snapshot(agent: &Agent) -> Result<Telemetry, Failure> {
    let settings = agent.settings();
    let radio_port = agent.ports.read(&settings.radio_port).await?;
    let tun = agent.ports.read(&settings.tun).await?;
    let owner = Some(agent.ownership.newest()).filter(|owner| owner.epoch > 0);
    let state = agent.state();
    let collected = &state.collected;
    Ok(Telemetry {
        v: VERSION,
        radio: None,
        host: agent.host.clone(),
        seq: SEQUENCE.load(Ordering::Relaxed),
        at: Utc::now(),
        uptime_ms: millis(agent.began.elapsed()),
        load: state.load.clone(),
        radio_port,
        owner_epoch: owner.as_ref().map(|owner| owner.epoch),
        owner: owner.map(|owner| owner.owner),
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
    })
}

fn with_load(status: ProcessStatus, load: ProcessLoad) -> ProcessStatus {
    let load = if status.pid.is_some() { load } else { ProcessLoad::default() };
    ProcessStatus { load, ..status }
}
