//! The network of a pod: a bridge in the place of the host's eth3, and a cable from there into the pod.
//!
//! The pod's own eth3 always has the radio's address, as it travels in the images; whether the host holds the radio is whether the cable is
//! plugged into the bridge.

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::sched::{CloneFlags, setns};
use rtnetlink::packet_route::link::{InfoBridge, InfoData, InfoKind, InfoVeth, LinkAttribute};
use rtnetlink::{Error, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth};

use super::arp::MacAddress;
use super::ports::{Ports, reason};
pub(in crate::agent) use crate::mover::criu::{INSIDE, OUTSIDE};
use config::Cidr;
use protocol::{ErrorCode, Failure};

/// Between eth3 and the pod; in a pod's host it has the parked address.
pub(in crate::agent) const BRIDGE: &str = "podbr";
/// Bytes: Ethernet's, as the radio expects.
const MTU: u32 = 1500;

/// Hardware address of the pod's eth3 on a host: the host's own, but for one bit of the part that its maker gives, and local.
pub(in crate::agent) fn pod_mac(host: MacAddress) -> MacAddress {
    let mut mac = host;
    mac[0] |= 0x02;
    mac[1] ^= 0x40;
    mac
}

fn failed(what: impl std::fmt::Display, host: &str, error: &Error) -> Failure {
    Failure::new(ErrorCode::Address, format!("{what} on {host}: {}", reason(error)))
        .hint("the agent of a host with a pod has to run as root; the kernel needs veth and bridge: modprobe veth bridge")
}

