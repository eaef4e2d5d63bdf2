//! What is seen of a lab from outside: the radio's address, who transmits, processes, and pings to the far end. No agent is asked.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant, SystemTime};

use crate::common::lab::{Lab, baton, processes, stat, text};
use crate::common::transmitters::Transmitters;
use crate::common::watch::Watch;
use protocol::Form;

pub const POOL: [&str; 2] = ["server1", "server2"];
/// Between two pings, s.
pub const INTERVAL: f64 = 0.02;
/// A reply as old as this says nothing of the present any more, s.
const FRESH: f64 = 0.5;
/// Between two looks.
pub const LOOK: Duration = Duration::from_millis(50);
/// What stays like this for as long is settled.
const STEADY: Duration = Duration::from_secs(1);
/// Of the lab's guest.
const GUEST_MAC: &str = "02:ba:70:00:00:09";
/// A silence longer than this is one by itself, ms.
const SILENCE: f64 = 100.0;

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

/// `ping` on server3: when replies came.
pub struct Pings {
    replies: Arc<Mutex<Vec<f64>>>,
    /// When a second one answered the same ping.
    doubled: Arc<Mutex<Vec<f64>>>,
    ping: Child,
}

impl Pings {
    pub fn start(lab: &Lab, interval: f64) -> Self {
        let mut exec = baton(lab.state.path());
        let interval = interval.to_string();
        let ping = ["stdbuf", "-oL", "ping", "-n", "-D", "-i", &interval, "192.168.40.9"];
        exec.args(["--in", &lab.name, "lab", "exec", "server3", "--"]).args(ping);
        let mut ping = exec.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(ping.stdout.take().unwrap()).lines();
        let (replies, doubled) = (Arc::<Mutex<Vec<f64>>>::default(), Arc::<Mutex<Vec<f64>>>::default());
        let (heard, twice) = (Arc::clone(&replies), Arc::clone(&doubled));
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Some(at) = reply(&line) else { continue };
                let list = if line.contains("(DUP!)") { &twice } else { &heard };
                list.lock().unwrap().push(at);
            }
        });
        Self { replies, doubled, ping }
    }

    /// Every moment since at which two answered.
    pub fn answered_twice(&self, since: f64) -> Vec<String> {
        let doubled = self.doubled.lock().unwrap();
        doubled.iter().filter(|&&at| at >= since).map(|at| format!("two answered the ping of {at}")).collect()
    }

    pub fn flow(&self) -> bool {
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

    /// Every silence from `since` on, first to last moment in seconds since 1970.
    pub fn silences(&self, since: f64) -> Vec<(f64, f64)> {
        let mut times = self.replies.lock().unwrap().clone();
        times.drain(..times.partition_point(|&at| at < since).saturating_sub(1));
        times.push(now());
        times.windows(2).map(|pair| (pair[0], pair[1])).filter(|(from, to)| (to - from) * 1e3 > SILENCE).collect()
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
    /// D2D processes, or QEMUs of guests.
    pub d2d: usize,
    pub usrp: usize,
}

/// A lab and its observers.
pub struct Outside {
    watch: Watch,
    pub pings: Pings,
    /// None where a guest uses no radio.
    transmitters: Option<Transmitters>,
    pid_namespace: PathBuf,
    networks: [String; 2],
    /// Network namespace of the switch.
    switch: PathBuf,
    form: Form,
}

impl Outside {
    /// `watch` has listened since before the address was given to anybody; `root` is the lab's root folder.
    pub fn of(lab: &Lab, watch: Watch, root: &Path, form: Form) -> Self {
        Self::pinged_each(INTERVAL, lab, watch, root, form)
    }

    /// The same with other pings, s.
    pub fn pinged_each(interval: f64, lab: &Lab, watch: Watch, root: &Path, form: Form) -> Self {
        let networks = POOL.map(|host| format!("net:[{}]", fs::metadata(root.join("run/netns").join(host)).unwrap().ino()));
        Self {
            watch,
            pings: Pings::start(lab, interval),
            transmitters: (form != Form::Guest).then(|| Transmitters::at(root)),
            pid_namespace: lab.pid_namespace.clone(),
            networks,
            switch: root.join("run/netns/switch"),
            form,
        }
    }

    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Every moment at which two transmitted.
    pub fn transmit_at_once(&self) -> Vec<String> {
        self.transmitters.as_ref().map_or_else(Vec::new, |transmitters| transmitters.verdict().1)
    }

    /// What runs on both hosts.
    pub fn running(&self) -> [Running; 2] {
        let mut running = [Running::default(); 2];
        let here = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/pid")).unwrap_or_default() == self.pid_namespace;
        let everything = processes();
        let holders: Vec<(i32, usize)> = match self.form {
            // The parent of a pod's first process is in the lab: others may have pods, too.
            Form::Pod => everything.iter().filter_map(|&pid| here(stat(pid)?.1).then_some((pid, pod_of(pid)?))).collect(),
            _ => Vec::new(),
        };
        for &pid in &everything {
            let program = if here(pid) { program_of(pid) } else { None };
            match program {
                Some(program) => {
                    let network = fs::read_link(format!("/proc/{pid}/ns/net")).unwrap_or_default();
                    let Some(host) = self.networks.iter().position(|name| network == Path::new(name)) else { continue };
                    running[host].count(program);
                }
                // In a pod they are in a network and a pid namespace of their own, below its first process.
                None => {
                    let Some(host) = holder_of(pid, &holders) else { continue };
                    program_of(pid).into_iter().for_each(|program| running[host].count(program));
                }
            }
        }
        running
    }

    /// The processes of a host of the pool that are such programs; not those in a pod.
    pub fn pids(&self, host: usize, is: impl Fn(Program) -> bool) -> Vec<i32> {
        let in_lab = |pid: &i32| fs::read_link(format!("/proc/{pid}/ns/pid")).unwrap_or_default() == self.pid_namespace;
        let at_host =
            |pid: &i32| fs::read_link(format!("/proc/{pid}/ns/net")).unwrap_or_default() == Path::new(&self.networks[host]);
        let wanted = |pid: &i32| in_lab(pid) && at_host(pid) && program_of(*pid).is_some_and(&is);
        processes().into_iter().filter(wanted).collect()
    }

    /// Who serves now: its processes run, pings come back, and it alone has the address. That of a pod or a guest is in a network namespace of its
    /// own: then nobody else has such processes.
    pub fn serving(&self, running: &[Running; 2]) -> Option<&'static str> {
        let holders = match self.form {
            Form::Processes => self.watch.holders(),
            Form::Pod | Form::Guest => POOL.into_iter().zip(running).filter(|(_, one)| one.d2d > 0).map(|(host, _)| host).collect(),
        };
        let host = match holders.as_slice() {
            [host] => host,
            // A guest that has gone leaves a QEMU that stands still, until it is ended.
            [_, _] if self.form == Form::Guest => self.is_heard_from()?,
            _ => return None,
        };
        let Running { d2d, usrp, .. } = running[POOL.iter().position(|name| *name == host)?];
        (d2d == 1 && usrp == self.usrps() && self.pings.flow()).then_some(host)
    }

    /// At whose port the switch hears the guest.
    fn is_heard_from(&self) -> Option<&'static str> {
        let mut bridge = Command::new("nsenter");
        bridge.arg(format!("--net={}", self.switch.display())).args(["bridge", "fdb", "show", "br", "switch0"]);
        let table = text(&bridge.output().ok()?.stdout);
        let line = table.lines().find(|line| line.starts_with(GUEST_MAC) && !line.contains("permanent"))?;
        POOL.into_iter().find(|host| line.split_whitespace().any(|word| word == *host))
    }

    /// How many USRP processes a host has that serves.
    fn usrps(&self) -> usize {
        usize::from(self.form != Form::Guest)
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
            let left = left_over(&running, serves, self.form);
            if (serves.is_some() && left.is_none()) || began.elapsed() > patience {
                return (serves, left);
            }
            sleep(LOOK);
        }
    }
}

