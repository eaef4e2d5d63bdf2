//! `baton init` and `baton doctor` as an operator types them: files with their rights, and commands that mend what they are said to mend.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::common::cluster::{Agent, Cluster, ETH3};
use crate::common::lab::{Lab, alone, text};
use crate::common::{machine, needs};
use config::Config;

const HOSTS: [&str; 8] =
    ["--host", "server1=10.77.0.11", "--host", "server2=10.77.0.12", "--host", "server3=10.77.0.13", "--far-end", "server3"];

fn baton() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    command.env_remove("BATON_CONFIG").stdin(Stdio::null());
    command
}

/// `baton init` with these options and that text at its input.
fn init(folder: &Path, options: &[&str], typed: &str) -> Output {
    let mut command = baton();
    command.args(["init", "--dir"]).arg(folder).args(options);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have ended before it read anything.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn init_writes_a_cluster_that_loads_and_a_key_that_nobody_else_reads() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("made");
    let output = init(&at, &[&HOSTS[..], &["--radio", "usrp1=192.168.10.2", "--yes"]].concat(), "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("systemctl enable --now baton-agent@server2.service"), "{}", text(&output.stdout));
    let config = Config::load(&at.join("cluster.toml")).unwrap();
    assert_eq!(config.roles.far_end.as_deref(), Some("server3"));
    let mode = std::fs::metadata(at.join("cluster.key")).unwrap().permissions().mode() & 0o777;
    assert!(mode == 0o600 || mode == 0o640, "{mode:o}");
    let again = init(&at, &[&HOSTS[..], &["--yes"]].concat(), "");
    assert_eq!((again.status.code(), text(&again.stderr).contains("--force")), (Some(2), true), "{}", text(&again.stderr));
}

#[test]
fn init_asks_and_writes_nothing_without_all_answers() {
    let folder = tempfile::tempdir().unwrap();
    let asked = init(folder.path(), &[], "server1=10.77.0.11\nserver1\n");
    assert_eq!(asked.status.code(), Some(2));
    assert!(text(&asked.stdout).contains("is no name with an address"), "{}", text(&asked.stdout));
    assert!(text(&asked.stderr).contains("the answers end at the question"), "{}", text(&asked.stderr));
    let refused = init(folder.path(), &HOSTS, &format!("{}no\n", "\n".repeat(13)));
    assert_eq!(refused.status.code(), Some(1), "{}{}", text(&refused.stdout), text(&refused.stderr));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let agreed = init(folder.path(), &HOSTS, &"\n".repeat(14));
    assert!(agreed.status.success(), "{}{}", text(&agreed.stdout), text(&agreed.stderr));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn the_example_is_a_file_that_baton_reads() {
    let output = baton().args(["init", "--example"]).output().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cluster.toml"), &output.stdout).unwrap();
    Config::load(&folder.path().join("cluster.toml")).unwrap();
    assert_eq!(text(&output.stdout), config::EXAMPLE);
}

/// A network namespace with an eth3, whose other end answers as a switch does, and a tun; gone with its test.
struct Machine {
    sleeper: Child,
    folder: tempfile::TempDir,
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.sleeper.kill();
        let _ = self.sleeper.wait();
    }
}

impl Machine {
    fn start() -> Self {
        let script = format!(
            "ip link set lo up; {ETH3} ip tuntap add dev tun mode tun; ip link set tun up; ip address add 192.168.40.9/24 dev tun; echo up; exec sleep 1000"
        );
        let mut command = Command::new("unshare");
        command.args(["-n", "/bin/sh", "-c", &script]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut sleeper = command.spawn().unwrap();
        let mut up = [0; 3];
        std::io::Read::read_exact(sleeper.stdout.as_mut().unwrap(), &mut up).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let made = init(folder.path(), &[&HOSTS[..], &["--yes"]].concat(), "");
        assert!(made.status.success(), "{}", text(&made.stderr));
        let machine = Self { sleeper, folder };
        // What the network stack inherits from this machine, set as the lab has it.
        for setting in ["all.arp_ignore=1", "all.arp_announce=2", "all.rp_filter=0", "eth3.rp_filter=0", "tun.rp_filter=0"] {
            machine.shell(&format!("sysctl -qw net.ipv4.conf.{setting}"));
        }
        machine
    }

    fn inside(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.sleeper.id().to_string(), "-n"]).stdin(Stdio::null()).env_remove("BATON_CONFIG");
        command
    }

    fn shell(&self, command: &str) {
        let output = self.inside().args(["/bin/sh", "-c", command]).output().unwrap();
        assert!(output.status.success(), "{command}: {}{}", text(&output.stdout), text(&output.stderr));
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("cluster.toml")
    }

    fn change_file(&self, before: &str, after: &str) {
        let old = std::fs::read_to_string(self.file()).unwrap();
        let new = old.replace(before, after);
        assert_ne!(old, new, "{before}");
        std::fs::write(self.file(), new).unwrap();
    }

    fn doctor(&self) -> Vec<Value> {
        let mut command = self.inside();
        command.arg(env!("CARGO_BIN_EXE_baton")).args(["doctor", "--host", "server1", "--json", "--config"]).arg(self.file());
        let output = command.output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}{}", text(&output.stdout), text(&output.stderr)));
        let blocked =
            report["hosts"]["server1"]["findings"].as_array().unwrap().iter().any(|finding| finding["grade"] == "blocker");
        assert_eq!((report["ok"].clone(), output.status.code()), ((!blocked).into(), Some(i32::from(blocked))));
        report["hosts"]["server1"]["findings"].as_array().unwrap().clone()
    }

    /// What is wrong of one check.
    fn wrong(&self, check: &str) -> Vec<Value> {
        let findings = self.doctor();
        assert!(findings.iter().any(|finding| finding["check"] == check), "nothing was said of {check}");
        findings.into_iter().filter(|finding| finding["check"] == check && finding["grade"] != "ok").collect()
    }
}

