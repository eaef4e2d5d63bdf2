//! The operator's orders: what is asked of which host, in which order, what is timed, and what is undone when a step fails.
//!
//! - [`flows`] are the flows as data, one table each, to be read beside docs/spec.md, "Flows".
//! - [`engine`] is a pure state machine over them: an event in, the next effect out; it knows no clock, socket or file.
//! - [`standing`] says who serves, from what the hosts say of themselves; [`service`] whether the users are served, and what mends it.
//! - [`check`] says whether an order may begin, [`plan`] what it would do and how long that is expected to take.
//! - [`driver`] performs the effects against agents.

use std::future::Future;
use std::time::Duration;

use protocol::{Answer, Command, Failure};

mod assure;
pub mod check;
mod checks;
mod decision;
pub mod driver;
pub mod engine;
mod facts;
mod far_end;
pub mod flow;
pub mod flows;
pub mod hold;
mod known;
mod learn;
mod patience;
pub mod plan;
mod progress;
mod record;
mod rollback;
pub mod service;
mod setting;
pub mod standing;
mod state;
mod step_command;
mod take_up;
mod units;

#[cfg(test)]
pub(crate) mod fleet;
#[cfg(test)]
mod tests;

pub use decision::Decision;
pub use driver::{bring_to_an_end, carry_out, history, write_record};

/// The agents of the cluster, the caller's own included, as the engine sees them.
pub trait Agents: Send + Sync {
    /// Asks `host` to carry out `command` and returns the result of the reply.
    ///
    /// # Errors
    /// The failure that the agent answered; [`Deadline`](protocol::ErrorCode::Deadline) when no answer came in time;
    /// [`Unreachable`](protocol::ErrorCode::Unreachable) when there is no connection.
    fn request(&self, host: &str, command: Command, deadline: Duration) -> impl Future<Output = Result<Answer, Failure>> + Send;

    /// Reserves the radio in the pool's store for the host that is to take it, before anything is changed, and returns the epoch that it is to be taken
    /// under, which is above that one; `None` where the pool has no store.
    ///
    /// # Errors
    /// Why the store does not give it.
    fn reserve(&self, _to: &str, _above: u64) -> impl Future<Output = Result<Option<u64>, Failure>> + Send {
        std::future::ready(Ok(None))
    }

    /// The order is over: hosts that were kept for it are free again.
    fn release(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}
