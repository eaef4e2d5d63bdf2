//! A cell's fault as the text of a file of faults, and what is done from outside.

use std::path::Path;

use baton::migration::flow::Side;

use super::cells::{Cell, Fault, Paused, Process};

/// How long what passes lasts, s.
const LASTING: u32 = 3;

/// The file of the host that is asked. `number` makes it differ from the one before; `over` is touched when a fault that passes has passed.
pub fn file(cell: &Cell, number: usize, over: &Path) -> String {
    let program = format!("\ndo = \"run\"\nrun = [\"sh\", \"-c\", {}]", serde_json::to_string(&script(cell, over)).unwrap());
    let deed = match cell.fault {
        Fault::Error => "\ndo = \"fail\"",
        Fault::NoReply => "\ndo = \"no_reply\"",
        Fault::Lost => "\ndo = \"lose\"",
        Fault::DiesBefore => "\ndo = \"die_before\"",
        Fault::DiesAfter => "\ndo = \"die_after\"",
        _ => &program,
    };
    let (command, occurrence) = (cell.place.command(), cell.place.occurrence);
    format!("# {number}: {cell}\n[[fault]]\ncommand = \"{command}\"\noccurrence = {occurrence}{deed}\n")
}

fn script(cell: &Cell, over: &Path) -> String {
    let passes = |end: &str| format!("(sleep {LASTING}; {end} touch {}) > /dev/null 2>&1 &", over.display());
    let port = |name: &str| format!("ip link set {name} down; {}", passes(&format!("ip link set {name} up;")));
    match cell.fault {
        Fault::Kill(side, process) => format!("kill -KILL $({})", pid_of(cell.place.host(side), process)),
        // The agent, which waits for this program, takes it in meanwhile.
        Fault::Cancelled => format!("{} do cancel", env!("CARGO_BIN_EXE_baton")),
        Fault::Pause(side, paused, ms) => stop(cell.place.host(side), paused, ms, over),
        Fault::Terminated => "kill -TERM $PPID".into(),
        Fault::OwnerForgotten => format!("rm -f {STATE}/{}.*owner.json; kill -KILL $PPID", cell.asked()),
        Fault::OneWay => {
            let other =
                cell.place.host(if cell.asked() == cell.place.host(Side::Source) { Side::Destination } else { Side::Source });
            let there = format!("blackhole {}/32", management_address(other));
            format!("ip route add {there}; {}", passes(&format!("ip route del {there};")))
        }
        Fault::RadioPort => port("eth3"),
        Fault::Management => port("mgmt0"),
        Fault::Deaf => format!("{}; {}", tell(&format!("{DEAF}, for = {LASTING}.0 }}")), passes("")),
        Fault::DeafThroughout => tell(&format!("{DEAF} }}")),
        _ => String::new(),
    }
}

/// Where the lab's agents keep what they need after a restart.
const STATE: &str = "/run/baton/state";

fn management_address(host: &str) -> &'static str {
    if host == "server1" { "10.77.0.11" } else { "10.77.0.12" }
}

/// Stops a process, and has it go on after `ms`. Where that is the agent itself, it carries the command out only then.
fn stop(host: &str, paused: Paused, ms: u32, over: &Path) -> String {
    let found = match paused {
        Paused::Agent => format!("pgrep -nf '^[^ ]*baton agent --host {host}'"),
        Paused::Process(process) => pid_of(host, process),
    };
    let seconds = f64::from(ms) / 1e3;
    format!("P=$({found}); (sleep {seconds}; kill -CONT $P; touch {}) > /dev/null 2>&1 & kill -STOP $P", over.display())
}

/// Prints the number of a process of the work: in a pod, where there is one.
fn pid_of(host: &str, process: Process) -> String {
    let role = match process {
        Process::D2d => "d2d",
        Process::Usrp => "usrp",
        // The brackets keep the pattern from finding itself.
        Process::Qemu => return format!("pgrep -nf '[q]emu-system.*/run/baton/{host}/guest'"),
    };
    let folder = format!("/run/baton/{host}");
    format!(r#"cat {folder}/pod/{role}.pid {folder}/{role}.pid 2>/dev/null | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' | head -n 1"#)
}

const DEAF: &str = "fault = { radio = \"pool\", kind = \"deaf\"";
/// The event that ends a radio's faults.
pub const HEARS: &str = "fault = { radio = \"pool\", kind = \"none\" }";

fn tell(event: &str) -> String {
    format!("{} n210 tell /run/baton/n210.sock '{event}'", env!("CARGO_BIN_EXE_baton"))
}

/// Whether it ends by itself, some time after it began.
pub fn passes(fault: Fault) -> bool {
    matches!(fault, Fault::RadioPort | Fault::Management | Fault::Deaf | Fault::OneWay | Fault::Pause(..))
}
