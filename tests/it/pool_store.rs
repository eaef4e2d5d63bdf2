//! A pool with its store: etcd says who owns which radio, what serves goes on without it, and what a lost server had is served elsewhere.
//!
//! Needs root, and etcd (scripts/install-etcd).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use std::time::{Duration, Instant};

use crate::common::lab::{Lab, alone, text};
use serde_json::{Value, json};

/// Longer than a lease, the grace, a look at each and a failover take on a busy machine.
const SOON: Duration = Duration::from_secs(60);

impl Lab {
    /// Waits until what `baton pool status` says is so.
    fn pool_until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let output = self.baton(&["pool", "status", "--json"]);
            let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
            if is_so(&report) {
                return report;
            }
            assert!(since.elapsed() < SOON, "{what}: {report:#}");
        }
    }

    /// Waits until the store knows the owner that the agents know, under the same epoch.
    fn store_agrees(&self, radio: &str, owner: &str) -> u64 {
        let since = Instant::now();
        loop {
            let status = self.status_of(radio, owner);
            let (store, epoch) = (&status["store"], &status["owner_epoch"]);
            if store["owner"] == owner && status["owner"] == owner && store["epoch"] == *epoch {
                return epoch.as_u64().unwrap();
            }
            assert!(since.elapsed() < SOON, "the store and the agents do not agree that {owner} owns {radio}: {status:#}");
        }
    }

    fn faulty(&self, words: &[&str]) {
        let output = self.baton(&[&["lab"], words].concat());
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    }
}

fn is_served(report: &Value, radio: &str, host: &str) -> bool {
    let service = &report["radios"][radio]["service"];
    service["host"] == host && service["state"] == "serving"
}

/// By the agents: here at once, and elsewhere where this server cannot serve.
fn what_ends_by_itself_is_brought_back(lab: &Lab) {
    let before = lab.store_agrees("radio2", "server2");
    lab.faulty(&["fault", "server2", "kill-d2d", "--radio", "radio2"]);
    let since = Instant::now();
    let record = loop {
        let order = &lab.status_of("radio2", "server2")["migration"];
        if order["method"] == "recover" && order["finished"] == true {
            break order["record"].clone();
        }
        assert!(since.elapsed() < SOON, "nobody brought radio2 back: {order:#}");
    };
    assert_eq!((&record["outcome"], &record["by"]), (&json!("ok"), &json!("the agent of server2")), "{record:#}");
    println!(
        "radio2 was brought back in {} ms, {} ms after its process was killed",
        record["total_ms"],
        since.elapsed().as_millis()
    );
    assert!(lab.store_agrees("radio2", "server2") > before);
    assert!(lab.pings("radio2").lost() <= 1);

    lab.faulty(&["fault", "server2", "cut-eth3", "--radio", "radio2"]);
    lab.pool_until("radio2 is served by a server with a cable", |report| {
        ["server1", "server3"].iter().any(|host| is_served(report, "radio2", host))
    });
    lab.faulty(&["mend", "server2", "cut-eth3", "--radio", "radio2"]);
    assert_eq!(lab.pool(&["move", "radio2", "server2"])["outcome"], "ok");
    lab.store_agrees("radio2", "server2");
}

#[test]
fn the_store_gives_the_radio_and_a_lost_server_is_replaced() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("pool-store", &["--servers", "3", "--radios", "2"]);
    for (radio, server) in [("radio1", "server1"), ("radio2", "server2")] {
        assert_eq!(lab.pool(&["start", radio])["outcome"], "ok");
        lab.store_agrees(radio, server);
    }
    // An order reserves before it changes anything, and commits the epoch that the agents took.
    let first = lab.store_agrees("radio1", "server1");
    assert_eq!(lab.pool(&["move", "radio1", "server3"])["outcome"], "ok");
    assert_eq!(lab.store_agrees("radio1", "server3"), first + 1);
    let report =
        lab.pool_until("a quorum with three members", |report| report["store"]["members"].as_array().is_some_and(|m| m.len() == 3));
    assert_eq!(report["store"]["quorum"], true, "{report:#}");

    what_ends_by_itself_is_brought_back(&lab);

    // Two of three members are gone: nothing moves, and what serves goes on.
    for host in ["server1", "server2"] {
        lab.faulty(&["fault", host, "pause-etcd"]);
    }
    lab.pool_until("no quorum", |report| report["store"]["quorum"] == false);
    let pings = lab.pings("radio1");
    let said = lab.refused(&["move", "radio1", "server2"]);
    assert!(said.contains("M was not begun") && said.contains("no quorum"), "{said}");
    assert!(pings.lost() <= 1);
    let forced = lab.pool(&["move", "radio1", "server2", "--force"]);
    assert_eq!(forced["outcome"], "ok", "{forced:#}");
    let warnings = forced["warnings"].to_string();
    assert!(warnings.contains("Forced, without the pool's store"), "{warnings}");
    for host in ["server1", "server2"] {
        lab.faulty(&["mend", host, "pause-etcd"]);
    }
    // What happened without it is told.
    lab.store_agrees("radio1", "server2");

    // A server without a management network serves on: its radio's far end has a veto.
    lab.faulty(&["fault", "server2", "cut-mgmt0"]);
    let pings = lab.pings("radio2");
    lab.pool_until("server2 is missing", |report| {
        report["store"]["members"] == json!(["server1", "server3"]) && report["servers"]["server2"]["heard"] == false
    });
    assert!(pings.lost() <= 1, "a cut of the management network was felt");
    lab.faulty(&["mend", "server2", "cut-mgmt0"]);
    lab.pool_until("server2 is back", |report| is_served(report, "radio2", "server2"));

    // A radio that an operator has stopped stays stopped; the others of a server that dies are served elsewhere.
    assert_eq!(lab.pool(&["stop", "radio1"])["outcome"], "ok");
    for (what, radio) in
        [("pause-agent", None), ("pause-etcd", None), ("pause-usrp", Some("radio2")), ("pause-d2d", Some("radio2"))]
    {
        let of = radio.map_or(vec![], |radio| vec!["--radio", radio]);
        lab.faulty(&[&["fault", "server2", what], of.as_slice()].concat());
    }
    let report = lab.pool_until("radio2 is served elsewhere", |report| {
        ["server1", "server3"].iter().any(|host| is_served(report, "radio2", host))
    });
    assert_ne!(report["radios"]["radio1"]["service"]["state"], "serving", "{report:#}");
    let to = report["radios"]["radio2"]["service"]["host"].as_str().unwrap();
    assert!(lab.pings("radio2").lost() <= 1);
    lab.store_agrees("radio2", to);
}
