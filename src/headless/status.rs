//! The status of every host.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Map, Value};

use super::clocks::{self, Offsets};
use super::{Cluster, block_on, json, print, service};
use crate::migration::service::Service;
use crate::migration::standing::{holders, radio_owner, strangers};
use config::{ClusterFile, Config, HostName};
use output::{one_line, pad};
use protocol::{Alarm, ErrorCode, Failure, Level, ProbeStatus, ProcessStatus, RadioOwner, SyncState, Telemetry, ask};

/// An agent answers within milliseconds. One that does not answer within this time is shown as silent.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// Options.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// One JSON document on stdout: `{"service": {"state", "host", "reason", "since", "silent_ms", "mend", "advice"}, "ok", "problems": [SENTENCE], "radio_owner", "hosts": {NAME: {"status"} or {"error"}}}`.
    #[arg(long)]
    pub json: bool,
}

/// What one host answered.
pub(super) type Answer = (String, Result<Telemetry, Failure>);

/// Runs it. Exit code 0 when the service is served, 1 when it is not or when several machines have the radio's address, 3 when that is not known.
///
/// # Errors
/// The configuration or the key cannot be read.
pub fn run(file: &ClusterFile, args: &Args) -> Result<ExitCode, Failure> {
    let cluster = Cluster::load(file)?;
    let (answers, offsets) = block_on(async { Ok(ask_all_and_clocks(&cluster).await) })?;
    let owner = owner(&cluster.config, &answers);
    let service = judge(&cluster.config, &answers);
    print(&if args.json {
        let mut report = report(&answers, &owner, &offsets);
        let verdict = service::ServiceReport::new(&service, cluster.config.in_pool.as_deref(), chrono::Utc::now());
        report["service"] = serde_json::to_value(verdict)
            .map_err(|e| Failure::new(ErrorCode::Internal, format!("the verdict has no JSON form: {e}")))?;
        json(&report)?
    } else {
        format!("{}\n\n{}", service::line(&service, cluster.config.in_pool.as_deref()), text(&answers, &owner, &offsets))
    });
    Ok(ExitCode::from(exit_code(&service, &owner)))
}

/// The verdict on the service, from what the hosts answered.
pub(super) fn judge(config: &Config, answers: &[Answer]) -> Service {
    service::of_answers(config, answers.iter().map(|(host, answer)| (host.as_str(), answer)))
}

fn exit_code(service: &Service, owner: &RadioOwner) -> u8 {
    match owner {
        RadioOwner::Conflict(_) => 1,
        RadioOwner::Nobody | RadioOwner::Host(_) => service::exit_code(service.state),
    }
}

/// Asks every host at the same time.
pub(super) async fn ask_all(cluster: &Cluster) -> Vec<Answer> {
    ask_all_and_clocks(cluster).await.0
}

/// The same, and whose clocks are off.
pub(super) async fn ask_all_and_clocks(cluster: &Cluster) -> (Vec<Answer>, Offsets) {
    let ask =
        async |host: &HostName| (host.to_string(), clocks::measured(ask_one(cluster, host, DEADLINE), |status| status.at).await);
    let asked = join_all(cluster.config.host.keys().map(ask)).await;
    let offsets = asked.iter().filter_map(|(host, (_, offset))| Some((host.clone(), (*offset)?))).collect();
    (asked.into_iter().map(|(host, (answer, _))| (host, answer)).collect(), offsets)
}

/// Asks one host.
pub(super) async fn ask_one(cluster: &Cluster, host: &str, deadline: Duration) -> Result<Telemetry, Failure> {
    cluster.client.ask(host, ask::Status {}, deadline).await
}

/// Which host of the pool holds the radio, as far as the hosts that answered tell.
fn owner(config: &Config, answers: &[Answer]) -> RadioOwner {
    let of_pool = || answers.iter().filter(|(host, _)| config.is_server(host)).filter_map(|(_, answer)| answer.as_ref().ok());
    let owners = holders(of_pool(), config.addresses.active.address()).into_iter().map(|status| status.host.clone());
    radio_owner(owners.collect(), &strangers(of_pool()))
}

/// What the agents say is not as it should be.
fn alarms(answers: &[Answer]) -> impl Iterator<Item = (&String, &Alarm)> {
    let statuses = answers.iter().filter_map(|(host, answer)| Some((host, answer.as_ref().ok()?)));
    statuses.flat_map(|(host, status)| status.alarms.iter().map(move |alarm| (host, alarm)))
}

