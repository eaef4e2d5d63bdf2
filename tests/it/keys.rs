//! A change of the cluster key while the service goes on, operators with less than every right, and the audit trail; in a whole lab.
//!
//! Needs root.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdout, Output, Stdio};

use crate::common::lab::{Lab, alone, baton, beside, processes, text};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const POOL: [&str; 3] = ["server1", "server2", "server3"];

fn said(output: &Output) -> String {
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// The agents of a lab, as systemd reloads them; returns once each has said that it has read the keys again.
fn reload(lab: &Lab, times: usize) {
    for pid in processes() {
        let inside = fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|link| link == lab.pid_namespace);
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if inside && command.split(|&byte| byte == 0).nth(1) == Some(b"agent") {
            kill(Pid::from_raw(pid), Signal::SIGHUP).unwrap();
        }
    }
    for host in POOL {
        let log = || fs::read_to_string(lab.root().join(format!("run/baton/log/{host}.log"))).unwrap();
        lab.until(host, "read the keys again", |_| log().matches("the keys were read again").count() >= times);
    }
}

/// `baton` on the console's host of the lab, with another cluster file.
fn with_file(lab: &Lab, file: &str, words: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_baton");
    lab.exec("console", &[&[program, "--config", file], words].concat())
}

/// A cluster file as the lab's, in which a line names who this is.
fn cluster_file(lab: &Lab, name: &str, line: &str) -> String {
    let folder = lab.root().join("run/baton");
    let text = fs::read_to_string(folder.join("baton.toml")).unwrap();
    let lines: Vec<&str> = text.lines().map(|old| if old.starts_with("key_file") { line } else { old }).collect();
    fs::write(folder.join(name), lines.join("\n")).unwrap();
    format!("/run/baton/{name}")
}

