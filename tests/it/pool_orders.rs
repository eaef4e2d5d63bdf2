//! Orders that name radio and server, in a lab of three servers and two radios: moves between any two of them, and plans for the whole pool.
//!
//! Needs root.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use crate::common::lab::{Lab, alone, text};
use crate::common::transmitters::Transmitters;
use serde_json::{Value, json};

impl Lab {
    /// What `baton pool` answers.
    pub fn pool(&self, words: &[&str]) -> Value {
        let output = self.baton(&[&["pool"], words, &["--json"]].concat());
        assert!(output.status.success(), "{words:?}: {}{}", text(&output.stdout), text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn refused(&self, words: &[&str]) -> String {
        let output = self.baton(&[&["pool"], words].concat());
        assert!(!output.status.success(), "{words:?}: {}", text(&output.stdout));
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    }

    /// Who serves each radio, once every one is served: the first replies come after an order is over.
    pub fn places(&self) -> Value {
        for radio in ["radio1", "radio2"] {
            let waited = self.baton(&["wait", "serving", "--radio", radio, "--timeout", "20s"]);
            assert!(waited.status.success(), "{radio}: {}{}", text(&waited.stdout), text(&waited.stderr));
        }
        let radios = self.pool(&["status"])["radios"].clone();
        let at = |(radio, report): (&String, &Value)| (radio.clone(), report["service"]["host"].clone());
        radios.as_object().unwrap().iter().map(at).collect::<serde_json::Map<_, _>>().into()
    }
}

#[test]
fn a_radio_moves_between_any_two_servers_and_a_server_is_drained() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("pool-orders", &["--servers", "3", "--radios", "2"]);
    for radio in ["radio1", "radio2"] {
        assert_eq!(lab.pool(&["start", radio])["outcome"], "ok");
    }
    assert_eq!(lab.places(), json!({"radio1": "server1", "radio2": "server2"}));
    let transmitters = Transmitters::in_namespace(&lab.root(), "n210-1", [192, 168, 10, 2]);
    for (from, to) in [("server1", "server3"), ("server3", "server2"), ("server2", "server1")] {
        let record = lab.pool(&["move", "radio1", to]);
        assert_eq!((&record["outcome"], &record["from"], &record["to"]), (&json!("ok"), &json!(from), &json!(to)), "{record:#}");
        assert!(record["interruption"]["probes_lost"].as_u64().unwrap() <= 1, "{record:#}");
    }
    assert!(lab.refused(&["move", "radio1", "server1"]).contains("server1 has the work of radio1 already"));
    assert!(lab.refused(&["move", "radio1", "server9"]).contains("its servers are server1, server2, server3"));
    assert!(lab.refused(&["move", "radio9", "server1"]).contains("the radios are radio1, radio2"));
    // Nobody else takes what a third server has.
    assert!(lab.refused(&["start", "radio1", "server2"]).contains("server1"));

    let plan = lab.pool(&["drain", "server1", "--plan"]);
    assert_eq!(plan["waves"].as_array().unwrap().len(), 1, "{plan:#}");
    assert_eq!(lab.places()["radio1"], "server1", "a plan changes nothing");
    let drained = lab.pool(&["drain", "server1"]);
    assert!(drained["ok"] == true && drained["done"].as_array().unwrap().len() == 1, "{drained:#}");
    assert_eq!(lab.places(), json!({"radio1": "server3", "radio2": "server2"}));
    assert_eq!(lab.pool(&["status"])["servers"]["server1"]["drained"], true);
    assert!(lab.refused(&["move", "radio1", "server1"]).contains("server1 is drained"));
    // It stays so, whoever ends meanwhile.
    let killed = lab.baton(&["lab", "fault", "server1", "kill-agent"]);
    assert!(killed.status.success(), "{}", text(&killed.stderr));
    let since = std::time::Instant::now();
    while !text(&lab.baton(&["pool", "status"]).stdout).contains("server1      drained") {
        assert!(since.elapsed() < std::time::Duration::from_secs(20), "the agent of server1 does not come back");
    }
    assert!(lab.refused(&["move", "radio2", "server1"]).contains("server1 is drained"));
    assert_eq!(lab.pool(&["undrain", "server1"])["drained"], false);

    let empty = lab.pool(&["consolidate"])["plan"]["empty"].clone();
    assert_eq!(empty.as_array().unwrap().len(), 2, "{empty:#}");
    lab.pool(&["rebalance"]);
    let places = lab.places();
    assert_ne!(places["radio1"], places["radio2"]);
    assert_eq!(lab.pool(&["rebalance"])["done"], json!([]), "nothing goes to and fro");
    // A server that is lost: no agent, no cable.
    let lost = places["radio1"].as_str().unwrap();
    assert!(lab.refused(&["failover", lost]).contains("answers: its radios are not lost"));
    let fault = |verb: &str, fault: &[&str]| {
        let done = lab.baton(&[&["lab", verb, lost], fault].concat());
        assert!(done.status.success(), "{}", text(&done.stderr));
    };
    fault("fault", &["cut-eth3", "--radio", "radio1"]);
    fault("fault", &["pause-agent"]);
    let failed_over = lab.pool(&["failover", lost]);
    assert_eq!(failed_over["done"].as_array().unwrap().len(), 1, "{failed_over:#}");
    assert_ne!(lab.places()["radio1"], lost);
    fault("mend", &["pause-agent"]);
    fault("mend", &["cut-eth3", "--radio", "radio1"]);
    for radio in ["radio1", "radio2"] {
        assert_eq!(lab.pool(&["stop", radio])["outcome"], "ok");
    }
    assert!(lab.refused(&["stop", "radio1"]).contains("baton pool start radio1"));
    // Also on a server that has never had the work.
    assert_eq!(lab.pool(&["start", "radio2", "server1"])["to"], "server1");
    let waited = lab.baton(&["wait", "serving", "--radio", "radio2", "--timeout", "20s"]);
    assert!(waited.status.success(), "{}{}", text(&waited.stdout), text(&waited.stderr));
    let (_, at_once) = transmitters.verdict();
    assert!(at_once.is_empty(), "two transmitters: {at_once:#?}");
}
