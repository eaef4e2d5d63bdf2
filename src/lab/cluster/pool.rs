//! The lab's cluster file where it is a pool's: several radios, or more servers than two.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::topology::Server;
use super::super::topology::pool::{PORTS, PoolPlace, PoolSize, TUNS};
use super::{BANDWIDTH, KEY, MASTER, RUNTIME, SLAVE, device, settings, shared_workload, widen};
use config::{Addresses, Host, HostName, PoolFile, PoolPlacement, PoolRadio, PoolSection, PoolServer, Probe, RadioName, Standby};
use modem::Bandwidth;
use protocol::{ErrorCode, Failure, Form};

/// Width of each radio's air where there are several: two cores have to carry them all.
const NARROW: Bandwidth = Bandwidth::Mhz1_4;
/// The LFRX's and LFTX's band, Hz, which the radios share.
const BAND: f64 = 30e6;
/// Carriers are whole multiples of this, Hz.
const RASTER: f64 = 100e3;
/// From one carrier to the next, in widths of the air.
const APART: f64 = 1.2;
/// The first radio's cell and RNTI (docs/lab.md); the next radio has the next `group_ID` and RNTI.
const FIRST_GROUP: f64 = 100.0;
const FIRST_RNTI: f64 = 61.0;

/// The whole cluster file; every server may serve every radio.
///
/// # Errors
/// The radios do not fit side by side into the band, or this program's own path is unknown.
pub fn file(records: PathBuf, size: PoolSize, bandwidth: Option<Bandwidth>) -> Result<PoolFile, Failure> {
    let bandwidth = bandwidth.unwrap_or(if size.radios > 1 { NARROW } else { BANDWIDTH });
    let spacing = spacing(size, bandwidth)?;
    let mut file = PoolFile {
        key_file: Some(KEY.into()),
        identity_file: None,
        records,
        runtime: RUNTIME.into(),
        state: Some(Path::new(RUNTIME).join("state")),
        pool: PoolSection {
            store: None,
            placement: PoolPlacement::default(),
            server: size.servers().iter().map(server).collect::<Result<_, _>>()?,
            radio: size.places().map(member).collect::<Result<_, _>>()?,
        },
        workload: shared_workload(Form::Processes, false)?,
        host: size.places().map(far_end).collect::<Result<_, _>>()?,
        radio: BTreeMap::new(),
    };
    for place in size.places() {
        // Those towards the far ends are the lower half of the band.
        let carrier = |number: usize| spacing * (1 + number) as f64;
        let (down, up) = (carrier(place.number()), carrier(place.number() + size.radios));
        let ends = [(place.name(), place.device(), (down, up)), (place.far_end().name, place.far_device(), (up, down))];
        for (name, address, carriers) in ends {
            file.radio.extend([device(name, &address, carriers)?]);
        }
    }
    widen(&mut file.workload.control, &mut file.radio, bandwidth);
    Ok(file)
}

/// From one carrier to the next, Hz: a radio hears its own far end alone, because the filters keep the others out.
fn spacing(size: PoolSize, bandwidth: Bandwidth) -> Result<f64, Failure> {
    let fits = |radios: usize| {
        let spacing = (BAND / (2 * radios + 1) as f64 / RASTER).floor() * RASTER;
        (bandwidth.mhz() * 1e6 * APART <= spacing).then_some(spacing)
    };
    // A single radio has no neighbour.
    if size.radios == 1 {
        return Ok(BAND / 3.0);
    }
    fits(size.radios).ok_or_else(|| {
        let most = (1..size.radios).rev().find(|&radios| radios == 1 || fits(radios).is_some()).unwrap_or(1);
        let text =
            format!("{} radios of {} MHz do not fit side by side into the 30 MHz of their boards", size.radios, bandwidth.mhz());
        Failure::new(ErrorCode::Config, text).hint(format!("take --bw 1.4, or at most --radios {most}"))
    })
}

fn endpoint(server: &Server, port: u16) -> String {
    format!("tcp://{}:{port}", server.ip())
}

fn server(server: &Server) -> Result<(HostName, PoolServer), Failure> {
    let settings = PoolServer {
        command: endpoint(server, 7600).parse()?,
        telemetry: endpoint(server, 7601).parse()?,
        metrics: format!("{}:9617", server.ip()).parse().ok(),
        fence_command: None,
        cores: None,
        link: None,
        labels: Vec::new(),
    };
    Ok((server.name.parse()?, settings))
}

