//! A pool under orders and faults, and what has to be true once they are over.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use serde_json::Value;

use super::judge::{Rest, judge};
use super::meant::{Meant, Pool, concerns};
use super::orders::{Answer, PoolOrder};
use super::outside::{self, Outside};
use super::plan::Plan;
use super::{RADIOS, SERVERS, radio_address, radio_namespace};
use crate::common::lab::{Lab, text};
use crate::common::transmitters::Transmitters;
use crate::hosts::await_agent;
use crate::totals::Totals;

/// From the end of all orders and faults until every radio is served that needs no help.
const BY_ITSELF: Duration = Duration::from_secs(15);
/// From the first help until all is as it is meant to be.
const AT_REST_WITHIN: Duration = Duration::from_secs(45);
/// Between two looks, which take CPU from the modems.
const LOOK: Duration = Duration::from_millis(800);

/// A lab under siege.
pub struct Siege<'a> {
    lab: &'a Lab,
    pub transmitters: [Transmitters; RADIOS.len()],
    /// Moments with two transmitters that are known.
    at_once: [usize; RADIOS.len()],
    random: StdRng,
    pub totals: Totals,
    radios: [Meant; RADIOS.len()],
    drained: [Option<bool>; SERVERS.len()],
    /// Who serves each radio.
    at: [Option<usize>; RADIOS.len()],
    /// Runs that were carried out, by the answers.
    runs: BTreeSet<String>,
    panics: u64,
    /// What must not be.
    pub wrong: Vec<String>,
}

impl<'a> Siege<'a> {
    /// Of a lab in which nothing serves yet.
    pub fn begin(lab: &'a Lab, random: StdRng) -> Self {
        let at_radio = |radio| Transmitters::in_namespace(&lab.root(), &radio_namespace(radio), radio_address(radio));
        let mut siege = Self {
            lab,
            transmitters: std::array::from_fn(at_radio),
            at_once: [0; RADIOS.len()],
            random,
            totals: Totals::default(),
            radios: [Meant::Stopped; RADIOS.len()],
            drained: [Some(false); SERVERS.len()],
            at: [None; RADIOS.len()],
            runs: BTreeSet::new(),
            panics: 0,
            wrong: Vec::new(),
        };
        let orders = (0..RADIOS.len()).map(|radio| (Duration::ZERO, PoolOrder::Start { radio, on: None })).collect();
        siege.carry_out(&Plan { orders, ..Plan::default() });
        assert_eq!(siege.radios, [Meant::Served; RADIOS.len()], "the pool does not begin to serve");
        siege
    }

    pub fn episode(&mut self) {
        self.totals.count("episodes");
        let revival = Plan::reviving(&mut self.random, self.radios, self.drained);
        if !revival.is_empty() {
            let orders = revival.into_iter().map(|order| (Duration::ZERO, order)).collect();
            self.carry_out(&Plan { orders, ..Plan::default() });
        }
        let plan = Plan::random(&mut self.random, self.at);
        self.carry_out(&plan);
    }

    fn carry_out(&mut self, plan: &Plan) {
        let now = chrono::Utc::now().format("%H:%M:%S");
        println!("{now} {} at {:?}, drained {:?}, faults {:?}", self.totals.of("episodes"), self.at, self.drained, plan.faults);
        let answers = self.strike(plan);
        self.totals.add("orders", answers.len() as u64);
        self.totals.add("faults", plan.faults.len() as u64);
        for answer in &answers {
            println!("  {answer}");
            self.totals.count(answer.outcome());
            self.runs.extend(answer.runs().into_iter().filter(|(_, ok)| *ok).map(|(run, _)| run));
            if let Some(complaint) = answer.complaint() {
                self.note_wrong(&complaint);
            }
        }
        let meant = Pool::after(self.radios, self.drained, &answers);
        // Neither hit nor ordered: it must not be felt.
        let spared = std::array::from_fn(|radio| {
            let hit = plan.faults.iter().any(|(_, fault)| fault.hits(radio, self.at[radio]));
            let ordered = answers.iter().any(|answer| concerns(answer, radio));
            if plan.faults.is_empty() { true } else { !hit && !ordered }
        });
        self.come_to_rest(meant, spared);
        self.judge_transmitters();
        let panics = outside::panics(self.lab);
        if panics > self.panics {
            self.panics = panics;
            self.note_wrong("a program of the lab has panicked");
        }
    }

