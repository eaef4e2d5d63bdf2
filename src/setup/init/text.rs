//! The cluster file, as an operator reads it.

use std::path::Path;

use toml::Value;

use super::answers::Answers;
use super::values::{HostAt, PORTS};

/// Samples per second: what the modem needs for 5 MHz, the N210's 100 MHz over 16 (docs/modem.md).
const RATE: f64 = 100e6 / 16.0;

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A name as a part of a table's name.
fn key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_bare { name.to_owned() } else { quoted(name) }
}

fn number(number: f64) -> String {
    Value::from(number).to_string()
}

/// The text of a file that stands with its key in `folder`, the same on every host.
pub fn cluster_file(answers: &Answers, folder: &Path) -> String {
    let hosts = answers.hosts.iter().map(|host| host_section(answers, host));
    [head(answers, folder), addresses(answers), standby(), workload(), hosts.collect(), radios(answers)].concat()
}

fn head(answers: &Answers, folder: &Path) -> String {
    let [initiator, destination, ..] = answers.hosts.as_slice() else { return String::new() };
    let far_end = answers.far_end.as_ref().map_or_else(String::new, |host| format!("far_end = {}\n", quoted(host)));
    let about = answers.far_end.as_ref().map_or_else(
        || "No host probes from the other end of the air: name it as far_end.".to_owned(),
        |host| format!("{host} is at the other end of the air, and probes."),
    );
    format!(
        r"# The cluster file of baton, written by `baton init`. Every host has the same one, and the same key.
# After a change: copy it to every host, and restart the agents there. `baton init --example` explains every key that there is.

# From this key the certificates of agents and consoles are derived. Who has it commands the cluster.
key_file = {key_file}

# Folder for the records of migrations, and for what an agent remembers when it is started again.
records = {records}
state = {state}
# Folder for the sockets between an agent and its processes; in memory, and gone after a boot.
runtime = {runtime}

# The work starts on {initiator} and moves to {destination}. {about}
[roles]
initiator = {quoted_initiator}
destination = {quoted_destination}
{far_end}",
        key_file = quoted(&super::key(folder).to_string_lossy()),
        records = quoted("/var/lib/baton/records"),
        state = quoted("/var/lib/baton/state"),
        runtime = quoted("/run/baton"),
        initiator = initiator.name,
        destination = destination.name,
        quoted_initiator = quoted(&initiator.name),
        quoted_destination = quoted(&destination.name),
    )
}

fn addresses(answers: &Answers) -> String {
    let Answers { active, parked, tun_address, far_end, .. } = answers;
    let probe = match far_end {
        None => String::new(),
        Some(host) => format!(
            "
# What {host} probes, and how often (1 to 60000 ms): the address of tun that moves with the work.
[probe]
target = {}
interval_ms = 100.0
",
            quoted(&tun_address.address().to_string())
        ),
    };
    format!(
        "
# Addresses of the interface towards the radio, in two subnets: of the one host that the radio talks to, and of a host that must not own it.
[addresses]
active = {}
parked = {}
{probe}",
        quoted(&active.to_string()),
        quoted(&parked.to_string()),
    )
}

fn standby() -> String {
    let usual = config::Standby::default();
    format!(
        r#"
# The server that does not serve may follow the other one, and take over when that falls silent: "manual" when an operator arms it, "armed" by itself. The
# heartbeats come to that UDP port on both networks; a packet filter has to let them in.
[standby]
policy = "manual"
heartbeat_port = {}
"#,
        usual.heartbeat_port
    )
}

fn workload() -> String {
    r#"
# What agents run: the modem, the process between modem and radio, and the initialisation of the radio by libuhd (package baton-uhd).
[workload]
d2d = ["/usr/bin/baton", "d2d"]
usrp = ["/usr/bin/baton", "usrp"]
uhd = ["/usr/bin/baton-uhd"]

# Settings of the modem (docs/modem.md): 5 MHz, QPSK, one antenna each way, both ends at the same time on two carriers.
[workload.control]
CPtype = 0
BW = 5
RBIdx = 25
numAntennaTX = 1
numAntennaRX = 1
DLULAssign = 0
trans_mode = 1
type_mode = 1
duplexMode = 1
"#
    .to_owned()
}

fn host_section(answers: &Answers, host: &HostAt) -> String {
    let is_far = answers.far_end.as_ref() == Some(&host.name);
    let (radio, address) =
        if is_far { (&answers.far_radio, answers.far_tun_address) } else { (&answers.radio, answers.tun_address) };
    let [command, telemetry] = PORTS.map(|port| quoted(&host.endpoint(port)));
    // Every host has one: it was asked for by host.
    let port = answers.ports.get(host.name.as_str()).cloned().unwrap_or_else(super::usual_port);
    let work = if is_far {
        "# Starts its end of the air with its agent. It alone knows the cell, which the others detect.
autostart = true
control = { workmode = 0, phy_cell_ID = 301, group_ID = 100, cell_ID = 1, RNTI = 61 }
"
    } else {
        "control = { workmode = 1 }
"
    };
    format!(
        "
[host.{name}]
# Where its agent takes commands, and where it publishes telemetry.
command = {command}
telemetry = {telemetry}
radio = {radio}
# Interface towards the radio.
radio_port = {port}
# The agent makes tun, which carries IP over the air, with this address, and switches radio_port on when it starts.
tun_address = {address}
{work}",
        name = key(&host.name),
        radio = quoted(&radio.name),
        port = quoted(&port),
        address = quoted(&address.to_string()),
    )
}

fn radios(answers: &Answers) -> String {
    let Answers { radio, far_radio, far_end, carriers: (transmit, receive), gain, antennas, reference, .. } = answers;
    let section = |name: &str, address: std::net::Ipv4Addr, transmit: f64, receive: f64| {
        let (tx_ant, rx_ant) = antennas;
        format!(
            "[radio.{name}]
args = {args}
rate = {rate}
tx_freq = {transmit}
rx_freq = {receive}
gain = {gain}
tx_ant = {tx_ant}
rx_ant = {rx_ant}
ref = {reference}
bw = {rate}
",
            name = key(name),
            args = quoted(&format!("addr={address}")),
            rate = number(RATE),
            transmit = number(transmit),
            receive = number(receive),
            gain = number(*gain),
            tx_ant = quoted(tx_ant),
            rx_ant = quoted(rx_ant),
            reference = quoted(reference.name()),
        )
    };
    let mut text = "
# Radios: UHD's arguments, samples per second, frequencies in Hz, gain in dB, antennas as UHD lists them, clock and time (internal, external, mimo or
# gpsdo), and bandwidth of the front end in Hz.
"
    .to_owned();
    text.push_str(&section(&radio.name, radio.address, *transmit, *receive));
    if far_end.is_some() {
        text.push('\n');
        text.push_str(&section(&far_radio.name, far_radio.address, *receive, *transmit));
    }
    text
}
