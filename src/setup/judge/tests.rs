use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::setup::facts::*;
use ::radio::inquiry::{KNOWN, RadioNumbers};
use config::Config;
use config::trust::Distrust;
use protocol::{ErrorCode, Failure, Grade, Port, Precondition};

fn port(name: &str, address: &str) -> Port {
    let mac = Some("02:00:00:00:00:01".into());
    Port { name: name.into(), addresses: vec![address.into()], up: true, mac, mtu: Some(1500) }
}

fn held(address: [u8; 4], interface: &str, own: bool) -> HeldAddress {
    HeldAddress { address: address.into(), interface: interface.into(), own, here: own, holders: Ok(Vec::new()) }
}

fn files() -> FileFacts {
    let folder = |key, path: &str| {
        let (place, free) = (FolderPlace::Writable, Some(10 << 30));
        FolderFacts { key, path: path.into(), place, trust: Ok(()), free }
    };
    let key = KeyFacts { bytes: 32, mode: 0o640, open: false, readable: true, trust: Ok(()) };
    FileFacts {
        listens_on_tcp: true,
        key: Some(KeyFile { path: "/etc/baton/cluster.key".into(), found: Some(key) }),
        folders: vec![folder("records", "/var/lib/baton/records"), folder("runtime", "/run/baton")],
    }
}

fn process() -> ProcessFacts {
    ProcessFacts {
        unit: Some("baton-agent@server1.service".into()),
        user: "baton".into(),
        rights: Rights { net_admin: true, net_raw: true, sys_nice: true },
        rtprio: 0,
        files: Some(524_288),
        real_time_us: Some(950_000),
        real_time: None,
    }
}

fn stack() -> StackFacts {
    StackFacts {
        rmem_max: Some(50_000_000),
        wmem_max: Some(2_500_000),
        rp_filter_port: Some(0),
        rp_filter_tun: Some(2),
        arp_ignore: Some(1),
        arp_announce: Some(2),
        speaks_ipv6: false,
        ipv6_disabled: Some(false),
    }
}

/// A host at which nothing is wrong: server1 of the example.
fn fine() -> Facts {
    let config = Config::parse(&config::EXAMPLE.replace("# key_file", "key_file").replace("# tun_address", "tun_address")).unwrap();
    let radio = [192, 168, 10, 2].into();
    Facts {
        process: process(),
        files: files(),
        tun: TunFacts { device: Device::Opens, port: Some(port("tun", "192.168.40.9/24")) },
        uhd: UhdFacts { program: "/usr/bin/baton-uhd".into(), version: Ok("4.3.0.0".into()) },
        radio_port: PortFacts {
            name: "eth3".into(),
            found: Some(port("eth3", "192.168.20.2/24")),
            carrier: true,
            speed: Some(1000),
            full_duplex: Some(true),
            rx_usecs: Some(3),
            others: vec![("eth0".into(), true)],
        },
        stack: stack(),
        firewall: FirewallFacts::Rules { stopped: Vec::new(), chains: 0, legacy: false },
        processors: ProcessorFacts { governors: vec!["performance".into()], idle_states: vec![("C1".into(), 2)] },
        held: vec![held([192, 168, 10, 1], "eth3", false), held([10, 77, 0, 11], "eth0", true)],
        radio: Some(RadioFacts { address: radio, numbers: Some(Ok(KNOWN)), next_address: Some(radio) }),
        host: "server1".parse().unwrap(),
        config: Arc::new(config),
    }
}

/// What is wrong with a host that is fine but for this.
fn wrong(change: impl FnOnce(&mut Facts)) -> Vec<Examined> {
    let mut facts = fine();
    change(&mut facts);
    all(&facts).into_iter().filter(|finding| finding.grade != Grade::Ok).collect()
}

