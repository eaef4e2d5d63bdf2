//! Which bytes of a ZMTP 3.0 stream (rfc.zeromq.org/spec/23) may reach the ZeroMQ socket. Pure: bytes in, bytes out.

use protocol::MAX_FRAME;

/// Start of the frame that takes the place of an oversized one; its announced length follows in decimal.
pub const OVERSIZED: &str = "oversized frame of bytes: ";

/// Most bytes of the READY command: socket type and an identity of at most 255 bytes fit many times.
const MAX_READY: u64 = 2048;
const GREETING: usize = 64;
const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// What a peer may send.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one message, all frames together.
    pub message: u64,
    /// Frames of one message that are let through, and one more, so that the reader sees that there were too many.
    pub frames: usize,
    /// Messages of one connection; `None` for any number.
    pub messages: Option<u64>,
}

impl Limits {
    /// For a socket that takes commands: a request, its signature and an envelope.
    pub const COMMANDS: Self = Self { message: MAX_FRAME as u64 + 1024, frames: 8, messages: None };
    /// For a socket that takes subscriptions only.
    pub const SUBSCRIPTIONS: Self = Self { message: 256, frames: 1, messages: Some(64) };
}

/// The state of one direction of one connection.
#[derive(Debug)]
pub struct Filter {
    limits: Limits,
    state: State,
    ready: bool,
    frames: usize,
    bytes: u64,
    messages: u64,
}

#[derive(Debug)]
enum State {
    Greeting { left: usize },
    Flags,
    Length { flags: u8, left: usize, length: u64 },
    Body { left: u64, pass: bool, last: bool },
}

impl Filter {
    /// For a fresh connection.
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: State::Greeting { left: GREETING }, ready: false, frames: 0, bytes: 0, messages: 0 }
    }

    /// Whether greeting and READY have gone through.
    pub fn shaken_hands(&self) -> bool {
        self.ready
    }

    /// Appends to `out` what may pass of `input`.
    ///
    /// # Errors
    /// Why the connection must be closed.
    pub fn feed(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
        while let Some((&first, rest)) = input.split_first() {
            match &mut self.state {
                State::Greeting { left } => {
                    let (taken, rest) = input.split_at((*left).min(input.len()));
                    out.extend_from_slice(taken);
                    *left -= taken.len();
                    input = rest;
                    if *left == 0 {
                        self.state = State::Flags;
                    }
                }
                State::Flags => {
                    if first & !(MORE | LONG | COMMAND) != 0 || (first & COMMAND != 0 && first & MORE != 0) {
                        return Err("the stream is not ZMTP 3.0");
                    }
                    self.state = State::Length { flags: first, left: if first & LONG != 0 { 8 } else { 1 }, length: 0 };
                    input = rest;
                }
                State::Length { flags, left, length } => {
                    *length = (*length << 8) | u64::from(first);
                    *left -= 1;
                    input = rest;
                    if *left == 0 {
                        let (flags, length) = (*flags, *length);
                        self.begin(flags, length, out)?;
                    }
                }
                State::Body { left, pass, .. } => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                    let (taken, rest) = input.split_at(take);
                    if *pass {
                        out.extend_from_slice(taken);
                    }
                    *left -= taken.len() as u64;
                    input = rest;
                }
            }
            self.finish()?;
        }
        Ok(())
    }

    /// Decides about a frame from its header.
    fn begin(&mut self, flags: u8, length: u64, out: &mut Vec<u8>) -> Result<(), &'static str> {
        if flags & COMMAND != 0 {
            if !self.ready && length > MAX_READY {
                return Err("the peer's READY is too long");
            }
            // After the handshake ZMTP 3.0 knows no commands; the ZeroMQ socket would close the connection over one.
            let pass = !self.ready;
            self.ready = true;
            if pass {
                header(flags, length, out);
            }
            self.state = State::Body { left: length, pass, last: false };
            return Ok(());
        }
        if !self.ready {
            return Err("a message came before READY");
        }
        let last = flags & MORE == 0;
        self.frames = self.frames.saturating_add(1);
        let pass = if self.frames > self.limits.frames && !last {
            false
        } else if self.bytes.saturating_add(length) > self.limits.message {
            let marker = format!("{OVERSIZED}{length}");
            header(flags & MORE, marker.len() as u64, out);
            out.extend_from_slice(marker.as_bytes());
            false
        } else {
            self.bytes += length;
            header(flags, length, out);
            true
        };
        self.state = State::Body { left: length, pass, last };
        Ok(())
    }

    fn finish(&mut self) -> Result<(), &'static str> {
        let State::Body { left: 0, last, .. } = self.state else { return Ok(()) };
        self.state = State::Flags;
        if last {
            (self.frames, self.bytes) = (0, 0);
            self.messages += 1;
            if self.limits.messages.is_some_and(|most| self.messages > most) {
                return Err("the peer sent more messages than it may");
            }
        }
        Ok(())
    }
}

