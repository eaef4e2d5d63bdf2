//! The ZeroMQ link: requests, retries, signatures, hostile peers, telemetry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

mod strangers;
mod telemetry;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use baton::link::client::Client;
use baton::link::server::Server;
use bytes::Bytes;
use config::Config;
use protocol::{Command, ErrorCode, Failure, Reply};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use zeromq::{DealerSocket, ReqSocket, Socket, SocketRecv, SocketSend, ZmqMessage};

const SOON: Duration = Duration::from_secs(5);
/// Ends a test that would wait for ever.
const PATIENCE: Duration = Duration::from_secs(60);

fn config(dir: &Path, command: &str, key: bool) -> Arc<Config> {
    let key_file = key.then(|| dir.join("cluster.key"));
    if let Some(path) = &key_file {
        std::fs::write(path, b"a key of more than sixteen bytes").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let key_line = key_file.map_or_else(String::new, |path| format!("key_file = \"{}\"", path.display()));
    let text = format!(
        r#"
        {key_line}
        records = "{at}/records"
        runtime = "{at}/run"
        roles = {{ initiator = "one", destination = "two" }}
        addresses = {{ active = "192.168.10.1/24", parked = "192.168.20.2/24" }}
        workload = {{ d2d = ["/bin/true"], usrp = ["/bin/true"], uhd = ["/bin/true"] }}
        host.one = {{ command = "{command}", telemetry = "ipc://{at}/one.tele", radio = "pool" }}
        host.two = {{ command = "ipc://{at}/two.cmd", telemetry = "ipc://{at}/two.tele", radio = "pool" }}
        [radio.pool]
        args = "addr=192.168.10.2"
        rate = 1e6
        tx_freq = 1e7
        rx_freq = 2e7
        gain = 0.0
        tx_ant = "TX"
        rx_ant = "RX"
        ref = "internal"
        bw = 0.0
        "#,
        at = dir.display(),
    );
    Arc::new(Config::parse(&text).unwrap())
}

fn ipc(dir: &Path) -> String {
    format!("ipc://{}/one.cmd", dir.display())
}

/// Starts a server that counts executions and panics on `kill_d2d`.
async fn server(config: &Config) -> (Arc<AtomicU32>, CancellationToken) {
    let executed = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&executed);
    let stop = CancellationToken::new();
    let server = Server::bind(config, "one", false).await.unwrap();
    let execute = move |command: Command| {
        let count = Arc::clone(&count);
        async move {
            let times = count.fetch_add(1, Ordering::SeqCst) + 1;
            match command {
                Command::KillD2d => panic!("the d2d process is made of glass"),
                Command::KillUsrp => Err(Failure::new(ErrorCode::Process, "the USRP process will not die").hint("ask again")),
                Command::AwaitSync { deadline_ms } => {
                    tokio::time::sleep(Duration::from_millis(deadline_ms)).await;
                    Ok(json!(times))
                }
                other => Ok(json!({"name": other.name(), "times": times, "tun_ip": other.name()})),
            }
        }
    };
    tokio::spawn(server.serve(execute, stop.clone()));
    (executed, stop)
}

fn request(id: &str, command: &Value) -> Vec<u8> {
    let mut request = json!({"v": 1, "id": id, "to": "one"});
    for (name, value) in command.as_object().unwrap() {
        request[name] = value.clone();
    }
    request.to_string().into_bytes()
}

async fn ask(socket: &mut (impl SocketSend + SocketRecv), frames: Vec<Vec<u8>>) -> (Vec<Bytes>, Reply) {
    socket.send(ZmqMessage::try_from(frames.into_iter().map(Bytes::from).collect::<Vec<_>>()).unwrap()).await.unwrap();
    let answer = tokio::time::timeout(SOON, socket.recv()).await.expect("an answer in time").unwrap();
    let frames = answer.into_vec();
    let reply = frames.iter().find_map(|frame| serde_json::from_slice(frame).ok()).expect("a reply among the frames");
    (frames, reply)
}

async fn dealer(endpoint: &str) -> DealerSocket {
    let mut socket = DealerSocket::new();
    socket.connect(endpoint).await.unwrap();
    socket
}