/// The one thing that is wrong: its check, its grade, words of its sentence, and the beginning of the command that mends it.
fn expect(change: impl FnOnce(&mut Facts), check: Precondition, grade: Grade, words: &str, mend: Option<&str>) {
    let found = wrong(change);
    let [finding] = found.as_slice() else { panic!("{check:?}, {words}: {found:#?}") };
    assert_eq!((finding.check, finding.grade), (check, grade), "{finding:?}");
    assert!(finding.sentence.contains(words), "{words:?} is not in {finding:?}");
    match mend {
        Some(mend) => {
            assert!(finding.mend.as_ref().is_some_and(|command| command.contains(mend)), "{mend:?} is not in {finding:?}")
        }
        None => assert!(finding.mend.is_none() && finding.hint.is_some(), "{finding:?}"),
    }
}

#[test]
fn a_host_at_which_nothing_is_wrong_is_told_so_check_by_check() {
    assert_eq!(wrong(|_| {}), []);
    let checks: std::collections::BTreeSet<Precondition> = all(&fine()).iter().map(|finding| finding.check).collect();
    // Those that only a comparison of hosts shows are not among them.
    assert_eq!(checks.len(), 21, "{checks:?}");
}

#[test]
fn a_process_without_its_rights() {
    use Precondition::{Capabilities, Descriptors, RealTime};
    let without = |rights: Rights| move |facts: &mut Facts| facts.process.rights = rights;
    let all = Rights { net_admin: true, net_raw: true, sys_nice: true };
    expect(
        without(Rights { net_admin: false, ..all }),
        Capabilities,
        Grade::Blocker,
        "lacks CAP_NET_ADMIN (",
        Some("AmbientCapabilities="),
    );
    expect(
        without(Rights { net_raw: false, ..all }),
        Capabilities,
        Grade::Blocker,
        "lacks CAP_NET_RAW (",
        Some("systemctl restart baton-agent@server1.service"),
    );
    let without_nice = wrong(without(Rights { sys_nice: false, ..all }));
    let checks: Vec<_> = without_nice.iter().map(|finding| (finding.check, finding.grade)).collect();
    assert_eq!(checks, [(Capabilities, Grade::Warning), (RealTime, Grade::Warning)]);
    assert!(without_nice[1].mend.as_ref().unwrap().contains("LimitRTPRIO=10"));
    assert_eq!(wrong(|facts| (facts.process.rights.sys_nice, facts.process.rtprio) = (false, 10)), [], "a limit does as well");
    expect(
        |facts| facts.process.real_time_us = Some(0),
        RealTime,
        Grade::Warning,
        "gives real-time threads 0 %",
        Some("sysctl -w kernel.sched_rt_runtime_us=950000"),
    );
    assert_eq!(wrong(|facts| facts.process.real_time_us = None), [], "no limit");
    expect(
        |facts| facts.process.files = Some(256),
        Descriptors,
        Grade::Warning,
        "may open 256 files, and needs up to 1024",
        Some("LimitNOFILE=65536"),
    );
    // Somebody at a terminal has no unit to change.
    expect(
        |facts| (facts.process.unit, facts.process.real_time, facts.process.user) = (None, Some(Err("no".into())), "eve".into()),
        RealTime,
        Grade::Warning,
        "this process (user eve) gets no real-time priority (no)",
        None,
    );
}

fn with_key(change: impl FnOnce(&mut KeyFacts)) -> impl FnOnce(&mut Facts) {
    |facts| change(facts.files.key.as_mut().unwrap().found.as_mut().unwrap())
}

fn distrust(mend: Option<&str>) -> Result<(), Distrust> {
    let failure = Failure::new(ErrorCode::Config, "it belongs to the user eve").hint("look at it");
    Err(Distrust { failure, mend: mend.map(str::to_owned) })
}

