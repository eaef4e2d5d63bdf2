//! Starting a pod, by a process of its own: only one without threads can become the holder.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::place::Place;
use protocol::{ErrorCode, Failure};

/// Making a pod takes some ms.
const MADE: Duration = Duration::from_secs(5);

/// Starts a holder, with a leader that makes this tun interface or without one; the process id of the holder.
///
/// # Errors
/// [`ErrorCode::Environment`] with what the system refuses.
pub async fn start_holder(place: &Place, tun: Option<&str>) -> Result<i32, Failure> {
    let failed = |why: String| {
        Failure::new(ErrorCode::Environment, format!("the pod could not be made: {why}"))
            .hint("the agent of a host with a pod has to run as root")
    };
    let program = std::env::current_exe().map_err(|e| failed(e.to_string()))?;
    let mut command = Command::new(program);
    command.arg("pod").arg("--folder").arg(&place.folder).arg("--at").arg(&place.at);
    command.args(tun.into_iter().flat_map(|tun| ["--tun", tun]));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).process_group(0);
    let output = timeout(MADE, command.output()).await.map_err(|_| failed(format!("it took longer than {} s", MADE.as_secs())))?;
    let output = output.map_err(|e| failed(e.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
    said.filter(|_| output.status.success()).ok_or_else(|| {
        let words = String::from_utf8_lossy(&output.stderr);
        failed(output::one_line(words.trim().trim_start_matches("baton: ")).into_owned())
    })
}