/// Pings from the far end at 10 ms; none may be lost while it lasts.
struct Pings {
    ping: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Pings {
    fn start(lab: &Lab) -> Self {
        let mut exec = baton(lab.state.path());
        // Ends by itself where nobody answers.
        let ping = ["stdbuf", "-oL", "ping", "-n", "-i", "0.01", "-w", "60", "192.168.40.9"];
        exec.args(["--in", &lab.name, "lab", "exec", "server3", "--"]).args(ping);
        let mut ping = exec.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(ping.stdout.take().unwrap()).lines();
        Self { ping, lines }
    }

    /// However soon that is: some are answered first.
    fn end(mut self) {
        let number = |line: String| line.split_once("icmp_seq=")?.1.split(' ').next()?.parse::<usize>().ok();
        let mut numbers: Vec<usize> = self.lines.by_ref().map_while(Result::ok).filter_map(number).take(50).collect();
        kill(Pid::from_raw(self.ping.id().try_into().unwrap()), Signal::SIGINT).unwrap();
        numbers.extend(self.lines.map_while(Result::ok).filter_map(number));
        self.ping.wait().unwrap();
        numbers.sort_unstable();
        // The last one may still be on its way.
        assert!(numbers.len() >= 50 && numbers.iter().copied().eq(1..=numbers.len()), "{numbers:?}");
    }
}

/// A lab that serves, by the verdict that `baton status` exits with.
fn serving(test: &str) -> Lab {
    let lab = Lab::start(test, &["--probe-interval", "10ms"]);
    lab.done(&["DS"]);
    let waited = lab.baton(&["wait", "serving", "--timeout", "20s"]);
    assert!(waited.status.success(), "{}", said(&waited));
    lab
}

#[test]
fn the_key_is_changed_without_a_ping_lost() {
    let Some(_turn) = alone() else { return };
    let lab = serving("keys");
    let folder = lab.root().join("run/baton");
    fs::copy(folder.join("cluster.key"), folder.join("old.key")).unwrap();
    let old = cluster_file(&lab, "old.toml", "key_file = \"/run/baton/old.key\"");

    let pings = Pings::start(&lab);
    let refused = lab.baton(&["key", "rotate"]);
    assert!(!refused.status.success() && said(&refused).contains("there is no next key here"), "{}", said(&refused));
    assert!(lab.baton(&["key", "new"]).status.success());
    assert_eq!(fs::metadata(folder.join("cluster.key.next")).unwrap().permissions().mode() & 0o777, 0o600);
    let refused = lab.baton(&["key", "rotate"]);
    assert!(said(&refused).contains("does not accept the next key yet"), "{}", said(&refused));
    reload(&lab, 1);
    assert!(lab.baton(&["key", "rotate"]).status.success());
    let refused = lab.baton(&["key", "retire"]);
    assert!(said(&refused).contains("does not work with the new key yet"), "{}", said(&refused));
    pings.end();
    // Who has not heard of it goes on: an operator with the old key, and the agents among themselves.
    assert!(with_file(&lab, &old, &["status"]).status.success());
    assert_eq!(lab.done(&["M"])["outcome"], "ok");

    let pings = Pings::start(&lab);
    reload(&lab, 2);
    let uses: Value = serde_json::from_slice(&lab.baton(&["key", "show", "--json"]).stdout).unwrap();
    for host in POOL {
        assert_eq!(uses["hosts"][host], json!({"works_with": "current", "accepts": ["current", "previous"]}), "{uses:#}");
    }
    let retired = lab.baton(&["key", "retire"]);
    assert!(retired.status.success(), "{}", said(&retired));
    reload(&lab, 3);
    let stranger = with_file(&lab, &old, &["status"]);
    assert!(!stranger.status.success() && said(&stranger).contains("has another cluster key"), "{}", said(&stranger));
    pings.end();
    assert_eq!(lab.done(&["MB"])["outcome"], "ok");
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn an_operator_may_do_what_the_role_says_and_all_of_it_is_on_record() {
    let Some(_turn) = beside() else { return };
    let lab = serving("roles");
    for (name, role) in [("ada@lab", "watch"), ("bob@lab", "operate")] {
        let out = format!("/run/baton/{role}.pem");
        let program = env!("CARGO_BIN_EXE_baton");
        let issued = lab.exec("console", &[program, "key", "issue", name, "--role", role, "--out", &out]);
        assert!(issued.status.success(), "{}", said(&issued));
        cluster_file(&lab, &format!("{role}.toml"), &format!("identity_file = \"{out}\""));
    }
    let [ada, bob] = ["/run/baton/watch.toml", "/run/baton/operate.toml"];
    assert!(with_file(&lab, ada, &["status"]).status.success());
    let refused = with_file(&lab, ada, &["do", "M"]);
    assert!(!refused.status.success(), "{}", said(&refused));
    assert!(said(&refused).contains("ada@lab has the role watch, and order needs the role operate"), "{}", said(&refused));
    let moved = with_file(&lab, bob, &["do", "M", "--json"]);
    let record: Value = serde_json::from_slice(&moved.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&moved)));
    assert_eq!((&record["outcome"], &record["by"]), (&json!("ok"), &json!("bob@lab")));
    // A certificate for operators is no key.
    let agent = with_file(&lab, bob, &["agent", "--host", "server1"]);
    assert!(said(&agent).contains("the agent of server1 needs the cluster's key"), "{}", said(&agent));
    let key = with_file(&lab, bob, &["key", "show"]);
    assert!(said(&key).contains("names no key_file"), "{}", said(&key));

    let trail = lab.state.path().join("baton/runs/audit.jsonl");
    let entries: Vec<Value> = fs::read_to_string(trail).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |by: &str| entries.iter().find(|entry| entry["by"] == by).unwrap_or_else(|| panic!("{entries:#?}"));
    assert_eq!((&of("ada@lab")["outcome"], &of("ada@lab")["code"]), (&json!("refused"), &json!("unauthorized")));
    let moved = of("bob@lab");
    assert_eq!((&moved["order"], &moved["outcome"], &moved["run"]), (&json!("M"), &json!("ok"), &record["run"]));
    assert!(moved["from"].as_str().unwrap().starts_with("10.77.0."), "{moved}");
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}
