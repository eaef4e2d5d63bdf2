//! Quantities of a server and of a radio, in whole thousandths so that sums are exact.

use std::collections::BTreeMap;
use std::fmt;

use config::InterfaceName;
use serde::{Deserialize, Serialize};

/// Largest number of cores or Mbit/s that is accepted: far beyond any host, and small enough that sums cannot overflow.
const LARGEST: f64 = 1e9;

/// A number that is no quantity.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{value} is no number of {unit}; give one from 0 to 1000000000")]
pub struct BadAmount {
    value: f64,
    unit: &'static str,
}

fn thousandths(value: f64, unit: &'static str) -> Result<u64, BadAmount> {
    if !(0.0..=LARGEST).contains(&value) {
        return Err(BadAmount { value, unit });
    }
    // In range by the check above.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = (value * 1000.0).round() as u64;
    Ok(whole)
}

/// Shortest text of a number of thousandths: 1.5, 2.
fn text(thousandths: u64) -> String {
    let digits = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal, $one:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(u64);

        impl $name {
            /// The quantity in thousandths of its unit.
            pub fn thousandths(self) -> u64 {
                self.0
            }

            pub(crate) fn of_thousandths(thousandths: u64) -> Self {
                Self(thousandths)
            }
        }

        impl TryFrom<f64> for $name {
            type Error = BadAmount;

            fn try_from(value: f64) -> Result<Self, BadAmount> {
                thousandths(value, $unit).map(Self)
            }
        }

        impl From<$name> for f64 {
            fn from(quantity: $name) -> Self {
                // Exact up to 2^53 thousandths, which is beyond what is accepted.
                #[allow(clippy::cast_precision_loss)]
                let value = quantity.0 as f64 / 1000.0;
                value
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} {}", text(self.0), if self.0 == 1000 { $one } else { $unit })
            }
        }
    };
}

quantity!(
    /// Processor cores, in thousandths of a core.
    Cores,
    "cores",
    "core"
);

quantity!(
    /// Traffic of a link in its busier direction, in thousandths of a Mbit/s.
    Rate,
    "Mbit/s",
    "Mbit/s"
);

/// What a server has, a radio needs, or is in use: cores, and a rate at each interface.
///
/// A radio needs its rate at the interface of that name on whichever server serves it, as `radio_port` in the cluster file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// Processor cores.
    pub cores: Cores,
    /// Rates by interface.
    #[serde(default)]
    pub links: BTreeMap<InterfaceName, Rate>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_quantity_is_refused() {
        for value in [f64::NAN, -0.001, f64::INFINITY, f64::NEG_INFINITY, 1.1e9] {
            assert!(Cores::try_from(value).is_err(), "{value}");
            assert!(Rate::try_from(value).is_err(), "{value}");
        }
        assert_eq!(Cores::try_from(-1.0).unwrap_err().to_string(), "-1 is no number of cores; give one from 0 to 1000000000");
        assert!(serde_json::from_str::<Cores>("-1").is_err());
    }

    #[test]
    fn quantities_read_as_they_are_written() {
        for (value, said) in
            [(1.5, "1.5 cores"), (2.0, "2 cores"), (0.0, "0 cores"), (0.0625, "0.063 cores"), (10.0, "10 cores"), (1.0, "1 core")]
        {
            assert_eq!(Cores::try_from(value).unwrap().to_string(), said);
        }
        assert_eq!(serde_json::to_string(&Rate::try_from(61.5).unwrap()).unwrap(), "61.5");
    }
}
