use std::os::unix::fs::{MetadataExt, PermissionsExt};

use proptest::prelude::*;

use super::answers::Answers;
use super::ask::Asker;
use super::offers::{OfferedPort, Offers};
use super::*;
use crate::link::key::Key;
use crate::setup::facts::Device;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn args(words: &[&str]) -> Args {
    try_args(words).unwrap_or_else(|e| panic!("{e}"))
}

fn try_args(words: &[&str]) -> Result<Args, clap::Error> {
    <Line as clap::Parser>::try_parse_from(["init"].iter().chain(words)).map(|line| line.args)
}

const THREE: [&str; 8] =
    ["--host", "server1=10.77.0.11", "--host", "server2=10.77.0.12", "--host", "server3=10.77.0.13", "--far-end", "server3"];

fn nothing() -> Offers {
    Offers { ports: Vec::new(), tun: Device::Opens }
}

fn all_given(words: &[&str]) -> Result<Answers, Failure> {
    Answers::collect(&args(&[words, &["--yes"]].concat()), &nothing(), None)
}

fn load(answers: &Answers) -> Config {
    let folder = tempfile::tempdir().unwrap();
    place::write(folder.path(), &text::cluster_file(answers, folder.path()), false).unwrap();
    let config = Config::load(&folder.path().join("cluster.toml")).unwrap();
    Key::of_file(config.key_file.as_deref().unwrap()).unwrap();
    config
}

/// The lab's file of 0.1.0 is that of a cluster at work.
#[test]
fn without_answers_hosts_and_radios_are_set_as_in_the_lab() {
    let lab = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/good/lab-0.1.0.toml")).unwrap();
    let (lab, config) = (Config::parse(&lab).unwrap(), load(&all_given(&THREE).unwrap()));
    assert_eq!(config.workload.control, lab.workload.control);
    assert_eq!((&config.radio, &config.roles, &config.addresses), (&lab.radio, &lab.roles, &lab.addresses));
    assert_eq!(config.probe, lab.probe);
    for (name, host) in &lab.host {
        let ours = &config.host[name];
        assert_eq!((&ours.command, &ours.telemetry, &ours.radio), (&host.command, &host.telemetry, &host.radio), "{name}");
        assert_eq!((&ours.radio_port, &ours.tun, ours.autostart), (&host.radio_port, &host.tun, host.autostart), "{name}");
        assert_eq!(ours.control, host.control, "{name}");
    }
}

#[test]
fn options_are_what_the_file_says() {
    let more = [
        "--radio",
        "usrp1=10.1.2.1",
        "--far-radio",
        "usrp2=10.1.2.3",
        "--radio-port",
        "enp1s0",
        "--radio-port",
        "server2=enp9s0",
        "--parked",
        "10.9.0.5/16",
        "--tun-address",
        "10.5.0.9/24",
        "--far-tun-address",
        "10.5.0.8/24",
        "--tx-freq",
        "2.4e9",
        "--rx-freq",
        "-5e6",
        "--gain",
        "-3.5",
        "--tx-ant",
        "TX/RX",
        "--rx-ant",
        "RX2",
        "--ref",
        "gpsdo",
    ];
    let config = load(&all_given(&[&THREE[..], &more].concat()).unwrap());
    let (pool, far) = (&config.radio["usrp1"], &config.radio["usrp2"]);
    assert_eq!((pool.args.as_str(), far.args.as_str()), ("addr=10.1.2.1", "addr=10.1.2.3"));
    assert_eq!((pool.tx_freq, pool.rx_freq, pool.gain, pool.reference), (2.4e9, -5e6, -3.5, Reference::Gpsdo));
    assert_eq!((far.tx_freq, far.rx_freq, far.tx_ant.as_str(), far.rx_ant.as_str()), (-5e6, 2.4e9, "TX/RX", "RX2"));
    assert_eq!(config.addresses.active.to_string(), "10.1.2.2/24", "the radio has the first address");
    assert_eq!(config.addresses.parked.to_string(), "10.9.0.5/16");
    assert_eq!(["server1", "server2", "server3"].map(|host| config.host[host].radio_port.as_str()), ["enp1s0", "enp9s0", "enp1s0"]);
    assert_eq!(config.probe.target.to_string(), "10.5.0.9");
    assert_eq!(config.host["server3"].tun_address.unwrap().to_string(), "10.5.0.8/24");
}

