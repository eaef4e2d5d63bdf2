//! Frames of ZMTP 3.0. A message that is larger than it may be is read to its end without being kept, and reported.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

const GREETING: usize = 64;
/// Most bytes of a command: READY with a socket type and an identity of at most 255 bytes fits many times.
const MAX_COMMAND: u64 = 2048;
const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;
/// A PING's context has at most this many bytes (ZMTP 3.1).
const MAX_CONTEXT: usize = 16;

/// What a peer may send.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one message, all frames together.
    pub message: u64,
    /// Frames of one message.
    pub frames: usize,
}

impl Limits {
    /// For a socket that takes commands: a request, and an envelope.
    pub const COMMANDS: Self = Self { message: protocol::MAX_FRAME as u64 + 1024, frames: 8 };
    /// For a socket that takes subscriptions.
    pub const SUBSCRIPTIONS: Self = Self { message: 256, frames: 1 };
    /// For a client: a reply or telemetry, of which the largest are records and snapshots of some 10 kB.
    pub const ANSWERS: Self = Self { message: 4 * protocol::MAX_FRAME as u64, frames: 4 };
}

/// A message, as far as it is within the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its frames; those from the first excess on are missing.
    pub frames: Vec<Bytes>,
    /// Which limit it exceeds.
    pub excess: Option<Excess>,
}

/// Why a message is incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// A frame of so many bytes.
    Bytes(u64),
    /// Too many frames.
    Frames,
}

/// Properties of READY.
pub type Properties = Vec<(String, Bytes)>;

/// What a peer said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// Its greeting, which is in order.
    Greeting,
    /// Its READY.
    Ready(Properties),
    /// A message.
    Message(Message),
    /// Its heartbeat; the context goes back in the answer.
    Ping(Bytes),
}

/// What is said to a peer.
#[derive(Debug, Clone)]
pub enum Outgoing {
    /// The greeting.
    Greeting,
    /// READY.
    Ready(Properties),
    /// A message.
    Message(Vec<Bytes>),
    /// The answer to a heartbeat.
    Pong(Bytes),
}

/// Both directions of a connection.
#[derive(Debug)]
pub struct Codec {
    limits: Limits,
    state: State,
    ready: bool,
    message: Message,
    bytes: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Greeting,
    Header,
    Command { length: usize },
    Frame { length: usize, last: bool },
    Skip { left: u64, last: bool },
}

fn bad<T>(why: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidData, why))
}

impl Codec {
    /// For a fresh connection.
    pub fn new(limits: Limits) -> Self {
        let message = Message { frames: Vec::new(), excess: None };
        Self { limits, state: State::Greeting, ready: false, message, bytes: 0 }
    }

    /// Decides about a frame from its header; `false` while the header is incomplete.
    fn begin(&mut self, input: &mut BytesMut) -> io::Result<bool> {
        let Some(&flags) = input.first() else { return Ok(false) };
        if flags & !(MORE | LONG | COMMAND) != 0 || (flags & COMMAND != 0 && flags & MORE != 0) {
            return bad("the stream is not ZMTP 3");
        }
        let header = if flags & LONG != 0 { 9 } else { 2 };
        if input.len() < header {
            return Ok(false);
        }
        input.advance(1);
        let length = if flags & LONG != 0 { input.get_u64() } else { u64::from(input.get_u8()) };
        self.state = if flags & COMMAND != 0 {
            if length > MAX_COMMAND {
                return bad("a command is too long");
            }
            State::Command { length: length as usize }
        } else {
            self.begin_message_frame(length, flags & MORE == 0)?
        };
        Ok(true)
    }

    fn begin_message_frame(&mut self, length: u64, last: bool) -> io::Result<State> {
        if !self.ready {
            return bad("a message came before READY");
        }
        if self.message.excess.is_none() {
            if self.message.frames.len() >= self.limits.frames {
                self.message.excess = Some(Excess::Frames);
            } else if self.bytes.saturating_add(length) > self.limits.message {
                self.message.excess = Some(Excess::Bytes(length));
            }
        }
        match usize::try_from(length) {
            Ok(length) if self.message.excess.is_none() => {
                self.bytes += length as u64;
                Ok(State::Frame { length, last })
            }
            _ => Ok(State::Skip { left: length, last }),
        }
    }

    fn end_message(&mut self) -> Incoming {
        self.bytes = 0;
        Incoming::Message(std::mem::replace(&mut self.message, Message { frames: Vec::new(), excess: None }))
    }

    fn command(&mut self, body: Bytes) -> io::Result<Option<Incoming>> {
        let name = |name: &[u8]| body.strip_prefix(name).map(|rest| body.slice_ref(rest));
        if !self.ready {
            let Some(properties) = name(b"\x05READY") else { return bad("the peer's first command is not READY") };
            self.ready = true;
            return read_properties(properties).map(|properties| Some(Incoming::Ready(properties)));
        }
        // A PING has a time to live of two bytes, then its context. Other commands mean nothing in ZMTP 3.0.
        match name(b"\x04PING") {
            Some(rest) if rest.len() >= 2 && rest.len() <= 2 + MAX_CONTEXT => Ok(Some(Incoming::Ping(rest.slice(2..)))),
            Some(_) => bad("a PING is malformed"),
            None => Ok(None),
        }
    }
}