#[test]
fn key_and_folders_that_are_open_closed_or_missing() {
    use Precondition::{Disk, Folders, Key};
    expect(|facts| facts.files.key = None, Key, Grade::Blocker, "names no key_file", None);
    assert_eq!(wrong(|facts| (facts.files.key, facts.files.listens_on_tcp) = (None, false)), []);
    expect(|facts| facts.files.key.as_mut().unwrap().found = None, Key, Grade::Blocker, "/etc/baton/cluster.key is missing", None);
    expect(
        with_key(|key| (key.open, key.mode) = (true, 0o100_644)),
        Key,
        Grade::Blocker,
        "open to other users (mode 644)",
        Some("chown root:baton /etc/baton/cluster.key && chmod 640"),
    );
    expect(
        with_key(|key| key.readable = false),
        Key,
        Grade::Blocker,
        "the user baton, as whom the agent runs, cannot read",
        Some("chmod 640 /etc/baton/cluster.key"),
    );
    expect(with_key(|key| key.bytes = 15), Key, Grade::Blocker, "has 15 bytes; it needs 16", None);
    expect(
        with_key(|key| key.trust = distrust(Some("chown root x"))),
        Key,
        Grade::Blocker,
        "belongs to the user eve",
        Some("chown root x"),
    );
    expect(with_key(|key| key.trust = distrust(None)), Key, Grade::Blocker, "belongs to the user eve", None);
    for (place, grade) in [(FolderPlace::NotWritable, Grade::Blocker), (FolderPlace::CannotBeMade, Grade::Blocker)] {
        expect(|facts| facts.files.folders[1].place = place, Folders, grade, "/run/baton", Some("install -d -o baton"));
    }
    assert_eq!(wrong(|facts| facts.files.folders[1].place = FolderPlace::CanBeMade), []);
    expect(
        |facts| facts.files.folders[0].trust = distrust(Some("chmod go-w y")),
        Folders,
        Grade::Blocker,
        "eve",
        Some("chmod go-w y"),
    );
    expect(|facts| facts.files.folders[0].free = Some(0), Disk, Grade::Warning, "/var/lib/baton/records has 0 MiB left", None);
    assert_eq!(wrong(|facts| facts.files.folders.iter_mut().for_each(|folder| folder.free = None)), [], "not told");
    // A path is a word of the shell, whatever is in it.
    expect(
        |facts| (facts.files.folders[0].path, facts.files.folders[0].place) = (PathBuf::from("/a b;c"), FolderPlace::CannotBeMade),
        Folders,
        Grade::Blocker,
        "/a b;c",
        Some("-m 700 '/a b;c'"),
    );
}

#[test]
fn tun_and_libuhd_that_are_missing() {
    use Precondition::{Tun, Uhd};
    expect(|facts| facts.tun.device = Device::Missing, Tun, Grade::Blocker, "/dev/net/tun is missing", Some("modprobe tun"));
    expect(
        |facts| facts.tun.device = Device::Forbidden,
        Tun,
        Grade::Blocker,
        "baton may not open /dev/net/tun",
        Some("chmod 0666 /dev/net/tun"),
    );
    expect(
        |facts| facts.tun.device = Device::Broken("no".into()),
        Tun,
        Grade::Blocker,
        "cannot be opened: no",
        Some("modprobe tun"),
    );
    let made = "ip tuntap add dev tun mode tun user baton && ip link set tun up && ip address add 192.168.40.9/24 dev tun";
    expect(|facts| facts.tun.port = None, Tun, Grade::Blocker, "there is no interface tun", Some(made));
    let bare = |facts: &mut Facts| facts.tun.port.as_mut().unwrap().addresses.clear();
    expect(bare, Tun, Grade::Blocker, "the far end probes 192.168.40.9", Some("ip address add 192.168.40.9/24 dev tun"));
    // The agent of server3 makes its own.
    assert_eq!(wrong(|facts| (facts.host, facts.tun.port) = ("server3".parse().unwrap(), None)), []);
    expect(
        |facts| facts.uhd.version = Err("cannot be started: no such file".into()),
        Uhd,
        Grade::Blocker,
        "/usr/bin/baton-uhd cannot be started",
        None,
    );
    expect(|facts| facts.uhd.version = Err("does not tell its version".into()), Uhd, Grade::Warning, "does not tell", None);
    expect(|facts| facts.uhd.version = Ok("3.15.0".into()), Uhd, Grade::Warning, "stands on libuhd 3.15.0", None);
}

