//! Telemetry of each work: ten times a second, and at once when something changes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::Utc;
use futures::future::join_all;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::followable;
use super::host::load::LoadSampler;
use super::state::Agent;
use super::work::{Collection, millis};
use protocol::{ControlReport, Failure, ProcessStatus, TOPIC_TELEMETRY, Telemetry, VERSION};

/// Telemetry's interval.
const TICK: Duration = Duration::from_millis(100);
/// Changes come in bursts: those of this long go into one message.
const GATHER: Duration = Duration::from_millis(5);
/// Load is sampled every so many ticks: sysinfo's percentages need 200 ms between samples.
const LOAD_EVERY: u64 = 5;

/// Publishes until the agent ends.
pub(super) async fn publish(agent: Arc<Agent>) {
    let mut sampler = LoadSampler::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut count = 0_u64;
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                if agent.host.priority.is_raised() {
                    continue;
                }
                if count.is_multiple_of(LOAD_EVERY) {
                    sample_load(&agent, &mut sampler).await;
                }
                count += 1;
                // Each is given 90 ms; asking all at once keeps the tick.
                join_all([agent.work.d2d().poll(), agent.work.usrp().poll()]).await;
            }
            () = agent.host.wait_for_change() => {
                tokio::time::sleep(GATHER).await;
                // The next tick will report it.
                if agent.host.priority.is_raised() {
                    continue;
                }
            }
            () = agent.stop.cancelled() => return,
        }
        match snapshot(&agent).await {
            Ok(mut telemetry) => {
                // Counted only when there is one: a snapshot that could not be made is a silence, not a loss.
                telemetry.seq = agent.published.fetch_add(1, Ordering::Relaxed) + 1;
                agent.publisher.publish(TOPIC_TELEMETRY, &telemetry);
            }
            // Rather silence, which the console shows, than an address that may be wrong.
            Err(failure) => tracing::error!("no telemetry: {failure}"),
        }
    }
}

async fn sample_load(agent: &Agent, sampler: &mut LoadSampler) {
    let traffic = agent.host.ports.traffic().await;
    let pids: Vec<u32> = [agent.work.d2d().pid(), agent.work.usrp().pid()].into_iter().flatten().collect();
    let sample = sampler.sample(&pids, traffic);
    let mut state = agent.state();
    state.load = sample.host;
    state.process_loads = sample.processes;
}

/// One work and its host as they are now. Its number is that of the last published one.
///
/// # Errors
/// [`ErrorCode::Address`](protocol::ErrorCode::Address) when netlink fails: who holds the radio is then not known.
pub(super) async fn snapshot(agent: &Agent) -> Result<Telemetry, Failure> {
    let work = &agent.work;
    let radio_port = work.read_radio_port().await?;
    let tun = work.read_tun().await?;
    let owner = work.owner();
    let Collection { values, meanings, at } = work.collected();
    let state = agent.state();
    let with_load = |status: ProcessStatus| {
        let load = status.pid.and_then(|pid| state.process_loads.get(&pid)).copied().unwrap_or_default();
        ProcessStatus { load, ..status }
    };
    Ok(Telemetry {
        v: VERSION,
        radio: agent.host.config.radio_to_tell(),
        host: agent.host.name.clone(),
        seq: agent.published.load(Ordering::Relaxed),
        at: Utc::now(),
        uptime_ms: millis(agent.began.elapsed()),
        load: state.load.clone(),
        radio_port,
        owner_epoch: owner.as_ref().map(|owner| owner.epoch),
        owner: owner.map(|owner| owner.owner),
        address_holders: work.address_holders(),
        alarms: agent.host.alarms.all(),
        tun,
        d2d: with_load(work.d2d().status()),
        usrp: with_load(work.usrp_status()),
        guest: work.guest_status(),
        standby: work.standby_status(),
        serves_parked: work.serves_parked(),
        drained: agent.drained.is_set(),
        store: agent.store_status(),
        follows_next: followable::follows_next(agent, work),
        control: ControlReport { values: values.control, meanings, age_ms: at.map(|at: Instant| millis(at.elapsed())) },
        route_list: values.route_list,
        probe: state.probe.as_ref().map(|probe| probe.status()),
        migration: state.progress.clone(),
        takes_part: agent.participation.elsewhere(),
    })
}