impl Ports {
    /// Opens netlink in another network namespace; must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`].
    pub(in crate::agent) fn open_in(host: &str, network: &File) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Handle::current();
        // A socket belongs to the namespace of the thread that has made it, and a thread that has left its own stays away.
        let opened = std::thread::scope(|scope| {
            let opening = scope.spawn(|| {
                setns(network.as_fd(), CloneFlags::CLONE_NEWNET)?;
                let _entered = runtime.enter();
                rtnetlink::new_connection()
            });
            opening.join().unwrap_or_else(|_| Err(io::Error::other("the thread in the pod's network ended")))
        });
        let (connection, handle, _) = opened.map_err(|e| {
            Failure::new(ErrorCode::Environment, format!("the network of the pod on {host} could not be entered: {e}"))
                .hint("the agent of a host with a pod has to run as root")
        })?;
        tokio::spawn(connection);
        Ok(Self { handle, one_at_a_time: Arc::default(), host: host.to_owned() })
    }

    /// Puts a bridge in the place of eth3, which becomes a port of it and gives it its hardware address; it gets the parked address. One that
    /// is there is left as it is.
    ///
    /// # Errors
    /// [`ErrorCode::Address`].
    pub(in crate::agent) async fn make_bridge(&self, port: &str, parked: Cidr) -> Result<(), Failure> {
        let (index, mac) = self.hardware(port).await?;
        {
            let _turn = self.one_at_a_time.lock().await;
            if self.link(BRIDGE).await.is_err() {
                let options = vec![InfoBridge::ForwardDelay(0), InfoBridge::MulticastSnooping(false)];
                let bridge = LinkMessageBuilder::<LinkBridge>::new(BRIDGE).address(mac.to_vec()).mtu(MTU);
                let bridge = bridge.set_info_data(InfoData::Bridge(options)).build();
                let added = self.handle.link().add(bridge).execute().await;
                added.map_err(|e| failed("the bridge of the pod could not be made", &self.host, &e))?;
            }
            let bridge = self.link(BRIDGE).await?.header.index;
            for change in
                [LinkUnspec::new_with_index(index).controller(bridge).build(), LinkUnspec::new_with_index(bridge).up().build()]
            {
                let changed = self.handle.link().set(change).execute().await;
                changed.map_err(|e| failed(format!("{port} could not be plugged into {BRIDGE}"), &self.host, &e))?;
            }
        }
        self.clear(port).await?;
        self.set(BRIDGE, parked).await
    }

    /// Lays a cable from here into the network of a process, where it is eth3; plugged in nowhere. A cable that is there is taken away first.
    ///
    /// # Errors
    /// [`ErrorCode::Address`].
    pub(in crate::agent) async fn lay_cable(&self, process: u32, mac: MacAddress) -> Result<(), Failure> {
        self.take_cable().await?;
        let _turn = self.one_at_a_time.lock().await;
        let inner = LinkMessageBuilder::<LinkUnspec>::default().name(INSIDE).address(mac.to_vec()).mtu(MTU);
        // One segment at most: the kernel then cuts super-frames before they reach the radio's cable.
        let inner = inner.append_extra_attribute(LinkAttribute::GsoMaxSegs(1)).setns_by_pid(process).build();
        let outer = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth).name(OUTSIDE).mtu(MTU);
        let outer = outer.set_info_data(InfoData::Veth(InfoVeth::Peer(inner))).build();
        let laid = self.handle.link().add(outer).execute().await;
        laid.map_err(|e| failed("the cable of the pod could not be laid", &self.host, &e))
    }

    /// Takes the outer end of the cable away, and with it the inner one; none that is not there.
    ///
    /// # Errors
    /// [`ErrorCode::Address`].
    pub(in crate::agent) async fn take_cable(&self) -> Result<(), Failure> {
        let _turn = self.one_at_a_time.lock().await;
        let Ok(link) = self.link(OUTSIDE).await else { return Ok(()) };
        match self.handle.link().del(link.header.index).execute().await {
            // The kernel has taken it away meanwhile, with the pod's network.
            Err(Error::NetlinkError(message)) if message.raw_code() == -nix::libc::ENODEV => Ok(()),
            taken => taken.map_err(|e| failed("the cable of the pod could not be taken away", &self.host, &e)),
        }
    }

    /// Whether the outer end of the cable is plugged in.
    pub(in crate::agent) async fn is_plugged(&self) -> bool {
        let _turn = self.one_at_a_time.lock().await;
        let plugged = |attribute: &LinkAttribute| matches!(attribute, LinkAttribute::Controller(index) if *index != 0);
        self.link(OUTSIDE).await.is_ok_and(|link| link.attributes.iter().any(plugged))
    }

    /// Brings an interface up.
    ///
    /// # Errors
    /// [`ErrorCode::Address`].
    pub(in crate::agent) async fn bring_up(&self, name: &str) -> Result<(), Failure> {
        let _turn = self.one_at_a_time.lock().await;
        let up = LinkUnspec::new_with_index(self.link(name).await?.header.index).up().build();
        let brought = self.handle.link().set(up).execute().await;
        brought.map_err(|e| failed(format!("{name} could not be brought up"), &self.host, &e))
    }

    /// Gives an interface another hardware address.
    ///
    /// # Errors
    /// [`ErrorCode::Address`].
    pub(in crate::agent) async fn set_hardware(&self, name: &str, mac: MacAddress) -> Result<(), Failure> {
        let _turn = self.one_at_a_time.lock().await;
        let changed = LinkUnspec::new_with_index(self.link(name).await?.header.index).address(mac.to_vec()).build();
        let set = self.handle.link().set(changed).execute().await;
        set.map_err(|e| failed(format!("the hardware address of {name} could not be changed"), &self.host, &e))
    }

    /// Adds an address beside what is there.
    ///
    /// # Errors
    /// [`ErrorCode::Address`].
    pub(in crate::agent) async fn add(&self, name: &str, address: Cidr) -> Result<(), Failure> {
        let _turn = self.one_at_a_time.lock().await;
        let index = self.link(name).await?.header.index;
        let request = self.handle.address().add(index, IpAddr::V4(address.address()), address.prefix()).replace();
        request.execute().await.map_err(|e| failed(format!("{name} could not be given {address}"), &self.host, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_has_a_local_address_that_is_not_its_hosts() {
        let host = [0x00, 0xba, 0x70, 0, 0, 0x31];
        let pod = pod_mac(host);
        assert_ne!(pod, host);
        assert_eq!((pod[0] & 0x03, pod[2..].to_vec()), (0x02, host[2..].to_vec()), "local, of one host only");
    }
}
