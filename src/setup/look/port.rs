//! The interface towards the radio.

use ethtool::{EthtoolAttr, EthtoolCoalesceAttr, EthtoolHandle, EthtoolLinkModeAttr, EthtoolLinkModeDuplex};
use futures::StreamExt;

use super::network::Network;
use crate::setup::facts::PortFacts;

/// What ethtool tells of an interface.
#[derive(Debug, Default)]
struct Driver {
    speed: Option<u32>,
    full_duplex: Option<bool>,
    rx_usecs: Option<u32>,
}

pub(super) async fn look(name: &str, network: &Network) -> PortFacts {
    let found = network.find(name);
    let Driver { speed, full_duplex, rx_usecs } = if found.is_some() { driver(name).await } else { Driver::default() };
    let others = network.ethernet().filter(|other| other.port.name != name);
    PortFacts {
        name: name.to_owned(),
        found: found.map(|interface| interface.port.clone()),
        carrier: found.is_some_and(|interface| interface.carrier),
        speed,
        full_duplex,
        rx_usecs,
        others: others.map(|other| (other.port.name.clone(), other.carrier)).collect(),
    }
}

/// A kernel or driver that does not tell leaves it unknown.
async fn driver(name: &str) -> Driver {
    let Ok((connection, mut handle, _)) = ethtool::new_connection() else { return Driver::default() };
    tokio::spawn(connection);
    let mut driver = Driver::default();
    for attribute in link_modes(&mut handle, name).await {
        match attribute {
            // The kernel's "unknown" is all ones.
            EthtoolLinkModeAttr::Speed(speed) if speed != u32::MAX && speed > 0 => driver.speed = Some(speed),
            EthtoolLinkModeAttr::Duplex(EthtoolLinkModeDuplex::Full) => driver.full_duplex = Some(true),
            EthtoolLinkModeAttr::Duplex(EthtoolLinkModeDuplex::Half) => driver.full_duplex = Some(false),
            _ => {}
        }
    }
    let Ok(mut answers) = handle.coalesce().get(Some(name)).execute().await else { return driver };
    while let Some(Ok(answer)) = answers.next().await {
        for attribute in answer.payload.nlas {
            if let EthtoolAttr::Coalesce(EthtoolCoalesceAttr::RxUsecs(microseconds)) = attribute {
                driver.rx_usecs = Some(microseconds);
            }
        }
    }
    driver
}

async fn link_modes(handle: &mut EthtoolHandle, name: &str) -> Vec<EthtoolLinkModeAttr> {
    let mut told = Vec::new();
    let Ok(mut answers) = handle.link_mode().get(Some(name)).execute().await else { return told };
    while let Some(Ok(answer)) = answers.next().await {
        for attribute in answer.payload.nlas {
            if let EthtoolAttr::LinkMode(attribute) = attribute {
                told.push(attribute);
            }
        }
    }
    told
}
