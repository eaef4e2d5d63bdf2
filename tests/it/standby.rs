//! The armed standby in a whole lab: it takes over from every kind of death, from nothing else, and the host that lost gives way.
//!
//! Needs root.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use std::time::{Duration, Instant};

use crate::common::lab::{Lab, alone, text};
use crate::common::transmitters::Transmitters;
use serde_json::{Value, json};

const HOSTS: [&str; 2] = ["server1", "server2"];

fn other(host: &str) -> &'static str {
    if host == HOSTS[0] { HOSTS[1] } else { HOSTS[0] }
}

fn serves(status: &Value) -> bool {
    status["usrp"]["state"] == "running" && status["d2d"]["sync"]["state"] == "synced"
}

fn is_idle(status: &Value) -> bool {
    status["usrp"]["state"] == "stopped" && status["d2d"]["state"] == "stopped"
}

fn is_armed(status: &Value) -> bool {
    status["standby"]["follows"]["state"] == "armed"
}

impl Lab {
    fn standby(&self, word: &str) -> Value {
        let output = self.baton(&["do", word, "--json"]);
        assert!(output.status.success(), "{word}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn lab_fault(&self, verb: &str, host: &str, fault: &str) {
        let output = self.baton(&["lab", verb, host, fault]);
        assert!(output.status.success(), "{verb} {fault}: {}", text(&output.stderr));
    }

    /// Whether a ping of the far end is lost now.
    fn answers_nothing(&self) -> bool {
        !self.exec("server3", &["ping", "-c", "1", "-W", "1", "192.168.40.9"]).status.success()
    }

    fn log(&self, host: &str) -> String {
        let file = self.root().join(format!("run/baton/log/{host}.log"));
        text(&std::fs::read(file).unwrap_or_default()).to_owned()
    }

    fn lost(&self) -> u64 {
        self.status("server3")["probe"]["lost"].as_u64().unwrap()
    }

    /// The record of the take-over to a host since a run, which comes when the far end's probes are counted.
    fn takeover_to(&self, host: &str, since: &Value) -> Value {
        let status = self.until(host, "the record of the take-over", |status| {
            let migration = &status["migration"];
            migration["method"] == "takeover" && migration["record"].is_object() && migration["run"] != *since
        });
        status["migration"]["record"].clone()
    }
}

#[test]
fn a_standby_takes_over_from_every_kind_of_death() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("standby-takes-over", &[]);
    let transmitters = Transmitters::at(&lab.root());
    lab.done(&["DS"]);
    lab.is_served();
    let mut at = HOSTS[0];
    let deaths = [
        ("kill-usrp", None, "no heartbeat"),
        ("kill-d2d", None, "its D2D process has done nothing"),
        ("pause-usrp", Some("pause-usrp"), "no heartbeat"),
        ("pause-d2d", Some("pause-d2d"), "its D2D process has done nothing"),
        ("cut-eth3", Some("cut-eth3"), "it has heard no samples"),
    ];
    for (death, mended, cause) in deaths {
        let armed = lab.standby("arm");
        assert_eq!((&armed["host"], &armed["follows"]), (&json!(other(at)), &json!(at)), "{death}");
        lab.until(other(at), "armed by both networks", |status| {
            let follows = &status["standby"]["follows"];
            is_armed(status) && follows["radio_ms"].is_number() && follows["management_ms"].is_number()
        });
        let (lost, before) = (lab.lost(), lab.status(other(at))["migration"]["run"].clone());
        lab.lab_fault("fault", at, death);
        let to = other(at);
        lab.until(to, "serves after a take-over", serves);
        let record = lab.takeover_to(to, &before);
        assert_eq!((&record["from"], &record["to"], &record["outcome"]), (&json!(at), &json!(to), &json!("ok")), "{record:#}");
        assert!(record["warnings"][0].as_str().unwrap().contains(cause), "{death}: {record:#}");
        let names: Vec<&str> = record["phases"].as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["detect", "link_usrp", "sync"], "{record:#}");
        println!("{death}: {} ms, gap {} ms", record["total_ms"], record["interruption"]["gap_ms"]);
        // One may have been on its way.
        assert!(lab.lost() - lost <= 1, "{death}: {} pings lost", lab.lost() - lost);
        if let Some(fault) = mended {
            // The loser's agent may have ended a process that stands still.
            drop(lab.baton(&["lab", "mend", at, fault]));
        }
        lab.until(at, "gives way", is_idle);
        lab.until(to, "the radio's address alone", |status| status["radio_port"]["addresses"] == json!(["192.168.10.1/24"]));
        lab.is_served();
        at = to;
    }
    let (turns, at_once) = transmitters.verdict();
    assert!(at_once.is_empty(), "two transmitters: {at_once:#?}");
    // One for the start, and one for each take-over.
    assert_eq!(turns, 1 + deaths.len());
    // What is served by a host that has taken over moves like any other.
    lab.done(&[if at == HOSTS[0] { "M" } else { "MB" }, "--method", "seamless"]);
    lab.is_served();
}

