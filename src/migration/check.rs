//! Whether an order may begin: every precondition, from what the hosts say of themselves. Pure: the engine, `baton check` and the
//! console have the same list.

pub(super) mod drained;
mod guest;
mod offered;
mod port;
mod standby;
mod store;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::flow::StepCommand;
use super::flows;
use super::known::unanswered;
use super::setting::Setting;
use super::standing::{self, End, Orders, Report, Standing, holds_radio, processes};
use config::Config;
use protocol::{
    Alarm, ErrorCode, Failure, Finding, Grade, Method, Order, OrderRequest, ProcessState, SyncState, Telemetry, VERSION,
};

pub use offered::{check_offered, instead};
pub use port::{PortProblem, SAMPLES_MTU, port_problem};
pub use standby::count_standby;
pub(super) use standby::require_follower;

/// Why the method seamless is not to be had.
pub(super) const ONE_STREAM: &str =
    "at this rate the receive streams of both hosts do not fit on the radio's gigabit together: seamless is not possible";

/// What every host answered.
pub type Answers = BTreeMap<String, Result<Telemetry, Failure>>;

/// Findings for an order by a method, or of the cluster as such.
pub fn findings(asked: Option<(Order, Method)>, config: &Config, answers: &Answers) -> Vec<Finding> {
    let Some((order, method)) = asked else {
        let mut findings = hosts(None, None, config, answers);
        findings.push(radio(config, answers));
        findings.extend(contested(None, config, answers));
        findings.push(far_end(config, answers));
        return findings;
    };
    let request = OrderRequest::new(order, method);
    let setting = Setting::new(String::new(), chrono::Utc::now(), &request, config);
    let checks = flows::of(order, method, config.workload.form).checks;
    let silent = checks.iter().find(|check| check.ask == StepCommand::RequireSilent).map(|check| setting.host(check.at));
    let mut findings = hosts(Some((order, method)), silent, config, answers);
    findings.extend(request.check(config.workload.form).err().map(|failure| finding(Grade::Blocker, "method", failure)));
    findings.push(radio(config, answers));
    findings.extend(contested(asked, config, answers));
    for check in checks {
        let name = setting.host(check.at);
        if let Some(Ok(status)) = answers.get(name) {
            findings.extend(of_host(check.ask, status, setting.orders(name), setting.active));
            findings.extend(of_method(check.ask, method, status));
            // A stranger is named already.
            let holder =
                uncontested(check.ask, status, setting.active).and_then(|()| serves_nobody(check.ask, status, setting.active));
            let holder = holder.err();
            let holder =
                holder.filter(|_| method == Method::Failover || standing::check_no_stranger(status, setting.active).is_ok());
            findings.extend(holder.map(|failure| finding(Grade::Blocker, name, failure)));
        }
    }
    findings.extend(drained::finding(order, &setting.to, answers));
    findings.extend(store::finding(order, &setting.to, answers));
    if method == Method::Failover && config.host.get(setting.from.as_str()).is_some_and(|host| host.fence_command.is_none()) {
        findings.push(Finding::new(Grade::Warning, &setting.from, not_fenced(&setting.from)).hint(NAME_A_FENCE));
    }
    if order.is_migration() {
        findings.extend(same_radio(config, &setting));
        findings.extend(count_standby(&request, config, answers));
        let grade = if method == Method::Seamless { Grade::Blocker } else { Grade::Warning };
        findings.extend((!setting.two_streams).then(|| Finding::new(grade, "seamless", ONE_STREAM).hint("take hot")));
        findings.push(far_end(config, answers));
        one_hint(&mut findings, &setting, answers);
    }
    findings
}

