//! Inside the new namespaces: the lab program sets up its file systems, then brings everything up.

use std::fs::{DirBuilder, OpenOptions, write};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use serde::Serialize;

use super::cluster::{KEY, RUNTIME};
use super::directory::{Claim, ENV_LAB};
use super::programs::ProgramChoice;
use super::supervisor::Identity;
use super::topology::{Scenario, Topology};
use super::{children, programs, store, wiring};
use config::RadioViews;
use protocol::Failure;
use protocol::Trying;

/// Name of the variable that names the cluster file to every subcommand.
pub const ENV_CONFIG: &str = "BATON_CONFIG";

/// Length of the cluster key, bytes: that of the hash it signs with.
const KEY_LENGTH: usize = 32;
/// Bytes of the lab's own /run: sockets, logs, what agents remember.
pub const RUN_SIZE: u64 = 256 << 20;

/// What every program of a lab reads.
pub struct LabCluster {
    /// The text of the cluster file.
    text: String,
    /// What it says.
    views: RadioViews,
}

impl LabCluster {
    /// Of what is written down as a cluster file.
    ///
    /// # Errors
    /// It cannot be written, or baton would refuse it.
    pub fn of(file: &impl Serialize) -> Result<Self, Failure> {
        let text = toml::to_string(file).trying(|| "the cluster file could not be composed")?;
        Ok(Self { views: RadioViews::parse(&text)?, text })
    }
}

/// Brings the lab up; the path of its cluster file.
///
/// # Errors
/// The first step that failed.
pub fn bring_up(
    identity: &Identity,
    claim: Claim,
    cluster: &LabCluster,
    scenario: Scenario,
    choice: ProgramChoice,
) -> Result<PathBuf, Failure> {
    if identity.user_namespace {
        map_user(identity)?;
    }
    private_files()?;
    let namespaces = wiring::build(&Topology::for_scenario(scenario))?;
    let file = write_cluster(cluster)?;
    announce(&claim.name, &file);
    let stages = match choice {
        ProgramChoice::Standard { scene, faults } => {
            if let Some(text) = &scene {
                write(programs::SCENE, text).trying(|| format!("{} could not be written", programs::SCENE))?;
            }
            let mut stages = programs::stages(cluster.views.whole(), scenario, scene.is_some(), &faults)?;
            if let (Some(_), Scenario::Pool(size)) = (&cluster.views.whole().store, scenario) {
                // Agents wait for a quorum by themselves.
                stages.insert(0, store::members(size)?);
            }
            stages
        }
        ProgramChoice::These(stages) => stages,
        ProgramChoice::None => Vec::new(),
    };
    children::start(stages, namespaces, claim)?;
    Ok(file)
}

/// Maps the operator to root inside the lab; no other user is mapped.
fn map_user(identity: &Identity) -> Result<(), Failure> {
    // An unprivileged user may write a group map only after this.
    write("/proc/self/setgroups", "deny").trying(|| "/proc/self/setgroups could not be written")?;
    write("/proc/self/uid_map", format!("0 {} 1", identity.uid)).trying(|| "the user could not be mapped into the lab")?;
    write("/proc/self/gid_map", format!("0 {} 1", identity.gid)).trying(|| "the group could not be mapped into the lab")
}

/// A /proc of the new pid namespace and a /run of our own; neither is seen outside.
fn private_files() -> Result<(), Failure> {
    let none = None::<&str>;
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).trying(|| "the lab's mounts could not be made private")?;
    mount(Some("proc"), "/proc", Some("proc"), quiet, none).map_err(|error| {
        protocol::missing("a /proc for the lab could not be mounted", error)
            .hint("a container that masks parts of /proc forbids this: run it with an unmasked /proc, or run baton outside it")
    })?;
    mount(
        Some("tmpfs"),
        "/run",
        Some("tmpfs"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        Some(format!("mode=0755,size={RUN_SIZE}").as_str()),
    )
    .trying(|| "a private /run for the lab could not be mounted")?;
    folder(Path::new(RUNTIME))?;
    folder(Path::new(super::log::LOG_FOLDER))
}

fn folder(path: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).trying(|| format!("{} could not be made", path.display()))
}

fn write_cluster(cluster: &LabCluster) -> Result<PathBuf, Failure> {
    for view in cluster.views.radios().values() {
        for host in view.host.keys() {
            folder(&view.runtime.join(host))?;
        }
    }
    let key: [u8; KEY_LENGTH] = rand::random();
    write_private(Path::new(KEY), &key).trying(|| format!("the cluster key {KEY} could not be written"))?;
    let file = Path::new(RUNTIME).join("baton.toml");
    write_private(&file, cluster.text.as_bytes()).trying(|| format!("{} could not be written", file.display()))?;
    Ok(file)
}

/// Writes a new file that only this user reads and writes, whatever the umask.
fn write_private(file: &Path, content: &[u8]) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?.write_all(content)
}

/// Puts the name of the lab and its cluster file into the environment of this process and of what it starts.
#[expect(unsafe_code, reason = "environment variables are set before the first thread is started")]
pub fn announce(lab: &str, file: &Path) {
    // SAFETY: this process has one thread, so nobody reads the environment meanwhile.
    unsafe {
        std::env::set_var(ENV_LAB, lab);
        std::env::set_var(ENV_CONFIG, file);
    }
}
