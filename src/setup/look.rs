//! Gathers the facts of the host on which this process runs. Nothing is judged here, and nothing changed.

mod files;
mod firewall;
mod port;
mod process;
mod processors;
mod radio;
mod stack;
mod tun;
mod uhd;

pub mod network;

pub use tun::device;

use std::sync::Arc;

use super::facts::{Asked, Facts, HeldAddress};
use config::{Config, HostName};
use network::Network;
use protocol::{ErrorCode, Failure};

/// Everything that is known of this host, which has that name in the cluster file.
///
/// # Errors
/// [`ErrorCode::Config`] for an unknown host, [`ErrorCode::Environment`] without netlink.
pub async fn at_host(config: Arc<Config>, host: &str, held: Vec<HeldAddress>, asked: Asked) -> Result<Facts, Failure> {
    let settings = config.host(host)?.clone();
    let name: HostName = host.parse()?;
    let network = Network::read().await?;
    let process = process::look(&name, asked).await;
    let radio_port = port::look(&settings.radio_port, &network).await;
    let drives_radio = asked == Asked::OfAgent { drives_radio: true };
    // Nobody has the radio's address, or this host itself, without a process that drives the radio: nobody else speaks to it.
    let is_idle = !drives_radio
        && held.iter().filter(|held| !held.own).all(|held| held.holders.as_ref().is_ok_and(Vec::is_empty))
        && held.iter().any(|held| !held.own);
    let (uhd, firewall) = tokio::join!(uhd::look(&config, &name), firewall::look(&config, &name));
    let (about, of, user) = (Arc::clone(&config), name.clone(), process.user.clone());
    let has_port = radio_port.found.as_ref().is_some_and(|port| port.up) && radio_port.carrier;
    // Files on a disk that hangs, and a radio that does not answer, hold up no other task of this process.
    let (files, radio) =
        tokio::task::spawn_blocking(move || (files::look(&about, &of, &user), radio::look(&about, &of, has_port, is_idle)))
            .await
            .map_err(|e| Failure::new(ErrorCode::Internal, format!("the host could not be looked at: {e}")))?;
    Ok(Facts {
        process,
        files,
        tun: tun::look(&settings.tun, &network),
        uhd,
        radio_port,
        stack: stack::look(&settings),
        firewall,
        processors: processors::look(std::path::Path::new("/sys/devices/system/cpu")),
        held,
        radio,
        host: name,
        config,
    })
}
