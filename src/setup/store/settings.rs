//! The settings of etcd: a file of environment variables, as systemd reads it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::certificates::MemberFiles;
use super::cluster::{Cluster, Member};
use crate::link::store_certificate::MEMBER;
use crate::setup::files::{Rights, put};
use config::HostName;
use protocol::{ErrorCode, Failure};

/// How a file begins that baton has written.
const MARK: &str = "# Written by `baton pool join`";

/// Whom a member meets when it starts for the first time. Afterwards etcd knows by its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Initial {
    /// `NAME=PEER-URL,...`, itself among them.
    pub cluster: String,
    /// `new`: all of them begin together; `existing`: the others have taken it in.
    pub state: String,
}

impl Initial {
    /// All members of the cluster file begin together.
    pub fn new(cluster: &Cluster) -> Self {
        let members = cluster.members.iter().map(|member| format!("{}={}", member.name, cluster.peer_url(member)));
        Self { cluster: members.collect::<Vec<_>>().join(","), state: "new".to_owned() }
    }
}

/// What is in a file of settings.
#[derive(Debug, Default)]
pub(super) struct Written {
    text: String,
}

impl Written {
    /// Reads it; one that is not there is empty.
    ///
    /// # Errors
    /// [`ErrorCode::Io`].
    pub fn read(file: &Path) -> Result<Self, Failure> {
        match std::fs::read_to_string(file) {
            Ok(text) => Ok(Self { text }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(Failure::new(ErrorCode::Io, format!("{} cannot be read: {e}", file.display())).hint("run it as root")),
        }
    }

    /// Whether baton has written it.
    pub fn is_ours(&self) -> bool {
        self.text.starts_with(MARK)
    }

    /// Whether it sets anything: Debian's own has nothing but comments.
    fn is_empty(&self) -> bool {
        self.text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
    }

    /// What baton has set.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.trim_matches('"')).filter(|_| self.is_ours())
    }

    /// Whose member it is.
    pub fn is_of(&self, member: &HostName) -> bool {
        self.get("ETCD_NAME") == Some(member.as_str())
    }

    /// What the member met when it started first.
    pub fn initial(&self) -> Option<Initial> {
        let get = |name| self.get(name).map(str::to_owned);
        Some(Initial { cluster: get("ETCD_INITIAL_CLUSTER")?, state: get("ETCD_INITIAL_CLUSTER_STATE")? })
    }
}

/// The settings of a member, as the file has them.
///
/// # Errors
/// [`ErrorCode::Config`] for a folder whose name systemd would not read as it is.
pub(super) fn text(
    cluster: &Cluster,
    member: &Member,
    initial: &Initial,
    data: &Path,
    files: Option<&MemberFiles>,
) -> Result<String, Failure> {
    let clients = format!("{}://{}", cluster.scheme(), member.endpoint);
    let peers = cluster.peer_url(member);
    let path = |path: &Path| path.display().to_string();
    let mut settings = vec![
        ("ETCD_NAME", member.name.to_string()),
        ("ETCD_DATA_DIR", path(data)),
        ("ETCD_LISTEN_CLIENT_URLS", clients.clone()),
        ("ETCD_ADVERTISE_CLIENT_URLS", clients),
        ("ETCD_LISTEN_PEER_URLS", peers.clone()),
        ("ETCD_INITIAL_ADVERTISE_PEER_URLS", peers),
        ("ETCD_INITIAL_CLUSTER", initial.cluster.clone()),
        ("ETCD_INITIAL_CLUSTER_STATE", initial.state.clone()),
        ("ETCD_INITIAL_CLUSTER_TOKEN", "baton".to_owned()),
        // A member that comes back from a cut network does not depose the leader.
        ("ETCD_PRE_VOTE", "true".to_owned()),
        // Without it the data grow with each change.
        ("ETCD_AUTO_COMPACTION_MODE", "periodic".to_owned()),
        ("ETCD_AUTO_COMPACTION_RETENTION", "1h".to_owned()),
    ];
    if let Some(files) = files {
        for (certificate, key, authority, required) in [
            ("ETCD_CERT_FILE", "ETCD_KEY_FILE", "ETCD_TRUSTED_CA_FILE", "ETCD_CLIENT_CERT_AUTH"),
            ("ETCD_PEER_CERT_FILE", "ETCD_PEER_KEY_FILE", "ETCD_PEER_TRUSTED_CA_FILE", "ETCD_PEER_CLIENT_CERT_AUTH"),
        ] {
            settings.extend([(certificate, path(&files.certificate)), (key, path(&files.key))]);
            settings.extend([(authority, path(&files.authority)), (required, "true".to_owned())]);
        }
        settings.push(("ETCD_PEER_CERT_ALLOWED_CN", MEMBER.to_owned()));
        // A machine with several addresses may come from another one than its endpoint's. The name above says that it is a member.
        settings.push(("ETCD_EXPERIMENTAL_PEER_SKIP_CLIENT_SAN_VERIFICATION", "true".to_owned()));
    }
    let mut text = format!("{MARK}, which writes it again: change the cluster file instead (baton-pool-join(1)).\n");
    for (name, value) in settings {
        if value.contains(|c: char| c.is_control() || matches!(c, '"' | '\\' | '$' | '`' | ',') && name.ends_with("_FILE")) {
            return Err(Failure::new(ErrorCode::Config, format!("{value:?} cannot be the path of a file for etcd"))
                .hint("choose a folder without quotes, backslashes, commas and dollar signs in its name"));
        }
        let _ = writeln!(text, "{name}=\"{value}\"");
    }
    Ok(text)
}

