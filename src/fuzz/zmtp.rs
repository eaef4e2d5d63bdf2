//! What peers in good order say first.

use std::path::PathBuf;

use config::Endpoint;

/// The greeting of ZMTP 3.0 with the NULL mechanism, and READY of a kind of socket (rfc.zeromq.org/spec/23).
pub(super) fn handshake(kind: &str) -> Vec<u8> {
    let mut bytes = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0];
    bytes.extend_from_slice(b"NULL");
    bytes.resize(64, 0);
    let ready = [b"\x05READY\x0bSocket-Type\0\0\0", &[kind.len() as u8][..], kind.as_bytes()].concat();
    bytes.extend_from_slice(&[4, ready.len() as u8]);
    bytes.extend_from_slice(&ready);
    bytes
}

pub(super) fn socket_path(endpoint: &Endpoint) -> PathBuf {
    match endpoint {
        Endpoint::Ipc(path) => path.clone(),
        other => panic!("{other} is not a Unix socket"),
    }
}
