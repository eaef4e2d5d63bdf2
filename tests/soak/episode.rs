//! A few faults, at rest or during a migration, and what has to be true once they are over.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value;

use super::faults::{Fault, Sides, status};
use super::totals::Totals;
use crate::common::ends;
use crate::common::lab::{Lab, baton, text};
use crate::common::transmitters::Transmitters;

/// Longer than any deadline of a flow, and than anything is stopped: an order that takes longer hangs.
const ORDER_WITHIN: Duration = Duration::from_secs(180);
/// From the end of all faults until pings flow, or it is certain that they do not.
const SERVES_WITHIN: Duration = Duration::from_secs(12);
/// A standby begins to follow within this, or an episode goes on without one.
const ARMED_WITHIN: Duration = Duration::from_secs(10);
/// A repair starts both processes with full initialisation.
const REPAIRED_WITHIN: Duration = Duration::from_secs(60);
/// Longer than a process takes to give way, and a standby to end.
const TIDY_WITHIN: Duration = Duration::from_secs(20);
pub const POOL: [&str; 2] = ["server1", "server2"];
const METHODS: [&str; 4] = ["classic", "cold", "hot", "seamless"];

/// A lab under attack.
pub struct Attack<'a> {
    pub lab: &'a Lab,
    pub transmitters: Transmitters,
    /// Moments with two transmitters that are known.
    at_once: usize,
    pub random: StdRng,
    pub totals: Totals,
    /// Who has the work.
    pub at: &'static str,
    /// Run of the last take-over that was counted.
    last_takeover: Value,
    /// What must not be.
    pub wrong: Vec<String>,
}

fn other(host: &str) -> &'static str {
    if host == POOL[0] { POOL[1] } else { POOL[0] }
}

