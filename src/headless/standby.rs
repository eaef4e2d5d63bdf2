//! `baton do arm` and `baton do disarm`: which host follows is the one that does not serve.

use std::process::ExitCode;
use std::time::Duration;

use super::{Cluster, block_on, json, print, status};
use config::ClusterFile;
use protocol::{ErrorCode, Failure, Telemetry, ask};

/// Processes are started, and come into sync.
const ARM: Duration = Duration::from_secs(20);

/// Has the host of the pool that does not serve follow the other one, or no longer.
///
/// # Errors
/// [`ErrorCode::State`] when nobody serves, and the answer of the host.
pub(super) fn run(file: &ClusterFile, arms: bool, as_json: bool) -> Result<ExitCode, Failure> {
    let cluster = Cluster::load(file)?;
    let (host, of) = block_on(async {
        let answers = status::ask_all(&cluster).await;
        let said: Vec<&Telemetry> = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok()).collect();
        let roles = &cluster.config.roles;
        let pool = [roles.initiator.as_str(), roles.destination.as_str()];
        let armed = said.iter().find(|status| status.standby.is_some()).map(|status| status.host.clone());
        let serves = status::judge(&cluster.config, &answers).host;
        let other = |host: &str| pool.into_iter().find(|name| *name != host).map(str::to_owned);
        let host = match (arms, armed) {
            (false, Some(armed)) => Some(armed),
            _ => serves.as_deref().and_then(other),
        };
        let host = host.ok_or_else(|| {
            Failure::new(ErrorCode::State, "no host serves: there is nothing to follow").hint("DS or DSR starts the work")
        })?;
        if arms {
            cluster.client.ask(&host, ask::Arm {}, ARM).await?;
        } else {
            cluster.client.ask(&host, ask::Disarm {}, ARM).await?;
        }
        let of = other(&host).unwrap_or_default();
        Ok::<_, Failure>((host, of))
    })?;
    print(&if as_json {
        json(&serde_json::json!({"ok": true, "host": host, "follows": arms.then_some(&of)}))?
    } else if arms {
        format!("{host} follows {of} as a standby, and takes over when it is silent.")
    } else {
        format!("{host} follows {of} no longer.")
    });
    Ok(ExitCode::SUCCESS)
}
