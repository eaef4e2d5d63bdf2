//! Agents with a workload made of this test executable, each in a network namespace of its own, with ipc sockets in a temporary folder.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use baton::link::client::Client;
use config::{ClusterFile, Config};
use protocol::{Command, Failure, Telemetry};
use serde_json::Value;

use super::ends;

pub const SOON: Duration = Duration::from_secs(10);

/// Hosts "one" (initiator) and "two" (destination) on one radio.
pub struct Cluster {
    pub dir: tempfile::TempDir,
    pub config: Arc<Config>,
    pub client: Client,
}

impl Cluster {
    /// `{at}` in `top` stands for the folder, which holds a cluster.key. `workload` takes the place of the `d2d` and `usrp` lines; `top` goes before all sections.
    pub fn new(top: &str, workload: Option<&str>) -> Self {
        super::machine::assert_turn();
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().display().to_string();
        let top = top.replace("{at}", &at);
        let key = dir.path().join("cluster.key");
        std::fs::write(&key, b"a key of more than sixteen bytes").unwrap();
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let exe = std::env::current_exe().unwrap().display().to_string();
        let own = |role: &str| format!("{role} = [\"{exe}\", \"--ignored\", \"--exact\", \"workload_{role}\", \"--nocapture\"]\n");
        // The tests may stand in a private folder, which root without further rights cannot read.
        let capabilities = "capabilities = [\"net_admin\", \"sys_nice\", \"dac_read_search\"]\n";
        let workload = workload.map_or_else(|| own("d2d") + &own("usrp"), str::to_owned);
        let text = format!(
            r#"
records = "{at}/records"
runtime = "{at}/run"
{top}
[roles]
initiator = "one"
destination = "two"
[addresses]
active = "192.168.10.1/24"
parked = "192.168.20.2/24"
[workload]
{workload}
uhd = ["/bin/sh", "-c", "test ! -e {at}/hang_$1 || sleep 1000; test ! -e {at}/no_$1 || {{ echo '{{\"error\": \"the test says so\"}}'; exit 1; }}", "uhd"]
collect_interval_s = 0.2
{capabilities}[workload.environment]
BATON_TEST_DIR = "{at}"
RUST_TEST_THREADS = "1"
[workload.control]
phy_cell_ID = 7
BW = 5
[host.one]
command = "ipc://{at}/one.cmd"
telemetry = "ipc://{at}/one.tele"
radio = "pool"
control = {{ workmode = 1 }}
[host.two]
command = "ipc://{at}/two.cmd"
telemetry = "ipc://{at}/two.tele"
radio = "pool"
[radio.pool]
args = "addr=192.168.10.2"
rate = 1785714.286
tx_freq = 10e6
rx_freq = 20e6
gain = 0
tx_ant = "A"
rx_ant = "A"
ref = "internal"
bw = 0
"#
        );
        std::fs::write(dir.path().join("baton.toml"), text).unwrap();
        let config = Arc::new(Config::load(&dir.path().join("baton.toml")).unwrap());
        let client = Client::new(Arc::clone(&config)).unwrap();
        Self { dir, config, client }
    }