/// A radio of the pool, and what it has on each server.
fn member(place: PoolPlace) -> Result<(RadioName, PoolRadio), Failure> {
    let tun = place.tun_address().parse::<config::Cidr>()?;
    let radio = PoolRadio {
        servers: place.servers().map(str::parse::<HostName>).collect::<Result<_, _>>()?,
        far_end: Some(place.far_end().name.parse()?),
        addresses: Addresses { active: place.active().parse()?, parked: place.parked(0).parse()? },
        radio_port: PORTS[place.number()].parse()?,
        tun: TUNS[place.number()].parse()?,
        // The lab makes its interfaces itself.
        tun_address: None,
        probe: Probe { target: tun.address(), ..Probe::default() },
        standby: Standby::default(),
        control: settings(&[SLAVE]),
        need_cores: None,
        need_link: None,
        prefer: Vec::new(),
        forbid: Vec::new(),
        apart: Vec::new(),
        priority: 0,
        workload: None,
    };
    Ok((place.name().parse()?, radio))
}

fn far_end(place: PoolPlace) -> Result<(HostName, Host), Failure> {
    let server = place.far_end();
    let (group, number) = (FIRST_GROUP + place.number() as f64, place.number() as f64);
    // Each cell is another one, so that nobody takes a neighbour for the own far end.
    let identity =
        [("phy_cell_ID", 3.0 * group + 1.0), ("group_ID", group), ("cell_ID", 1.0), ("RNTI", FIRST_RNTI + number), MASTER];
    let host = Host {
        command: endpoint(&server, 7600).parse()?,
        telemetry: endpoint(&server, 7601).parse()?,
        radio: server.name.parse()?,
        radio_port: PORTS[0].parse()?,
        tun: TUNS[0].parse()?,
        metrics: format!("{}:9617", server.ip()).parse().ok(),
        tun_address: None,
        autostart: true,
        control: settings(&identity),
        fence_command: None,
        workload: None,
        parked: None,
    };
    Ok((server.name.parse()?, host))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::super::topology::pool::MOST;
    use super::*;
    use config::{PoolStore, RadioViews};

    fn views(servers: usize, radios: usize, bandwidth: Option<Bandwidth>) -> (PoolFile, RadioViews) {
        let mut file = file("/var/lib/x".into(), PoolSize { servers, radios }, bandwidth).unwrap();
        file.pool.store = (servers > 2).then(|| PoolStore::new(vec!["10.77.0.11:2379".parse().unwrap()]));
        let views = RadioViews::parse(&toml::to_string(&file).unwrap()).unwrap();
        (file, views)
    }

    #[test]
    fn the_cluster_file_of_every_size_is_one_that_baton_reads() {
        for servers in 2..=MOST {
            for radios in 1..=MOST {
                let (file, views) = views(servers, radios, None);
                assert_eq!((views.servers().len(), views.radios().len()), (servers, radios));
                for (name, view) in views.radios() {
                    assert_eq!((view.host.len(), view.radio.len()), (servers + 1, 2), "{name}");
                    assert_eq!(view.workload.control["BW"].as_float(), (radios > 1).then_some(1.4), "{name}");
                    let (pool, far) = (&view.radio[name.as_str()], &view.radio[view.roles.far_end.as_deref().unwrap()]);
                    assert_eq!((pool.tx_freq, pool.rx_freq), (far.rx_freq, far.tx_freq));
                }
                let carriers: BTreeSet<_> = file.radio.values().map(|radio| radio.tx_freq.to_string()).collect();
                assert_eq!(carriers.len(), 2 * radios, "each transmitter has a carrier of its own");
            }
        }
    }

    #[test]
    fn radios_start_on_one_server_each_and_have_cells_of_their_own() {
        let (_, views) = views(3, 3, None);
        let views = views.radios().values();
        let starts: Vec<&str> = views.clone().map(|view| view.roles.initiator.as_str()).collect();
        assert_eq!(starts, ["server1", "server2", "server3"]);
        let far = |view: &config::Config| view.host[view.roles.far_end.as_ref().unwrap()].control.clone();
        for name in ["phy_cell_ID", "RNTI"] {
            let values: BTreeSet<_> = views.clone().map(|view| far(view)[name].as_integer().unwrap()).collect();
            assert_eq!(values.len(), 3, "{name}");
        }
    }

    #[test]
    fn a_width_that_does_not_fit_is_refused_and_what_fits_is_said() {
        for (radios, mhz) in [(1, "20"), (2, "5"), (3, "3"), (4, "1.4")] {
            views(3, radios, Some(Bandwidth::parse(mhz).unwrap()));
        }
        for (radios, mhz, most) in [(2, "10", 1), (3, "5", 2), (4, "3", 3)] {
            let width = Bandwidth::parse(mhz).unwrap();
            let failure = file("/x".into(), PoolSize { servers: 2, radios }, Some(width)).unwrap_err();
            assert_eq!(
                failure.message,
                format!("{radios} radios of {mhz} MHz do not fit side by side into the 30 MHz of their boards")
            );
            assert_eq!(failure.hint, Some(format!("take --bw 1.4, or at most --radios {most}")));
        }
    }
}