#[tokio::test]
async fn clients_get_results_and_failures_over_ipc_and_tcp_signed_and_unsigned() {
    for (tcp, key) in [(false, false), (true, false), (false, true), (true, true)] {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = if tcp { format!("tcp://127.0.0.1:{}", free_port()) } else { ipc(dir.path()) };
        let config = config(dir.path(), &endpoint, key);
        let (_executed, _stop) = server(&config).await;
        let client = Client::new(Arc::clone(&config)).unwrap();
        let many = (0..20).map(|_| client.ask("one", protocol::ask::GetTunIp {}, SOON));
        for answer in futures::future::join_all(many).await {
            assert_eq!(answer.unwrap().tun_ip, "get_tun_ip");
        }
        let failure = client.request("one", Command::KillUsrp, SOON).await.unwrap_err();
        assert_eq!(failure, Failure::new(ErrorCode::Process, "the USRP process will not die").hint("ask again"));
        let failure = client.request("one", Command::KillD2d, SOON).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Internal);
        assert_eq!(failure.message, "command failed: kill_d2d: the d2d process is made of glass");
        assert!(client.request("one", Command::GetTunIp, SOON).await.is_ok(), "the agent survived");
        assert_eq!(client.request("three", Command::Status, SOON).await.unwrap_err().code, ErrorCode::Config);
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_req_and_a_dealer_with_and_without_delimiter_are_answered_in_kind() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &ipc(dir.path()), false);
    let (_executed, _stop) = server(&config).await;
    let mut req = ReqSocket::new();
    req.connect(&ipc(dir.path())).await.unwrap();
    let (frames, reply) = ask(&mut req, vec![request("a", &json!({"command": "status"}))]).await;
    assert_eq!((frames.len(), reply.id.as_str(), reply.ok), (1, "a", true));
    let mut socket = dealer(&ipc(dir.path())).await;
    let (frames, _) = ask(&mut socket, vec![vec![], request("b", &json!({"command": "status"}))]).await;
    assert_eq!((frames.len(), frames[0].len()), (2, 0));
    let (frames, reply) = ask(&mut socket, vec![request("c", &json!({"command": "status", "args": {}}))]).await;
    assert_eq!((frames.len(), reply.ok), (1, true), "{reply:?}");
}

#[tokio::test]
async fn bad_messages_are_answered_with_a_sentence_and_the_agent_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &ipc(dir.path()), false);
    let (executed, _stop) = server(&config).await;
    let mut socket = dealer(&ipc(dir.path())).await;
    let big = vec![b' '; 300 * 1024];
    let table: Vec<(Vec<Vec<u8>>, ErrorCode, &str)> = vec![
        (vec![b"nonsense".to_vec()], ErrorCode::BadRequest, "not JSON"),
        (vec![b"[1]".to_vec()], ErrorCode::BadRequest, "no protocol version"),
        (vec![b"\xff\xfe".to_vec()], ErrorCode::BadRequest, "not JSON"),
        (vec![vec![]], ErrorCode::BadRequest, "holds no request"),
        (vec![big], ErrorCode::BadRequest, "the request has 307200 bytes; the limit is 262144"),
        (vec![b"x".to_vec(); 3], ErrorCode::BadRequest, "too many frames"),
        (vec![b"x".to_vec(); 500], ErrorCode::BadRequest, "too many frames"),
        (vec![request("", &json!({"command": "status"}))], ErrorCode::BadRequest, "needs an id"),
        (vec![request(&"i".repeat(200), &json!({"command": "status"}))], ErrorCode::BadRequest, "needs an id"),
        (vec![request("u", &json!({"command": "dance"}))], ErrorCode::UnknownCommand, "unknown command \"dance\""),
        (vec![request("v", &json!({"command": "status", "v": 9}))], ErrorCode::Version, "version 9"),
        (vec![request("w", &json!({"command": "status", "to": "two"}))], ErrorCode::WrongAddressee, "is for \"two\""),
        (vec![request("x", &json!({"command": "set_tun_ip"}))], ErrorCode::BadRequest, "arguments of set_tun_ip"),
        (vec![request("y", &json!({"command": "set_tun_ip", "args": {"tun_ip": 5}}))], ErrorCode::BadRequest, "arguments of"),
    ];
    for (frames, code, words) in table {
        let (_, reply) = ask(&mut socket, frames).await;
        let error = reply.error.expect("a failure");
        assert_eq!(error.code, code, "{error:?}");
        assert!(error.message.contains(words), "\"{}\" lacks \"{words}\"", error.message);
        assert_eq!(reply.from, "one");
    }
    assert_eq!(executed.load(Ordering::SeqCst), 0);
    assert!(ask(&mut socket, vec![request("z", &json!({"command": "status"}))]).await.1.ok);
}

#[tokio::test]
async fn a_retry_is_answered_alike_and_executed_once_even_while_executing() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &ipc(dir.path()), false);
    let (executed, _stop) = server(&config).await;
    let mut first = dealer(&ipc(dir.path())).await;
    let mut second = dealer(&ipc(dir.path())).await;
    for command in [json!({"command": "await_sync", "args": {"deadline_ms": 50}}), json!({"command": "make_usrp"})] {
        let before = executed.load(Ordering::SeqCst);
        let frames = || vec![request(command["command"].as_str().unwrap(), &command)];
        let (one, two) = tokio::join!(ask(&mut first, frames()), ask(&mut second, frames()));
        let (_, three) = ask(&mut first, frames()).await;
        assert_eq!((&one.1, &one.1), (&two.1, &three));
        assert_eq!(executed.load(Ordering::SeqCst), before + 1);
    }
    let (_, reply) = ask(&mut first, vec![request("make_usrp", &json!({"command": "double_kill"}))]).await;
    assert!(reply.error.unwrap().message.contains("was used for another command"));
}

