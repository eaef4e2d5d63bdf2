//! Key, configuration and folders, as the agent's user has them.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::{Uid, User, getgrouplist};

use crate::link::key::is_open;
use crate::setup::facts::{FileFacts, FolderFacts, FolderPlace, KeyFacts, KeyFile};
use config::trust::{examine_file, examine_folder};
use config::{Config, HostName};

/// A user and its groups.
struct Account {
    user: Uid,
    groups: Vec<u32>,
}

impl Account {
    fn named(name: &str) -> Self {
        let Some(user) = User::from_name(name).ok().flatten() else {
            return Self { user: Uid::effective(), groups: vec![nix::unistd::getegid().as_raw()] };
        };
        let of = std::ffi::CString::new(user.name).ok().and_then(|name| getgrouplist(&name, user.gid).ok());
        Self { user: user.uid, groups: of.unwrap_or_default().iter().map(|group| group.as_raw()).collect() }
    }

    /// Whether the bits of an `rwx` triplet are granted. Access control lists are not looked at.
    fn may(&self, found: &Metadata, bits: u32) -> bool {
        let shift = if self.user.is_root() {
            return true;
        } else if found.uid() == self.user.as_raw() {
            6
        } else if self.groups.contains(&found.gid()) {
            3
        } else {
            0
        };
        (found.mode() >> shift) & bits == bits
    }

    /// Whether every folder above may be gone through.
    fn reaches(&self, path: &Path) -> bool {
        path.ancestors().skip(1).all(|folder| folder.metadata().map_or(true, |found| self.may(&found, 0o1)))
    }
}

pub(super) fn look(config: &Config, host: &HostName, user: &str) -> FileFacts {
    let account = Account::named(user);
    let settings = &config.host[host.as_str()];
    let folders = [("records", config.records.clone()), ("state", config.state_folder()), ("runtime", config.runtime.clone())];
    FileFacts {
        listens_on_tcp: !(settings.command.is_local() && settings.telemetry.is_local()),
        key: config.key_file.as_deref().map(|path| key(path, &account)),
        folders: folders.into_iter().map(|(key, path)| folder(key, path, &account)).collect(),
    }
}

fn key(path: &Path, account: &Account) -> KeyFile {
    let found = path.metadata().ok().map(|found| KeyFacts {
        bytes: found.len(),
        mode: found.mode() & 0o7777,
        open: is_open(&found, account.user),
        readable: account.may(&found, 0o4) && account.reaches(path),
        trust: examine_file(path, "the cluster key", account.user),
    });
    KeyFile { path: path.to_owned(), found }
}

fn folder(key: &'static str, path: PathBuf, account: &Account) -> FolderFacts {
    let place = match path.metadata() {
        Ok(found) if account.may(&found, 0o3) && account.reaches(&path) => FolderPlace::Writable,
        Ok(_) => FolderPlace::NotWritable,
        Err(_) => match nearest(&path).metadata() {
            Ok(above) if account.may(&above, 0o3) && account.reaches(&path) => FolderPlace::CanBeMade,
            _ => FolderPlace::CannotBeMade,
        },
    };
    let free = statvfs(nearest(&path)).ok().map(|found| found.blocks_available().saturating_mul(found.fragment_size()));
    FolderFacts { key, trust: examine_folder(&path, "the folder", account.user), place, free, path }
}

/// The folder itself, or the nearest one above it that is there.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|folder| folder.exists()).unwrap_or(path)
}
