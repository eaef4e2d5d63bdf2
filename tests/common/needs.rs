//! What a machine must have for a test to run.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::Path;

use nix::unistd::Uid;

/// Root, which the namespaces of labs and wires need.
pub fn root() -> bool {
    Uid::effective().is_root() || missing("making network namespaces needs root")
}

/// These programs and folders: absolute paths, or names in `PATH`.
pub fn tools(names: &[&str]) -> bool {
    match names.iter().find(|name| !exists(name)) {
        Some(name) => missing(&format!("there is no {name} (make test-packages)")),
        None => true,
    }
}

/// The one answer to what is missing: a test that returns early with a sentence, and in CI, which must run every test, a test that fails.
pub fn missing(reason: &str) -> bool {
    assert!(!is_ci(std::env::var("CI").ok().as_deref()), "CI runs every test, and here {reason}");
    eprintln!("skipped: {reason}");
    false
}

fn is_ci(variable: Option<&str>) -> bool {
    variable == Some("true")
}

fn exists(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Path::new(name).is_absolute() && Path::new(name).exists()
        || std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

#[test]
fn a_missing_tool_is_noticed_and_only_ci_insists() {
    assert!(exists("sh") && exists("/bin/sh") && !exists("no-such-program") && !exists("/no/such/program"));
    assert!(is_ci(Some("true")) && !is_ci(Some("")) && !is_ci(None));
}
