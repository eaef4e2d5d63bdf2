//! `baton doctor` on a host, and the command `examine`: what only an agent's own means can find out is who has the host's addresses.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;

use super::host::arp::{ArpSocket, Probing, format_mac};
use super::host::ports::Ports;
use super::state::Agent;
use super::work::Work;
use crate::setup;
use crate::setup::doctor::Args;
use crate::setup::facts::{Asked, HeldAddress};
use config::{ClusterFile, Endpoint, Host};
use protocol::{ErrorCode, Examination, Failure};

/// Examines the host on which this runs. Exit code 1 when something stands in the way of every order.
///
/// # Errors
/// [`ErrorCode::Config`] for an unreadable configuration or an unknown host, [`ErrorCode::Environment`] without netlink.
pub fn run(file: &ClusterFile, host: &str, args: &Args) -> Result<ExitCode, Failure> {
    let config = Arc::new(file.view()?);
    let settings = config.host(host)?;
    workload::log::to_stderr("RUST_LOG", LevelFilter::WARN);
    let examination = workload::runtime::current_thread()?.block_on(async {
        let ports = Ports::open(host)?;
        let active = config.addresses.active;
        let here = ports.read(&settings.radio_port).await?.addresses.contains(&active.to_string());
        let radio = held(&ports, active.address(), &settings.radio_port, false, here).await;
        let mut all = vec![radio];
        all.extend(own_address(&ports, settings).await);
        setup::examine(Arc::clone(&config), host, all, Asked::AtTerminal).await
    })?;
    setup::doctor::report_host(host, &examination, args)
}

/// Answers `examine`.
///
/// # Errors
/// [`ErrorCode::Busy`] while an order is carried out, which it would disturb; those of [`setup::examine`].
pub(super) async fn examine(agent: &Agent, work: &Arc<Work>) -> Result<Examination, Failure> {
    let host = &agent.host;
    if agent.order.try_lock().is_err() || agent.participation.elsewhere().is_some() {
        return Err(Failure::new(
            ErrorCode::Busy,
            format!("{} takes part in an order, which an examination would disturb", host.name),
        )
        .hint("ask again when it is over"));
    }
    let settings = host.settings();
    let asked = work.survey().await;
    let of_cluster = || work.address_holders().into_iter().map(|holder| (holder.mac, holder.host)).collect();
    let radio = HeldAddress {
        address: host.config.addresses.active.address(),
        interface: settings.radio_port.to_string(),
        own: false,
        here: work.has_active_address().await,
        holders: asked.map(|()| of_cluster()).map_err(|failure| failure.message),
    };
    let mut all = vec![radio];
    all.extend(own_address(&host.ports, settings).await);
    let drives_radio = work.usrp().is_linked();
    setup::examine(Arc::clone(&host.config), &host.name, all, Asked::OfAgent { drives_radio }).await
}

/// Who else has the address at which the agent takes commands, where that is one of an Ethernet interface.
async fn own_address(ports: &Ports, settings: &Host) -> Option<HeldAddress> {
    let Endpoint::Tcp { host, .. } = &settings.command else { return None };
    let address: Ipv4Addr = host.parse().ok()?;
    let interface = setup::interface_with(address).await?;
    Some(held(ports, address, &interface, true, true).await)
}

async fn held(ports: &Ports, address: Ipv4Addr, interface: &str, own: bool, here: bool) -> HeldAddress {
    let holders = match ports.hardware(interface).await {
        Err(failure) => Err(failure.message),
        Ok((index, mac)) => {
            let asking = move || ArpSocket::open(index, mac)?.holders(address, Probing::SURVEY);
            let asked = tokio::task::spawn_blocking(asking).await.unwrap_or_else(|e| Err(std::io::Error::other(e)));
            asked.map(|macs| macs.into_iter().map(|mac| (format_mac(mac), None)).collect()).map_err(|e| e.to_string())
        }
    };
    HeldAddress { address, interface: interface.to_owned(), own, here, holders }
}
