//! Files and folders that decide what runs here: nobody but this user and root may be able to change them.
//!
//! The rule is that of sshd's StrictModes: the file and every folder above it belong to this user or to root and are not writable for others. A folder
//! with the sticky bit, as /tmp, may be writable: nobody can replace in it what is not his.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User};

use protocol::{ErrorCode, Failure};

/// Root, whom every user trusts.
const ROOT: u32 = 0;
const STICKY: u32 = 0o1000;

/// Whose files are believed.
#[derive(Debug, Clone, Copy)]
struct Trusted {
    user: u32,
    /// In a user namespace: how the kernel shows all users that have no number in it, root outside among them. Enough for a folder above ours.
    outside: Option<u32>,
}

impl Trusted {
    fn of(user: Uid) -> Self {
        let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let whole = map.split_whitespace().eq(["0", "0", "4294967295"]) || map.is_empty();
        let overflow = || std::fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok();
        Self { user: user.as_raw(), outside: if whole { None } else { overflow() } }
    }

    fn owns(self, found: &Metadata) -> bool {
        let of_folder = found.is_dir() || found.is_symlink();
        [ROOT, self.user].contains(&found.uid()) || (of_folder && self.outside == Some(found.uid()))
    }
}

/// Why a file or folder is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distrust {
    /// As the operator reads it.
    pub failure: Failure,
    /// The command that sets it right, once its content is as it should be; none where that is for the operator to decide.
    pub mend: Option<String>,
}

/// Refuses a file that another user could change or replace. `what` names it in the sentence. One that is not there passes: whoever reads it says so.
///
/// # Errors
/// [`ErrorCode::Config`] with the file or folder that is open, and what to do.
pub fn require_file(path: &Path, what: &str) -> Result<(), Failure> {
    examine_file(path, what, Uid::effective()).map_err(|distrust| distrust.failure)
}

/// The same as another user's process would have it.
///
/// # Errors
/// As [`require_file`].
pub fn examine_file(path: &Path, what: &str, user: Uid) -> Result<(), Distrust> {
    let Ok(found) = std::fs::metadata(path) else { return Ok(()) };
    let name = format!("{what} {}", path.display());
    let trusted = Trusted::of(user);
    check(trusted, &name, path, &found)?;
    require_folders_above(trusted, path, &name)
}

/// Refuses a folder that another user could change or replace, or that is a symbolic link. One that is not there passes.
///
/// # Errors
/// [`ErrorCode::Config`] with the folder that is open, and what to do.
pub fn require_folder(path: &Path, what: &str) -> Result<(), Failure> {
    examine_folder(path, what, Uid::effective()).map_err(|distrust| distrust.failure)
}

/// The same as another user's process would have it.
///
/// # Errors
/// As [`require_folder`].
pub fn examine_folder(path: &Path, what: &str, user: Uid) -> Result<(), Distrust> {
    let (trusted, name) = (Trusted::of(user), format!("{what} {}", path.display()));
    let Ok(found) = path.symlink_metadata() else { return require_folders_above(trusted, path, &name) };
    let refuse = |what: &str, hint: String, mend| {
        let failure = Failure::new(ErrorCode::Config, format!("{name} is {what}")).hint(hint);
        Err(Distrust { failure, mend })
    };
    if found.is_symlink() {
        let hint = "name the folder that it leads to in the configuration, or remove the link".to_owned();
        return refuse("a symbolic link", hint, None);
    }
    if !found.is_dir() {
        let move_away = format!("mv {0} {0}.old", path.display());
        return refuse("no folder", format!("move it away: {move_away}"), Some(move_away));
    }
    check(trusted, &name, path, &found)?;
    require_folders_above(trusted, path, &name)
}

fn require_folders_above(trusted: Trusted, path: &Path, name: &str) -> Result<(), Distrust> {
    let lexical = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = existing(&lexical);
    for folder in lexical.ancestors().skip(1).chain(real.ancestors().skip(1)) {
        let Ok(found) = folder.symlink_metadata() else { continue };
        if found.is_symlink() {
            // Its own folder is one of those above. Where it leads is among the real ones.
            if !trusted.owns(&found) {
                let name = format!("{name} is reached by the symbolic link {}, which", folder.display());
                return Err(foreign(trusted, &name, folder, &found));
            }
            continue;
        }
        if found.mode() & STICKY != 0 && trusted.owns(&found) {
            continue;
        }
        check(trusted, &format!("{name} is not safe: its folder {}", folder.display()), folder, &found)?;
    }
    Ok(())
}

/// The path without symbolic links, as far as it exists.
fn existing(path: &Path) -> PathBuf {
    let mut missing: Vec<OsString> = Vec::new();
    for ancestor in path.ancestors() {
        if let Ok(real) = ancestor.canonicalize() {
            return missing.iter().rev().fold(real, |path, name| path.join(name));
        }
        missing.extend(ancestor.file_name().map(ToOwned::to_owned));
    }
    path.to_owned()
}

