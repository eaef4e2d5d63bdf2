//! The radio's numbers and address.

use std::net::Ipv4Addr;

use super::shell::word;
use crate::setup::facts::{Facts, RadioFacts};
use protocol::Precondition::{Eeprom, Radio};
use protocol::{Examined, Grade};
use radio::inquiry::{KNOWN, RadioNumbers};

pub(super) fn judge(facts: &Facts) -> Vec<Examined> {
    let Some(RadioFacts { address, numbers, next_address }) = &facts.radio else { return Vec::new() };
    let mut findings = Vec::new();
    match numbers {
        // The interface was found wanting before.
        None => {}
        Some(Err(why)) => findings.push(Examined::blocker(Radio, why.clone()).hint(
            "is it switched on, on the same switch, and at that address? UHD finds it with uhd_find_devices; see docs/hardware.md",
        )),
        Some(Ok(numbers)) => findings.push(of_numbers(facts, *address, numbers)),
    }
    findings.extend(next_address.map(|next| {
        match next == *address {
            true => Examined::ok(Eeprom, format!("the radio starts with {next} the next time, as the cluster file says")),
            false => Examined::warning(Eeprom, format!("the radio answers at {address}, and starts with {next} the next time"))
                .mend(by_way_of_the_port(
                    facts,
                    *address,
                    &format!("/usr/libexec/uhd/utils/usrp_burn_mb_eeprom --args addr={address} --values ip-addr={address}"),
                ))
                .hint("or write the new address in the cluster file, once the radio was switched off and on"),
        }
    }));
    findings
}

/// UHD's programs follow the routes, and a host away from the radio has none to it.
fn by_way_of_the_port(facts: &Facts, address: Ipv4Addr, command: &str) -> String {
    let port = word(facts.settings().radio_port.as_str());
    if facts.held.iter().any(|held| !held.own && held.here) {
        return command.to_owned();
    }
    format!("ip route add {address} dev {port} && {{ {command}; ip route del {address} dev {port}; }}")
}

fn of_numbers(facts: &Facts, address: Ipv4Addr, RadioNumbers { firmware, fpga }: &RadioNumbers) -> Examined {
    let shown = format!("the radio at {address} has firmware {}.{} and FPGA {}.{}", firmware.0, firmware.1, fpga.0, fpga.1);
    if (*firmware, *fpga) == (KNOWN.firmware, KNOWN.fpga) {
        return Examined::ok(Radio, shown);
    }
    // Another first number is another interface.
    let same_interface = firmware.0 == KNOWN.firmware.0 && fpga.0 == KNOWN.fpga.0;
    let grade = if same_interface { Grade::Warning } else { Grade::Blocker };
    let known =
        format!("baton knows firmware {}.{} and FPGA {}.{}", KNOWN.firmware.0, KNOWN.firmware.1, KNOWN.fpga.0, KNOWN.fpga.1);
    Examined::new(Radio, grade, format!("{shown}; {known}"))
        .mend(by_way_of_the_port(
            facts,
            address,
            &format!("uhd_images_downloader -t usrp2 && uhd_image_loader --args type=usrp2,addr={address}"),
        ))
        .hint("switch the radio off and on afterwards; nobody may use it meanwhile")
}
