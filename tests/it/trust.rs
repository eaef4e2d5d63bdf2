//! A host is not trusted blindly: files and folders that other users could change, and numbers of processes in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::common::cluster::{Cluster, baton};
use crate::common::machine;

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
