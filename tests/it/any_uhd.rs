//! `baton-uhd stream` in the place of `baton usrp`: the software N210 as any radio that libuhd knows, by stock libuhd. Its work moves by cold, and
//! everything else is refused before anything is touched.
//!
//! Needs root and libuhd.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use std::fs;
use std::path::Path;

use crate::common::lab::{Lab, beside};
use nix::sys::signal::Signal;
use serde_json::Value;

const REFUSAL: &str = "the USRP process of server1 does not offer the method hot: it moves by cold only";

/// The lab's own modem, whose samples are moved by the program of that command line.
fn workload(folder: &Path, usrp: &[&str]) -> String {
    let file = folder.join("any-uhd.toml");
    let control = "CPtype = 0\nBW = 5\nRBIdx = 25\nnumAntennaTX = 1\nnumAntennaRX = 1\nDLULAssign = 0\ntrans_mode = 1\ntype_mode = 1\n\
                   duplexMode = 1\nworkmode = 1\n";
    let baton = env!("CARGO_BIN_EXE_baton");
    fs::write(&file, format!("d2d = [{baton:?}, \"d2d\"]\nusrp = {usrp:?}\n[control]\n{control}")).unwrap();
    file.to_str().unwrap().to_owned()
}

fn synced(status: &Value) -> bool {
    status["d2d"]["sync"]["state"] == "synced" && status["usrp"]["state"] == "running"
}

#[test]
fn the_work_of_any_radio_moves_by_cold_and_by_nothing_else() {
    let Some(_turn) = beside() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = workload(folder.path(), &[env!("CARGO_BIN_EXE_baton-uhd"), "stream"]);
    let lab = Lab::start("any-uhd", &["--workload", &file]);
    lab.done(&["DS"]);
    let serving = lab.until("server1", "in sync", synced);
    lab.is_served();
    assert_eq!(serving["usrp"]["methods"], serde_json::json!(["cold"]));
    lab.until("server1", "a clock that was asked", |status| status["usrp"]["reference_locked"] == true);

    let check: Value = serde_json::from_slice(&lab.baton(&["check", "M", "--json"]).stdout).unwrap();
    let against = check["findings"].as_array().unwrap().iter().filter(|finding| finding["grade"] == "blocker");
    let against: Vec<_> = against.map(|finding| (&finding["sentence"], &finding["hint"])).collect();
    assert_eq!((check["ok"].as_bool(), against), (Some(false), vec![(&REFUSAL.into(), &"take cold".into())]), "{check:#}");
    let plan = lab.baton(&["plan", "M"]);
    assert!(String::from_utf8_lossy(&plan.stdout).starts_with(&format!("not possible now: {REFUSAL}")), "{plan:?}");
    for method in ["hot", "seamless", "classic"] {
        let record = lab.order(&["M", "--method", method]);
        assert_eq!(record["total_ms"], 0.0, "{record:#}");
        assert!(record.to_string().contains(&format!("does not offer the method {method}")), "{record:#}");
    }
    assert_eq!(lab.status("server1")["usrp"]["pid"], serving["usrp"]["pid"], "nothing was touched");
    assert_eq!(lab.status("server2")["d2d"]["state"], "stopped");

    for (order, from, to) in [("M", "server1", "server2"), ("MB", "server2", "server1")] {
        lab.done(&[order, "--method", "cold"]);
        let moved = lab.until(to, "in sync", synced);
        lab.is_served();
        assert!(moved["usrp"]["counters"]["tx_samples"].as_u64() > Some(0), "{moved:#}");
        assert_eq!(lab.status(from)["usrp"]["state"], "stopped");
    }
    // A stream that has stopped is asked for again.
    let lost = |status: &Value| status["usrp"]["counters"]["rx_lost_samples"].as_u64() > Some(0);
    lab.n210_fault("kind = \"deaf\", for = 0.5");
    lab.until("server1", "samples again", |status| lost(status) && synced(status));
    lab.is_served();
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn a_destination_that_cannot_follow_is_found_out_before_the_cut() {
    let Some(_turn) = beside() else { return };
    let folder = tempfile::tempdir().unwrap();
    // On server2 by libuhd, elsewhere as ever.
    let script = folder.path().join("usrp.sh");
    let (baton, uhd) = (env!("CARGO_BIN_EXE_baton"), env!("CARGO_BIN_EXE_baton-uhd"));
    fs::write(&script, format!("ip -o addr | grep -q 10.77.0.12 && exec '{uhd}' stream\nexec '{baton}' usrp\n")).unwrap();
    let lab = Lab::start("half-uhd", &["--workload", &workload(folder.path(), &["sh", "usrp.sh"])]);
    lab.done(&["DS"]);
    let serving = lab.until("server1", "in sync", synced);
    let record = lab.order(&["M", "--method", "hot"]);
    assert!(record.to_string().contains("the USRP process of server2 does not offer the method hot"), "{record:#}");
    assert_eq!(lab.status("server1")["usrp"]["pid"], serving["usrp"]["pid"], "it was not stopped");
    lab.is_served();
    lab.until("server2", "nothing left", |status| status["usrp"]["state"] == "stopped" && status["d2d"]["state"] == "stopped");
    lab.done(&["M", "--method", "cold"]);
    lab.until("server2", "in sync", synced);
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}
