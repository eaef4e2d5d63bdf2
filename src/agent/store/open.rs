//! The client of the store that the cluster file names.

use std::sync::Arc;

use engine::OwnerStore;

use config::{Endpoint, HostName, PoolStore};
use protocol::Failure;

#[cfg(feature = "etcd")]
pub(super) fn owners(settings: &PoolStore, host: &HostName, own: &Endpoint) -> Result<Arc<dyn OwnerStore>, Failure> {
    use engine::{Etcd, EtcdSettings, Security, Timing};

    let mut endpoints = settings.endpoints.clone();
    // The member on this host first, which answers soonest.
    endpoints.sort_by_key(|endpoint| own.ipv4().map(std::net::IpAddr::from) != Some(endpoint.ip()));
    let security = match &settings.certificates {
        None => None,
        Some(folder) => {
            let read = |name: String| -> Result<Vec<u8>, Failure> {
                let file = folder.join(name);
                config::trust::require_file(&file, "a certificate for the pool's store")?;
                std::fs::read(&file).map_err(|e| protocol::missing(format!("{} could not be read", file.display()), e))
            };
            let [authorities, chain, key] =
                [read("ca.pem".to_owned())?, read(format!("{host}.pem"))?, read(format!("{host}-key.pem"))?];
            Some(Security::from_pem(&authorities, &chain, &key)?)
        }
    };
    let timing = Timing { lease: settings.lease, ..Timing::default() };
    let endpoints = endpoints.iter().map(ToString::to_string).collect();
    Ok(Arc::new(Etcd::new(host.clone(), EtcdSettings { security, timing, ..EtcdSettings::new(endpoints) })))
}

#[cfg(not(feature = "etcd"))]
pub(super) fn owners(_: &PoolStore, _: &HostName, _: &Endpoint) -> Result<Arc<dyn OwnerStore>, Failure> {
    let text = "the cluster file names a store, and this baton was built without etcd";
    Err(Failure::new(protocol::ErrorCode::Config, text).hint("build it with its default features, or take [pool.store] out"))
}
