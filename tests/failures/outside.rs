//! What is seen of a lab from outside: the radio's address, who transmits, processes, and pings to the far end. No agent is asked.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant, SystemTime};

use crate::common::lab::{Lab, baton, processes};
use crate::common::transmitters::Transmitters;
use crate::common::watch::Watch;

pub const POOL: [&str; 2] = ["server1", "server2"];
/// Between two pings, s.
pub const INTERVAL: f64 = 0.02;
/// A reply as old as this says nothing of the present any more, s.
const FRESH: f64 = 0.5;
/// Between two looks.
pub const LOOK: Duration = Duration::from_millis(50);
/// What stays like this for as long is settled.
const STEADY: Duration = Duration::from_secs(1);
/// A silence longer than this is one by itself, ms.
const SILENCE: f64 = 100.0;

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

/// `ping` on server3: when replies came.
pub struct Pings {
    replies: Arc<Mutex<Vec<f64>>>,
    ping: Child,
}

impl Pings {
    pub fn start(lab: &Lab) -> Self {
        let mut exec = baton(lab.state.path());
        let interval = INTERVAL.to_string();
        let ping = ["stdbuf", "-oL", "ping", "-n", "-D", "-i", &interval, "192.168.40.9"];
        exec.args(["--in", &lab.name, "lab", "exec", "server3", "--"]).args(ping);
        let mut ping = exec.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(ping.stdout.take().unwrap()).lines();
        let replies = Arc::<Mutex<Vec<f64>>>::default();
        let heard = Arc::clone(&replies);
        thread::spawn(move || {
            let times = lines.map_while(Result::ok).filter_map(|line| reply(&line));
            times.for_each(|at| heard.lock().unwrap().push(at));
        });
        Self { replies, ping }
    }

    fn flow(&self) -> bool {
        self.replies.lock().unwrap().last().is_some_and(|last| now() - last < FRESH)
    }

    /// How long there were no replies from `since` on, ms, and whether they are back.
    pub fn unserved(&self, since: f64) -> (f64, bool) {
        let replies = self.replies.lock().unwrap();
        let first = replies.partition_point(|&at| at < since).saturating_sub(1);
        let back = replies.last().is_some_and(|last| now() - last < FRESH);
        let mut times = replies[first..].to_vec();
        if !back {
            times.push(now());
        }
        (silence(&times), back)
    }
}

impl Drop for Pings {
    fn drop(&mut self) {
        let _ = self.ping.kill();
        let _ = self.ping.wait();
    }
}

/// `[1763664968.226297] 64 bytes from 192.168.40.9: icmp_seq=1 ttl=64 time=3.1 ms`
fn reply(line: &str) -> Option<f64> {
    let (stamp, rest) = line.strip_prefix('[')?.split_once("] ")?;
    rest.contains(" bytes from ").then(|| stamp.parse().ok())?
}

/// The silences together, or the longest distance of two replies where there is none; ms.
fn silence(times: &[f64]) -> f64 {
    let gaps = || times.windows(2).map(|pair| (pair[1] - pair[0]) * 1e3);
    let long: f64 = gaps().filter(|gap| *gap > SILENCE).sum();
    if long > 0.0 { long } else { gaps().fold(0.0, f64::max) }
}

/// Processes of one host of the pool.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Running {
    pub agent: usize,
    pub d2d: usize,
    pub usrp: usize,
}

/// A lab and its observers.
pub struct Outside {
    watch: Watch,
    pub pings: Pings,
    pub transmitters: Transmitters,
    pid_namespace: PathBuf,
    networks: [String; 2],
}