fn header(flags: u8, length: u64, out: &mut Vec<u8>) {
    match u8::try_from(length) {
        Ok(short) => out.extend_from_slice(&[flags & !LONG, short]),
        Err(_) => {
            out.push(flags | LONG);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const READY: &[u8] = b"\x05READY";

    fn hello() -> Vec<u8> {
        let mut bytes = vec![0xff; GREETING];
        bytes.extend_from_slice(&[COMMAND, READY.len() as u8]);
        bytes.extend_from_slice(READY);
        bytes
    }

    fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        header(flags, body.len() as u64, &mut bytes);
        bytes.extend_from_slice(body);
        bytes
    }

    fn pass(limits: Limits, chunks: &[&[u8]]) -> Result<Vec<u8>, &'static str> {
        let mut filter = Filter::new(limits);
        let mut out = Vec::new();
        chunks.iter().try_for_each(|chunk| filter.feed(chunk, &mut out)).map(|()| out)
    }

    #[test]
    fn sane_messages_pass_unchanged_however_they_are_cut() {
        let mut stream = hello();
        stream.extend(frame(MORE, b""));
        stream.extend(frame(0, &[7; 300]));
        stream.extend(frame(0, b""));
        for size in [1, 2, 63, 64, 65, 1000] {
            let chunks: Vec<&[u8]> = stream.chunks(size).collect();
            assert_eq!(pass(Limits::COMMANDS, &chunks).unwrap(), stream, "in chunks of {size}");
        }
    }

    #[test]
    fn an_oversized_frame_is_replaced_and_the_stream_goes_on() {
        let length = MAX_FRAME + 2000;
        let mut stream = hello();
        stream.extend(frame(MORE, b""));
        stream.extend(frame(0, &vec![7; length]));
        stream.extend(frame(0, b"next"));
        let mut expected = hello();
        expected.extend(frame(MORE, b""));
        expected.extend(frame(0, format!("{OVERSIZED}{length}").as_bytes()));
        expected.extend(frame(0, b"next"));
        assert_eq!(pass(Limits::COMMANDS, &[&stream]).unwrap(), expected);
    }

    #[test]
    fn a_frame_that_announces_everything_reserves_nothing() {
        let mut stream = hello();
        stream.push(LONG);
        stream.extend_from_slice(&u64::MAX.to_be_bytes());
        let out = pass(Limits::COMMANDS, &[&stream]).unwrap();
        assert!(out.ends_with(format!("{OVERSIZED}{}", u64::MAX).as_bytes()));
    }

    #[test]
    fn too_many_frames_are_seen_but_not_stored() {
        let mut stream = hello();
        stream.extend(frame(MORE, b"x").repeat(1000));
        stream.extend(frame(0, b"x"));
        let out = pass(Limits::COMMANDS, &[&stream]).unwrap();
        assert_eq!(out.len() - hello().len(), (Limits::COMMANDS.frames + 1) * 3);
    }

    #[test]
    fn commands_after_the_handshake_and_strangers_are_kept_out() {
        let mut stream = hello();
        stream.extend(frame(COMMAND, b"\x04PING\0\0"));
        assert_eq!(pass(Limits::COMMANDS, &[&stream]).unwrap(), hello());
        for bad in [&[0x80, 1, 0][..], &[0, 1, 0], &[COMMAND | MORE, 0], &[COMMAND | LONG, 1, 0, 0, 0, 0, 0, 0, 0]] {
            assert!(pass(Limits::COMMANDS, &[&[0xff; GREETING], bad]).is_err(), "{bad:?}");
        }
        let mut many = hello();
        many.extend(frame(0, b"\x01t").repeat(65));
        assert!(pass(Limits::SUBSCRIPTIONS, &[&many]).is_err());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_or_grow_beyond_its_input(tail in prop::collection::vec(any::<u8>(), 0..2000)) {
            let mut filter = Filter::new(Limits::COMMANDS);
            let mut out = Vec::new();
            let _ = filter.feed(&hello(), &mut out);
            let _ = filter.feed(&tail, &mut out);
            // A marker takes up to 48 bytes and needs a header of nine.
            prop_assert!(out.len() <= hello().len() + tail.len() * 6);
        }
    }
}