#[test]
fn an_interface_that_does_not_lead_to_the_radio() {
    use Precondition::RadioPort;
    let renamed = |facts: &mut Facts| {
        facts.radio_port.found = None;
        facts.radio_port.others = vec![("enp3s0".into(), true), ("enp4s0".into(), false)];
    };
    expect(
        renamed,
        RadioPort,
        Grade::Blocker,
        "there is no interface eth3; the others are enp3s0 (carrier), enp4s0 (no carrier)",
        None,
    );
    assert!(wrong(renamed)[0].hint.as_ref().unwrap().contains("radio_port = \"enp3s0\""));
    // A virtual one comes first; the one with a cable is the likelier.
    let with_virtual = |facts: &mut Facts| {
        renamed(facts);
        facts.radio_port.others.insert(0, ("ifb0".into(), false));
        facts.held[0].holders = Err("there is no eth3".into());
    };
    assert!(wrong(with_virtual)[0].hint.as_ref().unwrap().contains("radio_port = \"enp3s0\""));
    assert_eq!(wrong(with_virtual).len(), 1, "one sentence for one mistake");
    expect(
        |facts| (facts.radio_port.found, facts.radio_port.others) = (None, Vec::new()),
        RadioPort,
        Grade::Blocker,
        "no other Ethernet interface",
        None,
    );
    let of_port = |change: fn(&mut Port)| move |facts: &mut Facts| change(facts.radio_port.found.as_mut().unwrap());
    expect(of_port(|port| port.up = false), RadioPort, Grade::Blocker, "eth3 is switched off", Some("ip link set eth3 up"));
    // The agent of server3 switches its own on.
    let far = |facts: &mut Facts| {
        facts.host = "server3".parse().unwrap();
        facts.radio_port.found.as_mut().unwrap().up = false;
    };
    expect(far, RadioPort, Grade::Warning, "the agent switches it on", Some("ip link set eth3 up"));
    expect(|facts| facts.radio_port.carrier = false, RadioPort, Grade::Blocker, "eth3 has no carrier", None);
    expect(of_port(|port| port.mtu = Some(1400)), RadioPort, Grade::Blocker, "an mtu of 1400", Some("ip link set eth3 mtu 1500"));
    expect(
        of_port(|port| port.addresses = vec!["192.168.10.9/24".into()]),
        RadioPort,
        Grade::Blocker,
        "has 192.168.10.9/24 in the radio's subnet",
        Some("ip address del 192.168.10.9/24 dev eth3"),
    );
}

#[test]
fn an_interface_that_is_slow() {
    use Precondition::{Coalescing, Speed};
    let speed = |speed: u32, duplex: bool| {
        move |facts: &mut Facts| (facts.radio_port.speed, facts.radio_port.full_duplex) = (Some(speed), Some(duplex))
    };
    expect(
        speed(100, true),
        Speed,
        Grade::Blocker,
        "eth3 runs at 100 Mb/s: an N210 speaks 1000 Mb/s, and the samples alone need 200",
        None,
    );
    expect(speed(1000, false), Speed, Grade::Blocker, "half duplex", Some("ethtool -s eth3 autoneg on"));
    for (speed_of, duplex) in [(None, None), (Some(10_000), Some(true)), (Some(2500), None)] {
        assert_eq!(wrong(|facts| (facts.radio_port.speed, facts.radio_port.full_duplex) = (speed_of, duplex)), []);
    }
    expect(
        |facts| facts.radio_port.rx_usecs = Some(500),
        Coalescing,
        Grade::Warning,
        "up to 500 us",
        Some("ethtool -C eth3 rx-usecs 20"),
    );
    assert_eq!(wrong(|facts| facts.radio_port.rx_usecs = None), []);
}

