//! A cluster file with every key explained.

use std::path::Path;

/// A complete cluster file: two hosts that share one radio, and a far end that probes. Users copy it; tests read it.
pub const EXAMPLE: &str = include_str!("example.toml");

/// The example for a cluster on one machine: agents listen on Unix sockets in `folder`, which holds records and runtime as well.
pub fn example_in(folder: &Path) -> String {
    let folder = folder.display();
    EXAMPLE
        .replace("\"/var/lib/baton/records\"", &format!("\"{folder}/records\""))
        .replace("\"/run/baton\"", &format!("\"{folder}/run\""))
        .replace("tcp://10.77.0.", &format!("ipc://{folder}/"))
}
