//! What answers may be no etcd, or one that was tampered with: each answer ends in a sentence.

use std::time::Duration;

use engine::{Change, Error, Etcd, EtcdSettings, Expected, OwnerStore, Timing};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::suite::{host, radio, until};

/// A server that answers every request with these bytes and closes the connection; its endpoint.
async fn answering(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                // One request: its head, and a body that is there by then or is not needed.
                let mut read = [0; 4096];
                if stream.read(&mut read).await.is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(&bytes).await;
                }
                let _ = stream.shutdown().await;
                while stream.read(&mut read).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    endpoint
}

fn client(endpoint: String) -> Etcd {
    let timing = Timing { deadline: Duration::from_millis(300), ..Timing::default() };
    Etcd::new(host("a"), EtcdSettings { timing, attempt: Duration::from_millis(150), ..EtcdSettings::new(vec![endpoint]) })
}

fn http(status: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

async fn said_of(bytes: Vec<u8>) -> Error {
    let store = client(answering(bytes).await);
    let error = store.quorate().await.unwrap_err();
    assert!(store.join().await.is_err());
    assert!(store.grant(&radio("alpha"), &host("a"), Expected::Nobody).await.is_err());
    let Change::Interrupted(_) = until(&mut store.watch(), |_| true).await else { panic!("it was believed") };
    error
}

#[tokio::test]
async fn who_is_no_etcd_is_named() {
    for bytes in [
        http("200 OK", b"<html>hello</html>"),
        http("404 Not Found", b"nothing here"),
        http("200 OK", b""),
        http("200 OK", b"{}"),
        http("200 OK", b"[1, 2]"),
        http("200 OK", b"{\"header\": {\"cluster_id\": \"-1\"}}"),
        http("200 OK", b"{\"header\": {\"revision\": \"99999999999999999999999999\"}}"),
        http("200 OK", b"{\"header\": {}, \"responses\": [{\"response_range\": {\"kvs\": [{\"key\": \"%\"}]}}]}"),
        http("200 OK", b"{\"header\": {}, \"responses\": [{\"response_range\": {\"kvs\": [{\"key\": \"/w==\"}]}}]}"),
        http("200 OK", "[".repeat(100_000).as_bytes()),
    ] {
        let error = said_of(bytes.clone()).await;
        let said = error.to_string();
        assert!(matches!(error, Error::NotEtcd { .. }) && said.contains("Check the endpoint"), "{said}: {bytes:?}");
    }
    let error = said_of(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()).await;
    assert!(error.to_string().contains("does not speak HTTP"), "{error}");
    for cut in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"header\"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9000000000\r\n\r\n",
    ] {
        let error = said_of(cut.to_vec()).await;
        assert!(matches!(error, Error::Unreachable(_)), "{error}");
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_broken_off() {
    let endpoint = answering(http("200 OK", &vec![b' '; 6 << 20])).await;
    let timing = Timing { deadline: Duration::from_secs(20), ..Timing::default() };
    let store =
        Etcd::new(host("a"), EtcdSettings { attempt: Duration::from_secs(20), timing, ..EtcdSettings::new(vec![endpoint]) });
    let said = store.quorate().await.unwrap_err().to_string();
    assert!(said.contains("broke its answer off: length limit exceeded"), "{said}");
}

#[tokio::test]
async fn words_of_etcd_are_shown_and_do_not_act() {
    let refused = http("403 Forbidden", b"{\"error\":\"etcdserver: permission \\u001b[2J denied\",\"code\":7}");
    let error = said_of(refused).await;
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert!(error.to_string().contains("refuses: permission \\x1b[2J denied"), "{error}");
    let error =
        said_of(http("429 Too Many Requests", b"{\"error\":\"etcdserver: mvcc: database space exceeded\",\"code\":8}")).await;
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_of_chance_is_believed_or_ends_the_program(body in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        "\\{\"(header|succeeded|responses|result|error)\":(\\{\\}|\\[\\{\\}\\]|true|\"x\"|-1|null),\"(header|leader|events)\":.{0,20}\\}".prop_map(String::into_bytes),
    ], whole in any::<bool>()) {
        let bytes = if whole { http("200 OK", &body) } else { body };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = client(answering(bytes).await);
            // A well-formed answer of an empty store may be among them.
            drop(store.ownership(&radio("alpha")).await);
            prop_assert!(store.grant(&radio("alpha"), &host("a"), Expected::Epoch(1)).await.is_err());
            Ok(())
        })?;
    }
}
