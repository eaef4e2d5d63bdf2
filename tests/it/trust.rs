//! A host is not trusted blindly: files and folders that other users could change, and numbers of processes in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::common::cluster::{Agent, Cluster, ETH3, baton, lives};
use crate::common::machine;
use protocol::{Command, ProcessState, Started};

fn set(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_configuration_that_others_can_change_is_refused_by_every_subcommand() {
    let _turn = machine::shared();
    let cluster = Cluster::new("key_file = \"{at}/cluster.key\"", None);
    let file = cluster.path("baton.toml");
    let path = file.display().to_string();
    let refused = |why: &str| {
        for words in [&["agent", "--host", "one"][..], &["status"], &["do", "DS"], &["runs"]] {
            let (code, said) = baton(&[&["--config", &path], words].concat());
            assert_eq!(code, Some(2), "{words:?}: {said}");
            assert!(said.contains(why), "{words:?}: {said}");
        }
    };
    set(&file, 0o666);
    refused("can be changed by other users (mode 666)");
    set(&file, 0o644);
    set(cluster.dir.path(), 0o777);
    refused("its folder");
    set(cluster.dir.path(), 0o700);
    let (code, said) = baton(&["--config", &path, "runs"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_key_in_a_folder_that_others_can_change_is_refused_by_agents_and_those_who_command_them() {
    let _turn = machine::shared();
    let cluster = Cluster::new("key_file = \"{at}/cluster.key\"", None);
    let file = cluster.path("baton.toml");
    let keys = cluster.path("keys");
    std::fs::create_dir(&keys).unwrap();
    std::fs::rename(cluster.path("cluster.key"), keys.join("cluster.key")).unwrap();
    let text = std::fs::read_to_string(&file).unwrap().replace("/cluster.key", "/keys/cluster.key");
    std::fs::write(&file, text).unwrap();
    set(&keys, 0o777);
    for words in [&["agent", "--host", "one"][..], &["status"], &["do", "DS"]] {
        let (code, said) = baton(&[&["--config", &file.display().to_string()], words].concat());
        assert_eq!(code, Some(2), "{words:?}: {said}");
        assert!(said.contains("the cluster key") && said.contains("its folder"), "{words:?}: {said}");
    }
}

#[test]
fn a_folder_that_another_user_has_prepared_is_refused() {
    let _turn = machine::shared();
    let cluster = Cluster::new("state = \"{at}/state\"", None);
    let path = cluster.path("baton.toml").display().to_string();
    let refused = |why: &str| {
        let (code, said) = baton(&["--config", &path, "agent", "--host", "one"]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(why), "{said}");
    };
    for folder in ["run/one", "state", "records"] {
        let folder = cluster.path(folder);
        std::fs::create_dir_all(&folder).unwrap();
        set(&folder, 0o777);
        refused("can be changed by other users (mode 777)");
        std::fs::remove_dir(&folder).unwrap();
        let elsewhere = cluster.path("elsewhere");
        std::fs::create_dir_all(&elsewhere).unwrap();
        symlink(&elsewhere, &folder).unwrap();
        refused("is a symbolic link");
        std::fs::remove_file(&folder).unwrap();
    }
}

/// Starts something of the test's own, which ends with it.
struct Stranger(std::process::Child);

impl Stranger {
    fn start() -> Self {
        Self(std::process::Command::new("sleep").arg("1000").spawn().unwrap())
    }

    /// When it started, as `/proc` has it: what a file of an agent's says of a process.
    fn started(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().parse().unwrap()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_foreign_process_that_a_file_names_is_neither_taken_up_nor_ended() {
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let stranger = Stranger::start();
    let folder = cluster.path("run/one");
    std::fs::create_dir_all(&folder).unwrap();
    for process in ["d2d", "usrp"] {
        let said = format!("{{\"pid\": {}, \"started\": {}}}", stranger.0.id(), stranger.started());
        std::fs::write(folder.join(format!("{process}.pid")), said).unwrap();
    }
    let _agent = Agent::start(&cluster, "one");
    let status = cluster.status("one").await;
    assert_eq!((status.d2d.state, status.d2d.pid, status.usrp.pid), (ProcessState::Stopped, None, None));
    cluster.ask("one", Command::DoubleKill).await.unwrap();
    assert!(lives(stranger.0.id()));
    cluster.ask("one", Command::StartD2d { control_flag: 0, control: None }).await.expect("its own is started as ever");
}

/// A line of `/proc/PID/status`.
fn status_line(pid: u32, name: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().to_owned()
}

#[tokio::test]
async fn a_workload_gets_what_is_listed_and_no_more() {
    let _turn = machine::shared();
    let script = r#"d2d = ["/bin/sleep", "1000"]
usrp = ["/bin/sleep", "1000"]"#;
    let cluster = Cluster::new("", Some(script));
    let file = cluster.path("baton.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let plain: String = text.lines().filter(|line| !line.starts_with("capabilities")).map(|line| format!("{line}\n")).collect();
    std::fs::write(&file, plain).unwrap();
    let _agent = Agent::start_as(&cluster, "one", ETH3, "env SECRET_OF_THE_AGENT=1 LANG=C.UTF-8", "");
    let started: Started =
        serde_json::from_value(cluster.ask("one", Command::StartD2d { control_flag: 0, control: None }).await.unwrap()).unwrap();
    cluster.ask("one", Command::START_USRP).await.unwrap();
    let usrp = cluster.status("one").await.usrp.pid.unwrap();
    let listed =
        ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "BATON_LOG", "BATON_LAB", "BATON_TEST_DIR", "RUST_TEST_THREADS"];
    let contract = ["BATON_SOCKET", "BATON_SAMPLES", "BATON_RADIO", "BATON_TUN", "BATON_SETTINGS"];
    for pid in [started.pid, usrp] {
        let folder = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let open: std::collections::BTreeMap<String, String> = folder
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (entry.file_name().into_string().unwrap(), std::fs::read_link(entry.path()).unwrap().display().to_string())
            })
            .collect();
        assert_eq!(open.keys().collect::<Vec<_>>(), ["0", "1", "2"], "{open:?}");
        assert_eq!((open["0"].as_str(), open["1"].as_str()), ("/dev/null", "/dev/null"));

        let environment = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
        let names: Vec<&str> = environment.split('\0').filter_map(|entry| Some(entry.split_once('=')?.0)).collect();
        assert!(contract.iter().all(|name| names.contains(name)) && names.contains(&"LANG"), "{names:?}");
        let others: Vec<&&str> = names.iter().filter(|name| !listed.contains(name) && !contract.contains(name)).collect();
        assert!(others.is_empty(), "{others:?}");

        assert_eq!(status_line(pid, "NoNewPrivs"), "1");
        // net_admin is 12, sys_nice 23.
        let least = (1_u64 << 12) | (1 << 23);
        for set in ["CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"] {
            let held = u64::from_str_radix(&status_line(pid, set), 16).unwrap();
            assert_eq!(held & !least, 0, "{set} of {pid}: {held:x}");
        }
        assert_eq!(u64::from_str_radix(&status_line(pid, "CapEff"), 16).unwrap(), least);
        assert_eq!(nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(pid.cast_signed()))).unwrap().as_raw(), pid.cast_signed());
    }
}
