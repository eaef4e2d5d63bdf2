//! `baton do arm` and `baton do disarm`: which host follows is the one that does not serve.

use std::process::ExitCode;
use std::time::Duration;

use super::{Cluster, block_on, json, print, status};
use config::ClusterFile;
use protocol::{ErrorCode, Failure, Telemetry, ask};

/// Processes are started, and come into sync.
pub(super) const ARM: Duration = Duration::from_secs(20);

/// Has the host of the pool that does not serve follow the other one, or no longer.
///
/// # Errors
/// [`ErrorCode::State`] when nobody serves, and the answer of the host.
pub(super) fn run(file: &ClusterFile, arms: bool, as_json: bool) -> Result<ExitCode, Failure> {
    let cluster = Cluster::load(file)?;
    let (host, of) = block_on(async {
        let answers = status::ask_all(&cluster).await;
        let said: Vec<&Telemetry> = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok()).collect();
        let pool: Vec<&str> = cluster.config.servers().into_iter().map(|server| server.as_str()).collect();
        let armed = said.iter().find(|status| status.standby.is_some()).map(|status| status.host.clone());
        let serves = status::judge(&cluster.config, &answers).host;
        // Of several the first one that answers.
        let other = |host: &str| {
            let others = || pool.iter().filter(|name| **name != host);
            let heard = others().find(|name| said.iter().any(|status| status.host == **name));
            heard.or_else(|| others().next()).map(|name| (*name).to_owned())
        };
        let host = armed.or_else(|| serves.as_deref().and_then(other));
        let host = host.ok_or_else(|| {
            Failure::new(ErrorCode::State, "no host serves: there is nothing to follow").hint("DS or DSR starts the work")
        })?;
        if arms {
            cluster.client.ask(&host, ask::Arm {}, ARM).await?;
        } else {
            cluster.client.ask(&host, ask::Disarm {}, ARM).await?;
        }
        let of = serves.filter(|serves| *serves != host).or_else(|| other(&host)).unwrap_or_default();
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
