//! Members of etcd on loopback, in a folder of their own; they end with the test, however it ends.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::{Etcd, EtcdSettings, OwnerStore, Timing};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::suite::{Host, Pool, host};

const CLIENT_PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;
/// Three members want two cores to themselves: one cluster at a time.
static TURN: Mutex<()> = Mutex::new(());
static CLUSTERS: AtomicU32 = AtomicU32::new(0);

pub struct Cluster {
    folder: tempfile::TempDir,
    pub members: Vec<Member>,
    arguments: Vec<String>,
    scheme: &'static str,
    _turn: MutexGuard<'static, ()>,
}

pub struct Member {
    pub name: String,
    /// An address in 127.0.0.0/8 that nobody else has, so that no port is taken.
    address: String,
    child: Option<Child>,
}

/// etcd as scripts/install-etcd unpacks it; none: the test says so and passes, and fails in CI.
pub fn program() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/etcd/usr/bin/etcd");
    if program.exists() {
        return Some(program);
    }
    assert!(std::env::var("CI").ok().as_deref() != Some("true"), "CI runs every test, and here is no etcd (scripts/install-etcd)");
    eprintln!("skipped: there is no etcd (scripts/install-etcd)");
    None
}

impl Cluster {
    /// Three members, with these arguments beside the usual ones; `None`: there is no etcd here.
    pub fn start(arguments: &[&str]) -> Option<Self> {
        Self::start_with("http", |_| arguments.iter().map(ToString::to_string).collect())
    }

    /// The same by `https`; the arguments may name files in the folder.
    pub fn start_with(scheme: &'static str, arguments: impl FnOnce(&Path) -> Vec<String>) -> Option<Self> {
        program()?;
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let arguments = arguments(folder.path());
        let members = (0..3).map(|index| Member { name: format!("m{index}"), address: free_address(), child: None }).collect();
        let mut cluster = Self { folder, members, arguments, scheme, _turn: turn };
        (0..3).for_each(|index| cluster.start_member(index));
        Some(cluster)
    }

    pub fn start_member(&mut self, index: usize) {
        let log = File::create(self.folder.path().join(format!("m{index}.log"))).unwrap();
        let initial: Vec<String> = self.members.iter().map(|m| format!("{}=http://{}:{PEER_PORT}", m.name, m.address)).collect();
        let member = &self.members[index];
        let (client, peer) =
            (format!("{}://{}:{CLIENT_PORT}", self.scheme, member.address), format!("http://{}:{PEER_PORT}", member.address));
        // It ends with this thread, even one that is killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program().unwrap());
        command.args(["--name", &member.name, "--data-dir"]).arg(self.data(index));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &initial.join(","), "--initial-cluster-state", "new"]);
        command.args(["--pre-vote", "--heartbeat-interval", "50", "--election-timeout", "500"]).args(&self.arguments);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.members[index].child = Some(command.spawn().expect("setpriv is part of util-linux"));
    }

    pub fn data(&self, index: usize) -> PathBuf {
        self.folder.path().join(format!("m{index}.data"))
    }

    pub fn pid(&self, index: usize) -> i32 {
        self.members[index].child.as_ref().unwrap().id().try_into().unwrap()
    }

    pub fn signal(&self, index: usize, signal: Signal) {
        kill(Pid::from_raw(self.pid(index)), signal).unwrap();
    }

    pub fn kill_member(&mut self, index: usize) {
        if let Some(mut child) = self.members[index].child.take() {
            // A stopped one dies by it, too.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The data of all are lost, and they begin anew.
    pub fn rebuild(&mut self) {
        (0..3).for_each(|index| self.kill_member(index));
        (0..3).for_each(|index| fs::remove_dir_all(self.data(index)).unwrap());
        (0..3).for_each(|index| self.start_member(index));
    }

    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(|member| format!("{}:{CLIENT_PORT}", member.address)).collect()
    }

    pub fn settings(&self) -> EtcdSettings {
        // A machine that is busy with other things stops a member for a while.
        let timing = Timing { deadline: Duration::from_secs(60), lease: Duration::from_secs(8) };
        EtcdSettings { timing, attempt: Duration::from_secs(3), ..EtcdSettings::new(self.endpoints()) }
    }

    pub fn client(&self, name: &str) -> Etcd {
        Etcd::new(host(name), self.settings())
    }

    /// Returns when there is a quorum that answers.
    pub async fn ready(&self) {
        let store = self.client("ready");
        let mut said = String::new();
        for _ in 0..3 {
            match store.quorate().await {
                Ok(()) => return,
                Err(error) => said = error.to_string(),
            }
        }
        panic!("no quorum in three minutes: {said}\n{}", self.log(0));
    }

    /// Writes until etcd takes no more.
    pub fn fill(&self) {
        let body = format!("{{\"key\": \"{}\", \"value\": \"{}\"}}", "Zmls", "AAAA".repeat(50_000));
        let full = |_: &i32| {
            let said = post(&self.members[0].address, "/v3/kv/put", &body);
            said.is_some_and(|said| said["error"].as_str().is_some_and(|said| said.contains("database space exceeded")))
        };
        assert!((0..500).any(|n| full(&n)), "etcd takes all that is written");
    }

    pub fn log(&self, index: usize) -> String {
        let log = fs::read_to_string(self.folder.path().join(format!("m{index}.log"))).unwrap();
        log.lines().rev().take(20).collect::<Vec<_>>().join("\n")
    }

    /// Which member leads, by what the first one that answers says; waits for one.
    pub fn leader(&self) -> usize {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(60) {
            let statuses: Vec<Option<Value>> = self.members.iter().map(|member| status(&member.address)).collect();
            let id = |value: &Value| value.as_str().unwrap_or("0").to_owned();
            let leader = statuses.iter().flatten().map(|status| id(&status["leader"])).find(|leader| leader != "0");
            let at = |status: &Option<Value>| {
                status.as_ref().is_some_and(|status| Some(id(&status["header"]["member_id"])) == leader && leader.is_some())
            };
            if let Some(index) = statuses.iter().position(at) {
                return index;
            }
        }
        panic!("nobody leads in a minute");
    }
}

impl Pool for Cluster {
    fn host(&self, name: &str) -> Host {
        Arc::new(self.client(name))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        (0..self.members.len()).for_each(|index| self.kill_member(index));
    }
}

/// What a member says of itself.
fn status(address: &str) -> Option<Value> {
    post(address, "/v3/maintenance/status", "{}")
}

fn post(address: &str, path: &str, body: &str) -> Option<Value> {
    let mut stream = TcpStream::connect((address, CLIENT_PORT)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let request = format!("POST {path} HTTP/1.0\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

/// All addresses that members of this process may have.
pub fn addresses() -> Vec<String> {
    (1..=100).map(address).collect()
}

fn address(number: u32) -> String {
    let process = std::process::id();
    format!("127.{}.{}.{number}", 1 + process / 250 % 250, 1 + process % 250)
}

/// An address of this machine where nobody listens at the ports of etcd: by the process and a counter, tried.
fn free_address() -> String {
    loop {
        let address = address(1 + CLUSTERS.fetch_add(1, Ordering::Relaxed) % 100);
        let free = |port| TcpListener::bind((address.as_str(), port)).is_ok();
        if free(CLIENT_PORT) && free(PEER_PORT) {
            return address;
        }
    }
}
