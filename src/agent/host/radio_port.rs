//! The radio's address on eth3 during a cut: one netlink message each way, on a socket that nobody else keeps waiting, and what has to be
//! known beforehand for that.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::neighbour::NeighbourState;
use rtnetlink::packet_route::route::{RouteMessage, RouteScope};
use rtnetlink::{AddressMessageBuilder, Error, Handle, LinkUnspec, RouteMessageBuilder};

use super::address_socket::AddressSocket;
use super::arp::{ArpSocket, MacAddress};
use super::descriptors::{DescriptorReserve, out_of_descriptors, ran_out};
use super::pod_network::{BRIDGE, OUTSIDE};
use config::Cidr;
use protocol::{Deadline, ErrorCode, Failure};

/// The radio answers ARP in well under a millisecond; three times, because the switch may have to learn first.
const EVERY: Duration = Duration::from_millis(100);
const TRIES: u32 = 3;

/// A host's eth3 as far as the radio's address goes.
#[derive(Debug)]
pub(in crate::agent) struct RadioPort {
    handle: Handle,
    addresses: AddressSocket,
    host: String,
    name: String,
    active: Cidr,
    descriptors: Arc<DescriptorReserve>,
    /// The work is in a pod, whose eth3 keeps the radio's address: what changes is whether its cable is plugged in.
    in_pod: bool,
}

/// The failure of an address that would have been set after its time.
fn too_late(host: &str, port: &str, address: Cidr) -> Failure {
    let text = format!("{port} of {host} was not given {address}: it is too late, and another host may have gone on by itself");
    Failure::new(ErrorCode::TooLate, text).hint(format!("see what kept the agent of {host} waiting"))
}

impl RadioPort {
    /// Opens netlink; must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`].
    pub(in crate::agent) fn open(
        host: &str,
        name: &str,
        active: Cidr,
        descriptors: Arc<DescriptorReserve>,
        in_pod: bool,
    ) -> Result<Self, Failure> {
        let unavailable =
            |e: std::io::Error| Failure::new(ErrorCode::Environment, format!("netlink is not available on this machine: {e}"));
        let (connection, handle, _) = rtnetlink::new_connection().map_err(unavailable)?;
        tokio::spawn(connection);
        let addresses = AddressSocket::open().map_err(unavailable)?;
        Ok(Self { handle, addresses, host: host.to_owned(), name: name.to_owned(), active, descriptors, in_pod })
    }

    /// Looking a name up opens a socket, for which there must be a descriptor.
    fn index(&self) -> Result<u32, Failure> {
        self.index_of(if self.in_pod { BRIDGE } else { &self.name })
    }

    fn index_of(&self, name: &str) -> Result<u32, Failure> {
        let look_up = || if_nametoindex(name).map_err(std::io::Error::from);
        self.descriptors.lend(look_up).map_err(|e| match ran_out(&e) {
            true => out_of_descriptors(&self.host),
            false => self.failure("cannot be found", e),
        })
    }

    fn failure(&self, what: &str, why: impl std::fmt::Display) -> Failure {
        Failure::new(ErrorCode::Address, format!("{} of {} {what}: {why}", self.name, self.host)).hint(
            "check radio_port of this host in the configuration, and that the agent may change addresses (root, or CAP_NET_ADMIN)",
        )
    }

    /// Adds the radio's address beside what is there, unless the deadline has passed in the very moment before.
    ///
    /// # Errors
    /// [`ErrorCode::TooLate`] when it has; [`ErrorCode::Address`].
    pub(in crate::agent) fn hold(&self, by: Option<Deadline>) -> Result<(), Failure> {
        let added = if self.in_pod {
            let plugged = LinkUnspec::new_with_index(self.index_of(OUTSIDE)?).controller(self.index_of(BRIDGE)?).build();
            self.addresses.set_link(plugged, by)
        } else {
            self.addresses.add(self.radio_address()?, by)
        };
        match added.map_err(|e| self.failure(&format!("could not be given the address {}", self.active), e))? {
            true => Ok(()),
            false => Err(too_late(&self.host, &self.name, self.active)),
        }
    }

