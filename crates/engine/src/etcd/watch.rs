//! A watch: one request whose answer goes on, a line for each message.

use bytes::{Buf, BytesMut};
use futures::future::BoxFuture;
use futures::stream;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use std::time::Duration;
use tokio::time::{Instant, sleep};

use super::endpoint::{Failed, LARGEST};
use super::gateway;
use super::members::{Members, not_etcd_error};
use crate::error::{Attempt, Error, quoted};
use crate::key_value::{Event, Events};

/// After which time it is asked whether the member still follows the quorum: one that was stopped or cut off says nothing by itself.
const CHECK: Duration = Duration::from_secs(1);

struct Watch {
    members: Members,
    /// Which endpoint.
    place: usize,
    body: Incoming,
    read: BytesMut,
    check: BoxFuture<'static, Result<(), Failed>>,
    /// A connection ends with it.
    _sender: SendRequest<http_body_util::Full<bytes::Bytes>>,
}

enum State {
    New { members: Members, prefix: String, revision: i64 },
    Open(Box<Watch>),
    Over,
}

/// What happens to the keys that begin so, from that revision on, as one endpoint tells it.
pub(super) fn watch(members: Members, prefix: String, revision: i64) -> Events {
    let state = State::New { members, prefix, revision };
    Box::pin(stream::unfold(state, |state| async move {
        let opened = match state {
            State::Over => return None,
            State::Open(watch) => Ok(watch),
            State::New { members, prefix, revision } => Watch::open(members, &prefix, revision).await,
        };
        let (item, watch) = match opened {
            Ok(mut watch) => (watch.next().await, Some(watch)),
            Err(error) => (Err(error), None),
        };
        let next = watch.filter(|_| item.is_ok()).map_or(State::Over, State::Open);
        Some((item, next))
    }))
}

impl Watch {
    async fn open(members: Members, prefix: &str, revision: i64) -> Result<Box<Self>, Error> {
        let Some((place, endpoint)) = members.turn().and_then(|place| Some((place, members.endpoints.get(place)?))) else {
            return Err(Error::Unreachable(Vec::new()));
        };
        let until = Instant::now() + members.attempt;
        let opened = endpoint.stream("/v3/watch", gateway::watch(prefix, revision), until, members.attempt).await;
        let (sender, response) = opened.map_err(|failed| {
            members.leave(place);
            Error::Unreachable(vec![Attempt { endpoint: endpoint.address.clone(), why: failed.why, answered: failed.answered }])
        })?;
        if response.status() != StatusCode::OK {
            members.leave(place);
            return Err(not_etcd_error(endpoint, &format!("it answers a watch with {}", response.status())));
        }
        let (body, check) = (response.into_body(), check(members.clone(), place));
        Ok(Box::new(Self { members, place, body, read: BytesMut::new(), check, _sender: sender }))
    }

    /// The next events; never none.
    async fn next(&mut self) -> Result<Vec<Event>, Error> {
        loop {
            while let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end);
                self.read.advance(1);
                let events = gateway::events(&line).map_err(|what| self.over(format!("says: {}", quoted(&what))))?;
                if !events.is_empty() {
                    return Ok(events);
                }
            }
            if self.read.len() > LARGEST {
                return Err(self.over("sends a message without an end".to_owned()));
            }
            tokio::select! {
                frame = self.body.frame() => match frame {
                    Some(Ok(frame)) => self.read.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
                    Some(Err(_)) | None => return Err(self.over("has closed the watch".to_owned())),
                },
                sound = &mut self.check => match sound {
                    Ok(()) => self.check = check(self.members.clone(), self.place),
                    Err(failed) => return Err(self.over(failed.why)),
                },
            }
        }
    }

    fn over(&self, why: String) -> Error {
        self.members.leave(self.place);
        let endpoint = self.members.endpoints.get(self.place).map_or_else(String::new, |endpoint| endpoint.address.clone());
        Error::Unreachable(vec![Attempt { endpoint, why, answered: true }])
    }
}

fn check(members: Members, place: usize) -> BoxFuture<'static, Result<(), Failed>> {
    Box::pin(async move {
        sleep(CHECK).await;
        members.is_sound(place).await
    })
}
