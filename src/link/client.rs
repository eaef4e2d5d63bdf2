//! Requests to agents: one connection per host, kept open; requests on it matched by id; a deadline each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::host_link::{HostLink, Job};
use super::identity::{Identity, Operator};
use super::tls::Tls;
use config::Config;
use protocol::{Answer, AnswerType, Command, ErrorCode, Failure, TypedCommand};

/// Requests waiting to be taken by a host's link: it takes them at once, so that more is a caller gone mad.
const WAITING: usize = 64;

/// Asks agents. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: Arc<Config>,
    tls: Option<Tls>,
    links: Mutex<HashMap<String, mpsc::Sender<Job>>>,
}

impl Client {
    /// A client for the cluster, as the operator at this terminal; connects when first asked.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] when the cluster key cannot be read.
    pub fn new(config: Arc<Config>) -> Result<Self, Failure> {
        Self::with(config, &Identity::Operator(Operator::here()))
    }

    /// The same, as the agent of a host.
    ///
    /// # Errors
    /// Those of [`Client::new`].
    pub fn of_host(config: Arc<Config>, host: &str) -> Result<Self, Failure> {
        Self::with(config, &Identity::Host(host.to_owned()))
    }

    fn with(config: Arc<Config>, identity: &Identity) -> Result<Self, Failure> {
        let tls = Tls::of(&config, identity)?;
        Ok(Self { shared: Arc::new(Shared { config, tls, links: Mutex::default() }) })
    }

    /// Sends a command to a host's agent and waits for its result; must be called within a tokio runtime.
    ///
    /// While the deadline lasts, a lost connection is made anew and the request sent again under the same id: the agent does not
    /// execute it twice. Dropping the future gives the answer up, not the execution.
    ///
    /// # Errors
    /// The agent's own failure; [`ErrorCode::Unreachable`] when it cannot be reached or does not answer in time;
    /// [`ErrorCode::Config`] for a host that the configuration does not name; [`ErrorCode::Unauthorized`] and
    /// [`ErrorCode::WrongAddressee`] when somebody else is there: nothing was sent then.
    pub async fn request(&self, host: &str, command: Command, deadline: Duration) -> Result<Answer, Failure> {
        self.request_in(None, host, command, deadline).await
    }

    /// As [`Client::request`], as a step of a run: the hosts that take part in it tell its commands from those of others.
    ///
    /// # Errors
    /// Those of [`Client::request`].
    pub async fn request_in(&self, run: Option<&str>, host: &str, command: Command, deadline: Duration) -> Result<Answer, Failure> {
        let (answer, answered) = oneshot::channel();
        let run = run.map(str::to_owned);
        let job = Job { command, run, deadline: Instant::now() + deadline, allowed: deadline, answer };
        let broken = || Failure::new(ErrorCode::Internal, format!("the link to {host} broke down"));
        self.link(host)?.send(job).await.map_err(|_| broken())?;
        answered.await.unwrap_or_else(|_| Err(broken()))
    }

    /// As [`Client::request`], with the type of the answer.
    ///
    /// # Errors
    /// Those of [`Client::request`]; [`ErrorCode::Internal`] when the answer could not be read.
    pub async fn ask<C: TypedCommand>(&self, host: &str, asked: C, deadline: Duration) -> Result<C::Answer, Failure> {
        C::Answer::from_answer(self.request(host, asked.into(), deadline).await?)
    }

    fn link(&self, host: &str) -> Result<mpsc::Sender<Job>, Failure> {
        let endpoint = self.shared.config.host(host)?.command.clone();
        let mut links = self.shared.links.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = links.get(host).filter(|link| !link.is_closed()) {
            return Ok(link.clone());
        }
        let (link, jobs) = mpsc::channel(WAITING);
        let radio = self.shared.config.radio_to_tell();
        tokio::spawn(HostLink::new(host, radio, endpoint, self.shared.tls.clone(), jobs).run());
        links.insert(host.to_owned(), link.clone());
        Ok(link)
    }
}

/// What a client that waits for an answer does with these bytes of whoever is at the other end; whether it takes the connection for lost then.
#[cfg(any(test, feature = "fuzz"))]
pub async fn against_client(bytes: &[u8], secured: bool) -> bool {
    super::dial::overheard(bytes, secured, super::zmtp::SocketType::Dealer, |dialled| async {
        let (_jobs, jobs) = mpsc::channel(1);
        let mut link = HostLink::new("server1", None, super::dial::nowhere(), None, jobs);
        link.converse_once(dialled.framed).await
    })
    .await
}
