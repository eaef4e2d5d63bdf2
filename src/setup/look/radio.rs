//! The radio, as anybody on its network may ask it.

use crate::setup::facts::RadioFacts;
use config::{Config, HostName};
use radio::inquiry;

/// `has_port`: its interface is up and has a carrier. `is_idle`: nobody uses the radio. Nothing is known of a radio that is no N210.
pub(super) fn look(config: &Config, host: &HostName, has_port: bool, is_idle: bool) -> Option<RadioFacts> {
    let settings = &config.host[host.as_str()];
    // The configuration was checked: the host's radio is one of it.
    let address = config.radio[settings.radio.as_str()].args.n210().ok()?;
    let port = settings.radio_port.as_str();
    let numbers = has_port.then(|| inquiry::numbers(address, port));
    let answers = numbers.as_ref().is_some_and(Result::is_ok);
    let next_address = (answers && is_idle).then(|| inquiry::next_address(address, port).ok()).flatten();
    Some(RadioFacts { address, numbers, next_address })
}
