//! Debian's python3-uhd, and Debian's Python with it.

use crate::common::wire::{Bench, DEVICE, ended_well, possible};

#[test]
fn python_receives_and_transmits() {
    if !possible(&["/usr/lib/python3/dist-packages/uhd", "/usr/lib/python3/dist-packages/numpy"]) {
        return;
    }
    let Some(bench) = Bench::new(1, &["--noise-dbfs=-40"]) else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/stock_uhd/client.py");
    let said = ended_well(bench.network.at(0, "/usr/bin/python3").args([script, DEVICE]));
    assert!(said.contains("python done"), "{said}");
}