/// A migration to a host that serves is the wrong one: that alone is said, and no way to stop that host or to start another one.
fn one_hint(findings: &mut [Finding], setting: &Setting, answers: &Answers) {
    let end = |host| {
        let status = answers.get(host).and_then(|answer| answer.as_ref().ok());
        let standing = status.map_or(Standing::Unknown, |status| Standing::of(Report::of(status, setting.active)));
        End { host, standing, orders: setting.orders(host) }
    };
    let (from, to) = (end(setting.from.as_str()), end(setting.to.as_str()));
    let Some(hint) = to.serves_already(from.standing) else { return };
    let mut hint = Some(hint);
    let ends = [from.host, to.host];
    for finding in findings.iter_mut().filter(|f| f.grade == Grade::Blocker && ends.contains(&f.subject.as_str())) {
        finding.hint = hint.take();
    }
}

/// Whether one of them refuses the order.
pub fn blocked(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.grade == Grade::Blocker)
}

/// Whether each host answers (but for one that must not), speaks our protocol, and is free of a death and of another order.
fn hosts(asked: Option<(Order, Method)>, silent: Option<&str>, config: &Config, answers: &Answers) -> Vec<Finding> {
    let ends = [config.roles.initiator.as_str(), config.roles.destination.as_str()];
    let mut findings = Vec::new();
    for (host, answer) in answers {
        if silent == Some(host) {
            let verdict = be_silent(host, answer.as_ref().map(drop).map_err(Clone::clone));
            let passes = |_| Finding::new(Grade::Ok, host, "the agent does not answer, as a failover has it");
            findings.push(verdict.map_or_else(|failure| finding(Grade::Blocker, host, failure), passes));
            continue;
        }
        // KL and KR ask one host only, and are not refused for the sake of the other.
        let needed = asked.is_some_and(|(order, method)| match order {
            Order::KL | Order::KR => config.executor(order) == host,
            // A recovery fences the other host where that does not answer.
            _ if method == Method::Recover => config.executor(order) == host,
            _ => ends.contains(&host.as_str()),
        });
        let status = match answer {
            Ok(status) => status,
            Err(failure) => {
                let grade = if needed { Grade::Blocker } else { Grade::Warning };
                let hint = failure.hint.clone().unwrap_or_else(|| format!("start it with `baton agent --host {host}`"));
                findings.push(Finding::new(grade, host, format!("the agent does not answer: {failure}")).hint(hint));
                continue;
            }
        };
        if status.v != VERSION {
            let text = format!("the agent speaks protocol version {}, this baton speaks {VERSION}", status.v);
            findings.push(Finding::new(Grade::Blocker, host, text).hint("run the same baton on every host"));
            continue;
        }
        findings.push(Finding::new(Grade::Ok, host, "the agent answers"));
        if needed && status.migration.as_ref().is_some_and(|progress| !progress.finished) {
            findings.push(finding(Grade::Blocker, host, standing::busy(status)));
        }
        if let Some(part) = status.takes_part.as_ref().filter(|_| needed) {
            findings.push(finding(Grade::Blocker, host, standing::taken(host, part)));
        }
        for (name, process) in [("D2D", &status.d2d), ("USRP", &status.usrp)] {
            if process.state == ProcessState::Died {
                let words = process.last_words.as_deref().unwrap_or("it left no words");
                findings.push(Finding::new(Grade::Warning, host, format!("its {name} process died: {words}")));
            }
        }
        findings.extend(status.usrp.warnings.iter().map(|warning| Finding::new(Grade::Warning, host, warning)));
    }
    findings
}

fn finding(grade: Grade, subject: &str, failure: Failure) -> Finding {
    Finding { grade, subject: subject.to_owned(), sentence: failure.message, hint: failure.hint }
}

/// Who owns the radio, and whether there is but one.
fn radio(config: &Config, answers: &Answers) -> Finding {
    let pool: Vec<&str> = config.servers().into_iter().map(|name| name.as_str()).collect();
    let active = config.addresses.active.address();
    let statuses = answers.iter().filter(|(host, _)| pool.contains(&host.as_str())).filter_map(|(_, answer)| answer.as_ref().ok());
    let owners: Vec<&str> = standing::holders(statuses, active).into_iter().map(|status| status.host.as_str()).collect();
    match owners.as_slice() {
        [] => Finding::new(Grade::Ok, "radio", "no server that answers points eth3 at it"),
        [owner] => owned_by(owner, &pool, answers),
        _ => Finding::new(
            Grade::Blocker,
            "radio",
            format!("{} and {} both point eth3 at it, and it can serve one host only", owners[0], owners[1]),
        )
        .hint(parks_one(config, answers)),
    }
}

