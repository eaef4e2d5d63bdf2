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

/// UHD device arguments, which name the radio's IPv4 address: `addr=192.168.10.2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceArgs {
    text: String,
    address: Ipv4Addr,
}

impl DeviceArgs {
    /// The arguments, as UHD takes them.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The radio's address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }
}

impl TryFrom<String> for DeviceArgs {
    type Error = BadValue;

    fn try_from(text: String) -> Result<Self, BadValue> {
        let address = text.split(',').find_map(|pair| pair.trim().strip_prefix("addr=")).and_then(|text| text.parse().ok());
        match address.filter(|_| !text.contains(char::is_control)) {
            Some(address) => Ok(Self { text, address }),
            None => {
                let wrong = format_args!("{text:?} does not give the radio's address");
                Err(BadValue::new(wrong, "write addr=IPv4-ADDRESS, as in addr=192.168.10.2"))
            }
        }
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
