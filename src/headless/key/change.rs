//! The three steps of a change of the key.

use std::fs::{File, remove_file};
use std::io::Read;
use std::path::Path;

use super::super::block_on;
use super::files::{rename, write_new};
use super::survey::{Survey, Uses, keys_here, survey};
use crate::link::key::Generation;
use config::Config;
use protocol::{ErrorCode, Failure};

/// Bytes of a new key: as many as the authority's key that is derived from it.
const BYTES: u64 = 32;

/// Makes the next key; what to do then.
pub(super) fn begin(config: &Config, key_file: &Path) -> Result<String, Failure> {
    let (next, keys) = (Generation::Next.file(key_file), keys_here(key_file)?);
    if let Some(under_way) = keys.iter().map(|known| known.generation).find(|generation| *generation != Generation::Current) {
        let (what, then) = match under_way {
            Generation::Next => ("a next key is here already", "baton key rotate"),
            _ => ("the last change has not ended", "baton key retire"),
        };
        return Err(Failure::new(ErrorCode::State, format!("{what}: {}", under_way.file(key_file).display()))
            .hint(format!("go on with it: {then}")));
    }
    let mut bytes = Vec::new();
    File::open("/dev/urandom")
        .and_then(|random| random.take(BYTES).read_to_end(&mut bytes))
        .map_err(|e| Failure::new(ErrorCode::Environment, format!("/dev/urandom cannot be read: {e}")))?;
    write_new(&next, &bytes, Some(key_file))?;
    Ok(format!(
        "{0} is the next key. Nothing works with it yet.\n\
         1. Copy it to {1}, as {0}, with the owner and mode of the key beside it. On each: systemctl reload baton-agent@HOST\n\
         2. baton key show tells when all accept it. Then, on each host and operator's machine: baton key rotate, and again systemctl reload baton-agent@HOST\n\
         3. Once all work with it, on each: baton key retire, and again systemctl reload baton-agent@HOST",
        next.display(),
        others(config)
    ))
}

fn others(config: &Config) -> String {
    let names: Vec<&str> = config.host.keys().map(|name| name.as_str()).collect();
    names.join(", ")
}

/// This machine works with the next key from now on.
pub(super) fn rotate(config: &Config, key_file: &Path, force: bool) -> Result<String, Failure> {
    let [next, previous] = [Generation::Next, Generation::Previous].map(|generation| generation.file(key_file));
    if !next.exists() {
        return Err(Failure::new(ErrorCode::State, format!("there is no next key here: {} is missing", next.display()))
            .hint("baton key new makes one; where another machine has made it, copy it from there"));
    }
    let found = surveyed(config, key_file, force)?;
    let lags = |found: &Survey, uses: &Uses| !found.has(&uses.accepts, Generation::Next);
    require_all(found.as_ref(), lags, "does not accept the next key yet", |host| {
        format!(
            "copy {} to {host}, with the owner and mode of the key beside it, and there: systemctl reload baton-agent@{host}",
            next.display()
        )
    })?;
    // The previous one is kept first: at no moment is there no key.
    if previous.exists() {
        return Err(Failure::new(ErrorCode::State, format!("the last change has not ended: {} is here", previous.display()))
            .hint("baton key retire ends it"));
    }
    std::fs::hard_link(key_file, &previous).map_err(|e| {
        Failure::new(ErrorCode::Io, format!("{} cannot be kept as {}: {e}", key_file.display(), previous.display()))
            .hint("run this as the owner of the key, or as root")
    })?;
    rename(&next, key_file)?;
    Ok("This machine works with the new key, and accepts the previous one. Where an agent runs: systemctl reload baton-agent@HOST\n\
        Once every host has done the same: baton key retire"
        .to_owned())
}

/// This machine accepts the new key alone from now on.
pub(super) fn retire(config: &Config, key_file: &Path, force: bool) -> Result<String, Failure> {
    let previous = Generation::Previous.file(key_file);
    if !previous.exists() {
        return Err(Failure::new(ErrorCode::State, format!("there is no previous key here: {} is missing", previous.display()))
            .hint("baton key show tells which keys are in use"));
    }
    let found = surveyed(config, key_file, force)?;
    let lags = |found: &Survey, uses: &Uses| uses.works_with.is_none_or(|index| !found.has(&[index], Generation::Current));
    require_all(found.as_ref(), lags, "does not work with the new key yet", |host| {
        format!("on {host}: baton key rotate, then systemctl reload baton-agent@{host}")
    })?;
    remove_file(&previous).map_err(|e| {
        Failure::new(ErrorCode::Io, format!("{} cannot be removed: {e}", previous.display()))
            .hint("run this as the owner of the key, or as root")
    })?;
    Ok("This machine accepts the new key alone. Where an agent runs: systemctl reload baton-agent@HOST\n\
        Certificates that were issued by the previous key are no longer accepted then: baton key issue makes new ones."
        .to_owned())
}

fn surveyed(config: &Config, key_file: &Path, force: bool) -> Result<Option<Survey>, Failure> {
    if force { Ok(None) } else { block_on(survey(config, key_file)).map(Some) }
}

/// Refuses a step that some host is not ready for.
fn require_all(
    found: Option<&Survey>,
    lags: impl Fn(&Survey, &Uses) -> bool,
    what: &str,
    hint: impl Fn(&str) -> String,
) -> Result<(), Failure> {
    for (found, (host, uses)) in found.into_iter().flat_map(|found| found.hosts.iter().map(move |told| (found, told))) {
        match uses {
            Ok(uses) if lags(found, uses) => {
                return Err(Failure::new(ErrorCode::State, format!("the agent of {host} {what}")).hint(hint(host)));
            }
            Ok(_) => {}
            Err(failure) => {
                let text = format!("whether {host} is ready cannot be known: {failure}");
                return Err(Failure::new(ErrorCode::Unreachable, text)
                    .hint(format!("start its agent; --force goes on, and {host} may have to be mended by hand")));
            }
        }
    }
    Ok(())
}

impl Survey {
    fn has(&self, indices: &[usize], generation: Generation) -> bool {
        indices.iter().any(|&index| self.keys.get(index).is_some_and(|known| known.generation == generation))
    }
}
