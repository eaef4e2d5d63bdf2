//! What may go wrong in a pool, made from outside and mended.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::orders::{any_radio, any_server};
use super::{RADIOS, SERVERS};
use crate::common::lab::{Lab, text};
use crate::hosts::{agent_of, await_agent, down, end_agent, kept, pause, signal};

/// All that a server has; a lab has no more than these.
const PORTS: [&str; 4] = ["eth3", "eth4", "eth5", "mgmt0"];

/// What of a radio's work on a server can be killed or stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    D2d,
    Usrp,
    Both,
}

/// Radios and servers by their place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PoolFault {
    Kill {
        part: Part,
        radio: usize,
        server: usize,
    },
    Pause {
        part: Part,
        radio: usize,
        server: usize,
        lasting: Duration,
    },
    KillAgent {
        server: usize,
    },
    PauseAgent {
        server: usize,
        lasting: Duration,
    },
    /// It is told to end and the next one starts, as an upgrade does.
    EndAgent {
        server: usize,
    },
    /// The cable to the radio.
    CutRadio {
        radio: usize,
        server: usize,
        lasting: Duration,
    },
    CutManagement {
        server: usize,
        lasting: Duration,
    },
    /// Agent and all processes.
    KillServer {
        server: usize,
    },
    PauseServer {
        server: usize,
        lasting: Duration,
    },
    /// All cables, and agent and processes killed or stopped.
    LoseServer {
        server: usize,
        kills: bool,
        lasting: Duration,
    },
}

/// Most are short; some outlast the deadlines of a flow.
fn lasting(random: &mut StdRng) -> Duration {
    Duration::from_millis(match random.random_range(0..12) {
        0 => 8000,
        _ => random.random_range(20..3000),
    })
}

impl PoolFault {
    /// Of a radio's work mostly where it is served.
    pub fn random(random: &mut StdRng, at: [Option<usize>; RADIOS.len()]) -> Self {
        let (radio, other, serving) = (any_radio(random), any_server(random), random.random_bool(0.65));
        let server = at[radio].filter(|_| serving).unwrap_or(other);
        let part = [Part::D2d, Part::Usrp, Part::Both][random.random_range(0..3)];
        let lasting = lasting(random);
        match random.random_range(0..14) {
            0 | 1 => Self::Kill { part, radio, server },
            2..=4 => Self::Pause { part, radio, server, lasting },
            5 => Self::KillAgent { server },
            6 => Self::PauseAgent { server, lasting },
            7 => Self::EndAgent { server },
            8 | 9 => Self::CutRadio { radio, server, lasting },
            10 => Self::CutManagement { server, lasting },
            11 => Self::KillServer { server },
            12 => Self::PauseServer { server, lasting },
            _ => Self::LoseServer { server, kills: random.random_bool(0.5), lasting },
        }
    }

    const fn server(self) -> usize {
        match self {
            Self::Kill { server, .. } | Self::Pause { server, .. } | Self::CutRadio { server, .. } => server,
            Self::KillAgent { server } | Self::EndAgent { server } | Self::KillServer { server } => server,
            Self::PauseAgent { server, .. } | Self::CutManagement { server, .. } => server,
            Self::PauseServer { server, .. } | Self::LoseServer { server, .. } => server,
        }
    }

    /// Whether the radio may feel it while that server serves it and nothing is ordered.
    pub fn hits(self, radio: usize, at: Option<usize>) -> bool {
        let other = match self {
            Self::Kill { radio: hit, .. } | Self::Pause { radio: hit, .. } | Self::CutRadio { radio: hit, .. } => hit != radio,
            _ => false,
        };
        at == Some(self.server()) && !other
    }

    /// Makes it, and mends what does not pass by itself.
    pub fn strike(self, lab: &Lab) {
        let host = SERVERS[self.server()];
        match self {
            Self::Kill { part, radio, .. } => drop(signal(lab, &found(host, radio, part), "KILL")),
            Self::Pause { part, radio, lasting, .. } => pause(lab, &found(host, radio, part), lasting),
            Self::KillAgent { .. } => end_agent(lab, host, "-KILL"),
            Self::PauseAgent { lasting, .. } => pause(lab, &agent_of(host), lasting),
            Self::EndAgent { .. } => end_agent(lab, host, "-TERM"),
            Self::CutRadio { radio, lasting, .. } => {
                let seconds = format!("{:.3}", lasting.as_secs_f64());
                let cut = lab.baton(&["lab", "fault", host, "cut-eth3", "--radio", RADIOS[radio], "--for", &seconds]);
                assert!(cut.status.success(), "{self:?}: {}", text(&cut.stderr));
            }
            Self::CutManagement { lasting, .. } => down(lab, host, &["mgmt0"], lasting),
            Self::KillServer { .. } => {
                signal(lab, &everything(host), "KILL");
                await_agent(lab, host);
            }
            Self::PauseServer { lasting, .. } => pause(lab, &everything(host), lasting),
            Self::LoseServer { kills, lasting, .. } => std::thread::scope(|scope| {
                scope.spawn(|| down(lab, host, &PORTS, lasting));
                if kills {
                    signal(lab, &everything(host), "KILL");
                    await_agent(lab, host);
                } else {
                    pause(lab, &everything(host), lasting);
                }
            }),
        }
    }
}

/// Shell words for processes of a radio's work.
fn found(host: &str, radio: usize, part: Part) -> String {
    let of = |role| kept(&format!("{}/{host}", RADIOS[radio]), role);
    match part {
        Part::D2d => of("d2d"),
        Part::Usrp => of("usrp"),
        Part::Both => format!("{} {}", of("usrp"), of("d2d")),
    }
}

fn everything(host: &str) -> String {
    let work: Vec<String> = (0..RADIOS.len()).map(|radio| found(host, radio, Part::Both)).collect();
    format!("{} {}", work.join(" "), agent_of(host))
}
