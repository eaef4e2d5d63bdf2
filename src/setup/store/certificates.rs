//! The certificates of a machine: for its agent, which asks the store, and for its member of etcd. Agent and etcd are two users, so each has its own.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use super::cluster::{Cluster, Machine};
use super::service::USER;
use crate::link::store_certificate::{StoreAuthority, Subject};
use crate::setup::files::{Rights, put};
use crate::setup::init::SERVICE;
use protocol::{ErrorCode, Failure};

/// How a file begins that baton has written.
const MARK: &str = "# Written by `baton pool join`";

/// The files of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MemberFiles {
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// The agent has another certificate than before, or believes others.
    pub agent: bool,
    /// The member has, or does.
    pub member: bool,
}

impl MemberFiles {
    pub fn of(folder: &Path) -> Self {
        let [authority, certificate, key] = ["ca.pem", "member.pem", "member-key.pem"].map(|name| folder.join(name));
        Self { authority, certificate, key }
    }
}

/// A certificate that a machine is to have.
struct Wanted {
    subject: Subject,
    certificate: PathBuf,
    key: PathBuf,
    /// Who reads the key beside root.
    reader: Option<User>,
}

/// Makes the certificates that are missing, and those again that another key has made or that are for another address.
///
/// # Errors
/// [`ErrorCode::Config`] for a folder that is not safe, or in which somebody else's authority is, unless it is to be replaced; [`ErrorCode::Io`].
pub(super) fn install(cluster: &Cluster, machine: &Machine, force: bool) -> Result<Changed, Failure> {
    let (Some(folder), Some(authority)) = (cluster.certificates(), &cluster.authority) else { return Ok(Changed::default()) };
    DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(|e| unwritten(folder, &e))?;
    config::trust::require_folder(folder, "the folder of the store's certificates")?;
    let others = believe(folder, authority, force)?;
    let mut changed = Changed { agent: others && machine.is_server, member: others && machine.member.is_some() };
    for wanted in wanted(folder, machine) {
        let renewed = issue(authority, &wanted)?;
        match wanted.subject {
            Subject::Member(_) => changed.member |= renewed,
            Subject::Client(_) => changed.agent |= renewed,
        }
    }
    Ok(changed)
}

fn unwritten(file: &Path, e: &io::Error) -> Failure {
    Failure::new(ErrorCode::Io, format!("{} cannot be written: {e}", file.display())).hint("run it as root")
}

/// Writes who is believed. Returns whether these are others than before.
fn believe(folder: &Path, authority: &StoreAuthority, force: bool) -> Result<bool, Failure> {
    let file = MemberFiles::of(folder).authority;
    let failed = |e: io::Error| unwritten(&file, &e);
    let roots = format!("{MARK}: who may issue certificates for the pool's store.\n{}", authority.roots());
    match std::fs::read_to_string(&file) {
        Ok(found) if found == roots => return Rights::public().restore(&file).map(|()| false).map_err(failed),
        Ok(found) if !found.starts_with(MARK) => {
            if !force {
                let text = format!("{} is an authority that baton has not made; nothing was changed", file.display());
                return Err(Failure::new(ErrorCode::Config, text).hint(
                    "--force replaces it and keeps a copy; or name another folder: `certificates` in [pool.store] of every host's cluster file",
                ));
            }
            std::fs::rename(&file, folder.join("ca.pem.before-baton")).map_err(failed)?;
        }
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    put(&file, roots.as_bytes(), Rights::public(), true).map(|()| true).map_err(failed)
}

fn wanted(folder: &Path, machine: &Machine) -> Vec<Wanted> {
    let name = &machine.name;
    let user = |name: &str| User::from_name(name).ok().flatten().filter(|_| Uid::effective().is_root());
    let agent = machine.is_server.then(|| Wanted {
        subject: Subject::Client(name.to_string()),
        certificate: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}-key.pem")),
        reader: user(SERVICE),
    });
    let member = machine.member.as_ref().map(|member| {
        let MemberFiles { certificate, key, .. } = MemberFiles::of(folder);
        Wanted { subject: Subject::Member(member.endpoint.ip()), certificate, key, reader: user(USER) }
    });
    agent.into_iter().chain(member).collect()
}

/// Makes a certificate, unless there is the one that would be made. Returns whether it has.
fn issue(authority: &StoreAuthority, wanted: &Wanted) -> Result<bool, Failure> {
    let Wanted { subject, certificate, key, reader } = wanted;
    let failed = |e: io::Error| unwritten(certificate, &e);
    let whom = match subject {
        Subject::Member(address) => format!("the member at {address}"),
        Subject::Client(name) => format!("the agent of {name}"),
    };
    // What a certificate was made of stands in front of it: who reads PEM passes it over.
    let mark = format!("{MARK} for {whom}, by the authority {}.\n", authority.fingerprint());
    let group = reader.as_ref().map(|user| user.gid.as_raw());
    let secret = Rights { mode: if group.is_some() { 0o640 } else { 0o600 }, owner: None, group };
    let there = std::fs::read_to_string(certificate).is_ok_and(|text| text.starts_with(&mark));
    if there && key.exists() {
        return Rights::public().restore(certificate).and_then(|()| secret.restore(key)).map(|()| false).map_err(failed);
    }
    let issued = authority.issue(subject)?;
    // The certificate last: where it is there, its key is.
    match std::fs::remove_file(certificate) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    put(key, issued.key.as_bytes(), secret, true).map_err(|e| unwritten(key, &e))?;
    put(certificate, format!("{mark}{}", issued.certificate).as_bytes(), Rights::public(), true).map(|()| true).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::key::{Key, Keys};

    fn authority(byte: u8) -> StoreAuthority {
        StoreAuthority::of(&Keys { current: Key::new(vec![byte; 32]).unwrap(), beside: Vec::new() }).unwrap()
    }

    #[test]
    fn a_certificate_is_made_once_and_again_for_another_key_or_address() {
        let folder = tempfile::tempdir().unwrap();
        let files = MemberFiles::of(folder.path());
        let issue = |byte: u8, address: &str| {
            let subject = Subject::Member(address.parse().unwrap());
            let (certificate, key) = (files.certificate.clone(), files.key.clone());
            issue(&authority(byte), &Wanted { subject, certificate, key, reader: None }).unwrap()
        };
        assert!(issue(1, "10.77.0.1"));
        let first = std::fs::read(&files.certificate).unwrap();
        assert_eq!(Rights::of(&files.key).unwrap().mode, 0o600);
        assert!(!issue(1, "10.77.0.1") && std::fs::read(&files.certificate).unwrap() == first);
        assert!(issue(1, "10.77.0.2") && issue(2, "10.77.0.2") && !issue(2, "10.77.0.2"));
        std::fs::remove_file(&files.key).unwrap();
        assert!(issue(2, "10.77.0.2"), "a certificate without its key is of no use");
    }

    #[test]
    fn the_authority_of_others_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
        assert!(believe(folder.path(), &authority(1), false).unwrap_err().message.contains("has not made"));
        assert_eq!(believe(folder.path(), &authority(1), true), Ok(true));
        assert_eq!(believe(folder.path(), &authority(1), false), Ok(false));
        assert_eq!(believe(folder.path(), &authority(2), false), Ok(true), "one of another key is baton's own");
        assert!(folder.path().join("ca.pem.before-baton").exists());
    }
}
