//! Software N210s and the hosts that use them, in network namespaces of a test's own.
//!
//! Hosts have `eth3`, radios `eth0`. Needs root, `ip`, and the tools that a test names.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use super::{machine, needs};

/// What stock UHD programs are told.
pub const DEVICE: &str = "addr=192.168.10.2,type=usrp2";

/// Address of a radio that shares a switch with others.
pub fn radio_address(number: usize) -> String {
    format!("192.168.10.{}", 2 + number)
}

/// Where `ip` keeps the names of namespaces.
const NAMES: &str = "/run/netns";

/// Where Debian keeps UHD's examples.
pub const EXAMPLES: &str = "/usr/libexec/uhd/examples";

/// Whether namespaces can be made and these programs are there.
pub fn possible(tools: &[&str]) -> bool {
    needs::root() && needs::tools(tools)
}

/// Runs `ip`.
pub fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split(' ')).output().expect("ip runs");
    assert!(done.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

/// What `work` gives when it is done inside a namespace: sockets opened there stay there.
pub fn inside<T: Send>(namespace: &str, work: impl FnOnce() -> T + Send) -> T {
    let there = File::open(Path::new(NAMES).join(namespace)).expect("the namespace");
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            setns(&there, CloneFlags::CLONE_NEWNET).expect("joins the namespace");
            work()
        });
        thread.join().expect("no panic")
    })
}

/// Namespaces and what joins them; gone when dropped, and with this process however that ends: their names are in a mount namespace of the test's own
/// thread, which what it starts shares. Its test has the machine alone: streams need real time.
pub struct Network {
    namespaces: Vec<String>,
    _turn: machine::Turn,
}

impl Network {
    fn new() -> Self {
        let turn = machine::alone();
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        let none: Option<&str> = None;
        // What is mounted here stays here.
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("private mounts");
        std::fs::create_dir_all(NAMES).expect("the folder of names");
        mount(Some("names"), NAMES, Some("tmpfs"), MsFlags::empty(), none).expect("names of its own");
        Self { namespaces: Vec::new(), _turn: turn }
    }

    /// Each host, 192.168.10.1, on a wire of its own to a radio.
    pub fn wires(count: usize) -> Self {
        let mut network = Self::new();
        for wire in 0..count {
            network.wire(wire, wire);
        }
        network
    }

    fn wire(&mut self, host: usize, radio: usize) {
        let (host, radio) = (self.add(&Self::host(host)), self.add(&Self::radio(radio)));
        ip(&format!("link add eth3 netns {host} type veth peer name eth0 netns {radio}"));
        Self::rise(&host, Self::address(0));
        ip(&format!("-n {radio} link set eth0 up"));
    }

    /// Hosts (see [`Network::address`]) and radio 0 at one switch, and beside them radio 1 on a wire to the next host.
    pub fn switch(hosts: usize) -> Self {
        let mut network = Self::at_a_switch(hosts, 1);
        network.wire(hosts, 1);
        network
    }

    /// Hosts and radios at one switch.
    pub fn at_a_switch(hosts: usize, radios: usize) -> Self {
        let mut network = Self::new();
        let switch = network.add(&format!("baton-switch-{}", std::process::id()));
        ip(&format!("-n {switch} link add br0 type bridge"));
        ip(&format!("-n {switch} link set br0 up"));
        let plug = |end: &str, interface: &str, port: &str| {
            ip(&format!("link add {interface} netns {end} type veth peer name {port} netns {switch}"));
            ip(&format!("-n {switch} link set {port} master br0 up"));
        };
        for number in 0..radios {
            let radio = network.add(&Self::radio(number));
            plug(&radio, "eth0", &format!("radio{number}"));
            ip(&format!("-n {radio} link set eth0 up"));
        }
        for number in 0..hosts {
            let host = network.add(&Self::host(number));
            plug(&host, "eth3", &format!("host{number}"));
            Self::rise(&host, Self::address(number));
        }
        network
    }

    /// Name of a host's namespace.
    pub fn host(number: usize) -> String {
        format!("baton-host{number}-{}", std::process::id())
    }

