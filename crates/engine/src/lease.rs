//! What a host holds by a lease: its membership, and the lead.

use config::HostName;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What became of wanting to lead.
#[derive(Debug)]
pub enum Lead {
    /// This host leads for as long as the leadership is held.
    Won(Leadership),
    /// That one does.
    Led(HostName),
}

/// This host is a member for as long as this is kept. Dropped, it stops being one as soon as the store can be told.
#[derive(Debug)]
#[must_use = "membership ends when it is dropped"]
pub struct Membership {
    held: Held<bool>,
}

impl Membership {
    pub(crate) fn new(held: Held<bool>) -> Self {
        Self { held }
    }

    /// Whether the lease holds, as far as this host knows. Where it was broken, a new one is asked for until there is one.
    pub fn is_held(&self) -> bool {
        *self.held.state.borrow()
    }

    /// Waits until [`Membership::is_held`] is that.
    pub async fn until(&mut self, held: bool) {
        // Its task ends with this only.
        let _ = self.held.state.wait_for(|now| *now == held).await;
    }

    /// Ends it, and returns when the store was told or could not be.
    pub async fn leave(self) {
        self.held.end().await;
    }
}

/// This host leads for as long as this is held. Dropped, it resigns as soon as the store can be told.
#[derive(Debug)]
#[must_use = "the lead is given up when it is dropped"]
pub struct Leadership {
    held: Held<Instant>,
}

impl Leadership {
    pub(crate) fn new(held: Held<Instant>) -> Self {
        Self { held }
    }

    /// Whether this host leads still. It stops saying so before another one can be elected, as long as the clocks of both run equally fast.
    pub fn is_held(&self) -> bool {
        Instant::now() < *self.held.state.borrow()
    }

    /// Waits until the lead is lost.
    pub async fn lost(&mut self) {
        loop {
            let until = *self.held.state.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                changed = self.held.state.changed() => if changed.is_err() { return },
            }
            if !self.is_held() {
                return;
            }
        }
    }

    /// Gives the lead up, and returns when the store was told or could not be.
    pub async fn resign(self) {
        self.held.end().await;
    }
}

/// A task that holds something, and what it says of it.
#[derive(Debug)]
pub(crate) struct Held<T> {
    state: watch::Receiver<T>,
    end: DropGuard,
    task: JoinHandle<()>,
}

impl<T: Send + Sync + 'static> Held<T> {
    /// Starts it: it tells its state by the sender, and clears up and returns when the token is cancelled.
    pub fn by<F: Future<Output = ()> + Send + 'static>(
        state: T,
        task: impl FnOnce(watch::Sender<T>, CancellationToken) -> F,
    ) -> Self {
        let (sender, receiver) = watch::channel(state);
        let token = CancellationToken::new();
        let task = tokio::spawn(task(sender, token.clone()));
        Self { state: receiver, end: token.drop_guard(), task }
    }

    async fn end(self) {
        drop(self.end);
        // A task that has panicked holds nothing any more.
        let _ = self.task.await;
    }
}
