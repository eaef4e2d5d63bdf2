//! Packet filters, as `nft` lists them: what the packets that this project needs meet on their way in.
//!
//! A rule is understood where all that it asks is where a packet comes from and which port it goes to. Of any other rule it is only known that it may
//! decide.

use std::io::ErrorKind;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::setup::facts::{FirewallFacts, Needed, Stopped};
use config::{Config, Endpoint, HostName};
use ruleset::{Met, Ruleset};

mod ruleset;

const PATIENCE: Duration = Duration::from_secs(3);
/// Not every user's PATH has the second one.
const PROGRAMS: [&str; 2] = ["nft", "/usr/sbin/nft"];

pub(super) async fn look(config: &Config, host: &HostName) -> FirewallFacts {
    let listed = match list().await {
        Ok(Some(listed)) => listed,
        Ok(None) => return FirewallFacts::NoTool,
        Err(why) => return FirewallFacts::Unread(why),
    };
    match Ruleset::parse(&listed) {
        Ok(ruleset) => judge_packets(&ruleset, &needed(config, host)),
        Err(e) => FirewallFacts::Unread(format!("what nft lists is not understood: {e}")),
    }
}

fn judge_packets(ruleset: &Ruleset, needed: &[Needed]) -> FirewallFacts {
    let mut stopped = Vec::new();
    for packet in needed {
        for chain in ruleset.input_chains() {
            let certainly = match ruleset.meets(chain, packet) {
                Met::Way => continue,
                Met::Wall => true,
                Met::Unknown => false,
            };
            stopped.push(Stopped { chain: chain.to_string(), packet: packet.clone(), certainly });
        }
    }
    let legacy = std::fs::read_to_string("/proc/net/ip_tables_names").is_ok_and(|names| !names.trim().is_empty());
    FirewallFacts::Rules { stopped, chains: ruleset.input_chains().count(), legacy }
}

/// Every packet that must come in.
fn needed(config: &Config, host: &HostName) -> Vec<Needed> {
    let settings = &config.host[host.as_str()];
    let radio = config.radio[settings.radio.as_str()].args.address();
    let from = |radio| Needed::FromRadio { interface: settings.radio_port.to_string(), radio };
    let mut needed: Vec<Needed> = radio.map(from).into_iter().collect();
    for endpoint in [&settings.command, &settings.telemetry] {
        if let (Endpoint::Tcp { port, .. }, false) = (endpoint, endpoint.is_local()) {
            needed.push(Needed::ToAgent { port: *port });
        }
    }
    if config.is_server(host) {
        needed.push(Needed::Heartbeats { port: config.standby.heartbeat_port });
    }
    needed
}

/// The rules as JSON; none without the program.
async fn list() -> Result<Option<String>, String> {
    for program in PROGRAMS {
        let mut command = Command::new(program);
        command.args(["--json", "--numeric", "list", "ruleset"]).stdin(Stdio::null()).kill_on_drop(true);
        match tokio::time::timeout(PATIENCE, command.output()).await {
            Err(_) => return Err(format!("nft does not answer within {} s", PATIENCE.as_secs())),
            Ok(Err(e)) if e.kind() == ErrorKind::NotFound => {}
            Ok(Err(e)) => return Err(format!("nft cannot be started: {e}")),
            Ok(Ok(output)) if !output.status.success() => {
                let words = String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().trim().to_owned();
                return Err(format!("nft does not list them: {words}"));
            }
            Ok(Ok(output)) => return Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned())),
        }
    }
    Ok(None)
}