/// Which of two servers that both point at the radio is to stop: the one that does not serve.
fn parks_one(config: &Config, answers: &Answers) -> String {
    let serves = |host: &str| {
        let status = answers.get(host).and_then(|answer| answer.as_ref().ok());
        status.is_some_and(|s| Standing::of(Report::of(s, config.addresses.active.address())) == Standing::Serves)
    };
    let (one, two) = (&config.roles.initiator, &config.roles.destination);
    match (serves(one), serves(two)) {
        (true, false) => format!("KR parks {two}, which does not serve"),
        (false, true) => format!("KL parks {one}, which does not serve"),
        _ => "KL or KR parks one".into(),
    }
}

/// The owner by its address, and by the newest epoch that an agent knows.
fn owned_by(owner: &str, pool: &[&str], answers: &Answers) -> Finding {
    let known = |host: &&str| {
        let status = answers.get(*host)?.as_ref().ok()?;
        Some((status.owner_epoch?, status.owner.as_deref()?))
    };
    let seen = format!("{owner} alone points eth3 at it");
    match pool.iter().filter_map(known).max() {
        None => Finding::new(Grade::Ok, "radio", seen),
        Some((epoch, named)) if named == owner => {
            let agree: Vec<&str> = pool.iter().filter(|host| known(host) == Some((epoch, named))).copied().collect();
            Finding::new(Grade::Ok, "radio", format!("{seen} and owns it under epoch {epoch}, says {}", agree.join(" and ")))
        }
        Some((epoch, named)) => Finding::new(Grade::Warning, "radio", format!("{seen}, but epoch {epoch} is {named}'s"))
            .hint("the next order settles it: a new owner takes a newer epoch"),
    }
}

/// Strangers with the radio's address, and what the agents say is not as it should be.
fn contested(asked: Option<(Order, Method)>, config: &Config, answers: &Answers) -> Vec<Finding> {
    let statuses = || answers.iter().filter_map(|(host, answer)| Some((host, answer.as_ref().ok()?)));
    let of_pool = || statuses().filter(|(host, _)| config.is_server(host)).map(|(_, status)| status);
    let strangers = standing::strangers(of_pool());
    let active = config.addresses.active.address();
    // Stopping the work takes nothing from anybody, and a failover asks the radio.
    let grade = match asked {
        Some((Order::KL | Order::KR, _) | (_, Method::Failover)) => Grade::Warning,
        _ => Grade::Blocker,
    };
    let named = strangers
        .iter()
        .map(|(status, holder)| Finding::new(grade, "radio", standing::stranger(status, holder, active)).hint(standing::FIND_IT));
    let mut findings: Vec<Finding> = named.collect();
    for (host, status) in statuses() {
        let stranger = |alarm: &&Alarm| strangers.iter().any(|(_, holder)| alarm.text.contains(&holder.mac));
        for Alarm { code, text, hint, .. } in status.alarms.iter().filter(|alarm| !stranger(alarm)) {
            let grade = if *code == ErrorCode::AddressConflict { grade } else { Grade::Warning };
            findings.push(Finding { hint: hint.clone(), ..Finding::new(grade, host, text) });
        }
    }
    findings
}

/// What a step will ask of the radio's network, from the answers that a survey has had.
pub(super) fn uncontested(ask: StepCommand, status: &Telemetry, active: Ipv4Addr) -> Result<(), Failure> {
    match ask {
        // A switch may answer for a host that is dead: whether somebody else serves, the radio tells when it is claimed.
        StepCommand::RequireReadyAlone if status.guest.is_none() => standing::check_no_host_holds(status, active),
        StepCommand::RequireFree | StepCommand::RequireReadyAlone => standing::check_nobody_holds(status, active),
        StepCommand::RequireReady | StepCommand::RequireRecoverable => standing::check_no_stranger(status, active),
        _ => Ok(()),
    }
}

