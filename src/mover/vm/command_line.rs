//! QEMU's command line for a guest.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::qmp;
use super::software::Software;
use config::InterfaceName;
use guest::{GuestSettings, HARDWARE_ADDRESS};
use protocol::Accelerator;

/// A versioned machine: with the unversioned one, another QEMU at the other end would make other devices.
const MACHINE: &str = "pc-q35-10.0";
/// A processor that every host of the pool has, and the emulator as well.
const PROCESSOR: &str = "qemu64";
/// A guest to be started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// QEMU, kernel, modules.
    pub software: Software,
    /// The guest's first process.
    pub program: PathBuf,
    /// What runs it.
    pub accelerator: Accelerator,
    /// Its memory, MiB.
    pub memory_mib: u32,
    /// The interface that its network card is; none: it has no card.
    pub tap: Option<InterfaceName>,
    /// What it does.
    pub settings: GuestSettings,
    /// Whether it boots, or waits for the state of another host's.
    pub role: Role,
}

/// How a guest begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It boots.
    Boot,
    /// It waits for the state of another host's.
    Incoming,
}

/// Where a guest's serial console is to be read.
pub fn console_in(folder: &Path) -> PathBuf {
    folder.join("console.sock")
}

/// Where its file system is.
pub fn initramfs_in(folder: &Path) -> PathBuf {
    folder.join("initramfs")
}

impl Launch {
    /// Program and arguments; sockets and the guest's file system are in `folder`.
    pub fn command_line(&self, folder: &Path) -> Vec<OsString> {
        let accelerator = match self.accelerator {
            Accelerator::Kvm => "kvm",
            Accelerator::Tcg => "tcg",
        };
        let mut line = Line(self.software.qemu());
        line.add(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-vga", "none", "-name", "baton-guest"]);
        // The program that runs a guest of another host's making starts no other.
        line.add(["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny"]);
        line.option("-machine", format!("{MACHINE},accel={accelerator},usb=off"));
        line.add(["-cpu", PROCESSOR, "-smp", "1"]);
        line.option("-m", self.memory_mib.to_string());
        line.option("-qmp", unix_server(&qmp::socket_in(folder)));
        line.option("-chardev", prefixed("socket,id=console,", &console_in(folder)));
        line.add(["-serial", "chardev:console"]);
        line.option("-kernel", self.software.kernel());
        line.option("-initrd", initramfs_in(folder));
        // A guest whose kernel gives up ends its QEMU, which is seen.
        line.option("-append", format!("console=ttyS0 quiet panic=-1 {}", self.settings.kernel_words()));
        match &self.tap {
            Some(tap) => {
                line.option("-netdev", format!("tap,id=net0,ifname={tap},script=no,downscript=no,vhost=off"));
                // Without a boot ROM: nobody boots from the network, and another one at the other end would not fit.
                line.option("-device", format!("virtio-net-pci,netdev=net0,mac={},romfile=", hardware_address()));
            }
            None => line.add(["-nic", "none"]),
        }
        if self.role == Role::Incoming {
            line.add(["-incoming", "defer"]);
        }
        line.0
    }
}

/// As QEMU's options have it.
fn hardware_address() -> String {
    HARDWARE_ADDRESS.map(|byte| format!("{byte:02x}")).join(":")
}

struct Line(Vec<OsString>);

impl Line {
    fn add<const N: usize>(&mut self, words: [&str; N]) {
        self.0.extend(words.map(OsString::from));
    }

    fn option(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.extend([name.into(), value.into()]);
    }
}

/// A Unix socket on which QEMU listens without waiting for anybody.
fn unix_server(path: &Path) -> OsString {
    let mut text = OsString::from("unix:");
    text.push(doubled_commas(path));
    text.push(",server=on,wait=off");
    text
}

fn prefixed(prefix: &str, path: &Path) -> OsString {
    let mut text = OsString::from(prefix);
    text.push("path=");
    text.push(doubled_commas(path));
    text.push(",server=on,wait=off");
    text
}

/// In QEMU's options a comma in a value is written twice.
fn doubled_commas(path: &Path) -> OsString {
    path.to_string_lossy().replace(',', ",,").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(role: Role, tap: Option<&str>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for file in
            ["usr/bin/qemu-system-x86_64", "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "guest/vmlinuz", "guest/modules/0-x.ko"]
        {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let launch = Launch {
            software: Software::find(folder.path()).unwrap(),
            program: "/opt/baton-guest".into(),
            accelerator: Accelerator::Tcg,
            memory_mib: 128,
            tap: tap.map(|name| name.parse().unwrap()),
            settings: GuestSettings { address: Some("192.168.40.9/24".parse().unwrap()), dirty_mib: 32, dirty_mib_s: 20 },
            role,
        };
        launch.command_line(Path::new("/run/a,b")).into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    fn value_of<'a>(line: &'a [String], option: &str) -> Option<&'a str> {
        let at = line.iter().position(|word| word == option)?;
        line.get(at + 1).map(String::as_str)
    }

    #[test]
    fn both_ends_have_the_same_machine() {
        let (boot, incoming) = (launch(Role::Boot, Some("vmtap")), launch(Role::Incoming, Some("vmtap")));
        for option in ["-machine", "-cpu", "-smp", "-m", "-device", "-netdev"] {
            assert_eq!(value_of(&boot, option), value_of(&incoming, option), "{option}");
        }
        assert!(value_of(&boot, "-machine").unwrap().starts_with("pc-q35-10.0,accel=tcg"));
        assert!(value_of(&boot, "-device").unwrap().ends_with(",romfile="));
        assert_eq!((value_of(&boot, "-incoming"), value_of(&incoming, "-incoming")), (None, Some("defer")));
    }

    #[test]
    fn a_comma_in_a_path_ends_no_option() {
        let line = launch(Role::Boot, None);
        assert_eq!(value_of(&line, "-qmp"), Some("unix:/run/a,,b/qmp.sock,server=on,wait=off"));
        assert_eq!(value_of(&line, "-chardev"), Some("socket,id=console,path=/run/a,,b/console.sock,server=on,wait=off"));
    }

    #[test]
    fn a_rehearsal_has_no_network_card() {
        let line = launch(Role::Boot, None);
        assert_eq!((value_of(&line, "-nic"), value_of(&line, "-netdev")), (Some("none"), None));
    }

    #[test]
    fn the_guest_is_told_what_to_do() {
        let line = launch(Role::Boot, Some("vmtap"));
        assert!(value_of(&line, "-append").unwrap().contains("BATON_GUEST_ADDRESS=192.168.40.9/24"));
    }
}
