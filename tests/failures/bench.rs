//! A lab in which cells are carried out one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use protocol::{Form, Order};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::cells::{Cell, Fault};
use super::outside::{INTERVAL, LOOK, Outside, POOL, now};
use super::strike;
use crate::common::lab::{Lab, baton, text};
use crate::common::watch::{Change, Watch};

/// Longer than an order whose steps and ways back all meet their deadlines.
const RECORD_WITHIN: Duration = Duration::from_secs(300);
/// An agent that was started again has written what it found by then.
const AFTERTHOUGHT: Duration = Duration::from_secs(20);
/// After the record and the fault: until one host serves, or it is certain that nobody will by itself.
const SETTLED_WITHIN: Duration = Duration::from_secs(12);
/// A start with full initialisation, on a machine that has more to do.
const REPAIRED_WITHIN: Duration = Duration::from_secs(300);
/// What is asked of agents beside orders.
const ORDER_WITHIN: Duration = Duration::from_secs(150);

/// The programs of a lab, each agent under a keeper as systemd is one (`Restart=always`, `RestartSec=1`). A fault strikes once:
/// the agent that is started again meets none.
fn programs(folder: &Path, form: Form) -> String {
    let baton = env!("CARGO_BIN_EXE_baton");
    let radios = format!("{baton} n210 --control /run/baton/n210.sock --radio=pool=n210 --radio=far=n210-far");
    let program = |title: &str, log: &str, namespace: &str, script: &str, ready: &str| {
        let command = json!(["sh", "-c", script]);
        format!("{{ title = \"{title}\", log = \"{log}\", namespace = \"{namespace}\", command = {command}, ready = \"{ready}\" }}")
    };
    let agent = |host: &str| {
        let file = folder.join(format!("{host}.toml")).display().to_string();
        let script = format!("while :; do {baton} agent --host {host} --faults {file}; echo '# struck' > {file}; sleep 1; done");
        program(&format!("the agent of {host}"), host, host, &script, "agent ready")
    };
    let agents: Vec<String> = ["server1", "server2", "server3"].iter().map(|host| agent(host)).collect();
    let radios = program("the software N210s", "n210", "console", &format!("exec {radios}"), "n210 ready");
    let radios = if form == Form::Guest { String::new() } else { format!("[{radios}], ") };
    format!("stage = [{radios}[{}]]", agents.join(", "))
}

/// Where a cell begins.
struct Before {
    /// Length of the file of records, and of the agents' logs.
    records: usize,
    logs: [usize; 2],
    /// Changes of the radio's address so far, and moments with two owners.
    changes: usize,
    overlaps: usize,
    /// Moments with two transmitters.
    at_once: usize,
    /// Seconds since 1970.
    began: f64,
    clock: Instant,
}

/// A lab with its observers and files of faults.
pub struct Bench {
    lab: Lab,
    outside: Outside,
    folder: TempDir,
    root: PathBuf,
    struck: usize,
    pub at: &'static str,
    pub form: Form,
}

