//! Who may command: HMAC-SHA-256 with the cluster key over each frame, a timestamp, a nonce, and an addressee.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::now_ms;
use config::Config;
use protocol::{ErrorCode, Failure, Request};

/// A request is refused when its time differs by more from the agent's, ms. Hosts with NTP agree to within some ms; half a minute
/// forgives a host without and still bounds for how long nonces must be remembered.
pub const WINDOW_MS: u64 = 30_000;

/// Nonces remembered at most: more authenticated requests than this within a window are a runaway client.
const MAX_NONCES: usize = 65_536;

/// Longest nonce and id accepted, bytes: they are remembered, so they must not be a way to fill memory.
pub const MAX_TOKEN: usize = 128;

/// A key that can be guessed is worse than none, because it looks like one.
const MIN_KEY: usize = 16;

/// The cluster key.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// A key from its bytes, all of them.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] when it is shorter than 16 bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, Failure> {
        if bytes.len() < MIN_KEY {
            return Err(Failure::new(ErrorCode::Config, format!("the cluster key has {} bytes; it needs {MIN_KEY}", bytes.len()))
                .hint("make one with: head -c 32 /dev/urandom > cluster.key"));
        }
        Ok(Self(bytes))
    }

    /// The cluster's key, if it has one.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] when the file cannot be read, is no key, or is open to other users.
    pub fn load(config: &Config) -> Result<Option<Self>, Failure> {
        config.key_file.as_deref().map(Self::of_file).transpose()
    }

    fn of_file(path: &Path) -> Result<Self, Failure> {
        let (bytes, mode) = read(path).map_err(|e| {
            Failure::new(ErrorCode::Config, format!("the cluster key {} cannot be read: {e}", path.display()))
                .hint("copy the key of the other hosts there, readable for this user")
        })?;
        if mode & 0o077 != 0 {
            return Err(Failure::new(
                ErrorCode::Config,
                format!("the cluster key {} is open to other users (mode {:03o})", path.display(), mode & 0o777),
            )
            .hint(format!("chmod 600 {}; make a new key if somebody may have read this one", path.display())));
        }
        // Who may put another key there is as good as who has this one.
        config::trust::require_file(path, "the cluster key")?;
        Self::new(bytes)
    }

    fn mac(&self, frame: &[u8]) -> Hmac<Sha256> {
        // HMAC takes a key of any length (RFC 2104): the constructor cannot fail.
        #[expect(clippy::expect_used)]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(frame);
        mac
    }

    /// The signature of a frame, as hex.
    pub fn sign(&self, frame: &[u8]) -> String {
        use std::fmt::Write;
        self.mac(frame).finalize().into_bytes().iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Whether `hex` is the signature of `frame`; compares in constant time.
    pub fn verify(&self, frame: &[u8], hex: &[u8]) -> bool {
        let Some(bytes) = from_hex(hex) else { return false };
        self.mac(frame).verify_slice(&bytes).is_ok()
    }
}

/// Content and mode of one and the same file.
fn read(path: &Path) -> io::Result<(Vec<u8>, u32)> {
    let mut file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok((bytes, mode))
}

fn from_hex(hex: &[u8]) -> Option<Vec<u8>> {
    if hex.len() != 64 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    hex.chunks_exact(2).map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()).collect()
}

/// Remembers what was admitted, so that a recorded request cannot be played again.
#[derive(Debug)]
pub struct Admission {
    key: Key,
    /// Nonces of an earlier life of this agent are forgotten: nothing signed before this one began is admitted.
    since_ms: u64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    nonces: HashSet<String>,
    by_time: VecDeque<(u64, String)>,
}

impl Admission {
    /// Admits requests signed with `key` from now on.
    pub fn new(key: Key) -> Self {
        Self { key, since_ms: now_ms(), seen: Mutex::default() }
    }

    /// Checks the signature alone, before anything of the frame is believed.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthorized`].
    pub fn check_signature(&self, frame: &[u8], signature: Option<&[u8]>) -> Result<(), Failure> {
        let Some(signature) = signature else {
            return Err(unauthorized("the request is not signed".into())
                .hint("send the hex HMAC-SHA-256 of the request frame, made with the cluster key, as a second frame"));
        };
        if self.key.verify(frame, signature) {
            return Ok(());
        }
        Err(unauthorized("the signature is not that of this request with this cluster's key".into())
            .hint("give every host the same cluster key"))
    }

    /// Checks time and nonce of a request whose signature is right, and remembers the nonce.
    ///
    /// # Errors
    /// [`ErrorCode::Expired`], [`ErrorCode::Replayed`]; [`ErrorCode::Unauthorized`] for a nonce that is none.
    pub fn admit(&self, request: &Request) -> Result<(), Failure> {
        self.admit_at(request, now_ms())
    }