#[test]
fn options_that_make_no_cluster_are_refused_with_a_sentence() {
    for (words, said) in [
        (&["--host", "a=10.0.0.1"][..], "--host NAME=ADDRESS, twice or more, is missing"),
        (&["--host", "a=10.0.0.1", "--host", "b=10.0.0.1"], "has the name or the address of a=10.0.0.1"),
        (&["--host", "a=10.0.0.1", "--host", "a=10.0.0.2"], "has the name or the address of"),
        (&["--host", "a=10.0.0.1", "--host", "b=10.0.0.2", "--far-end", "c"], "the far end c is none of the hosts"),
        (&["--host", "a=10.0.0.1", "--host", "b=10.0.0.2", "--far-end", "b"], "or one of the first two"),
        (&["--host", "a=10.0.0.1", "--host", "b=10.0.0.2", "--radio-port", "c=eth1"], "--radio-port names the host c"),
    ] {
        let failure = all_given(words).unwrap_err();
        assert!(failure.message.contains(said) && failure.hint.is_some(), "{words:?}: {failure}");
        assert_eq!(failure.exit_code(), 2);
    }
    for words in [
        &["--host", "a"][..],
        &["--host", "=10.0.0.1"],
        &["--host", "a=127.0.0.1"],
        &["--host", "a=localhost"],
        &["--host", "a=10.0.0"],
        &["--host", "a=*"],
        &["--host", "a b=10.0.0.1"],
        &["--radio", "pool"],
        &["--radio", "pool=224.0.0.1"],
        &["--radio-port", "a/b"],
        &["--active", "192.168.10.1"],
        &["--tx-freq", "fast"],
        &["--tx-freq", "1e12"],
        &["--gain", "NaN"],
        &["--ref", "sun"],
    ] {
        let error = try_args(words).err().unwrap_or_else(|| panic!("{words:?}")).to_string();
        assert!(error.contains("; write") || error.contains("; a ") || error.contains("; the "), "{words:?}: {error}");
    }
}

/// The answers, and all that was said.
fn conversation(words: &[&str], offers: &Offers, typed: &str) -> (Result<Answers, Failure>, String) {
    let (mut input, mut output) = (typed.as_bytes(), Vec::new());
    let mut asker = Asker::new(&mut input, &mut output);
    let answers = Answers::collect(&args(words), offers, Some(&mut asker));
    (answers, String::from_utf8(output).unwrap())
}

#[test]
fn every_question_answered_wrongly_gets_a_sentence_and_is_asked_again() {
    // Wrong first, then right; an empty line takes what is offered.
    let typed = "server1\nserver1=127.0.0.1\nserver1=10.77.0.11\n\
                 server1=10.77.0.12\nserver2=10.77.0.12\n\
                 server2=10.77.0.13\nserver3=10.77.0.13\n\
                 a/b\n\n\n\n\
                 radio\n192.168.10.2\n\
                 pool=192.168.10.2\nfar=192.168.10.2\n\
                 192.168.10.2/24\n10.0.0.1/24\n192.168.10.0/24\n\n\
                 192.168.10.7/24\n\n\
                 fast\n\n1e12\n\n1000\n\nA\u{7}\n\n\nsun\n\n";
    let (answers, said) = conversation(&[], &nothing(), typed);
    let answers = answers.unwrap_or_else(|failure| panic!("{failure}\n{said}"));
    assert_eq!(answers, all_given(&THREE).unwrap(), "{said}");
    for sentence in [
        "\"server1\" is no name with an address; write NAME=ADDRESS, as in server1=10.77.0.11.",
        "127.0.0.1 is every machine's own address",
        "server1=10.77.0.12 has the name or the address of server1=10.77.0.11",
        "server2=10.77.0.13 has the name or the address of server2=10.77.0.12",
        "\"a/b\" cannot name a network interface",
        "\"radio\" is no address of a radio",
        "pool is the name of the shared radio",
        "192.168.10.2 is the address of the radio pool itself",
        "at 10.0.0.1/24 no host reaches the radio pool, which is at 192.168.10.2; take an address of the radio's subnet, as 192.168.10.1/24.",
        "at 192.168.10.0/24 no host reaches",
        "192.168.10.7/24 is in the subnet of the active address",
        "\"fast\" is no number",
        "1000000000000.0 is out of range",
        "1000.0 is out of range; the gain is",
        "cannot name an antenna",
        "\"sun\" is no reference of a radio",
    ] {
        assert!(said.contains(sentence), "{sentence} is not in\n{said}");
    }
}

