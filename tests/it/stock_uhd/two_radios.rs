//! Two radios at one switch, of which each has an address, a serial number and a MAC of its own.

use crate::common::wire::{Bench, ended_well, radio_address};

#[test]
fn both_are_found_at_one_switch() {
    let Some(bench) = Bench::radios_at_a_switch(2, &[]) else { return };
    let found = ended_well(bench.network.at(0, "uhd_find_devices").args(["--args", "type=usrp2"]));
    for number in 0..2 {
        for words in [format!("addr: {}", radio_address(number)), format!("name: radio{number}")] {
            assert!(found.contains(&words), "no `{words}` in\n{found}");
        }
    }
    let serials: Vec<&str> = found.lines().filter_map(|line| line.trim().strip_prefix("serial: ")).collect();
    assert!(serials.len() == 2 && serials[0] != serials[1], "{found}");
    let probed =
        ended_well(bench.network.at(0, "uhd_usrp_probe").args(["--args", &format!("type=usrp2,addr={}", radio_address(1))]));
    assert!(probed.contains(&format!("ip-addr: {}", radio_address(1))), "{probed}");
}
