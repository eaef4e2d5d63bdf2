//! ZMTP 3.0 (rfc.zeromq.org/spec/23) with the mechanism NULL, over any stream of bytes. Every length is checked before anything is reserved.

mod codec;

use std::io;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::Framed;

pub use codec::{Codec, Excess, Incoming, Limits, Message, Outgoing};

/// Kinds of socket, as READY names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketType {
    /// An agent's command socket.
    Router,
    /// A client's.
    Dealer,
    /// An agent's telemetry socket.
    Pub,
    /// A subscriber's.
    Sub,
}

impl SocketType {
    fn name(self) -> &'static str {
        match self {
            Self::Router => "ROUTER",
            Self::Dealer => "DEALER",
            Self::Pub => "PUB",
            Self::Sub => "SUB",
        }
    }

    /// Kinds of socket that it talks to.
    fn peers(self) -> &'static [&'static str] {
        match self {
            Self::Router => &["REQ", "DEALER", "ROUTER"],
            Self::Dealer => &["ROUTER", "REP", "DEALER"],
            Self::Pub => &["SUB", "XSUB"],
            Self::Sub => &["PUB", "XPUB"],
        }
    }
}

/// The property of READY by which an agent says which life of it this is; names of applications begin with `X-`.
pub const INSTANCE: &str = "X-Instance";

/// Greets the peer and exchanges READY; returns the peer's `X-Instance`, if it has one. The caller sets a deadline.
///
/// # Errors
/// `InvalidData` for a peer that does not speak ZMTP 3 with NULL, or is of a kind that this socket does not talk to; those of the stream;
/// `UnexpectedEof`.
pub async fn shake_hands<S>(framed: &mut Framed<S, Codec>, own: SocketType, instance: Option<&str>) -> io::Result<Option<String>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    framed.send(Outgoing::Greeting).await?;
    if framed.next().await.transpose()? != Some(Incoming::Greeting) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut properties = vec![("Socket-Type".to_owned(), Bytes::from_static(own.name().as_bytes()))];
    if let Some(instance) = instance {
        properties.push((INSTANCE.to_owned(), Bytes::copy_from_slice(instance.as_bytes())));
    }
    framed.send(Outgoing::Ready(properties)).await?;
    let Some(Incoming::Ready(properties)) = framed.next().await.transpose()? else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let property = |wanted: &str| {
        let found = properties.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.and_then(|(_, value)| std::str::from_utf8(value).ok()).map(str::to_owned)
    };
    let kind = property("Socket-Type").unwrap_or_default();
    if !own.peers().contains(&kind.as_str()) {
        let words =
            format!("a {} socket does not talk to a peer of the kind {:?}", own.name(), kind.chars().take(16).collect::<String>());
        return Err(io::Error::new(io::ErrorKind::InvalidData, words));
    }
    Ok(property(INSTANCE))
}
