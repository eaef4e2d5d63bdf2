//! `baton doctor` for every host: asks each agent how its host is set up, and adds what only a comparison shows.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use futures::future::join_all;

use super::clocks::{self, Offsets};
use super::{Cluster, block_on};
use crate::setup;
use crate::setup::doctor::{Args, HostReport, Report, host_text, write};
use config::{ClusterFile, Config, Endpoint, HostName};
use protocol::{ErrorCode, Examination, Examined, Failure, Precondition, ask};

/// A host asks its radio, its networks and two programs; each of them may be slow.
const DEADLINE: Duration = Duration::from_secs(15);

/// What one host answered.
type Answers = BTreeMap<String, Result<Examination, Failure>>;

/// Runs it. Exit code 1 when something stands in the way of every order, 3 when no host answers.
///
/// # Errors
/// The configuration or the key cannot be read.
pub fn run(file: &ClusterFile, args: &Args) -> Result<ExitCode, Failure> {
    let cluster = Cluster::load(file)?;
    let (answers, offsets) = block_on(async { Ok(ask_all(&cluster).await) })?;
    let own = Own { version: setup::VERSION, digest: setup::cluster_file_digest(&cluster.config)?, file: &file.path };
    let hosts: BTreeMap<String, HostReport> =
        answers.keys().map(|host| (host.clone(), of_host(&cluster.config, host, &answers, &offsets, &own))).collect();
    let report = Report::new(hosts);
    write(&if args.json { report.json()? } else { text(&report, args.all) })?;
    Ok(if answers.values().all(|answer| answer.as_ref().is_err_and(is_silence)) { ExitCode::from(3) } else { report.exit_code() })
}

fn is_silence(failure: &Failure) -> bool {
    failure.code == ErrorCode::Unreachable
}

fn text(report: &Report, all: bool) -> String {
    let hosts = report.hosts.iter().map(|(host, HostReport { findings, .. })| host_text(host, findings, all));
    hosts.collect::<Vec<_>>().join("\n")
}

async fn ask_all(cluster: &Cluster) -> (Answers, Offsets) {
    // Hosts that share a radio one after the other: an N210's EEPROM has one place from which it is read, whoever asks.
    let mut by_radio: BTreeMap<&str, Vec<&HostName>> = BTreeMap::new();
    for (name, host) in &cluster.config.host {
        by_radio.entry(&host.radio).or_default().push(name);
    }
    let asked = by_radio.into_values().map(async |hosts| {
        let mut answers = Vec::new();
        for host in hosts {
            let asking = cluster.client.ask(host, ask::Examine {}, DEADLINE);
            answers.push((host.to_string(), clocks::measured(asking, |told| told.at).await));
        }
        answers
    });
    let asked: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
    let offsets = asked.iter().filter_map(|(host, (_, offset))| Some((host.clone(), (*offset)?))).collect();
    (asked.into_iter().map(|(host, (answer, _))| (host, answer)).collect(), offsets)
}

/// This machine's side of a comparison.
struct Own<'a> {
    version: &'static str,
    digest: String,
    file: &'a Path,
}

fn of_host(config: &Config, host: &str, answers: &Answers, offsets: &Offsets, own: &Own<'_>) -> HostReport {
    let Some(Ok(told)) = answers.get(host) else {
        let failure = answers.get(host).and_then(|answer| answer.as_ref().err());
        return HostReport {
            version: None,
            findings: failure.map(|failure| refused(config, host, failure, own)).into_iter().collect(),
        };
    };
    let mut findings = vec![Examined::ok(Precondition::Agent, "the agent answers"), version(host, &told.version, own)];
    findings.push(cluster_file(config, host, &told.cluster_file, own));
    findings.push(match offsets.get(host) {
        None => Examined::ok(Precondition::Clock, "its clock is within a second of this machine's"),
        Some(offset) => Examined::warning(Precondition::Clock, clocks::sentence(host, *offset))
            .mend("timedatectl set-ntp true")
            .hint("orders do not depend on it; logs and records do. Without systemd-timesyncd: apt install chrony"),
    });
    findings.extend(same_hardware_address(host, told, answers));
    findings.extend(told.findings.iter().cloned());
    HostReport { version: Some(told.version.clone()), findings }
}

