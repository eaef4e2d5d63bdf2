//! The lab's cluster file, as docs/lab.md explains it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{Uid, User};
use toml::Value;

use super::topology::{ACTIVE, GUEST, PARKED, RADIO_ADDRESS, Scenario, Server, TAP, TERMINALS, TUN};
use config::{
    Addresses, BadValue, Capability, Config, Guest, Host, HostName, Probe, Radio, RadioName, Reference, Roles, Standby, Workload,
};
use modem::Bandwidth;

pub mod pool;
use protocol::Trying;
use protocol::{ErrorCode, Failure, Form};

/// Folder of everything that runs; private to the lab.
pub const RUNTIME: &str = "/run/baton";
/// The cluster key.
pub const KEY: &str = "/run/baton/cluster.key";

/// Where QEMU is unpacked on a machine.
const QEMU: &str = "/var/lib/baton/qemu";

/// Width of the air, unless the operator wants another (docs/modem.md).
const BANDWIDTH: Bandwidth = Bandwidth::Mhz5;
/// Carrier from the far end to the pool, Hz; within the LFRX's and LFTX's 0 to 30 MHz.
const TO_POOL: f64 = 20e6;
/// Carrier from the pool to the far end, Hz.
const FROM_POOL: f64 = 10e6;

/// The one carrier of the relay scenario, Hz: every radio hears every other, except behind an obstacle.
const SHARED: f64 = 15e6;

/// Control variables of a plain start, on every host: QPSK, one antenna each way.
const CONTROL: [(&str, f64); 6] =
    [("CPtype", 0.0), ("numAntennaTX", 1.0), ("numAntennaRX", 1.0), ("DLULAssign", 0.0), ("trans_mode", 1.0), ("type_mode", 1.0)];
/// The air's identity, known to the far end (master) only: without control information the pool has to detect it.
const IDENTITY: [(&str, f64); 4] = [("phy_cell_ID", 301.0), ("group_ID", 100.0), ("cell_ID", 1.0), ("RNTI", 61.0)];
/// The same for the relay scenario, known to the far end only. `cell_ID` is each terminal's own index.
const GROUP: [(&str, f64); 2] = [("group_ID", 100.0), ("RNTI", 61.0)];
/// `duplexMode`: two ends share the air by frequency, three terminals by time.
const FDD: (&str, f64) = ("duplexMode", 1.0);
const TDD: (&str, f64) = ("duplexMode", 0.0);
/// `workmode` of the paper's table of control variables.
const MASTER: (&str, f64) = ("workmode", 0.0);
const SLAVE: (&str, f64) = ("workmode", 1.0);

/// Where records survive the lab: the user's state folder, which need not be there yet.
///
/// # Errors
/// This user has no home.
pub fn records_folder() -> Result<PathBuf, Failure> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // Some services and containers have HOME=/dev/null.
    let home = || absolute("HOME").filter(|home| home.is_dir()).or_else(|| Some(User::from_uid(Uid::effective()).ok()??.dir));
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(home()?.join(".local/state"))).ok_or_else(|| {
        Failure::new(ErrorCode::Environment, "this user has no home folder to keep the records of migrations in")
            .hint("set HOME or XDG_STATE_HOME")
    })?;
    Ok(state.join("baton/runs"))
}

/// The same folder for a lab that is about to write there.
///
/// # Errors
/// As [`records_folder`], or it cannot be made, or would not outlive the lab.
pub fn made_records_folder() -> Result<PathBuf, Failure> {
    let folder = records_folder()?;
    if folder.starts_with("/run") {
        return Err(Failure::new(ErrorCode::Config, format!("records in {} would not outlive the lab", folder.display()))
            .hint("the lab has a /run of its own: set XDG_STATE_HOME to a folder elsewhere"));
    }
    std::fs::create_dir_all(&folder).map_err(|error| {
        protocol::missing(format!("the folder {} for the records of migrations could not be made", folder.display()), error)
            .hint("set XDG_STATE_HOME to a folder that can be written")
    })?;
    Ok(folder)
}