#[test]
fn the_end_of_the_answers_refuses_whatever_the_question_was() {
    let typed = "server1=10.77.0.11\nserver2=10.77.0.12\nserver3=10.77.0.13\neth3\n\n\n\n\n\n\n\n\n\n\n\n\n";
    let (complete, said) = conversation(&[], &nothing(), typed);
    complete.unwrap_or_else(|failure| panic!("{failure}\n{said}"));
    let lines: Vec<&str> = typed.split_inclusive('\n').collect();
    let asked = said.matches("]: ").count() + 2;
    for end in 0..asked {
        let (answers, _) = conversation(&[], &nothing(), &lines[..end].concat());
        let failure = answers.unwrap_err();
        assert!(failure.message.starts_with("the answers end at the question \"") && failure.exit_code() == 2, "{end}: {failure}");
    }
    let (answers, _) = conversation(&[], &nothing(), &"x".repeat(5000));
    assert!(answers.unwrap_err().message.contains("longer than a line"));
}

#[test]
fn what_this_machine_has_is_offered() {
    let port = |name: &str, address: &str, radios: &[[u8; 4]]| OfferedPort {
        name: name.into(),
        state: "carrier",
        addresses: vec![address.into()],
        radios: radios.iter().map(|radio| (*radio).into()).collect(),
    };
    let ports = vec![port("enp1s0", "10.77.0.11/24", &[]), port("enp7s0", "192.168.20.2/24", &[[192, 168, 10, 5]])];
    let offers = Offers { ports, tun: Device::Missing };
    let text = offers.text();
    assert!(
        text.contains("interface enp7s0: carrier, 192.168.20.2/24, an N210 at 192.168.10.5\n") && text.contains("modprobe tun"),
        "{text}"
    );
    let (answers, said) = conversation(&THREE, &offers, &"\n".repeat(20));
    let answers = answers.unwrap();
    assert!(
        said.contains("Interface of server1 towards its radio [enp7s0]") && said.contains("that they share [192.168.10.5]"),
        "{said}"
    );
    assert_eq!(answers.radio.address, std::net::Ipv4Addr::new(192, 168, 10, 5));
    assert_eq!(answers.active.to_string(), "192.168.10.1/24");
}

#[test]
fn files_have_their_rights_and_are_replaced_only_when_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let placed = place::write(at, "a = 1\n", false).unwrap();
    assert!(placed.key_made);
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(file(at)), 0o644);
    assert_eq!(mode(key(at)), if placed.for_service { 0o640 } else { 0o600 });
    let first = std::fs::read(key(at)).unwrap();
    assert_eq!((first.len(), std::fs::read_dir(at).unwrap().count()), (32, 2), "no half files stay");
    Key::of_file(&key(at)).unwrap();
    let failure = place::write(at, "a = 2\n", false).unwrap_err();
    assert!(failure.message.ends_with("is there already; nothing was written") && failure.hint.unwrap().contains("--force"));
    assert_eq!(std::fs::read_to_string(file(at)).unwrap(), "a = 1\n");
    let placed = place::write(at, "a = 2\n", true).unwrap();
    assert!(!placed.key_made && std::fs::read(key(at)).unwrap() == first, "the key stays");
    assert_eq!((std::fs::read_to_string(file(at)).unwrap().as_str(), mode(file(at))), ("a = 2\n", 0o644));
    assert_eq!(std::fs::metadata(file(at)).unwrap().uid(), nix::unistd::Uid::effective().as_raw());
}

