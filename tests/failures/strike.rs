//! A cell's fault as the text of a file of faults, and what is done from outside.

use std::path::Path;

use super::cells::{Cell, Fault};

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
        Fault::Kill(side, role) => {
            let file = format!("/run/baton/{}/{role}.pid", cell.place.host(side));
            format!(r#"kill -KILL $(sed 's/.*"pid": *\([0-9]*\).*/\1/' {file})"#)
        }
        Fault::RadioPort => port("eth3"),
        Fault::Management => port("mgmt0"),
        Fault::Deaf => format!("{}; {}", tell(&format!("{DEAF}, for = {LASTING}.0 }}")), passes("")),
        Fault::DeafThroughout => tell(&format!("{DEAF} }}")),
        _ => String::new(),
    }
}

const DEAF: &str = "fault = { radio = \"pool\", kind = \"deaf\"";
/// The event that ends a radio's faults.
pub const HEARS: &str = "fault = { radio = \"pool\", kind = \"none\" }";

fn tell(event: &str) -> String {
    format!("{} n210 tell /run/baton/n210.sock '{event}'", env!("CARGO_BIN_EXE_baton"))
}

/// Whether it ends by itself, some time after it began.
pub fn passes(fault: Fault) -> bool {
    matches!(fault, Fault::RadioPort | Fault::Management | Fault::Deaf)
}
