//! What may go wrong during a migration, made from outside.

use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::lab::{Lab, baton};

/// The hosts of a migration.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    pub from: &'static str,
    pub to: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    None,
    KillD2d {
        source: bool,
    },
    KillUsrp {
        source: bool,
    },
    PauseAgent {
        source: bool,
    },
    KillAgent {
        source: bool,
    },
    /// As an upgrade does.
    EndAgent {
        source: bool,
    },
    PauseUsrp {
        source: bool,
    },
    RadioPortDown {
        source: bool,
    },
    ManagementDown {
        source: bool,
    },
    RadioDeaf,
    RadioBrownOut,
    KillOrderer,
}

/// Every kind, the harmless one more often so that the work keeps moving.
pub const ALL: [Fault; 22] = [
    Fault::None,
    Fault::None,
    Fault::KillD2d { source: true },
    Fault::KillD2d { source: false },
    Fault::KillUsrp { source: true },
    Fault::KillUsrp { source: false },
    Fault::PauseAgent { source: true },
    Fault::PauseAgent { source: false },
    Fault::KillAgent { source: true },
    Fault::KillAgent { source: false },
    Fault::EndAgent { source: true },
    Fault::EndAgent { source: false },
    Fault::PauseUsrp { source: true },
    Fault::PauseUsrp { source: false },
    Fault::RadioPortDown { source: true },
    Fault::RadioPortDown { source: false },
    Fault::ManagementDown { source: true },
    Fault::ManagementDown { source: false },
    Fault::RadioDeaf,
    Fault::RadioBrownOut,
    Fault::KillOrderer,
    Fault::None,
];

impl Fault {
    /// Makes it and, where it is one that passes, ends it after `lasting`.
    pub fn strike(self, lab: &Lab, ends: Ends, orderer: &mut Child, lasting: Duration) {
        let host = |source| if source { ends.from } else { ends.to };
        match self {
            Self::None => {}
            Self::KillD2d { source } => kill_process(lab, host(source), "d2d"),
            Self::KillUsrp { source } => kill_process(lab, host(source), "usrp"),
            Self::PauseAgent { source } => {
                signal_agent(lab, host(source), "-STOP");
                sleep(lasting);
                signal_agent(lab, host(source), "-CONT");
            }
            Self::KillAgent { source } => end_agent(lab, host(source), "-KILL"),
            Self::EndAgent { source } => end_agent(lab, host(source), "-TERM"),
            Self::PauseUsrp { source } => {
                if let Some(pid) = process_id(lab, host(source), "usrp") {
                    lab.exec("console", &["kill", "-STOP", &pid]);
                    sleep(lasting);
                    lab.exec("console", &["kill", "-CONT", &pid]);
                }
            }
            Self::RadioPortDown { source } => down(lab, host(source), "eth3", lasting),
            Self::ManagementDown { source } => down(lab, host(source), "mgmt0", lasting),
            Self::RadioDeaf => {
                tell(lab, &format!("fault = {{ radio = \"pool\", kind = \"deaf\", for = {:.1} }}", lasting.as_secs_f64()))
            }
            Self::RadioBrownOut => tell(lab, "fault = { radio = \"pool\", kind = \"brown-out\", for = 0.3 }"),
            Self::KillOrderer => drop(orderer.kill()),
        }
    }
}

fn down(lab: &Lab, host: &str, interface: &str, lasting: Duration) {
    lab.exec(host, &["ip", "link", "set", interface, "down"]);
    sleep(lasting);
    lab.exec(host, &["ip", "link", "set", interface, "up"]);
}

fn tell(lab: &Lab, event: &str) {
    lab.exec("console", &[env!("CARGO_BIN_EXE_baton"), "n210", "tell", "/run/baton/n210.sock", event]);
}

fn kill_process(lab: &Lab, host: &str, role: &str) {
    if let Some(pid) = process_id(lab, host, role) {
        lab.exec("console", &["kill", "-KILL", &pid]);
    }
}

fn process_id(lab: &Lab, host: &str, role: &str) -> Option<String> {
    status(lab)["hosts"][host]["status"][role]["pid"].as_u64().map(|pid| pid.to_string())
}

/// Stops or continues it.
fn signal_agent(lab: &Lab, host: &str, signal: &str) {
    lab.exec("console", &["pkill", signal, "-f", &format!("agent --host {host}$")]);
}

/// From the end of an agent to the next one, which the lab starts after a failure.
const AGAIN_WITHIN: Duration = Duration::from_secs(4);
/// An agent that is told to end brings an order past its cut to the end first.
const ENDS_WITHIN: Duration = Duration::from_secs(120);

/// Ends an agent. Where the lab starts no other one, because it ended in peace or was not the lab's own, this does, as an upgrade would.
fn end_agent(lab: &Lab, host: &str, signal: &str) {
    let Some(old) = agent(lab, host) else { return };
    lab.exec("console", &["kill", signal, &old]);
    let since = Instant::now();
    while agent(lab, host).as_deref() == Some(&old) {
        assert!(since.elapsed() < ENDS_WITHIN, "the agent of {host} does not end");
        sleep(LOOK);
    }
    let since = Instant::now();
    while signal == "-KILL" && since.elapsed() < AGAIN_WITHIN {
        if agent(lab, host).is_some() {
            return;
        }
        sleep(LOOK);
    }
    let again = format!("exec setsid --fork {} agent --host {host} </dev/null >/dev/null 2>&1", env!("CARGO_BIN_EXE_baton"));
    lab.exec(host, &["sh", "-c", &again]);
}

/// Between two looks at the processes.
const LOOK: Duration = Duration::from_millis(100);

/// The process id of a host's agent.
fn agent(lab: &Lab, host: &str) -> Option<String> {
    let found = lab.exec("console", &["pgrep", "-o", "-f", &format!("baton .*agent --host {host}$")]);
    let pid = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    (!pid.is_empty()).then_some(pid)
}

/// What every host says of itself; null where nobody answers.
pub fn status(lab: &Lab) -> Value {
    let output = baton(lab.state.path()).args(["--in", &lab.name, "status", "--json"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}
