//! Who holds the radio's address, from outside: the kernel's own news of each server's interfaces, with its time stamps.

#![allow(dead_code, reason = "each test file uses what it needs")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use chrono::{DateTime, Utc};

use super::lab::{Lab, baton};

/// A host got the address (`true`) or lost it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub at: DateTime<Utc>,
    pub host: &'static str,
    pub holds: bool,
}

/// The stamp is that of the reader, who must not wait for a processor: two hosts' news would change places.
const PROMPT: &str = "chrt -f -p 20 $$ > /dev/null 2>&1; exec \"$0\" \"$@\"";

/// Listens until dropped.
pub struct Watch {
    changes: Arc<Mutex<Vec<Change>>>,
    monitors: Vec<Child>,
}

impl Watch {
    pub fn over(lab: &Lab, hosts: [&'static str; 2], address: &'static str) -> Self {
        let changes = Arc::<Mutex<Vec<Change>>>::default();
        let monitors = hosts.map(|host| {
            let mut exec = baton(lab.state.path());
            exec.args([
                "--in", &lab.name, "lab", "exec", host, "--", "sh", "-c", PROMPT, "stdbuf", "-oL", "ip", "-4", "-ts", "-o",
                "monitor", "address",
            ]);
            let mut monitor = exec.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            let lines = BufReader::new(monitor.stdout.take().unwrap()).lines();
            let changes = Arc::clone(&changes);
            thread::spawn(move || {
                let news = lines.map_while(Result::ok).filter_map(|line| change(&line, host, address));
                news.for_each(|change| changes.lock().unwrap().push(change));
            });
            monitor
        });
        Self { changes, monitors: monitors.into() }
    }

    /// Every change so far.
    pub fn changes(&self) -> Vec<Change> {
        let mut changes = self.changes.lock().unwrap().clone();
        changes.sort_by_key(|change| change.at);
        changes
    }

    /// Who has the address now.
    pub fn holders(&self) -> Vec<&'static str> {
        let mut holders = Vec::new();
        for change in self.changes() {
            holders.retain(|host| *host != change.host);
            if change.holds {
                holders.push(change.host);
            }
        }
        holders
    }

    /// How often the address changed hands, and every moment at which two hosts had it.
    pub fn verdict(&self) -> (usize, Vec<String>) {
        let changes = self.changes();
        (changes.iter().filter(|change| change.holds).count(), overlaps(&changes))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for monitor in &mut self.monitors {
            let _ = monitor.kill();
            let _ = monitor.wait();
        }
    }
}

/// `[2026-11-20T16:36:08.226297] Deleted 50: eth3    inet 192.168.10.1/24 scope global eth3 ...`
fn change(line: &str, host: &'static str, address: &str) -> Option<Change> {
    let (stamp, rest) = line.strip_prefix('[')?.split_once(']')?;
    let at = chrono::NaiveDateTime::parse_from_str(stamp, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
    // Local time, which is only compared with its like.
    let at = at.and_utc();
    let words: Vec<&str> = rest.split_whitespace().collect();
    words.contains(&address).then(|| Change { at, host, holds: words[0] != "Deleted" })
}

fn overlaps(changes: &[Change]) -> Vec<String> {
    let mut holders: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for change in changes {
        holders.retain(|host| *host != change.host);
        if change.holds {
            if let Some(other) = holders.first() {
                found.push(format!("{} took the address at {} while {other} had it", change.host, change.at));
            }
            holders.push(change.host);
        }
    }
    found
}

#[test]
fn an_overlap_is_seen_and_a_handover_is_none() {
    let line = |second: u32, host, verb: &str| {
        change(
            &format!("[2026-11-20T16:36:{second:02}.226297] {verb}50: eth3    inet 192.168.10.1/24 scope global eth3"),
            host,
            "192.168.10.1/24",
        )
        .unwrap()
    };
    let good = [line(1, "one", ""), line(2, "one", "Deleted "), line(3, "two", "")];
    assert!(overlaps(&good).is_empty());
    let bad = [line(1, "one", ""), line(2, "two", ""), line(3, "one", "Deleted ")];
    assert_eq!(overlaps(&bad).len(), 1);
    assert_eq!(change("[2026-11-20T16:36:01.2] 50: eth3 inet 192.168.20.2/24", "one", "192.168.10.1/24"), None);
}