fn version(host: &str, theirs: &str, own: &Own<'_>) -> Examined {
    if theirs == own.version {
        return Examined::ok(Precondition::Version, format!("it runs baton {theirs}, as this machine does"));
    }
    Examined::warning(Precondition::Version, format!("{host} runs baton {theirs}, and this machine {}", own.version))
        .hint(format!("install the same package on both; an agent that serves goes on serving while it is upgraded. On {host}: apt install ./baton_*.deb"))
}

fn cluster_file(config: &Config, host: &str, theirs: &str, own: &Own<'_>) -> Examined {
    if theirs == own.digest {
        return Examined::ok(Precondition::ClusterFile, "it has the same cluster file as this machine");
    }
    let text = format!("the agent of {host} has read another cluster file than {} of this machine", own.file.display());
    Examined::blocker(Precondition::ClusterFile, text).hint(format!(
        "on this machine: scp {} root@{}:{}; then on {host}: systemctl restart baton-agent@{host}",
        own.file.display(),
        address(config, host),
        own.file.display()
    ))
}

/// Where a host is, for ssh.
fn address<'a>(config: &'a Config, host: &'a str) -> &'a str {
    match config.host.get(host).map(|host| &host.command) {
        Some(Endpoint::Tcp { host, .. }) => host,
        _ => host,
    }
}

/// Two machines that were copied from one disk have one hardware address, and a switch sends each the other's packets.
fn same_hardware_address(host: &str, told: &Examination, answers: &Answers) -> Option<Examined> {
    let mac = told.radio_port_mac.as_ref()?;
    let has = |answer: &Result<Examination, Failure>| answer.as_ref().is_ok_and(|told| told.radio_port_mac.as_ref() == Some(mac));
    let other = answers.iter().find(|(name, answer)| name.as_str() != host && has(answer))?.0;
    let text = format!("its interface towards the radio has the hardware address {mac}, and so has that of {other}");
    Some(Examined::blocker(Precondition::Address, text).hint("give one of the two another one: ip link set dev PORT address MAC"))
}

/// A host that has not answered, in one sentence.
fn refused(config: &Config, host: &str, failure: &Failure, own: &Own<'_>) -> Examined {
    let hint = failure.hint.clone().unwrap_or_default();
    match failure.code {
        ErrorCode::UnknownCommand | ErrorCode::BadRequest => Examined::warning(
            Precondition::Version,
            format!("{host} runs an older baton than this machine ({}), which cannot examine its host", own.version),
        )
        .hint(format!("install the same package there. On {host}: apt install ./baton_*.deb")),
        ErrorCode::Unauthorized => {
            let key = config.key_file.as_ref().map_or_else(|| "the key".to_owned(), |key| key.display().to_string());
            let at = address(config, host);
            Examined::blocker(Precondition::Key, failure.message.clone()).hint(format!(
                "if {at} is {host} of this cluster: scp -p {key} root@{at}:{key}, and start its agent again; if it belongs to another cluster, one of the \
                 two needs another address"
            ))
        }
        ErrorCode::Busy => Examined::warning(Precondition::Agent, failure.message.clone()).hint(hint),
        ErrorCode::Unreachable => Examined::blocker(Precondition::Agent, failure.message.clone())
            .mend(format!("systemctl enable --now baton-agent@{host}.service"))
            .hint(format!("if it runs: is the network between up? On {host}: baton doctor --host {host}")),
        _ => Examined::blocker(Precondition::Agent, failure.message.clone()).hint(hint),
    }
}

#[cfg(test)]
mod tests;
