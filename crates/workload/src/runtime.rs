//! The tokio runtime of every baton process.

use protocol::{Failure, Trying};
use tokio::runtime::{Builder, Runtime};

/// A runtime on the calling thread.
///
/// # Errors
/// [`ErrorCode::Environment`](protocol::ErrorCode::Environment) when the kernel gives no event queue.
pub fn current_thread() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_all().build().trying(|| "the runtime could not be started")
}