fn check(trusted: Trusted, name: &str, path: &Path, found: &Metadata) -> Result<(), Distrust> {
    if !trusted.owns(found) {
        return Err(foreign(trusted, name, path, found));
    }
    let by_group = found.mode() & 0o020 != 0 && !is_private_group(found.gid(), found.uid());
    if by_group || found.mode() & 0o002 != 0 {
        let text = format!("{name} can be changed by other users (mode {:03o})", found.mode() & 0o7777);
        let mend = format!("chmod go-w {}", path.display());
        return Err(Distrust { failure: Failure::new(ErrorCode::Config, text).hint(&mend), mend: Some(mend) });
    }
    Ok(())
}

fn foreign(trusted: Trusted, name: &str, path: &Path, found: &Metadata) -> Distrust {
    let user = |uid: u32| User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    let own = user(trusted.user);
    let us = if trusted.user == ROOT { own.clone() } else { format!("{own} or root") };
    let mend = format!("chown {own} {}", path.display());
    let failure = Failure::new(ErrorCode::Config, format!("{name} belongs to the user {}, not to {us}", user(found.uid())))
        .hint(format!("{mend}, once its content is as it should be"));
    Distrust { failure, mend: Some(mend) }
}

/// The user whose own private group this is: it has the user's name, and nobody else is in it.
pub fn private_group_of(group: u32) -> Option<User> {
    let name = Group::from_gid(Gid::from_raw(group)).ok().flatten()?.name;
    let user = User::from_name(&name).ok().flatten()?;
    is_private_group(group, user.uid.as_raw()).then_some(user)
}

/// Whether a group is a user's own, as many systems make one for each user: then it is no other user's.
fn is_private_group(group: u32, user: u32) -> bool {
    let found = User::from_uid(Uid::from_raw(user)).ok().flatten().zip(Group::from_gid(Gid::from_raw(group)).ok().flatten());
    found.is_some_and(|(user, group)| {
        user.uid.as_raw() != ROOT
            && user.gid == group.gid
            && user.name == group.name
            && group.mem.iter().all(|name| *name == user.name)
    })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    fn set(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_that_others_can_change_or_replace_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cluster.toml");
        let check = || require_file(&file, "the configuration");
        assert!(check().is_ok(), "one that is not there is for its reader to miss");
        std::fs::write(&file, "x").unwrap();
        for (mode, passes) in [(0o600, true), (0o644, true), (0o666, false), (0o602, false), (0o660, false)] {
            set(&file, mode);
            assert_eq!(check().is_ok(), passes, "{mode:o}");
        }
        let failure = check().unwrap_err();
        assert_eq!(failure.code, ErrorCode::Config);
        assert_eq!(failure.message, format!("the configuration {} can be changed by other users (mode 660)", file.display()));
        assert_eq!(failure.hint, Some(format!("chmod go-w {}", file.display())));
        set(&file, 0o644);
        for (mode, passes) in [(0o777, false), (0o1777, true), (0o702, false), (0o755, true)] {
            set(folder.path(), mode);
            assert_eq!(check().is_ok(), passes, "in a folder of {mode:o}");
        }
        set(folder.path(), 0o777);
        let failure = check().unwrap_err();
        assert!(failure.message.contains("its folder") && failure.message.ends_with("(mode 777)"), "{failure}");
        // A safe path that leads into an open folder is no way round.
        let safe = tempfile::tempdir().unwrap();
        symlink(&file, safe.path().join("link.toml")).unwrap();
        assert!(require_file(&safe.path().join("link.toml"), "the configuration").is_err());
        set(folder.path(), 0o700);
        assert!(require_file(&safe.path().join("link.toml"), "the configuration").is_ok());
    }

    #[test]
    fn what_belongs_to_another_user_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cluster.key");
        std::fs::write(&file, "x").unwrap();
        if !Uid::effective().is_root() || chown(&file, Some(12345), None).is_err() {
            return;
        }
        let failure = require_file(&file, "the cluster key").unwrap_err();
        assert!(failure.message.ends_with("belongs to the user 12345, not to root"), "{failure}");
        chown(&file, Some(0), None).unwrap();
        assert!(require_file(&file, "the cluster key").is_ok());
        chown(folder.path(), Some(12345), None).unwrap();
        assert!(require_file(&file, "the cluster key").is_err(), "its owner could put another file there");
    }

    #[test]
    fn a_folder_is_no_link_and_no_one_elses() {
        let folder = tempfile::tempdir().unwrap();
        let (own, link) = (folder.path().join("own"), folder.path().join("link"));
        let check = |path: &Path| require_folder(path, "the folder");
        assert!(check(&own).is_ok(), "it may be made");
        std::fs::create_dir(&own).unwrap();
        set(&own, 0o700);
        assert!(check(&own).is_ok());
        symlink(&own, &link).unwrap();
        assert!(check(&link).unwrap_err().message.ends_with("is a symbolic link"));
        set(&own, 0o777);
        assert!(check(&own).unwrap_err().message.ends_with("can be changed by other users (mode 777)"));
        set(&own, 0o700);
        std::fs::write(own.join("file"), "x").unwrap();
        assert!(check(&own.join("file")).unwrap_err().message.ends_with("is no folder"));
        set(folder.path(), 0o777);
        assert!(check(&own).is_err() && check(&folder.path().join("new")).is_err(), "nor may one be made there");
    }
}
