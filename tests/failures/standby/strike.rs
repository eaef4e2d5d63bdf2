//! Makes a cell's fault from outside, and ends it.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::outside::{Outside, POOL};
use super::cells::{Cell, Cut, Fault, Network};
use crate::common::lab::{Lab, text};

/// A network as the lab has it: interface of a host, namespace of its switch. The switch's port to a host has the host's name.
const RADIO: (&str, &str) = ("eth3", "switch");
const MANAGEMENT: (&str, &str) = ("mgmt0", "console");

/// What ends a fault.
pub enum Mend {
    Nothing,
    Continue(Vec<i32>),
    Up(&'static str, Vec<&'static str>),
    /// Rules in the namespace of a switch.
    Unfilter(&'static str),
    RadioHears,
}

fn networks(network: Network) -> Vec<(&'static str, &'static str)> {
    match network {
        Network::Radio => vec![RADIO],
        Network::Management => vec![MANAGEMENT],
        Network::Both => vec![RADIO, MANAGEMENT],
    }
}

/// Makes the fault; how it is ended.
pub fn begin(cell: &Cell, lab: &Lab, root: &Path, outside: &Outside) -> Mend {
    match cell.fault {
        Fault::Nothing => Mend::Nothing,
        Fault::Cut(role, network, Cut::Down) => {
            let (host, interfaces) = (cell.host(role), networks(network).into_iter().map(|(interface, _)| interface));
            let interfaces: Vec<&str> = interfaces.collect();
            let down: Vec<String> = interfaces.iter().map(|name| format!("ip link set {name} down")).collect();
            inside(root, host, &down.join("; "));
            Mend::Up(host, interfaces)
        }
        Fault::Cut(role, network, cut) => {
            // At the port of the switch: the host's own programs notice nothing of it.
            let (_, switch) = networks(network)[0];
            let hook = if cut == Cut::Sends { "ingress" } else { "egress" };
            let chain = format!("{{ type filter hook {hook} device \"{}\" priority 0; policy drop; }}", cell.host(role));
            inside(root, switch, &format!("nft 'add table netdev cut; add chain netdev cut lost {chain}'"));
            Mend::Unfilter(switch)
        }
        Fault::Kill(role, part) => {
            let found = outside.pids(place(cell.host(role)), |program| part.has(program));
            found.iter().for_each(|&pid| signal(pid, Signal::SIGKILL));
            Mend::Nothing
        }
        Fault::Pause(role, part, _) => {
            let found = outside.pids(place(cell.host(role)), |program| part.has(program));
            found.iter().for_each(|&pid| signal(pid, Signal::SIGSTOP));
            Mend::Continue(found)
        }
        Fault::RadioSilent | Fault::RadioSilentThroughout => {
            lab.n210_fault("kind = \"deaf\"");
            Mend::RadioHears
        }
        // It has its power again by itself.
        Fault::BrownOut => {
            lab.n210_fault("kind = \"brown-out\", for = 0.3");
            Mend::Nothing
        }
    }
}

/// Ends it.
pub fn end(mend: Mend, lab: &Lab, root: &Path) {
    match mend {
        Mend::Nothing => {}
        // One that its agent has ended meanwhile is gone.
        Mend::Continue(pids) => pids.into_iter().for_each(|pid| _ = kill(Pid::from_raw(pid), Signal::SIGCONT)),
        Mend::Up(host, interfaces) => {
            let up: Vec<String> = interfaces.iter().map(|name| format!("ip link set {name} up")).collect();
            inside(root, host, &up.join("; "));
        }
        Mend::Unfilter(switch) => inside(root, switch, "nft delete table netdev cut"),
        Mend::RadioHears => lab.n210_fault("kind = \"none\""),
    }
}

fn place(host: &str) -> usize {
    POOL.iter().position(|name| *name == host).unwrap()
}

fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// Runs a script in a network namespace of the lab, without starting a program of baton's.
fn inside(root: &Path, namespace: &str, script: &str) {
    let mut enter = Command::new("nsenter");
    enter.arg(format!("--net={}", root.join("run/netns").join(namespace).display())).args(["sh", "-ec", script]);
    let output = enter.output().unwrap();
    assert!(output.status.success(), "{script} in {namespace}: {}", text(&output.stderr));
}
