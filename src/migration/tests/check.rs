//! Findings for an order from what the hosts of a fake fleet say.

use super::*;
use crate::migration::fleet::{Fleet, Host, config};
use protocol::{AddressHolder, Command};

fn answers(mut fleet: Fleet) -> Answers {
    let ask = |host: &str| {
        let answer = fleet.answer(host, &Command::Status).map(|answer| answer.into_result().unwrap());
        (host.to_owned(), answer)
    };
    ["server1", "server2", "server3"].map(ask).into()
}

fn cluster() -> Config {
    config(std::path::Path::new("/nowhere"), true)
}

fn of(order: Order, answers: &Answers) -> Vec<Finding> {
    findings(Some((order, Method::Hot)), &cluster(), answers)
}

fn blockers(findings: &[Finding]) -> Vec<(&str, &str)> {
    let blockers = findings.iter().filter(|finding| finding.grade == Grade::Blocker);
    blockers.map(|finding| (finding.subject.as_str(), finding.sentence.as_str())).collect()
}

#[test]
fn a_cluster_in_order_has_no_blocker_and_no_warning() {
    let answers = answers(Fleet::new(Host::serving(), Host::default()));
    let found = of(Order::M, &answers);
    assert!(found.iter().all(|finding| finding.grade == Grade::Ok), "{found:#?}");
    assert!(found.len() >= 8, "{found:#?}");
    assert!(!blocked(&found));
}

#[test]
fn a_host_that_takes_part_in_another_order_is_not_to_be_had() {
    let part = protocol::RunPart { run: "r".into(), order: Order::M, executor: "server2".into() };
    let server1 = Host { takes_part: Some(part), ..Host::serving() };
    let answers = answers(Fleet::new(server1, Host::default()));
    for (order, is_free) in [(Order::KL, false), (Order::M, false), (Order::KR, true)] {
        let found = of(order, &answers);
        let sentence = "server1 takes part in M, which server2 is carrying out (run r)";
        assert_eq!(blockers(&found).contains(&("server1", sentence)), !is_free, "{order}: {found:#?}");
    }
}

#[test]
fn without_a_quorum_nothing_starts_or_moves() {
    let mut answers = answers(Fleet::new(Host::serving(), Host::default()));
    let server2 = answers.get_mut("server2").unwrap().as_mut().unwrap();
    server2.store = Some(protocol::StoreStatus { why: Some("no quorum".into()), ..protocol::StoreStatus::default() });
    assert_eq!(blockers(&of(Order::M, &answers)), [("store", "no quorum")]);
    assert!(!blockers(&of(Order::KR, &answers)).contains(&("store", "no quorum")), "whoever gives it up asks nobody");
    answers.get_mut("server2").unwrap().as_mut().unwrap().store.as_mut().unwrap().quorum = true;
    assert_eq!(blockers(&of(Order::M, &answers)), []);
}

#[test]
fn what_stands_against_an_order_is_named_with_what_to_do() {
    let half = || Host { d2d: true, ..Host::default() };
    let pointing = || Host { active: true, ..Host::default() };
    let table = [
        (Order::M, Host::default(), Host::default(), "server1", "server1 runs nothing that could be moved", "DS starts it"),
        (Order::M, Host::serving(), half(), "server2", "server2 already runs D2D", "it does not serve: KR clears it"),
        (
            Order::M,
            Host::serving(),
            pointing(),
            "radio",
            "server1 and server2 both point eth3 at it, and it can serve one host only",
            "KR parks server2, which does not serve",
        ),
        (
            Order::DS,
            Host::serving(),
            Host::default(),
            "server1",
            "server1 already runs D2D and USRP",
            "server1 already serves; to move the work away from it: M",
        ),
    ];
    for (order, server1, server2, subject, sentence, hint) in table {
        let found = of(order, &answers(Fleet::new(server1, server2)));
        let blocker = found.iter().find(|finding| finding.grade == Grade::Blocker).unwrap();
        assert_eq!((blocker.subject.as_str(), blocker.sentence.as_str()), (subject, sentence));
        assert_eq!(blocker.hint.as_deref(), Some(hint));
    }
}

/// Whoever asks in the wrong direction is not told to stop the host that serves, nor to start another one beside it.
#[test]
fn a_check_in_the_wrong_direction_has_one_hint() {
    let found = of(Order::MB, &answers(Fleet::new(Host::serving(), Host::default())));
    let hints: Vec<&str> = found.iter().filter(|f| f.grade == Grade::Blocker).filter_map(|f| f.hint.as_deref()).collect();
    assert_eq!(hints, ["server1 already serves; to move the work away from it: M"], "{found:#?}");
    // No hint of any order, wherever the work is, stops a host that serves; and no two contradict each other.
    for (server1, server2, stop) in [(Host::serving(), Host::default(), "KL"), (Host::default(), Host::serving(), "KR")] {
        let answers = answers(Fleet::new(server1, server2));
        for order in [Order::DS, Order::DSR, Order::M, Order::MB] {
            let found = of(order, &answers);
            let hints: Vec<&str> = found.iter().filter(|f| f.grade == Grade::Blocker).filter_map(|f| f.hint.as_deref()).collect();
            assert!(hints.iter().all(|hint| !hint.contains(stop) && hint == &hints[0]), "{order}: {hints:?}");
        }
    }
}

