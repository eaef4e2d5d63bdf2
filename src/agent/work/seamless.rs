//! What a seamless move adds to a hot one: the destination receives on the radio's other chain, from its parked address, while the source
//! serves. When the source has ended, the streams go to the radio's address and the source's chain stops.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::Work;
use super::freeze::{ANSWER, BEFORE_CUT};
use super::trace::elapsed_ms;
use protocol::{ErrorCode, Failure, Handover, Overlapped, SyncState};
use workload::contract::{Ask, Overlapping, Resumed, Stream};

/// A receiver that knows where the far end is decodes the first subframe that is whole.
const SYNC: Duration = Duration::from_secs(1);

fn suggest_hot(failure: Failure) -> Failure {
    Failure::new(failure.code, failure.message).hint("the method hot needs no second receive chain")
}

impl Work {
    /// Receives beside the source's processes until in sync. After a failure, `double_kill` removes what was begun.
    ///
    /// # Errors
    /// [`ErrorCode::State`] when nothing was prepared, [`ErrorCode::Radio`], [`ErrorCode::Workload`], [`ErrorCode::Deadline`].
    pub(in crate::agent) async fn overlap(&self, stream: Value) -> Result<Overlapped, Failure> {
        let stream: Stream = serde_json::from_value(stream)
            .map_err(|e| Failure::new(ErrorCode::BadRequest, format!("the stream to receive beside cannot be read: {e}")))?;
        if self.state().prepared.is_none() {
            return Err(self.nothing_prepared());
        }
        self.host.priority.raise_for(BEFORE_CUT);
        let parked = self.parked_address();
        self.host.ports.set(&self.settings().radio_port, parked).await?;
        self.radio_port.open_way(self.n210_address()?, parked).await?;
        // Before the first sample: nothing is given out beside the source.
        self.d2d.ask(Ask::Freeze, ANSWER).await.map_err(suggest_hot)?;
        let radio = |failure| suggest_hot(Failure { code: ErrorCode::Radio, ..failure });
        let began = Instant::now();
        let answer = self.usrp.ask(Ask::Overlap(stream), ANSWER).await.map_err(radio)?;
        let (receive_ms, began) = (elapsed_ms(began), Instant::now());
        let overlapping: Overlapping = serde_json::from_value(answer).map_err(|e| {
            Failure::new(ErrorCode::Workload, format!("what the USRP process says of its stream cannot be read: {e}"))
        })?;
        match self.d2d.await_sync(SYNC).await.map_err(suggest_hot)? {
            SyncState::Synced { .. } => {}
            _ => return Err(suggest_hot(Failure::new(ErrorCode::Workload, "the D2D process does not tell when it is in sync"))),
        }
        if let Some(prepared) = &mut self.state().prepared {
            prepared.overlaps = true;
        }
        Ok(Overlapped { chain: overlapping.chain, receive_ms, sync_ms: elapsed_ms(began) })
    }

    /// The source is ended: its receive chain stops, and the streams go to the radio's address.
    pub(super) async fn settle(&self) -> Result<(), Failure> {
        self.radio_port.close_way(self.n210_address()?).await?;
        self.usrp.ask(Ask::Settle, ANSWER).await.map(drop)
    }
}

/// What the D2D process reports of the moment when it went on; zeros when it reports nothing.
pub(super) fn handover(resumed: Value) -> Handover {
    let Resumed { again, missing, left_behind } = serde_json::from_value(resumed).unwrap_or_default();
    Handover { payloads_again: again, payloads_missing: missing, packets_left_behind: left_behind }
}
