//! Sets right who owns the radio, where the agents cannot agree by themselves: shows what each host knows, says what it would do, asks, does it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use futures::future::join_all;

use super::{Cluster, block_on, json, print, status};
use crate::migration::standing::holds_radio;
use config::{ClusterFile, Config};
use protocol::{Alarm, ErrorCode, Failure, MAX_EPOCH, Telemetry, ask};

/// A host that gives way ends its processes first.
const SET: Duration = Duration::from_secs(15);
/// An agent that was set before the others may learn the old owner from one of them: all are set again.
const ROUNDS: usize = 3;
/// From here on a repair begins to count anew, so that there are always epochs left.
const HIGH: u64 = MAX_EPOCH / 2;

/// Options.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Do it without asking.
    #[arg(long)]
    pub yes: bool,
    /// One JSON document on stdout: `{"ok", "needed", "done", "epoch", "owner", "hosts"}`.
    #[arg(long)]
    pub json: bool,
}

/// What would be done.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Repair {
    epoch: u64,
    owner: String,
    /// Why, a sentence each; none: nothing is to be done.
    reasons: Vec<String>,
}

type Answers = BTreeMap<String, Result<Telemetry, Failure>>;

/// Runs it. Exit code 1 when it was not done, 2 without a terminal to ask at, 3 when a host that is needed does not answer.
///
/// # Errors
/// The configuration or the key cannot be read; the hosts cannot be set.
pub fn run(file: &ClusterFile, args: &Args) -> Result<ExitCode, Failure> {
    let cluster = Cluster::load(file)?;
    let answers = block_on(async { Ok(ask_pool(&cluster).await) })?;
    let repair = decide(&cluster.config, &answers)?;
    let needed = !repair.reasons.is_empty();
    if !args.json {
        print(&describe(&answers, &repair));
    }
    let agreed = needed && (args.yes || confirm()?);
    if agreed {
        block_on(set(&cluster, &answers, &repair))?;
    }
    if args.json {
        let Repair { epoch, owner, reasons } = &repair;
        let report =
            serde_json::json!({"ok": agreed || !needed, "needed": reasons, "done": agreed, "epoch": epoch, "owner": owner});
        print(&json(&report)?);
    } else if agreed {
        print(&format!("Done: {} owns the radio under epoch {}.", repair.owner, repair.epoch));
    }
    Ok(if agreed || !needed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn ask_pool(cluster: &Cluster) -> Answers {
    let asked = cluster.config.servers().into_iter();
    let asked = asked.map(|host| async move { (host.to_string(), status::ask_one(cluster, host, status::DEADLINE).await) });
    join_all(asked).await.into_iter().collect()
}

/// Who shall own the radio: whoever has it; of several, or of none, the one with the newest epoch.
///
/// # Errors
/// [`ErrorCode::Unreachable`]: no host answers, or counting has to begin anew and not every host does.
fn decide(config: &Config, answers: &Answers) -> Result<Repair, Failure> {
    let active = config.addresses.active.address();
    let known: Vec<&Telemetry> = answers.values().filter_map(|answer| answer.as_ref().ok()).collect();
    let newest = |status: &&Telemetry| (status.owner_epoch.unwrap_or_default(), status.owner.clone().unwrap_or_default());
    let holders: Vec<&str> = known.iter().filter(|status| holds_radio(status, active)).map(|status| status.host.as_str()).collect();
    let Some((highest, owner)) = known.iter().map(newest).max() else {
        let silent = answers.values().find_map(|answer| answer.as_ref().err()).cloned();
        return Err(silent.unwrap_or_else(|| Failure::new(ErrorCode::Unreachable, "no host of the pool answers")));
    };
    let mut reasons: Vec<String> = Vec::new();
    for status in &known {
        let alarms = status.alarms.iter().filter(|alarm| alarm.code == ErrorCode::StaleEpoch);
        reasons.extend(alarms.map(|Alarm { text, .. }| format!("{}: {text}", status.host)));
    }
    if known.iter().any(|status| newest(status) != (highest, owner.clone())) {
        reasons.push("the hosts do not agree on who owns the radio".into());
    }
    if holders.len() > 1 {
        reasons.push(format!("{} have the radio's address at once", holders.join(" and ")));
    }
    if let [holder] = holders.as_slice()
        && *holder != owner
    {
        reasons.push(format!(
            "{holder} has the radio, and {} is named as its owner",
            if owner.is_empty() { "nobody" } else { &owner }
        ));
    }
    if highest > HIGH {
        reasons.push(format!("epoch {highest} is so high that few are left"));
        if let Some(silent) = answers.iter().find_map(|(host, answer)| answer.as_ref().err().map(|failure| (host, failure))) {
            let text = format!("epochs cannot be counted anew while {} does not answer: {}", silent.0, silent.1);
            return Err(Failure::new(ErrorCode::Unreachable, text).hint(format!("start the agent of {} first", silent.0)));
        }
    }
    let named = (!owner.is_empty()).then_some(owner.as_str());
    let keeps = match holders.as_slice() {
        [one] => one,
        several => {
            several.iter().find(|host| Some(**host) == named).copied().or(several.last().copied()).or(named).unwrap_or_default()
        }
    };
    let keeps = if keeps.is_empty() { config.roles.initiator.as_str() } else { keeps };
    let epoch = if highest > HIGH { 1 } else { highest + 1 };
    Ok(Repair { epoch, owner: keeps.to_owned(), reasons })
}

fn describe(answers: &Answers, repair: &Repair) -> String {
    let mut text = String::new();
    for (host, answer) in answers {
        let _ = match answer {
            Ok(status) => {
                let port = status.radio_port.addresses.join(" ");
                let owner = status.owner.as_deref().unwrap_or("nobody");
                writeln!(text, "{host}: epoch {}, owner {owner}, eth3 {port}", status.owner_epoch.unwrap_or_default())
            }
            Err(failure) => writeln!(text, "{host}: silent: {failure}"),
        };
    }
    for reason in &repair.reasons {
        let _ = writeln!(text, "  {reason}");
    }
    let _ = if repair.reasons.is_empty() {
        writeln!(text, "Nothing is to be repaired.")
    } else {
        let Repair { epoch, owner, .. } = repair;
        writeln!(
            text,
            "To be done: every host is told that {owner} owns the radio under epoch {epoch}; any other that has the radio ends its work."
        )
    };
    text
}

/// Asks at the terminal.
fn confirm() -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(ErrorCode::BadRequest, "there is no terminal to ask at").hint("say --yes to have it done"));
    }
    print("Do it? [y/N]");
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|e| Failure::new(ErrorCode::Io, format!("the answer could not be read: {e}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Tells every host that answers, those that give way first, until all say the same.
async fn set(cluster: &Cluster, answers: &Answers, repair: &Repair) -> Result<(), Failure> {
    let mut hosts: Vec<&String> = answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(host, _)| host).collect();
    hosts.sort_by_key(|host| **host == repair.owner);
    for _ in 0..ROUNDS {
        for host in &hosts {
            cluster.client.ask(host, ask::SetOwner { epoch: repair.epoch, owner: repair.owner.clone() }, SET).await?;
        }
        let told = join_all(hosts.iter().map(|host| cluster.client.ask(host, ask::GetOwner {}, status::DEADLINE))).await;
        let agree = |report: &Result<protocol::OwnerReport, Failure>| {
            report.as_ref().is_ok_and(|report| (report.epoch, &report.owner) == (repair.epoch, &repair.owner))
        };
        if told.iter().all(agree) {
            return Ok(());
        }
    }
    Err(Failure::new(ErrorCode::State, "the hosts do not keep what they were told")
        .hint("is an order under way? repair when it is over"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::migration::fleet::{Fleet, Host, config};
    use chrono::Utc;
    use protocol::{Command, Level};

    /// Whether a host has the radio's address, and the owner that it knows.
    type Told<'a> = (bool, Option<(u64, &'a str)>);

    fn told(hosts: [Told; 2]) -> Answers {
        let mut fleet = Fleet::new(Host::default(), Host::default());
        let answer = |(host, (holds, owner)): (&str, Told)| {
            fleet.hosts.insert(host.into(), if holds { Host::serving() } else { Host::default() });
            let mut status: Telemetry = fleet.answer(host, &Command::Status).unwrap().into_result().unwrap();
            (status.owner_epoch, status.owner) = (owner.map(|(epoch, _)| epoch), owner.map(|(_, name)| name.to_owned()));
            (host.to_owned(), Ok(status))
        };
        ["server1", "server2"].into_iter().zip(hosts).map(answer).collect()
    }

    fn decided(answers: &Answers) -> Result<Repair, Failure> {
        decide(&config(Path::new("/nowhere"), true), answers)
    }

    #[test]
    fn who_has_the_radio_keeps_it_under_an_epoch_above_all() {
        let (one, two) = (Some((3, "server1")), Some((8, "server2")));
        let table = [
            ([(true, one), (false, one)], (4, "server1"), 0),
            ([(true, one), (false, two)], (9, "server1"), 2),
            ([(true, one), (true, two)], (9, "server2"), 2),
            ([(false, one), (false, two)], (9, "server2"), 1),
            ([(false, None), (false, None)], (1, "server1"), 0),
            ([(true, None), (false, None)], (1, "server1"), 1),
        ];
        for (hosts, (epoch, owner), reasons) in table {
            let repair = decided(&told(hosts)).unwrap();
            assert_eq!(
                (repair.epoch, repair.owner.as_str(), repair.reasons.len()),
                (epoch, owner, reasons),
                "{hosts:?}: {repair:?}"
            );
        }
    }

    #[test]
    fn epochs_are_counted_anew_only_with_everybody_present() {
        let high = Some((MAX_EPOCH, "server2"));
        let mut answers = told([(false, high), (true, high)]);
        let repair = decided(&answers).unwrap();
        assert_eq!((repair.epoch, repair.owner.as_str()), (1, "server2"));
        answers.insert("server1".into(), Err(Failure::new(ErrorCode::Unreachable, "nobody there")));
        assert_eq!(decided(&answers).unwrap_err().code, ErrorCode::Unreachable);
    }

    #[test]
    fn a_file_that_is_not_believed_is_a_reason() {
        let mut answers = told([(true, Some((3, "server1"))), (false, Some((3, "server1")))]);
        let alarm = Alarm {
            code: ErrorCode::StaleEpoch,
            level: Level::Warning,
            text: "what server2 knew is not believed".into(),
            hint: None,
            since: Utc::now(),
        };
        answers.get_mut("server2").unwrap().as_mut().unwrap().alarms.push(alarm);
        let repair = decided(&answers).unwrap();
        assert!(describe(&answers, &repair).contains("server2: what server2 knew is not believed"));
        assert_eq!(repair.reasons.len(), 1);
    }
}
