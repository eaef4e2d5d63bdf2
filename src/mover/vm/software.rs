//! QEMU, the guest's kernel and its modules, as `scripts/install-qemu` unpacks them: beside the system's own, run by their own loader with their
//! own libraries.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use protocol::{Accelerator, ErrorCode, Failure, Trying};

const QEMU: &str = "usr/bin/qemu-system-x86_64";
/// Where Debian's libraries are; the first that has the loader has the C library, too.
const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
const LOADER: &str = "ld-linux-x86-64.so.2";
/// Folders of QEMU's own files: its ROMs, and the BIOS.
const DATA: [&str; 2] = ["usr/share/qemu", "usr/share/seabios"];
const KERNEL: &str = "guest/vmlinuz";
const MODULES: &str = "guest/modules";

/// With an older one, an emulated guest that dirties memory does not survive: 7.2 destroyed 4 of 4 while the source said "completed". Nothing between
/// 7.2 and 10.0 was measured.
const FIRST_FOR_TCG: (u32, u32) = (10, 0);

/// What is needed to run a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Software {
    folder: PathBuf,
    loader: PathBuf,
}

fn install_hint() -> &'static str {
    "scripts/install-qemu FOLDER unpacks it (60 MB of Debian packages), and [workload.guest] software names that folder"
}

impl Software {
    /// Looks for it in a folder that `scripts/install-qemu` has filled.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] with what is missing and how to get it.
    pub fn find(folder: &Path) -> Result<Self, Failure> {
        let missing = |what: &str| {
            Failure::new(ErrorCode::Environment, format!("{what} is not in {}", folder.display())).hint(install_hint())
        };
        let loader = LIBRARIES.iter().map(|place| folder.join(place).join(LOADER)).find(|path| path.is_file());
        let loader = loader.ok_or_else(|| missing("the loader of QEMU"))?;
        for (what, path) in [("QEMU", QEMU), ("the kernel of the guest", KERNEL), ("a folder of the guest's modules", MODULES)] {
            if !folder.join(path).exists() {
                return Err(missing(what));
            }
        }
        Ok(Self { folder: folder.to_owned(), loader })
    }

    /// Program and first arguments of QEMU.
    pub fn qemu(&self) -> Vec<OsString> {
        let libraries = LIBRARIES.map(|place| self.folder.join(place).into_os_string()).join(&OsString::from(":"));
        let mut words: Vec<OsString> =
            vec![self.loader.clone().into(), "--library-path".into(), libraries, self.folder.join(QEMU).into()];
        for place in DATA {
            words.extend([OsString::from("-L"), self.folder.join(place).into()]);
        }
        words
    }

    /// The guest's kernel.
    pub fn kernel(&self) -> PathBuf {
        self.folder.join(KERNEL)
    }

    /// The guest's kernel modules, in the order in which they are loaded.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`]: the folder cannot be read.
    pub fn modules(&self) -> Result<Vec<PathBuf>, Failure> {
        let folder = self.folder.join(MODULES);
        let entries = std::fs::read_dir(&folder).trying(|| format!("{} cannot be listed", folder.display()))?;
        let mut modules: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        modules.sort();
        Ok(modules)
    }

    /// QEMU's version, first and second number.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`]: it does not run, or does not tell.
    pub async fn version(&self) -> Result<(u32, u32), Failure> {
        let words = self.qemu();
        let (program, arguments) = words.split_first().ok_or_else(|| Failure::new(ErrorCode::Internal, "QEMU has no program"))?;
        let output = Command::new(program).args(arguments).arg("--version").stdin(Stdio::null()).output().await;
        let output = output.trying(|| format!("{} could not be run", self.folder.join(QEMU).display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        read_version(&text).ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = [said.trim(), text.trim()].into_iter().find(|text| !text.is_empty()).unwrap_or("nothing").to_owned();
            Failure::new(
                ErrorCode::Environment,
                format!("QEMU in {} does not tell its version, but: {said}", self.folder.display()),
            )
            .hint(install_hint())
        })
    }

    /// Refuses a QEMU with which an emulated guest does not survive its migration.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`], also when the version cannot be learnt.
    pub async fn check_for(&self, accelerator: Accelerator) -> Result<(), Failure> {
        refuse_old(self.version().await?, accelerator)
    }
}

/// Reads `QEMU emulator version 10.0.2 (Debian ...)`.
fn read_version(text: &str) -> Option<(u32, u32)> {
    let number = text.split_once("version ")?.1.split([' ', '\n']).next()?;
    let mut parts = number.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn refuse_old((major, minor): (u32, u32), accelerator: Accelerator) -> Result<(), Failure> {
    if accelerator == Accelerator::Kvm || (major, minor) >= FIRST_FOR_TCG {
        return Ok(());
    }
    let (least, next) = FIRST_FOR_TCG;
    let text = format!(
        "QEMU {major}.{minor} destroys an emulated guest that dirties memory while it is moved; QEMU {least}.{next} does not"
    );
    Err(Failure::new(ErrorCode::Environment, text).hint(install_hint()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_its_line() {
        let text = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)\nCopyright (c) 2003-2025\n";
        assert_eq!(read_version(text), Some((10, 0)));
        assert_eq!(read_version("QEMU emulator version 7.2.19 (Debian 1:7.2+dfsg-7)"), Some((7, 2)));
        for text in ["", "version", "version x.y", "QEMU emulator version 7\n"] {
            assert_eq!(read_version(text), None, "{text}");
        }
    }

    #[test]
    fn an_old_qemu_is_refused_where_it_would_destroy_the_guest() {
        let failure = refuse_old((7, 2), Accelerator::Tcg).unwrap_err();
        assert!(failure.message.starts_with("QEMU 7.2 destroys an emulated guest"), "{failure}");
        assert!(failure.hint.unwrap().contains("scripts/install-qemu"));
        assert_eq!(refuse_old((9, 2), Accelerator::Tcg).map_err(|f| f.code), Err(ErrorCode::Environment));
        assert_eq!(refuse_old((10, 0), Accelerator::Tcg), Ok(()));
        assert_eq!(refuse_old((7, 2), Accelerator::Kvm), Ok(()));
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let failure = Software::find(folder.path()).unwrap_err();
        assert!(failure.message.starts_with("the loader of QEMU is not in"), "{failure}");
        std::fs::create_dir_all(folder.path().join(LIBRARIES[1])).unwrap();
        std::fs::write(folder.path().join(LIBRARIES[1]).join(LOADER), "").unwrap();
        let failure = Software::find(folder.path()).unwrap_err();
        assert!(failure.message.starts_with("QEMU is not in"), "{failure}");
    }
}
