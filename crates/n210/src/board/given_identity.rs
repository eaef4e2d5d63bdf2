//! What an operator says of a radio's address, hardware address and serial number; what is not said follows from the radio's name.

use std::net::Ipv4Addr;

use crate::ethernet::frame::Mac;

/// Characters of a serial number that the motherboard's EEPROM holds.
const LONGEST_SERIAL: usize = 9;

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GivenIdentity {
    /// Address.
    pub ip: Option<Ipv4Addr>,
    /// Hardware address.
    pub mac: Option<Mac>,
    /// Serial number.
    pub serial: Option<String>,
}

impl GivenIdentity {
    /// What is said here, and for the rest what is said there.
    pub fn or(self, other: Self) -> Self {
        Self { ip: self.ip.or(other.ip), mac: self.mac.or(other.mac), serial: self.serial.or(other.serial) }
    }
}

/// An address that one device may have in its /24.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn ip(text: &str) -> Result<Ipv4Addr, String> {
    let ip: Ipv4Addr = text.parse().map_err(|_| format!("`{text}` is no IPv4 address"))?;
    let [first, .., last] = ip.octets();
    if !matches!(first, 1..=126 | 128..=223) || matches!(last, 0 | 255) {
        return Err(format!("{ip} is no address of a single device in a /24"));
    }
    Ok(ip)
}

/// A hardware address of a single device: six bytes in hexadecimal with colons between them.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn mac(text: &str) -> Result<Mac, String> {
    let byte = |digits: &str| u8::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 2 && !digits.starts_with('+'));
    let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
    let mac: Option<Mac> = bytes.and_then(|bytes| bytes.try_into().ok());
    let mac = mac.ok_or_else(|| format!("`{text}` is no hardware address such as 02:ba:00:00:00:01"))?;
    if mac[0] & 1 != 0 || mac == [0; 6] {
        return Err(format!("{text} is no hardware address of a single device"));
    }
    Ok(mac)
}

/// A serial number as UHD prints it: 1 to 9 letters and digits.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn serial(text: &str) -> Result<String, String> {
    let fits = (1..=LONGEST_SERIAL).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no serial number of 1 to {LONGEST_SERIAL} letters and digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_one_device_may_have_is_taken() {
        assert_eq!(ip("192.168.10.3"), Ok(Ipv4Addr::new(192, 168, 10, 3)));
        for wrong in ["", "192.168.10", "0.0.0.2", "127.0.0.2", "224.0.0.2", "255.255.255.255", "10.0.0.0", "10.0.0.255", "::1"] {
            assert!(ip(wrong).is_err(), "{wrong}");
        }
        assert_eq!(mac("02:bA:00:00:00:01"), Ok([2, 0xBA, 0, 0, 0, 1]));
        for wrong in
            ["", "02:ba", "02:ba:00:00:00:01:02", "02:ba:00:00:00:1", "+2:ba:00:00:00:01", "03:ba:00:00:00:01", "0:0:0:0:0:0"]
        {
            assert!(mac(wrong).is_err(), "{wrong}");
        }
        assert_eq!((mac("00:00:00:00:00:00").is_err(), serial("E1R23456B")), (true, Ok("E1R23456B".into())));
        for wrong in ["", "E1R23456B0", "a b", "ä", "a,b"] {
            assert!(serial(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_said_first_holds() {
        let first = GivenIdentity { serial: Some("A".into()), ..GivenIdentity::default() };
        let second = GivenIdentity { serial: Some("B".into()), mac: Some([2; 6]), ip: None };
        assert_eq!(first.or(second), GivenIdentity { serial: Some("A".into()), mac: Some([2; 6]), ip: None });
    }
}
