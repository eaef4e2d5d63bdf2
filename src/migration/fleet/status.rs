//! What the hosts of the fake fleet say of themselves.

use super::{ACTIVE, Host, PARKED};
use protocol::{HostLoad, Port, ProcessState, ProcessStatus, SyncState, Telemetry, VERSION};

/// What a host says that runs nothing.
pub fn telemetry_of(host: &str) -> Telemetry {
    telemetry(host, &Host::default(), false)
}

pub(super) fn telemetry(host: &str, state: &Host, deaf: bool) -> Telemetry {
    let process = |state| ProcessStatus { state, ..ProcessStatus::default() };
    let sync = (state.serves() && !deaf).then_some(SyncState::Synced { for_ms: 1 });
    let address = if state.active { ACTIVE } else { PARKED };
    Telemetry {
        v: VERSION,
        radio: None,
        host: host.to_owned(),
        seq: 0,
        at: chrono::Utc::now(),
        uptime_ms: 0,
        load: HostLoad::default(),
        radio_port: Port { name: "eth3".into(), addresses: vec![address.into()], up: true, mac: None, mtu: Some(1500) },
        owner_epoch: state.epoch,
        owner: None,
        address_holders: Vec::new(),
        alarms: Vec::new(),
        tun: Port { addresses: Some(state.tun.clone()).filter(|tun| !tun.is_empty()).into_iter().collect(), ..Port::default() },
        d2d: ProcessStatus { sync, ..process(if state.d2d { ProcessState::Running } else { ProcessState::Stopped }) },
        usrp: process(state.usrp),
        guest: None,
        standby: None,
        serves_parked: false,
        drained: state.drained,
        store: None,
        follows_next: state.follows_next.clone(),
        control: protocol::ControlReport::default(),
        route_list: state.routes.clone(),
        probe: None,
        migration: state.order.clone(),
        takes_part: state.takes_part.clone(),
    }
}