#[test]
fn an_order_is_no_death_and_one_silent_network_is_none() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("standby-stands-down", &[]);
    // Nobody to follow.
    let output = lab.baton(&["do", "arm"]);
    assert!(!output.status.success() && text(&output.stderr).contains("no host serves"), "{}", text(&output.stderr));
    lab.done(&["DS"]);
    lab.is_served();
    lab.standby("arm");
    // The management network alone, both ways, for longer than a take-over takes: a command before and after it tells that it was noticed.
    lab.lab_fault("fault", "server1", "cut-mgmt0");
    let since = Instant::now();
    lab.until("server2", "hears by the radio's network alone", |status| {
        status["standby"]["follows"]["management_ms"].as_f64().is_some_and(|ms| ms > 500.0)
    });
    assert!(is_armed(&lab.status("server2")), "it has taken over after {:?}", since.elapsed());
    lab.lab_fault("mend", "server1", "cut-mgmt0");
    lab.until("server2", "hears by both", |status| {
        is_armed(status) && status["standby"]["follows"]["management_ms"].as_f64().is_some_and(|ms| ms < 100.0)
    });
    // An order that is refused before it changes anything ends no standby.
    lab.lab_fault("fault", "server1", "pause-agent");
    let output = lab.baton(&["do", "M", "--force"]);
    assert!(!output.status.success(), "{}", text(&output.stdout));
    lab.lab_fault("mend", "server1", "pause-agent");
    assert!(is_armed(&lab.status("server2")), "{}", text(&output.stderr));
    // The reservation that waited for its agent ends with its lease.
    lab.until("server1", "no part in the refused order", |status| status["takes_part"].is_null());
    // An order makes the standby way, and moves.
    lab.done(&["M"]);
    lab.is_served();
    assert!(is_idle(&lab.status("server1")));
    lab.standby("arm");
    lab.until("server1", "armed", is_armed);
    // What is ended in order is not taken over.
    lab.done(&["KR"]);
    lab.until("server1", "the standby has ended", is_idle);
    assert!(is_idle(&lab.status("server2")));
    lab.done(&["DSR"]);
    lab.is_served();
    lab.standby("arm");
    lab.standby("disarm");
    let left = lab.status("server1");
    assert!(is_idle(&left) && left["standby"].is_null(), "{left:#}");
    for host in HOSTS {
        let routes = text(&lab.exec(host, &["ip", "-4", "route"]).stdout).to_owned();
        assert!(
            !routes.lines().any(|route| route.starts_with("192.168.10.1 ") || route.starts_with("192.168.20.2 ")),
            "{host}: {routes}"
        );
    }
    lab.is_served();
}

