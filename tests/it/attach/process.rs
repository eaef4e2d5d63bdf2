//! `baton usrp` as a child, and its agent's and its sibling's ends of the sockets.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::machine::{self, Turn};
use crate::common::needs;
use config::Radio;
use n210_wire::Control;
use n210_wire::control::{Action, Message};
use n210_wire::register::setting_address;
use nix::sched::{CloneFlags, setns, unshare};
use protocol::StreamCounters;
use serde_json::{Value, json};
use workload::contract::{ENV_RADIO, ENV_SAMPLES, ENV_SOCKET};

/// A network namespace for this test's thread and what it starts, which needs no name; left when dropped. Its test has the machine alone.
pub struct OwnNetwork {
    before: File,
    _turn: Turn,
}

impl OwnNetwork {
    pub fn enter() -> Option<Self> {
        if !needs::root() {
            return None;
        }
        let network = Self { before: File::open("/proc/thread-self/ns/net").unwrap(), _turn: machine::alone() };
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        ip("link set lo up");
        Some(network)
    }
}

impl Drop for OwnNetwork {
    fn drop(&mut self) {
        // With --test-threads=1 the next test has the same thread.
        setns(&self.before, CloneFlags::CLONE_NEWNET).unwrap();
    }
}

/// Runs iproute2 in the present namespace.
pub fn ip(line: &str) {
    assert!(Command::new("ip").args(line.split(' ')).status().unwrap().success(), "ip {line}");
}

/// A software N210 behind a cable, in a network namespace of its own, 192.168.10.2 on the other end of our eth3 (192.168.10.1).
pub struct SoftwareRadio(Child);

impl SoftwareRadio {
    pub fn start() -> Self {
        Self::with_options("")
    }

    /// With options of `baton n210`.
    pub fn with_options(options: &str) -> Self {
        // It waits for its end of the cable, which must exist before it can be moved there.
        let script = "read go; ip link set eth0 up; exec \"$0\" n210 $1";
        let mut child = Command::new("unshare")
            .args(["-n", "sh", "-c", script, env!("CARGO_BIN_EXE_baton"), options])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (id, ours) = (child.id(), std::fs::read_link("/proc/thread-self/ns/net").unwrap());
        await_until("its namespace", || std::fs::read_link(format!("/proc/{id}/ns/net")).is_ok_and(|theirs| theirs != ours));
        ip(&format!("link add eth3 type veth peer name eth0 netns {id}"));
        ip("addr add 192.168.10.1/24 dev eth3");
        ip("link set eth3 up");
        writeln!(child.stdin.as_mut().unwrap()).unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        assert!(ready.contains("ready"), "{ready}");
        Self(child)
    }

    #[cfg(feature = "uhd")]
    /// A step of `baton-uhd`: its exit code and its line.
    pub fn uhd(step: &str, radio: &Radio) -> (Option<i32>, Value) {
        let radio = serde_json::to_string(radio).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_baton-uhd")).arg(step).env(ENV_RADIO, radio).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "one line on stdout: {text}");
        (output.status.code(), serde_json::from_str(&text).unwrap())
    }
}

impl Drop for SoftwareRadio {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn radio(address: &str) -> Radio {
    Radio {
        args: format!("addr={address}").parse().unwrap(),
        rate: 100e6 / 52.0,
        tx_freq: 10e6,
        rx_freq: 20e6,
        gain: 0.0,
        tx_ant: String::new(),
        rx_ant: String::new(),
        reference: config::Reference::Internal,
        bw: 30e6,
    }
}

/// The child; killed when dropped.
pub struct Usrp {
    pub child: Child,
    stream: UnixStream,
    reader: BufReader<UnixStream>,
    id: u64,
    pub notes: Vec<String>,
    /// How often it has said that no samples come.
    pub silences: usize,
}

impl Usrp {
    pub fn start(folder: &Path, radio: &Radio) -> Self {
        let socket = folder.join("usrp.sock");
        let child = Command::new(env!("CARGO_BIN_EXE_baton"))
            .arg("usrp")
            .env(ENV_SOCKET, &socket)
            .env(ENV_SAMPLES, folder.join("samples.sock"))
            .env(ENV_RADIO, serde_json::to_string(radio).unwrap())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(5);
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(e) => assert!(Instant::now() < until, "the contract socket does not come up: {e}"),
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { child, stream, reader, id: 0, notes: Vec::new(), silences: 0 }
    }

    /// The `ok` of the answer, or its `error` as text.
    pub fn ask(&mut self, ask: &str) -> Result<Value, String> {
        self.say(json!({ "ask": ask }))
    }

    /// A question with arguments.
    pub fn ask_with(&mut self, ask: &str, args: &Value) -> Result<Value, String> {
        self.say(json!({ "ask": ask, "args": args }))
    }

    fn say(&mut self, mut question: Value) -> Result<Value, String> {
        self.id += 1;
        question["id"] = self.id.into();
        writeln!(self.stream, "{question}").unwrap();
        loop {
            let line = self.line();
            if self.take_event(&line) {
                continue;
            }
            assert_eq!(line["id"], self.id);
            return match line.get("error") {
                Some(error) => Err(error.as_str().unwrap().into()),
                None => Ok(line["ok"].clone()),
            };
        }
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    pub fn await_note(&mut self, part: &str) {
        let until = Instant::now() + Duration::from_secs(10);
        while !self.notes.iter().any(|note| note.contains(part)) {
            assert!(Instant::now() < until, "no note says \"{part}\": {:?}", self.notes);
            let line = self.line();
            assert!(self.take_event(&line), "an answer that nobody asked for: {line}");
        }
    }

    /// Waits until it says that no samples come.
    pub fn await_silence(&mut self) {
        let until = Instant::now() + Duration::from_secs(10);
        let before = self.silences;
        while self.silences == before {
            assert!(Instant::now() < until, "it never says that no samples come: {:?}", self.notes);
            let line = self.line();
            assert!(self.take_event(&line), "an answer that nobody asked for: {line}");
        }
    }

    /// Keeps an event; whether the line is one.
    fn take_event(&mut self, line: &Value) -> bool {
        match line["event"].as_str() {
            Some("note") => self.notes.push(line["text"].as_str().unwrap().into()),
            Some("silent") => self.silences += 1,
            Some("follows" | "took_over") => {}
            _ => return false,
        }
        true
    }

    /// Processor time so far.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        // User and system time in ticks of 10 ms, fields 14 and 15 of proc(5).
        Duration::from_millis(10 * (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()))
    }

    pub fn counters(&mut self) -> StreamCounters {
        serde_json::from_value(self.ask("status").unwrap()["counters"].clone()).unwrap()
    }
}

impl Drop for Usrp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a state; the deadline is only there so that a failure ends.
pub fn await_until(what: &str, mut reached: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(5);
    while !reached() {
        assert!(Instant::now() < until, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Writes a setting register of the radio behind this socket, and waits for its answer.
pub fn poke(control: &UdpSocket, register: u8, value: u32) {
    let write = Message::Register { address: setting_address(register), data: value, action: Action::Write };
    control.send(&Control::request(1, write).encode()).unwrap();
    control.recv(&mut [0; 64]).unwrap();
}