/// What is wrong is seen, and is so no longer once exactly the command that is named was run.
#[test]
fn each_command_mends_what_it_is_said_to_mend() {
    if !needs::root() || !needs::tools(&["unshare", "nsenter", "ip", "sysctl", "nft"]) {
        return;
    }
    let _turn = machine::shared();
    let machine = Machine::start();
    // With tun_address, the agent does some of it itself.
    machine.change_file("tun_address = \"192.168.40.9/24\"\n", "");
    for check in ["rp_filter", "arp", "radio_port", "tun", "firewall"] {
        assert_eq!(machine.wrong(check), Vec::<Value>::new(), "before anything was broken");
    }
    let table = "nft 'add table inet f; add chain inet f in { type filter hook input priority 0; policy drop; }'";
    for (check, break_it, grade) in [
        ("rp_filter", "sysctl -qw net.ipv4.conf.eth3.rp_filter=1", "warning"),
        (
            "rp_filter",
            "sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth3.rp_filter=0 net.ipv4.conf.tun.rp_filter=0",
            "warning",
        ),
        ("arp", "sysctl -qw net.ipv4.conf.all.arp_ignore=0", "warning"),
        ("arp", "sysctl -qw net.ipv4.conf.all.arp_announce=0", "warning"),
        ("radio_port", "ip link set eth3 mtu 1400", "blocker"),
        ("radio_port", "ip address add 192.168.10.9/24 dev eth3", "blocker"),
        ("radio_port", "ip link set eth3 down", "blocker"),
        ("tun", "ip address flush dev tun", "blocker"),
        ("tun", "ip link del tun", "blocker"),
        ("firewall", table, "blocker"),
        (
            "firewall",
            "nft flush ruleset; nft 'add table ip t; add chain ip t i { type filter hook input priority 0; }; add rule ip t i udp dport != 53 drop'",
            "warning",
        ),
        ("key", &format!("chmod 644 {}", machine.folder.path().join("cluster.key").display()), "blocker"),
    ] {
        machine.shell(break_it);
        let wrong = machine.wrong(check);
        assert!(!wrong.is_empty(), "{break_it} was not seen");
        for finding in &wrong {
            // The port of the standby's heartbeats is needed where one follows by itself.
            let of_standby = finding["sentence"].as_str().is_some_and(|sentence| sentence.contains("a standby follows"));
            assert_eq!(finding["grade"], if of_standby { "warning" } else { grade }, "{break_it}: {finding}");
            machine.shell(finding["mend"].as_str().unwrap_or_else(|| panic!("{break_it}: {finding}")));
        }
        assert_eq!(machine.wrong(check), Vec::<Value>::new(), "after {break_it} and {wrong:#?}");
    }
}

