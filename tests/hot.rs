//! The method hot in a whole lab: the work moves to and fro, and a cut that fails leaves the source serving.
//!
//! Needs root; says so and passes otherwise.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

#[path = "common/lab.rs"]
mod lab;

use lab::{Lab, baton, skip, text};
use nix::sys::signal::Signal;
use serde_json::Value;

impl Lab {
    fn baton(&self, words: &[&str]) -> std::process::Output {
        baton(self.state.path()).args(["--in", &self.name]).args(words).output().unwrap()
    }

    /// The record of an order, however it went.
    fn hot(&self, order: &str) -> Value {
        let output = self.baton(&["do", order, "--method", "hot", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{order}: {e}: {}", text(&output.stderr)))
    }

    /// From now on the pool's radio suffers this, or no faults any more.
    fn fault(&self, fault: &str) {
        let event = format!("fault = {{ radio = \"pool\", {fault} }}");
        let output = self.baton(&["n210", "tell", "/run/baton/n210.sock", &event]);
        assert!(output.status.success(), "{event}: {}{}", text(&output.stdout), text(&output.stderr));
    }

    fn status(&self, host: &str) -> Value {
        let output = self.baton(&["status", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["hosts"][host]["status"].clone()
    }

    fn is_served(&self) {
        let output = self.exec("server3", &["ping", "-c", "20", "-i", "0.05", "192.168.40.9"]);
        assert!(output.status.success() && !text(&output.stdout).contains(" 0 received"), "{}", text(&output.stdout));
    }
}

fn names(record: &Value) -> Vec<&str> {
    record["phases"].as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap()).collect()
}

#[test]
fn the_work_moves_to_and_fro_and_a_failed_cut_leaves_the_source_serving() {
    if skip() {
        return;
    }
    let lab = Lab::start("hot", &[]);
    let started = lab.hot("DS");
    assert_eq!(started["outcome"], "ok", "{started:#}");
    lab.is_served();
    for (order, from, to) in [("M", "server1", "server2"), ("MB", "server2", "server1")] {
        let record = lab.hot(order);
        assert_eq!((&record["outcome"], &record["from"]), (&"ok".into(), &from.into()), "{record:#}");
        assert_eq!(names(&record), ["tun_ip", "start_d2d", "make_usrp", "stop_source", "eth3", "link_usrp", "sync"]);
        assert!(record["trace"].as_array().unwrap().iter().any(|part| part["host"] == to), "{record:#}");
        let left = lab.status(from);
        assert_eq!((&left["d2d"]["state"], &left["usrp"]["state"]), (&"stopped".into(), &"stopped".into()));
        assert_eq!(lab.status(to)["radio_port"]["addresses"], serde_json::json!(["192.168.10.1/24"]));
        lab.is_served();
    }

    // The streams do not come to the destination, because the radio does not hear that they should.
    let d2d = lab.status("server1")["d2d"]["pid"].clone();
    lab.fault("kind = \"drop\", port = 49156, direction = \"in\", every = 1");
    let record = lab.hot("M");
    assert_eq!(record["outcome"], "rolled_back", "{record:#}");
    assert!(record["reason"].as_str().unwrap().starts_with("take_over on server2: "), "{record:#}");
    lab.fault("kind = \"none\"");
    let back = lab.status("server1");
    assert_eq!((&back["d2d"]["pid"], &back["radio_port"]["addresses"]), (&d2d, &serde_json::json!(["192.168.10.1/24"])));
    assert_eq!(lab.status("server2")["d2d"]["state"], "stopped");
    lab.is_served();
    println!(
        "rolled back: lost {} of {}, gap {} ms",
        record["interruption"]["probes_lost"], record["interruption"]["probes_sent"], record["interruption"]["gap_ms"]
    );
    let record = lab.hot("M");
    assert_eq!(record["outcome"], "ok", "{record:#}");
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}
