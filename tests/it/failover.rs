//! A host that falls silent in a whole lab: the other one takes the work over, and the one that comes back gives way; a source that was frozen by
//! somebody who then fell silent goes on by itself.
//!
//! Needs root.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use std::thread::sleep;
use std::time::Duration;

use crate::common::lab::{Lab, alone, text};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

impl Lab {
    fn faults(&self, verb: &str, host: &str, faults: &[&str]) {
        for fault in faults {
            let output = self.baton(&["lab", verb, host, fault]);
            assert!(output.status.success(), "{verb} {fault}: {}", text(&output.stderr));
        }
    }
}

fn holds_radio(status: &Value) -> bool {
    status["radio_port"]["addresses"] == json!(["192.168.10.1/24"])
}

#[test]
fn the_work_of_a_silent_host_is_taken_over_and_that_host_gives_way() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("failover", &[]);
    lab.done(&["DS"]);
    lab.until("server1", "collected", |status| !status["control"]["values"]["phy_cell_ID"].is_null());

    // A host that answers keeps its work.
    let record = lab.order(&["M", "--method", "failover"]);
    assert_eq!(record["outcome"], "rolled_back", "{record:#}");
    assert!(record["reason"].as_str().unwrap().contains("the agent of server1 answers"), "{record:#}");

    // Server2 asks server1 every second at first.
    sleep(Duration::from_secs(3));
    // Only its agent is silent: server1 serves, and its eth3 says so.
    lab.faults("fault", "server1", &["pause-agent"]);
    let record = lab.order(&["M", "--method", "failover"]);
    assert_eq!((&record["outcome"], &record["failure"]["code"]), (&json!("failed"), &json!("address_conflict")), "{record:#}");
    lab.is_served();

    // And now the whole host.
    lab.faults("fault", "server1", &["cut-eth3", "cut-mgmt0", "kill-d2d", "kill-usrp"]);
    let record = lab.order(&["M", "--method", "failover"]);
    assert_eq!((&record["outcome"], &record["to"]), (&json!("ok"), &json!("server2")), "{record:#}");
    let warnings = record["warnings"].to_string();
    assert!(warnings.contains("server1 does not answer") && warnings.contains("The control variables are those"), "{record:#}");
    lab.is_served();
    lab.faults("mend", "server1", &["cut-eth3", "cut-mgmt0", "pause-agent"]);
    lab.until("server1", "parked", |status| status["radio_port"]["addresses"] == json!(["192.168.20.2/24"]));
    assert!(holds_radio(&lab.status("server2")));
    lab.is_served();

    // By force, from a host that still serves: it ends its work as soon as it hears of the new owner.
    lab.done(&["KL"]);
    lab.done(&["MB"]);
    sleep(Duration::from_secs(3));
    lab.faults("fault", "server1", &["pause-agent"]);
    let record = lab.order(&["M", "--method", "failover", "--force"]);
    assert_eq!(record["outcome"], "ok", "{record:#}");
    assert!(record["warnings"].to_string().contains("took the radio by force"), "{record:#}");
    lab.faults("mend", "server1", &["pause-agent"]);
    let gone = lab.until("server1", "parked", |status| status["radio_port"]["addresses"] == json!(["192.168.20.2/24"]));
    let gone = if gone["d2d"]["pid"].is_null() { gone } else { lab.until("server1", "ended", |s| s["d2d"]["pid"].is_null()) };
    assert_eq!((&gone["d2d"]["state"], &gone["usrp"]["state"]), (&json!("stopped"), &json!("stopped")));
    lab.is_served();
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn a_frozen_source_that_nobody_takes_over_from_goes_on_by_itself() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("lease", &[]);
    lab.done(&["DS"]);
    lab.is_served();
    let before = lab.status("server1");
    let agent = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/agent.py");
    let freeze = "env BATON_KEY_FILE=/run/baton/cluster.key /usr/bin/python3 \"$0\" tcp://10.77.0.11:7600 server1 freeze";
    let frozen = lab.exec("console", &["sh", "-c", freeze, agent]);
    assert!(frozen.status.success(), "{}{}", text(&frozen.stdout), text(&frozen.stderr));
    assert!(!holds_radio(&lab.status("server1")), "it goes on at once");
    let after = lab.until("server1", "on again", holds_radio);
    assert_eq!((&after["d2d"]["pid"], &after["usrp"]["pid"]), (&before["d2d"]["pid"], &before["usrp"]["pid"]));
    assert!(after["owner_epoch"].as_u64() > before["owner_epoch"].as_u64(), "what comes late is refused");
    lab.is_served();
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}
