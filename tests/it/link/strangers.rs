//! Peers that are not what they should be, on either side of a connection.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use baton::link::client::Client;
use baton::link::server::Server;
use config::Config;
use protocol::{Command, ErrorCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use super::{PATIENCE, SOON, ask, config, dealer, free_port, ipc, request, server};

const READY: &[u8] = b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER";
const ROUTER: &[u8] = b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06ROUTER";
const PUB: &[u8] = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03PUB";

/// What a ZMTP 3.0 peer says first.
fn greeting() -> Vec<u8> {
    let mut bytes = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0];
    bytes.extend_from_slice(b"NULL");
    bytes.resize(64, 0);
    bytes
}

/// Everything that a TLS port is told by peers without the cluster key comes to nothing; on the Unix socket beside it this user is known.
#[tokio::test]
async fn without_the_cluster_key_nothing_is_commanded_over_tcp() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let endpoint = format!("tcp://127.0.0.1:{port}");
    let with_key = config(dir.path(), &endpoint, true);
    let (executed, _stop) = server(&with_key).await;
    let mut plain = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let message = [&greeting()[..], READY, b"\x00\x02{}"].concat();
    let _ = plain.write_all(&message).await;
    let mut said = Vec::new();
    tokio::time::timeout(SOON, plain.read_to_end(&mut said)).await.expect("it is closed").ok();
    assert!(!said.windows(5).any(|words| words == b"READY"), "{said:?}");

    let keyless = Client::new(config(dir.path(), &endpoint, false)).unwrap();
    let failure = keyless.request("one", Command::MakeUsrp, SOON).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Unauthorized, "{failure:?}");
    assert!(failure.hint.unwrap().contains("key_file"));
    let other = with_other_key(&with_key, &dir);
    let failure = Client::new(other).unwrap().request("one", Command::MakeUsrp, SOON).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Unauthorized, "{failure:?}");
    assert!(failure.message.contains("cluster key"), "{failure}");
    assert_eq!(executed.load(Ordering::SeqCst), 0);

    assert!(Client::new(with_key).unwrap().request("one", Command::MakeUsrp, SOON).await.is_ok());
    let mut local = dealer(&format!("ipc://{}/run/one/command.ipc", dir.path().display())).await;
    assert!(ask(&mut local, vec![request("l", &json!({"command": "status"}))]).await.1.ok);
}

/// The same cluster, whose key is another one.
fn with_other_key(config: &Config, dir: &tempfile::TempDir) -> Arc<Config> {
    let file = dir.path().join("other.key");
    std::fs::write(&file, b"another key of enough bytes").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    Arc::new(Config { key_file: Some(file), ..config.clone() })
}

/// A client with a key takes nobody for an agent who has none, another one, or is the agent of another host; it has sent nothing then.
#[tokio::test]
async fn a_client_takes_nobody_else_for_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = format!("tcp://127.0.0.1:{}", free_port());
    let with_key = config(dir.path(), &endpoint, true);
    let client = Client::new(Arc::clone(&with_key)).unwrap();
    {
        let (executed, stop) = server(&config(dir.path(), &endpoint, false)).await;
        let failure = client.request("one", Command::MakeUsrp, SOON).await.unwrap_err();
        assert_eq!((failure.code, executed.load(Ordering::SeqCst)), (ErrorCode::Unauthorized, 0), "{failure:?}");
        assert!(failure.message.contains("has no cluster key"), "{failure}");
        stop.cancel();
    }
    let two = Arc::new({
        let mut config = Config::clone(&with_key);
        let endpoint = config.host["one"].command.clone();
        config.host.get_mut("two").unwrap().command = endpoint;
        config
    });
    let two = loop {
        tokio::task::yield_now().await;
        if let Ok(server) = Server::bind(&two, "two", false).await {
            break server;
        }
    };
    tokio::spawn(two.serve(|_| async { Ok(json!({})) }, CancellationToken::new()));
    let failure = client.request("one", Command::MakeUsrp, SOON).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::WrongAddressee, "{failure:?}");
    assert_eq!(failure.message, format!("the agent at {endpoint} is that of two, not of one"));
}

/// Whoever sits on an agent's port may say anything: clients and subscribers get a sentence at most.
#[tokio::test]
async fn no_answer_harms_a_client() {
    let dir = tempfile::tempdir().unwrap();
    let answers: Vec<Vec<u8>> = vec![
        vec![],
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        [&greeting()[..], ROUTER, &[2], &(1u64 << 62).to_be_bytes()].concat(),
        [&greeting()[..], ROUTER, &[2], &u64::MAX.to_be_bytes()].concat(),
        [&greeting()[..], ROUTER, &[0, 2], b"{}"].concat(),
        [&greeting()[..], ROUTER, &[1, 0, 0, 5], b"[[[[["].concat(),
        [&greeting()[..], PUB, &[0, 0]].concat(),
        [&greeting()[..], PUB, &[1, 9], b"telemetry", &[0, 2], b"{}"].concat(),
        [&greeting()[..], PUB, &[1, 9], b"telemetry", &[2], &(1u64 << 62).to_be_bytes()].concat(),
        [&greeting()[..], b"\x04\x07\x05READY\x63"].concat(),
        [&greeting()[..], &[0xff; 100]].concat(),
    ];
    for (key, answer) in [false, true].into_iter().flat_map(|key| answers.iter().map(move |answer| (key, answer.clone()))) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
        let mut config = Config::clone(&config(dir.path(), &endpoint, key));
        let one = config.host.get_mut("one").unwrap();
        one.telemetry = one.command.clone();
        let config = Arc::new(config);
        let words = answer.clone();
        let stranger = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(&words).await;
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut Vec::new())).await;
                });
            }
        });
        let mut heard = baton::link::telemetry::subscribe(Arc::clone(&config)).unwrap();
        let client = Client::new(config).unwrap();
        let failure = client.request("one", Command::Status, Duration::from_millis(200)).await.unwrap_err();
        assert!(matches!(failure.code, ErrorCode::Unreachable | ErrorCode::Unauthorized), "{answer:?}: {failure:?}");
        assert!(heard.recv().await.is_some(), "the subscription lives");
        stranger.abort();
    }
}