fn report(answers: &[Answer], owner: &RadioOwner, offsets: &Offsets) -> Value {
    let hosts: Map<String, Value> = answers
        .iter()
        .map(|(host, answer)| {
            let mut said = match answer {
                Ok(status) => serde_json::json!({"status": status}),
                Err(failure) => serde_json::json!({"error": failure}),
            };
            if let Some(offset) = offsets.get(host) {
                said["clock_offset_ms"] = offset.num_milliseconds().into();
            }
            (host.clone(), said)
        })
        .collect();
    let silent = answers.iter().filter(|(_, answer)| answer.is_err()).map(|(host, _)| format!("{host} does not answer"));
    let alarms =
        alarms(answers).filter(|(_, alarm)| alarm.level == Level::Error).map(|(host, alarm)| format!("{host}: {}", alarm.text));
    let problems: Vec<String> = conflict(owner).into_iter().chain(silent).chain(alarms).collect();
    serde_json::json!({"ok": problems.is_empty(), "problems": problems, "radio_owner": owner, "hosts": hosts})
}

/// Two holders of the radio in one sentence.
fn conflict(owner: &RadioOwner) -> Option<String> {
    let RadioOwner::Conflict(hosts) = owner else { return None };
    Some(format!("CONFLICT: {} all point at the radio, which can serve one host only", hosts.join(" and ")))
}

fn text(answers: &[Answer], owner: &RadioOwner, offsets: &Offsets) -> String {
    let mut text =
        format!("{:<12} {:<10} {:<22} {:<10} {:<10} {:<20} {:<38} probe\n", "host", "agent", "eth3", "D2D", "USRP", "sync", "link");
    for (host, answer) in answers {
        let host = pad(host, 12);
        let _ = match answer {
            Ok(status) => writeln!(text, "{host} {}{}", one_line(&line(status)), warnings(status)),
            Err(failure) => writeln!(text, "{host} silent: {}", one_line(&failure.message)),
        };
    }
    for (host, offset) in offsets {
        let _ = writeln!(text, "warning: {}.", one_line(&clocks::sentence(host, *offset)));
    }
    let _ = match owner {
        RadioOwner::Nobody => writeln!(text, "No host of the pool is known to hold the radio."),
        RadioOwner::Host(host) => writeln!(text, "{host} holds the radio."),
        RadioOwner::Conflict(_) => writeln!(text, "{}.", conflict(owner).unwrap_or_default()),
    };
    for (host, alarm) in alarms(answers) {
        let word = if alarm.level == Level::Error { "ERROR" } else { "warning" };
        let _ = writeln!(text, "{word}: {host} since {}: {}", alarm.since.format("%F %T UTC"), one_line(&alarm.text));
        if let Some(hint) = &alarm.hint {
            let _ = writeln!(text, "       {}", one_line(hint));
        }
    }
    text
}

/// What a host's radio did not do as it was asked, below the host's line.
fn warnings(status: &Telemetry) -> String {
    status.usrp.warnings.iter().map(|warning| format!("\n{:<12} warning: {}", "", one_line(warning))).collect()
}

fn line(status: &Telemetry) -> String {
    let state = |process: &ProcessStatus| wire_name(&process.state);
    let sync = match status.d2d.sync {
        None => "-".into(),
        Some(SyncState::NoSamples) => "no samples".into(),
        Some(SyncState::Searching) => "searching".into(),
        Some(SyncState::Synced { for_ms }) => format!("synced {:.1} s", for_ms as f64 / 1e3),
        Some(SyncState::Lost { for_ms }) => format!("lost {:.1} s", for_ms as f64 / 1e3),
        Some(SyncState::Unreported) => "not told".into(),
    };
    let link = link(&status.d2d);
    let probe = status.probe.as_ref().map_or_else(
        || "-".into(),
        |probe| {
            let ProbeStatus { target, interval_ms, sent, received, lost, .. } = probe;
            format!("{target} every {interval_ms} ms: {sent} sent, {received} received, {lost} lost in service")
        },
    );
    let port = status.radio_port.addresses.join(" ");
    let agent = if status.drained { "drained" } else { "up" };
    format!("{agent:<10} {port:<22} {:<10} {:<10} {sync:<20} {link:<38} {probe}", state(&status.d2d), state(&status.usrp))
}

