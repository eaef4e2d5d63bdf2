//! Orders that agents give for a pool unasked.

use std::time::Duration;

use crate::link::client::Client;
use protocol::{Command, ErrorCode, Failure, OrderRequest, Outcome, RunRecord};

/// The longest that one may take.
const LONGEST: Duration = Duration::from_secs(60);

/// Has the agent of a host carry out an order.
///
/// # Errors
/// Why it was not carried out.
pub(super) async fn carry_out(client: &Client, executor: &str, request: OrderRequest) -> Result<RunRecord, Failure> {
    let record: RunRecord = client.request(executor, Command::Order(request), LONGEST).await?.into_result()?;
    if record.outcome == Outcome::Ok {
        return Ok(record);
    }
    let why = record.reason.unwrap_or_else(|| "for no reason given".to_owned());
    let radio = record.radio.as_deref().unwrap_or("the radio");
    let message = format!("{radio} could not be brought back on {} ({}): {why}", record.to, record.method);
    Err(match record.failure {
        Some(failure) => Failure { message, ..failure },
        None => Failure::new(ErrorCode::State, message),
    })
}