    fn admit_at(&self, request: &Request, now: u64) -> Result<(), Failure> {
        let off = now.abs_diff(request.sent_at_ms);
        if off > WINDOW_MS {
            return Err(expired(format!(
                "the request's time is {:.1} s off; at most {} s are allowed",
                off as f64 / 1e3,
                WINDOW_MS / 1000
            ))
            .hint("set the clocks of both hosts (NTP)"));
        }
        if request.sent_at_ms < self.since_ms {
            return Err(replayed("the request was signed before this agent started").hint("send it again"));
        }
        if request.nonce.is_empty() || request.nonce.len() > MAX_TOKEN {
            return Err(unauthorized(format!("a signed request needs a nonce of 1 to {MAX_TOKEN} bytes")));
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.forget(now);
        if seen.by_time.len() >= MAX_NONCES {
            return Err(unauthorized(format!("more than {MAX_NONCES} requests within {} s", 2 * WINDOW_MS / 1000)));
        }
        if !seen.nonces.insert(request.nonce.clone()) {
            return Err(replayed("the request was seen before").hint("sign every request with a new nonce"));
        }
        seen.by_time.push_back((now, request.nonce.clone()));
        Ok(())
    }
}

impl Seen {
    /// A request may carry a time up to one window ahead and be played until one window behind: nonces live for two.
    fn forget(&mut self, now: u64) {
        while let Some((_, nonce)) = self.by_time.pop_front_if(|(at, _)| *at + 2 * WINDOW_MS < now) {
            self.nonces.remove(&nonce);
        }
    }
}

fn expired(message: String) -> Failure {
    Failure::new(ErrorCode::Expired, message)
}

fn replayed(message: &str) -> Failure {
    Failure::new(ErrorCode::Replayed, message)
}

fn unauthorized(message: String) -> Failure {
    Failure::new(ErrorCode::Unauthorized, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Command, VERSION};

    fn key() -> Key {
        Key::new(b"0123456789abcdef".to_vec()).unwrap()
    }

    fn request(sent_at_ms: u64, nonce: &str) -> Request {
        Request {
            v: VERSION,
            id: "1".into(),
            to: "server1".into(),
            sent_at_ms,
            first_sent_at_ms: None,
            connection: None,
            nonce: nonce.into(),
            radio: None,
            run: None,
            command: Command::Status,
        }
    }

    #[test]
    fn signatures_match_the_published_algorithm() {
        // RFC 4231, test case 2 has a key of four bytes; the check for length is ours, so it is bypassed here.
        let key = Key(b"Jefe".to_vec());
        let signature = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(key.sign(b"what do ya want for nothing?"), signature);
        assert!(key.verify(b"what do ya want for nothing?", signature.as_bytes()));
        assert!(!key.verify(b"what do ya want for nothing!", signature.as_bytes()));
        for bad in [&b""[..], b"5b", &[b'g'; 64], &[0xff; 64], &[b'0'; 64]] {
            assert!(!key.verify(b"what do ya want for nothing?", bad));
        }
    }

    #[test]
    fn time_and_nonce_are_checked() {
        let admission = Admission { since_ms: 1_000_000, ..Admission::new(key()) };
        let now = 1_100_000;
        let refused = |request: &Request, now: u64| admission.admit_at(request, now).unwrap_err().message;
        assert!(admission.admit_at(&request(now, "a"), now).is_ok());
        assert!(refused(&request(now, "a"), now).contains("seen before"));
        assert!(refused(&request(now, ""), now).contains("nonce"));
        assert!(refused(&request(now - WINDOW_MS - 1, "b"), now).contains("off"));
        assert!(refused(&request(now + WINDOW_MS + 1, "b"), now).contains("off"));
        assert!(refused(&request(999_999, "c"), 1_000_001).contains("before this agent started"));
        let ahead = request(now + WINDOW_MS, "d");
        assert!(admission.admit_at(&ahead, now).is_ok());
        assert!(refused(&ahead, now + 2 * WINDOW_MS).contains("seen before"));
        assert!(refused(&ahead, now + 2 * WINDOW_MS + 1).contains("off"));
    }

    #[test]
    fn a_key_that_others_can_read_or_change_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("cluster.key");
        std::fs::write(&file, [7; 32]).unwrap();
        for mode in [0o600, 0o400] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(Key::of_file(&file).is_ok(), "{mode:o}");
        }
        for mode in [0o640, 0o604, 0o660, 0o602] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let failure = Key::of_file(&file).unwrap_err();
            assert!(failure.message.ends_with(&format!("is open to other users (mode {mode:03o})")), "{failure}");
            assert!(failure.hint.unwrap().starts_with("chmod 600 "));
        }
    }

    #[test]
    fn short_keys_are_refused() {
        assert!(Key::new(vec![0; 15]).unwrap_err().message.contains("15 bytes"));
    }
}
