//! What there is in a lab's servers, without asking an agent.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;

use super::{RADIOS, SERVERS};
use crate::common::lab::Lab;
use crate::common::transmitters::Mac;

/// Of the work, by the word behind the program's name.
const ROLES: [&str; 2] = ["d2d", "usrp"];

/// A look at all servers.
#[derive(Debug, Default)]
pub struct Outside {
    /// Who has each radio's address.
    pub holders: [Vec<usize>; RADIOS.len()],
    /// Who has the address on tun that its far end pings.
    pub tuns: [Vec<usize>; RADIOS.len()],
    /// Who runs how many processes of its work.
    pub processes: [BTreeMap<usize, usize>; RADIOS.len()],
    /// Processes of the work that no agent has written down, and programs beyond the agent that are none of the work.
    pub strays: Vec<String>,
    /// Servers without exactly one agent.
    pub agents: Vec<String>,
    /// Which server has a hardware address.
    pub macs: BTreeMap<Mac, usize>,
}

impl Outside {
    pub fn look(lab: &Lab) -> Self {
        let mut seen = Self::default();
        for server in 0..SERVERS.len() {
            seen.interfaces(lab, server);
        }
        seen.programs(&lab.root());
        seen
    }

    fn interfaces(&mut self, lab: &Lab, server: usize) {
        let said = lab.exec(SERVERS[server], &["sh", "-c", "ip -o -4 address show; ip -o link show"]);
        for line in String::from_utf8_lossy(&said.stdout).lines() {
            for radio in 0..RADIOS.len() {
                if line.contains(&format!(" {}/", active(radio))) {
                    self.holders[radio].push(server);
                }
                if line.contains(&format!(" {}/", served_at(radio))) {
                    self.tuns[radio].push(server);
                }
            }
            let mac = line.split_once("link/ether ").and_then(|(_, rest)| mac(rest.split(' ').next()?));
            self.macs.extend(mac.map(|mac| (mac, server)));
        }
    }

    /// By their command lines and network namespaces.
    fn programs(&mut self, root: &Path) {
        let networks: Vec<u64> = SERVERS
            .iter()
            .map(|server| fs::metadata(root.join("run/netns").join(server)).map(|network| network.ino()).unwrap_or_default())
            .collect();
        let kept = kept(root);
        let mut agents = [0; SERVERS.len()];
        for entry in fs::read_dir(root.join("proc")).unwrap().filter_map(Result::ok) {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok()) else { continue };
            let link = fs::metadata(entry.path().join("ns/net")).map(|network| network.ino()).unwrap_or_default();
            let Some(server) = networks.iter().position(|network| *network == link) else { continue };
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words: Vec<String> =
                words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
            match words.get(1).map(String::as_str) {
                Some("agent") => agents[server] += 1,
                Some(role) if ROLES.contains(&role) => match kept.get(&(server, pid)) {
                    Some(radio) => *self.processes[*radio].entry(server).or_default() += 1,
                    None => self.strays.push(format!("{} {pid}: {}", SERVERS[server], words.join(" "))),
                },
                _ => {}
            }
        }
        let odd = (0..SERVERS.len()).filter(|server| agents[*server] != 1);
        self.agents = odd.map(|server| format!("{} has {} agents", SERVERS[server], agents[server])).collect();
    }
}

/// Which radio's work a process is, by what agents have written down.
fn kept(root: &Path) -> BTreeMap<(usize, u64), usize> {
    let mut found = BTreeMap::new();
    for (radio, name) in RADIOS.iter().enumerate() {
        for (server, host) in SERVERS.iter().enumerate() {
            for role in ROLES {
                let text = fs::read_to_string(root.join(format!("run/baton/{name}/{host}/{role}.pid"))).unwrap_or_default();
                let kept: Value = serde_json::from_str(&text).unwrap_or_default();
                found.extend(kept["pid"].as_u64().map(|pid| ((server, pid), radio)));
            }
        }
    }
    found
}

fn mac(text: &str) -> Option<Mac> {
    let bytes: Vec<u8> = text.split(':').map_while(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes.try_into().ok()
}

/// The address of whoever serves the radio, towards it.
fn active(radio: usize) -> String {
    format!("192.168.{}.1", 10 + radio)
}

/// Where its far end pings whoever serves it.
fn served_at(radio: usize) -> String {
    format!("192.168.{}.9", 40 + radio)
}

/// Whether its far end is answered.
pub fn answers(lab: &Lab, radio: usize) -> bool {
    let far_end = format!("far{}", 1 + radio);
    lab.exec(&far_end, &["ping", "-q", "-c", "4", "-i", "0.1", "-W", "1", &served_at(radio)]).status.success()
}

/// How often a program of the lab has panicked, by the logs.
pub fn panics(lab: &Lab) -> u64 {
    let said = lab.exec("console", &["sh", "-c", "cat /run/baton/log/*.log | grep -c panicked"]);
    String::from_utf8_lossy(&said.stdout).trim().parse().unwrap_or_default()
}