    /// The same two hosts with two radios, `alpha` on eth3 and `beta` on eth4; asks about the named one.
    pub fn of_two_radios(self, radio: &str) -> Self {
        let file = self.path("baton.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        if !text.contains("[pool") {
            std::fs::write(&file, pool_of(&text)).unwrap();
        }
        let file = ClusterFile { path: file, radio: Some(radio.parse().unwrap()) };
        let config = Arc::new(file.view().unwrap());
        let client = Client::new(Arc::clone(&config)).unwrap();
        Self { config, client, ..self }
    }

    /// The same cluster with host one's commands on TCP.
    pub fn over_tcp(self, endpoint: &str) -> Self {
        let command = self.config.host["one"].command.to_string();
        self.with(&command, endpoint)
    }

    /// The same cluster with more lines about host one.
    pub fn with_host_one(self, lines: &str) -> Self {
        self.with("[host.one]\n", &format!("[host.one]\n{lines}\n"))
    }

    fn with(self, before: &str, after: &str) -> Self {
        let file = self.path("baton.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen(before, after, 1)).unwrap();
        let config = Arc::new(Config::load(&file).unwrap());
        let client = Client::new(Arc::clone(&config)).unwrap();
        Self { config, client, ..self }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes the fixtures do something else from now on.
    pub fn touch(&self, name: &str) {
        std::fs::write(self.path(name), "").unwrap();
    }

    pub async fn ask(&self, host: &str, command: Command) -> Result<Value, Failure> {
        self.client.request(host, command, SOON * 2).await.map(protocol::Answer::into_json)
    }

    pub async fn status(&self, host: &str) -> Telemetry {
        serde_json::from_value(self.ask(host, Command::Status).await.unwrap()).unwrap()
    }

    /// Waits until the host's state is as wanted; asks rather than sleeps.
    pub async fn until(&self, host: &str, what: &str, wanted: impl Fn(&Telemetry) -> bool) -> Telemetry {
        let began = std::time::Instant::now();
        loop {
            let status = self.status(host).await;
            if wanted(&status) {
                return status;
            }
            assert!(began.elapsed() < SOON, "{host} did not come to {what}: {status:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The file of a pool with the same hosts, workload and radio, twice.
fn pool_of(text: &str) -> String {
    let top = text.split("[roles]").next().unwrap();
    let workload = text.split("[workload]\n").nth(1).unwrap().split("[host.one]").next().unwrap();
    let radio = text.split("[radio.pool]\n").nth(1).unwrap();
    let endpoints = |host: &str| {
        let lines = text.split(&format!("[host.{host}]\n")).nth(1).unwrap().lines().take_while(|line| !line.starts_with('['));
        lines.filter(|line| line.starts_with("command") || line.starts_with("telemetry")).collect::<Vec<_>>().join("\n")
    };
    let server = |host: &str| format!("[pool.server.{host}]\n{}\n", endpoints(host));
    let member = |name: &str, port: &str, tun: &str, net: u8| {
        format!(
            "[pool.radio.{name}]\nservers = [\"one\", \"two\"]\nradio_port = \"{port}\"\ntun = \"{tun}\"\n\
             [pool.radio.{name}.addresses]\nactive = \"192.168.1{net}.1/24\"\nparked = \"192.168.2{net}.2/24\"\n"
        )
    };
    let device = |name: &str, net: u8| format!("[radio.{name}]\n{}", radio.replace("192.168.10.2", &format!("192.168.1{net}.2")));
    [
        top.to_owned(),
        server("one"),
        server("two"),
        member("alpha", "eth3", "tun", 0),
        member("beta", "eth4", "tun1", 1),
        format!("[workload]\n{workload}[host]\n"),
        device("alpha", 0),
        device("beta", 1),
    ]
    .concat()
}

/// A second radio's interfaces, beside those of [`ETH3`].
pub const SECOND: &str = "ip link add eth4 type veth peer name radio1; ip link set radio1 up; \
    echo 1 > /proc/sys/net/ipv4/conf/radio1/arp_ignore; ip addr add 192.168.21.2/24 dev eth4; ip link set eth4 up; \
    ip link add tun1 type veth peer name air1; ip link set tun1 up;";

/// An eth3 whose other end is `radio`.
pub const ETH3: &str = "ip link add eth3 type veth peer name radio; ip link set radio up; \
    echo 1 > /proc/sys/net/ipv4/conf/radio/arp_ignore; ip addr add 192.168.20.2/24 dev eth3; ip link set eth3 up;";

/// A running agent; ended with its test.
pub struct Agent(Child);

impl Agent {
    /// Starts the agent of `host` in a namespace with eth3 and tun, and waits until it is ready.
    pub fn start(cluster: &Cluster, host: &str) -> Self {
        Self::start_with(cluster, host, ETH3)
    }

    pub fn start_with(cluster: &Cluster, host: &str, eth3: &str) -> Self {
        Self::start_as(cluster, host, eth3, "", "")
    }

    /// `prefix` goes before the program, `options` behind its own.
    pub fn start_as(cluster: &Cluster, host: &str, eth3: &str, prefix: &str, options: &str) -> Self {
        let script = format!(
            "ip link set lo up; {eth3} ip link add tun type veth peer name air; ip link set tun up; \
             exec {prefix} \"$0\" --config \"$1\" agent --host {host} {options}"
        );
        let mut command = namespace();
        command.args(["/bin/sh", "-c", &script, env!("CARGO_BIN_EXE_baton")]).arg(cluster.path("baton.toml"));
        Self::ready(command, host)
    }

    /// Starts the agent again in the network namespace of a process, with more options.
    pub fn again(cluster: &Cluster, host: &str, of: u32, options: &str) -> Self {
        let mut command = Process::new("nsenter");
        command.args(["-t", &of.to_string(), "-n", env!("CARGO_BIN_EXE_baton"), "--config"]).arg(cluster.path("baton.toml"));
        command.args(["agent", "--host", host]).args(options.split_whitespace());
        Self::ready(command, host)
    }

    fn ready(mut command: Process, host: &str) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("unshare (util-linux) is installed");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, format!("agent ready {host}\n"));
        Self(child)
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Runs `ip` in the agent's namespace.
    pub fn ip(&self, arguments: &str) {
        let mut ip = Process::new("nsenter");
        ip.args(["-t", &self.pid().to_string(), "-n", "ip"]).args(arguments.split_whitespace());
        assert!(ip.status().unwrap().success(), "ip {arguments}");
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.0.id() as i32), signal).unwrap();
    }

    /// Ends it by SIGKILL: what it has started goes on.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for its exit code.
    pub fn exit(mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            // Unlike SIGTERM it ends the work as well.
            self.signal(nix::sys::signal::Signal::SIGINT);
            let _ = self.0.wait();
        }
    }
}

/// `unshare` with a network namespace; in a user namespace unless run by root.
fn namespace() -> Process {
    let mut command = Process::new("unshare");
    command.arg(if nix::unistd::Uid::effective().is_root() { "-nm" } else { "-rnm" });
    command
}

/// Runs `baton` to its end: exit code and standard error.
pub fn baton(arguments: &[&str]) -> (Option<i32>, String) {
    let mut child =
        Process::new(env!("CARGO_BIN_EXE_baton")).args(arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    (child.wait().unwrap().code(), words)
}

/// Whether a process is there (zombies of others do not count).
pub fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

/// Waits for a process that is another's child.
pub async fn until_gone(pid: u32) {
    assert!(tokio::task::spawn_blocking(move || ends::within(pid, SOON)).await.unwrap(), "process {pid} has not ended");
}

/// The workload processes, run by the agent as `<test executable> --ignored --exact workload_d2d`.
pub mod workload {
    use std::sync::{Arc, Mutex};

    use protocol::SyncState;
    use serde_json::{Value, json};
    use workload::contract::{Ask, ENV_SOCKET, Happened, Status, control_from_env};
    use workload::serve::serve;

    use super::Path;

    fn is_set(name: &str) -> bool {
        Path::new(&std::env::var_os("BATON_TEST_DIR").unwrap()).join(name).exists()
    }

    fn socket() -> std::path::PathBuf {
        std::env::var_os(ENV_SOCKET).unwrap().into()
    }

    /// Lives until it is killed, or until the fixture `die_<role>` appears.
    fn live(role: &str) -> ! {
        loop {
            if is_set(&format!("die_{role}")) {
                eprintln!("the {role} fixture was told to die");
                std::process::exit(7);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    pub fn d2d() {
        let (control, carried) = control_from_env().unwrap();
        let routes = Arc::new(Mutex::new(json!([])));
        let answer = move |ask| match ask {
            Ask::Status => Ok(serde_json::to_value(Status { sync: Some(SyncState::Searching), ..Status::default() }).unwrap()),
            Ask::GetControl => {
                let mut control = control.clone();
                control.insert("carried".into(), carried.into());
                Ok(Value::Object(control))
            }
            Ask::Describe => Ok(json!({"BW": "system bandwidth, MHz"})),
            Ask::GetRoutes => Ok(routes.lock().unwrap().clone()),
            Ask::SetRoutes { .. } if is_set("no_routes") => Err("the table is full".into()),
            Ask::SetRoutes { route_list } => {
                *routes.lock().unwrap() = serde_json::to_value(route_list).unwrap();
                Ok(Value::Null)
            }
            Ask::Link | Ask::Relink | Ask::Overlap(_) | Ask::TakeOver(_) | Ask::Settle => Err("this is no USRP process".into()),
            Ask::ReportProgress { .. } | Ask::SendHeartbeats(_) | Ask::EndHeartbeats | Ask::Follow(_) | Ask::Unfollow => {
                Err("this process cannot be followed".into())
            }
            Ask::Export | Ask::Import { .. } | Ask::Freeze | Ask::Resume | Ask::Unsent | Ask::Forward(_) => {
                Err("this program cannot be frozen".into())
            }
        };
        let reporter = serve(&socket(), answer).unwrap();
        std::thread::spawn(move || {
            while !is_set("synced") {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            loop {
                reporter.report(Happened::Sync { sync: SyncState::Synced { for_ms: 0 } });
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        live("d2d");
    }

    pub fn usrp() {
        let linked = Arc::new(Mutex::new(false));
        let answer = move |ask| match ask {
            Ask::Status => Ok(serde_json::to_value(Status { linked: Some(*linked.lock().unwrap()), ..Status::default() }).unwrap()),
            Ask::Link if is_set("no_link") => Err("the radio does not stream".into()),
            Ask::Link => {
                *linked.lock().unwrap() = true;
                Ok(Value::Null)
            }
            _ => Err("this is no D2D process".into()),
        };
        serve(&socket(), answer).unwrap();
        live("usrp");
    }
}
