//! IPv4 addresses with prefix length.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::BadValue;

/// An IPv4 address of an interface, with prefix length (1 to 32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    address: Ipv4Addr,
    prefix: u8,
}

impl Cidr {
    /// An address and the length of its prefix.
    ///
    /// # Errors
    /// No interface can have that address: it is unspecified, multicast or broadcast, or the length is not 1 to 32.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Result<Self, BadValue> {
        let possible = !(address.is_unspecified() || address.is_multicast() || address.is_broadcast());
        if possible && (1..=32).contains(&prefix) {
            Ok(Self { address, prefix })
        } else {
            Err(wrong(&format!("{address}/{prefix}")))
        }
    }

    /// Whether it is the first or last address of its subnet, which stand for the subnet itself and for everybody in it. Subnets of two
    /// addresses (RFC 3021) and of one have none of these.
    pub fn is_of_no_host(self) -> bool {
        let rest = !mask(self.prefix);
        let in_subnet = u32::from(self.address) & rest;
        self.prefix < 31 && (in_subnet == 0 || in_subnet == rest)
    }

    /// Whether an address is in its subnet.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & mask(self.prefix) == self.network()
    }

    /// Without its prefix length.
    pub fn address(self) -> Ipv4Addr {
        self.address
    }

    /// Length of the prefix, 1 to 32.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// The address so many places behind it, with the same prefix length; none where its subnet has no address for a host there.
    pub fn behind(self, places: usize) -> Option<Self> {
        let address = Ipv4Addr::from(u32::from(self.address).checked_add(u32::try_from(places).ok()?)?);
        let behind = Self::new(address, self.prefix).ok()?;
        (self.contains(address) && (places == 0 || !behind.is_of_no_host())).then_some(behind)
    }

    /// The subnet's own address.
    pub fn network(self) -> u32 {
        u32::from(self.address) & mask(self.prefix)
    }

    /// Whether the two subnets share an address.
    pub fn overlaps(self, other: Self) -> bool {
        let shorter = mask(self.prefix.min(other.prefix));
        u32::from(self.address) & shorter == u32::from(other.address) & shorter
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX << (32 - u32::from(prefix))
}

fn wrong(text: &str) -> BadValue {
    BadValue::new(format_args!("{text:?} is not an IPv4 address with prefix length"), "write it like 192.168.40.9/24")
}

impl FromStr for Cidr {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let parts = text.split_once('/').and_then(|(address, prefix)| Some((address.parse().ok()?, prefix.parse().ok()?)));
        parts.and_then(|(address, prefix)| Self::new(address, prefix).ok()).ok_or_else(|| wrong(text))
    }
}

impl TryFrom<String> for Cidr {
    type Error = BadValue;

    fn try_from(text: String) -> Result<Self, BadValue> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.address, self.prefix))
    }
}

fn parse_plain<E: serde::de::Error>(text: &str) -> Result<Ipv4Addr, E> {
    text.parse()
        .map_err(|_| E::custom(BadValue::new(format_args!("{text:?} is not an IPv4 address"), "write it like 192.168.40.9")))
}

/// Reads an address without prefix length.
pub(crate) fn plain<'de, D: Deserializer<'de>>(from: D) -> Result<Ipv4Addr, D::Error> {
    parse_plain(&String::deserialize(from)?)
}

/// Reads an address with a port, of this host.
pub(crate) fn optional_socket<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    let address = text.parse().ok().filter(|address: &SocketAddr| address.port() > 0 && !address.ip().is_multicast());
    let wrong = || BadValue::new(format_args!("{text:?} is not an address with a port"), "write it like 10.77.0.11:9617");
    address.map(Some).ok_or_else(|| serde::de::Error::custom(wrong()))
}

/// Reads a list of addresses without prefix length.
pub(crate) fn plain_list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Ipv4Addr>, D::Error> {
    Vec::<String>::deserialize(from)?.iter().map(|text| parse_plain(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused_with_a_sentence() {
        for good in ["192.168.10.1/24", "10.0.0.1/32", "1.2.3.4/1"] {
            assert_eq!(good.parse::<Cidr>().unwrap().to_string(), good);
        }
        for bad in
            ["", "192.168.10.1", "192.168.10.1/0", "192.168.10.1/33", "a/24", "::1/64", "0.0.0.0/8", "224.0.0.1/4", "1.2.3.4/-1"]
        {
            assert!(bad.parse::<Cidr>().unwrap_err().wrong.contains("is not an IPv4 address"), "{bad}");
        }
    }

    #[test]
    fn networks_are_compared_by_prefix() {
        let network = |text: &str| text.parse::<Cidr>().unwrap().network();
        assert_eq!(network("192.168.40.8/24"), network("192.168.40.9/24"));
        assert_ne!(network("192.168.10.1/24"), network("192.168.20.2/24"));
        assert_ne!(network("10.0.0.1/32"), network("10.0.0.2/32"));
    }

    #[test]
    fn an_address_is_followed_by_those_of_its_subnet() {
        let behind = |text: &str, places| text.parse::<Cidr>().unwrap().behind(places).map(|address| address.to_string());
        assert_eq!(behind("192.168.20.2/24", 3).as_deref(), Some("192.168.20.5/24"));
        assert_eq!(behind("192.168.20.2/31", 1).as_deref(), Some("192.168.20.3/31"));
        for (text, places) in
            [("192.168.20.254/24", 1), ("192.168.20.1/30", 2), ("10.0.0.1/32", 1), ("192.168.20.2/24", usize::MAX)]
        {
            assert_eq!(behind(text, places), None, "{text} {places}");
        }
    }

    #[test]
    fn subnets_overlap_when_one_holds_the_other() {
        let overlap = |one: &str, two: &str| one.parse::<Cidr>().unwrap().overlaps(two.parse().unwrap());
        assert!(overlap("192.168.10.1/24", "192.168.20.2/16") && overlap("192.168.20.2/16", "192.168.10.1/24"));
        assert!(!overlap("192.168.10.1/24", "192.168.20.2/24"));
        assert!(!overlap("10.0.0.1/32", "10.0.0.2/32"));
    }
}
