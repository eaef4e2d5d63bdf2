//! The door of an agent's socket: nobody gets past it before it is known who it is.
//!
//! Connections are accepted, and TLS and ZMTP shake hands, on a thread of the gate's own at normal priority: strangers who keep it busy do not hold
//! up a migration. What is open is handed to the runtime that serves it.

mod listener;
mod offences;
mod places;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::codec::Framed;
use tokio_util::sync::CancellationToken;

use super::identity::{Identity, Peer, Who};
use super::refusals::Refusals;
use super::stream::Stream;
use super::tls::Tls;
use super::zmtp::{Codec, Limits, SocketType, shake_hands};
use config::Endpoint;
use listener::{Came, Listener, may_command};
use offences::Offences;
use places::{Places, Side};
use protocol::{ErrorCode, Failure};
use workload::runtime::{current_thread, keep_running};

pub use places::Place;

/// From the accept to the end of the handshakes, however slowly the bytes come.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Wait after an accept that failed, e.g. for lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// Open connections that wait for the runtime that serves them.
const WAITING: usize = 16;

/// What a gate lets in.
#[derive(Debug, Clone)]
pub struct Admission {
    /// TLS, where the cluster has a key: for everything on TCP.
    pub tls: Option<Tls>,
    /// The socket behind the gate.
    pub socket: SocketType,
    /// What a peer may send.
    pub limits: Limits,
    /// Which life of the agent this is; told to every peer.
    pub instance: String,
    /// Addresses of the cluster's hosts, whose handshakes strangers must not crowd out.
    pub members: Vec<std::net::IpAddr>,
}

/// An open connection.
#[derive(Debug)]
pub struct Open {
    /// The connection; to be moved to the runtime that serves it ([`Stream::move_here`]).
    pub framed: Framed<Stream, Codec>,
    /// Who is there.
    pub peer: Peer,
    /// Its place, kept while it lives.
    pub place: Place,
}

/// An open gate. Closes when dropped, and removes the Unix sockets that it made.
#[derive(Debug)]
pub struct Gate {
    closing: CancellationToken,
    thread: Option<JoinHandle<()>>,
    files: Vec<PathBuf>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.closing.cancel();
        for file in &self.files {
            // Best effort: a socket file left behind is replaced at the next start.
            let _ = std::fs::remove_file(file);
        }
        // So that the address is free at once. The thread waits for nothing but the kernel.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Gate {
    /// Listens on every endpoint; open connections come from the receiver.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] when an endpoint is in use or cannot be bound, or the thread cannot be started.
    pub fn open(endpoints: &[Endpoint], admission: Admission) -> Result<(Self, mpsc::Receiver<Open>), Failure> {
        let listeners = endpoints.iter().map(listener::bind).collect::<Result<Vec<_>, _>>()?;
        let files = endpoints.iter().filter_map(|endpoint| match endpoint {
            Endpoint::Ipc(path) => Some(path.clone()),
            Endpoint::Tcp { .. } => None,
        });
        let files = files.collect();
        let (sender, open) = mpsc::channel(WAITING);
        let closing = CancellationToken::new();
        let failed = |e: std::io::Error| Failure::new(ErrorCode::Environment, format!("the gate's thread cannot be started: {e}"));
        let runtime = current_thread()?;
        let token = closing.clone();
        let work = move || runtime.block_on(run(listeners, admission, sender, token));
        let thread = std::thread::Builder::new().name("gate".into()).spawn(work).map_err(failed)?;
        Ok((Self { closing, thread: Some(thread), files }, open))
    }
}

async fn run(listeners: Vec<listener::Bound>, admission: Admission, sender: mpsc::Sender<Open>, closing: CancellationToken) {
    let (admission, refusals) = (Arc::new(admission), Arc::new(Refusals::default()));
    let places = Places::new(admission.members.iter().copied().collect());
    for listener in listeners {
        let (admission, refusals, sender) = (Arc::clone(&admission), Arc::clone(&refusals), sender.clone());
        let listener = match listener.listen() {
            Ok(listener) => Arc::new(listener),
            Err(e) => {
                tracing::error!("an endpoint cannot be listened on: {e}");
                continue;
            }
        };
        let places = places.clone();
        keep_running("the gate", move || {
            accept(Arc::clone(&listener), places.clone(), Arc::clone(&admission), Arc::clone(&refusals), sender.clone())
        });
    }
    // The tasks end with the runtime.
    closing.cancelled().await;
}

async fn accept(
    listener: Arc<Listener>,
    places: Places,
    admission: Arc<Admission>,
    refusals: Arc<Refusals>,
    sender: mpsc::Sender<Open>,
) {
    let offences = Arc::new(Offences::default());
    // Handshakes end with the gate.
    let mut handshakes = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = handshakes.join_next() => continue,
        };
        let came = match accepted {
            Ok(came) => came,
            Err(e) => {
                refusals.refuse(&"a connection", &format_args!("it could not be accepted: {e}"));
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let from = came.address.map(|address| address.ip());
        if from.is_some_and(|from| offences.too_many(from, Instant::now())) {
            came.socket.reset();
            refusals.refuse(&from.map_or_else(String::new, |from| from.to_string()), &"too many handshakes from there failed");
            continue;
        }
        let offences = Arc::clone(&offences);
        let place = places.wait_for(came.address.map(|address| address.ip()));
        let (admission, refusals, sender) = (Arc::clone(&admission), Arc::clone(&refusals), sender.clone());
        handshakes.spawn(async move {
            let from = came.address.map_or("this machine".to_owned(), |address| address.to_string());
            let (ended, came_from) = (place.ended(), came.address.map(|address| address.ip()));
            let open = tokio::select! {
                // First, so that nothing more is spent on it, and that it is no offence.
                biased;
                () = ended.cancelled() => return refusals.refuse(&from, &"it shook no hands while others waited"),
                open = timeout(HANDSHAKE, let_in(came, place, &admission)) => open,
            };
            if let (Some(address), false) = (came_from, matches!(open, Ok(Ok(_)))) {
                offences.note(address, Instant::now());
            }
            match open {
                Ok(Ok(open)) => drop(sender.send(open).await),
                Ok(Err(e)) => refusals.refuse(&from, &e),
                Err(_) => refusals.refuse(&from, &format_args!("it did not shake hands within {} s", HANDSHAKE.as_secs())),
            }
        });
    }
}

async fn let_in(came: Came, mut place: Place, admission: &Admission) -> std::io::Result<Open> {
    let Came { socket, address, user } = came;
    if let Some((uid, name)) = user.as_ref().filter(|(uid, _)| !may_command(*uid)) {
        let words = format!("{name} (uid {uid}) is neither root nor the user that the agent runs as");
        return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, words));
    }
    let (stream, who) = match (&admission.tls, user) {
        (_, Some((uid, name))) => (Stream::Plain(socket), Who::User { uid, name }),
        (Some(tls), None) => {
            let (stream, identity) = tls.accept(socket).await?;
            (Stream::Tls(Box::new(stream)), Who::Certified(identity))
        }
        (None, None) => (Stream::Plain(socket), Who::Unknown),
    };
    let mut framed = Framed::new(stream, Codec::new(admission.limits));
    shake_hands(&mut framed, admission.socket, Some(&admission.instance)).await?;
    let side = match &who {
        Who::Certified(Identity::Host(name)) => Side::Host(name.clone()),
        Who::Certified(_) | Who::User { .. } => Side::Known,
        Who::Unknown => Side::Unknown(address.map(|address| address.ip())),
    };
    place.open(side);
    Ok(Open { framed, peer: Peer { who, address }, place })
}