#[test]
fn a_method_that_a_program_at_work_does_not_offer_blocks() {
    let told = |d2d: Option<Vec<Method>>, usrp: Option<Vec<Method>>| {
        let mut answers = answers(Fleet::new(Host::serving(), Host::default()));
        let source = answers.get_mut("server1").unwrap().as_mut().unwrap();
        (source.d2d.methods, source.usrp.methods) = (d2d, usrp);
        answers
    };
    let cold = told(None, Some(vec![Method::Cold]));
    for method in [Method::Hot, Method::Seamless, Method::Classic] {
        let found = findings(Some((Order::M, method)), &cluster(), &cold);
        let sentence = format!("the USRP process of server1 does not offer the method {method}: it moves by cold only");
        assert_eq!(blockers(&found), [("server1", sentence.as_str())]);
        let hint = found.iter().find(|finding| finding.grade == Grade::Blocker).unwrap().hint.as_deref();
        assert_eq!(hint, Some("take cold"));
    }
    assert!(!blocked(&findings(Some((Order::M, Method::Cold)), &cluster(), &cold)));
    // Stopping it, and moving it the other way, are another matter.
    assert!(blockers(&of(Order::KL, &cold)).is_empty());
    assert!(blockers(&of(Order::MB, &cold)).iter().all(|(_, sentence)| !sentence.contains("does not offer")));
    for (d2d, usrp, words, hint) in [
        (
            vec![Method::Classic, Method::Cold],
            vec![Method::Cold],
            "D2D process of server1 does not offer the method hot: it moves by classic and cold only",
            Some("take cold"),
        ),
        (vec![Method::Hot], vec![], "USRP process of server1 does not offer the method hot", None),
    ] {
        let found = of(Order::M, &told(Some(d2d), Some(usrp)));
        let blocker = found.iter().find(|finding| finding.grade == Grade::Blocker).unwrap();
        assert!(blocker.sentence.ends_with(words), "{blocker:?}");
        assert_eq!(blocker.hint.as_deref(), hint);
    }
}

#[test]
fn a_silent_server_blocks_and_a_silent_far_end_warns() {
    for (silent, blocks) in [("server1", true), ("server2", true), ("server3", false)] {
        let mut answers = answers(Fleet::new(Host::serving(), Host::default()));
        answers.insert(silent.into(), Err(Failure::new(ErrorCode::Unreachable, "nobody there")));
        let found = of(Order::M, &answers);
        assert_eq!(blocked(&found), blocks, "{silent}: {found:#?}");
        assert!(found.iter().any(|finding| finding.grade > Grade::Ok && finding.sentence.contains("does not answer")));
        // Killing on one host does not depend on the other.
        assert_eq!(blocked(&of(Order::KL, &answers)), silent == "server1");
    }
}

#[test]
fn a_port_that_is_down_and_another_version_block() {
    let mut answers = answers(Fleet::new(Host::serving(), Host::default()));
    answers.get_mut("server2").unwrap().as_mut().unwrap().radio_port.up = false;
    assert!(blockers(&of(Order::M, &answers))[0].1.starts_with("eth3 of server2 is missing or down"));
    answers.get_mut("server2").unwrap().as_mut().unwrap().v = 99;
    assert!(blockers(&of(Order::M, &answers))[0].1.contains("version 99"));
}

#[test]
fn a_source_without_sync_is_a_warning() {
    let mut answers = answers(Fleet::new(Host::serving(), Host::default()));
    answers.get_mut("server1").unwrap().as_mut().unwrap().d2d.sync = Some(SyncState::Searching);
    let found = of(Order::M, &answers);
    assert!(!blocked(&found));
    assert!(found.iter().any(|finding| finding.grade == Grade::Warning && finding.subject == "server1"));
}

#[test]
fn two_radios_block_a_migration() {
    let mut config = cluster();
    let other = config.radio["pool"].clone();
    config.radio.insert("other".parse().unwrap(), other);
    config.host.get_mut("server2").unwrap().radio = "other".parse().unwrap();
    let answers = answers(Fleet::new(Host::serving(), Host::default()));
    let found = findings(Some((Order::M, Method::Hot)), &config, &answers);
    assert_eq!(blockers(&found)[0].0, "radio");
}