#[tokio::test]
async fn an_agent_that_listens_to_everyone_needs_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = format!("tcp://0.0.0.0:{}", free_port());
    let open = config(dir.path(), &endpoint, false);
    let failure = Server::bind(&open, "one", false).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Config);
    assert!(failure.message.contains("key_file"));
    assert!(Server::bind(&open, "one", true).await.is_ok(), "--insecure");
    let endpoint = format!("tcp://0.0.0.0:{}", free_port());
    assert!(Server::bind(&config(dir.path(), &endpoint, true), "one", false).await.is_ok(), "with a key");
}

#[tokio::test]
async fn a_port_in_use_is_said_and_a_stale_socket_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    for endpoint in [ipc(dir.path()), format!("tcp://127.0.0.1:{}", free_port())] {
        let config = config(dir.path(), &endpoint, false);
        let first = Server::bind(&config, "one", false).await.unwrap();
        let failure = Server::bind(&config, "one", false).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Environment);
        assert!(failure.message.contains("cannot listen on"), "{failure}");
        drop(first);
    }
    let stale = dir.path().join("one.cmd");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    assert!(stale.exists());
    drop(Server::bind(&config(dir.path(), &ipc(dir.path()), false), "one", false).await.unwrap());
    assert!(!stale.exists(), "and removed at the end");
}

#[tokio::test]
async fn requests_survive_a_restart_and_absent_hosts_are_unreachable() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &ipc(dir.path()), true);
    let client = Client::new(Arc::clone(&config)).unwrap();
    let failure = client.request("one", Command::Status, Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Unreachable);
    assert!(failure.message.contains("cannot be reached at ipc://"), "{failure}");

    let (_, stop) = server(&config).await;
    assert!(client.request("one", Command::Status, SOON).await.is_ok());
    let failure = client.request("one", Command::AwaitSync { deadline_ms: 60_000 }, Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Unreachable);
    assert!(failure.message.contains("did not answer await_sync within 0.1 s"), "{failure}");

    let waiting = {
        let client = client.clone();
        tokio::spawn(async move { client.request("one", Command::AwaitSync { deadline_ms: 300 }, SOON).await })
    };
    assert!(client.request("one", Command::Status, SOON).await.is_ok());
    stop.cancel();
    let (executed, _stop) = loop {
        // The first server gives its address up when its task is dropped.
        tokio::task::yield_now().await;
        if !dir.path().join("one.cmd").exists() {
            break server(&config).await;
        }
    };
    assert!(waiting.await.unwrap().is_ok(), "sent again to the second server");
    assert_eq!(executed.load(Ordering::SeqCst), 1);
}

/// A retry that was first sent before the agent started may have been carried out then.
#[tokio::test]
async fn after_a_restart_only_what_reads_is_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &ipc(dir.path()), false);
    let (_executed, _stop) = server(&config).await;
    let mut socket = zeromq::DealerSocket::new();
    socket.connect(&ipc(dir.path())).await.unwrap();
    let plan = json!({"command": "plan", "args": {"order": "M"}, "first_sent_to": "an earlier life"});
    let plain = |command: &str| json!({"command": command, "first_sent_to": "an earlier life"});
    for (command, repeated) in [
        (plan, true),
        (plain("export"), true),
        (plain("status"), true),
        (plain("get_control"), true),
        (plain("freeze"), false),
        (plain("go"), false),
        (plain("commit"), false),
    ] {
        let (_, reply) = ask(&mut socket, vec![request(&command.to_string(), &command)]).await;
        assert_eq!(reply.ok, repeated, "{command}: {reply:?}");
        assert!(reply.ok || reply.error.unwrap().code == ErrorCode::Restarted, "{command}");
    }
}

#[tokio::test]
async fn an_agent_that_says_nothing_is_given_up_long_before_a_long_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let address = ipc(dir.path());
    let mut mute = zeromq::RouterSocket::new();
    mute.bind(&address).await.unwrap();
    let client = Client::new(config(dir.path(), &address, false)).unwrap();
    let began = std::time::Instant::now();
    let failure = client.request("one", Command::DoubleKill, PATIENCE).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Unreachable);
    assert!(failure.message.contains("has said nothing for 4 s, not even its status"), "{failure}");
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    for wanted in ["double_kill", "status"] {
        let message = mute.recv().await.unwrap();
        let request: Value = serde_json::from_slice(message.iter().last().unwrap()).unwrap();
        assert_eq!(request["command"], wanted);
    }
}
