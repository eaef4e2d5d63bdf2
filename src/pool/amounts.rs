//! What servers have and radios take, as the cluster file says and as agents measure.

use std::collections::BTreeMap;

use placement::{Amount, BadAmount, Cores, Rate};
use protocol::{ErrorCode, Failure, HostLoad, ProcessLoad, Telemetry};

/// What a server's radios share of its network; one for all of its interfaces, as agents measure their traffic.
const LINK: &str = "link";

/// Cores, and Mbit/s of the link where they are known.
///
/// # Errors
/// [`ErrorCode::Config`]: a number is none.
pub(super) fn amount(cores: f64, link: Option<f64>) -> Result<Amount, Failure> {
    let bad = |bad: BadAmount| Failure::new(ErrorCode::Config, bad.to_string());
    let links = link.map(|rate| Ok::<_, Failure>((LINK.parse()?, Rate::try_from(rate).map_err(bad)?)));
    let links = links.into_iter().collect::<Result<BTreeMap<_, _>, Failure>>()?;
    Ok(Amount { cores: Cores::try_from(cores).map_err(bad)?, links })
}

/// What the work of a radio uses where it runs, cores; none before it is measured.
pub(super) fn work_load(status: &Telemetry) -> Option<f64> {
    let of = |load: ProcessLoad| f64::from(load.cpu_percent) / 100.0;
    Some(of(status.d2d.load) + of(status.usrp.load)).filter(|cores| *cores > 0.0)
}

/// What there is to know of a server beside the load of its machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// What its radios use of the machine, cores.
    pub radios: f64,
    /// What they may use, cores.
    pub capacity: f64,
    /// What they may use of its network, Mbit/s.
    pub link: Option<f64>,
}

/// What is in use of what radios may use. Cores of the machine that are not for radios are for all else: only what that uses beyond them counts.
///
/// # Errors
/// As [`amount`].
pub(super) fn server_load(machine: &HostLoad, Load { radios, capacity, link }: Load) -> Result<Amount, Failure> {
    let cores = machine.cores as f64;
    let used = f64::from(machine.cpu_percent) / 100.0 * cores;
    let others = (used - radios).max(0.0) - (cores - capacity).max(0.0);
    // One direction does not take from the other.
    let bytes_per_s = machine.rx_bytes_per_s.max(machine.tx_bytes_per_s);
    amount(radios + others.max(0.0), link.map(|_| bytes_per_s as f64 * 8.0 / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_count_where_they_take_from_radios() {
        let machine = |percent: f32| HostLoad { cpu_percent: percent, cores: 8, rx_bytes_per_s: 125_000, ..HostLoad::default() };
        let cores = |percent: f32, radios: f64, capacity: f64| {
            f64::from(server_load(&machine(percent), Load { radios, capacity, link: None }).unwrap().cores)
        };
        // 4 of 8 cores are in use, 1 of them by radios.
        assert_eq!(cores(50.0, 1.0, 8.0), 4.0);
        // Radios may use 6: of the 3 that others use, 2 are theirs.
        assert_eq!(cores(50.0, 1.0, 6.0), 2.0);
        assert_eq!(cores(50.0, 1.0, 2.0), 1.0);
        // The two were not measured in the same moment.
        assert_eq!(cores(10.0, 1.0, 8.0), 1.0);
    }

    #[test]
    fn the_busier_direction_is_the_link() {
        let machine = HostLoad { cores: 2, rx_bytes_per_s: 1_000_000, tx_bytes_per_s: 31_250_000, ..HostLoad::default() };
        let of = |link| server_load(&machine, Load { radios: 0.0, capacity: 2.0, link }).unwrap().links;
        assert_eq!(of(Some(1000.0)).into_values().map(f64::from).collect::<Vec<_>>(), [250.0]);
        assert!(of(None).is_empty());
    }
}
