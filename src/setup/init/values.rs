//! What an operator writes as one word, on the command line or as an answer.

use std::net::Ipv4Addr;
use std::str::FromStr;

use config::{BadValue, Endpoint, HostName, InterfaceName, RadioName, Reference};

/// Port of an agent's commands, and of its telemetry.
pub const PORTS: [u16; 2] = [7600, 7601];

/// A host and where it is: `server1=10.77.0.11`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAt {
    /// Its name.
    pub name: HostName,
    /// Its address or its name on the network.
    pub address: String,
}

impl HostAt {
    /// The endpoint at one of its ports.
    pub fn endpoint(&self, port: u16) -> String {
        if self.address.contains(':') {
            format!("tcp://[{}]:{port}", self.address)
        } else {
            format!("tcp://{}:{port}", self.address)
        }
    }
}

fn two<'a>(text: &'a str, example: &str) -> Result<(&'a str, &'a str), BadValue> {
    let parts = text.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
    parts.filter(|(name, value)| !name.is_empty() && !value.is_empty()).ok_or_else(|| {
        BadValue::new(format_args!("{text:?} is no name with an address"), format_args!("write NAME=ADDRESS, as in {example}"))
    })
}

impl FromStr for HostAt {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let (name, address) = two(text, "server1=10.77.0.11")?;
        let host = Self { name: name.parse()?, address: address.trim_start_matches('[').trim_end_matches(']').to_owned() };
        let wrong = || {
            BadValue::new(
                format_args!("{address:?} is no address of a host"),
                "write it like 10.77.0.11, or as a name that all hosts know",
            )
        };
        let digits_and_dots = host.address.chars().all(|c| c.is_ascii_digit() || c == '.');
        let endpoint = host.endpoint(PORTS[0]).parse::<Endpoint>().map_err(|_| wrong())?;
        if (digits_and_dots && host.address.parse::<Ipv4Addr>().is_err()) || host.address.contains('*') {
            return Err(wrong());
        }
        if endpoint.is_local() {
            let what = format_args!("{address} is every machine's own address, at which no other host reaches it");
            return Err(BadValue::new(what, "write the host's address on the network that all hosts share"));
        }
        Ok(host)
    }
}

/// A radio and its address: `pool=192.168.10.2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RadioAt {
    /// Its name.
    pub name: RadioName,
    /// Its address.
    pub address: Ipv4Addr,
}

impl FromStr for RadioAt {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let (name, address) = two(text, "pool=192.168.10.2")?;
        Ok(Self { name: name.parse()?, address: radio_address(address)? })
    }
}

/// The address of a radio.
pub fn radio_address(text: &str) -> Result<Ipv4Addr, BadValue> {
    let address: Option<Ipv4Addr> = text.parse().ok();
    let is_hosts = |address: &Ipv4Addr| {
        !(address.is_unspecified() || address.is_multicast() || address.is_broadcast() || address.is_loopback())
    };
    address
        .filter(is_hosts)
        .ok_or_else(|| BadValue::new(format_args!("{text:?} is no address of a radio"), "write it like 192.168.10.2"))
}

/// An interface, of all hosts or of one: `eth3`, `server1=enp3s0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortOf {
    /// The host; none: all that are not named.
    pub host: Option<HostName>,
    /// Its interface.
    pub interface: InterfaceName,
}

impl FromStr for PortOf {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        match text.split_once('=') {
            Some((host, interface)) => Ok(Self { host: Some(host.trim().parse()?), interface: interface.trim().parse()? }),
            None => Ok(Self { host: None, interface: text.trim().parse()? }),
        }
    }
}

fn number(text: &str, example: &str) -> Result<f64, BadValue> {
    text.parse().map_err(|_| BadValue::new(format_args!("{text:?} is no number"), format_args!("write it like {example}")))
}

/// A centre frequency, Hz.
pub fn frequency(text: &str) -> Result<f64, BadValue> {
    config::checked_frequency(number(text, "10e6, in Hz")?)
}

/// A gain, dB.
pub fn gain(text: &str) -> Result<f64, BadValue> {
    config::checked_gain(number(text, "0, in dB")?)
}

/// The name of an antenna.
pub fn antenna(text: &str) -> Result<String, BadValue> {
    if text.contains(char::is_control) {
        return Err(BadValue::new(format_args!("{text:?} cannot name an antenna"), "write it as UHD lists it, as in TX/RX"));
    }
    Ok(text.to_owned())
}

/// Where a radio takes clock and time from.
pub fn reference(text: &str) -> Result<Reference, BadValue> {
    let all = [Reference::Internal, Reference::External, Reference::Mimo, Reference::Gpsdo];
    all.into_iter().find(|reference| reference.name() == text).ok_or_else(|| {
        BadValue::new(format_args!("{text:?} is no reference of a radio"), "write internal, external, mimo or gpsdo")
    })
}
