//! The process that is the agent, or the one that its unit would start.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::unistd::{Uid, User};
use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};
use tokio::process::Command;

use super::stack::kernel_number;
use crate::setup::facts::{Asked, ProcessFacts, Rights};
use crate::setup::unit;
use config::HostName;
use workload::realtime::{Rank, real_time};

/// systemd answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// Properties of a unit, as `systemctl show` has them.
const PROPERTIES: &str = "LoadState,User,AmbientCapabilities,CapabilityBoundingSet,LimitRTPRIO,LimitNOFILE";

pub(super) async fn look(host: &HostName, asked: Asked) -> ProcessFacts {
    let real_time_us = real_time_us();
    if asked == Asked::AtTerminal {
        let unit = unit(host);
        if let Some(shown) = show(&unit).await {
            return of_unit(unit, &shown, real_time_us);
        }
    }
    of_this_process(real_time_us)
}

/// Microseconds of each second for real-time threads; none: no limit.
fn real_time_us() -> Option<u64> {
    let runtime = kernel_number("kernel/sched_rt_runtime_us")?;
    let period = kernel_number("kernel/sched_rt_period_us").filter(|period| *period > 0)?;
    // -1 is no limit.
    let runtime = u64::try_from(runtime).ok()?;
    Some(runtime.saturating_mul(1_000_000) / u64::try_from(period).ok()?)
}

fn of_this_process(real_time_us: Option<u64>) -> ProcessFacts {
    let held = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    let limit = |resource| getrlimit(resource).maximum;
    // A thread of its own: its priority ends with it.
    let tried = std::thread::spawn(|| real_time(Rank::Stream).map_err(|e| e.to_string())).join();
    ProcessFacts {
        unit: None,
        user: name_of(Uid::effective()),
        rights: Rights {
            net_admin: held.contains(CapabilitySet::NET_ADMIN),
            net_raw: held.contains(CapabilitySet::NET_RAW),
            sys_nice: held.contains(CapabilitySet::SYS_NICE),
        },
        rtprio: limit(Resource::Rtprio).unwrap_or(u64::MAX),
        files: limit(Resource::Nofile),
        real_time_us,
        real_time: tried.ok(),
    }
}

fn name_of(user: Uid) -> String {
    User::from_uid(user).ok().flatten().map_or_else(|| user.to_string(), |user| user.name)
}

/// The properties of a unit that is there; none without systemd, or without that unit.
async fn show(unit: &str) -> Option<BTreeMap<String, String>> {
    let mut command = Command::new("systemctl");
    command.args(["show", "--property", PROPERTIES, "--", unit]).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let shown: BTreeMap<String, String> =
        text.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    (output.status.success() && shown.get("LoadState").is_some_and(|state| state == "loaded")).then_some(shown)
}

fn of_unit(unit: String, shown: &BTreeMap<String, String>, real_time_us: Option<u64>) -> ProcessFacts {
    let property = |key: &str| shown.get(key).map_or("", String::as_str);
    let user = Some(property("User")).filter(|user| !user.is_empty()).unwrap_or("root").to_owned();
    let is_root = user == "root" || user == "0";
    let given = property(if is_root { "CapabilityBoundingSet" } else { "AmbientCapabilities" });
    let has = |name: &str| given.split_whitespace().any(|given| given == name);
    let limit = |key: &str| property(key).parse().ok();
    ProcessFacts {
        unit: Some(unit),
        user,
        rights: Rights { net_admin: has("cap_net_admin"), net_raw: has("cap_net_raw"), sys_nice: has("cap_sys_nice") },
        rtprio: limit("LimitRTPRIO").unwrap_or_default(),
        files: limit("LimitNOFILE"),
        real_time_us,
        real_time: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_read_as_systemd_252_shows_it() {
        let text = "LoadState=loaded\nUser=baton\nAmbientCapabilities=cap_net_admin cap_net_raw cap_sys_nice\n\
                    CapabilityBoundingSet=cap_net_admin cap_net_raw cap_sys_nice\nLimitRTPRIO=0\nLimitNOFILE=524288";
        let shown: BTreeMap<String, String> =
            text.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.into(), value.into())).collect();
        let facts = of_unit("u".into(), &shown, None);
        assert_eq!((facts.user.as_str(), facts.files, facts.rtprio), ("baton", Some(524_288), 0));
        assert_eq!(facts.rights, Rights { net_admin: true, net_raw: true, sys_nice: true });
        let mut root = shown.clone();
        root.insert("User".into(), String::new());
        root.insert("AmbientCapabilities".into(), String::new());
        root.insert("LimitNOFILE".into(), "infinity".into());
        let facts = of_unit("u".into(), &root, None);
        assert_eq!((facts.user.as_str(), facts.files, facts.rights.net_raw), ("root", None, true));
        root.insert("CapabilityBoundingSet".into(), "cap_net_admin".into());
        assert_eq!(of_unit("u".into(), &root, None).rights, Rights { net_admin: true, ..Rights::default() });
    }
}