#[test]
fn settings_of_the_network_stack() {
    use Precondition::{Arp, Ipv6, RpFilter, SocketBuffers};
    expect(
        |facts| facts.stack.rp_filter_port = Some(1),
        RpFilter,
        Grade::Warning,
        "is strict: on eth3 it drops",
        Some("sysctl -w net.ipv4.conf.eth3.rp_filter=2"),
    );
    let both = |facts: &mut Facts| (facts.stack.rp_filter_port, facts.stack.rp_filter_tun) = (Some(1), Some(1));
    expect(both, RpFilter, Grade::Warning, "; on tun it drops", Some("rp_filter=2 && sysctl -w net.ipv4.conf.tun.rp_filter=2"));
    expect(
        |facts| facts.stack.arp_ignore = Some(0),
        Arp,
        Grade::Warning,
        "arp_ignore",
        Some("sysctl -w net.ipv4.conf.all.arp_ignore=1"),
    );
    expect(
        |facts| facts.stack.arp_announce = Some(0),
        Arp,
        Grade::Warning,
        "arp_announce",
        Some("sysctl -w net.ipv4.conf.all.arp_announce=2"),
    );
    assert_eq!(wrong(|facts| (facts.stack.arp_ignore, facts.stack.arp_announce) = (None, None)), []);
    // With CAP_NET_ADMIN the USRP process asks beyond the limit.
    assert_eq!(wrong(|facts| facts.stack.rmem_max = Some(212_992)), []);
    let limited = |facts: &mut Facts| {
        facts.stack.rmem_max = Some(212_992);
        let mut config = (*facts.config).clone();
        config.workload.capabilities.clear();
        facts.config = Arc::new(config);
    };
    expect(
        limited,
        SocketBuffers,
        Grade::Warning,
        "net.core.rmem_max is 212992, and 4194304 is needed",
        Some("sysctl -w net.core.rmem_max=4194304"),
    );
    for (disabled, mend) in [(Some(true), Some("disable_ipv6=0")), (None, None)] {
        let change = |facts: &mut Facts| (facts.stack.speaks_ipv6, facts.stack.ipv6_disabled) = (true, disabled);
        expect(change, Ipv6, Grade::Blocker, "IPv6", mend);
    }
}

#[test]
fn packet_filters() {
    use Precondition::Firewall;
    let stops = |packet: Needed, certainly| {
        move |facts: &mut Facts| {
            let stopped = vec![Stopped { chain: "inet filter input".into(), packet, certainly }];
            facts.firewall = FirewallFacts::Rules { stopped, chains: 1, legacy: false };
        }
    };
    let radio = Needed::FromRadio { interface: "eth3".into(), radio: [192, 168, 10, 2].into() };
    let rule = "nft insert rule inet filter input iifname eth3 ip saddr 192.168.10.2 udp sport 49152-49172 accept";
    expect(
        stops(radio.clone(), true),
        Firewall,
        Grade::Blocker,
        "inet filter input drops UDP from the radio 192.168.10.2 on eth3",
        Some(rule),
    );
    expect(stops(radio, false), Firewall, Grade::Warning, "may drop UDP", Some(rule));
    expect(stops(Needed::ToAgent { port: 7600 }, true), Firewall, Grade::Blocker, "port 7600", Some("input tcp dport 7600 accept"));
    // A standby that nobody has asked for is not kept from anything.
    let heartbeats = || Needed::Heartbeats { port: 7602 };
    let rule = Some("input udp dport 7602 accept");
    expect(stops(heartbeats(), true), Firewall, Grade::Warning, "drops UDP to port 7602", rule);
    let armed = |certainly| {
        move |facts: &mut Facts| {
            Arc::make_mut(&mut facts.config).standby.policy = config::StandbyPolicy::Armed;
            stops(heartbeats(), certainly)(facts);
        }
    };
    expect(armed(true), Firewall, Grade::Blocker, "drops UDP to port 7602", rule);
    expect(armed(false), Firewall, Grade::Warning, "may drop UDP to port 7602", rule);
    expect(
        |facts| facts.firewall = FirewallFacts::Unread("no right".into()),
        Firewall,
        Grade::Warning,
        "is not known: no right",
        None,
    );
    let legacy = |facts: &mut Facts| facts.firewall = FirewallFacts::Rules { stopped: Vec::new(), chains: 1, legacy: true };
    expect(legacy, Firewall, Grade::Warning, "older iptables", None);
    assert_eq!(wrong(|facts| facts.firewall = FirewallFacts::NoTool), []);
}