    /// Orders and faults, each at its time, until all are over.
    fn strike(&self, plan: &Plan) -> Vec<Answer> {
        let lab = self.lab;
        let answers = scope(|scope| {
            for (after, fault) in &plan.faults {
                scope.spawn(move || {
                    sleep(*after);
                    fault.strike(lab);
                });
            }
            let given: Vec<_> = plan.orders.iter().map(|(after, order)| scope.spawn(|| order.give(lab, *after))).collect();
            given.into_iter().map(|order| order.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        SERVERS.iter().for_each(|host| await_agent(lab, host));
        answers
    }

    /// What `baton pool status` says.
    fn told(&self) -> Value {
        serde_json::from_slice(&self.lab.baton(&["pool", "status", "--json"]).stdout).unwrap_or_default()
    }

    fn rest(&self, meant: &Pool) -> Rest {
        let (outside, told) = (Outside::look(self.lab), self.told());
        let sender = std::array::from_fn(|radio| {
            let last: &Transmitters = &self.transmitters[radio];
            last.last().and_then(|(mac, ago)| Some((outside.macs.get(&mac).copied()?, ago)))
        });
        let answered = std::array::from_fn(|radio| outside::answers(self.lab, radio));
        judge(meant, self.at, &outside, &told, sender, answered)
    }

    /// Waits until the pool is as it is meant to be; helps as its operator would, by the command that it names.
    fn come_to_rest(&mut self, mut meant: Pool, spared: [bool; RADIOS.len()]) {
        let since = Instant::now();
        let mut helped = None;
        loop {
            let rest = self.rest(&meant);
            if rest.wrong.is_empty() {
                return self.settle(&rest);
            }
            let patience =
                helped.map_or(BY_ITSELF + AT_REST_WITHIN, |helped: Instant| helped.duration_since(since) + AT_REST_WITHIN);
            if since.elapsed() > patience {
                self.note_wrong(&format!("after {:?} {:#?}", since.elapsed(), rest.wrong));
                return self.repair(&mut meant);
            }
            if since.elapsed() > BY_ITSELF && helped.is_none() {
                helped = Some(Instant::now());
                for radio in rest.unserved {
                    if spared[radio] {
                        self.note_wrong(&format!("{} was spared and is not served: {:#?}", RADIOS[radio], rest.wrong));
                    }
                    if self.help(radio) {
                        meant.closed = [super::meant::Closed::Open; SERVERS.len()];
                    }
                }
            }
            sleep(LOOK);
        }
    }

    /// By the command that `baton pool status` names, by force where that is what its refusal names; whether by force.
    fn help(&mut self, radio: usize) -> bool {
        self.totals.count("mends");
        let told = self.told()["radios"][RADIOS[radio]]["service"].clone();
        println!("  {} needs help: {told}", RADIOS[radio]);
        let Some(mend) = told["mend"].as_str() else { return false };
        let words: Vec<&str> = mend.split(' ').skip(1).collect();
        let named: &[&str] = if words.contains(&"--radio") { &[] } else { &["--radio", RADIOS[radio]] };
        let words = [words.as_slice(), named].concat();
        let mut done = self.lab.baton(&words);
        let force = !done.status.success() && text(&done.stderr).contains("--force");
        if force {
            done = self.lab.baton(&[words.as_slice(), &["--force"]].concat());
        }
        println!("  {mend}{}: {:?} {}", if force { " --force" } else { "" }, done.status.code(), text(&done.stderr).trim());
        force
    }

    fn settle(&mut self, rest: &Rest) {
        self.at = rest.at;
        self.radios = rest.at.map(|at| if at.is_some() { Meant::Served } else { Meant::Stopped });
        self.drained = rest.drained.map(Some);
    }

    /// After a complaint: whatever is there is stopped, and all is started anew.
    fn repair(&mut self, meant: &mut Pool) {
        self.totals.count("repairs");
        let since = Instant::now();
        loop {
            SERVERS.iter().for_each(|server| drop(self.lab.baton(&["pool", "undrain", server])));
            for radio in RADIOS {
                self.lab.baton(&["pool", "stop", radio]);
                let started = self.lab.baton(&["pool", "start", radio]);
                if !started.status.success() {
                    self.lab.baton(&["do", "recover", "--force", "--radio", radio]);
                }
            }
            meant.radios = [Meant::Served; RADIOS.len()];
            meant.drained = [Some(false); SERVERS.len()];
            meant.closed = [super::meant::Closed::Open; SERVERS.len()];
            sleep(LOOK);
            let rest = self.rest(meant);
            if rest.wrong.is_empty() {
                return self.settle(&rest);
            }
            assert!(since.elapsed() < 2 * AT_REST_WITHIN, "the pool cannot be repaired: {:#?}", rest.wrong);
        }
    }

    fn judge_transmitters(&mut self) {
        for radio in 0..RADIOS.len() {
            let (_, at_once) = self.transmitters[radio].verdict();
            if at_once.len() > self.at_once[radio] {
                self.note_wrong(&format!("{}: two transmitters: {:#?}", RADIOS[radio], &at_once[self.at_once[radio]..]));
                self.at_once[radio] = at_once.len();
            }
        }
    }

    /// Every run that was carried out is on record.
    pub fn judge_records(&mut self) {
        let told: Value = serde_json::from_slice(&self.lab.baton(&["runs", "--json"]).stdout).unwrap_or_default();
        let kept: BTreeSet<&str> = told["runs"].as_array().into_iter().flatten().filter_map(|run| run["run"].as_str()).collect();
        let missing: Vec<&String> = self.runs.iter().filter(|run| !kept.contains(run.as_str())).collect();
        if !missing.is_empty() {
            self.note_wrong(&format!("{} of {} runs are not on record: {missing:?}", missing.len(), self.runs.len()));
        }
    }

    /// Keeps what all agents say, and their logs, in target/soak.
    fn note_wrong(&mut self, what: &str) {
        let told = [self.told()].into_iter().chain(RADIOS.iter().map(|radio| {
            serde_json::from_slice(&self.lab.baton(&["status", "--radio", radio, "--json"]).stdout).unwrap_or_default()
        }));
        let told: String = told.map(|told| format!("{told:#}\n")).collect();
        let logs = self.lab.exec("console", &["sh", "-c", "tail -n 250 /run/baton/log/server*.log"]);
        let seen = Outside::look(self.lab);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/soak");
        let file = folder.join(format!("{}-{}-{}.txt", self.lab.name, self.totals.of("episodes"), self.wrong.len()));
        fs::create_dir_all(folder).unwrap();
        fs::write(&file, format!("{what}\n{seen:#?}\n{told}\n{}", text(&logs.stdout))).unwrap();
        println!("  !!! {what}: {}", file.display());
        self.wrong.push(format!("{what}: {}", file.display()));
    }
}
