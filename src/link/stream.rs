//! The bytes under ZMTP: TCP, TLS over TCP, or a Unix socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsStream;

/// An open socket.
#[derive(Debug)]
pub enum Socket {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
    /// It could not be moved to another runtime.
    Closed,
}

impl Socket {
    /// As baton's sockets are set up: no delay for small messages, and a host that lost its power is found out within half a minute.
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let keepalive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(10)).with_interval(Duration::from_secs(5));
        socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        Ok(Self::Tcp(stream))
    }

    /// Closes it at once, and leaves the kernel nothing to remember.
    pub fn reset(self) {
        if let Self::Tcp(stream) = self {
            // What fails here is closed the slower way.
            let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    }

    /// Moves the socket to the runtime that calls.
    fn move_here(&mut self) -> io::Result<()> {
        *self = match std::mem::replace(self, Self::Closed) {
            Self::Tcp(stream) => Self::Tcp(TcpStream::from_std(stream.into_std()?)?),
            Self::Unix(stream) => Self::Unix(UnixStream::from_std(stream.into_std()?)?),
            Self::Closed => return Err(io::ErrorKind::NotConnected.into()),
        };
        Ok(())
    }
}

/// A connection's bytes, as ZMTP sees them.
#[derive(Debug)]
pub enum Stream {
    /// As they are on the wire.
    Plain(Socket),
    /// Through TLS.
    Tls(Box<TlsStream<Socket>>),
}

impl Stream {
    /// Moves the connection to the runtime that calls. Nobody may be reading or writing meanwhile.
    ///
    /// # Errors
    /// When the kernel's event queue does not take it.
    pub fn move_here(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.move_here(),
            Self::Tls(stream) => stream.get_mut().0.move_here(),
        }
    }

    /// Closes the connection at once. What was sent and has not arrived is not sent again, so that it cannot come late.
    pub fn reset(self) {
        match self {
            Self::Plain(socket) => socket.reset(),
            Self::Tls(mut stream) => std::mem::replace(stream.get_mut().0, Socket::Closed).reset(),
        }
    }
}

macro_rules! forward {
    ($name:ident { $($variant:ident),+ } $closed:expr) => {
        impl AsyncRead for $name {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() { $(Self::$variant(inner) => Pin::new(inner).poll_read(cx, buf),)+ #[allow(unreachable_patterns)] _ => $closed }
            }
        }
        impl AsyncWrite for $name {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                match self.get_mut() { $(Self::$variant(inner) => Pin::new(inner).poll_write(cx, buf),)+ #[allow(unreachable_patterns)] _ => $closed }
            }
            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() { $(Self::$variant(inner) => Pin::new(inner).poll_flush(cx),)+ #[allow(unreachable_patterns)] _ => $closed }
            }
            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() { $(Self::$variant(inner) => Pin::new(inner).poll_shutdown(cx),)+ #[allow(unreachable_patterns)] _ => $closed }
            }
        }
    };
}

forward!(Socket { Tcp, Unix } Poll::Ready(Err(io::ErrorKind::NotConnected.into())));
forward!(Stream { Plain, Tls } Poll::Ready(Err(io::ErrorKind::NotConnected.into())));
