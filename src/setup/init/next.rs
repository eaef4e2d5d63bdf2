//! What is left to do, as commands.

use std::fmt::Write;
use std::path::Path;

use super::offers::Offers;
use super::place::{Placed, SERVICE};
use super::values::PORTS;
use super::{file, key};
use crate::setup::unit;
use config::{Config, Endpoint};

/// The commands for every host, and the first ones from this machine.
pub fn commands(config: &Config, folder: &Path, placed: &Placed, offers: &Offers) -> String {
    let (file, key) = (file(folder).display().to_string(), key(folder).display().to_string());
    let what = if placed.key_made { "were written" } else { "was written, and the key" };
    let mut text =
        if placed.key_made { format!("{file} and {key} {what}.\n") } else { format!("{file} {what} {key} stays as it is.\n") };
    let rights = format!("chown root:{SERVICE} {key} && chmod 640 {key}");
    if placed.key_made && !placed.for_service {
        let _ = writeln!(
            text,
            "The user {SERVICE}, as whom agents run, cannot read the key yet; once the package is installed here, as root: {rights}"
        );
    }
    text.push_str("\nOn every host install the packages: apt install ./baton_*.deb ./baton-uhd_*.deb. Then, for each of them:\n");
    for (name, host) in &config.host {
        let Endpoint::Tcp { host: address, .. } = &host.command else { continue };
        let unit = unit(name);
        if offers.is_here(address) {
            let _ = writeln!(
                text,
                "\n{name} is this machine:\n    {rights}\n    systemctl enable --now {unit}\n    baton --config {file} doctor --host {name}"
            );
            continue;
        }
        let bracketed = if address.contains(':') { format!("[{address}]") } else { address.clone() };
        let folder = folder.display();
        let _ = writeln!(
            text,
            "\n{name}:\n    ssh root@{address} install -d -m 755 {folder}\n    scp -p {file} {key} root@{bracketed}:{folder}/\n    ssh root@{address} '{rights} && systemctl enable --now {unit} && \
             baton --config {file} doctor --host {name}'"
        );
    }
    let _ = writeln!(
        text,
        "\nA packet filter on a host has to let in TCP to its agent's ports {} and UDP to port {} (an armed standby's heartbeats); doctor looks at that, too.",
        PORTS.map(|port| port.to_string()).join(" and "),
        config.standby.heartbeat_port
    );
    let _ = write!(
        text,
        "\nThen, from this machine, how all hosts are set up, and the work on {}:\n    baton --config {file} doctor\n    baton --config {file} do DS\n",
        config.roles.initiator
    );
    text
}