fn order(lab: &Lab, words: &[&str]) -> Child {
    let mut command = baton(lab.state.path());
    command.args(["--in", &lab.name, "do"]).args(words).arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The record, or null with what was said instead.
fn answer(child: Child) -> (Value, String) {
    assert!(ends::within(child.id(), ORDER_WITHIN), "an order hangs");
    let output = child.wait_with_output().unwrap();
    (serde_json::from_slice(&output.stdout).unwrap_or_default(), text(&output.stderr))
}

impl<'a> Attack<'a> {
    /// On a lab in which nothing serves yet.
    pub fn begin(lab: &'a Lab, random: StdRng) -> Self {
        let transmitters = Transmitters::at(&lab.root());
        answer(order(lab, &["DS"]));
        let attack = Self {
            lab,
            transmitters,
            at_once: 0,
            random,
            totals: Totals::default(),
            at: POOL[0],
            last_takeover: Value::Null,
            wrong: Vec::new(),
        };
        assert!(attack.serves(SERVES_WITHIN), "DS does not begin the service");
        attack
    }

    fn host(&self, host: &str) -> Value {
        status(self.lab)["hosts"][host]["status"].clone()
    }

    /// Whether pings come back.
    fn serves(&self, within: Duration) -> bool {
        let (since, mut first) = (Instant::now(), None);
        while since.elapsed() < within {
            if let Some(now) = self.host("server3")["probe"]["received"].as_u64()
                && now >= *first.get_or_insert(now) + 5
            {
                return true;
            }
            sleep(Duration::from_millis(50));
        }
        false
    }

    /// Whether the other server follows; asks it to, if it does not.
    fn arm(&mut self) -> bool {
        let armed = |said: &Value| said["standby"]["follows"]["state"] == "armed" && said["standby"]["of"] == self.at;
        if armed(&self.host(other(self.at))) {
            return true;
        }
        let since = Instant::now();
        let (answered, said) = answer(order(self.lab, &["arm"]));
        if answered.is_null() {
            println!("  not armed: {}", said.trim());
        }
        while since.elapsed() < ARMED_WITHIN && !answered.is_null() {
            if armed(&self.host(other(self.at))) {
                return true;
            }
            sleep(Duration::from_millis(50));
        }
        self.totals.count("not armed");
        false
    }

    /// One episode.
    pub fn episode(&mut self) {
        let armed = self.random.random_bool(0.75) && self.arm();
        let moves = self.random.random_bool(0.6);
        let method = METHODS[self.random.random_range(0..METHODS.len())];
        let faults: Vec<(Duration, Fault)> = (0..self.random.random_range(1..=3))
            .map(|_| (Duration::from_millis(self.random.random_range(0..350)), Fault::random(&mut self.random)))
            .collect();
        let sides = Sides { serving: self.at, other: other(self.at) };
        let (outcome, said) = self.strike(moves.then_some(method), &faults, sides);
        self.totals.count("episodes");
        self.totals.add("faults", faults.iter().filter(|(_, fault)| *fault != Fault::None).count() as u64);
        let standby = if armed { "armed" } else { "not armed" };
        let now = chrono::Utc::now().format("%H:%M:%S");
        println!(
            "until {now} {} {} {faults:?}, {standby}: {outcome} {said}",
            sides.serving,
            if moves { method } else { "at rest" }
        );
        let spared = faults.iter().all(|(_, fault)| fault.leaves_the_other());
        let serves = self.serves(SERVES_WITHIN);
        let (_, at_once) = self.transmitters.verdict();
        if at_once.len() > self.at_once {
            self.note_wrong(&format!("two transmitters: {:#?}", &at_once[self.at_once..]), &status(self.lab));
            self.at_once = at_once.len();
        }
        if serves {
            self.settle();
        } else {
            // A standby whose server alone was hit goes on; a move without a fault is one.
            if (armed && !moves && spared) || faults.iter().all(|(_, fault)| *fault == Fault::None) {
                let report = status(self.lab);
                self.note_wrong(&format!("nobody serves though {} could, {faults:?}", sides.other), &report);
            }
            self.totals.count("repairs");
            println!("  nobody serves; repaired by KL, KR, DS");
            self.repair();
        }
    }

    /// Makes the faults, during a move or at rest; what became of the order.
    fn strike(&mut self, method: Option<&str>, faults: &[(Duration, Fault)], sides: Sides) -> (String, String) {
        let lab = self.lab;
        let word = if sides.serving == POOL[0] { "M" } else { "MB" };
        let orderer = method.map(|method| order(lab, &[word, "--method", method]));
        let pid = orderer.as_ref().map(Child::id);
        scope(|scope| {
            for (after, fault) in faults {
                scope.spawn(move || {
                    sleep(*after);
                    fault.strike(lab, sides, pid);
                });
            }
        });
        let Some(orderer) = orderer else { return ("-".into(), String::new()) };
        let (record, said) = answer(orderer);
        let outcome = record["outcome"].as_str().unwrap_or("refused or not heard").to_owned();
        self.totals.count(&outcome);
        self.totals.count("moves");
        (outcome, format!("{}{}", record["reason"].as_str().unwrap_or(""), said.trim()))
    }

    /// Pings flow: one server has the work, and nothing is left over.
    fn settle(&mut self) {
        let since = Instant::now();
        loop {
            let report = status(self.lab);
            match settled(&report) {
                Ok(host) => {
                    self.note_takeover(&report["hosts"][host]["status"]["migration"]);
                    self.at = host;
                    return;
                }
                Err(why) if since.elapsed() > TIDY_WITHIN => {
                    self.note_wrong(&why, &report);
                    return self.repair();
                }
                Err(_) => sleep(Duration::from_millis(100)),
            }
        }
    }

    /// Keeps what all hosts say, and their logs, in target/soak.
    fn note_wrong(&mut self, what: &str, report: &Value) {
        let logs = self.lab.exec("console", &["sh", "-c", "tail -n 150 /run/baton/log/server1.log /run/baton/log/server2.log"]);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/soak");
        let file = folder.join(format!("{}-{}.txt", self.lab.name, self.totals.of("episodes")));
        fs::create_dir_all(folder).unwrap();
        fs::write(&file, format!("{what}\n{report:#}\n{}", text(&logs.stdout))).unwrap();
        println!("  !!! {what}: {}", file.display());
        self.wrong.push(format!("{what}: {}", file.display()));
    }

    fn note_takeover(&mut self, migration: &Value) {
        if migration["method"] == "takeover" && migration["run"] != self.last_takeover {
            self.totals.count("take-overs");
            self.last_takeover = migration["run"].clone();
        }
    }

    /// As an operator would: stop what is left, start anew.
    fn repair(&mut self) {
        let since = Instant::now();
        loop {
            for words in [["KL"], ["KR"], ["DS"]] {
                answer(order(self.lab, &words));
            }
            self.at = POOL[0];
            if self.serves(SERVES_WITHIN) {
                return;
            }
            assert!(since.elapsed() < REPAIRED_WITHIN, "KL, KR and DS do not bring the service back: {:#}", status(self.lab));
        }
    }
}

/// Who has the work, if one server has it with the radio's address, and the other one has nothing or follows.
fn settled(report: &Value) -> Result<&'static str, String> {
    let said = |host: &str| &report["hosts"][host]["status"];
    let has = |host: &&str| said(host)["usrp"]["state"] == "running";
    let holders: Vec<&'static str> = POOL.into_iter().filter(has).collect();
    let [holder] = holders[..] else { return Err(format!("{holders:?} are linked to the radio")) };
    let rest = said(other(holder));
    let gone = |process: &str| ["stopped", "died"].contains(&rest[process]["state"].as_str().unwrap_or("unheard"));
    if rest["standby"]["follows"].is_null() && !(gone("usrp") && gone("d2d")) {
        return Err(format!("{} has processes of the work and follows nobody", other(holder)));
    }
    let addresses = [said(holder), rest].map(|host| host["radio_port"]["addresses"].to_string());
    if !addresses[0].contains("192.168.10.1/") || addresses[1].contains("192.168.10.1/") {
        return Err(format!("the radio's address is not at {holder} alone: {addresses:?}"));
    }
    Ok(holder)
}
