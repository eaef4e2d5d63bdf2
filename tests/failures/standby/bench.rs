//! A lab with an armed standby, in which cells are carried out one after the other.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use protocol::Form;
use serde_json::{Value, json};

use super::super::outside::{LOOK, Outside, POOL, Running, now};
use super::cells::{Cell, Fault, Part, Role, other};
use super::screen::{Screen, Shown};
use super::{strike, verdict};
use crate::common::lab::{Lab, text};
use crate::common::watch::Watch;

/// Between two pings, s.
pub const INTERVAL: f64 = 0.005;
/// What stays like this for as long is settled.
const STEADY: Duration = Duration::from_secs(1);
/// From the end of a fault until one serves and the other one is armed again: a take-over is followed by ten seconds of calm.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);
/// A start with full initialisation, and an arming.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Both agents and all four processes.
const WHOLE: Running = Running { agent: 1, d2d: 1, usrp: 1 };

/// How it is in the end.
struct Settled {
    serves: Option<&'static str>,
    armed: Option<&'static str>,
    /// What is not as it should be, if anything.
    wrong: Option<String>,
}

/// Where a cell begins.
struct Before {
    records: usize,
    logs: [usize; 2],
    overlaps: usize,
    at_once: usize,
    /// Seconds since 1970.
    began: f64,
    clock: Instant,
}

pub struct Bench {
    lab: Lab,
    outside: Outside,
    screen: Screen,
    root: PathBuf,
    pub at: &'static str,
}

impl Bench {
    /// A lab in which that host serves and the other one is armed.
    pub fn start(name: &str, serving: &'static str) -> Self {
        let lab = Lab::start(name, &["--standby"]);
        let root = lab.root();
        let watch = Watch::over(&lab, POOL, "192.168.10.1/24");
        // Its monitors are ready by the time that the first host is given the address.
        lab.order(&["KL"]);
        lab.done(&["DS"]);
        let outside = Outside::pinged_each(INTERVAL, &lab, watch, &root, Form::Processes);
        let screen = Screen::beside(&lab);
        let mut bench = Self { lab, outside, screen, root, at: POOL[0] };
        bench.make_ready(serving);
        bench
    }

    pub fn end(self) {
        let (changes, _) = self.outside.watch().verdict();
        drop(self.screen);
        assert_eq!(self.lab.end(nix::sys::signal::Signal::SIGTERM), Some(0));
        assert!(changes > 0, "the watch saw nothing");
    }

    /// That host serves, and the other one is armed.
    pub fn make_ready(&mut self, serving: &str) {
        self.arm();
        // On a machine with more to do a standby may take over without a fault.
        while self.at != serving {
            self.lab.done(&[if self.at == POOL[0] { "M" } else { "MB" }]);
            self.arm();
        }
    }

    /// As an operator would, so that earlier take-overs do not count against it.
    fn arm(&mut self) {
        let since = Instant::now();
        while self.outside.serving(&self.outside.running()).is_none() {
            assert!(since.elapsed() < READY_WITHIN, "nobody serves\n{}", self.screen.contents());
            sleep(LOOK);
        }
        let output = self.lab.baton(&["do", "arm"]);
        assert!(output.status.success(), "arm: {}", text(&output.stderr));
        let Settled { serves, wrong, .. } = self.settled(READY_WITHIN);
        assert!(wrong.is_none(), "no armed standby: {wrong:?}\n{}", self.screen.contents());
        self.at = serves.unwrap();
    }

