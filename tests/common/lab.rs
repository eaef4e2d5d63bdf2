//! A lab of the test's own, and what must not be left of it.

#![allow(dead_code, reason = "each test file uses what it needs")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::ends;
use super::machine::{self, Turn};
use super::needs;

/// What the project promises.
pub const GONE_WITHIN: Duration = Duration::from_secs(2);
/// More than any orderly end takes.
const ENDED_WITHIN: Duration = Duration::from_secs(30);
/// Longer than a fence takes to be told again, than a freeze lasts, and than a D2D process takes to be in sync.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);
/// Between two looks: a `baton` that starts takes CPU from the modems.
const LOOK: Duration = Duration::from_millis(50);
/// Hardware addresses of a lab's interfaces begin so.
const LAB_MAC: &str = "02:ba:70:";

/// One that gets ready, and leaves a process behind that escapes from sessions and groups.
pub const STAND_IN: &str = "(setsid sleep 1000 &) ; echo agent ready ; exec sleep 1000";

/// The machine for a lab that is measured, or whose test judges time: labs beside it would starve its modems.
pub fn alone() -> Option<Turn> {
    needs::root().then(machine::alone)
}

/// The machine for a lab whose test bears a second one beside it.
pub fn beside() -> Option<Turn> {
    needs::root().then(machine::shared)
}

/// A lab of the test's own.
pub struct Lab {
    pub supervisor: Child,
    pub state: TempDir,
    pub name: String,
    pub pid_namespace: PathBuf,
}

pub fn baton(state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    command.env("XDG_STATE_HOME", state).env_remove("BATON_CONFIG").stdin(Stdio::null());
    command
}

impl Lab {
    pub fn spawn(test: &str, options: &[&str]) -> (Child, TempDir, String) {
        machine::assert_turn();
        let state = tempfile::tempdir().unwrap();
        let wish = format!("{test}-{}", std::process::id());
        let mut command = baton(state.path());
        command.args(["lab", "--name", &wish]).args(options).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Tests may themselves run under nohup, and what is ignored is inherited: a lab would then rightly ignore a hang-up.
        hear_a_hang_up(&mut command);
        (command.spawn().unwrap(), state, wish)
    }

    pub fn start(test: &str, options: &[&str]) -> Self {
        let (mut supervisor, state, _) = Self::spawn(test, options);
        let mut lines = BufReader::new(supervisor.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
        let name = lines.find_map(|line| line.strip_prefix("lab ready: ").map(str::to_owned));
        let Some(name) = name else {
            let mut said = String::new();
            supervisor.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("the lab did not come up ({}): {said}", supervisor.wait().unwrap());
        };
        let init = children_of(pid(&supervisor))[0];
        let pid_namespace = fs::read_link(format!("/proc/{init}/ns/pid")).unwrap();
        Self { supervisor, state, name, pid_namespace }
    }

    pub fn with_stand_ins(test: &str) -> Self {
        let programs = tempfile::NamedTempFile::new().unwrap();
        fs::write(programs.path(), stages(&[("server1", STAND_IN), ("server3", STAND_IN)])).unwrap();
        Self::start(test, &["--programs", programs.path().to_str().unwrap()])
    }

    pub fn exec(&self, namespace: &str, command: &[&str]) -> Output {
        let mut exec = baton(self.state.path());
        exec.args(["--in", &self.name, "lab", "exec", namespace, "--"]).args(command).output().unwrap()
    }

    /// Its root folder, as seen from outside.
    pub fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", children_of(pid(&self.supervisor))[0]))
    }

    pub fn signal(&self, signal: Signal) {
        kill(pid(&self.supervisor), signal).unwrap();
    }

    /// Ends by `signal`; the exit code, once nothing is left.
    pub fn end(mut self, signal: Signal) -> Option<i32> {
        self.signal(signal);
        let status = ended(&mut self.supervisor);
        self.gone();
        status.code()
    }

    /// Everything of this lab that is still there.
    pub fn remains(&self) -> Vec<String> {
        let mut found = remains_on_host();
        let mark = format!("BATON_LAB={}", self.name);
        for pid in processes() {
            let inside = fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|link| link == self.pid_namespace);
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            if !is_zombie(pid) && (inside || environment.split(|&byte| byte == 0).any(|entry| entry == mark.as_bytes())) {
                found
                    .push(format!("process {pid}: {}", fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim()));
            }
        }
        if fs::read_to_string("/proc/net/unix").unwrap().lines().any(|line| line.ends_with(&format!("/{}", self.name))) {
            found.push("its name is still taken".into());
        }
        found
    }

    pub fn gone(&self) {
        let since = Instant::now();
        while !self.remains().is_empty() {
            assert!(since.elapsed() < GONE_WITHIN, "after {GONE_WITHIN:?} there is still {:?}", self.remains());
            std::thread::yield_now();
        }
    }
}

/// As its operator.
impl Lab {
    /// `baton`, told about this lab.
    pub fn baton(&self, words: &[&str]) -> Output {
        baton(self.state.path()).args(["--in", &self.name]).args(words).output().unwrap()
    }