#[test]
fn a_standby_of_its_own_accord_outlives_agents_and_arms_itself_again() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("standby-by-policy", &["--standby"]);
    lab.done(&["DS"]);
    lab.until("server2", "armed by itself", is_armed);
    // One that loses a process of its own begins anew, and so does one that hears the radio no longer, while the other one does.
    let epoch = lab.status("server1")["owner_epoch"].clone();
    lab.lab_fault("fault", "server2", "cut-eth3");
    lab.until("server2", "armed no longer, without samples", |status| !is_armed(status));
    lab.lab_fault("mend", "server2", "cut-eth3");
    lab.until("server2", "armed again with its cable", is_armed);
    let losses: [(&str, &dyn Fn()); 2] = [
        ("its D2D process", &|| lab.lab_fault("fault", "server2", "kill-d2d")),
        // Both fall silent at once: then it is the radio, and nobody takes over.
        ("its receive chain", &|| lab.n210_fault("kind = \"brown-out\", for = 0.3")),
    ];
    let mut usrp = lab.status("server2")["usrp"]["pid"].clone();
    for (what, lose) in losses {
        lose();
        let anew = format!("armed anew after it lost {what}");
        let armed = lab.until("server2", &anew, |status| is_armed(status) && status["usrp"]["pid"] != usrp);
        usrp = armed["usrp"]["pid"].clone();
        assert_eq!(lab.status("server1")["owner_epoch"], epoch, "{what}");
        lab.is_served();
    }
    // The agents of both may go and come, and the lab starts them again: the processes follow without them.
    for host in HOSTS {
        lab.lab_fault("fault", host, "kill-agent");
    }
    lab.until("server1", "taken up again", serves);
    lab.until("server2", "armed still", |status| is_armed(status) && status["usrp"]["pid"] == usrp);
    lab.lab_fault("fault", "server1", "kill-usrp");
    lab.until("server2", "serves after a take-over", serves);
    let served =
        lab.until("server2", "the radio's address alone", |status| status["radio_port"]["addresses"] == json!(["192.168.10.1/24"]));
    // An agent that finds the take-over done does not do it again.
    lab.lab_fault("fault", "server2", "kill-agent");
    lab.until("server2", "taken up again", serves);
    // Ten seconds later, at the earliest, the loser follows.
    let since = Instant::now();
    lab.until("server1", "armed by itself", is_armed);
    assert!(since.elapsed() > Duration::from_secs(5), "two take-overs within {:?}", since.elapsed());
    assert_eq!(lab.status("server2")["owner_epoch"], served["owner_epoch"]);
    lab.is_served();
}

/// A host that lost the radio to a false alarm cannot ask its peer's agent who owns it: its process hears that from the standby's own.
#[test]
fn a_loser_that_nobody_answers_leaves_the_radio_to_the_winner() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("standby-unasked", &[]);
    lab.done(&["DS"]);
    lab.is_served();
    let mut at = HOSTS[0];
    for silence in ["pause-agent", "cut-mgmt0"] {
        lab.standby("arm");
        let to = other(at);
        lab.until(to, "armed by both networks", |status| is_armed(status) && status["standby"]["follows"]["radio_ms"].is_number());
        let transmitters = Transmitters::at(&lab.root());
        lab.lab_fault("fault", to, silence);
        lab.lab_fault("fault", at, "pause-usrp");
        let since = Instant::now();
        while transmitters.verdict().0 < 1 || lab.answers_nothing() {
            assert!(since.elapsed() < Duration::from_secs(10), "{silence}: nobody has taken over");
        }
        lab.lab_fault("mend", at, "pause-usrp");
        let since = Instant::now();
        while !lab.log(at).contains("says that it serves") {
            assert!(since.elapsed() < Duration::from_secs(20), "{silence}: {}", lab.log(at));
            std::thread::sleep(Duration::from_millis(100));
        }
        lab.is_served();
        lab.lab_fault("mend", to, silence);
        lab.until(at, "gives way", is_idle);
        lab.until(to, "serves after the take-over", serves);
        lab.is_served();
        let (turns, at_once) = transmitters.verdict();
        assert!(at_once.is_empty(), "{silence}: two transmitters: {at_once:#?}");
        assert!(turns <= 2, "{silence}: {turns} turns");
        at = to;
    }
}