/// Refuses to start the work anew while a host serves.
pub(super) fn serves_nobody(ask: StepCommand, status: &Telemetry, active: Ipv4Addr) -> Result<(), Failure> {
    let asked = matches!(ask, StepCommand::RequireEndable | StepCommand::RequireRecoverable);
    if !asked || !standing::is_in_service(status, active) {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::State, format!("{} serves, and is in sync: there is nothing to recover", status.host))
        .hint("to move the work: M or MB"))
}

/// What a failover relies on where nothing can switch the silent host off.
pub(super) fn not_fenced(host: &str) -> String {
    format!("Nothing but ARP and the radio's streams tells that {host} is off: the configuration has no fence_command for it.")
}

const NAME_A_FENCE: &str = "name a program in the host's section of the configuration that switches it off (docs/agents.md)";

/// A work that moves finds the same radio at the other end.
fn same_radio(config: &Config, setting: &Setting) -> Option<Finding> {
    let name = |host: &str| config.host.get(host).map(|host| host.radio.as_str());
    let (from, to) = (name(&setting.from), name(&setting.to));
    (from != to).then(|| {
        let text =
            format!("{} uses radio {from:?} and {} uses {to:?}: the work would not find its radio", setting.from, setting.to);
        Finding::new(Grade::Blocker, "radio", text).hint("name the same radio for both hosts in the cluster file")
    })
}

/// Whether the interruption will be measured.
fn far_end(config: &Config, answers: &Answers) -> Finding {
    let unmeasured = "lost pings and the gap will not be measured";
    let warning = |text: String| Finding::new(Grade::Warning, "far end", text);
    let Some(host) = &config.roles.far_end else { return warning(format!("none is configured: {unmeasured}")) };
    match answers.get(host.as_str()) {
        None | Some(Err(_)) => warning(format!("{host} does not answer: {unmeasured}")),
        Some(Ok(Telemetry { probe: None, .. })) => {
            warning(format!("no probe runs on {host}: {unmeasured}")).hint("start it with probe_start")
        }
        Some(Ok(Telemetry { probe: Some(probe), .. })) => {
            let settled: Vec<bool> = probe.recent.iter().filter(|p| p.lost || p.rtt_ms.is_some()).map(|p| p.lost).collect();
            let latest = &settled[settled.len().saturating_sub(10)..];
            if !latest.is_empty() && latest.iter().all(|lost| *lost) {
                warning(format!("the latest probes of {host} were lost: nobody serves it now"))
            } else {
                Finding::new(Grade::Ok, "far end", format!("{host} probes {} every {} ms", probe.target, probe.interval_ms))
            }
        }
    }
}

/// What a flow's check asks of a host.
pub(super) fn of_host(ask: StepCommand, status: &Telemetry, orders: Orders, active: Ipv4Addr) -> Vec<Finding> {
    let host = status.host.as_str();
    let graded = |result: Result<(), Failure>, fine: &str| match result {
        Ok(()) => Finding::new(Grade::Ok, host, fine),
        Err(failure) => finding(Grade::Blocker, host, failure),
    };
    if let Some(guest) = &status.guest {
        return guest::of_host(ask, status, guest, orders, active);
    }
    match ask {
        StepCommand::RequireFree => vec![graded(standing::check_free(status, active, orders), "runs neither D2D nor USRP")],
        StepCommand::RequireParked => {
            vec![graded(standing::check_parked(status, active, orders), "its eth3 is away from the radio")]
        }
        StepCommand::RequireReady | StepCommand::RequireReadyAlone => vec![
            graded(standing::check_free(status, active, orders), "runs neither D2D nor USRP"),
            graded(standing::check_parked(status, active, orders), "its eth3 is away from the radio"),
            graded(check_port(status, active), "its eth3 is up"),
        ],
        StepCommand::RequireAtWork => at_work(status, orders, active),
        StepCommand::RequireEndable => vec![left_over(status)],
        StepCommand::RequireRecoverable => vec![left_over(status), graded(check_port(status, active), "its eth3 is up")],
        _ => Vec::new(),
    }
}

