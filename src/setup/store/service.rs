//! etcd as a service of this machine: Debian's unit, by systemctl.

use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User};

use crate::setup::files::{Rights, put};
use protocol::{ErrorCode, Failure, Trying};

/// The user as whom Debian's unit runs etcd.
pub(super) const USER: &str = "etcd";
const UNIT: &str = "etcd.service";
const PROGRAM: &str = "/usr/bin/etcd";
/// Where systemd keeps what it knows while it runs.
const SYSTEMD: &str = "/run/systemd/system";
const FOLDER: &str = "/etc/systemd/system/etcd.service.d";
/// What the unit lacks for a member of the pool's store.
const DROP_IN: &str = "\
# Written by `baton pool join`.
[Unit]
# A member listens at an address of this machine, which comes with the network.
After=network-online.target
StartLimitIntervalSec=0

[Service]
# The first member waits for the others for as long as it takes.
TimeoutStartSec=infinity
# Debian's unit starts etcd again after a crash alone, not where its address was not there yet.
Restart=on-failure
RestartSec=1
";

/// etcd under systemd.
pub(super) struct Service;

impl Service {
    /// Makes sure that etcd can be a service here.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] with what is missing.
    pub fn require() -> Result<Self, Failure> {
        let missing = |what: &str, hint: &str| Err(Failure::new(ErrorCode::Environment, what).hint(hint));
        if !Uid::effective().is_root() {
            return missing("etcd's service can only be changed by root", "run it as root");
        }
        if !Path::new(SYSTEMD).is_dir() {
            let hint = "with --no-service nothing is started: start etcd with the file of its settings as its environment";
            return missing("systemd does not run on this machine", hint);
        }
        if !Path::new(PROGRAM).exists() || User::from_name(USER).ok().flatten().is_none() {
            return missing("etcd is not installed on this machine", "apt-get install etcd-server");
        }
        Ok(Self)
    }

    /// Starts etcd, now and whenever the machine starts; again where something of it has changed. Does not wait for it: the first member is ready
    /// when there is a second one.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] in systemctl's words, [`ErrorCode::Io`].
    pub fn start(&self, changed: bool) -> Result<(), Failure> {
        let added = drop_in(Path::new(FOLDER))?;
        if added {
            systemctl(&["daemon-reload"])?;
        }
        systemctl(&["--quiet", "enable", UNIT])?;
        systemctl(&["--no-block", if changed || added { "restart" } else { "start" }, UNIT])
    }

    /// Ends etcd, now and for the next start of the machine.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] in systemctl's words.
    pub fn end(&self) -> Result<(), Failure> {
        systemctl(&["--quiet", "disable", "--now", UNIT])
    }

    /// Ends etcd until it is started again.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] in systemctl's words.
    pub fn stop(&self) -> Result<(), Failure> {
        systemctl(&["stop", UNIT])
    }
}

/// Writes what the unit lacks. Returns whether it was missing.
fn drop_in(folder: &Path) -> Result<bool, Failure> {
    let file = folder.join("baton.conf");
    if std::fs::read_to_string(&file).is_ok_and(|found| found == DROP_IN) {
        return Ok(false);
    }
    let written = std::fs::create_dir_all(folder).and_then(|()| put(&file, DROP_IN.as_bytes(), Rights::public(), true));
    written.map(|()| true).map_err(|e| Failure::new(ErrorCode::Io, format!("{} cannot be written: {e}", file.display())))
}

fn systemctl(words: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new("systemctl");
    let output = command.args(words).stdin(Stdio::null()).output().trying(|| "systemctl could not be started")?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = output::one_line(said.trim()).into_owned();
    Err(Failure::new(ErrorCode::Environment, format!("systemctl {} failed: {said}", words.join(" ")))
        .hint("journalctl -u etcd -n 30 says more; then run this again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_unit_lacks_is_added_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("etcd.service.d");
        assert_eq!(drop_in(&at), Ok(true));
        assert_eq!(drop_in(&at), Ok(false));
        std::fs::write(at.join("baton.conf"), "[Unit]\n").unwrap();
        assert_eq!(drop_in(&at), Ok(true), "an older one is replaced");
    }
}