impl Bench {
    pub fn start(name: &str, form: Form) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for host in ["server1", "server2", "server3"] {
            fs::write(folder.path().join(format!("{host}.toml")), "").unwrap();
        }
        let file = folder.path().join("programs.toml");
        fs::write(&file, programs(folder.path(), form)).unwrap();
        let lab = Lab::start(name, &["--form", &form.to_string(), "--programs", &file.display().to_string()]);
        let root = lab.root();
        let watch = Watch::over(&lab, POOL, "192.168.10.1/24");
        // Its monitors are ready by the time that the first host is given the address.
        finish(order(&lab, &["KL"]), ORDER_WITHIN);
        finish(order(&lab, &["DS"]), ORDER_WITHIN);
        let outside = Outside::of(&lab, watch, &root, form);
        let bench = Self { lab, outside, folder, root, struck: 0, at: "server1", form };
        let (serves, left) = bench.outside.settled(REPAIRED_WITHIN);
        assert!(serves == Some("server1") && left.is_none(), "DS does not start the service: {left:?}\n{}", bench.log());
        bench
    }

    /// Ends the lab.
    pub fn end(self) {
        let (changes, _) = self.outside.watch().verdict();
        assert_eq!(self.lab.end(nix::sys::signal::Signal::SIGTERM), Some(0));
        // The address of a pod or a guest is in a network namespace of its own.
        assert!(changes > 0 || self.form != Form::Processes, "the watch saw nothing");
    }

    /// Moves the service to the other host, without a fault.
    pub fn move_over(&mut self) {
        let word = if self.at == "server1" { "M" } else { "MB" };
        finish(order(&self.lab, &[word]), ORDER_WITHIN);
        match self.outside.settled(SETTLED_WITHIN) {
            (Some(host), None) => self.at = host,
            _ => self.repair(),
        }
    }

    /// As an operator would: stop what is left, start anew.
    fn repair(&mut self) {
        let since = Instant::now();
        loop {
            for words in [["KL"], ["KR"], ["DS"]] {
                finish(order(&self.lab, &words), ORDER_WITHIN);
            }
            if let (Some(host), None) = self.outside.settled(SETTLED_WITHIN) {
                self.at = host;
                return;
            }
            assert!(since.elapsed() < REPAIRED_WITHIN, "KL, KR and DS do not bring the service back: {}", self.log());
        }
    }

    fn runs(&self) -> String {
        fs::read_to_string(self.lab.state.path().join("baton/runs/runs.jsonl")).unwrap_or_default()
    }

    fn log(&self) -> String {
        POOL.map(|host| text(&self.log_of(host))).concat()
    }

    fn log_of(&self, host: &str) -> Vec<u8> {
        fs::read(self.root.join(format!("run/baton/log/{host}.log"))).unwrap_or_default()
    }

    fn write_faults(&self, host: &str, text: &str) {
        let (new, file) = (self.folder.path().join("new"), self.folder.path().join(format!("{host}.toml")));
        fs::write(&new, text).unwrap();
        fs::rename(new, file).unwrap();
    }

    /// Carries out the order under the fault, from service to service; everything that was seen. Who has the service afterwards is in `at`.
    pub fn carry_out(&mut self, cell: &Cell) -> Value {
        let over = self.folder.path().join("over");
        assert_eq!(self.at, cell.place.host(baton::migration::flow::Side::Source), "{cell}");
        let _ = fs::remove_file(&over);
        self.struck += 1;
        let before = self.before();
        self.write_faults(cell.asked(), &strike::file(cell, self.struck, &over));
        let words = [cell.place.order.to_string(), "--method".into(), cell.place.method.to_string()];
        let mut asking = order(&self.lab, &words.each_ref().map(String::as_str));
        let record = self.await_record(cell.place.order, before.records, &mut asking);
        let took = before.clock.elapsed();
        if cell.fault == Fault::DeafThroughout {
            self.lab.exec("console", &[env!("CARGO_BIN_EXE_baton"), "n210", "tell", "/run/baton/n210.sock", strike::HEARS]);
        }
        let struck = (0..2).any(|host| self.log_since(host, &before).contains("fault: "));
        if struck && strike::passes(cell.fault) {
            await_file(&over, cell.fault);
        }
        let (serves, left) = self.outside.settled(SETTLED_WITHIN);
        let mut row = self.seen(&before);
        self.write_faults(cell.asked(), &format!("# after {}\n", self.struck));
        let (_, said) = finish(asking, ORDER_WITHIN);
        let told = json!({
            "cell": cell.to_string(),
            "method": cell.place.method.to_string(),
            "order": cell.place.order,
            "number": cell.place.number,
            "step": cell.place.command(),
            "host": cell.asked(),
            "fault": cell.fault.to_string(),
            "struck": struck,
            "outcome": record["outcome"],
            "reason": record["reason"],
            "warnings": record["warnings"],
            "said": said.trim(),
            "record_after_ms": took.as_millis() as u64,
            "serves": serves,
            "left": left,
        });
        row.as_object_mut().unwrap().extend(told.as_object().unwrap().clone());
        match serves {
            Some(host) if row["left"].is_null() => self.at = host,
            _ => {
                keep_logs(cell, &[self.log_since(0, &before), self.log_since(1, &before)]);
                self.repair();
            }
        }
        row
    }

    fn before(&self) -> Before {
        Before {
            records: self.runs().len(),
            logs: POOL.map(|host| self.log_of(host).len()),
            changes: self.outside.watch().changes().len(),
            overlaps: self.outside.watch().verdict().1.len(),
            at_once: self.outside.transmit_at_once().len(),
            began: now(),
            clock: Instant::now(),
        }
    }

    fn log_since(&self, host: usize, before: &Before) -> String {
        text(self.log_of(POOL[host]).get(before.logs[host]..).unwrap_or_default())
    }

    /// What was seen from outside since.
    fn seen(&self, before: &Before) -> Value {
        let (unserved, back) = self.outside.pings.unserved(before.began);
        let changes = self.outside.watch().changes();
        let change = |change: &Change| json!({"at": change.at.to_rfc3339(), "host": change.host, "holds": change.holds});
        let mut overlaps = self.outside.watch().verdict().1.split_off(before.overlaps);
        if self.form == Form::Guest {
            // Over the air a payload that may have been lost at the cut is sent again.
            overlaps.extend(self.outside.pings.answered_twice(before.began));
        }
        json!({
            "unserved_ms": unserved.round(),
            "back": back,
            "owners": changes[before.changes..].iter().map(change).collect::<Vec<Value>>(),
            "overlaps": overlaps,
            "transmit_at_once": self.outside.transmit_at_once().split_off(before.at_once),
            "probe_interval_ms": INTERVAL * 1e3,
        })
    }

    /// The record of the order; null where none was written.
    fn await_record(&self, order: Order, from: usize, asking: &mut Child) -> Value {
        let began = Instant::now();
        let mut ended: Option<Instant> = None;
        loop {
            let runs = self.runs();
            let lines = runs.get(from..).unwrap_or_default().lines();
            let mut records = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(record) = records.find(|record| record["order"] == order.to_string()) {
                return record;
            }
            if ended.is_none() && asking.try_wait().unwrap().is_some() {
                ended = Some(Instant::now());
            }
            if began.elapsed() > RECORD_WITHIN || ended.is_some_and(|at| at.elapsed() > AFTERTHOUGHT) {
                return Value::Null;
            }
            sleep(LOOK);
        }
    }
}