    /// Takes the radio's address away, and nothing else.
    ///
    /// # Errors
    /// [`ErrorCode::Address`], also when it was not there.
    pub(in crate::agent) fn release(&self) -> Result<(), Failure> {
        let removed = if self.in_pod {
            // A pod that is not there is not plugged in.
            let Ok(outside) = self.index_of(OUTSIDE) else { return Ok(()) };
            match self.addresses.set_link(LinkUnspec::new_with_index(outside).nocontroller().build(), None) {
                Err(e) if e.raw_os_error() == Some(nix::libc::ENODEV) => Ok(()),
                unplugged => unplugged.map(drop),
            }
        } else {
            self.addresses.remove(self.radio_address()?)
        };
        removed.map_err(|e| self.failure(&format!("could not give up the address {}", self.active), e))
    }

    fn radio_address(&self) -> Result<AddressMessage, Failure> {
        let (address, prefix) = (self.active.address(), self.active.prefix());
        Ok(AddressMessageBuilder::<Ipv4Addr>::new().index(self.index()?).address(address, prefix).build())
    }

    /// Opens a way to the radio from the parked address: the radio answers whoever asks, whatever its address, and the address that it is used
    /// to stays with its owner.
    ///
    /// # Errors
    /// [`ErrorCode::Address`].
    pub(in crate::agent) async fn open_way(&self, radio: Ipv4Addr, parked: Cidr) -> Result<(), Failure> {
        let from = parked.address();
        let way = RouteMessageBuilder::<Ipv4Addr>::new().pref_source(from);
        let add = self.handle.route().add(self.way(way, radio)?).replace();
        add.execute().await.map_err(|e| self.failure(&format!("could not be given a way from {from} to the radio"), e))
    }

    /// Closes it, if there is one: a parked host does not reach the radio.
    ///
    /// # Errors
    /// [`ErrorCode::Address`].
    pub(in crate::agent) async fn close_way(&self, radio: Ipv4Addr) -> Result<(), Failure> {
        let way = self.way(RouteMessageBuilder::<Ipv4Addr>::new(), radio)?;
        match self.handle.route().del(way).execute().await {
            Err(Error::NetlinkError(e)) if e.raw_code() == -nix::libc::ESRCH => Ok(()),
            closed => closed.map_err(|e| self.failure("could not be barred from the radio", e)),
        }
    }

    fn way(&self, way: RouteMessageBuilder<Ipv4Addr>, radio: Ipv4Addr) -> Result<RouteMessage, Failure> {
        Ok(way.destination_prefix(radio, 32).output_interface(self.index()?).scope(RouteScope::Link).build())
    }

    /// Finds the radio by ARP, from the interface's index and hardware address, without an address in its subnet, and tells the kernel where it is: the first packet then waits for nothing. `None`
    /// where this process may not open raw sockets.
    ///
    /// # Errors
    /// [`ErrorCode::RadioNotFound`] when it does not answer: there is no cable to it, or it is off.
    pub(in crate::agent) async fn find(
        &self,
        (index, own): (u32, MacAddress),
        radio: Ipv4Addr,
    ) -> Result<Option<(ArpSocket, MacAddress)>, Failure> {
        let probe = tokio::task::spawn_blocking(move || {
            let arp = match ArpSocket::open(index, own) {
                Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => return Ok(None),
                other => other?,
            };
            let mac = arp.probe(radio, EVERY, TRIES)?;
            Ok::<_, std::io::Error>(Some((arp, mac)))
        });
        let found =
            probe.await.map_err(|e| self.failure("could not be used", e))?.map_err(|e| self.failure("could not be used", e))?;
        let Some((arp, mac)) = found else { return Ok(None) };
        let mac = mac.ok_or_else(|| {
            let text = format!("the radio at {radio} does not answer ARP on {} of {}", self.name, self.host);
            Failure::new(ErrorCode::RadioNotFound, text).hint("is the cable between this host and the radio's switch in place?")
        })?;
        let neighbour = self.handle.neighbours().add(index, radio.into()).link_layer_address(&mac);
        let added = neighbour.state(NeighbourState::Reachable).replace().execute().await;
        added.map_err(|e| self.failure("could not be told where the radio is", e))?;
        Ok(Some((arp, mac)))
    }

    /// Tells everybody on the radio's network that its address is here now.
    pub(in crate::agent) fn announce(&self, arp: &ArpSocket) -> std::io::Result<()> {
        arp.announce(self.active.address())
    }
}