/// Puts settings where etcd reads them. Returns whether they are others than before.
///
/// # Errors
/// [`ErrorCode::Config`] for settings of somebody else, unless they are to be replaced; [`ErrorCode::Io`].
pub(super) fn write(file: &Path, before: &Written, text: &str, force: bool) -> Result<bool, Failure> {
    if before.text == text {
        return Ok(false);
    }
    let unwritten = |file: &Path, e| Failure::new(ErrorCode::Io, format!("{} cannot be written: {e}", file.display()));
    if !before.is_ours() && !before.text.is_empty() {
        if !before.is_empty() && !force {
            let text = format!("{} has settings of an etcd that baton has not written; nothing was changed there", file.display());
            return Err(Failure::new(ErrorCode::Config, text)
                .hint("where that etcd is used by nobody, --force replaces them and keeps a copy; else choose another machine as a member"));
        }
        let copy = copy_of(file);
        if !copy.exists() {
            std::fs::copy(file, &copy).map_err(|e| unwritten(&copy, e))?;
        }
    }
    put(file, text.as_bytes(), Rights::public(), true).map_err(|e| unwritten(file, e))?;
    Ok(true)
}

/// Where the settings are kept that were there before.
pub(super) fn copy_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".before-baton");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_others_stay_and_debians_comments_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("etcd");
        let ours =
            format!("{MARK}, ...\nETCD_NAME=\"server1\"\nETCD_INITIAL_CLUSTER=\"a=b\"\nETCD_INITIAL_CLUSTER_STATE=\"new\"\n");
        let write = |force| write(&file, &Written::read(&file).unwrap(), &ours, force);
        std::fs::write(&file, "## etcd(1) daemon options\n\n").unwrap();
        assert_eq!(write(false), Ok(true));
        assert_eq!(write(false), Ok(false), "a second time there is nothing to do");
        let written = Written::read(&file).unwrap();
        assert!(written.is_of(&"server1".parse().unwrap()) && !written.is_of(&"server2".parse().unwrap()));
        assert_eq!(written.initial(), Some(Initial { cluster: "a=b".to_owned(), state: "new".to_owned() }));
        assert!(copy_of(&file).exists());

        std::fs::write(&file, "ETCD_NAME=theirs\n").unwrap();
        assert_eq!(Written::read(&file).unwrap().get("ETCD_NAME"), None, "what others have written says nothing of baton's member");
        let failure = write(false).unwrap_err();
        assert!(failure.message.contains("baton has not written") && failure.hint.unwrap().contains("--force"));
        std::fs::remove_file(copy_of(&file)).unwrap();
        assert_eq!(write(true), Ok(true));
        assert_eq!(std::fs::read_to_string(copy_of(&file)).unwrap(), "ETCD_NAME=theirs\n");
    }
}
