//! The device's timing as stock UHD sees it: the script that docs/hardware.md has for a real N210, against the software one.

use std::collections::BTreeMap;

use crate::common::wire::{Bench, ended_well, possible};

/// A decimation; in ticks of 10 ns, the first time stamp of a stream after its start, and the delay of the digital loop from a transmitted
/// sample's time to the stamp of the same sample received; how many of a burst's last samples are cut. Read off a simulation of the device's published
/// logic, not computed.
const DEVICE: [(u32, f64, f64, f64); 8] = [
    (4, 26.0, 196.0, 17.0),
    (8, 30.0, 292.0, 15.0),
    (10, 25.0, 280.0, 8.2),
    (13, 18.0, 273.0, 7.5),
    (16, 38.0, 494.0, 14.5),
    (25, 30.0, 465.0, 7.5),
    (52, 74.0, 1343.0, 12.9),
    (100, 122.0, 2507.0, 12.9),
];

/// First figure of each line of a check, by decimation.
fn figures(said: &str, check: &str) -> BTreeMap<u32, f64> {
    let lines = said.lines().filter_map(|line| line.strip_prefix(check)?.strip_prefix(": decimation ")?.split_once(": "));
    lines.map(|(decimation, rest)| (decimation.parse().expect("a number"), first_number(rest))).collect()
}

fn first_number(text: &str) -> f64 {
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no number begins {text:?}"))
}

fn measured(options: &[&str]) -> Option<String> {
    if !possible(&["/usr/lib/python3/dist-packages/uhd", "/usr/lib/python3/dist-packages/numpy"]) {
        return None;
    }
    let scene = tempfile::NamedTempFile::new().expect("a file");
    let cable = "path = [{ from = \"radio0\", to = \"radio0\", gain_db = -10.0 }]\n";
    std::fs::write(scene.path(), format!("{}\n{cable}", options.join("\n"))).expect("writes");
    let scene = format!("--scene={}", scene.path().display());
    let bench = Bench::new(1, &["--noise-dbfs=-60", "--board=basic", &scene])?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/n210_timing.py");
    Some(ended_well(bench.network.at(0, "/usr/bin/python3").args([script, "192.168.10.2"])))
}

#[test]
fn streams_loops_and_bursts_have_the_devices_timing() {
    let Some(said) = measured(&[]) else { return };
    let [stamps, delays, bursts] = ["first-stamp", "loop-delay", "burst-end"].map(|check| figures(&said, check));
    for (decimation, stamp, delay, cut) in DEVICE {
        assert_eq!(stamps[&decimation], stamp, "decimation {decimation}:\n{said}");
        assert!((delays[&decimation] - delay).abs() < 1.0, "decimation {decimation}:\n{said}");
        assert!((200.0 - bursts[&decimation] - cut).abs() < 1.5, "decimation {decimation}:\n{said}");
    }
}

#[test]
fn a_kind_radio_has_none_of_it() {
    let Some(said) = measured(&["kind = true"]) else { return };
    let [stamps, delays, bursts] = ["first-stamp", "loop-delay", "burst-end"].map(|check| figures(&said, check));
    for (decimation, delay) in [(4, 66.0), (13, 48.0), (16, 276.0), (52, 906.0), (100, 1746.0)] {
        assert_eq!(stamps[&decimation], 0.0, "decimation {decimation}:\n{said}");
        assert!((delays[&decimation] - delay).abs() < 1.0, "decimation {decimation}:\n{said}");
        assert!((bursts[&decimation] - 200.0).abs() < 1.5, "decimation {decimation}:\n{said}");
    }
}
