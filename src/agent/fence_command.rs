//! Switches another host off before its work is taken over, by the program that the operator has named for it (`fence_command`).

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::host::HostHandle;
use protocol::{ErrorCode, Failure, Fenced, Level};

/// A management board takes some seconds, and a switched socket as well.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs the `fence_command` of a host.
///
/// # Errors
/// [`ErrorCode::BadRequest`] for this host itself, [`ErrorCode::Config`] for an unknown one, [`ErrorCode::State`] when the host is not
/// certainly off afterwards.
pub(super) async fn fence_host(host: &HostHandle, target: &str) -> Result<Fenced, Failure> {
    if target == host.name {
        return Err(Failure::new(ErrorCode::BadRequest, format!("{target} cannot switch itself off before it takes the radio")));
    }
    let Some(command) = &host.config.host(target)?.fence_command else { return Ok(Fenced { fenced: false }) };
    let not_off = |what: String| {
        Failure::new(ErrorCode::State, format!("{target} is not certainly off: its fence_command ({command}) {what}"))
            .hint(format!("switch {target} off by hand, then order it with --force"))
    };
    let run = Command::new(command.program()).args(command.arguments()).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(LIMIT, run).await.map_err(|_| not_off(format!("did not end within {} s", LIMIT.as_secs())))?;
    let output = output.map_err(|e| not_off(format!("cannot be run: {e}")))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let words = words.trim().lines().last().map(|line| format!(": {line}")).unwrap_or_default();
        return Err(not_off(format!("ended with {}{words}", output.status)));
    }
    host.event(Level::Info, format!("{target} is off: its fence_command says so"));
    Ok(Fenced { fenced: true })
}
