//! Where a pool's radios would rather be, must not be, and with whom: whether all of that can be.

use std::collections::BTreeSet;

use super::{PoolRadio, PoolSection};
use crate::apart::unplaceable;
use crate::check::{Conflict, listed};
use crate::{HostName, Label, RadioName};

/// Most preferences of a radio: each counts twice as much as the one behind it.
const MOST_PREFERRED: usize = 16;

/// Whether each radio's wishes can be met: names that there are, none against another, and servers enough for radios that are kept apart.
///
/// # Errors
/// The first conflict, in the order of the radios' names.
pub(super) fn check(pool: &PoolSection) -> Result<(), Conflict> {
    for (name, radio) in &pool.radio {
        let wishes = Wishes { pool, name, radio };
        wishes.forbid()?;
        wishes.prefer()?;
        wishes.apart()?;
        wishes.link()?;
    }
    let members = pool.radio.iter().map(|(name, radio)| (name, (allowed(pool, radio), radio.apart.iter().collect())));
    let Some(radios) = unplaceable(&members.collect()) else { return Ok(()) };
    let servers: BTreeSet<&HostName> = radios.iter().flat_map(|name| allowed(pool, &pool.radio[*name])).collect();
    let names = listed(radios.iter().map(|name| name.as_str()));
    let servers = listed(servers.into_iter().map(|name| name.as_str()));
    // One of those whose own section says so.
    let at = radios.iter().find(|name| !pool.radio[**name].apart.is_empty()).unwrap_or(&radios[0]);
    let what =
        format!("{names} cannot all be kept apart: only {servers} may serve them; allow more servers, or keep fewer radios apart");
    Err(Conflict::new(&["pool", "radio", at, "apart"], what))
}

/// The servers that a name in `prefer` or `forbid` means: the one of that name, else all that have it as a label.
pub(super) fn meant<'a>(pool: &'a PoolSection, named: &Label) -> Vec<&'a HostName> {
    if let Some((server, _)) = pool.server.get_key_value(named.as_str()) {
        return vec![server];
    }
    pool.server.iter().filter(|(_, server)| server.labels.contains(named)).map(|(name, _)| name).collect()
}

/// The servers of a radio that are not forbidden.
fn allowed<'a>(pool: &'a PoolSection, radio: &'a PoolRadio) -> BTreeSet<&'a HostName> {
    let forbidden: BTreeSet<&HostName> = radio.forbid.iter().flat_map(|named| meant(pool, named)).collect();
    radio.servers.iter().filter(|server| !forbidden.contains(server)).collect()
}

/// What a radio's section says about places.
struct Wishes<'a> {
    pool: &'a PoolSection,
    name: &'a RadioName,
    radio: &'a PoolRadio,
}

impl Wishes<'_> {
    fn at<T>(&self, key: &[&str], what: String) -> Result<T, Conflict> {
        Err(Conflict::new(&[&["pool", "radio", self.name.as_str()], key].concat(), what))
    }

    /// Names servers or labels that there are, each once.
    fn known(&self, key: &str, names: &[Label]) -> Result<(), Conflict> {
        for (index, named) in names.iter().enumerate() {
            let at = |what: String| self.at(&[key, &index.to_string()], what);
            if meant(self.pool, named).is_empty() {
                let servers = listed(self.pool.server.keys().map(|name| name.as_str()));
                let labels: BTreeSet<&Label> = self.pool.server.values().flat_map(|server| &server.labels).collect();
                let labels = listed(labels.into_iter().map(|label| label.as_str()));
                let named = named.as_str();
                return at(format!("there is no server or label {named:?}; the servers are {servers}, the labels {labels}"));
            }
            if names[..index].contains(named) {
                return at(format!("{:?} is named twice; name each server or label once", named.as_str()));
            }
        }
        Ok(())
    }

    fn forbid(&self) -> Result<(), Conflict> {
        self.known("forbid", &self.radio.forbid)?;
        let allowed = allowed(self.pool, self.radio);
        if allowed.is_empty() {
            return self.at(&["forbid"], format!("no server is left that may serve {}; forbid fewer", self.name));
        }
        match self.radio.servers.first().filter(|first| !allowed.contains(first)) {
            Some(first) => {
                let what =
                    format!("{first} is forbidden, and it is the first in `servers`, where the work starts; name another first");
                self.at(&["forbid"], what)
            }
            None => Ok(()),
        }
    }

    fn prefer(&self) -> Result<(), Conflict> {
        self.known("prefer", &self.radio.prefer)?;
        if self.radio.prefer.len() > MOST_PREFERRED {
            return self
                .at(&["prefer"], format!("these are {} preferences; {MOST_PREFERRED} are allowed", self.radio.prefer.len()));
        }
        let allowed = allowed(self.pool, self.radio);
        for (index, named) in self.radio.prefer.iter().enumerate() {
            let meant = meant(self.pool, named);
            if meant.iter().any(|server| allowed.contains(server)) {
                continue;
            }
            let fault = if meant.iter().any(|server| self.radio.servers.contains(server)) {
                "is preferred and forbidden; keep one of the two"
            } else {
                "is none of the radio's `servers`; prefer one of them, or add it there"
            };
            return self.at(&["prefer", &index.to_string()], format!("{:?} {fault}", named.as_str()));
        }
        Ok(())
    }

    fn apart(&self) -> Result<(), Conflict> {
        for (index, other) in self.radio.apart.iter().enumerate() {
            let at = |what: String| self.at(&["apart", &index.to_string()], what);
            if other == self.name {
                return at("a radio cannot be kept apart from itself; name another radio".to_owned());
            }
            if !self.pool.radio.contains_key(other) {
                let known = listed(self.pool.radio.keys().map(|name| name.as_str()));
                return at(format!("there is no radio {:?} in the pool; its radios are {known}", other.as_str()));
            }
            if self.radio.apart[..index].contains(other) {
                return at(format!("{:?} is named twice; name each radio once", other.as_str()));
            }
        }
        Ok(())
    }

    fn link(&self) -> Result<(), Conflict> {
        if self.radio.need_link.is_none() {
            return Ok(());
        }
        let unknown =
            self.radio.servers.iter().find(|name| self.pool.server.get(*name).is_some_and(|server| server.link.is_none()));
        match unknown {
            Some(server) => {
                let what = format!("{server} may serve {} and has no `link`; say there how many Mbit/s radios may use", self.name);
                self.at(&["need_link"], what)
            }
            None => Ok(()),
        }
    }
}