    /// Waits until one host serves, the other one is armed and the screen says so, or until it is certain that it stays otherwise.
    fn settled(&self, patience: Duration) -> Settled {
        let began = Instant::now();
        let mut steady: Option<(&'static str, Instant)> = None;
        loop {
            let (running, shown) = (self.outside.running(), self.screen.now());
            let serves = self.outside.serving(&running);
            let wrong = wrong(&running, serves, &shown);
            steady = serves.filter(|_| wrong.is_none()).map(|host| match steady {
                Some((before, since)) if before == host => (host, since),
                _ => (host, Instant::now()),
            });
            let is_steady = steady.is_some_and(|(_, since)| since.elapsed() >= STEADY);
            if is_steady || began.elapsed() > patience {
                return Settled { serves, armed: shown.armed(), wrong: wrong.filter(|_| !is_steady) };
            }
            sleep(LOOK);
        }
    }

    fn log_of(&self, host: &str) -> Vec<u8> {
        fs::read(self.root.join(format!("run/baton/log/{host}.log"))).unwrap_or_default()
    }

    fn log_since(&self, host: usize, before: &Before) -> String {
        text(self.log_of(POOL[host]).get(before.logs[host]..).unwrap_or_default())
    }

    fn runs(&self) -> String {
        fs::read_to_string(self.lab.state.path().join("baton/runs/runs.jsonl")).unwrap_or_default()
    }

    fn before(&self) -> Before {
        Before {
            records: self.runs().len(),
            logs: POOL.map(|host| self.log_of(host).len()),
            overlaps: self.outside.watch().verdict().1.len(),
            at_once: self.outside.transmit_at_once().len(),
            began: now(),
            clock: Instant::now(),
        }
    }

    /// Makes the fault, ends it, waits until all is settled again; everything that was seen. Whether this lab is good for further cells.
    pub fn carry_out(&mut self, cell: &Cell) -> (Value, bool) {
        self.make_ready(cell.serving);
        let before = self.before();
        let mend = strike::begin(cell, &self.lab, &self.root, &self.outside);
        if let Some(ms) = cell.fault.lasts_ms() {
            sleep(Duration::from_millis(ms.into()).saturating_sub(before.clock.elapsed()));
        }
        let flows = self.outside.pings.flow();
        let ended = before.clock.elapsed();
        strike::end(mend, &self.lab, &self.root);
        let settled = self.settled(SETTLED_WITHIN);
        let mut row = self.seen(cell, &before, ended, flows, &settled);
        let mut is_good = settled.wrong.is_none();
        if let (Some(host), true) = (settled.serves, is_good) {
            self.at = host;
        }
        if is_good && self.at == cell.serving && cell.is_proved() {
            (row["then"], is_good) = self.prove();
        }
        self.keep(cell, &before);
        (row, is_good)
    }

    /// An armed standby is one that takes over: the USRP process that serves is killed. What came of it, and whether this lab is good for more.
    fn prove(&mut self) -> (Value, bool) {
        let before = self.before();
        let death = Cell { serving: self.at, fault: Fault::Kill(Role::Serving, Part::Usrp) };
        strike::begin(&death, &self.lab, &self.root, &self.outside);
        let settled = self.settled(SETTLED_WITHIN);
        let (unserved, _) = self.outside.pings.unserved(before.began);
        let takes_over = settled.wrong.is_none() && settled.serves == Some(other(self.at));
        if takes_over {
            self.at = other(self.at);
        }
        let said = settled.wrong.unwrap_or_else(|| format!("{} serves", settled.serves.unwrap_or("nobody")));
        (json!({"takes_over": takes_over, "unserved_ms": unserved.round(), "else": (!takes_over).then_some(said)}), takes_over)
    }

    fn seen(&self, cell: &Cell, before: &Before, ended: Duration, flows: bool, settled: &Settled) -> Value {
        let (unserved, _) = self.outside.pings.unserved(before.began);
        let silences = self.outside.pings.silences(before.began);
        let shown = self.screen.since(before.clock);
        let wanted = settled.serves.map(other);
        let away = shown.iter().rposition(|(_, shown)| shown.armed() != wanted);
        let armed_at = away.map_or(before.clock, |last| shown.get(last + 1).map_or_else(Instant::now, |(at, _)| *at));
        let after_ms = |at: Instant| at.saturating_duration_since(before.clock).as_millis() as u64;
        let runs = self.runs();
        let records =
            runs.get(before.records..).unwrap_or_default().lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let takeovers: Vec<Value> = records.filter(|record| record["method"] == "takeover").collect();
        let timed: Vec<(f64, &Shown)> = shown
            .iter()
            .map(|(at, shown)| (before.began + at.saturating_duration_since(before.clock).as_secs_f64(), shown))
            .collect();
        json!({
            "cell": cell.to_string(),
            "serves": settled.serves,
            "served_while": flows,
            "unserved_ms": unserved.round(),
            "silences_ms": silences.iter().map(|(from, to)| ((from - before.began) * 1e3, (to - before.began) * 1e3)).collect::<Vec<_>>(),
            "takeovers": takeovers.iter().map(|record| json!({"to": record["to"], "cause": record["warnings"][0], "total_ms": record["total_ms"]})).collect::<Vec<_>>(),
            "armed": settled.armed,
            "armed_after_ms": after_ms(armed_at),
            "fault_ended_after_ms": ended.as_millis() as u64,
            "wrong": settled.wrong,
            "wrong_verdict": verdict::wrong(&timed, &silences, now()),
            "screen": timed.iter().map(|(at, shown)| {
                json!({"ms": ((at - before.began) * 1e3).round(), "verdict": shown.verdict(), "owner": shown.owner, "standby": shown.standby()})
            }).collect::<Vec<_>>(),
            "overlaps": self.outside.watch().verdict().1.split_off(before.overlaps),
            "transmit_at_once": self.outside.transmit_at_once().split_off(before.at_once),
        })
    }

    /// Where a fault of baton may be.
    fn keep(&self, cell: &Cell, before: &Before) {
        let folder = super::results().join("standby-logs");
        fs::create_dir_all(&folder).unwrap();
        let name = cell.to_string().replace([' ', ':', ',', ';'], "-");
        let logs: String = (0..2).map(|host| format!("== {}\n{}", POOL[host], self.log_since(host, before))).collect();
        fs::write(folder.join(format!("{name}.log")), format!("{logs}\n== the screen\n{}", self.screen.contents())).unwrap();
    }
}

/// What is not as it should be with one that serves and one that is armed.
fn wrong(running: &[Running; 2], serves: Option<&'static str>, shown: &Shown) -> Option<String> {
    let Some(host) = serves else { return Some(format!("nobody serves, {running:?}, the screen says {}", shown.verdict())) };
    if *running != [WHOLE; 2] {
        return Some(format!("{running:?}"));
    }
    if shown.armed() != Some(other(host)) {
        return Some(format!("{} is not armed: {}", other(host), shown.standby().unwrap_or_else(|| "no word of a standby".into())));
    }
    let is_owner = shown.owner.strip_prefix("owner ").is_some_and(|owner| owner == host);
    (shown.word != "SERVING" || !is_owner).then(|| format!("{host} serves, the screen says {}, {}", shown.verdict(), shown.owner))
}
