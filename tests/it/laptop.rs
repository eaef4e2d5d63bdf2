//! Somebody else's machine on the radio's switch, which opens a UHD session of its own: it is said who, when and what may have changed.
//!
//! Needs root and uhd-host.

use std::time::{Duration, Instant};

use crate::common::lab::{Lab, alone, text};
use crate::common::needs;
use nix::sys::signal::Signal;
use serde_json::Value;

const MAC: &str = "02:00:00:00:00:77";
const ADDRESS: &str = "192.168.10.7";
const SESSION: &str = "another program has opened a UHD session on the radio";

impl Lab {
    /// Plugs a laptop into the radio's switch.
    fn plug_laptop(&self) {
        for command in [
            &format!("link add laptop address {MAC} type veth peer name port7"),
            "link set port7 master switch0",
            "link set port7 up",
            "link set laptop up",
            &format!("address add {ADDRESS}/24 dev laptop"),
        ] {
            self.says("switch", &[&["ip"], &command.split(' ').collect::<Vec<_>>()[..]].concat());
        }
    }

    fn probe_from_laptop(&self) {
        assert!(self.says("switch", &["uhd_usrp_probe", "--args", "addr=192.168.10.2,type=usrp2"]).contains("N210"));
    }

    fn serves_again(&self) {
        let since = Instant::now();
        while !self.exec("server3", &["ping", "-c", "1", "-W", "1", "192.168.40.9"]).status.success() {
            assert!(since.elapsed() < Duration::from_secs(20), "nothing answers after the session");
        }
    }

    fn alarm(&self, host: &str) -> Value {
        self.until(host, "an alarm", |status| status["alarms"].to_string().contains(SESSION))["alarms"].clone()
    }

    /// The marks of the radio were read since the work was started or moved here, and are ours.
    fn has_no_alarm(&self, host: &str) {
        // The radio's clock is read in the same look as the mark.
        self.until(host, "a radio that was read", |status| !status["usrp"]["reference_locked"].is_null());
        let looks = self.status(host)["uptime_ms"].as_u64().unwrap() + 2500;
        let status = self.until(host, "two looks later", |status| status["uptime_ms"].as_u64().unwrap() > looks);
        assert!(!status["alarms"].to_string().contains(SESSION), "{status:#}");
    }
}

#[test]
fn a_session_of_somebody_else_is_said_with_who_and_when_and_by_the_next_owner_too() {
    if !needs::tools(&["uhd_usrp_probe"]) {
        return;
    }
    let Some(_turn) = alone() else { return };
    let lab = Lab::start("laptop", &[]);
    lab.plug_laptop();
    let who = format!("the machine {MAC} ({ADDRESS})");

    // At rest.
    lab.probe_from_laptop();
    for host in ["server1", "server2"] {
        let log = || text(&std::fs::read(lab.root().join(format!("run/baton/log/{host}.log"))).unwrap());
        lab.until(host, "a line", |_| {
            log().contains(&format!("{who}, which is no known host of this cluster, asks for the radio"))
        });
    }
    lab.done(&["DS"]);
    lab.is_served();
    lab.has_no_alarm("server1");
    // Moves that initialise nothing, and no session.
    for (order, method, host) in [("M", "classic", "server2"), ("MB", "hot", "server1")] {
        lab.done(&[order, "--method", method]);
        lab.has_no_alarm(host);
    }

    // A reference that is lost in service is said for as long as it is.
    lab.n210_fault("kind = \"lost-lock\"");
    let unlocked = |status: &Value| status["usrp"]["warnings"].to_string().contains("the radio's clock is not locked");
    lab.until("server1", "without a reference", unlocked);
    for words in [&["check"][..], &["status"]] {
        let said = text(&lab.baton(words).stdout);
        assert!(said.contains("the radio's clock is not locked to its internal reference"), "{words:?}: {said}");
    }
    lab.n210_fault("kind = \"none\"");
    lab.until("server1", "locked", |status| !unlocked(status));

    // In service.
    lab.probe_from_laptop();
    lab.serves_again();
    let alarm = lab.alarm("server1").to_string();
    assert!(alarm.contains(&who) && alarm.contains(" UTC") && alarm.contains("gains, oscillators and references"), "{alarm}");
    let check = text(&lab.baton(&["check", "M"]).stdout);
    assert!(check.contains(SESSION) && check.contains(MAC), "{check}");

    // The next owner's link sets no gains either.
    lab.done(&["M", "--method", "hot"]);
    lab.alarm("server2");
    lab.until("server1", "silent", |status| !status["alarms"].to_string().contains(SESSION));
    lab.is_served();

    // Until the radio is initialised.
    lab.done(&["KR"]);
    lab.done(&["DSR"]);
    lab.is_served();
    lab.has_no_alarm("server2");
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}
