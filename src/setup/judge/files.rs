//! Key, folders and disk.

use super::shell::word;
use crate::link::key::MIN_KEY;
use crate::setup::facts::{Facts, FolderFacts, FolderPlace, KeyFacts, KeyFile};
use config::trust::Distrust;
use protocol::Examined;
use protocol::Precondition::{Disk, Folders, Key};

/// Records of some hundred thousand orders, bytes.
const ROOM: u64 = 64 << 20;

pub(super) fn judge(facts: &Facts) -> Vec<Examined> {
    let user = &facts.process.user;
    let mut findings = vec![match &facts.files.key {
        Some(key) => of_key(key, user),
        None if facts.files.listens_on_tcp => {
            Examined::blocker(Key, "the cluster file names no key_file, and this host listens on TCP: its agent refuses to start")
                .hint("`baton init` makes a key; name it as key_file in the cluster file of every host")
        }
        None => Examined::ok(Key, "the cluster needs no key: its agents listen on this machine alone"),
    }];
    findings.extend(facts.files.folders.iter().map(|folder| of_folder(folder, user)));
    // Two folders on one disk are one finding.
    let least = facts.files.folders.iter().filter_map(|folder| Some((folder.free?, folder))).min_by_key(|(free, _)| *free);
    findings.extend(least.map(|(free, folder)| room(free, folder)));
    findings
}

fn distrusted(check: protocol::Precondition, Distrust { failure, mend }: &Distrust) -> Examined {
    let finding = Examined::blocker(check, failure.message.clone());
    match (mend, &failure.hint) {
        (Some(mend), _) => finding.mend(mend.clone()).hint("first see whether its content is as it should be"),
        (None, Some(hint)) => finding.hint(hint.clone()),
        (None, None) => finding,
    }
}

fn of_key(KeyFile { path, found }: &KeyFile, user: &str) -> Examined {
    let (shown, quoted) = (path.display(), word(&path.to_string_lossy()));
    let Some(KeyFacts { bytes, mode, open, readable, trust }) = found else {
        return Examined::blocker(
            Key,
            format!("the cluster key {shown} is missing, or in a folder that this process cannot see into"),
        )
        .hint(format!("copy it from a host that has it, as `baton init` has shown; all hosts have the same {shown}"));
    };
    if let Err(distrust) = trust {
        return distrusted(Key, distrust);
    }
    // Readable for root, who operates, and for the agent's user alone.
    let own =
        if user == "root" { format!("chmod 600 {quoted}") } else { format!("chown root:{user} {quoted} && chmod 640 {quoted}") };
    if *open {
        return Examined::blocker(Key, format!("the cluster key {shown} is open to other users (mode {:03o})", mode & 0o777))
            .mend(own)
            .hint("make a new key if somebody may have read this one");
    }
    if !readable {
        return Examined::blocker(Key, format!("the user {user}, as whom the agent runs, cannot read the cluster key {shown}"))
            .mend(own);
    }
    if *bytes < MIN_KEY as u64 {
        return Examined::blocker(Key, format!("the cluster key {shown} has {bytes} bytes; it needs {MIN_KEY}"))
            .hint("copy the whole key from another host, or make a new one for all with `baton init`");
    }
    let readers = if user == "root" { "root".to_owned() } else { format!("root and {user}") };
    Examined::ok(Key, format!("{shown} has {bytes} bytes, and nobody but {readers} can read it"))
}

fn of_folder(FolderFacts { key, path, place, trust, .. }: &FolderFacts, user: &str) -> Examined {
    let (shown, quoted) = (path.display(), word(&path.to_string_lossy()));
    if let Err(distrust) = trust {
        return distrusted(Folders, distrust);
    }
    let make = format!("install -d -o {user} -g \"$(id -gn {user})\" -m 700 {quoted}");
    match place {
        FolderPlace::Writable => Examined::ok(Folders, format!("{user} writes to {shown} ({key})")),
        FolderPlace::CanBeMade => Examined::ok(Folders, format!("{user} makes {shown} ({key}) when it is needed")),
        FolderPlace::NotWritable => Examined::blocker(Folders, format!("{user} may not write to {shown} ({key})")).mend(make),
        FolderPlace::CannotBeMade => {
            Examined::blocker(Folders, format!("{shown} ({key}) is missing, and {user} may not make it")).mend(make)
        }
    }
}

fn room(free: u64, FolderFacts { path, .. }: &FolderFacts) -> Examined {
    let (shown, mib) = (path.display(), free >> 20);
    if free < ROOM {
        return Examined::warning(
            Disk,
            format!("the disk of {shown} has {mib} MiB left: records and what a restart needs will be lost"),
        )
        .hint("make room there; orders are carried out all the same");
    }
    Examined::ok(Disk, format!("the disk of {shown} has {mib} MiB left, the least of all folders"))
}
