//! Networks that fail within a cut, or between two hosts: one owner, no service lost for good, and a record that knows who serves.
//!
//! Needs root.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::common::lab::{Lab, alone};
use crate::common::transmitters::Transmitters;
use crate::common::watch::{Change, Watch};
use nix::sys::signal::Signal;
use tempfile::TempDir;

const HOSTS: [&str; 2] = ["server1", "server2"];
const MANAGEMENT: [&str; 2] = ["10.77.0.11", "10.77.0.12"];
/// How long a partition lasts that ends by itself, s: far longer than any cut.
const LASTING: f32 = 3.0;
/// Longer than a source that is frozen looks away, several times over.
const LOOKS: Duration = Duration::from_secs(3);
const WITHIN: Duration = Duration::from_secs(20);

/// A lab whose work is at server1, with its observers and a file of faults for each host.
struct Bench {
    lab: Lab,
    watch: Watch,
    transmitters: Transmitters,
    folder: TempDir,
}

impl Bench {
    fn start(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |host: &str| folder.path().join(format!("{host}.toml"));
        HOSTS.iter().for_each(|host| fs::write(file(host), "").unwrap());
        let options: Vec<String> =
            HOSTS.iter().flat_map(|host| ["--faults".into(), format!("{host}={}", file(host).display())]).collect();
        let lab = Lab::start(name, &options.iter().map(String::as_str).collect::<Vec<_>>());
        let watch = Watch::over(&lab, HOSTS, "192.168.10.1/24");
        let transmitters = Transmitters::at(&lab.root());
        lab.done(&["DS"]);
        lab.is_served();
        Self { lab, watch, transmitters, folder }
    }

    fn file(&self, host: &str) -> PathBuf {
        self.folder.path().join(format!("{host}.toml"))
    }

    /// When that host gets the command for the first time from now on, it runs a script before it carries it out.
    fn at(&self, host: &str, command: &str, script: &str) {
        let run = serde_json::to_string(&["sh", "-c", script]).unwrap();
        // A new text each time: a file that has not changed is not read again.
        let text =
            format!("# {:?}\n[[fault]]\ncommand = \"{command}\"\noccurrence = 1\ndo = \"run\"\nrun = {run}\n", Instant::now());
        let new = self.folder.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.file(host)).unwrap();
    }

    /// The address changes of a host since there were so many.
    fn changes_since(&self, count: usize, host: &str) -> Vec<Change> {
        self.watch.changes().split_off(count).into_iter().filter(|change| change.host == host).collect()
    }

    fn end(self) {
        let (handovers, overlaps) = self.watch.verdict();
        assert!(handovers > 0 && overlaps.is_empty(), "{handovers} handovers; two owners: {overlaps:?}");
        let (turns, at_once) = self.transmitters.verdict();
        assert!(turns > 0 && at_once.is_empty(), "{turns} turns; two transmitters: {at_once:?}");
        drop(self.transmitters);
        assert_eq!(self.lab.end(Signal::SIGTERM), Some(0));
    }
}

fn wait_until(what: &str, is: impl Fn() -> bool) {
    let since = Instant::now();
    while !is() {
        assert!(since.elapsed() < WITHIN, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether a host has the radio's address, asked of its kernel.
fn holds(lab: &Lab, host: &str) -> bool {
    lab.says(host, &["ip", "-4", "-o", "addr", "show", "dev", "eth3"]).contains("192.168.10.1/")
}

/// What this host sends to the other one does not arrive for some time; what it gets does.
fn one_way(to: &str) -> String {
    format!("ip route add blackhole {to}/32; (sleep {LASTING}; ip route del blackhole {to}/32) > /dev/null 2>&1 &")
}

/// The source is asked to freeze and its answer does not arrive, or it does not hear that it is asked: the service is back before anybody could
/// have brought it back, nothing is ended for certainty's sake, and what was sent into the partition does not come out of it late.
#[test]
fn a_source_that_hears_or_is_heard_one_way_only_serves_on_and_the_record_knows() {
    let Some(_turn) = alone() else { return };
    let bench = Bench::start("oneway");
    let lab = &bench.lab;
    let before = lab.status("server1");
    for method in ["hot", "seamless"] {
        for heard in [false, true] {
            // What server1 answers does not arrive, or what server2 asks.
            match heard {
                false => bench.at("server1", "freeze", &one_way(MANAGEMENT[1])),
                true => bench.at("server2", "prepare", &one_way(MANAGEMENT[0])),
            }
            let count = bench.watch.changes().len();
            let record = lab.order(&["M", "--method", method]);
            println!("{method}, heard {heard}: {} {}", record["outcome"], record["reason"]);
            assert_eq!(record["outcome"], "rolled_back", "{record:#}");
            assert!(record["reason"].as_str().unwrap().contains("server1 serves again"), "{record:#}");
            lab.is_served();
            let changes = bench.changes_since(count, "server1");
            match changes.as_slice() {
                // It has frozen, and gone on by itself.
                [lost, regained, ..] if !heard => {
                    assert!(!lost.holds && regained.holds, "{changes:?}");
                    let without = (regained.at - lost.at).as_seconds_f32();
                    println!("server1 was without the address for {without} s");
                    assert!(without < LASTING / 4.0, "server1 was without the address for {without} s");
                }
                [] if heard => {}
                _ => {
                    // Said again: it was never away.
                    assert!(heard && changes.iter().all(|change| change.holds), "{changes:?}");
                }
            }
            let after = lab.status("server1");
            for process in ["d2d", "usrp"] {
                assert_eq!(after[process]["pid"], before[process]["pid"], "the work was ended, and it served: {record:#}");
            }
        }
    }
    HOSTS.iter().for_each(|host| fs::write(bench.file(host), "").unwrap());
    lab.done(&["M", "--method", "hot"]);
    lab.is_served();
    bench.end();
}

/// The source hears nothing of the other host from its freeze on, and later the new owner's cable to the radio comes out: nobody answers for the radio's
/// address on any network. It stays frozen until it is told.
#[test]
fn a_frozen_source_that_nobody_reaches_does_not_come_back_on_silence() {
    let Some(_turn) = alone() else { return };
    let bench = Bench::start("frozen");
    let lab = &bench.lab;
    let count = bench.watch.changes().len();
    bench.at("server2", "take_over", "ip -n server1 link set mgmt0 down");
    let record = lab.order(&["M", "--method", "hot"]);
    assert_eq!((&record["outcome"], &record["to"]), (&"ok".into(), &"server2".into()), "{record:#}");
    assert!(record["warnings"].to_string().contains("double_kill on server1"), "{record:#}");
    lab.is_served();
    lab.says("server2", &["ip", "link", "set", "eth3", "down"]);
    wait_until("server2 to give the address up", || !holds(lab, "server2"));
    std::thread::sleep(LOOKS);
    let changes = bench.changes_since(count, "server1");
    assert!(changes.iter().all(|change| !change.holds), "server1 came back on silence: {changes:?}");
    lab.says("server2", &["ip", "link", "set", "eth3", "up"]);
    wait_until("server2 to have the address again", || holds(lab, "server2"));
    lab.is_served();
    // And now it hears that it was replaced.
    lab.says("server1", &["ip", "link", "set", "mgmt0", "up"]);
    lab.until("server1", "ended", |status| status["usrp"]["state"] == "stopped" && status["owner"] == "server2");
    lab.is_served();
    lab.done(&["MB", "--method", "hot"]);
    lab.is_served();
    bench.end();
}
