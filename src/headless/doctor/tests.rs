use chrono::{TimeDelta, Utc};

use super::*;
use crate::migration::fleet::config;
use protocol::Grade;

fn told(version: &str, digest: &str, mac: &str) -> Examination {
    Examination {
        version: version.into(),
        at: Utc::now(),
        cluster_file: digest.into(),
        radio_port_mac: Some(mac.into()),
        findings: vec![Examined::ok(Precondition::Tun, "there")],
    }
}

fn own() -> Own<'static> {
    Own { version: "0.2.0", digest: "d".into(), file: Path::new("/etc/baton/cluster.toml") }
}

/// Grade and check of what was found besides what the host itself has told.
fn found(host: &str, answers: &Answers, offsets: &Offsets) -> Vec<(Precondition, Grade, String)> {
    let config = config(Path::new("/nowhere"), true);
    let report = of_host(&config, host, answers, offsets, &own());
    report.findings.into_iter().filter(|f| f.grade != Grade::Ok).map(|f| (f.check, f.grade, f.sentence)).collect()
}

#[test]
fn hosts_that_agree_are_as_they_should_be() {
    let answers: Answers =
        [("server1".to_owned(), Ok(told("0.2.0", "d", "m1"))), ("server2".to_owned(), Ok(told("0.2.0", "d", "m2")))].into();
    assert_eq!(found("server1", &answers, &Offsets::new()), []);
    let config = config(Path::new("/nowhere"), true);
    let hosts = of_host(&config, "server1", &answers, &Offsets::new(), &own());
    assert_eq!(hosts.findings.len(), 5, "{hosts:?}");
}

#[test]
fn only_a_comparison_shows_what_differs() {
    let answers: Answers =
        [("server1".to_owned(), Ok(told("0.2.0", "d", "m"))), ("server2".to_owned(), Ok(told("0.3.0", "e", "m")))].into();
    let offsets = Offsets::from([("server2".into(), TimeDelta::seconds(-40))]);
    let found = found("server2", &answers, &offsets);
    let checks: Vec<_> = found.iter().map(|(check, grade, _)| (*check, *grade)).collect();
    assert_eq!(
        checks,
        [
            (Precondition::Version, Grade::Warning),
            (Precondition::ClusterFile, Grade::Blocker),
            (Precondition::Clock, Grade::Warning),
            (Precondition::Address, Grade::Blocker),
        ]
    );
    assert_eq!(found[0].2, "server2 runs baton 0.3.0, and this machine 0.2.0");
    assert!(found[3].2.ends_with("has the hardware address m, and so has that of server1"), "{found:?}");
}

#[test]
fn a_host_that_does_not_answer_is_named_with_what_to_do() {
    let config = config(Path::new("/nowhere"), true);
    for (code, check, grade, hint) in [
        (ErrorCode::UnknownCommand, Precondition::Version, Grade::Warning, "On server2: apt install"),
        (ErrorCode::BadRequest, Precondition::Version, Grade::Warning, "On server2: apt install"),
        (ErrorCode::Unauthorized, Precondition::Key, Grade::Blocker, "one of the two needs another address"),
        (ErrorCode::Unreachable, Precondition::Agent, Grade::Blocker, "baton doctor --host server2"),
        (ErrorCode::Busy, Precondition::Agent, Grade::Warning, "later"),
        (ErrorCode::WrongAddressee, Precondition::Agent, Grade::Blocker, "later"),
    ] {
        let failure = Failure::new(code, "what answers for server2").hint("later");
        let finding = refused(&config, "server2", &failure, &own());
        assert_eq!((finding.check, finding.grade), (check, grade), "{code:?}");
        assert!(finding.sentence.contains("server2") && finding.hint.as_ref().unwrap().contains(hint), "{finding:?}");
    }
}
