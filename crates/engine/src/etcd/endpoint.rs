//! One member's endpoint: HTTP/1.1 over connections of its own, so that a dead member costs nobody else anything.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::error::quoted;

/// Largest answer, bytes. 256 radios and 64 servers are below 100 kB; anything near this is a mistake or an attack on memory.
pub(super) const LARGEST: usize = 4 << 20;
/// What a member knows by itself.
pub(super) const STATUS: &str = "/v3/maintenance/status";
/// Connections that wait to be used again.
const IDLE: usize = 4;

type Sender = SendRequest<Full<Bytes>>;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    /// The request may have arrived.
    pub sent: bool,
    /// Somebody has answered something.
    pub answered: bool,
    /// Words for after the endpoint's name.
    pub why: String,
}

impl Failed {
    fn before(why: String) -> Self {
        Self { sent: false, answered: true, why }
    }

    pub fn after(why: String) -> Self {
        Self { sent: true, answered: true, why }
    }

    fn silent(sent: bool, within: Duration) -> Self {
        Self { sent, answered: false, why: format!("did not answer within {} ms", within.as_millis()) }
    }
}

pub(super) struct Endpoint {
    /// Host and port.
    pub address: String,
    connector: Option<TlsConnector>,
    idle: Mutex<Vec<Sender>>,
}

impl Endpoint {
    pub fn new(address: String, connector: Option<TlsConnector>) -> Self {
        Self { address, connector, idle: Mutex::default() }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Sender>> {
        // Each change under the lock is whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request and its whole answer.
    pub async fn ask(&self, path: &str, body: Bytes, until: Instant, within: Duration) -> Result<(StatusCode, Bytes), Failed> {
        let mut sent = false;
        let answer = timeout_at(until, self.exchange(path, body, &mut sent)).await;
        answer.unwrap_or_else(|_| Err(Failed::silent(sent, within)))
    }

    async fn exchange(&self, path: &str, body: Bytes, sent: &mut bool) -> Result<(StatusCode, Bytes), Failed> {
        let request = self.request(path, body).ok_or_else(|| Failed::before("is no host and port".to_owned()))?;
        let (mut sender, response) = self.send(request, sent).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        let body = body.map_err(|e| Failed::after(format!("broke its answer off: {}", quoted(&e.to_string()))))?.to_bytes();
        if sender.ready().await.is_ok() {
            let mut idle = self.idle();
            if idle.len() < IDLE {
                idle.push(sender);
            }
        }
        Ok((status, body))
    }

    /// A request whose answer does not end, on a connection of its own.
    pub async fn stream(
        &self,
        path: &str,
        body: Bytes,
        until: Instant,
        within: Duration,
    ) -> Result<(Sender, Response<Incoming>), Failed> {
        let opening = async {
            let request = self.request(path, body).ok_or_else(|| Failed::before("is no host and port".to_owned()))?;
            let mut sender = self.open().await?;
            let response = sender.send_request(request).await.map_err(|e| Failed::after(broken(&e)))?;
            Ok((sender, response))
        };
        timeout_at(until, opening).await.unwrap_or_else(|_| Err(Failed::silent(true, within)))
    }

    fn request(&self, path: &str, body: Bytes) -> Option<Request<Full<Bytes>>> {
        Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("host", &self.address)
            .header("content-type", "application/json")
            // A member that has lost its leader says so at once and ends its watches, where it is not asked for just that.
            .header("grpc-metadata-hasleader", if path == STATUS { "false" } else { "true" })
            .body(Full::new(body))
            .ok()
    }

    /// By a connection that is open, or by a new one where that has been closed before it took the request.
    async fn send(&self, mut request: Request<Full<Bytes>>, sent: &mut bool) -> Result<(Sender, Response<Incoming>), Failed> {
        loop {
            let idle = self.idle().pop();
            let (mut sender, used) = match idle {
                Some(sender) => (sender, true),
                None => (self.open().await?, false),
            };
            if used && (sender.is_closed() || sender.ready().await.is_err()) {
                continue;
            }
            *sent = true;
            match sender.try_send_request(request).await {
                Ok(response) => return Ok((sender, response)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) if used => (request, *sent) = (unsent, false),
                    Some(_) => return Err(Failed::before(broken(error.error()))),
                    None => return Err(Failed::after(broken(error.error()))),
                },
            }
        }
    }

    async fn open(&self) -> Result<Sender, Failed> {
        let stream = TcpStream::connect(&self.address).await.map_err(|e| unconnected(&e))?;
        // Where it fails, small messages wait a little.
        let _ = stream.set_nodelay(true);
        let Some(connector) = &self.connector else { return shake_hands(stream).await };
        let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host).trim_matches(['[', ']']);
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Failed::before("has no name for a certificate".to_owned()))?;
        match connector.connect(name, stream).await {
            Ok(stream) => shake_hands(stream).await,
            Err(e) => Err(Failed::before(format!("does not agree on TLS: {}", quoted(&e.to_string())))),
        }
    }
}

async fn shake_hands(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Sender, Failed> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| Failed::before(broken(&e)))?;
    // Ends with its sender. What fails, the sender says.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

fn unconnected(e: &io::Error) -> Failed {
    let why = match e.kind() {
        io::ErrorKind::ConnectionRefused => "refuses connections".to_owned(),
        _ => format!("cannot be connected: {}", quoted(&e.to_string())),
    };
    Failed { sent: false, answered: false, why }
}

fn broken(e: &hyper::Error) -> String {
    if e.is_parse() { "does not speak HTTP".to_owned() } else { format!("broke the connection: {}", quoted(&e.to_string())) }
}
