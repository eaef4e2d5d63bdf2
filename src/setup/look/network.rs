//! The interfaces of this network namespace, by netlink.

use std::net::IpAddr;

use futures::TryStreamExt;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType};

use protocol::{ErrorCode, Failure, Port};

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// As telemetry shows one.
    pub port: Port,
    /// Whether it is one of Ethernet.
    pub ethernet: bool,
    /// Whether it has a carrier.
    pub carrier: bool,
}

/// All interfaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network(Vec<Interface>);

impl Network {
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] without netlink.
    pub async fn read() -> Result<Self, Failure> {
        let unavailable = |e: &dyn std::fmt::Display| {
            Failure::new(ErrorCode::Environment, format!("the interfaces of this machine cannot be listed by netlink: {e}"))
        };
        let (connection, handle, _) = rtnetlink::new_connection().map_err(|e| unavailable(&e))?;
        tokio::spawn(connection);
        let links: Vec<_> = handle.link().get().execute().try_collect().await.map_err(|e| unavailable(&e))?;
        let addresses: Vec<_> = handle.address().get().execute().try_collect().await.map_err(|e| unavailable(&e))?;
        let interface = |link: &rtnetlink::packet_route::link::LinkMessage| {
            let mut port = Port { up: link.header.flags.contains(LinkFlags::Up), ..Port::default() };
            for attribute in &link.attributes {
                match attribute {
                    LinkAttribute::IfName(name) => port.name.clone_from(name),
                    LinkAttribute::Mtu(bytes) => port.mtu = Some(*bytes),
                    LinkAttribute::Address(bytes) if bytes.len() == 6 => {
                        let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                        port.mac = Some(bytes.join(":"));
                    }
                    _ => {}
                }
            }
            let own = addresses.iter().filter(|message| message.header.index == link.header.index);
            let local = own.filter_map(|message| {
                message.attributes.iter().find_map(|attribute| match attribute {
                    AddressAttribute::Local(IpAddr::V4(address)) => Some(format!("{address}/{}", message.header.prefix_len)),
                    _ => None,
                })
            });
            port.addresses = local.collect();
            let loops = link.header.flags.contains(LinkFlags::Loopback);
            Interface {
                ethernet: link.header.link_layer_type == LinkLayerType::Ether && !loops,
                carrier: link.header.flags.contains(LinkFlags::Up | LinkFlags::LowerUp),
                port,
            }
        };
        Ok(Self(links.iter().map(interface).collect()))
    }

    /// The interface of that name.
    pub fn find(&self, name: &str) -> Option<&Interface> {
        self.0.iter().find(|interface| interface.port.name == name)
    }

    /// Those of Ethernet, in the kernel's order.
    pub fn ethernet(&self) -> impl Iterator<Item = &Interface> {
        self.0.iter().filter(|interface| interface.ethernet)
    }
}
