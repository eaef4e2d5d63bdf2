//! Capabilities, real-time priority and descriptors of the agent's process.

use super::shell::sysctl;
use crate::setup::DESCRIPTORS;
use crate::setup::facts::{Facts, ProcessFacts, Rights};
use protocol::Precondition::{Capabilities, Descriptors, RealTime};
use protocol::{Examined, Grade};
use workload::realtime::Rank;

/// What Linux gives real-time threads by itself, µs of a second.
const USUAL_US: u64 = 950_000;
const ALL: &str = "CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_NICE";

pub(super) fn judge(facts: &Facts) -> Vec<Examined> {
    let process = &facts.process;
    vec![capabilities(process), real_time(process), descriptors(process)]
}

/// Who was looked at, as the subject of a clause.
fn who(process: &ProcessFacts) -> String {
    match &process.unit {
        Some(unit) => format!("{unit} (user {})", process.user),
        None => format!("this process (user {})", process.user),
    }
}

/// A drop-in of the unit with these lines, and a start with it.
fn drop_in(unit: &str, lines: &str) -> String {
    let folder = format!("/etc/systemd/system/{unit}.d");
    format!(
        "mkdir -p {folder} && printf '[Service]\\n{lines}\\n' > {folder}/baton-doctor.conf && systemctl daemon-reload && systemctl restart {unit}"
    )
}

fn with_mend(finding: Examined, process: &ProcessFacts, lines: &str) -> Examined {
    match &process.unit {
        Some(unit) => finding.mend(drop_in(unit, lines)),
        None => finding.hint("run the agent by its unit, which has what it needs, or as root (docs/agents.md, \"Rights\")"),
    }
}

fn capabilities(process: &ProcessFacts) -> Examined {
    let Rights { net_admin, net_raw, sys_nice } = process.rights;
    let without_nice = process.rtprio < Rank::Stream as u64;
    let missing: Vec<&str> = [
        (net_admin, "CAP_NET_ADMIN (addresses of the radio's port and of tun)"),
        (net_raw, "CAP_NET_RAW (ARP and the far end's probe)"),
        (sys_nice || !without_nice, "CAP_SYS_NICE (real-time priority)"),
    ]
    .into_iter()
    .filter_map(|(has, name)| (!has).then_some(name))
    .collect();
    if missing.is_empty() {
        return Examined::ok(Capabilities, format!("{} has the capabilities that the agent needs", who(process)));
    }
    let grade = if net_admin && net_raw { Grade::Warning } else { Grade::Blocker };
    let finding = Examined::new(Capabilities, grade, format!("{} lacks {}", who(process), missing.join(", ")));
    with_mend(finding, process, &format!("AmbientCapabilities={ALL}\\nCapabilityBoundingSet={ALL}"))
}

fn real_time(process: &ProcessFacts) -> Examined {
    if let Some(us) = process.real_time_us.filter(|us| *us < USUAL_US) {
        let share = us as f64 / 1e4;
        let text = format!("the kernel gives real-time threads {share:.0} % of the time; the workload may need up to 95 %");
        return Examined::warning(RealTime, text).mend(format!(
            "{} && {}",
            sysctl("kernel.sched_rt_period_us", 1_000_000),
            sysctl("kernel.sched_rt_runtime_us", USUAL_US)
        ));
    }
    match &process.real_time {
        Some(Err(why)) => {
            let text = format!("{} gets no real-time priority ({why}): the workload loses samples on a busy machine", who(process));
            with_mend(Examined::warning(RealTime, text), process, "LimitRTPRIO=10")
        }
        Some(Ok(())) => Examined::ok(RealTime, "a thread of this process has got real-time priority"),
        None if process.rights.sys_nice || process.rtprio >= Rank::Stream as u64 => {
            Examined::ok(RealTime, format!("{} may use real-time priority", who(process)))
        }
        None => {
            let text = format!("{} may not use real-time priority: the workload loses samples on a busy machine", who(process));
            with_mend(Examined::warning(RealTime, text), process, "LimitRTPRIO=10")
        }
    }
}

fn descriptors(process: &ProcessFacts) -> Examined {
    match process.files {
        Some(limit) if limit < DESCRIPTORS => {
            let text = format!("{} may open {limit} files, and needs up to {DESCRIPTORS}", who(process));
            with_mend(Examined::warning(Descriptors, text), process, "LimitNOFILE=65536")
        }
        Some(limit) => Examined::ok(Descriptors, format!("{} may open {limit} files", who(process))),
        None => Examined::ok(Descriptors, format!("{} may open any number of files", who(process))),
    }
}
