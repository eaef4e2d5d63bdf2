//! Named network namespaces, kept in the private /run/netns so that `ip netns` finds them.

use std::collections::BTreeMap;
use std::fs::{File, create_dir_all};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use protocol::{ErrorCode, Failure};
use protocol::{Trying, missing};

/// Where `ip netns` looks.
pub const FOLDER: &str = "/run/netns";

/// This thread's network namespace.
const OWN: &str = "/proc/thread-self/ns/net";

/// The lab's network namespaces.
pub struct Namespaces {
    home: File,
    by_name: BTreeMap<&'static str, File>,
}

impl Namespaces {
    /// Makes the namespaces; `home` becomes another name of the caller's own.
    ///
    /// # Errors
    /// Missing rights or limits.
    pub fn make(home: &'static str, names: &[&'static str]) -> Result<Self, Failure> {
        create_dir_all(FOLDER).trying(|| format!("{FOLDER} could not be made"))?;
        let mut made = Self { home: File::open(OWN).trying(|| format!("{OWN} could not be opened"))?, by_name: BTreeMap::new() };
        made.by_name.insert(home, pin(home)?);
        for &name in names {
            unshare(CloneFlags::CLONE_NEWNET).trying(|| format!("the network namespace {name} could not be made"))?;
            // Returns to the home namespace even when pinning failed.
            let pinned = pin(name);
            setns(&made.home, CloneFlags::CLONE_NEWNET).trying(|| "the way back from a new network namespace failed")?;
            made.by_name.insert(name, pinned?);
        }
        Ok(made)
    }

    /// Runs `work` with this thread in the namespace `name`.
    ///
    /// # Errors
    /// The namespace cannot be entered, or the failure of `work`.
    pub fn inside<T>(&self, name: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        setns(self.handle(name)?, CloneFlags::CLONE_NEWNET)
            .trying(|| format!("the network namespace {name} could not be entered"))?;
        let result = work();
        setns(&self.home, CloneFlags::CLONE_NEWNET).trying(|| format!("the way back from the network namespace {name} failed"))?;
        result
    }

    /// Descriptor of a namespace.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn handle(&self, name: &str) -> Result<BorrowedFd<'_>, Failure> {
        self.by_name
            .get(name)
            .map(AsFd::as_fd)
            .ok_or_else(|| Failure::new(ErrorCode::Internal, format!("the lab has no network namespace \"{name}\"")))
    }
}

/// Gives this thread's network namespace a name that outlives the thread.
fn pin(name: &str) -> Result<File, Failure> {
    let path = Path::new(FOLDER).join(name);
    let shown = path.display();
    File::create(&path).trying(|| format!("{shown} could not be made"))?;
    mount(Some(OWN), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .trying(|| format!("the network namespace could not be mounted on {shown}"))?;
    File::open(&path).trying(|| format!("{shown} could not be opened"))
}

/// Opens a namespace of the lab that this process has joined.
///
/// # Errors
/// [`ErrorCode::Config`] with the names that exist.
pub fn open(name: &str) -> Result<File, Failure> {
    let known = || -> io::Result<Vec<String>> {
        let mut names: Vec<String> =
            std::fs::read_dir(FOLDER)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names)
    };
    let known = known().trying(|| format!("{FOLDER} could not be read"))?;
    if !known.iter().any(|one| one == name) {
        return Err(Failure::new(ErrorCode::Config, format!("the lab has no network namespace \"{name}\""))
            .hint(format!("there are {}", known.join(", "))));
    }
    let path: PathBuf = [FOLDER, name].iter().collect();
    File::open(&path).map_err(|error| missing(format!("{} could not be opened", path.display()), error))
}

/// Puts the calling process, which is about to become another program, on the host that a namespace stands for: its network, its host
/// name, and a /sys that shows its interfaces. Allocates nothing, so it may run between fork and exec.
///
/// # Errors
/// As the kernel says.
pub fn settle(network: BorrowedFd<'_>, host: &str) -> nix::Result<()> {
    setns(network, CloneFlags::CLONE_NEWNET)?;
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS)?;
    nix::unistd::sethostname(host)?;
    // Containers may forbid a new sysfs; then /sys/class/net shows the machine's interfaces, which misleads only programs that read it.
    let _ = mount(
        Some(c"sysfs"),
        c"/sys",
        Some(c"sysfs"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC,
        None::<&std::ffi::CStr>,
    );
    Ok(())
}
