//! Capabilities (capabilities(7)) and environment variables that a workload process gets.

use std::collections::BTreeMap;

use rustix::thread::CapabilitySet;
use serde::{Deserialize, Deserializer, Serialize};

use crate::BadValue;

/// A capability by its name in small letters, without `CAP_`: `net_admin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Capability(CapabilitySet);

impl Capability {
    /// Addresses, tun interfaces, large socket buffers.
    pub const NET_ADMIN: Self = Self(CapabilitySet::NET_ADMIN);
    /// Real-time priority.
    pub const SYS_NICE: Self = Self(CapabilitySet::SYS_NICE);
    /// Programs and files of other users, as root without further rights cannot read them.
    pub const DAC_READ_SEARCH: Self = Self(CapabilitySet::DAC_READ_SEARCH);

    /// As a set of one, a bit of the kernel's mask.
    pub fn bits(self) -> u64 {
        self.0.bits()
    }

    /// What the reference modem and USRP process use.
    pub(crate) fn of_the_reference() -> Vec<Self> {
        vec![Self::NET_ADMIN, Self::SYS_NICE]
    }

    /// Whether they are those, which a file need not name.
    pub(crate) fn are_of_the_reference(capabilities: &[Self]) -> bool {
        capabilities == Self::of_the_reference()
    }
}

impl TryFrom<String> for Capability {
    type Error = BadValue;

    fn try_from(name: String) -> Result<Self, BadValue> {
        let upper = name.to_ascii_uppercase();
        let found = CapabilitySet::from_name(upper.strip_prefix("CAP_").unwrap_or(&upper));
        found.map(Self).ok_or_else(|| {
            BadValue::new(format_args!("{name:?} is no capability"), "write it as capabilities(7) has it, as in net_admin")
        })
    }
}

impl From<Capability> for String {
    fn from(capability: Capability) -> Self {
        capability.0.iter_names().map(|(name, _)| name.to_ascii_lowercase()).collect()
    }
}

/// Reads the environment of a workload: variables that baton does not set itself.
pub(crate) fn environment<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let variables = BTreeMap::<String, String>::deserialize(from)?;
    for (name, value) in &variables {
        let bad = if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            BadValue::new(format_args!("{name:?} cannot be an environment variable"), "write NAME = \"value\"")
        } else if name.starts_with("BATON_") && name != "BATON_LOG" && !name.starts_with("BATON_TEST_") {
            BadValue::new(format_args!("{name} is set by baton itself"), "take another name")
        } else {
            continue;
        };
        return Err(serde::de::Error::custom(bad));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_read_by_its_name_and_written_so() {
        for name in ["net_admin", "CAP_NET_ADMIN", "Net_Admin"] {
            let capability = Capability::try_from(name.to_owned()).unwrap();
            assert_eq!((capability, String::from(capability)), (Capability::NET_ADMIN, "net_admin".to_owned()));
        }
        assert_eq!(Capability::SYS_NICE.bits(), 1 << 23, "its number in linux/capability.h");
        let bad = Capability::try_from("root".to_owned()).unwrap_err();
        assert_eq!(bad.wrong, "\"root\" is no capability");
    }

    #[test]
    fn the_environment_holds_no_name_of_batons_own() {
        #[derive(Debug, Deserialize)]
        struct File {
            #[serde(deserialize_with = "environment")]
            environment: BTreeMap<String, String>,
        }
        let read = |line: &str| toml::from_str::<File>(&format!("[environment]\n{line}"));
        assert_eq!(read("UHD_IMAGES_DIR = \"/x\"").unwrap().environment["UHD_IMAGES_DIR"], "/x");
        for (line, why) in
            [("BATON_SOCKET = \"/x\"", "set by baton itself"), ("\"A=B\" = \"\"", "cannot be"), ("\"\" = \"\"", "cannot be")]
        {
            assert!(read(line).unwrap_err().to_string().contains(why), "{line}");
        }
    }
}
