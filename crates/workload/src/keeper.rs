//! The agent's end of the contract: asks a workload process, hears its events.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::codec::{Framed, LinesCodec};

use super::contract::{Ask, AskLine, Happened, Line};
use protocol::{ErrorCode, Failure, MAX_FRAME};

/// Questions waiting to be written. A process that reads none is found out by their deadlines.
const WAITING: usize = 16;
/// Events nobody has taken yet; a process that reports faster than its agent reads loses the newest.
const EVENTS: usize = 64;

/// A process closes its end as soon as it sees ours closed.
const PARTING: Duration = Duration::from_secs(1);

type Answer = Result<Value, String>;

/// A connection to a workload process. It answers questions one after the other, so that a long one needs a keeper of its own.
#[derive(Debug, Clone)]
pub struct Keeper {
    questions: mpsc::Sender<(Ask, oneshot::Sender<Answer>)>,
    /// Becomes `true` when the process has closed its end, too.
    closed: watch::Receiver<bool>,
}

impl Keeper {
    /// Connects to the process that listens on `path`. The receiver ends when the connection does.
    ///
    /// # Errors
    /// `NotFound` or `ConnectionRefused` while nobody listens.
    pub async fn connect(path: &Path) -> io::Result<(Self, mpsc::Receiver<Happened>)> {
        let stream = UnixStream::connect(path).await?;
        let (questions, asked) = mpsc::channel(WAITING);
        let (events, happened) = mpsc::channel(EVENTS);
        let lines = Framed::new(stream, LinesCodec::new_with_max_length(MAX_FRAME));
        let (closing, closed) = watch::channel(false);
        tokio::spawn(async move {
            converse(lines, asked, events).await;
            // Nobody need wait for it.
            let _ = closing.send(true);
        });
        Ok((Self { questions, closed }, happened))
    }

    /// Ends the connection once no other keeper shares it, and waits until the process has closed its end as well: it then has no descriptor
    /// left of it. `false` when that takes longer than `deadline`.
    pub async fn leave(self, deadline: Duration) -> bool {
        let Self { questions, mut closed } = self;
        drop(questions);
        tokio::time::timeout(deadline, closed.wait_for(|closed| *closed)).await.is_ok_and(|closed| closed.is_ok())
    }

    /// Asks and waits for the answer, at most for `deadline`. `who` names the process in sentences.
    ///
    /// # Errors
    /// [`ErrorCode::Workload`] with the process's own words, or that it has none.
    pub async fn ask(&self, who: &str, ask: Ask, deadline: Duration) -> Result<Value, Failure> {
        let fail = |message: String| Failure::new(ErrorCode::Workload, message);
        let question = serde_json::to_value(&ask).ok().and_then(|value| Some(value.get("ask")?.as_str()?.to_owned()));
        let question = question.unwrap_or_default();
        let gone = || fail(format!("{who} closed its contract socket when asked to {question}"));
        let (sender, answer) = oneshot::channel();
        let exchange = async {
            self.questions.send((ask, sender)).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?.map_err(|words| fail(format!("{who}: {words}")))
        };
        tokio::time::timeout(deadline, exchange)
            .await
            .unwrap_or_else(|_| Err(fail(format!("{who} did not answer {question} within {:.1} s", deadline.as_secs_f64()))))
    }
}

async fn converse(
    mut lines: Framed<UnixStream, LinesCodec>,
    mut asked: mpsc::Receiver<(Ask, oneshot::Sender<Answer>)>,
    events: mpsc::Sender<Happened>,
) {
    let mut pending: HashMap<u64, oneshot::Sender<Answer>> = HashMap::new();
    let mut id = 0;
    loop {
        tokio::select! {
            question = asked.recv() => {
                let Some((ask, answer)) = question else { return part(lines).await };
                id += 1;
                pending.retain(|_, waiting| !waiting.is_closed());
                pending.insert(id, answer);
                let Ok(line) = serde_json::to_string(&AskLine { id, ask }) else { continue };
                if lines.send(line).await.is_err() {
                    return;
                }
            }
            line = lines.next() => match line {
                Some(Ok(line)) => hear(&line, &mut pending, &events),
                _ => return,
            },
        }
    }
}

/// Says that no question follows, and reads on until the process has closed its end.
async fn part(mut lines: Framed<UnixStream, LinesCodec>) {
    if lines.get_mut().shutdown().await.is_ok() {
        let to_its_end = async { while lines.next().await.is_some_and(|line| line.is_ok()) {} };
        let _ = tokio::time::timeout(PARTING, to_its_end).await;
    }
}

fn hear(line: &str, pending: &mut HashMap<u64, oneshot::Sender<Answer>>, events: &mpsc::Sender<Happened>) {
    let (id, answer) = match serde_json::from_str(line) {
        Ok(Line::Answer { id, ok }) => (id, Ok(ok)),
        Ok(Line::Refusal { id, error }) => (id, Err(error)),
        Ok(Line::Happened(happened)) => {
            if events.try_send(happened).is_err() {
                tracing::debug!("an event of the workload was lost");
            }
            return;
        }
        Err(_) => {
            tracing::warn!("the workload said something that is not in the contract: {:.200}", line);
            return;
        }
    };
    if let Some(waiting) = pending.remove(&id) {
        // Whoever asked may have given up.
        let _ = waiting.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::serve;
    use protocol::SyncState;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn questions_and_events_cross_and_an_end_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d2d.sock");
        assert_eq!(Keeper::connect(&path).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        let reporter = serve(&path, |ask| match ask {
            Ask::GetRoutes => Ok(serde_json::json!([])),
            Ask::Describe => {
                std::thread::sleep(Duration::from_millis(300));
                Ok(Value::Null)
            }
            _ => Err("not a USRP".into()),
        })
        .unwrap();
        let (keeper, mut events) = Keeper::connect(&path).await.unwrap();
        assert_eq!(keeper.ask("D2D", Ask::GetRoutes, SOON).await.unwrap(), serde_json::json!([]));
        assert_eq!(keeper.ask("D2D", Ask::Link, SOON).await.unwrap_err().message, "D2D: not a USRP");
        let happened = Happened::Sync { sync: SyncState::Searching };
        reporter.report(happened.clone());
        assert_eq!(events.recv().await, Some(happened));
        let failure = keeper.ask("D2D", Ask::Describe, Duration::from_millis(10)).await.unwrap_err();
        assert_eq!(failure.message, "D2D did not answer describe within 0.0 s");
        assert_eq!(keeper.ask("D2D", Ask::GetRoutes, SOON).await.unwrap(), serde_json::json!([]), "late answers confuse nobody");
        assert!(keeper.leave(SOON).await, "the process closes its end");
        assert_eq!(events.recv().await, None);
    }

    #[tokio::test]
    async fn a_process_that_closes_or_babbles_is_survived() {
        use tokio::io::AsyncWriteExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d2d.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let (keeper, mut events) = Keeper::connect(&path).await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        peer.write_all(b"babble\n{\"event\":\"note\",\"text\":\"x\"}\n").await.unwrap();
        assert_eq!(events.recv().await, Some(Happened::Note { text: "x".into() }));
        drop(peer);
        assert_eq!(events.recv().await, None);
        assert!(keeper.ask("D2D", Ask::Status, SOON).await.unwrap_err().message.contains("closed its contract socket"));
    }
}
