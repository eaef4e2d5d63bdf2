//! A pool's file, each of its radios seen alone.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use config::{Config, EXAMPLE, RadioViews};

/// Two servers and two radios, as docs/pool.md has them.
const POOL: &str = include_str!("pool.toml");

#[test]
fn each_radio_is_seen_alone() {
    let cluster = RadioViews::parse(POOL).unwrap();
    let seen: Vec<_> = cluster
        .radios()
        .iter()
        .map(|(name, view)| {
            let hosts: Vec<&str> = view.host.keys().map(|host| host.as_str()).collect();
            let devices: Vec<&str> = view.radio.keys().map(|radio| radio.as_str()).collect();
            (name.as_str(), hosts, devices, view.addresses.active.to_string(), view.standby.heartbeat_port)
        })
        .collect();
    let alpha = ("alpha", vec!["far-alpha", "server1", "server2"], vec!["alpha", "alpha-far"], "192.168.10.1/24".to_owned(), 7602);
    let beta = ("beta", vec!["far-beta", "server1", "server2"], vec!["beta", "beta-far"], "192.168.11.1/24".to_owned(), 7603);
    assert_eq!(seen, [alpha, beta]);
    let beta = &cluster.radios()["beta"];
    assert_eq!((beta.roles.initiator.as_str(), beta.roles.destination.as_str()), ("server2", "server1"));
    assert_eq!((beta.moved_radio().as_str(), beta.in_pool.as_deref()), ("beta", Some("beta")));
    let server = &beta.host["server1"];
    assert_eq!(
        (server.radio_port.as_str(), server.tun.as_str(), &server.control["BW"]),
        ("eth4", "tun1", &toml::Value::Integer(3))
    );
    // Servers that are parked at once have addresses of their own, in the order of the radio's list.
    let parked = |host: &str| beta.parked_of(host).to_string();
    assert_eq!((parked("server2"), parked("server1")), ("192.168.21.2/24".to_owned(), "192.168.21.3/24".to_owned()));
    // Nothing that one radio's agent writes is another's.
    assert_eq!(
        (beta.runtime.to_str(), beta.state_folder().to_str()),
        (Some("/run/baton/beta"), Some("/var/lib/baton/runs/state/beta"))
    );
    let whole = cluster.whole();
    assert_eq!((whole.host.len(), whole.radio.len(), whole.runtime.to_str()), (4, 4, Some("/run/baton")));
}

#[test]
fn a_radio_is_named_where_there_are_several() {
    let view = |radio: Option<&str>| RadioViews::parse(POOL).unwrap().into_view(radio);
    assert_eq!(view(Some("beta")).unwrap().moved_radio().as_str(), "beta");
    for (radio, text) in
        [(None, "the pool has several radios: name one with --radio"), (Some("gamma"), "there is no radio \"gamma\" in the pool")]
    {
        let failure = view(radio).unwrap_err();
        assert_eq!((failure.message.as_str(), failure.hint.as_deref()), (text, Some("the radios are alpha, beta")));
    }
    let single = RadioViews::parse(EXAMPLE).unwrap();
    assert_eq!(single.whole(), &Config::parse(EXAMPLE).unwrap());
    // One parked address for both, as ever.
    let parked = single.whole().addresses.parked;
    assert!(["server1", "server2", "nobody"].iter().all(|host| single.whole().parked_of(host) == parked));
    assert_eq!(single.into_view(None).unwrap(), Config::parse(EXAMPLE).unwrap());
}

#[test]
fn a_radio_may_have_more_servers_than_two() {
    let third = "[pool.server.server3]\ncommand = \"tcp://10.77.0.15:7600\"\ntelemetry = \"tcp://10.77.0.15:7601\"\n";
    let text = POOL
        .replace("[pool.server.server2]\n", &format!("{third}[pool.server.server2]\ncores = 1.5\nlabels = [\"rack-2\"]\n"))
        .replace("[\"server2\", \"server1\"]", "[\"server2\", \"server1\", \"server3\"]\nneed_cores = 0.4");
    let failure = RadioViews::parse(&text).unwrap_err();
    let expected = "3 servers need a store that says who owns which radio: two can decide between them, more cannot; `baton pool init` sets it up";
    assert!(failure.message.contains(expected), "{}", failure.message);
    let cluster = RadioViews::parse(&format!("{text}\n[pool.store]\nendpoints = [\"10.77.0.11:2379\"]\n")).unwrap();
    let beta = &cluster.radios()["beta"];
    assert_eq!((beta.roles.initiator.as_str(), beta.roles.destination.as_str()), ("server2", "server1"));
    let serving = beta.host.iter().filter(|(_, host)| host.radio.as_str() == "beta");
    let parked: Vec<_> = serving.map(|(name, _)| (name.as_str(), beta.parked_of(name).to_string())).collect();
    let at = |host: &'static str, last: u8| (host, format!("192.168.21.{last}/24"));
    assert_eq!(parked, [at("server1", 3), at("server2", 2), at("server3", 4)]);
    assert!(!cluster.radios()["alpha"].host.contains_key("server3"));
    let known: Vec<_> = cluster.servers().iter().map(|(name, server)| (name.as_str(), server.cores, server.labels.len())).collect();
    assert_eq!(known, [("server1", None, 0), ("server2", Some(1.5), 1), ("server3", None, 0)]);
    assert_eq!(["alpha", "beta"].map(|radio| cluster.need_of(radio)), [None, Some(0.4)]);
}

