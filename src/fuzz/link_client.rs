//! Bytes as if somebody sat on an agent's port: what a client and a subscriber hear there.

use crate::link::client::against_client;
use crate::link::telemetry::against_subscriber;
use crate::link::zmtp::Limits;

use super::link::cut_anywhere;
use super::zmtp::handshake;

/// Bit of the first byte: the stream begins with a good handshake, so that what follows is messages.
const SHAKEN_HANDS: u8 = 1;
/// Bit of the first byte: the stream is for a subscriber.
const TELEMETRY: u8 = 2;
/// Bit of the first byte: whoever hears it expects TLS.
const SECURED: u8 = 4;

/// A stream of bytes to a client: its first byte says to which and how it begins, its second how it is cut. Whatever it is, the client takes the
/// connection for lost after its end.
///
/// # Panics
/// Otherwise.
pub fn link_client(data: &[u8]) {
    let [how, cut, rest @ ..] = data else { return };
    let telemetry = how & TELEMETRY != 0;
    let mut stream = if how & SHAKEN_HANDS == 0 { Vec::new() } else { handshake(if telemetry { "PUB" } else { "ROUTER" }) };
    stream.extend_from_slice(rest);
    cut_anywhere(&stream, usize::from(*cut) + 1, Limits::ANSWERS);
    let secured = how & SECURED != 0;
    super::runtime_here().block_on(async {
        let ended = if telemetry { against_subscriber(&stream, secured).await } else { against_client(&stream, secured).await };
        assert!(ended, "the connection is kept");
    });
}
