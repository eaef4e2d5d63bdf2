//! What the guest is told on its kernel's command line. The kernel hands every `NAME=value` that it does not know to the first process as an
//! environment variable.

use std::fmt::Display;
use std::str::FromStr;

use config::Cidr;
use protocol::{ErrorCode, Failure};

/// Folder of the kernel modules in the guest's file system; they are loaded in the order of their names.
pub const MODULES: &str = "/modules";

/// Hardware address of the guest's network card: locally administered, in the lab's range. The far end knows the guest by it, as it knows the radio,
/// and there is one guest.
pub const HARDWARE_ADDRESS: [u8; 6] = [0x02, 0xba, 0x70, 0, 0, 0x09];

const ADDRESS: &str = "BATON_GUEST_ADDRESS";
const DIRTY_MIB: &str = "BATON_GUEST_DIRTY_MIB";
const DIRTY_MIB_S: &str = "BATON_GUEST_DIRTY_MIB_S";

/// What the guest does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestSettings {
    /// The address that it answers pings at; none: it has no network, as in a rehearsal.
    pub address: Option<Cidr>,
    /// Size of the memory that it dirties, MiB.
    pub dirty_mib: u32,
    /// How fast it dirties that, MiB per second; 0 leaves it alone.
    pub dirty_mib_s: u32,
}

impl GuestSettings {
    /// Words for the kernel's command line.
    pub fn kernel_words(&self) -> String {
        let address = self.address.map_or_else(String::new, |address| format!("{ADDRESS}={address} "));
        format!("{address}{DIRTY_MIB}={} {DIRTY_MIB_S}={}", self.dirty_mib, self.dirty_mib_s)
    }

    /// Reads them from variables.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] with the variable that is missing or wrong.
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let number =
            |name: &str| read(name, get(name).ok_or_else(|| wrong(name, "it is not on the kernel's command line"))?.as_str());
        Ok(Self {
            address: get(ADDRESS).map(|text| read(ADDRESS, &text)).transpose()?,
            dirty_mib: number(DIRTY_MIB)?,
            dirty_mib_s: number(DIRTY_MIB_S)?,
        })
    }
}

fn read<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: T::Err| wrong(name, error))
}

fn wrong(name: &str, why: impl Display) -> Failure {
    Failure::new(ErrorCode::Config, format!("{name} of the guest: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through_the_kernel(settings: &GuestSettings) -> Result<GuestSettings, Failure> {
        let words = settings.kernel_words();
        GuestSettings::from_variables(|name| {
            words.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        })
    }

    #[test]
    fn what_goes_onto_the_command_line_comes_out_of_it() {
        for address in [None, Some("192.168.40.9/24".parse().unwrap())] {
            let settings = GuestSettings { address, dirty_mib: 32, dirty_mib_s: 20 };
            assert_eq!(through_the_kernel(&settings), Ok(settings));
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let failure = GuestSettings::from_variables(|_| None).unwrap_err();
        assert!(failure.message.contains("BATON_GUEST_DIRTY_MIB of the guest"), "{failure}");
        let failure = GuestSettings::from_variables(|_| Some("much".into())).unwrap_err();
        assert!(failure.message.contains("BATON_GUEST_ADDRESS"), "{failure}");
    }
}
