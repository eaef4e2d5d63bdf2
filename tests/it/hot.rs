//! The method hot in a whole lab: the work moves to and fro, and a cut that fails leaves the source serving.
//!
//! Needs root.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use crate::common::lab::{Lab, alone};
use nix::sys::signal::Signal;
use serde_json::Value;

fn names(record: &Value) -> Vec<&str> {
    record["phases"].as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap()).collect()
}

#[test]
fn the_work_moves_to_and_fro_and_a_failed_cut_leaves_the_source_serving() {
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("hot", &[]);
    let hot = |order: &str| lab.order(&[order, "--method", "hot"]);
    lab.done(&["DS"]);
    lab.is_served();
    for (order, from, to) in [("M", "server1", "server2"), ("MB", "server2", "server1")] {
        let record = hot(order);
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
    lab.n210_fault("kind = \"drop\", port = 49156, direction = \"in\", every = 1");
    let record = hot("M");
    assert_eq!(record["outcome"], "rolled_back", "{record:#}");
    assert!(record["reason"].as_str().unwrap().starts_with("take_over on server2: "), "{record:#}");
    lab.n210_fault("kind = \"none\"");
    let back = lab.status("server1");
    assert_eq!((&back["d2d"]["pid"], &back["radio_port"]["addresses"]), (&d2d, &serde_json::json!(["192.168.10.1/24"])));
    assert_eq!(lab.status("server2")["d2d"]["state"], "stopped");
    lab.is_served();
    println!(
        "rolled back: lost {} of {}, gap {} ms",
        record["interruption"]["probes_lost"], record["interruption"]["probes_sent"], record["interruption"]["gap_ms"]
    );
    let record = hot("M");
    assert_eq!(record["outcome"], "ok", "{record:#}");
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}
