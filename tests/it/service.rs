//! The verdict on the service: every fault that can be made from outside, the sentence that names it, and the key that mends it, pressed in a console.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "a test that panics has failed")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::common::lab::{self, Lab, baton, text};
use crate::common::pty::{Line, Terminal};
use nix::sys::signal::Signal;
use serde_json::Value;

/// Ends a test that would wait for ever; says nothing about speed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pings without an answer by which the verdict is there, ms: ten of them.
const TOLD_WITHIN_MS: u64 = 1_000;
/// A fault that touches nobody has had the time to do so: pings that are lost are given up after 1 s.
const UNTOUCHED_MS: u64 = 1_500;

/// `baton watch --json`, as a script would follow it.
struct Watched {
    child: Child,
    lines: Receiver<Value>,
}

impl Watched {
    fn over(lab: &Lab) -> Self {
        let mut command = baton(lab.state.path());
        let mut child = command.args(["--in", &lab.name, "watch", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let (send, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = send.send(serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}")));
            }
        });
        Self { child, lines }
    }

    /// The next verdict that says so.
    fn until(&self, state: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("the service was never {state}"));
            if line["event"] == "service" && line["state"] == state {
                return line;
            }
        }
    }

    /// Whether the service was down in what has been said since the last look.
    fn was_down(&self) -> Option<Value> {
        self.lines.try_iter().find(|line| line["event"] == "service" && line["state"] == "down")
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn status(lab: &Lab) -> (Value, Option<i32>) {
    let output = baton(lab.state.path()).args(["--in", &lab.name, "status", "--json"]).output().unwrap();
    (serde_json::from_slice(&output.stdout).unwrap_or_default(), output.status.code())
}

fn run(lab: &Lab, words: &[&str]) -> std::process::Output {
    baton(lab.state.path()).args(["--in", &lab.name]).args(words).output().unwrap()
}

/// How a fault is made, what the service says of it, and how what lasts is ended.
struct Walk {
    /// Words of `baton lab fault SERVING ...`, or an event for the radio.
    fault: &'static str,
    /// Part of the sentence; the host that serves stands for `{}`.
    cause: &'static str,
    /// The key that the screen names.
    key: &'static str,
    /// The other server has the work afterwards.
    moves: bool,
    /// `baton lab mend` ends it.
    lasts: bool,
}

const WALKS: [Walk; 5] = [
    Walk { fault: "kill-usrp", cause: "the USRP process of {} died", key: "R", moves: false, lasts: false },
    Walk { fault: "kill-d2d", cause: "the D2D process of {} died", key: "R", moves: false, lasts: false },
    Walk { fault: "pause-usrp", cause: "the USRP process of {} does not answer", key: "R", moves: false, lasts: false },
    Walk { fault: "pause-d2d", cause: "the D2D process of {} does not answer", key: "R", moves: false, lasts: false },
    Walk { fault: "cut-eth3", cause: "eth3 of {} has no link", key: "R", moves: true, lasts: true },
];

/// Faults that leave the service as it is, and how they end.
const HARMLESS: [(&str, bool); 4] = [("kill-agent", false), ("pause-agent", true), ("cut-mgmt0", true), ("full-disk", true)];

#[test]
fn every_fault_is_told_with_its_cause_and_the_key_it_names_mends_it() {
    let Some(_turn) = lab::alone() else { return };
    let lab = Lab::start("service", &[]);
    assert_eq!(status(&lab).1, Some(1), "nothing is started yet");
    assert_eq!(text(&run(&lab, &["wait", "serving", "--timeout", "3s"]).stdout).split(' ').next(), Some("DOWN"));
    let watched = Watched::over(&lab);
    let mut console = Command::new(env!("CARGO_BIN_EXE_baton"));
    console.args(["--in", &lab.name, "console"]).env("XDG_STATE_HOME", lab.state.path()).env("XDG_CONFIG_HOME", lab.state.path());
    let console = Terminal::start(&mut console, (40, 120), Line::Fast);
    console.wait_for("DOWN");
    assert!(run(&lab, &["do", "recover"]).status.success(), "a work that runs nowhere is started");
    watched.until("serving");
    console.wait_for(" SERVING ");
    assert_eq!(status(&lab).1, Some(0));
    let mut serving = "server1";
    for walk in WALKS {
        serving = walked(&lab, &watched, &console, &walk, serving);
    }
    for (fault, lasts) in HARMLESS {
        untouched(&lab, &watched, fault, lasts, serving);
    }
    serving = moved(&lab, &watched, serving);
    radio_faults(&lab, &watched, serving);
    borrowed(&lab, &watched, serving);
    drop(watched);
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

/// Makes a fault, reads the verdict, presses the key, and sees the service back; the host that serves then.
fn walked(lab: &Lab, watched: &Watched, console: &Terminal, walk: &Walk, serving: &'static str) -> &'static str {
    assert!(run(lab, &["lab", "fault", serving, walk.fault]).status.success(), "{}", walk.fault);
    let told = watched.until("down");
    let cause = walk.cause.replace("{}", serving);
    eprintln!("{}: told after {} ms of silence: {}", walk.fault, told["silent_ms"], told["reason"]);
    assert!(told["silent_ms"].as_u64().unwrap_or_default() <= TOLD_WITHIN_MS, "{}: {told}", walk.fault);
    let (report, code) = status(lab);
    assert_eq!(code, Some(1), "{}", walk.fault);
    let reason = report["service"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains(&cause), "{}: {reason}", walk.fault);
    assert_eq!(report["service"]["mend"], "baton do recover", "{}", walk.fault);
    mended(console, watched, walk.key);
    if walk.lasts {
        assert!(run(lab, &["lab", "mend", serving, walk.fault]).status.success(), "{}", walk.fault);
    }
    let other = if serving == "server1" { "server2" } else { "server1" };
    let serves = if walk.moves { other } else { serving };
    assert_eq!(status(lab).0["service"]["host"], serves, "{}", walk.fault);
    serves
}

/// Presses the key that the screen names, says yes, and waits until the service is served.
fn mended(console: &Terminal, watched: &Watched, key: &str) {
    console.wait_for(&format!("{key} recovers it on"));
    console.keys(key);
    console.wait_for("ARE YOU SURE?");
    // What comes sooner than 0.1 s is no answer.
    std::thread::sleep(Duration::from_millis(300));
    console.keys("\r");
    watched.until("serving");
    console.wait_for(" SERVING ");
}

/// A fault that the users do not notice is no end of service.
fn untouched(lab: &Lab, watched: &Watched, fault: &str, lasts: bool, serving: &str) {
    let _ = watched.was_down();
    assert!(run(lab, &["lab", "fault", serving, fault]).status.success(), "{fault}");
    std::thread::sleep(Duration::from_millis(UNTOUCHED_MS));
    assert_eq!(watched.was_down(), None, "{fault}");
    assert_eq!(status(lab).0["service"]["state"], "serving", "{fault}");
    if lasts {
        assert!(run(lab, &["lab", "mend", serving, fault]).status.success(), "{fault}");
    }
}

/// Moves that nobody notices are no end of service either, whatever of them is told first; the host that serves then.
fn moved(lab: &Lab, watched: &Watched, serving: &'static str) -> &'static str {
    let _ = watched.was_down();
    let orders = if serving == "server1" { ["M", "MB"] } else { ["MB", "M"] };
    for order in orders.into_iter().cycle().take(8) {
        lab.done(&[order, "--method", "hot"]);
    }
    // What is told of the last one comes within a second.
    lab.until(serving, "in sync for a second", |status| status["d2d"]["sync"]["for_ms"].as_u64() >= Some(1_000));
    assert_eq!(watched.was_down(), None);
    serving
}

/// What goes wrong with the radio of the work for some seconds, and how the sentence begins where that ends the service.
const RADIO_FAULTS: [(&str, Option<&str>); 11] = [
    ("kind = \"deaf\", for = 2.5", Some("no samples come from the radio to {}")),
    ("kind = \"brown-out\", for = 2.5", Some("no samples come from the radio to {}")),
    (
        "kind = \"drop\", port = 49156, direction = \"out\", probability = 1.0, for = 2.5",
        Some("no samples come from the radio to {}"),
    ),
    (
        "kind = \"drop\", port = 49157, direction = \"in\", probability = 1.0, for = 2.5",
        Some("at the far end: server3 does not find the signal"),
    ),
    ("kind = \"duplicate\", probability = 0.2, for = 1.0", None),
    ("kind = \"reorder\", every = 50, for = 1.0", None),
    ("kind = \"delay\", ms = 2, for = 1.0", None),
    ("kind = \"slow-cpu\", ms = 5, for = 1.0", None),
    ("kind = \"lost-lock\", for = 1.0", None),
    ("kind = \"clock-jump\", ms = 50", None),
    ("kind = \"overflow\"", None),
];

/// The service is down within a second where its users notice, with the cause, and it is back when the fault has ended.
fn radio_faults(lab: &Lab, watched: &Watched, serving: &str) {
    for (fault, cause) in RADIO_FAULTS {
        // A receiver in its first second of sync is still starting, whatever the pings say.
        lab.until(serving, "in sync for a second", |status| status["d2d"]["sync"]["for_ms"].as_u64() >= Some(1_000));
        let _ = watched.was_down();
        lab.n210_fault(fault);
        let began = Instant::now();
        let Some(cause) = cause else {
            std::thread::sleep(Duration::from_millis(UNTOUCHED_MS));
            assert_eq!(watched.was_down(), None, "{fault}");
            assert_eq!(status(lab).0["service"]["state"], "serving", "{fault}");
            continue;
        };
        let told = watched.until("down");
        eprintln!("{fault}: told after {:?}, {} ms of silence: {}", began.elapsed(), told["silent_ms"], told["reason"]);
        assert!(told["silent_ms"].as_u64().unwrap_or_default() <= TOLD_WITHIN_MS, "{fault}: {told}");
        // The first sentence may be a guess that the next message corrects.
        let cause = cause.replace("{}", serving);
        let begins = |status: &Value| status["service"]["reason"].as_str().is_some_and(|reason| reason.contains(&cause));
        let since = Instant::now();
        while !begins(&status(lab).0) {
            assert!(since.elapsed() < Duration::from_secs(3), "{fault}: {}", status(lab).0["service"]);
        }
        // The agent asks for its streams again once the radio speaks.
        watched.until("serving");
    }
}

/// A stock program on the other server opens the radio and takes its samples, several times, as somebody who tries it out would: the work takes them
/// back each time and says what happened. Whether its users notice is up to the second that a process lets pass between two attempts.
fn borrowed(lab: &Lab, watched: &Watched, serving: &str) {
    let other = if serving == "server1" { "server2" } else { "server1" };
    lab.says(other, &["ip", "address", "add", "192.168.10.77/24", "dev", "eth3"]);
    let program = "/usr/libexec/uhd/examples/rx_samples_to_file";
    let wanted = ["--args", "addr=192.168.10.2,type=usrp2", "--rate", "1e6", "--duration", "3", "--file", "/dev/null"];
    lab.says(other, &[&[program], &wanted[..]].concat());
    lab.says(other, &["ip", "address", "del", "192.168.10.77/24", "dev", "eth3"]);
    let said: Vec<Value> = watched.lines.try_iter().collect();
    let words_of = |line: &Value| line["text"].as_str().unwrap_or_default().to_owned();
    for words in ["another program has opened a UHD session on the radio", "the streams were asked for again", "samples flow again"]
    {
        assert!(said.iter().any(|line| words_of(line).contains(words)), "{words}: {said:#?}");
    }
    for down in said.iter().filter(|line| line["state"] == "down") {
        assert!(down["advice"].as_str().unwrap_or_default().contains("whether another program has taken it"), "{down}");
    }
    assert!(text(&run(lab, &["wait", "serving", "--timeout", "5s"]).stdout).starts_with("SERVING"));
}
