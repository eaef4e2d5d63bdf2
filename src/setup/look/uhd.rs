//! The executable that stands on libuhd: whether it starts, and with which libuhd.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::mover::confine::confine;
use crate::setup::facts::UhdFacts;
use config::{Config, HostName, Workload};

/// Loading libuhd takes a second at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// What it answers to `version`.
#[derive(serde::Deserialize)]
struct Told {
    uhd: String,
}

pub(super) async fn look(config: &Config, host: &HostName) -> UhdFacts {
    let workload = config.workload_of(host);
    UhdFacts { program: workload.uhd.program().to_owned(), version: version(workload).await }
}

async fn version(workload: &Workload) -> Result<String, String> {
    let mut command = Command::new(workload.uhd.program());
    command.args(workload.uhd.arguments()).arg("version").stdin(Stdio::null()).kill_on_drop(true);
    confine(&mut command, workload);
    let output = match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(e)) => return Err(format!("cannot be started: {e}")),
        Err(_) => return Err(format!("does not answer `version` within {} s", PATIENCE.as_secs())),
    };
    if let Ok(Told { uhd }) = serde_json::from_slice(&output.stdout) {
        return Ok(uhd);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    match words.lines().find(|line| !line.trim().is_empty()) {
        // What the loader says of a library that is not there.
        Some(line) if line.contains("error while loading shared libraries") => Err(format!("does not start: {}", line.trim())),
        _ => Err("does not tell its version: it is no baton-uhd of this version".to_owned()),
    }
}
