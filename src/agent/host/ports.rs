//! The addresses of eth3 and tun, read and set through netlink in the agent's own network namespace.

use std::net::IpAddr;
use std::sync::Arc;

use futures::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::packet_route::neighbour::NeighbourState;
use rtnetlink::{Error, Handle};
use tokio::sync::Mutex;

use super::arp::{MacAddress, format_mac};
use super::link_watch::carries;
use config::Cidr;
use protocol::{ErrorCode, Failure, Port};

/// Bytes through all interfaces of the namespace since they exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::agent) struct Traffic {
    /// Received.
    pub(in crate::agent) rx: u64,
    /// Sent.
    pub(in crate::agent) tx: u64,
}

/// The host's interfaces.
#[derive(Debug, Clone)]
pub(in crate::agent) struct Ports {
    pub(super) handle: Handle,
    /// The kernel answers a second dump on the same netlink socket with "busy".
    pub(super) one_at_a_time: Arc<Mutex<()>>,
    pub(super) host: String,
}

impl Ports {
    /// Opens netlink; must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`].
    pub(in crate::agent) fn open(host: &str) -> Result<Self, Failure> {
        let (connection, handle, _) = rtnetlink::new_connection()
            .map_err(|e| Failure::new(ErrorCode::Environment, format!("netlink is not available on this machine: {e}")))?;
        tokio::spawn(connection);
        Ok(Self { handle, one_at_a_time: Arc::default(), host: host.to_owned() })
    }

    /// Gives an interface exactly one IPv4 address.
    ///
    /// # Errors
    /// [`ErrorCode::Address`] with what could not be done.
    pub(in crate::agent) async fn set(&self, name: &str, wanted: Cidr) -> Result<(), Failure> {
        let _turn = self.one_at_a_time.lock().await;
        let index = self.link(name).await?.header.index;
        let fail = |e: Error| {
            Failure::new(
                ErrorCode::Address,
                format!("{name} of {} could not be given the address {wanted}: {}", self.host, reason(&e)),
            )
            .hint("the agent needs the right to change addresses (root, or CAP_NET_ADMIN)")
        };
        let addresses = self.addresses(index).await.map_err(fail)?;
        // An address of the same network would become the primary of the new one, which then dies with it: those go first.
        let (same, others): (Vec<_>, Vec<_>) = addresses
            .into_iter()
            .filter(|message| cidr(message) != Some(wanted))
            .partition(|message| cidr(message).is_some_and(|old| old.network() == wanted.network()));
        for old in same {
            self.handle.address().del(old).execute().await.map_err(fail)?;
        }
        // Replacing what is there already changes nothing; what died with its primary comes back.
        self.handle.address().add(index, IpAddr::V4(wanted.address()), wanted.prefix()).replace().execute().await.map_err(fail)?;
        for old in others {
            self.handle.address().del(old).execute().await.map_err(fail)?;
        }
        Ok(())
    }

    /// Takes all IPv4 addresses from an interface.
    ///
    /// # Errors
    /// [`ErrorCode::Address`] with what could not be done.
    pub(in crate::agent) async fn clear(&self, name: &str) -> Result<(), Failure> {
        let _turn = self.one_at_a_time.lock().await;
        let index = self.link(name).await?.header.index;
        let fail = |e: Error| {
            Failure::new(
                ErrorCode::Address,
                format!("the addresses of {name} of {} could not be taken away: {}", self.host, reason(&e)),
            )
            .hint("the agent needs the right to change addresses (root, or CAP_NET_ADMIN)")
        };
        let mut known = self.addresses(index).await.map_err(fail)?;
        while let Some(old) = known.pop() {
            self.handle.address().del(old).execute().await.map_err(fail)?;
            // Secondary addresses may go with their primary.
            known = self.addresses(index).await.map_err(fail)?;
        }
        Ok(())
    }

    /// Forgets what is known of the neighbours on an interface, so that the next packet to each asks by ARP, and by asking teaches the
    /// switch where this address now lives.
    ///
    /// # Errors
    /// [`ErrorCode::Address`].
    pub(in crate::agent) async fn forget_neighbours(&self, name: &str) -> Result<(), Failure> {
        let _turn = self.one_at_a_time.lock().await;
        let index = self.link(name).await?.header.index;
        let fail =
            |e: Error| Failure::new(ErrorCode::Address, format!("the neighbours on {name} could not be forgotten: {}", reason(&e)));
        let mut request = self.handle.neighbours().get().set_address_family(AddressFamily::Inet).execute();
        let mut stale = Vec::new();
        while let Some(neighbour) = request.try_next().await.map_err(fail)? {
            let learnt = !matches!(neighbour.header.state, NeighbourState::Permanent | NeighbourState::Noarp);
            if neighbour.header.ifindex == index && learnt {
                stale.push(neighbour);
            }
        }
        for neighbour in stale {
            // One that is gone by now is as good as forgotten.
            let _ = self.handle.neighbours().del(neighbour).execute().await;
        }
        Ok(())
    }

