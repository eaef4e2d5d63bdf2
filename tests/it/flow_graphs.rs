//! Flow graphs of `tests/flow_graphs` against `baton n210`: each judges itself what it receives, and which tags.
//!
//! Needs root, `ip`, python3-uhd, python3-soapysdr, soapysdr-module-uhd; those of GNU Radio, which are ignored without `make test-n210`,
//! need gnuradio.

use std::path::Path;

use crate::common::wire::{Bench, ended_well, possible, radio_address};

const GRAPHS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/flow_graphs");

/// Debian's Python packages.
const PACKAGES: &str = "/usr/lib/python3/dist-packages";

/// Runs a flow graph at the host of a bench, on radios at these addresses.
fn run(bench: &Bench, graph: &str, radios: usize) {
    let mut python = bench.network.at(0, "/usr/bin/python3");
    python.arg(Path::new(GRAPHS).join(graph)).args((0..radios).map(radio_address));
    // Nothing is written beside the sources.
    let said = ended_well(python.env("PYTHONDONTWRITEBYTECODE", "1"));
    assert!(said.lines().any(|line| line.ends_with(" done")), "{graph}:\n{said}");
}

/// One radio with a cable from its transmitter to its receiver.
fn with_a_cable(graph: &str, package: &str) {
    if !possible(&[&format!("{PACKAGES}/{package}")]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let scene = folder.path().join("scene.toml");
    let cable = "[air]\nnoise_dbfs = -60.0\n[[path]]\nfrom = \"radio0\"\nto = \"radio0\"\ngain_db = -10.0\n";
    std::fs::write(&scene, cable).expect("writes");
    let Some(bench) = Bench::new(1, &["--scene", &scene.display().to_string()]) else { return };
    run(&bench, graph, 1);
}

/// Two radios at one switch, to both of which the second one's transmitter is equally near.
fn with_two_radios(graph: &str, package: &str) {
    if !possible(&[&format!("{PACKAGES}/{package}")]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let scene = folder.path().join("scene.toml");
    let cable = "[air]\nnoise_dbfs = -60.0\ngain_db = -10.0\n[[path]]\nfrom = \"radio1\"\nto = \"radio1\"\ngain_db = -10.0\n";
    std::fs::write(&scene, cable).expect("writes");
    let Some(bench) = Bench::radios_at_a_switch(2, &["--scene", &scene.display().to_string()]) else { return };
    run(&bench, graph, 2);
}

#[test]
fn soapy_sends_and_receives_and_is_retuned() {
    with_a_cable("soapy_duplex.py", "SoapySDR.py");
}

#[test]
fn soapy_sends_bursts_in_time() {
    with_a_cable("soapy_bursts.py", "SoapySDR.py");
}

#[test]
fn two_radios_are_one_multi_usrp() {
    with_two_radios("two_radios.py", "uhd");
}

#[test]
#[ignore = "needs gnuradio: make test-n210"]
fn gnuradio_sends_and_receives_with_tags() {
    with_a_cable("gnuradio_duplex.py", "gnuradio");
}

#[test]
#[ignore = "needs gnuradio: make test-n210"]
fn gnuradio_tunes_at_a_time() {
    with_a_cable("gnuradio_timed_tune.py", "gnuradio");
}

#[test]
#[ignore = "needs gnuradio: make test-n210"]
fn gnuradio_sends_tagged_bursts() {
    with_a_cable("gnuradio_bursts.py", "gnuradio");
}

#[test]
#[ignore = "needs gnuradio: make test-n210"]
fn gnuradio_receives_with_two_radios() {
    with_two_radios("gnuradio_two_radios.py", "gnuradio");
}