#[test]
fn processors_that_are_slow_to_come() {
    use Precondition::{Governor, IdleStates};
    let governors = |facts: &mut Facts| facts.processors.governors = vec!["performance".into(), "powersave".into()];
    expect(governors, Governor, Grade::Warning, "is powersave", Some("echo performance > \"$f\""));
    let deep = |facts: &mut Facts| facts.processors.idle_states = vec![("C1".into(), 2), ("C6".into(), 133)];
    expect(deep, IdleStates, Grade::Warning, "as deep as C6, and take 133 us", Some("-le 100 ]"));
    assert_eq!(wrong(|facts| facts.processors = ProcessorFacts::default()), [], "a virtual machine");
}

#[test]
fn addresses_that_another_machine_has() {
    use Precondition::Address;
    let holders = |index: usize, holders: &'static [(&str, Option<&str>)], here: bool| {
        move |facts: &mut Facts| {
            let holders = holders.iter().map(|(mac, host)| ((*mac).to_owned(), host.map(str::to_owned)));
            (facts.held[index].holders, facts.held[index].here) = (Ok(holders.collect()), here);
        }
    };
    let (peer, stranger) = (&[("m2", Some("server2"))], &[("m9", None)]);
    assert_eq!(wrong(holders(0, peer, false)), [], "another host of the pool serves");
    expect(holders(0, stranger, false), Address, Grade::Warning, "not known here has the radio's address 192.168.10.1: m9", None);
    expect(
        holders(0, peer, true),
        Address,
        Grade::Blocker,
        "this host has the radio's address 192.168.10.1, and so has server2 (m2)",
        None,
    );
    expect(holders(0, &[("m2", Some("server2")), ("m9", None)], false), Address, Grade::Blocker, "several machines", None);
    expect(
        holders(1, stranger, true),
        Address,
        Grade::Blocker,
        "another machine has this host's address 10.77.0.11 on the network of eth0: m9",
        None,
    );
    expect(|facts| facts.held[0].holders = Err("it is down".into()), Address, Grade::Warning, "it is down", None);
}

fn of_radio(facts: &mut Facts) -> &mut RadioFacts {
    facts.radio.as_mut().unwrap()
}

#[test]
fn a_radio_that_is_silent_or_another_one() {
    use Precondition::{Eeprom, Radio};
    let numbers = |firmware, fpga| move |facts: &mut Facts| of_radio(facts).numbers = Some(Ok(RadioNumbers { firmware, fpga }));
    expect(
        |facts| of_radio(facts).numbers = Some(Err("the radio does not answer".into())),
        Radio,
        Grade::Blocker,
        "does not answer",
        None,
    );
    assert_eq!(wrong(|facts| (of_radio(facts).numbers, of_radio(facts).next_address) = (None, None)), []);
    assert_eq!(wrong(|facts| facts.radio = None), [], "another radio is not known here");
    let load = Some("uhd_image_loader --args type=usrp2,addr=192.168.10.2");
    expect(
        numbers((12, 3), (11, 1)),
        Radio,
        Grade::Warning,
        "firmware 12.3 and FPGA 11.1; baton knows firmware 12.4 and FPGA 11.1",
        load,
    );
    expect(numbers((12, 4), (11, 0)), Radio, Grade::Warning, "FPGA 11.0", load);
    expect(numbers((11, 4), (11, 1)), Radio, Grade::Blocker, "firmware 11.4", load);
    expect(numbers((12, 4), (10, 1)), Radio, Grade::Blocker, "FPGA 10.1", load);
    expect(
        |facts| of_radio(facts).next_address = Some([192, 168, 10, 7].into()),
        Eeprom,
        Grade::Warning,
        "answers at 192.168.10.2, and starts with 192.168.10.7 the next time",
        Some("usrp_burn_mb_eeprom --args addr=192.168.10.2 --values ip-addr=192.168.10.2"),
    );
}