fn read_properties(mut body: Bytes) -> io::Result<Properties> {
    let mut properties = Vec::new();
    while !body.is_empty() {
        let length = usize::from(body.get_u8());
        if body.len() < length + 4 {
            return bad("the peer's READY is cut short");
        }
        let name = String::from_utf8_lossy(&body.split_to(length)).into_owned();
        let length = body.get_u32() as usize;
        if body.len() < length {
            return bad("the peer's READY is cut short");
        }
        properties.push((name, body.split_to(length)));
    }
    Ok(properties)
}

/// The greeting of a peer that speaks 3.0 or later, without security of its own (RFC 23).
fn check_greeting(greeting: &[u8]) -> io::Result<()> {
    if greeting[0] != 0xff || greeting[9] & 1 == 0 || greeting[10] < 3 {
        return bad("the peer does not speak ZMTP 3");
    }
    if &greeting[12..17] != b"NULL\0" {
        return bad("the peer asks for another security mechanism than NULL");
    }
    Ok(())
}

impl Decoder for Codec {
    type Item = Incoming;
    type Error = io::Error;

    fn decode(&mut self, input: &mut BytesMut) -> io::Result<Option<Incoming>> {
        loop {
            match self.state {
                State::Greeting => {
                    // Whoever does not speak ZMTP is found out by the first byte.
                    if input.first().is_some_and(|&first| first != 0xff) {
                        return bad("the peer does not speak ZMTP");
                    }
                    if input.len() < GREETING {
                        return Ok(None);
                    }
                    check_greeting(&input.split_to(GREETING))?;
                    self.state = State::Header;
                    return Ok(Some(Incoming::Greeting));
                }
                State::Header => {
                    if !self.begin(input)? {
                        return Ok(None);
                    }
                }
                State::Command { length } => {
                    if input.len() < length {
                        return Ok(None);
                    }
                    self.state = State::Header;
                    let body = input.split_to(length).freeze();
                    if let Some(command) = self.command(body)? {
                        return Ok(Some(command));
                    }
                }
                State::Frame { length, last } => {
                    if input.len() < length {
                        input.reserve(length - input.len());
                        return Ok(None);
                    }
                    self.message.frames.push(input.split_to(length).freeze());
                    self.state = State::Header;
                    if last {
                        return Ok(Some(self.end_message()));
                    }
                }
                State::Skip { left, last } => {
                    let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    input.advance(skipped);
                    let left = left - skipped as u64;
                    if left > 0 {
                        self.state = State::Skip { left, last };
                        return Ok(None);
                    }
                    self.state = State::Header;
                    if last {
                        return Ok(Some(self.end_message()));
                    }
                }
            }
        }
    }

    /// A peer may close at any moment; what it has not said to the end is nothing.
    fn decode_eof(&mut self, input: &mut BytesMut) -> io::Result<Option<Incoming>> {
        self.decode(input)
    }
}

fn put_frame(flags: u8, body: &[u8], out: &mut BytesMut) {
    match u8::try_from(body.len()) {
        Ok(short) => out.put_slice(&[flags, short]),
        Err(_) => {
            out.put_u8(flags | LONG);
            out.put_u64(body.len() as u64);
        }
    }
    out.put_slice(body);
}

impl Encoder<Outgoing> for Codec {
    type Error = io::Error;

    fn encode(&mut self, said: Outgoing, out: &mut BytesMut) -> io::Result<()> {
        match said {
            Outgoing::Greeting => {
                let mut greeting = [0; GREETING];
                greeting[0] = 0xff;
                greeting[9] = 0x7f;
                greeting[10] = 3;
                greeting[12..16].copy_from_slice(b"NULL");
                out.put_slice(&greeting);
            }
            Outgoing::Ready(properties) => {
                let mut body = BytesMut::from(&b"\x05READY"[..]);
                for (name, value) in properties {
                    body.put_u8(u8::try_from(name.len()).map_err(io::Error::other)?);
                    body.put_slice(name.as_bytes());
                    body.put_u32(u32::try_from(value.len()).map_err(io::Error::other)?);
                    body.put_slice(&value);
                }
                put_frame(COMMAND, &body, out);
            }
            Outgoing::Message(frames) => {
                for (at, frame) in frames.iter().enumerate() {
                    put_frame(if at + 1 < frames.len() { MORE } else { 0 }, frame, out);
                }
            }
            Outgoing::Pong(context) => put_frame(COMMAND, &[b"\x04PONG", &context[..]].concat(), out),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
