//! A stream of what changes in the store, which outlives connections.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::access::Access;
use crate::change::Change;
use crate::error::{Attempt, Error};
use crate::key_value::{KeyValue, Op};
use crate::layout::{self, PREFIX};

/// Changes that wait for a slow reader; beyond them, the store waits.
const WAITING: usize = 256;
/// How long after a failure the store is read again.
const PAUSE: Duration = Duration::from_millis(100);

/// What changes, from [`crate::OwnerStore::watch`]. Dropped, it stops watching.
#[derive(Debug)]
pub struct Changes {
    receiver: mpsc::Receiver<Change>,
}

impl Changes {
    pub(crate) fn of<K: KeyValue>(access: Arc<Access<K>>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let told = sender.clone();
            tokio::select! {
                () = told.closed() => {}
                () = watch(&access, &sender) => {}
            }
        });
        Self { receiver }
    }

    /// The next change. `None` at the end of the runtime only.
    pub async fn next(&mut self) -> Option<Change> {
        self.receiver.recv().await
    }
}

impl Stream for Changes {
    type Item = Change;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Change>> {
        self.receiver.poll_recv(cx)
    }
}

/// Returns when nobody listens any more.
async fn watch<K: KeyValue>(access: &Access<K>, sender: &mpsc::Sender<Change>) {
    // One interruption is told once, with its first reason.
    let mut told = false;
    loop {
        let Err(error) = watch_once(access, sender, &mut told).await else { return };
        if !told && sender.send(Change::Interrupted(error)).await.is_err() {
            return;
        }
        told = true;
        sleep(PAUSE).await;
    }
}

/// Tells all there is, and then what changes. Returns when nobody listens any more.
async fn watch_once<K: KeyValue>(access: &Access<K>, sender: &mpsc::Sender<Change>, told: &mut bool) -> Result<(), Error> {
    let answer = access.read(vec![Op::GetAll(PREFIX.to_owned())], access.deadline()).await?;
    let view = layout::view(&answer.found)?;
    *told = false;
    if sender.send(Change::All(view)).await.is_err() {
        return Ok(());
    }
    let mut events = access.kv.watch(PREFIX, answer.revision + 1);
    while let Some(events) = events.next().await {
        for event in events? {
            if let Some(change) = layout::change(&event)?
                && sender.send(change).await.is_err()
            {
                return Ok(());
            }
        }
    }
    Err(Error::Unreachable(vec![Attempt {
        endpoint: "what was watched".to_owned(),
        why: "has ended the watch".to_owned(),
        answered: true,
    }]))
}