impl Outside {
    /// `watch` has listened since before the address was given to anybody; `root` is the lab's root folder.
    pub fn of(lab: &Lab, watch: Watch, root: &Path) -> Self {
        let networks = POOL.map(|host| format!("net:[{}]", fs::metadata(root.join("run/netns").join(host)).unwrap().ino()));
        Self {
            watch,
            pings: Pings::start(lab),
            transmitters: Transmitters::at(root),
            pid_namespace: lab.pid_namespace.clone(),
            networks,
        }
    }

    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// What runs on both hosts.
    pub fn running(&self) -> [Running; 2] {
        let mut running = [Running::default(); 2];
        let link = |pid: i32, name: &str| fs::read_link(format!("/proc/{pid}/ns/{name}")).unwrap_or_default();
        for pid in processes().into_iter().filter(|&pid| link(pid, "pid") == self.pid_namespace) {
            let network = link(pid, "net");
            let Some(host) = self.networks.iter().position(|name| network == Path::new(name)) else { continue };
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = command.split(|&byte| byte == 0);
            if !words.next().is_some_and(|program| program.ends_with(b"/baton")) {
                continue;
            }
            match words.next() {
                Some(b"agent") => running[host].agent += 1,
                Some(b"d2d") => running[host].d2d += 1,
                Some(b"usrp") => running[host].usrp += 1,
                _ => {}
            }
        }
        running
    }

    /// Who serves now: it alone has the address, both of its processes run, and pings come back.
    fn serving(&self, running: &[Running; 2]) -> Option<&'static str> {
        let holders = self.watch.holders();
        let [host] = holders.as_slice() else { return None };
        let Running { d2d, usrp, .. } = running[POOL.iter().position(|name| name == host)?];
        (d2d == 1 && usrp == 1 && self.pings.flow()).then_some(*host)
    }

    /// Waits until one host serves, nothing is left over and both agents run, or until it is certain that it stays otherwise. Who
    /// serves, and what is left over.
    pub fn settled(&self, patience: Duration) -> (Option<&'static str>, Option<String>) {
        let began = Instant::now();
        let mut steady: Option<(&'static str, Instant)> = None;
        loop {
            let running = self.running();
            steady = self.serving(&running).map(|host| match steady {
                Some((before, since)) if before == host => (host, since),
                _ => (host, Instant::now()),
            });
            let serves = steady.filter(|(_, since)| since.elapsed() >= STEADY).map(|(host, _)| host);
            let left = left_over(&running, serves);
            if (serves.is_some() && left.is_none()) || began.elapsed() > patience {
                return (serves, left);
            }
            sleep(LOOK);
        }
    }
}

/// What does not belong to a pool in which that host serves.
fn left_over(running: &[Running; 2], serves: Option<&str>) -> Option<String> {
    let mut left = Vec::new();
    for (host, Running { agent, d2d, usrp }) in POOL.into_iter().zip(running) {
        let wanted = usize::from(serves == Some(host));
        for (count, wanted, what) in [(*d2d, wanted, "D2D"), (*usrp, wanted, "USRP"), (*agent, 1, "agent")] {
            // Where nobody serves, an operator's stop is still to come.
            if count > wanted && (serves.is_some() || count > 1) {
                left.push(format!("{} {what} too many on {host}", count - wanted));
            }
            if count < wanted {
                left.push(format!("no {what} on {host}"));
            }
        }
    }
    (!left.is_empty()).then(|| left.join(", "))
}

#[test]
fn silences_are_added_up_and_ordinary_distances_are_not() {
    assert_eq!(reply("[10.5] 64 bytes from 192.168.40.9: icmp_seq=1 ttl=64 time=3.1 ms"), Some(10.5));
    assert_eq!(reply("[10.5] no answer yet for icmp_seq=1"), None);
    let times = [0.0, 0.02, 0.04, 0.54, 0.56, 0.66, 0.68, 0.93];
    assert_eq!(silence(&times).round(), 750.0);
    assert_eq!(silence(&times[..3]).round(), 20.0);
}

#[test]
fn what_does_not_belong_is_named() {
    let (none, whole) = (Running { agent: 1, d2d: 0, usrp: 0 }, Running { agent: 1, d2d: 1, usrp: 1 });
    assert_eq!(left_over(&[whole, none], Some("server1")), None);
    assert_eq!(left_over(&[whole, Running { d2d: 1, ..none }], Some("server1")).unwrap(), "1 D2D too many on server2");
    assert_eq!(left_over(&[none, Running { agent: 0, ..whole }], Some("server2")).unwrap(), "no agent on server2");
    assert_eq!(left_over(&[whole, none], None), None);
    assert_eq!(left_over(&[Running { usrp: 2, ..whole }, none], None).unwrap(), "2 USRP too many on server1");
}