/// What the programs at work do not offer.
pub(super) fn of_method(ask: StepCommand, method: Method, status: &Telemetry) -> Option<Finding> {
    let refused = check_offered(method, status).err().filter(|_| ask == StepCommand::RequireAtWork)?;
    Some(finding(Grade::Blocker, &status.host, refused))
}

/// Lets an order pass that is for a host which does not answer; the warning is what was found.
///
/// # Errors
/// [`ErrorCode::State`]: it answers.
pub(super) fn be_silent(host: &str, answer: Result<(), Failure>) -> Result<String, Failure> {
    match answer {
        Err(failure) if unanswered(&failure) => {
            Ok(format!("Check: {host} does not answer: {}", super::units::sentence(&failure.message)))
        }
        _ => Err(Failure::new(ErrorCode::State, format!("the agent of {host} answers, and a failover is for one that does not"))
            .hint("move the work with hot or classic")),
    }
}

fn check_port(status: &Telemetry, active: Ipv4Addr) -> Result<(), Failure> {
    let (host, name) = (&status.host, &status.radio_port.name);
    let refuse = |text: String, hint: String| Err(Failure::new(ErrorCode::State, text).hint(hint));
    match port_problem(&status.radio_port, active) {
        None => Ok(()),
        Some(PortProblem::Down) => refuse(
            format!("{name} of {host} is missing or down, and it leads to the radio"),
            format!("set it up on {host}: ip link set {name} up"),
        ),
        Some(PortProblem::Mtu(mtu)) => refuse(
            format!("{name} of {host} has an mtu of {mtu}, and the radio's packets of samples need {SAMPLES_MTU}"),
            format!("on {host}: ip link set {name} mtu {SAMPLES_MTU}"),
        ),
        Some(PortProblem::InTheWay(foreign)) => refuse(
            format!("{name} of {host} has {foreign} in the radio's subnet, and packets to the radio would come from that address"),
            format!("take it away on {host}: ip addr del {foreign} dev {name}"),
        ),
    }
}

/// What a recovery ends.
fn left_over(status: &Telemetry) -> Finding {
    let running = processes(status);
    let text = if running.is_empty() {
        "runs neither D2D nor USRP".to_owned()
    } else {
        format!("runs {}, which is ended first", running.join(" and "))
    };
    Finding::new(Grade::Ok, &status.host, text)
}

fn at_work(status: &Telemetry, orders: Orders, active: Ipv4Addr) -> Vec<Finding> {
    let host = status.host.as_str();
    if let Err(failure) = standing::check_at_work(status, orders) {
        return vec![finding(Grade::Blocker, host, failure)];
    }
    let warn = |text: &str| Finding::new(Grade::Warning, host, text);
    let mut findings = vec![Finding::new(Grade::Ok, host, format!("runs {}", processes(status).join(" and ")))];
    if status.usrp.state != ProcessState::Running || status.d2d.state != ProcessState::Running {
        findings.push(warn("does not serve as it is: one of its two processes does not run"));
    }
    if !holds_radio(status, active) {
        findings.push(warn("does not serve as it is: its eth3 does not point at the radio"));
    }
    if let Err(failure) = check_port(status, active) {
        findings.push(finding(Grade::Warning, host, failure));
    }
    match status.d2d.sync {
        Some(SyncState::Synced { .. } | SyncState::Unreported) => {}
        _ => findings.push(
            warn("its signal processing is not in sync: that the work serves at the other end cannot be shown")
                .hint("look at the far end and at the signal"),
        ),
    }
    findings
}

#[cfg(test)]
#[path = "tests/check.rs"]
mod tests;
