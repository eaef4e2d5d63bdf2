//! Writes the agent's small files in a thread of its own: a disk that hangs keeps nobody waiting, and costs what would have been written.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::watch;

use super::disk::{self, Durability};

/// Queues files for the writing thread. Of several contents of one file only the latest is written.
#[derive(Debug, Clone)]
pub(in crate::agent) struct DiskWriter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    /// Nothing waits and nothing is being written.
    idle: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<(PathBuf, FileChange)>,
    /// What is being written, and since when.
    writing: Option<(PathBuf, Instant)>,
    problems: Vec<String>,
    started: bool,
}

/// What becomes of a file.
#[derive(Debug)]
enum FileChange {
    Replace(Vec<u8>),
    Remove,
}

impl DiskWriter {
    /// A writer whose thread starts with the first file.
    pub(in crate::agent) fn new() -> Self {
        let idle = watch::Sender::new(true);
        Self { shared: Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new(), idle }) }
    }

    /// Replaces a file soon; returns at once.
    pub(in crate::agent) fn store(&self, file: PathBuf, content: &impl Serialize) {
        match disk::bytes(content) {
            Ok(bytes) => self.push(file, FileChange::Replace(bytes)),
            Err(text) => self.shared.queue().problems.push(format!("{}: {text}", file.display())),
        }
    }

    /// Removes a file soon, if there is one; returns at once.
    pub(in crate::agent) fn remove(&self, file: PathBuf) {
        self.push(file, FileChange::Remove);
    }

    fn push(&self, file: PathBuf, change: FileChange) {
        let mut queue = self.shared.queue();
        queue.waiting.retain(|(waiting, _)| *waiting != file);
        queue.waiting.push_back((file, change));
        self.shared.idle.send_replace(false);
        if !queue.started {
            let shared = Arc::clone(&self.shared);
            match std::thread::Builder::new().name("disk".into()).spawn(move || write_queued(&shared)) {
                Ok(_) => queue.started = true,
                Err(e) => queue.problems.push(format!("the thread that writes files could not be started: {e}")),
            }
        }
        self.shared.wake.notify_one();
    }

    /// Whether everything was written within that time.
    pub(in crate::agent) async fn flush(&self, within: Duration) -> bool {
        let mut idle = self.shared.idle.subscribe();
        tokio::time::timeout(within, idle.wait_for(|idle| *idle)).await.is_ok()
    }

    /// The file that is being written, and for how long already.
    pub(in crate::agent) fn writing(&self) -> Option<(PathBuf, Duration)> {
        self.shared.queue().writing.as_ref().map(|(file, since)| (file.clone(), since.elapsed()))
    }

    /// What could not be written since the last call, a sentence each.
    pub(in crate::agent) fn take_problems(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.queue().problems)
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Never returns: the process ends with its files written or not.
fn write_queued(shared: &Shared) {
    let mut queue = shared.queue();
    loop {
        let Some((file, change)) = queue.waiting.pop_front() else {
            shared.idle.send_replace(true);
            queue = shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        queue.writing = Some((file.clone(), Instant::now()));
        drop(queue);
        let written = change_file(&file, change);
        queue = shared.queue();
        queue.writing = None;
        if let Err(text) = written {
            queue.problems.push(text);
        }
    }
}

fn change_file(file: &Path, change: FileChange) -> Result<(), String> {
    match change {
        FileChange::Replace(bytes) => disk::replace(file, &bytes, Durability::Disk),
        FileChange::Remove => match std::fs::remove_file(file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(format!("{}: {e}", file.display())),
            _ => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn the_latest_content_of_each_file_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one.json", "two.json"].map(|name| folder.path().join("made").join(name));
        let writer = DiskWriter::new();
        assert!(writer.flush(Duration::ZERO).await, "nothing is to be written");
        for number in 0..100 {
            writer.store(one.clone(), &number);
            writer.store(two.clone(), &number);
        }
        writer.remove(two.clone());
        writer.remove(folder.path().join("never"));
        assert!(writer.flush(SOON).await);
        assert_eq!(disk::load::<u32>(&one), Ok(Some(99)));
        assert_eq!(disk::load::<u32>(&two), Ok(None));
        assert!(writer.take_problems().is_empty() && writer.writing().is_none());
    }

    #[tokio::test]
    async fn what_can_not_be_written_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let writer = DiskWriter::new();
        writer.store(folder.path().join("file/below.json"), &1);
        assert!(writer.flush(SOON).await);
        let problems = writer.take_problems();
        assert!(problems.len() == 1 && problems[0].contains("below.json"), "{problems:?}");
        assert!(writer.take_problems().is_empty());
    }
}
