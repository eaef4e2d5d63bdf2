//! An order that may hold: its agent hears that whoever asked for it is still there.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::client::Client;
use protocol::{Answer, Command, Failure, OrderRequest, ask};

/// Between two renewals.
const RENEWAL: Duration = Duration::from_secs(1);
/// A renewal that was not answered by then is made again anyway.
const ANSWER: Duration = Duration::from_secs(2);

impl Client {
    /// Sends an order and waits for its record. As long as this is waited for, a hold of the order is renewed.
    ///
    /// # Errors
    /// Those of [`Client::request`].
    pub async fn order(&self, host: &str, request: OrderRequest, deadline: Duration) -> Result<Answer, Failure> {
        let held = request.run.clone().filter(|_| request.hold);
        let answer = self.request(host, Command::Order(request), deadline);
        tokio::pin!(answer);
        let mut turns = interval(RENEWAL);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return answer,
                _ = turns.tick() => if let Some(run) = &held {
                    let (client, host, run) = (self.clone(), host.to_owned(), run.clone());
                    // Refused before the order has arrived and after it has ended, which the order's own answer tells better.
                    tokio::spawn(async move { drop(client.ask(&host, ask::RenewHold { run }, ANSWER).await) });
                },
            }
        }
    }
}
