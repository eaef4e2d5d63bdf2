//! What is right and wrong about a host. Pure: facts in, findings out.

mod address;
mod files;
mod firewall;
mod port;
mod process;
mod processors;
mod radio;
mod shell;
mod stack;
mod tun;
mod uhd;

use super::facts::Facts;
use protocol::Examined;

/// Everything, in the order in which an operator mends it.
pub fn all(facts: &Facts) -> Vec<Examined> {
    let checks = [process::judge, files::judge, tun::judge, uhd::judge, port::judge, stack::judge, firewall::judge];
    let more = [processors::judge, address::judge, radio::judge];
    checks.iter().chain(&more).flat_map(|judge: &fn(&Facts) -> Vec<Examined>| judge(facts)).collect()
}

#[cfg(test)]
mod tests;