#[tokio::test]
async fn heartbeats_are_answered_also_while_an_answer_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let (_executed, _stop) = server(&config(dir.path(), &ipc(dir.path()), false)).await;
    let mut peer = UnixStream::connect(dir.path().join("one.cmd")).await.unwrap();
    let held = request("h", &json!({"command": "await_sync", "args": {"deadline_ms": 60_000}}));
    let message = [&[0, u8::try_from(held.len()).unwrap()], &held[..]].concat();
    peer.write_all(&[&greeting()[..], READY, &message, b"\x04\x0a\x04PING\0\x64abc"].concat()).await.unwrap();
    let (mut said, pong) = (Vec::new(), b"\x04\x08\x04PONGabc");
    while !said.ends_with(pong) {
        let read = tokio::time::timeout(SOON, peer.read_buf(&mut said)).await.expect("a PONG in time").unwrap();
        assert!(read > 0, "{said:?}");
    }
}

/// Whether the connection is closed although its peer says a byte now and then.
#[tokio::test]
async fn a_handshake_ends_in_time_however_slowly_it_is_said() {
    for key in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = config(dir.path(), &format!("tcp://127.0.0.1:{port}"), key);
        let (_executed, stop) = server(&config).await;
        let mut slow = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let saying = async {
            // A TLS handshake record begins with 22.
            for byte in if key { vec![22, 3, 1, 2, 0, 1, 0, 1, 252] } else { greeting() } {
                if slow.write_all(&[byte]).await.is_err() {
                    return;
                }
                let more = tokio::time::timeout(Duration::from_secs(1), slow.read(&mut [0; 256])).await;
                if matches!(more, Ok(Ok(0) | Err(_))) {
                    return;
                }
            }
            panic!("it is still open");
        };
        tokio::time::timeout(PATIENCE, saying).await.unwrap();
        stop.cancel();
    }
}

#[tokio::test]
async fn idle_strangers_keep_nobody_out() {
    for key in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = config(dir.path(), &format!("tcp://127.0.0.1:{port}"), key);
        let (_executed, stop) = server(&config).await;
        let mut idle = Vec::new();
        for said in 0..200 {
            // The gate turns away who is too many, perhaps before the connection is told of: that one is reset, and keeps nobody out.
            let Ok(mut stream) = tokio::net::TcpStream::connect(("127.0.0.1", port)).await else { continue };
            // Some say nothing, some shake hands and then say nothing.
            if said % 2 == 0 {
                let _ = stream.write_all(&[&greeting()[..], READY].concat()).await;
            }
            idle.push(stream);
        }
        let client = Client::new(Arc::clone(&config)).unwrap();
        client.request("one", Command::Status, SOON).await.unwrap();
        stop.cancel();
    }
}

#[tokio::test]
async fn hostile_streams_do_not_harm_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &ipc(dir.path()), false);
    let (_executed, _stop) = server(&config).await;
    let (greeting, ready) = (greeting(), READY.to_vec());
    let everything = [&[0x02][..], &u64::MAX.to_be_bytes()].concat();
    let half = [&[0x02][..], &(1u64 << 62).to_be_bytes()].concat();
    let ping = b"\x04\x07\x04PING\0\0".to_vec();
    let streams = [
        vec![b"GET / HTTP/1.1\r\n\r\n".to_vec()],
        vec![greeting.clone(), vec![0xff; 100]],
        vec![greeting.clone(), ready.clone(), everything],
        vec![greeting.clone(), ready.clone(), half],
        vec![greeting.clone(), ready.clone(), ping],
        vec![greeting.clone(), b"\x04\x07\x05READY\x63".to_vec()],
        vec![greeting, ready, vec![0xff; 1000]],
    ];
    for stream in streams {
        let mut peer = UnixStream::connect(dir.path().join("one.cmd")).await.unwrap();
        for part in &stream {
            let _ = peer.write_all(part).await;
        }
        let _ = tokio::time::timeout(Duration::from_millis(20), peer.read(&mut [0; 256])).await;
        let client = Client::new(Arc::clone(&config)).unwrap();
        assert!(client.request("one", Command::Status, SOON).await.is_ok(), "after {stream:?}");
    }
}