/// How good the air is, of a D2D process in sync; figures that are not measured are left out.
fn link(process: &ProcessStatus) -> String {
    let (Some(SyncState::Synced { .. }), Some(link)) = (process.sync, process.link) else { return "-".into() };
    let figures = [
        link.snr_db.map(|db| format!("SNR {db:.1} dB")),
        link.evm_percent.map(|percent| format!("EVM {percent:.1} %")),
        link.block_error_rate.map(|rate| format!("BLER {:.1} %", 100.0 * rate)),
    ];
    let figures: Vec<String> = figures.into_iter().flatten().collect();
    if figures.is_empty() { "-".into() } else { figures.join(", ") }
}

/// The name of a state on the wire.
fn wire_name(state: &impl serde::Serialize) -> String {
    serde_json::to_value(state).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::migration::fleet::{Fleet, Host, config};
    use protocol::{Command, ErrorCode, Link};

    fn answers(server1: Host, server2: Host) -> Vec<Answer> {
        let mut fleet = Fleet::new(server1, server2);
        let mut ask = |host: &str| {
            let answer = fleet.answer(host, &Command::Status).map(|answer| answer.into_result().unwrap());
            (host.to_owned(), answer)
        };
        vec![ask("server1"), ask("server2"), ("server3".into(), Err(Failure::new(ErrorCode::Unreachable, "nobody there")))]
    }

    #[test]
    fn the_owner_is_who_holds_the_address() {
        let config = config(Path::new("/nowhere"), true);
        let idle = Host::default;
        for (server1, server2, expected) in [
            (idle(), idle(), RadioOwner::Nobody),
            (Host::serving(), idle(), RadioOwner::Host("server1".into())),
            (idle(), Host::serving(), RadioOwner::Host("server2".into())),
            (Host::serving(), Host::serving(), RadioOwner::Conflict(vec!["server1".into(), "server2".into()])),
        ] {
            assert_eq!(owner(&config, &answers(server1, server2)), expected);
        }
    }

    #[test]
    fn two_owners_are_the_verdict() {
        let config = config(Path::new("/nowhere"), true);
        let (one, two) = (answers(Host::serving(), Host::default()), answers(Host::serving(), Host::serving()));
        let verdict = |answers: &[Answer]| {
            let owner = owner(&config, answers);
            let report = report(answers, &owner, &Offsets::new());
            (
                exit_code(&judge(&config, answers), &owner),
                report["ok"].clone(),
                report["problems"].clone(),
                text(answers, &owner, &Offsets::new()),
            )
        };
        let (code, ok, problems, shown) = verdict(&two);
        assert_eq!((code, ok), (1, false.into()));
        assert!(problems[0].as_str().unwrap().starts_with("CONFLICT: server1 and server2 all point at the radio"), "{problems}");
        assert!(shown.contains("CONFLICT: server1 and server2"), "{shown}");
        // Without the third host, which does not answer here, one owner is as it should be.
        let (code, ok, problems, _) = verdict(&one[..2]);
        assert_eq!((code, ok, problems), (0, true.into(), serde_json::json!([])));
        assert_eq!(exit_code(&judge(&config, &one[2..]), &RadioOwner::Nobody), 3);
    }

    #[test]
    fn the_link_is_shown_with_units_while_in_sync() {
        let measured = Link { snr_db: Some(23.44), evm_percent: Some(6.8), block_error_rate: Some(0.125), ..Link::default() };
        let synced = Some(SyncState::Synced { for_ms: 2_000 });
        let mut shown = Vec::new();
        for (sync, figures) in
            [(synced, Some(measured)), (synced, Some(Link::default())), (Some(SyncState::Searching), Some(measured))]
        {
            shown.push(link(&ProcessStatus { sync, link: figures, ..ProcessStatus::default() }));
        }
        assert_eq!(shown, ["SNR 23.4 dB, EVM 6.8 %, BLER 12.5 %", "-", "-"]);
    }

    #[test]
    fn a_silent_host_is_shown_as_such() {
        let answers = answers(Host::serving(), Host::default());
        let owner = RadioOwner::Host("server1".into());
        let shown = text(&answers, &owner, &Offsets::from([("server2".into(), chrono::TimeDelta::seconds(-40))]));
        assert!(shown.contains("warning: server2's clock is 40.0 s behind this machine's."), "{shown}");
        assert!(shown.contains("server3      silent: nobody there") && shown.contains("server1 holds the radio."), "{shown}");
        let report = report(&answers, &owner, &Offsets::new());
        assert_eq!(report["ok"], false);
        assert_eq!(report["hosts"]["server3"]["error"]["code"], "unreachable");
        assert_eq!(report["hosts"]["server1"]["status"]["usrp"]["state"], "running");
    }
}
