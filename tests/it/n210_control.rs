//! `baton n210` with a scene and a command socket, from the outside: another process tells it what happens, a host on its wire sees it.
//!
//! Needs root and `ip`.

// A test ends with what it could not do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::common::{lab, machine, needs};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// A wire of this test between two namespaces, and the radio at its far end; all gone when dropped.
struct Bench {
    wire: String,
    folder: tempfile::TempDir,
    radio: Option<Child>,
    _turn: machine::Turn,
}

fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split(' ')).output().expect("ip runs");
    assert!(done.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

fn baton(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

impl Bench {
    /// None where these tests cannot run.
    fn new(test: &str) -> Option<Self> {
        if !needs::root() || !needs::tools(&["ip"]) {
            return None;
        }
        let turn = machine::shared();
        let wire = format!("baton-{test}-{}", std::process::id());
        let bench = Self { wire, folder: tempfile::tempdir().unwrap(), radio: None, _turn: turn };
        let (host, site) = (bench.host(), bench.site());
        ip(&format!("netns add {host}"));
        ip(&format!("netns add {site}"));
        ip(&format!("link add eth3 netns {host} type veth peer name eth0 netns {site}"));
        ip(&format!("-n {host} addr add 192.168.10.1/24 dev eth3"));
        ip(&format!("-n {host} link set eth3 up"));
        ip(&format!("-n {site} link set eth0 up"));
        Some(bench)
    }

    fn host(&self) -> String {
        format!("{}-host", self.wire)
    }

    fn site(&self) -> String {
        format!("{}-site", self.wire)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("n210.sock")
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut command = baton(&["n210", &format!("--radio=pool={}", self.site()), "--control"]);
        command.arg(self.socket()).args(options).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the radio and waits until it answers.
    fn start(&mut self, options: &[&str]) {
        let mut radio = self.command(options).spawn().expect("baton starts");
        let mut ready = String::new();
        BufReader::new(radio.stdout.as_mut().expect("piped")).read_line(&mut ready).expect("a line");
        if !ready.starts_with("n210 ready pool=192.168.10.2@") {
            let mut said = String::new();
            radio.kill().unwrap();
            radio.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("{ready}{said}");
        }
        self.radio = Some(radio);
    }

    /// Ends the radio by a signal; its exit code.
    fn end(&mut self, signal: Signal) -> Option<i32> {
        let mut radio = self.radio.take().unwrap();
        kill(Pid::from_raw(radio.id().cast_signed()), signal).unwrap();
        radio.wait().unwrap().code()
    }

    fn tell(&self, event: &str) -> (Option<i32>, String) {
        let output = baton(&["n210", "tell"]).arg(self.socket()).arg(event).output().unwrap();
        (output.status.code(), words(&output))
    }

    /// Whether the radio answers a hello within three tries.
    fn answers(&self) -> bool {
        let namespace = File::open(Path::new("/run/netns").join(self.host())).expect("the namespace");
        let asking = std::thread::spawn(move || {
            setns(&namespace, CloneFlags::CLONE_NEWNET).expect("joins");
            let socket = UdpSocket::bind("192.168.10.1:0").expect("binds");
            socket.connect("192.168.10.2:49152").expect("connects");
            socket.set_read_timeout(Some(Duration::from_millis(700))).expect("sets");
            let mut hello = [0; 36];
            (hello[3], hello[7]) = (12, b'a');
            let mut reply = [0; 100];
            (0..3).any(|_| socket.send(&hello).is_ok() && socket.recv(&mut reply).is_ok() && reply[7] == b'A')
        });
        asking.join().expect("no panic")
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(radio) = &mut self.radio {
            let _ = radio.kill();
            let _ = radio.wait();
        }
        for name in [self.host(), self.site()] {
            let _ = Command::new("ip").args(["netns", "delete", &name]).status();
        }
    }
}

#[test]
fn faults_are_told_and_take_effect() {
    let Some(mut bench) = Bench::new("tell") else { return };
    let scene = bench.folder.path().join("scene.toml");
    std::fs::write(&scene, "[[radio]]\nname = \"pool\"\nnoise_dbfs = -50\n[[event]]\nat = 1e6\nradio = { name = \"pool\" }\n")
        .unwrap();
    bench.start(&["--scene", scene.to_str().unwrap()]);
    assert_eq!(std::fs::metadata(bench.socket()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(bench.answers());

    let (code, said) = bench.tell("fault = { radio = \"pool\", kind = \"deaf\", port = 49152 }");
    assert_eq!((code, said.trim_end()), (Some(0), "ok: pool hears and says nothing, port 49152"));
    assert!(!bench.answers());
    let (code, said) = bench.tell("status");
    let status: Value = serde_json::from_str(&said).unwrap();
    let pool = &status["radios"][0];
    assert_eq!((code, &pool["name"], &pool["faults"][0]), (Some(0), &"pool".into(), &"hears and says nothing, port 49152".into()));
    assert!(pool["packets_in"].as_u64() > Some(0) && pool["packets_out"].as_u64() > Some(0), "{said}");
    assert_eq!(bench.tell("fault = { radio = \"pool\", kind = \"none\" }").0, Some(0));
    assert!(bench.answers());

    let (code, said) = bench.tell("fault = { radio = \"pool\", kind = \"overflow\" }");
    assert!(code == Some(1) && said.contains("no receive chain of pool runs"), "{said}");
    let (code, said) = bench.tell("fault = { radio = \"poll\", kind = \"deaf\" }");
    assert!(code == Some(2) && said.contains("key `fault.radio`: no radio `poll` runs; there is `pool`"), "{said}");
}

#[test]
fn the_socket_comes_and_goes_with_the_radio() {
    let Some(mut bench) = Bench::new("come") else { return };
    let (code, said) = bench.tell("status");
    assert!(code == Some(3) && said.contains("no radios listen at"), "{said}");
    bench.start(&[]);
    let second = bench.command(&[]).output().unwrap();
    assert!(second.status.code() == Some(1) && words(&second).contains("another process listens there"), "{}", words(&second));
    assert_eq!(bench.tell("status").0, Some(0), "the first one is not disturbed");
    assert_eq!(bench.end(Signal::SIGTERM), Some(0));
    assert!(!bench.socket().exists());
    // Killed, it leaves its socket, and the next one takes the place.
    bench.start(&[]);
    bench.end(Signal::SIGKILL);
    assert!(bench.socket().exists());
    assert_eq!(bench.tell("status").0, Some(3));
    bench.start(&[]);
    assert_eq!(bench.tell("status").0, Some(0));
}

#[test]
fn two_radios_of_one_serial_number_are_refused() {
    let done = baton(&["n210", "--radio=a=x,serial=F00", "--radio=b=y,serial=F00"]).output().expect("baton runs");
    let said = words(&done);
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("radios `a` and `b` have one serial number"), "{said}");
}

#[test]
fn a_wrong_scene_is_refused_with_file_line_and_key() {
    let Some(bench) = Bench::new("wrong") else { return };
    let scene = bench.folder.path().join("scene.toml");
    std::fs::write(&scene, "seed = 1\n[air]\ngain_db = \"loud\"\n").unwrap();
    let refused = bench.command(&["--scene", scene.to_str().unwrap()]).output().unwrap();
    let said = words(&refused);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("{}, line 3, key `air.gain_db`: ", scene.display())) && !bench.socket().exists(), "{said}");
}

#[test]
fn a_lab_has_a_scene_and_hears_what_it_is_told() {
    let Some(_turn) = lab::beside() else { return };
    let folder = tempfile::tempdir().unwrap();
    let scene = folder.path().join("scene.toml");
    std::fs::write(&scene, "[[radio]]\nname = \"near\"\n").unwrap();
    let path = scene.to_str().unwrap();
    let refused = lab::baton(folder.path()).args(["lab", "--name", "scene-refused", "--scene", path]).output().unwrap();
    assert!(refused.status.code() == Some(2) && words(&refused).contains("there is `pool`, `far`"), "{}", words(&refused));
    std::fs::write(&scene, "[[event]]\nat = 0.0\nfault = { radio = \"far\", kind = \"deaf\", port = 49172 }\n").unwrap();
    let lab = lab::Lab::start("scene", &["--scene", path]);
    let tell = |event: &str| {
        let mut command = lab::baton(lab.state.path());
        let output = command.args(["--in", &lab.name, "n210", "tell", "/run/baton/n210.sock", event]).output().unwrap();
        (output.status.code(), words(&output))
    };
    let (code, said) = tell("status");
    let status: Value = serde_json::from_str(&said).expect(&said);
    assert_eq!((code, &status["radios"][1]["faults"][0]), (Some(0), &"hears and says nothing, port 49172".into()));
    assert_eq!(tell("path = { from = \"far\", to = \"pool\", gain_db = -11 }").0, Some(0));
    assert_eq!(tell("nonsense").0, Some(2));
}
