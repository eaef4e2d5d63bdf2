//! Debian's python3-uhd.

use crate::wire::{Bench, DEVICE, ended_well, possible};

#[test]
fn python_receives_and_transmits() {
    if !possible(&["/usr/lib/python3/dist-packages/uhd"]) {
        return;
    }
    let Some(bench) = Bench::new(1, &["--noise-dbfs=-40"]) else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stock_uhd/client.py");
    let said = ended_well(bench.network.at(0, "python3").args([script, DEVICE]));
    assert!(said.contains("python done"), "{said}");
}