    /// The record of an order with its options, however it went.
    pub fn order(&self, words: &[&str]) -> Value {
        let output = self.baton(&[&["do"], words, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{words:?}: {e}: {}", text(&output.stderr)))
    }

    /// The record of an order that is carried out.
    pub fn done(&self, words: &[&str]) -> Value {
        let record = self.order(words);
        assert_eq!(record["outcome"], "ok", "{words:?}: {record:#}");
        record
    }

    /// What the agent of a host says.
    pub fn status(&self, host: &str) -> Value {
        let output = self.baton(&["status", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["hosts"][host]["status"].clone()
    }

    /// The same, once that is true of it.
    pub fn until(&self, host: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let status = self.status(host);
            if is(&status) {
                return status;
            }
            assert!(since.elapsed() < SETTLED_WITHIN, "{host}: never {what}: {status:#}");
            std::thread::sleep(LOOK);
        }
    }

    /// What a command inside says, once it has ended well.
    pub fn says(&self, namespace: &str, command: &[&str]) -> String {
        let output = self.exec(namespace, command);
        assert!(output.status.success(), "{command:?} in {namespace}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// The far end's pings come back.
    pub fn is_served(&self) {
        let said = self.says("server3", &["ping", "-c", "20", "-i", "0.05", "192.168.40.9"]);
        assert!(!said.contains(" 0 received"), "{said}");
    }

    /// From now on the pool's radio suffers this, or no faults any more.
    pub fn n210_fault(&self, fault: &str) {
        let event = format!("fault = {{ radio = \"pool\", {fault} }}");
        let output = self.baton(&["n210", "tell", "/run/baton/n210.sock", &event]);
        assert!(output.status.success(), "{event}: {}{}", text(&output.stdout), text(&output.stderr));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
    }
}

#[expect(unsafe_code, reason = "std sets no signal's action for a child")]
fn hear_a_hang_up(command: &mut Command) {
    // SAFETY: the default action runs no code of ours.
    let hear = || unsafe { signal(Signal::SIGHUP, SigHandler::SigDfl) }.map(drop).map_err(std::io::Error::from);
    // SAFETY: signal(2) may be called between fork and exec.
    unsafe { command.pre_exec(hear) };
}

/// A start-up list of shell scripts, one stage.
pub fn stages(programs: &[(&str, &str)]) -> String {
    let one = |(host, script): &(&str, &str)| {
        format!(
            "{{ title = \"the agent of {host}\", log = \"{host}\", namespace = \"{host}\", \
             command = [\"sh\", \"-c\", \"{script}\"], ready = \"agent ready\" }}"
        )
    };
    format!("stage = [[{}]]", programs.iter().map(one).collect::<Vec<_>>().join(", "))
}

pub fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}

/// How a process ended; a hang is a failure, not a wait for ever.
pub fn ended(child: &mut Child) -> ExitStatus {
    assert!(ends::within(child.id(), ENDED_WITHIN), "process {} has not ended: {}", child.id(), what_it_does(pid(child)));
    child.wait().unwrap()
}

/// Where a process and its descendants stand in the kernel.
fn what_it_does(process: Pid) -> String {
    let read = |what: &str| fs::read_to_string(format!("/proc/{process}/{what}")).unwrap_or_default();
    let status = read("status");
    let of_signals = ["Name", "State", "SigPnd", "ShdPnd", "SigBlk", "SigIgn"];
    let status: Vec<&str> = status.lines().filter(|line| of_signals.iter().any(|name| line.starts_with(name))).collect();
    let below: String = children_of(process).into_iter().map(|child| what_it_does(Pid::from_raw(child))).collect();
    format!("{process}: {}\n{}{below}", status.join(", "), read("stack"))
}

pub fn processes() -> Vec<i32> {
    fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// State and parent of a process.
pub fn stat(pid: i32) -> Option<(char, i32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

pub fn is_zombie(pid: i32) -> bool {
    stat(pid).is_none_or(|(state, _)| state == 'Z')
}

pub fn children_of(parent: Pid) -> Vec<i32> {
    let mut children = processes();
    children.retain(|&pid| stat(pid).is_some_and(|(_, of)| of == parent.as_raw()));
    children.sort_unstable();
    children
}

/// Interfaces, named namespaces and folders that a lab must never have made outside itself.
pub fn remains_on_host() -> Vec<String> {
    let mut found = Vec::new();
    for interface in fs::read_dir("/sys/class/net").unwrap().filter_map(Result::ok) {
        if fs::read_to_string(interface.path().join("address")).is_ok_and(|mac| mac.starts_with(LAB_MAC)) {
            found.push(format!("interface {}", interface.file_name().display()));
        }
    }
    let one = ["console", "server1", "server2", "server3", "server4", "switch", "n210", "n210-far", "n210-receiver"];
    for name in one.into_iter().chain(["far1", "far2", "n210-1", "n210-far1", "n210-2", "n210-far2"]) {
        let path = Path::new("/run/netns").join(name);
        // Somebody else may use such a name; a lab's would be mounted in our mount namespace.
        if path.exists() && fs::read_to_string("/proc/self/mountinfo").unwrap().contains(&format!("/netns/{name} ")) {
            found.push(format!("namespace {name}"));
        }
    }
    if Path::new("/run/baton").exists() {
        found.push("/run/baton".into());
    }
    found
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