fn order(lab: &Lab, words: &[&str]) -> Child {
    let mut command = baton(lab.state.path());
    command.args(["--in", &lab.name, "do"]).args(words).arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// What an order has answered, and said.
fn finish(mut child: Child, within: Duration) -> (Value, String) {
    let since = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if since.elapsed() > within {
            let _ = child.kill();
            let _ = child.wait();
            return (Value::Null, format!("`baton do` did not end within {} s", within.as_secs()));
        }
        sleep(LOOK);
    }
    let output = child.wait_with_output().unwrap();
    (serde_json::from_slice(&output.stdout).unwrap_or_default(), text(&output.stderr))
}

fn await_file(file: &Path, fault: Fault) {
    let since = Instant::now();
    let lasts = if let Fault::Pause(_, _, ms) = fault { Duration::from_millis(ms.into()) } else { Duration::ZERO };
    while !file.exists() {
        assert!(since.elapsed() < lasts + SETTLED_WITHIN, "the fault does not pass");
        sleep(LOOK);
    }
}

/// Where a fault of baton may be.
fn keep_logs(cell: &Cell, logs: &[String; 2]) {
    let folder = super::results().join("logs");
    fs::create_dir_all(&folder).unwrap();
    let name = cell.to_string().replace([' ', ':', ','], "-");
    fs::write(
        folder.join(format!("{name}.log")),
        POOL.iter().zip(logs).map(|(host, log)| format!("== {host}\n{log}")).collect::<String>(),
    )
    .unwrap();
}