#[test]
fn the_owner_is_named_with_its_epoch_and_with_who_says_so() {
    let with = |owners: [Option<(u64, &str)>; 2]| {
        let mut answers = answers(Fleet::new(Host::serving(), Host::default()));
        for (host, owner) in ["server1", "server2"].into_iter().zip(owners) {
            let Some(Ok(status)) = answers.get_mut(host) else { panic!("{host} does not answer") };
            (status.owner_epoch, status.owner) = (owner.map(|(epoch, _)| epoch), owner.map(|(_, name)| name.to_owned()));
        }
        of(Order::M, &answers)
            .into_iter()
            .find(|finding| finding.subject == "radio")
            .map(|found| (found.grade, found.sentence))
            .unwrap()
    };
    let seen = "server1 alone points eth3 at it";
    assert_eq!(with([None, None]), (Grade::Ok, seen.into()));
    for (other, who) in [(Some((3, "server1")), "server1 and server2"), (Some((2, "server2")), "server1"), (None, "server1")] {
        let expected = (Grade::Ok, format!("{seen} and owns it under epoch 3, says {who}"));
        assert_eq!(with([Some((3, "server1")), other]), expected);
    }
    assert_eq!(with([Some((3, "server1")), Some((4, "server2"))]), (Grade::Warning, format!("{seen}, but epoch 4 is server2's")));
}

#[test]
fn a_failover_is_for_a_source_that_does_not_answer() {
    let of = |answers: &Answers| findings(Some((Order::M, Method::Failover)), &cluster(), answers);
    let mut answers = answers(Fleet::new(Host::serving(), Host::default()));
    let sentence = "the agent of server1 answers, and a failover is for one that does not";
    assert_eq!(blockers(&of(&answers)), [("server1", sentence)]);
    answers.insert("server1".into(), Err(Failure::new(ErrorCode::Deadline, "nobody there")));
    let found = of(&answers);
    assert!(!blocked(&found) && found.iter().any(|finding| finding.subject == "server1"), "{found:#?}");
    answers.insert("server2".into(), Err(Failure::new(ErrorCode::Deadline, "nobody there")));
    assert_eq!(blockers(&of(&answers))[0].0, "server2");
}

#[test]
fn a_link_too_narrow_for_two_streams_blocks_seamless_alone() {
    let mut config = cluster();
    for radio in config.radio.values_mut() {
        radio.rate = 25e6;
    }
    let answers = answers(Fleet::new(Host::serving(), Host::default()));
    for method in [Method::Hot, Method::Seamless] {
        let found = findings(Some((Order::M, method)), &config, &answers);
        assert!(found.iter().any(|finding| finding.sentence == ONE_STREAM), "{found:#?}");
        assert_eq!(blocked(&found), method == Method::Seamless);
    }
}

fn holder(host: Option<&str>) -> AddressHolder {
    let mac = if host.is_some() { "02:00:00:00:00:02" } else { "02:00:00:00:00:99" };
    AddressHolder { mac: mac.into(), host: host.map(str::to_owned), since: chrono::DateTime::UNIX_EPOCH }
}

#[test]
fn a_stranger_with_the_radios_address_blocks_what_takes_the_radio() {
    let seen_by = |host: &str| {
        let mut answers = answers(Fleet::new(Host::serving(), Host::default()));
        answers.get_mut(host).unwrap().as_mut().unwrap().address_holders = vec![holder(None)];
        answers
    };
    let sentence = |host: &str| {
        format!(
            "a machine with the hardware address 02:00:00:00:00:99, which is no known host of this cluster, has 192.168.10.1 on the \
             network of eth3 of {host} since 00:00:00 UTC"
        )
    };
    for host in ["server1", "server2"] {
        for order in [Order::M, Order::DSR] {
            let found = of(order, &seen_by(host));
            let blockers: Vec<_> = blockers(&found).into_iter().filter(|(subject, _)| *subject == "radio").collect();
            assert_eq!(blockers, [("radio", sentence(host).as_str())], "{order}: once, whoever has seen it");
        }
        assert!(!blocked(&of(Order::KL, &seen_by(host))), "stopping takes nothing from anybody");
        assert!(blocked(&findings(None, &cluster(), &seen_by(host))));
    }
    // One of another network.
    assert!(!blocked(&of(Order::M, &seen_by("server3"))));
}

