//! The carrier of an interface: netlink tells every change (RTM_NEWLINK).

use futures::StreamExt;
use futures::channel::mpsc::UnboundedReceiver;
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::sys::SocketAddr;

use protocol::{ErrorCode, Failure};

/// Hears of every change of the interfaces of this namespace.
pub(in crate::agent) struct LinkWatch {
    messages: UnboundedReceiver<(NetlinkMessage<RouteNetlinkMessage>, SocketAddr)>,
}

impl LinkWatch {
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] without netlink.
    pub(in crate::agent) fn open() -> Result<Self, Failure> {
        let (connection, _, messages) = rtnetlink::new_multicast_connection(&[MulticastGroup::Link])
            .map_err(|e| Failure::new(ErrorCode::Environment, format!("netlink is not available on this machine: {e}")))?;
        tokio::spawn(connection);
        Ok(Self { messages })
    }

    /// Waits for the next word of the named interface: whether it carries frames. `None` when netlink says no more.
    pub(in crate::agent) async fn next(&mut self, name: &str) -> Option<bool> {
        loop {
            let (message, _) = self.messages.next().await?;
            let NetlinkPayload::InnerMessage(message) = message.payload else { continue };
            let (link, gone) = match message {
                RouteNetlinkMessage::NewLink(link) => (link, false),
                RouteNetlinkMessage::DelLink(link) => (link, true),
                _ => continue,
            };
            if is_named(&link, name) {
                return Some(!gone && carries(&link));
            }
        }
    }
}

fn is_named(link: &LinkMessage, name: &str) -> bool {
    link.attributes.iter().any(|attribute| matches!(attribute, LinkAttribute::IfName(known) if known == name))
}

/// Whether the interface is up and has a carrier.
pub(super) fn carries(link: &LinkMessage) -> bool {
    link.header.flags.contains(LinkFlags::Up | LinkFlags::LowerUp)
}
