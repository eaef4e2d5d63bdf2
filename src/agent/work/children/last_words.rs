//! The end of what a process wrote to standard error.

use std::collections::VecDeque;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Kept, bytes.
const LAST_WORDS: usize = 4096;
/// By then the last line of a killed process is in the pipe; what it has started may keep the pipe open for ever.
const REST: Duration = Duration::from_millis(100);

/// The end of what a process wrote to standard error.
#[derive(Debug, Clone, Default)]
pub(super) struct LastWords {
    bytes: Arc<Mutex<VecDeque<u8>>>,
    closed: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
}

impl LastWords {
    /// Reads to the end in a task of its own and copies what it reads to the agent's own log.
    pub(super) fn read_in_background(stderr: Option<impl AsyncRead + Unpin + Send + 'static>, name: &'static str) -> Self {
        let words = Self::default();
        let Some(stderr) = stderr else { return words };
        let (open, closed) = oneshot::channel();
        *words.closed.lock().unwrap_or_else(PoisonError::into_inner) = Some(closed);
        tokio::spawn(words.clone().read(stderr, name, open));
        words
    }

    async fn read(self, mut stderr: impl AsyncRead + Unpin, name: &'static str, _open: oneshot::Sender<()>) {
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
            let said = String::from_utf8_lossy(&buffer[..read]);
            said.lines().filter(|line| !line.trim().is_empty()).for_each(|line| tracing::info!("{name}: {}", line.trim_end()));
            let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            bytes.extend(&buffer[..read]);
            let surplus = bytes.len().saturating_sub(LAST_WORDS);
            bytes.drain(..surplus);
        }
    }

    /// Waits a moment for the rest: a process that was killed leaves its last line in the pipe.
    pub(super) async fn finish(&self) {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(closed) = closed {
            let _ = timeout(REST, closed).await;
        }
    }

    /// Takes them from the end of a file, where there is no pipe.
    pub(super) fn take_file(&self, file: &Path) {
        let text = std::fs::read(file).unwrap_or_default();
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend(&text[text.len().saturating_sub(LAST_WORDS)..]);
    }

    pub(super) fn with(&self, status: Option<ExitStatus>) -> String {
        let status = status.map_or_else(|| "its exit status is not known".to_owned(), |status| status.to_string());
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(bytes.make_contiguous());
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        // A program's own words: they become part of one sentence, and nothing in them acts wherever that is read.
        if lines.is_empty() { status } else { format!("{status}; {}", output::one_line(&lines.join(" / "))) }
    }
}
