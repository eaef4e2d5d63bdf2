//! A radio of the cluster file.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{BadValue, number};

/// Radio parameters (docs/spec.md, "Radio parameters").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Radio {
    /// UHD device arguments, e.g. `addr=192.168.10.2`.
    pub args: DeviceArgs,
    /// Samples per second, both ways; more than 0, at most 100e6.
    #[serde(deserialize_with = "number::rate")]
    pub rate: f64,
    /// Transmit centre frequency, Hz.
    #[serde(deserialize_with = "number::frequency")]
    pub tx_freq: f64,
    /// Receive centre frequency, Hz.
    #[serde(deserialize_with = "number::frequency")]
    pub rx_freq: f64,
    /// Gain, dB, both ways.
    #[serde(deserialize_with = "number::gain")]
    pub gain: f64,
    /// Transmit antenna.
    #[serde(deserialize_with = "antenna")]
    pub tx_ant: String,
    /// Receive antenna.
    #[serde(deserialize_with = "antenna")]
    pub rx_ant: String,
    /// Clock and time reference.
    #[serde(rename = "ref")]
    pub reference: Reference,
    /// Front-end bandwidth, Hz.
    #[serde(deserialize_with = "number::bandwidth")]
    pub bw: f64,
}

/// Fastest rate at which two streams of 16-bit samples share the radio's gigabit, samples per second.
const TWO_STREAMS: f64 = 12.5e6;

impl Radio {
    /// Whether both receive chains may stream at once.
    pub fn has_room_for_two_streams(&self) -> bool {
        self.rate <= TWO_STREAMS
    }
}

/// The type by which UHD knows an N210, and what arguments without a type mean.
const N210_TYPE: &str = "usrp2";

/// UHD device arguments: an N210's name its IPv4 address (`addr=192.168.10.2`), another radio's its type (`type=b200,serial=31A1B2C`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceArgs {
    text: String,
    address: Option<Ipv4Addr>,
}

/// What one of the arguments says.
fn argument<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(',').filter_map(|pair| pair.split_once('=')).find_map(|(key, value)| (key.trim() == name).then_some(value.trim()))
}

/// The type of a radio that is no N210.
fn other_type(text: &str) -> Option<&str> {
    argument(text, "type").filter(|kind| !kind.is_empty() && *kind != N210_TYPE)
}

impl DeviceArgs {
    /// The arguments, as UHD takes them.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What one of the arguments says.
    pub fn get(&self, name: &str) -> Option<&str> {
        argument(&self.text, name)
    }

    /// The radio's address; an N210 has one.
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.address
    }

    /// Its type, where it is no N210.
    pub fn other_type(&self) -> Option<&str> {
        other_type(&self.text)
    }

    /// The address of an N210, which alone is spoken to without libuhd.
    ///
    /// # Errors
    /// A sentence that names the type of another radio.
    pub fn n210(&self) -> Result<Ipv4Addr, String> {
        let address = self.address.filter(|_| self.other_type().is_none());
        address.ok_or_else(|| format!("the radio ({}) is no N210: only libuhd speaks with it", self.text))
    }
}

impl TryFrom<String> for DeviceArgs {
    type Error = BadValue;

    fn try_from(text: String) -> Result<Self, BadValue> {
        let address = argument(&text, "addr").and_then(|text| text.parse().ok());
        let is_other = other_type(&text).is_some();
        if (address.is_some() || is_other) && !text.contains(char::is_control) {
            return Ok(Self { text, address });
        }
        let wrong = format_args!("{text:?} does not give the radio's address");
        Err(BadValue::new(wrong, "write addr=IPv4-ADDRESS, as in addr=192.168.10.2"))
    }
}

impl FromStr for DeviceArgs {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        text.to_owned().try_into()
    }
}

impl From<DeviceArgs> for String {
    fn from(args: DeviceArgs) -> Self {
        args.text
    }
}

/// Where a radio takes its clock and time from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reference {
    /// Its own oscillator.
    Internal,
    /// The REF IN connector.
    External,
    /// The MIMO cable.
    Mimo,
    /// Its GPS-disciplined oscillator.
    Gpsdo,
}

impl Reference {
    /// Name, as UHD and the cluster file have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::External => "external",
            Self::Mimo => "mimo",
            Self::Gpsdo => "gpsdo",
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Empty where the radio has no antenna to choose.
fn antenna<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.contains(char::is_control) {
        let bad = BadValue::new(format_args!("{text:?} cannot name an antenna"), "write it as UHD lists it, as in TX/RX");
        return Err(serde::de::Error::custom(bad));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_n210_has_an_address_and_another_radio_a_type() {
        let n210 = Some(Ipv4Addr::new(192, 168, 10, 2));
        let table = [
            ("addr=192.168.10.2", n210, None),
            ("type=usrp2, addr = 192.168.10.2", n210, None),
            ("type=,addr=192.168.10.2", n210, None),
            ("addr=192.168.10.2,type=x300", n210, Some("x300")),
            ("type=b200,serial=31A1B2C", None, Some("b200")),
            ("type=n3xx,addr=radio.lab", None, Some("n3xx")),
        ];
        for (text, address, other) in table {
            let args: DeviceArgs = text.parse().unwrap();
            assert_eq!(
                (args.address(), args.other_type(), args.n210().ok()),
                (address, other, address.filter(|_| other.is_none())),
                "{text}"
            );
        }
        for text in ["", "type=usrp2", "type=,serial=1", "addr=radio", "type=b200,serial=\n"] {
            assert!(text.parse::<DeviceArgs>().is_err(), "{text:?}");
        }
    }
}
