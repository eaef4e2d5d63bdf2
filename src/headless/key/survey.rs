//! Which keys are on this machine, and what every host does with them.

use std::fmt;
use std::path::Path;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::link::certificate::fingerprint;
use crate::link::examine::{Handshake, shake_hands};
use crate::link::key::{Generation, Key};
use config::{Config, Endpoint};
use protocol::Failure;

/// A key of this machine.
pub(super) struct KnownKey {
    pub(super) generation: Generation,
    pub(super) key: Key,
    fingerprint: String,
}

/// What a host does with the keys of this machine; each by its place in [`Survey::keys`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Uses {
    /// The one that it shows who it is with, if this machine has that.
    pub(super) works_with: Option<usize>,
    pub(super) accepts: Vec<usize>,
}

/// What was found.
pub(super) struct Survey {
    pub(super) keys: Vec<KnownKey>,
    /// By host; those whose agents listen on this machine's own sockets need no key.
    pub(super) hosts: Vec<(String, Result<Uses, Failure>)>,
}

pub(super) fn word(generation: Generation) -> &'static str {
    match generation {
        Generation::Next => "next",
        Generation::Current => "current",
        Generation::Previous => "previous",
    }
}

/// The keys of this machine.
///
/// # Errors
/// One that is there cannot be read, or the current one is not there.
pub(super) fn keys_here(key_file: &Path) -> Result<Vec<KnownKey>, Failure> {
    let there = |generation: &Generation| *generation == Generation::Current || generation.file(key_file).exists();
    let read = |generation: Generation| {
        let key = Key::of_file(&generation.file(key_file))?;
        Ok(KnownKey { generation, fingerprint: fingerprint(&key)?, key })
    };
    Generation::ALL.into_iter().filter(there).map(read).collect()
}

/// Asks every host.
///
/// # Errors
/// Those of [`keys_here`].
pub(super) async fn survey(config: &Config, key_file: &Path) -> Result<Survey, Failure> {
    let keys = keys_here(key_file)?;
    let hosts = config.host.iter().filter(|(_, host)| matches!(host.command, Endpoint::Tcp { .. }));
    let uses = hosts.map(|(name, host)| {
        let keys = &keys;
        async move { (name.to_string(), uses(name.as_str(), &host.command, keys).await) }
    });
    let hosts = join_all(uses).await;
    Ok(Survey { keys, hosts })
}

async fn uses(host: &str, endpoint: &Endpoint, keys: &[KnownKey]) -> Result<Uses, Failure> {
    let all: Vec<Key> = keys.iter().map(|known| known.key.clone()).collect();
    let mut uses = Uses::default();
    for (index, key) in all.iter().enumerate() {
        if shake_hands(host, endpoint, key, &all).await? == Handshake::Made {
            uses.accepts.push(index);
        }
        // A host accepts the key that it works with.
        if uses.works_with.is_none() && shake_hands(host, endpoint, key, &[]).await? == Handshake::Made {
            uses.works_with = Some(index);
        }
    }
    Ok(uses)
}

impl Survey {
    fn words(&self, indices: &[usize]) -> String {
        let words: Vec<&str> = indices.iter().filter_map(|&index| Some(word(self.keys.get(index)?.generation))).collect();
        words.join(", ")
    }

    pub(super) fn to_json(&self) -> Value {
        let generation = |index: &usize| self.keys.get(*index).map(|known| word(known.generation));
        let keys: Vec<Value> =
            self.keys.iter().map(|known| json!({"key": word(known.generation), "fingerprint": known.fingerprint})).collect();
        let hosts: serde_json::Map<String, Value> = self
            .hosts
            .iter()
            .map(|(host, uses)| {
                let told = match uses {
                    Ok(Uses { works_with, accepts }) => json!({
                        "works_with": works_with.as_ref().and_then(generation),
                        "accepts": accepts.iter().filter_map(generation).collect::<Vec<_>>(),
                    }),
                    Err(failure) => json!({"error": failure}),
                };
                (host.clone(), told)
            })
            .collect();
        json!({"keys": keys, "hosts": hosts})
    }
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for KnownKey { generation, fingerprint, .. } in &self.keys {
            writeln!(f, "{:<8} key {fingerprint}", word(*generation))?;
        }
        for (host, uses) in &self.hosts {
            match uses {
                Ok(Uses { works_with: None, accepts }) if accepts.is_empty() => {
                    writeln!(f, "{host}: has none of these keys; copy the key of the other hosts there")?;
                }
                Ok(Uses { works_with, accepts }) => {
                    let works_with = works_with.map_or_else(|| "another key".to_owned(), |index| self.words(&[index]));
                    writeln!(f, "{host}: works with {works_with}, accepts {}", self.words(accepts))?;
                }
                Err(failure) => writeln!(f, "{host}: {failure}")?,
            }
        }
        Ok(())
    }
}
