//! The cluster key: the one secret of a cluster, from which its certificates are derived. While it is changed there are two of them.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use ring::hkdf;

use protocol::{ErrorCode, Failure};

/// A key that can be guessed is worse than none, because it looks like one.
pub const MIN_KEY: usize = 16;
/// The salt of HKDF (RFC 5869): keys derived for other ends, or by another version of this derivation, have nothing in common with ours.
const SALT: &[u8] = b"baton cluster key 1";

/// A cluster key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

/// Which key of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// Works after the change, and is accepted already.
    Next,
    /// The one that hosts and operators show who they are with.
    Current,
    /// Worked before the change, and is accepted still.
    Previous,
}

impl Generation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Next, Self::Current, Self::Previous];

    /// Where it is, given where the current one is.
    pub fn file(self, key_file: &Path) -> PathBuf {
        let beside = |ending: &str| {
            let mut name = key_file.as_os_str().to_owned();
            name.push(ending);
            name.into()
        };
        match self {
            Self::Next => beside(".next"),
            Self::Current => key_file.to_owned(),
            Self::Previous => beside(".previous"),
        }
    }
}

/// The keys of a cluster.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The one that this process shows who it is with.
    pub current: Key,
    /// Those that it accepts beside it.
    pub beside: Vec<Key>,
}

impl Keys {
    /// The key of that file, and those of a change beside it.
    ///
    /// # Errors
    /// Those of [`Key::of_file`], for each that is there.
    pub fn load(key_file: &Path) -> Result<Self, Failure> {
        let beside = [Generation::Next, Generation::Previous].map(|generation| generation.file(key_file));
        let beside = beside.iter().filter(|file| file.exists()).map(|file| Key::of_file(file)).collect::<Result<_, _>>()?;
        Ok(Self { current: Key::of_file(key_file)?, beside })
    }

    /// All of them, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.beside)
    }
}

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
                .hint("make one of 32 random bytes: head -c 32 /dev/urandom > cluster.key"));
        }
        Ok(Self(bytes))
    }

    /// The key in a file.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] when the file cannot be read, is no key, or is open to other users.
    pub fn of_file(path: &Path) -> Result<Self, Failure> {
        let (bytes, found) = read(path).map_err(|e| {
            Failure::new(ErrorCode::Config, format!("the cluster key {} cannot be read: {e}", path.display()))
                .hint("copy the key of the other hosts there, readable for this user")
        })?;
        if is_open(&found, Uid::effective()) {
            return Err(Failure::new(
                ErrorCode::Config,
                format!("the cluster key {} is open to other users (mode {:03o})", path.display(), found.mode() & 0o777),
            )
            .hint(format!("chmod 600 {}; make a new key if somebody may have read this one", path.display())));
        }
        // Who may put another key there is as good as who has this one.
        config::trust::require_file(path, "the cluster key")?;
        Self::new(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// A secret of 32 bytes for one end (HKDF-SHA-256): who learns it learns neither the key nor the secrets for other ends.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`]; none is known for this length.
    pub fn derive(&self, end: &str) -> Result<[u8; 32], Failure> {
        let mut secret = [0; 32];
        let salted = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(&self.0);
        let expanded = salted.expand(&[end.as_bytes()], hkdf::HKDF_SHA256).and_then(|bytes| bytes.fill(&mut secret));
        expanded.map_err(|_| Failure::new(ErrorCode::Internal, "no secret can be derived from the cluster key"))?;
        Ok(secret)
    }
}

/// Whether users beside this one and root can read or change the key. A group that may read it is none of them where it is the private group of
/// this user, as of a service; root counts each such group as its user.
pub fn is_open(found: &Metadata, user: Uid) -> bool {
    let readable_by_group_alone = found.mode() & 0o077 == 0o040;
    let is_private =
        || config::trust::private_group_of(found.gid()).is_some_and(|of| !of.uid.is_root() && (user.is_root() || of.uid == user));
    found.mode() & 0o077 != 0 && !(readable_by_group_alone && is_private())
}

/// Content and rights of one and the same file.
pub(super) fn read(path: &Path) -> io::Result<(Vec<u8>, Metadata)> {
    let mut file = File::open(path)?;
    let found = file.metadata()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok((bytes, found))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_depend_on_the_whole_key_and_on_the_end() {
        let key = |last: u8| Key::new([vec![7; 100], vec![last]].concat()).unwrap();
        let secret = key(1).derive("a").unwrap();
        assert_eq!(secret, key(1).derive("a").unwrap());
        assert!(secret != key(2).derive("a").unwrap() && secret != key(1).derive("b").unwrap());
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
    fn keys_of_a_change_are_beside_the_current_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("cluster.key");
        let write = |generation: Generation, byte: u8| {
            let file = generation.file(&file);
            std::fs::write(&file, [byte; 32]).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        };
        let read = || Keys::load(&file).map(|keys| keys.all().map(|key| key.0[0]).collect::<Vec<u8>>());
        write(Generation::Next, 2);
        assert!(read().unwrap_err().message.contains("cluster.key cannot be read"), "a change needs a key that is changed");
        write(Generation::Current, 1);
        assert_eq!(read().unwrap(), [1, 2]);
        write(Generation::Previous, 0);
        assert_eq!(read().unwrap(), [1, 2, 0]);
        std::fs::write(Generation::Previous.file(&file), "short").unwrap();
        assert!(read().unwrap_err().message.contains("5 bytes"), "a bad key is said, not left out");
    }

    #[test]
    fn short_keys_are_refused() {
        assert!(Key::new(vec![0; 15]).unwrap_err().message.contains("15 bytes"));
    }
}
