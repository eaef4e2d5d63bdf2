//! Bytes as if a stranger had connected to an agent.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::link::client::Client;
use crate::link::gate::{Filter, Limits};
use crate::link::server::Server;
use protocol::Command;

/// Bit of the first byte: the stream begins with a good handshake, so that what follows is messages.
const SHAKEN_HANDS: u8 = 1;
/// Every so many streams a client of our own has to be answered.
const ASK_EVERY: u64 = 64;
/// A closed connection that is not closed by the other end as well by then is one that is kept.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);

/// The greeting of ZMTP 3.0 with the NULL mechanism, and READY of a REQ socket (rfc.zeromq.org/spec/23).
fn handshake() -> Vec<u8> {
    let mut bytes = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0];
    bytes.extend_from_slice(b"NULL");
    bytes.resize(64, 0);
    let ready = b"\x05READY\x0bSocket-Type\0\0\0\x03REQ";
    bytes.extend_from_slice(&[4, ready.len() as u8]);
    bytes.extend_from_slice(ready);
    bytes
}

/// A stream of bytes to a real command socket: its first byte says how it begins, its second how it is cut. Whatever it is, the socket closes
/// the connection after its end and goes on answering others.
///
/// # Panics
/// Otherwise.
pub fn link(data: &[u8]) {
    let [how, cut, rest @ ..] = data else { return };
    let mut stream = if how & SHAKEN_HANDS == 0 { Vec::new() } else { handshake() };
    stream.extend_from_slice(rest);
    cut_anywhere(&stream, usize::from(*cut) + 1);
    static AGENT: LazyLock<Agent> = LazyLock::new(Agent::start);
    AGENT.meet(&stream);
}

/// What passes the gate does not depend on how the network cuts it, and is not much more than what came.
fn cut_anywhere(stream: &[u8], size: usize) {
    let pass = |size: usize| {
        let (mut filter, mut out) = (Filter::new(Limits::COMMANDS), Vec::new());
        let verdict = stream.chunks(size).try_for_each(|chunk| filter.feed(chunk, &mut out));
        (verdict, out)
    };
    let whole = pass(stream.len().max(1));
    assert_eq!(pass(size), whole);
    // A frame of two bytes, header included, may be replaced by one of 48 and a header of nine.
    assert!(whole.1.len() <= stream.len() * 29);
}

struct Agent {
    endpoint: PathBuf,
    runtime: tokio::runtime::Runtime,
    client: Client,
    met: AtomicU64,
}

impl Agent {
    /// An agent's command socket on a Unix socket in a folder of its own, which stays.
    fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("baton-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let config = super::cluster(&folder);
        let endpoint = match &config.host["server1"].command {
            config::Endpoint::Ipc(path) => path.clone(),
            other => panic!("{other} is not a Unix socket"),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap_or_else(|e| panic!("no runtime: {e}"));
        let server = runtime.block_on(Server::bind(&config, "server1", false)).unwrap_or_else(|failure| panic!("{failure}"));
        runtime.spawn(server.serve(|command| async move { Ok(serde_json::json!(command.name())) }, CancellationToken::new()));
        let client = runtime.block_on(async { Client::new(Arc::new(config)) }).unwrap_or_else(|failure| panic!("{failure}"));
        Self { endpoint, runtime, client, met: AtomicU64::new(0) }
    }

    fn meet(&self, stream: &[u8]) {
        let mut peer = UnixStream::connect(&self.endpoint).unwrap_or_else(|e| panic!("{e}"));
        peer.set_read_timeout(Some(CLOSED_WITHIN)).unwrap_or_else(|e| panic!("{e}"));
        // It may be closed by then: a stranger's bytes are not taken to the end.
        let _ = peer.write_all(stream).and_then(|()| peer.shutdown(std::net::Shutdown::Write));
        let mut answers = Vec::new();
        if let Err(e) = peer.read_to_end(&mut answers) {
            assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset, "the connection is kept: {e}");
        }
        if self.met.fetch_add(1, Ordering::Relaxed).is_multiple_of(ASK_EVERY) {
            let asked = self.client.request("server1", Command::Status, CLOSED_WITHIN);
            self.runtime.block_on(asked).unwrap_or_else(|failure| panic!("others are not answered any more: {failure}"));
        }
    }
}