/// The whole cluster file; the workload is this program.
///
/// # Errors
/// This program's own path is unknown.
pub fn config(records: PathBuf, scenario: Scenario, form: Form) -> Result<Config, Failure> {
    let relay = scenario == Scenario::Relay;
    Ok(Config {
        key_file: Some(KEY.into()),
        identity_file: None,
        records,
        runtime: RUNTIME.into(),
        // Ends with the lab, as the ownership of its radios does.
        state: Some(Path::new(RUNTIME).join("state")),
        terminals: if relay { TERMINALS.into() } else { Vec::new() },
        roles: Roles { initiator: "server1".parse()?, destination: "server2".parse()?, far_end: Some("server3".parse()?) },
        addresses: Addresses { active: ACTIVE.parse()?, parked: PARKED.parse()? },
        workload: shared_workload(form, relay)?,
        // The far end probes the pool, or in the relay scenario the receiver behind it.
        probe: if relay { Probe { target: TERMINALS[2], ..Probe::default() } } else { Probe::default() },
        standby: Standby::default(),
        host: scenario.servers().iter().map(|server| host(server, scenario)).collect::<Result<_, _>>()?,
        radio: scenario
            .named_radios()
            .iter()
            .map(|(name, _)| device(name, RADIO_ADDRESS, carriers(name, scenario)))
            .collect::<Result<_, _>>()?,
        in_pool: None,
        store: None,
    })
}

/// What every host runs: this program.
fn shared_workload(form: Form, relay: bool) -> Result<Workload, Failure> {
    let program = this_program()?;
    let beside = Path::new(&program).with_file_name("baton-uhd").to_string_lossy().into_owned();
    Ok(Workload {
        d2d: vec![program.clone(), "d2d".into()].try_into()?,
        usrp: vec![program.clone(), "usrp".into()].try_into()?,
        uhd: vec![beside].try_into()?,
        form,
        guest: (form == Form::Guest).then(|| guest(Path::new(&program))).transpose()?,
        collect_interval: Duration::from_secs(10),
        control_command: None,
        meanings: BTreeMap::new(),
        environment: BTreeMap::new(),
        // The lab runs the programs of whoever runs it, which root without further rights cannot read from a private folder.
        capabilities: vec![Capability::NET_ADMIN, Capability::SYS_NICE, Capability::DAC_READ_SEARCH],
        control: [settings(&CONTROL), settings(&width(BANDWIDTH)), settings(&[if relay { TDD } else { FDD }])]
            .into_iter()
            .flatten()
            .collect(),
    })
}