    /// The first IPv4 address of an interface, with prefix length.
    ///
    /// # Errors
    /// [`ErrorCode::Address`] when the interface is missing or has none.
    pub(in crate::agent) async fn address(&self, name: &str) -> Result<String, Failure> {
        let _turn = self.one_at_a_time.lock().await;
        let link = self.link(name).await?;
        self.port(name, &link).await?.addresses.into_iter().next().ok_or_else(|| {
            Failure::new(ErrorCode::Address, format!("{name} of {} has no IPv4 address", self.host))
                .hint("give it one with set_tun_ip")
        })
    }

    /// Name, addresses and state of an interface; a missing one has no addresses and is down.
    ///
    /// # Errors
    /// [`ErrorCode::Address`] when netlink fails.
    pub(in crate::agent) async fn read(&self, name: &str) -> Result<Port, Failure> {
        let _turn = self.one_at_a_time.lock().await;
        match self.link(name).await {
            Ok(link) => self.port(name, &link).await,
            Err(_) => Ok(Port { name: name.to_owned(), ..Port::default() }),
        }
    }

    async fn port(&self, name: &str, link: &LinkMessage) -> Result<Port, Failure> {
        let addresses = self
            .addresses(link.header.index)
            .await
            .map_err(|e| Failure::new(ErrorCode::Address, format!("the addresses of {name} could not be read: {}", reason(&e))))?;
        Ok(Port {
            name: name.to_owned(),
            addresses: addresses.iter().filter_map(cidr).map(|address| address.to_string()).collect(),
            up: link.header.flags.contains(LinkFlags::Up),
            mac: hardware_address(link).map(format_mac),
            mtu: link.attributes.iter().find_map(|attribute| match attribute {
                LinkAttribute::Mtu(bytes) => Some(*bytes),
                _ => None,
            }),
        })
    }

    /// Whether an interface is up and has a carrier; a missing one has none.
    pub(in crate::agent) async fn carries(&self, name: &str) -> bool {
        let _turn = self.one_at_a_time.lock().await;
        self.link(name).await.is_ok_and(|link| carries(&link))
    }

    /// Index and hardware address of an Ethernet interface.
    ///
    /// # Errors
    /// [`ErrorCode::Address`] when it is missing or none.
    pub(in crate::agent) async fn hardware(&self, name: &str) -> Result<(u32, MacAddress), Failure> {
        let _turn = self.one_at_a_time.lock().await;
        let link = self.link(name).await?;
        let none = || Failure::new(ErrorCode::Address, format!("{name} of {} is no Ethernet interface", self.host));
        hardware_address(&link).map(|address| (link.header.index, address)).ok_or_else(none)
    }

    /// What went through all interfaces, loopback left out.
    ///
    /// Not from sysinfo, which reads `/sys/class/net`: that mount may show another namespace than the agent's.
    pub(in crate::agent) async fn traffic(&self) -> Traffic {
        let _turn = self.one_at_a_time.lock().await;
        let mut links = self.handle.link().get().execute();
        let mut sum = Traffic::default();
        while let Ok(Some(link)) = links.try_next().await {
            if link.header.flags.contains(LinkFlags::Loopback) {
                continue;
            }
            for attribute in link.attributes {
                if let LinkAttribute::Stats64(stats) = attribute {
                    sum.rx = sum.rx.saturating_add(stats.rx_bytes);
                    sum.tx = sum.tx.saturating_add(stats.tx_bytes);
                }
            }
        }
        sum
    }

    pub(super) async fn link(&self, name: &str) -> Result<LinkMessage, Failure> {
        let found = self.handle.link().get().match_name(name.to_owned()).execute().try_next().await;
        found.ok().flatten().ok_or_else(|| {
            Failure::new(ErrorCode::Address, format!("{} has no interface {name}", self.host))
                .hint("check radio_port and tun of this host in the configuration, and `ip link` on the host")
        })
    }

    async fn addresses(&self, index: u32) -> Result<Vec<AddressMessage>, Error> {
        let request = self.handle.address().get().set_link_index_filter(index).execute();
        request.try_filter(|message| std::future::ready(message.header.family == AddressFamily::Inet)).try_collect().await
    }
}

fn hardware_address(link: &LinkMessage) -> Option<MacAddress> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Address(bytes) => bytes.as_slice().try_into().ok(),
        _ => None,
    })
}

fn cidr(message: &AddressMessage) -> Option<Cidr> {
    // On a point-to-point interface `Address` is the peer's; `Local` is always ours.
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
        _ => None,
    });
    local.and_then(|address| Cidr::new(address, message.header.prefix_len).ok())
}

pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::NetlinkError(message) => message.to_io().to_string(),
        other => other.to_string(),
    }
}