#[test]
fn what_radios_cannot_share_is_refused_at_its_place() {
    let table = [
        (
            "tun = \"tun1\"",
            "tun = \"tun\"",
            "line 32, key `pool.radio.beta.tun`: tun of server1 is alpha's already; each radio has its own",
        ),
        (
            "radio_port = \"eth4\"",
            "radio_port = \"eth3\"",
            "key `pool.radio.beta.radio_port`: eth3 of server1 is alpha's already; each radio has its own",
        ),
        ("192.168.11.1/24", "192.168.10.3/24", "192.168.11.2 is outside the subnet of the active address 192.168.10.3/24"),
        (
            "parked = \"192.168.21.2/24\"",
            "parked = \"192.168.20.3/24\"",
            "key `pool.radio.beta.addresses.parked`: the subnet of 192.168.20.3/24 overlaps that of 192.168.20.2/24, which server1 has for alpha",
        ),
        (
            "far_end = \"far-beta\"",
            "far_end = \"nobody\"",
            "key `pool.radio.beta.far_end`: there is no host \"nobody\"; the hosts are far-alpha, far-beta",
        ),
        (
            "servers = [\"server2\", \"server1\"]",
            "servers = [\"server2\", \"server9\"]",
            "key `pool.radio.beta.servers`: there is no server \"server9\"; the servers are server1, server2",
        ),
        (
            "servers = [\"server2\", \"server1\"]",
            "servers = [\"server2\", \"server2\"]",
            "key `pool.radio.beta.servers`: \"server2\" is named twice; each server is named once",
        ),
        (
            "servers = [\"server2\", \"server1\"]",
            "servers = [\"server2\"]",
            "key `pool.radio.beta.servers`: a radio has two servers or more; the work starts on the first one",
        ),
        (
            "parked = \"192.168.21.2/24\"",
            "parked = \"192.168.21.254/24\"",
            "key `pool.radio.beta.addresses.parked`: 2 servers park at 192.168.21.254/24 and the addresses behind it, and the subnet has none \
             for server1; choose an earlier address, or a prefix shorter than 24",
        ),
        (
            "radio_port = \"eth4\"",
            "radio_port = \"eth4\"\nneed_cores = 0",
            "key `pool.radio.beta.need_cores`: 0.0 is out of range; cores are more than 0 and at most 4096",
        ),
        (
            "command = \"tcp://10.77.0.12:7600\"",
            "command = \"tcp://10.77.0.12:7600\"\nlabels = [\"rack 2\"]",
            "key `pool.server.server2.labels`: \"rack 2\" is no label; a label has 1 to 64 bytes: letters, digits, '-', '_', '.' and '='",
        ),
        ("[radio.beta]", "[radio.gamma]", "there is no radio \"beta\"; the radios are beta-far"),
        (
            "command = \"tcp://10.77.0.12:7600\"",
            "command = \"tcp://10.77.0.11:7600\"",
            "key `pool.server.server2.command`: tcp://10.77.0.11:7600 is host.server1.command already",
        ),
        ("[pool.radio.beta]", "[pool.radio.beta]\nspeed = 1", "unknown key"),
        ("target = \"192.168.41.9\"", "target = \"nonsense\"", "key `pool.radio.beta.probe.target`"),
    ];
    for (good, bad, expected) in table {
        assert_eq!(POOL.matches(good).count(), 1, "{good}");
        let failure = RadioViews::parse(&POOL.replace(good, bad)).unwrap_err();
        assert!(failure.message.contains(expected), "{bad}: {}", failure.message);
    }
    let beginning = POOL.split("[pool.radio.alpha]").next().unwrap();
    let rest = POOL.split("[workload]").nth(1).unwrap();
    let none = format!("{beginning}[pool.radio]\n[workload]{rest}");
    let failure = RadioViews::parse(&none).unwrap_err();
    assert!(failure.message.contains("the pool has no radio; name one: [pool.radio.NAME]"), "{}", failure.message);
}