/// The control variables that tell the width of the air.
fn width(bandwidth: Bandwidth) -> [(&'static str, f64); 2] {
    [("BW", bandwidth.mhz()), ("RBIdx", bandwidth.resource_blocks() as f64)]
}

/// Every radio and every modem has this width instead.
pub fn set_bandwidth(config: &mut Config, bandwidth: Bandwidth) {
    widen(&mut config.workload.control, &mut config.radio, bandwidth);
}

fn widen(control: &mut BTreeMap<String, Value>, radios: &mut BTreeMap<RadioName, Radio>, bandwidth: Bandwidth) {
    control.extend(settings(&width(bandwidth)));
    for radio in radios.values_mut() {
        (radio.rate, radio.bw) = (bandwidth.rate(), bandwidth.rate());
    }
}

/// The guest: QEMU where `scripts/install-qemu` puts it beside the build, or on the machine.
fn guest(program: &Path) -> Result<Guest, Failure> {
    let beside = program.parent().and_then(Path::parent).map(|target| target.join("qemu")).filter(|folder| folder.is_dir());
    let software = beside.unwrap_or_else(|| QEMU.into());
    Ok(Guest { tap: TAP.parse()?, ..Guest::new(software, program.with_file_name("baton-guest"), GUEST.parse()?) })
}

/// Path of this program.
///
/// # Errors
/// It cannot be read, or is not text.
pub fn this_program() -> Result<String, Failure> {
    let path = std::env::current_exe().trying(|| "the path of this program could not be read")?;
    path.into_os_string()
        .into_string()
        .map_err(|path| Failure::new(ErrorCode::Config, format!("the path {} is not text; move baton elsewhere", path.display())))
}

fn host(server: &Server, scenario: Scenario) -> Result<(HostName, Host), BadValue> {
    let name = server.name;
    let (radio, terminal) = match name {
        "server3" => ("far", 0.0),
        "server4" => ("receiver", 2.0),
        _ => ("pool", 1.0),
    };
    let (far, pool) = (radio == "far", radio == "pool");
    let mut control = settings(&[if far { MASTER } else { SLAVE }]);
    if scenario == Scenario::Relay {
        control.extend(settings(&[("cell_ID", terminal)]));
        control.extend(settings(if far { &GROUP } else { &[] }));
    } else if far {
        control.extend(settings(&IDENTITY));
    }
    let ip = server.ip();
    let host = Host {
        command: format!("tcp://{ip}:7600").parse()?,
        telemetry: format!("tcp://{ip}:7601").parse()?,
        radio: radio.parse()?,
        radio_port: "eth3".parse()?,
        tun: TUN.parse()?,
        metrics: format!("{ip}:9617").parse().ok(),
        // The lab makes its interfaces itself.
        tun_address: None,
        autostart: !pool && scenario != Scenario::Guest,
        control,
        fence_command: None,
        workload: None,
        parked: None,
    };
    Ok((name.parse()?, host))
}

/// Transmit and receive carriers of a radio, Hz.
fn carriers(radio: &str, scenario: Scenario) -> (f64, f64) {
    match radio {
        _ if scenario == Scenario::Relay => (SHARED, SHARED),
        "pool" => (FROM_POOL, TO_POOL),
        _ => (TO_POOL, FROM_POOL),
    }
}

fn device(name: &str, address: &str, (tx_freq, rx_freq): (f64, f64)) -> Result<(RadioName, Radio), BadValue> {
    let radio = Radio {
        args: format!("addr={address}").parse()?,
        rate: BANDWIDTH.rate(),
        tx_freq,
        rx_freq,
        gain: 0.0,
        tx_ant: "A".into(),
        rx_ant: "A".into(),
        reference: Reference::Internal,
        bw: BANDWIDTH.rate(),
    };
    Ok((name.parse()?, radio))
}

fn settings(pairs: &[(&str, f64)]) -> BTreeMap<String, Value> {
    let value = |number: f64| {
        #[allow(clippy::cast_possible_truncation, reason = "checked to be whole, and the tables above hold small ones")]
        if number.fract() == 0.0 { Value::Integer(number as i64) } else { Value::Float(number) }
    };
    pairs.iter().map(|&(name, number)| (name.to_owned(), value(number))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_file_is_one_that_baton_reads() {
        let folder = tempfile::tempdir().unwrap();
        for scenario in [Scenario::TwoEnds, Scenario::Relay] {
            let config = config("/var/lib/x".into(), scenario, Form::Processes).unwrap();
            let file = folder.path().join("baton.toml");
            std::fs::write(&file, toml::to_string(&config).unwrap()).unwrap();
            assert_eq!(Config::load(&file).unwrap(), config);
        }
    }

    #[test]
    fn every_radio_and_every_modem_has_the_width_that_was_asked_for() {
        for (mhz, blocks) in [("1.4", 6), ("20", 100)] {
            let mut config = config("/x".into(), Scenario::TwoEnds, Form::Processes).unwrap();
            let bandwidth = Bandwidth::parse(mhz).unwrap();
            set_bandwidth(&mut config, bandwidth);
            let control = &config.workload.control;
            assert_eq!((control["BW"].to_string().as_str(), control["RBIdx"].as_integer()), (mhz, Some(blocks)));
            assert!(config.radio.values().all(|radio| bandwidth.fits(radio.rate)));
            assert_eq!(Config::parse(&toml::to_string(&config).unwrap()).unwrap(), config);
        }
        assert_eq!(Bandwidth::parse("7").unwrap_err(), "the bandwidths are 1.4, 3, 5, 10, 15, 20 MHz");
    }

    #[test]
    fn only_the_far_end_knows_the_cell() {
        let config = config("/x".into(), Scenario::TwoEnds, Form::Processes).unwrap();
        let knows = |host: &str| config.host[host].control.contains_key("phy_cell_ID");
        assert_eq!([knows("server1"), knows("server2"), knows("server3")], [false, false, true]);
        assert!(!config.workload.control.contains_key("phy_cell_ID"));
        let far = &config.host["server3"].control;
        let int = |name: &str| far[name].as_integer().unwrap();
        assert_eq!(int("phy_cell_ID"), 3 * int("group_ID") + int("cell_ID"));
        assert_eq!(int("workmode"), 0);
        assert_eq!(config.workload.control["BW"].as_integer(), Some(5));
    }

    #[test]
    fn the_two_radios_hear_each_other() {
        let config = config("/x".into(), Scenario::TwoEnds, Form::Processes).unwrap();
        let (pool, far) = (&config.radio["pool"], &config.radio["far"]);
        assert_eq!((pool.tx_freq, pool.rx_freq), (far.rx_freq, far.tx_freq));
    }

    #[test]
    fn three_terminals_share_one_carrier_and_each_knows_its_own_index() {
        let config = config("/x".into(), Scenario::Relay, Form::Processes).unwrap();
        assert!(config.radio.values().all(|radio| radio.tx_freq == SHARED && radio.rx_freq == SHARED));
        let index = |host: &str| config.host[host].control["cell_ID"].as_integer().unwrap();
        assert_eq!(["server1", "server2", "server3", "server4"].map(index), [1, 1, 0, 2]);
        let knows = |host: &str| config.host[host].control.contains_key("group_ID");
        assert_eq!(["server1", "server2", "server3", "server4"].map(knows), [false, false, true, false]);
        assert_eq!(config.terminals.len(), TERMINALS.len());
        assert_eq!(config.probe.target, TERMINALS[2]);
    }
}