/// A program of baton's that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Agent,
    D2d,
    Usrp,
}

impl Running {
    fn count(&mut self, program: Program) {
        match program {
            Program::Agent => self.agent += 1,
            Program::D2d => self.d2d += 1,
            Program::Usrp => self.usrp += 1,
        }
    }
}

fn words_of(pid: i32) -> Vec<String> {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command.split(|&byte| byte == 0).map(text).collect()
}

fn program_of(pid: i32) -> Option<Program> {
    let words = words_of(pid);
    let [program, rest @ ..] = words.as_slice() else { return None };
    // QEMU of another release is started by its own loader.
    if words.iter().any(|word| word.contains("qemu-system")) && words.iter().any(|word| word == "baton-guest") {
        return Some(Program::D2d);
    }
    match rest.first().filter(|_| program.ends_with("/baton"))?.as_str() {
        "agent" => Some(Program::Agent),
        "d2d" => Some(Program::D2d),
        "usrp" => Some(Program::Usrp),
        _ => None,
    }
}

/// Of the first process of a pod: the place of its host.
fn pod_of(pid: i32) -> Option<usize> {
    let words = words_of(pid);
    let folder = words.iter().skip_while(|word| *word != "--folder").nth(1)?;
    words.get(1).is_some_and(|word| word == "pod").then_some(())?;
    POOL.iter().position(|host| folder.contains(&format!("/{host}/")))
}

/// Of a process below one of these: the place of its host.
fn holder_of(mut pid: i32, holders: &[(i32, usize)]) -> Option<usize> {
    while pid > 1 {
        if let Some((_, host)) = holders.iter().find(|(holder, _)| *holder == pid) {
            return Some(*host);
        }
        pid = stat(pid)?.1;
    }
    None
}

/// What does not belong to a pool in which that host serves.
fn left_over(running: &[Running; 2], serves: Option<&str>, form: Form) -> Option<String> {
    let (first, usrps) = if form == Form::Guest { ("QEMU", 0) } else { ("D2D", 1) };
    let mut left = Vec::new();
    for (host, Running { agent, d2d, usrp }) in POOL.into_iter().zip(running) {
        let wanted = usize::from(serves == Some(host));
        for (count, wanted, what) in [(*d2d, wanted, first), (*usrp, wanted * usrps, "USRP"), (*agent, 1, "agent")] {
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
    let left_over = |running: &[Running; 2], serves| left_over(running, serves, Form::Processes);
    assert_eq!(left_over(&[whole, none], Some("server1")), None);
    assert_eq!(left_over(&[whole, Running { d2d: 1, ..none }], Some("server1")).unwrap(), "1 D2D too many on server2");
    assert_eq!(left_over(&[none, Running { agent: 0, ..whole }], Some("server2")).unwrap(), "no agent on server2");
    assert_eq!(left_over(&[whole, none], None), None);
    assert_eq!(left_over(&[Running { usrp: 2, ..whole }, none], None).unwrap(), "2 USRP too many on server1");
    let guest = Running { usrp: 0, ..whole };
    assert_eq!(super::outside::left_over(&[guest, none], Some("server1"), Form::Guest), None);
    assert_eq!(super::outside::left_over(&[guest, guest], Some("server1"), Form::Guest).unwrap(), "1 QEMU too many on server2");
}
