//! The tokio runtime of every baton process, and tasks that must not end.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use protocol::{Failure, Trying};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// A task that has panicked is started again after this long, so that one that always panics does not fill the log.
const AGAIN: Duration = Duration::from_millis(200);

/// A runtime on the calling thread.
///
/// # Errors
/// [`ErrorCode::Environment`](protocol::ErrorCode::Environment) when the kernel gives no event queue.
pub fn current_thread() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_all().build().trying(|| "the runtime could not be started")
}

/// What a panic said.
pub fn words_of_panic(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}

/// Runs a task for as long as the program lives, or until it ends by itself. One that panics is an error in the log, and is started again.
pub fn keep_running<F>(name: &'static str, start: impl Fn() -> F + Send + 'static) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        // What the task shares with others is behind locks that survive a panic.
        while let Err(panic) = AssertUnwindSafe(start()).catch_unwind().await {
            tracing::error!("{name} broke down and is started again: {}", words_of_panic(&*panic));
            tokio::time::sleep(AGAIN).await;
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again_until_it_ends() {
        let starts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&starts);
        let task = keep_running("the test", move || {
            let starts = Arc::clone(&counted);
            async move { assert!(starts.fetch_add(1, Ordering::Relaxed) == 2, "again") }
        });
        task.await.unwrap();
        assert_eq!(starts.load(Ordering::Relaxed), 3);
    }
}
