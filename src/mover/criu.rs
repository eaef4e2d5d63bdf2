//! CRIU: dumps the processes of a pod into images, and makes them again from these.
//!
//! It runs in the holder's pid and mount namespace, so that neither has to be dumped, and in the host's network namespace, where the outer end
//! of the pod's cable is to be. What it cannot do on a machine only a rehearsal tells: `criu check` says "Looks good" where sockets cannot be
//! dumped.

mod images;
mod log;
pub mod rehearsal;
mod statistics;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, timeout};

pub use images::{read_part, size_of_images, store_part};
pub use statistics::DumpStatistics;

use super::pod::LEADER;
use protocol::{ErrorCode, Failure};

/// Where the project's script unpacks it, beside the folder of this program.
const BESIDE: &str = "../criu/criu";
/// Where it does so on real hosts.
const SYSTEM: &str = "/var/lib/baton/criu/criu";
/// What to do where it is not there, or does not work.
pub const INSTALL: &str = "scripts/install-criu unpacks one that works (docs/other-ways.md); no file of the system changes";
/// A dump or a restore of two small processes takes a tenth of a second; a machine under load was seen to need twenty times as long.
pub const LIMIT: Duration = Duration::from_secs(4);

/// Interface of the pod towards the radio.
pub const INSIDE: &str = "eth3";
/// The outer end of its cable.
pub const OUTSIDE: &str = "podv";

/// CRIU on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Criu {
    program: PathBuf,
}

impl Criu {
    /// The one of the project's script, or the system's.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] when there is none, with what to do.
    pub fn find() -> Result<Self, Failure> {
        let own = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join(BESIDE)));
        let on_path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&on_path).map(|folder| folder.join("criu"));
        let candidates = own.into_iter().chain([PathBuf::from(SYSTEM)]).chain(on_path);
        let found = candidates.filter_map(|program| program.canonicalize().ok()).find(|program| program.is_file());
        found.map(|program| Self { program }).ok_or_else(|| {
            Failure::new(ErrorCode::Environment, "there is no criu on this machine, which dumps and restores a pod").hint(INSTALL)
        })
    }

    /// Dumps the pod of this holder into a folder, and leaves its processes stopped: SIGCONT lets them go on.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] with the reason that CRIU's log gives; the processes then go on.
    pub async fn dump(&self, holder: i32, folder: &Path) -> Result<DumpStatistics, Failure> {
        empty(folder)?;
        let leader = LEADER.to_string();
        let options = ["--tree", leader.as_str(), "--leave-stopped", "--display-stats"];
        self.run("dump", holder, folder, &options).await.map(|(said, _)| DumpStatistics::read(&said))
    }

    /// Makes the processes again below this holder, which has no leader; the outer end of the pod's cable appears in this network namespace. How
    /// long it took, ms.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] with the reason that CRIU's log gives; nothing is left in the pod then.
    pub async fn restore(&self, holder: i32, folder: &Path) -> Result<f64, Failure> {
        let external = format!("veth[{INSIDE}]:{OUTSIDE}");
        let options = ["--restore-detached", "--external", external.as_str()];
        self.run("restore", holder, folder, &options).await.map(|(_, took_ms)| took_ms)
    }

    async fn run(&self, what: &str, holder: i32, folder: &Path, options: &[&str]) -> Result<(String, f64), Failure> {
        let log = folder.join(format!("{what}.log"));
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={holder}")).args(["--pid", "--mount", "--"]).arg(&self.program).arg(what);
        command.arg("--images-dir").arg(folder).arg("--log-file").arg(&log);
        // The radio's streams are UDP, which no lock keeps back; and a lock would need programs that may not be there.
        command.args(["--network-lock", "skip", "--manage-cgroups=ignore"]).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let began = Instant::now();
        let failed = |why: String| {
            Failure::new(ErrorCode::Environment, format!("CRIU could not {what} the pod: {why}"))
                .hint(format!("its log is {}; {INSTALL}", log.display()))
        };
        let output = match timeout(LIMIT, command.output()).await {
            Err(_) => return Err(failed(format!("it took longer than {} s", LIMIT.as_secs()))),
            Ok(Err(error)) => return Err(failed(format!("nsenter, which is to start it, could not be run: {error}"))),
            Ok(Ok(output)) => output,
        };
        let took_ms = began.elapsed().as_secs_f64() * 1e3;
        if !output.status.success() {
            return Err(failed(log::reason(&log).unwrap_or_else(|| words(&output.stderr, &output.status.to_string()))));
        }
        Ok((String::from_utf8_lossy(&output.stdout).into_owned(), took_ms))
    }
}

/// The last line that it printed, or how it ended.
fn words(stderr: &[u8], status: &str) -> String {
    let text = String::from_utf8_lossy(stderr);
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    last.map_or_else(|| status.to_owned(), |line| output::one_line(line).into_owned())
}

/// An empty folder for images, that nobody else reads: they hold the memory of the processes.
///
/// # Errors
/// [`ErrorCode::Io`].
pub fn empty(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    let failed =
        |error: std::io::Error| Failure::new(ErrorCode::Io, format!("the folder {} for images: {error}", folder.display()));
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)
}