#[test]
fn what_no_command_mends_is_said_with_what_to_do() {
    if !needs::root() || !needs::tools(&["unshare", "nsenter", "ip"]) {
        return;
    }
    let _turn = machine::shared();
    let machine = Machine::start();
    let said = |check: &str| machine.wrong(check).first().unwrap_or_else(|| panic!("{check} is fine")).to_string();
    // The kernel has renamed it.
    machine.shell("ip link set eth3 down && ip link set eth3 name enp3s0 && ip link set enp3s0 up");
    let renamed = said("radio_port");
    assert!(renamed.contains("there is no interface eth3; the others are") && renamed.contains("enp3s0 (carrier)"), "{renamed}");
    machine.change_file("radio_port = \"eth3\"", "radio_port = \"enp3s0\"");
    assert!(machine.wrong("radio_port").is_empty());
    assert!(said("radio").contains("the radio at 192.168.10.2 does not answer by way of enp3s0"));
    // The cable is out.
    machine.shell("ip link set radio down");
    assert!(said("radio_port").contains("enp3s0 has no carrier"));
    machine.shell("ip link set radio up");
    // A laptop that was set up as UHD's manual says.
    machine.shell("ip address add 192.168.10.1/24 dev radio");
    assert!(said("address").contains("has the radio's address 192.168.10.1"));
    machine.shell("ip address del 192.168.10.1/24 dev radio");
    assert!(machine.wrong("address").is_empty());
    machine.change_file("/usr/bin/baton-uhd", "/nowhere/baton-uhd");
    assert!(said("uhd").contains("/nowhere/baton-uhd cannot be started"));
    let beside = Path::new(env!("CARGO_BIN_EXE_baton")).with_file_name("baton-uhd");
    machine.change_file("/nowhere/baton-uhd", &beside.display().to_string());
    assert!(machine.wrong("uhd").is_empty(), "{:?}", machine.wrong("uhd"));
    // An unknown host, and no cluster file at all.
    for (words, said) in [
        (&["doctor", "--host", "server9", "--config"][..], "there is no host \"server9\""),
        (&["doctor", "--host", "server1", "--config", "/nowhere/cluster.toml", "--config"], "cannot be used multiple times"),
    ] {
        let output = baton().args(words).arg(machine.file()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
}

/// After a boot nothing has made tun or switched eth3 on.
#[test]
fn an_agent_with_a_tun_address_sets_its_interfaces_up() {
    if !needs::root() || !needs::tools(&["unshare", "nsenter", "ip"]) {
        return;
    }
    let _turn = machine::shared();
    let cluster = Cluster::new("", None).with_host_one("tun_address = \"192.168.40.9/24\"\ntun = \"air0\"");
    let agent = Agent::start_with(&cluster, "one", "ip link add eth3 type veth peer name radio; ip link set radio up;");
    let shown = |name: &str| {
        let mut ip = Command::new("nsenter");
        ip.args(["-t", &agent.pid().to_string(), "-n", "ip", "-br", "address", "show", "dev", name]);
        text(&ip.output().unwrap().stdout)
    };
    assert!(shown("air0").contains("192.168.40.9/24"), "{}", shown("air0"));
    assert!(shown("eth3").contains("UP") && shown("eth3").contains("192.168.20.2/24"), "{}", shown("eth3"));
}

#[tokio::test]
async fn an_agent_examines_its_host_and_a_stranger_is_told_so() {
    if !needs::root() || !needs::tools(&["unshare"]) {
        return;
    }
    let _turn = machine::shared();
    let cluster = Cluster::new("", None);
    let _agent = Agent::start(&cluster, "one");
    let report = |file: &Path| {
        let output = baton().args(["doctor", "--json", "--config"]).arg(file).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stderr)));
        (report, output.status.code())
    };
    let (told, code) = report(&cluster.path("baton.toml"));
    let of = |told: &Value, host: &str, check: &str| {
        let findings = told["hosts"][host]["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("{check}: {told:#}")).clone()
    };
    assert_eq!(code, Some(1), "two does not run");
    assert_eq!(told["hosts"]["one"]["version"], env!("CARGO_PKG_VERSION"));
    for check in ["version", "cluster_file", "clock", "capabilities", "key", "tun"] {
        assert_eq!(of(&told, "one", check)["grade"], "ok", "{check}");
    }
    assert_eq!(of(&told, "one", "radio")["grade"], "blocker", "there is none");
    let silent = of(&told, "two", "agent");
    assert!(silent["mend"].as_str().unwrap().contains("baton-agent@two.service"), "{silent}");
    // Half-configured: the agent has read another file.
    let other = cluster.path("other.toml");
    let file = std::fs::read_to_string(cluster.path("baton.toml")).unwrap();
    std::fs::write(&other, file.replace("gain = 0", "gain = 3")).unwrap();
    let (told, _) = report(&other);
    let differs = of(&told, "one", "cluster_file");
    assert!(
        differs["grade"] == "blocker" && differs["sentence"].as_str().unwrap().contains("has read another cluster file"),
        "{differs}"
    );
    std::fs::write(&other, file.replace("[roles]", "# a comment\n[roles]")).unwrap();
    assert_eq!(of(&report(&other).0, "one", "cluster_file")["grade"], "ok", "comments do not count");
}

/// Two clusters on one network: the same addresses, another key.
#[test]
fn a_key_of_another_cluster_is_named_with_its_host() {
    if !needs::root() || !needs::tools(&["unshare", "ip"]) {
        return;
    }
    let _turn = machine::shared();
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    for at in [&ours, &theirs] {
        let made = init(at, &[&HOSTS[..], &["--yes"]].concat(), "");
        assert!(made.status.success(), "{}", text(&made.stderr));
        let file = at.join("cluster.toml");
        let moved = std::fs::read_to_string(&file)
            .unwrap()
            .replace("/var/lib/baton/", &format!("{}/", at.display()))
            .replace("/run/baton", &format!("{}/run", at.display()));
        std::fs::write(&file, moved).unwrap();
    }
    let script = "ip link set lo up; ip address add 10.77.0.11/24 dev lo; \
                  \"$0\" agent --host server1 --config \"$1/theirs/cluster.toml\" 2>/dev/null & agent=$!; \
                  \"$0\" doctor --config \"$1/theirs/cluster.toml\" >/dev/null; \
                  \"$0\" doctor --json --config \"$1/ours/cluster.toml\"; kill $agent; wait $agent";
    let mut command = Command::new("unshare");
    command.args(["-n", "/bin/sh", "-c", script, env!("CARGO_BIN_EXE_baton")]).arg(folder.path()).env_remove("BATON_CONFIG");
    let output = command.stdin(Stdio::null()).output().unwrap();
    // The agent says on the same output that it is ready.
    let shown = text(&output.stdout);
    let report: Value =
        serde_json::from_str(&shown[shown.find('{').unwrap_or_default()..]).unwrap_or_else(|e| panic!("{e}: {shown}"));
    let finding = &report["hosts"]["server1"]["findings"][0];
    assert_eq!((&finding["check"], &finding["grade"]), (&"key".into(), &"blocker".into()), "{report:#}");
    let said = finding["sentence"].as_str().unwrap();
    assert!(
        said.contains("server1") && said.contains("tcp://10.77.0.11:7600") && said.contains("another cluster key"),
        "{finding}"
    );
    assert!(finding["hint"].as_str().unwrap().contains("scp -p"), "{finding}");
}

/// All hosts, from the console's machine; and a radio whose EEPROM has another address.
#[test]
fn a_lab_is_as_it_should_be_and_its_radio_is_mended() {
    if !needs::tools(&["/usr/libexec/uhd/utils/usrp_burn_mb_eeprom"]) {
        return;
    }
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("doctor", &[]);
    lab.until("server3", "running", |status| status["usrp"]["state"] == "running");
    let report = || {
        let output = lab.baton(&["doctor", "--json"]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stderr)))
    };
    let wrong = |report: &Value, host: &str| -> Vec<Value> {
        let findings = report["hosts"][host]["findings"].as_array().unwrap();
        findings.iter().filter(|finding| finding["grade"] != "ok").cloned().collect()
    };
    let first = report();
    for host in ["server1", "server2", "server3"] {
        // What the machine around the lab is like is not the lab's.
        let own: Vec<Value> = wrong(&first, host)
            .into_iter()
            .filter(|f| !["governor", "idle_states", "disk", "real_time"].contains(&f["check"].as_str().unwrap()))
            .collect();
        assert_eq!(own, Vec::<Value>::new(), "{host}: {first:#}");
        let numbers = first["hosts"][host]["findings"].as_array().unwrap().iter().find(|f| f["check"] == "radio").unwrap();
        assert!(numbers["sentence"].as_str().unwrap().ends_with("has firmware 12.4 and FPGA 11.1"), "{numbers}");
    }
    let burn = "ip route add 192.168.10.2 dev eth3 && /usr/libexec/uhd/utils/usrp_burn_mb_eeprom --args addr=192.168.10.2 --values ip-addr=192.168.10.77; \
                ip route del 192.168.10.2 dev eth3";
    lab.says("server1", &["sh", "-c", burn]);
    let broken = wrong(&report(), "server2");
    let finding = broken.iter().find(|finding| finding["check"] == "eeprom").unwrap_or_else(|| panic!("{broken:#?}"));
    assert!(finding["sentence"].as_str().unwrap().ends_with("starts with 192.168.10.77 the next time"), "{finding}");
    lab.says("server2", &["sh", "-c", finding["mend"].as_str().unwrap()]);
    assert!(wrong(&report(), "server2").iter().all(|finding| finding["check"] != "eeprom"));
    // A served radio is asked for its numbers and for nothing else, and goes on serving.
    lab.done(&["DS"]);
    let serving = report();
    let of_radio =
        |host: &str| serving["hosts"][host]["findings"].as_array().unwrap().iter().filter(|f| f["check"] == "eeprom").count();
    assert_eq!([of_radio("server1"), of_radio("server2")], [0, 0], "{serving:#}");
    lab.is_served();
}