#[test]
fn a_key_that_is_no_key_or_a_folder_of_others_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let set = |path: &Path, mode: u32| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    std::fs::write(key(at), [7; 15]).unwrap();
    set(&key(at), 0o600);
    assert!(place::require_room(at, true).unwrap_err().message.contains("15 bytes"));
    std::fs::write(key(at), [7; 32]).unwrap();
    set(&key(at), 0o644);
    assert!(place::require_room(at, false).unwrap_err().message.contains("open to other users"));
    set(&key(at), 0o600);
    assert!(place::require_room(at, false).is_ok());
    set(at, 0o777);
    assert!(place::require_room(at, false).unwrap_err().message.contains("can be changed by other users"));
    set(at, 0o700);
    let failure = place::write(&file(at).join("below"), "", false).err();
    assert!(failure.is_none(), "a folder is made");
    std::fs::write(at.join("plain"), "").unwrap();
    assert!(place::write(&at.join("plain"), "", false).is_err());
}

#[test]
fn the_commands_that_are_left_name_every_host() {
    let config = load(&all_given(&THREE).unwrap());
    let placed = place::Placed { key_made: true, for_service: true };
    let port = OfferedPort { name: "eth0".into(), state: "carrier", addresses: vec!["10.77.0.11/24".into()], radios: Vec::new() };
    let offers = Offers { ports: vec![port], tun: Device::Opens };
    let text = next::commands(&config, Path::new("/etc/baton"), &placed, &offers);
    assert!(text.contains("TCP to its agent's ports 7600 and 7601 and UDP to port 7602"), "{text}");
    assert!(text.contains("server1 is this machine:\n") && !text.contains("root@10.77.0.11"), "{text}");
    for host in ["server1", "server2", "server3"] {
        assert!(text.contains(&format!("systemctl enable --now baton-agent@{host}.service")), "{text}");
    }
    assert!(text.contains("scp -p /etc/baton/cluster.toml /etc/baton/cluster.key root@10.77.0.12:/etc/baton/\n"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the answers are: the file is one that baton reads, and says what was answered.
    #[test]
    fn what_is_written_is_read_as_it_was_answered(
        names in prop::collection::btree_set("[a-zA-Z0-9ä][a-zA-Z0-9ö_.-]{0,12}", 3),
        far in any::<bool>(),
        radio in (1_u8..255, 1_u8..255),
        carriers in (-6e9..6e9_f64, -6e9..6e9_f64),
        gain in -200.0..200.0_f64,
        antennas in ("\\PC{0,6}", "[^\\x00-\\x1f\\x7f-\\x9f]{0,6}"),
        port in "[a-z0-9\"'#]{1,9}",
    ) {
        let names: Vec<String> = names.into_iter().filter(|name| name.parse::<HostName>().is_ok()).collect();
        prop_assume!(names.len() == 3 && names.iter().all(|name| name != "pool"));
        let mut words: Vec<String> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            words.extend(["--host".into(), format!("{name}=10.0.0.{}", index + 1)]);
        }
        if far {
            words.extend(["--far-end".into(), names[2].clone()]);
        }
        let address = format!("192.168.{}.{}", radio.0, radio.1);
        words.extend([format!("--radio=pool={address}"), format!("--tx-freq={}", carriers.0), format!("--rx-freq={}", carriers.1)]);
        words.extend([format!("--gain={gain}"), format!("--tx-ant={}", antennas.0), format!("--rx-ant={}", antennas.1)]);
        words.push(format!("--radio-port={port}"));
        let answers = all_given(&words.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        let config = Config::parse(&text::cluster_file(&answers, Path::new("/etc/ba\"ton"))).unwrap();
        let pool = &config.radio["pool"];
        prop_assert_eq!((pool.tx_freq, pool.rx_freq, pool.gain), (carriers.0, carriers.1, gain));
        prop_assert_eq!((&pool.tx_ant, &pool.rx_ant), (&antennas.0, &antennas.1));
        prop_assert_eq!(pool.args.address().unwrap().to_string(), address);
        prop_assert_eq!(config.host.len(), 3);
        prop_assert!(config.host.values().all(|host| host.radio_port.as_str() == port));
        prop_assert_eq!(config.roles.far_end.as_deref(), far.then_some(names[2].as_str()));
        prop_assert_eq!(config.key_file.unwrap(), Path::new("/etc/ba\"ton/cluster.key"));
    }
}
