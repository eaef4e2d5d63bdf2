//! Bytes as if a stranger had connected to an agent.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::BytesMut;
use tokio_util::codec::Decoder;
use tokio_util::sync::CancellationToken;

use super::zmtp::{handshake, socket_path};
use crate::link::client::Client;
use crate::link::publisher::Publisher;
use crate::link::server::Server;
use crate::link::zmtp::{Codec, Limits};
use protocol::Command;

/// Bit of the first byte: the stream begins with a good handshake, so that what follows is messages.
const SHAKEN_HANDS: u8 = 1;
/// Bit of the first byte: the stream is for the telemetry socket.
const TELEMETRY: u8 = 2;
/// Bit of the first byte: the stream is for the TLS port, before anybody is known there.
const SECURED: u8 = 4;
/// Every so many streams a client of our own has to be answered.
const ASK_EVERY: u64 = 64;
/// A closed connection that is not closed by the other end as well by then is one that is kept.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);

/// A stream of bytes to a real socket of an agent: its first byte says which and how it begins, its second how it is cut. Whatever it is, the
/// socket closes the connection after its end and goes on answering others.
///
/// # Panics
/// Otherwise.
pub fn link(data: &[u8]) {
    let [how, cut, rest @ ..] = data else { return };
    let telemetry = how & TELEMETRY != 0;
    let mut stream = if how & SHAKEN_HANDS == 0 { Vec::new() } else { handshake(if telemetry { "SUB" } else { "REQ" }) };
    stream.extend_from_slice(rest);
    cut_anywhere(&stream, usize::from(*cut) + 1, if telemetry { Limits::SUBSCRIPTIONS } else { Limits::COMMANDS });
    static AGENT: LazyLock<Agent> = LazyLock::new(Agent::start);
    AGENT.meet(&stream, how & (TELEMETRY | SECURED));
}

/// What is heard does not depend on how the network cuts it, and what is reserved for it is within the limits.
pub(super) fn cut_anywhere(stream: &[u8], size: usize, limits: Limits) {
    let hear = |size: usize| {
        let (mut codec, mut input, mut heard) = (Codec::new(limits), BytesMut::new(), Vec::new());
        for piece in stream.chunks(size) {
            input.extend_from_slice(piece);
            loop {
                match codec.decode(&mut input) {
                    Ok(Some(said)) => heard.push(said),
                    Ok(None) => break,
                    Err(e) => return (heard, Some(e.to_string())),
                }
            }
            assert!(input.capacity() as u64 <= 2 * limits.message + 2 * stream.len() as u64 + 4096, "{}", input.capacity());
        }
        (heard, None)
    };
    assert_eq!(hear(size), hear(stream.len().max(1)));
}

struct Agent {
    command: PathBuf,
    telemetry: PathBuf,
    secured: std::net::SocketAddr,
    runtime: tokio::runtime::Runtime,
    client: Client,
    met: AtomicU64,
    _publisher: Publisher,
}

impl Agent {
    /// An agent's sockets in a folder of its own, which stays.
    fn start() -> Self {
        let folder = super::folder("link");
        let config = super::cluster(&folder);
        let settings = &config.host["server1"];
        let (command, telemetry) = (socket_path(&settings.command), socket_path(&settings.telemetry));
        let runtime = super::runtime();
        let server = runtime.block_on(Server::bind(&config, "server1", false)).unwrap_or_else(|failure| panic!("{failure}"));
        let execute = |command: Command| async move { Ok(serde_json::json!(command.name())) };
        runtime.spawn(server.serve(execute, CancellationToken::new()));
        let publisher = runtime.block_on(Publisher::bind(&config, "server1")).unwrap_or_else(|failure| panic!("{failure}"));
        let secured = start_secured(&runtime);
        let client = runtime.block_on(async { Client::new(Arc::new(config)) }).unwrap_or_else(|failure| panic!("{failure}"));
        Self { command, telemetry, secured, runtime, client, met: AtomicU64::new(0), _publisher: publisher }
    }

    fn meet(&self, stream: &[u8], whom: u8) {
        let refused = |e: std::io::Error| -> ! { panic!("{e}") };
        let closed = match whom {
            0 => UnixStream::connect(&self.command).and_then(|peer| say_all(peer, stream)),
            TELEMETRY => UnixStream::connect(&self.telemetry).and_then(|peer| say_all(peer, stream)),
            _ => std::net::TcpStream::connect(self.secured).and_then(|peer| say_all(peer, stream)),
        };
        closed.unwrap_or_else(|e| refused(e));
        if self.met.fetch_add(1, Ordering::Relaxed).is_multiple_of(ASK_EVERY) {
            let asked = self.client.request("server1", Command::Status, CLOSED_WITHIN);
            self.runtime.block_on(asked).unwrap_or_else(|failure| panic!("others are not answered any more: {failure}"));
        }
    }
}

/// The same agent behind TLS, on a port of loopback.
fn start_secured(runtime: &tokio::runtime::Runtime) -> std::net::SocketAddr {
    let folder = super::folder("secured");
    let key = folder.join("cluster.key");
    super::write_private(&key, &[7; 32]);
    let mut config = super::cluster(&folder);
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.unwrap_or_else(|e| panic!("{e}"));
    config.key_file = Some(key);
    for host in config.host.values_mut() {
        host.command = config::Endpoint::Tcp { host: address.ip().to_string(), port: address.port() };
    }
    let server = runtime.block_on(Server::bind(&config, "server1", false)).unwrap_or_else(|failure| panic!("{failure}"));
    let execute = |command: Command| async move { Ok(serde_json::json!(command.name())) };
    runtime.spawn(server.serve(execute, CancellationToken::new()));
    address
}

trait Peer: Read + Write {
    fn end(&self) -> std::io::Result<()>;
}

impl Peer for UnixStream {
    fn end(&self) -> std::io::Result<()> {
        self.set_read_timeout(Some(CLOSED_WITHIN))?;
        self.shutdown(std::net::Shutdown::Write)
    }
}

impl Peer for std::net::TcpStream {
    fn end(&self) -> std::io::Result<()> {
        self.set_read_timeout(Some(CLOSED_WITHIN))?;
        self.shutdown(std::net::Shutdown::Write)
    }
}

/// Says everything, and waits until the other end has closed as well.
fn say_all(mut peer: impl Peer, stream: &[u8]) -> std::io::Result<()> {
    // It may be closed by then: a stranger's bytes are not taken to the end.
    let _ = peer.write_all(stream).and_then(|()| peer.end());
    match peer.read_to_end(&mut Vec::new()) {
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Err(std::io::Error::other("the connection is kept")),
        _ => Ok(()),
    }
}
