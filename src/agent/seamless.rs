//! What a seamless migration has beside a hot one: the destination receives on the radio's other chain, from its parked address, while the source
//! serves; and when the source has ended, its streams come to the radio's address and the source's chain stops.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::commands::ms;
use super::hot::{ANSWER, NEAR};
use super::state::Agent;
use protocol::{ErrorCode, Failure, Handover, Overlapped, SyncState};
use workload::contract::{Ask, Overlapping, Resumed, Stream};

/// A receiver that was told where the far end is decodes the first subframe that is whole.
const SYNC: Duration = Duration::from_secs(1);

fn hot(failure: Failure) -> Failure {
    let code = failure.code;
    Failure::new(code, failure.message).hint("the method hot needs no second receive chain")
}

/// Receives beside the source's processes until in sync. What a failure leaves goes with `double_kill`.
pub async fn overlap(agent: &Agent, stream: Value) -> Result<Overlapped, Failure> {
    let stream: Stream = serde_json::from_value(stream)
        .map_err(|e| Failure::new(ErrorCode::BadRequest, format!("the stream to receive beside can not be read: {e}")))?;
    if agent.state().ready.is_none() {
        return Err(Failure::new(ErrorCode::State, format!("nothing was prepared on {}", agent.host)).hint("prepare comes first"));
    }
    agent.priority.raise_for(NEAR);
    let parked = agent.config.addresses.parked;
    agent.ports.set(&agent.settings().radio_port, parked).await?;
    agent.radio_port.open_way(agent.config.radio_of(&agent.host)?.args.address(), parked).await?;
    // Before the first sample: nothing is given out beside the source.
    agent.d2d.ask(Ask::Freeze, ANSWER).await.map_err(hot)?;
    let radio = |failure| hot(Failure { code: ErrorCode::Radio, ..failure });
    let began = Instant::now();
    let begun = agent.usrp.ask(Ask::Overlap(stream), ANSWER).await.map_err(radio)?;
    let (receive_ms, began) = (ms(began), Instant::now());
    let begun: Overlapping = serde_json::from_value(begun)
        .map_err(|e| Failure::new(ErrorCode::Workload, format!("what the USRP process says of its stream can not be read: {e}")))?;
    match agent.d2d.await_sync(SYNC).await.map_err(hot)? {
        SyncState::Synced { .. } => {}
        _ => return Err(hot(Failure::new(ErrorCode::Workload, "the D2D process does not tell when it is in sync"))),
    }
    if let Some(ready) = &mut agent.state().ready {
        ready.overlaps = true;
    }
    Ok(Overlapped { chain: begun.chain, receive_ms, sync_ms: ms(began) })
}

/// The source is ended: its receive chain stops, and the streams come to the radio's address.
pub async fn settle(agent: &Agent) -> Result<(), Failure> {
    agent.radio_port.close_way(agent.config.radio_of(&agent.host)?.args.address()).await?;
    agent.usrp.ask(Ask::Settle, ANSWER).await.map(drop)
}

/// What the D2D process knows of the moment when it went on; nothing where it does not tell.
pub fn handover(resumed: Value) -> Handover {
    let Resumed { again, missing, left_behind } = serde_json::from_value(resumed).unwrap_or_default();
    Handover { payloads_again: again, payloads_missing: missing, packets_left_behind: left_behind }
}