#[test]
fn a_start_asks_whether_anybody_has_the_address_and_a_move_expects_the_source() {
    let mut answers = answers(Fleet::new(Host::default(), Host::default()));
    answers.get_mut("server1").unwrap().as_mut().unwrap().address_holders = vec![holder(Some("server2"))];
    let words = "server2, with the hardware address 02:00:00:00:00:02, has 192.168.10.1 on the network of eth3 of server1";
    assert_eq!(blockers(&of(Order::DS, &answers)), [("server1", words)]);
    let mut answers = self::answers(Fleet::new(Host::serving(), Host::default()));
    answers.get_mut("server2").unwrap().as_mut().unwrap().address_holders = vec![holder(Some("server1"))];
    assert!(!blocked(&of(Order::M, &answers)));
    answers.insert("server1".into(), Err(Failure::new(ErrorCode::Deadline, "nobody there")));
    let failover = findings(Some((Order::M, Method::Failover)), &cluster(), &answers);
    assert!(blockers(&failover)[0].1.starts_with("server1, with the hardware address"), "{failover:#?}");
    // Another machine is named, and the radio is asked.
    answers.get_mut("server2").unwrap().as_mut().unwrap().address_holders = vec![holder(None)];
    let failover = findings(Some((Order::M, Method::Failover)), &cluster(), &answers);
    let named = failover.iter().find(|finding| finding.sentence.contains("02:00:00:00:00:99")).unwrap();
    assert!(named.grade == Grade::Warning && !blocked(&failover), "{failover:#?}");
}

#[test]
fn a_failover_without_a_fence_is_warned_of() {
    let mut answers = answers(Fleet::new(Host::serving(), Host::default()));
    answers.insert("server1".into(), Err(Failure::new(ErrorCode::Deadline, "nobody there")));
    let warned = |config: &Config| {
        let found = findings(Some((Order::M, Method::Failover)), config, &answers);
        found.iter().any(|finding| finding.sentence == not_fenced("server1"))
    };
    let mut config = cluster();
    assert!(warned(&config));
    config.host.get_mut("server1").unwrap().fence_command = Some(vec!["/bin/true".to_owned()].try_into().unwrap());
    assert!(!warned(&config));
}

#[test]
fn what_an_agent_says_is_wrong_is_found() {
    let mut answers = answers(Fleet::new(Host::serving(), Host::default()));
    let text = "the disk of server2 hangs";
    let alarm = Alarm {
        code: ErrorCode::Io,
        level: protocol::Level::Warning,
        text: text.into(),
        hint: None,
        since: chrono::DateTime::UNIX_EPOCH,
    };
    answers.get_mut("server2").unwrap().as_mut().unwrap().alarms.push(alarm);
    let found = of(Order::M, &answers);
    assert!(!blocked(&found) && found.iter().any(|finding| finding.grade == Grade::Warning && finding.sentence == text));
}

/// What would be found out in the middle of the move: samples that do not fit, packets that come from the wrong address.
#[test]
fn a_port_that_carries_no_samples_is_named_before_the_order() {
    type Change = fn(&mut protocol::Port);
    let table: [(Change, &str, &str); 3] = [
        (|port| port.up = false, "eth3 of server2 is missing or down", "ip link set eth3 up"),
        (
            |port| port.mtu = Some(1280),
            "eth3 of server2 has an mtu of 1280, and the radio's packets of samples need 1500",
            "mtu 1500",
        ),
        (
            |port| port.addresses.push("192.168.10.77/24".into()),
            "has 192.168.10.77/24 in the radio's subnet",
            "ip addr del 192.168.10.77/24",
        ),
    ];
    for (change, sentence, hint) in table {
        let mut answers = answers(Fleet::new(Host::serving(), Host::default()));
        change(&mut answers.get_mut("server2").unwrap().as_mut().unwrap().radio_port);
        let found = of(Order::M, &answers);
        let blocker = found.iter().find(|finding| finding.grade == Grade::Blocker).unwrap();
        assert!(blocker.sentence.contains(sentence) && blocker.hint.as_ref().unwrap().contains(hint), "{blocker:?}");
    }
    // On the host that serves it is a warning: the service is not refused what it has.
    let mut answers = answers(Fleet::new(Host::serving(), Host::default()));
    answers.get_mut("server1").unwrap().as_mut().unwrap().radio_port.mtu = Some(1280);
    let found = of(Order::M, &answers);
    assert!(
        !blocked(&found) && found.iter().any(|finding| finding.grade == Grade::Warning && finding.sentence.contains("mtu of 1280"))
    );
}

#[test]
fn a_radio_that_does_not_do_as_asked_is_a_warning() {
    let mut answers = answers(Fleet::new(Host::serving(), Host::default()));
    let usrp = &mut answers.get_mut("server1").unwrap().as_mut().unwrap().usrp;
    usrp.warnings = vec!["the radio's receive gain: asked 100 dB, got 31.5 dB".into()];
    for found in [of(Order::M, &answers), findings(None, &cluster(), &answers)] {
        let warning = found.iter().find(|finding| finding.grade == Grade::Warning && finding.subject == "server1").unwrap();
        assert!(warning.sentence.contains("asked 100 dB, got 31.5 dB"), "{warning:?}");
    }
}
