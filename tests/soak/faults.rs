//! What may go wrong, made from outside.

use std::thread::sleep;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value;

use super::hosts::{agent_of, await_agent, down, end_agent, kept, pause, signal};
use crate::common::lab::{Lab, baton};

/// Whose the fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The server that has the work when it is made.
    Serving,
    Other,
}

/// The servers of the pool, by what they do when the faults are made.
#[derive(Debug, Clone, Copy)]
pub struct Sides {
    pub serving: &'static str,
    pub other: &'static str,
}

impl Sides {
    const fn host(self, side: Side) -> &'static str {
        match side {
            Side::Serving => self.serving,
            Side::Other => self.other,
        }
    }
}

/// What of a host can be killed or stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    D2d,
    Usrp,
    Agent,
    Both,
    /// Agent and both processes at once.
    Host,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// For comparison.
    None,
    Kill(What, Side),
    /// SIGSTOP, and SIGCONT after so long.
    Pause(What, Side, Duration),
    /// An agent is told to end and the next one starts, as an upgrade does.
    EndAgent(Side),
    /// A port is down for so long.
    Down(&'static str, Side, Duration),
    /// Both ports.
    BothDown(Side, Duration),
    /// What the host sends to the other server by the management network does not arrive.
    OneWay(Side, Duration),
    RadioDeaf(Duration),
    RadioBrownOut,
    KillOrderer,
}

const WHATS: [What; 5] = [What::D2d, What::Usrp, What::Agent, What::Both, What::Host];

/// Most are short; some outlast every deadline.
fn lasting(random: &mut StdRng) -> Duration {
    Duration::from_millis(match random.random_range(0..20) {
        0 => 30_000,
        1 | 2 => 5000,
        3..=6 => 1000,
        _ => random.random_range(20..3000),
    })
}

impl Fault {
    pub fn random(random: &mut StdRng) -> Self {
        let side = if random.random_bool(0.65) { Side::Serving } else { Side::Other };
        let what = WHATS[random.random_range(0..WHATS.len())];
        match random.random_range(0..16) {
            0 => Self::None,
            1..=4 => Self::Kill(what, side),
            5..=8 => Self::Pause(what, side, lasting(random)),
            9 => Self::EndAgent(side),
            10 => Self::Down("eth3", side, lasting(random)),
            11 => Self::Down("mgmt0", side, lasting(random)),
            12 => Self::BothDown(side, lasting(random)),
            13 => Self::OneWay(side, lasting(random)),
            14 => Self::KillOrderer,
            _ if random.random_bool(0.5) => Self::RadioBrownOut,
            _ => Self::RadioDeaf(lasting(random)),
        }
    }

    /// Whether only the server that has the work is hit: one that follows it is to go on.
    pub const fn leaves_the_other(self) -> bool {
        matches!(
            self,
            Self::None
                | Self::KillOrderer
                | Self::Kill(_, Side::Serving)
                | Self::Pause(_, Side::Serving, _)
                | Self::EndAgent(Side::Serving)
                | Self::Down(_, Side::Serving, _)
                | Self::BothDown(Side::Serving, _)
                | Self::OneWay(Side::Serving, _)
        )
    }

    /// Makes it and, where it is one that passes, ends it.
    pub fn strike(self, lab: &Lab, sides: Sides, orderer: Option<u32>) {
        match self {
            Self::None => {}
            Self::Kill(What::Agent, side) => end_agent(lab, sides.host(side), "-KILL"),
            Self::Kill(what, side) => {
                signal(lab, &found(sides.host(side), what), "KILL");
                if what == What::Host {
                    await_agent(lab, sides.host(side));
                }
            }
            Self::Pause(what, side, lasting) => pause(lab, &found(sides.host(side), what), lasting),
            Self::EndAgent(side) => end_agent(lab, sides.host(side), "-TERM"),
            Self::Down(port, side, lasting) => down(lab, sides.host(side), &[port], lasting),
            Self::BothDown(side, lasting) => down(lab, sides.host(side), &["eth3", "mgmt0"], lasting),
            Self::OneWay(side, lasting) => {
                let host = sides.host(side);
                let there = if host == "server1" { "10.77.0.12/32" } else { "10.77.0.11/32" };
                let route = |verb| drop(lab.exec(host, &["ip", "route", verb, "blackhole", there]));
                route("add");
                sleep(lasting);
                route("del");
            }
            Self::RadioDeaf(lasting) => {
                tell(lab, &format!("fault = {{ radio = \"pool\", kind = \"deaf\", for = {:.3} }}", lasting.as_secs_f64()));
                sleep(lasting);
            }
            Self::RadioBrownOut => tell(lab, "fault = { radio = \"pool\", kind = \"brown-out\", for = 0.3 }"),
            Self::KillOrderer => {
                let orderer = orderer.and_then(|pid| i32::try_from(pid).ok()).map(nix::unistd::Pid::from_raw);
                if let Some(pid) = orderer {
                    // One that has ended is not there to be killed.
                    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
                }
            }
        }
    }
}

/// Shell words that find what is meant.
fn found(host: &str, what: What) -> String {
    let (of, agent) = (|role: &str| kept(host, role), agent_of(host));
    match what {
        What::D2d => of("d2d"),
        What::Usrp => of("usrp"),
        What::Agent => agent,
        What::Both => format!("{} {}", of("usrp"), of("d2d")),
        What::Host => format!("{} {} {agent}", of("usrp"), of("d2d")),
    }
}

fn tell(lab: &Lab, event: &str) {
    lab.exec("console", &[env!("CARGO_BIN_EXE_baton"), "n210", "tell", "/run/baton/n210.sock", event]);
}

/// What every host says of itself; null where nobody answers.
pub fn status(lab: &Lab) -> Value {
    let output = baton(lab.state.path()).args(["--in", &lab.name, "status", "--json"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}