#[test]
fn two_servers_and_one_radio_are_the_smallest_pool() {
    let views = RadioViews::parse(EXAMPLE).unwrap();
    assert_eq!(views.servers().keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["server1", "server2"]);
}

#[test]
fn a_pool_may_name_its_store() {
    let with = |section: &str| RadioViews::parse(&format!("{POOL}\n[pool.store]\n{section}\n"));
    let endpoints = r#"endpoints = ["10.77.0.11:2379", "10.77.0.12:2379"]"#;
    let views = with(endpoints).unwrap();
    let store = views.whole().store.clone().unwrap();
    assert_eq!((store.endpoints.len(), store.lease.as_secs(), store.grace.as_secs()), (2, 5, 2));
    assert_eq!(store.failover, config::FailoverPolicy::Automatic);
    assert!(views.radios().values().all(|view| view.store.as_ref() == Some(&store)));
    assert_eq!(RadioViews::parse(POOL).unwrap().whole().store, None);
    for (wrong, expected) in [
        ("", "missing key `endpoints`"),
        ("endpoints = []", "the store has no member"),
        (r#"endpoints = ["server1"]"#, "\"server1\" is not an address with a port; write it like 10.77.0.11:2379"),
        (r#"endpoints = ["10.77.0.11:2379", "10.77.0.11:2379"]"#, "10.77.0.11:2379 is named twice"),
        (&format!("{endpoints}\nlease_s = 1"), "the lease is 2 to 60 s, whole ones"),
        (&format!("{endpoints}\nlease_s = 2.5"), "the lease is 2 to 60 s, whole ones"),
        (&format!("{endpoints}\ngrace_s = -1"), "the grace is 0 to 600 s"),
        (&format!("{endpoints}\nfailover = \"perhaps\""), "unknown value `perhaps`, expected `automatic` or `manual`"),
    ] {
        let said = with(wrong).unwrap_err().message;
        assert!(said.contains(expected), "{wrong}: {said}");
    }
}

#[test]
fn the_example_of_placement_is_a_good_one() {
    let example = EXAMPLE.split("# [pool.placement]\n").nth(1).unwrap();
    let lines = example.lines().filter_map(|line| line.strip_prefix("# "));
    let mut sections: Vec<(&str, String)> = vec![("[pool.placement]", String::new())];
    for line in lines {
        match line.starts_with('[') {
            true => sections.push((line, String::new())),
            false => sections.last_mut().unwrap().1 += &format!("{line}\n"),
        }
    }
    assert_eq!(
        sections.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["[pool.placement]", "[pool.server.server1]", "[pool.radio.alpha]"]
    );
    let [(_, placement), (_, server), (_, radio)] = sections.try_into().unwrap();
    let third = "[pool.server.server3]\ncommand = \"tcp://10.77.0.15:7600\"\ntelemetry = \"tcp://10.77.0.15:7601\"\nlabels = [\"rack-3\"]\n";
    let store = "[pool.store]\nendpoints = [\"10.77.0.11:2379\", \"10.77.0.12:2379\", \"10.77.0.15:2379\"]\n";
    let text = POOL
        .replace("[pool.server.server1]\n", &format!("{store}[pool.placement]\n{placement}\n[pool.server.server1]\n{server}"))
        .replace("[pool.server.server2]\n", &format!("{third}[pool.server.server2]\nlink = 100\nlabels = [\"rack-2\"]\n"))
        .replace("[pool.radio.alpha]\n", &format!("[pool.radio.alpha]\n{radio}"));
    let views = RadioViews::parse(&text).unwrap();
    let alpha = views.member("alpha").unwrap();
    assert_eq!((alpha.priority, alpha.prefer.len(), alpha.need_link), (10, 2, Some(250.0)));
    let told = views.placement();
    let default = config::PoolPlacement::default();
    assert_eq!(told.suspend_command.as_ref().unwrap().program(), "/usr/local/sbin/suspend-server");
    assert_eq!(*told, config::PoolPlacement { strategy: told.strategy, suspend_command: told.suspend_command.clone(), ..default });
}

#[test]
fn a_file_without_placement_is_as_it_was() {
    let views = RadioViews::parse(POOL).unwrap();
    assert_eq!(*views.placement(), config::PoolPlacement::default());
    let alpha = views.member("alpha").unwrap();
    assert!(alpha.prefer.is_empty() && alpha.forbid.is_empty() && alpha.apart.is_empty() && alpha.priority == 0);
    let single = RadioViews::parse(EXAMPLE).unwrap();
    assert!(single.member("pool").is_none() && *single.placement() == config::PoolPlacement::default());
}
