//! As much of an HTTP server as Prometheus needs.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Who may be answered at once. Further ones wait in the kernel's queue, which drops what it cannot hold.
const CONNECTIONS: usize = 4;
/// From the accept to the end of the answer.
const CONNECTION: Duration = Duration::from_secs(5);
/// Longest request line and headers, bytes.
const HEADERS: usize = 8192;
/// Wait before an address that is not there yet is tried again: a network may come up after the agent.
const RETRY: Duration = Duration::from_secs(5);
/// The text format of Prometheus.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Serves `/metrics` at an address until `stop`.
pub(super) async fn serve<F, Fut>(address: SocketAddr, answer: F, stop: CancellationToken)
where
    F: Fn() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Vec<u8>> + Send + 'static,
{
    tokio::select! {
        () = stop.cancelled() => {}
        () = accept(address, answer) => {}
    }
}

async fn accept<F, Fut>(address: SocketAddr, answer: F)
where
    F: Fn() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Vec<u8>> + Send + 'static,
{
    let listener = listen(address).await;
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // For lack of descriptors, for example.
            tokio::time::sleep(RETRY).await;
            continue;
        };
        let answer = answer.clone();
        tokio::spawn(async move {
            // One that is too slow is closed.
            let _ = timeout(CONNECTION, converse(stream, answer)).await;
            drop(place);
        });
    }
}

async fn listen(address: SocketAddr) -> TcpListener {
    let mut told = false;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(e) if !told => {
                told = true;
                tracing::error!(
                    "no metrics at {address}: {e}; it is tried again every {} s. Is the address this host's, and the port free?",
                    RETRY.as_secs()
                );
            }
            Err(_) => {}
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn converse<F, Fut>(stream: TcpStream, answer: F)
where
    F: Fn() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Vec<u8>> + Send + 'static,
{
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(respond(&request, answer).await) }
    });
    // A peer that breaks off is no matter of ours.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION)
        .max_buf_size(HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond<F, Fut>(request: &Request<hyper::body::Incoming>, answer: F) -> Response<Full<Bytes>>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Vec<u8>>,
{
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let (status, body) = match request.uri().path() {
        _ if !is_read => (StatusCode::METHOD_NOT_ALLOWED, b"only GET\n".to_vec()),
        "/metrics" => (StatusCode::OK, answer().await),
        _ => (StatusCode::NOT_FOUND, b"metrics are at /metrics\n".to_vec()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    if !is_read {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
