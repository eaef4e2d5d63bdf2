//! Orders with a hold that this console has asked for. A hold belongs to who asked: this console gives it up when it leaves.

use std::time::Duration;

use tokio::time::sleep;

use super::lang::Lang;
use crate::link::client::Client;
use crate::migration::hold::HOLD_LEASE;
use protocol::{Answer, Command, ErrorCode, Failure, Order, OrderRequest, ask};

/// Giving a hold up is answered at once; a console does not leave much later than it is told to.
const ANSWER: Duration = Duration::from_secs(2);
/// The clean-up of an order that was given up; `end` waits for it.
const OVER: Duration = Duration::from_secs(15);
/// Between two looks whether it is over.
const LOOK: Duration = Duration::from_millis(200);

/// An order that may wait for go.
#[derive(Debug, Clone)]
pub struct HeldOrder {
    /// The host that carries it out.
    pub host: String,
    /// What was ordered.
    pub order: Order,
    /// Its run.
    pub run: String,
}

/// The order as it is sent: with a run of its own, and with a hold that ends when this console is not heard any more.
pub fn identified(request: OrderRequest) -> OrderRequest {
    // Far below u64's range.
    let lease_ms = request.hold.then_some(HOLD_LEASE.as_millis() as u64);
    OrderRequest { run: Some(uuid::Uuid::now_v7().to_string()), lease_ms, ..request }
}

/// Gives holds up; a line for each on what became of it.
pub async fn give_up(client: &Client, holds: Vec<HeldOrder>, lang: Lang) -> Vec<String> {
    let mut lines = Vec::new();
    for HeldOrder { host, order, run } in holds {
        lines.push(match client.ask(&host, ask::Cancel { run: Some(run) }, ANSWER).await {
            Ok(()) => lang.fill("{0} waited for go and was given up on {1}", &[&order, &host]),
            Err(failure) if failure.code == ErrorCode::State => lang.fill("{0} was not given up: {1}", &[&order, &failure]),
            Err(failure) => {
                lang.fill("{0} could not be given up: {1}; it ends by itself if it still waits for go", &[&order, &failure])
            }
        });
    }
    lines
}

/// Ends a controller, once the order that was given up there is over.
pub async fn end_when_free(client: &Client, host: &str, deadline: Duration) -> Result<Answer, Failure> {
    let ask = || client.request(host, Command::End, deadline);
    let until_free = async {
        loop {
            match ask().await {
                Err(failure) if failure.code == ErrorCode::Busy => sleep(LOOK).await,
                answer => return answer,
            }
        }
    };
    match tokio::time::timeout(OVER, until_free).await {
        Ok(answer) => answer,
        Err(_) => ask().await,
    }
}