    /// Name of a radio's namespace.
    pub fn radio(number: usize) -> String {
        format!("baton-radio{number}-{}", std::process::id())
    }

    /// Address of a host at a switch; on wires all have the first.
    pub fn address(host: usize) -> String {
        if host == 0 { "192.168.10.1".into() } else { format!("192.168.10.{}", 10 + host) }
    }

    fn add(&mut self, name: &str) -> String {
        self.namespaces.push(name.to_owned());
        ip(&format!("netns add {name}"));
        name.to_owned()
    }

    fn rise(host: &str, address: String) {
        ip(&format!("-n {host} addr add {address}/24 dev eth3"));
        ip(&format!("-n {host} link set lo up"));
        ip(&format!("-n {host} link set eth3 up"));
    }

    /// A program in a host's namespace, interrupted after a minute.
    pub fn at(&self, host: usize, program: &str) -> Command {
        let example = Path::new(EXAMPLES).join(program);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &Self::host(host), "timeout", "--foreground", "-s", "INT", "60"]);
        command.arg(if example.exists() { example.as_os_str() } else { program.as_ref() });
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in &self.namespaces {
            let _ = Command::new("ip").args(["netns", "delete", name]).status();
        }
    }
}

/// A running `baton n210`; ended when dropped.
pub struct Radios(Child);

impl Radios {
    /// Starts so many radios, called radio0 and so on, in the namespaces of a network, and waits until they answer.
    pub fn start(count: usize, options: &[&str]) -> Self {
        Self::start_with(count, |_| String::new(), options)
    }

    /// The same with what `--radio` says of each behind its place.
    pub fn start_with(count: usize, more: impl Fn(usize) -> String, options: &[&str]) -> Self {
        let radios = (0..count).map(|number| format!("--radio=radio{number}={}{}", Network::radio(number), more(number)));
        // They end with the test's thread, also where nothing is dropped.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_baton"), "n210"])
            .args(radios)
            .args(options)
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("baton starts");
        let mut ready = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut ready).expect("a line");
        let radios = Self(child);
        assert!(ready.starts_with("n210 ready radio0=192.168.10.2@"), "{ready}");
        radios
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Radios {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Radios and their hosts.
pub struct Bench {
    pub radios: Radios,
    pub network: Network,
}

impl Bench {
    /// So many radios, each on a wire to a host of its own.
    pub fn new(wires: usize, options: &[&str]) -> Option<Self> {
        possible(&["/usr/bin/uhd_find_devices", &format!("{EXAMPLES}/benchmark_rate")]).then(|| {
            let network = Network::wires(wires);
            Self { radios: Radios::start(wires, options), network }
        })
    }

    /// Radio 0 and so many hosts at a switch, and radio 1 on a wire to the next host.
    pub fn at_a_switch(hosts: usize, options: &[&str]) -> Option<Self> {
        possible(&[&format!("{EXAMPLES}/benchmark_rate")]).then(|| {
            let network = Network::switch(hosts);
            Self { radios: Radios::start(2, options), network }
        })
    }

    /// A host and so many radios at a switch, at [`radio_address`].
    pub fn radios_at_a_switch(radios: usize, options: &[&str]) -> Option<Self> {
        possible(&["/usr/bin/uhd_find_devices"]).then(|| {
            let network = Network::at_a_switch(1, radios);
            Self { radios: Radios::start_with(radios, |number| format!(",addr={}", radio_address(number)), options), network }
        })
    }

    /// A stock tool at a host, on that host's radio.
    pub fn tool(&self, host: usize, program: &str, arguments: &str) -> Command {
        let mut command = self.network.at(host, program);
        command.args(["--args", DEVICE]).args(arguments.split_whitespace());
        command
    }

    /// What a stock tool at host 0 prints, having ended well.
    pub fn run(&self, program: &str, arguments: &str) -> String {
        ended_well(&mut self.tool(0, program, arguments))
    }
}

/// What a program prints, having ended well.
pub fn ended_well(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("the tool runs");
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}\n{text}");
    text
}
