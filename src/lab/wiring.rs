//! Builds a [`Topology`] with rtnetlink.

use std::collections::HashSet;
use std::future::Future;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use nix::net::if_::if_nametoindex;
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{InfoBridge, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkMessage, State};
use rtnetlink::packet_route::neighbour::NeighbourState;
use rtnetlink::{Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth, MulticastGroup};

use super::namespace::Namespaces;
use super::topology::{Cable, InterfacePlace, Switch, TAP, Topology};
use super::tun;
use config::Cidr;
use protocol::{ErrorCode, Failure};
use protocol::{Trying, missing};

/// MTU of every interface, bytes: Ethernet's, which an N210 expects.
const MTU: u32 = 1500;

/// Settings of the kernel's network stack in each namespace, below /proc/sys/net. A new namespace inherits the machine's,
/// so every setting that matters is set.
const STACK: [(&str, &str); 10] = [
    ("ipv6/conf/all/disable_ipv6", "1"),
    ("ipv6/conf/default/disable_ipv6", "1"),
    ("ipv4/ip_forward", "0"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    // Answer ARP only on the interface that has the address: eth3 must not answer for tun, nor mgmt0 for eth3.
    ("ipv4/conf/all/arp_ignore", "1"),
    ("ipv4/conf/all/arp_announce", "2"),
    // baton announces a change of the radio port's address itself; the kernel must not do so as well.
    ("ipv4/conf/all/arp_notify", "0"),
    ("ipv4/conf/default/arp_notify", "0"),
    // Unprivileged ICMP sockets for group 0, the only group that surely exists in the lab.
    ("ipv4/ping_group_range", "0 0"),
];

/// How long the kernel may take to report carrier on every cable; it usually takes less than a second.
const CARRIER_WITHIN: Duration = Duration::from_secs(10);

/// Builds the network; when this returns, a frame sent at any end arrives at the other.
///
/// # Errors
/// The first step that failed, as a sentence.
pub fn build(topology: &Topology) -> Result<Namespaces, Failure> {
    let namespaces = Namespaces::make(topology.home, &topology.namespaces)?;
    let all = || topology.namespaces.iter().copied().chain([topology.home]);
    for name in all() {
        namespaces.inside(name, || set_stack(name))?;
    }
    for name in all() {
        namespaces.inside(name, || by_netlink(async |link| make_links(&namespaces, topology, name, link).await))?;
    }
    for name in all() {
        namespaces.inside(name, || by_netlink(async |link| bring_up(topology, name, link).await))?;
    }
    // A switch ignores a port until the kernel has noticed its carrier, so switches come after that.
    for name in all() {
        namespaces.inside(name, || by_netlink(async |link| carrier(topology, name, link).await))?;
    }
    for name in all() {
        namespaces.inside(name, || by_netlink(async |link| configure(topology, name, link).await))?;
    }
    Ok(namespaces)
}

/// The ends of cables in a namespace.
fn ends<'a>(topology: &'a Topology, name: &'a str) -> impl Iterator<Item = &'static str> + use<'a> {
    let cables = topology.cables.iter().flat_map(|cable| [cable.from, cable.to]);
    cables.filter(move |port| port.namespace == name).map(|port| port.interface)
}

fn set_stack(name: &str) -> Result<(), Failure> {
    for (key, value) in STACK {
        let path = format!("/proc/sys/net/{key}");
        match std::fs::write(&path, value) {
            Ok(()) => {}
            // A kernel without IPv6 has none to turn off.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(missing(format!("{path} could not be set in the namespace {name}"), error)),
        }
    }
    Ok(())
}

/// Runs `work` with a netlink socket of this thread's network namespace.
fn by_netlink<F: Future<Output = Result<(), Failure>>>(work: impl FnOnce(Handle) -> F) -> Result<(), Failure> {
    workload::runtime::current_thread()?.block_on(async {
        let (connection, handle, _) = rtnetlink::new_connection().trying(|| "a netlink socket could not be made")?;
        tokio::spawn(connection);
        work(handle).await
    })
}

async fn make_links(namespaces: &Namespaces, topology: &Topology, name: &str, link: Handle) -> Result<(), Failure> {
    for cable in topology.cables.iter().filter(|cable| cable.from.namespace == name) {
        lay(cable, namespaces.handle(cable.to.namespace)?, &link).await?;
    }
    for Switch { bridge, .. } in topology.switches.iter().filter(|switch| switch.bridge.namespace == name) {
        // A switch forwards at once and leaves multicast alone.
        let options = vec![InfoBridge::ForwardDelay(0), InfoBridge::MulticastSnooping(false)];
        let message = LinkMessageBuilder::<LinkBridge>::new(bridge.interface)
            .index(bridge.number.into())
            .address(bridge.address())
            .mtu(MTU)
            .set_info_data(InfoData::Bridge(options))
            .build();
        link.link().add(message).execute().await.map_err(|error| link_failure("switch", bridge, &error))?;
    }
    for (_, tun) in topology.tuns.iter().filter(|(namespace, _)| *namespace == name) {
        tun::make(tun)?;
    }
    if topology.taps.contains(&name) {
        tun::make_tap(TAP)?;
    }
    Ok(())
}

/// One veth pair, made with both ends where they belong.
async fn lay(cable: &Cable, to: BorrowedFd<'_>, link: &Handle) -> Result<(), Failure> {
    let far = end::<LinkUnspec>(LinkMessageBuilder::default(), &cable.to, cable.radio).setns_by_fd(to.as_raw_fd()).build();
    let near = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth);
    let near = end(near, &cable.from, cable.radio).set_info_data(InfoData::Veth(InfoVeth::Peer(far))).build();
    link.link().add(near).execute().await.map_err(|error| link_failure("cable", &cable.from, &error))
}

fn end<T>(message: LinkMessageBuilder<T>, port: &InterfacePlace, radio: bool) -> LinkMessageBuilder<T> {
    // Two ends with one index would each look like an interface without a peer, whose carrier the kernel reports up to a second late.
    let message = message.name(port.interface).index(port.number.into()).address(port.address()).mtu(MTU);
    // One segment at most: the kernel then cuts TCP and UDP super-frames before they reach the cable.
    if radio { message.append_extra_attribute(LinkAttribute::GsoMaxSegs(1)) } else { message }
}

fn link_failure(what: &str, port: &InterfacePlace, error: &rtnetlink::Error) -> Failure {
    let failure = missing(format!("the {what} {}/{} could not be made", port.namespace, port.interface), error);
    match error {
        rtnetlink::Error::NetlinkError(message) if message.raw_code() == -nix::libc::EOPNOTSUPP => {
            failure.hint("the kernel needs veth and bridge: modprobe veth bridge")
        }
        _ => failure,
    }
}

/// Ports to their switches, switches up, addresses to their interfaces.
async fn configure(topology: &Topology, name: &str, link: Handle) -> Result<(), Failure> {
    for switch in topology.switches.iter().filter(|switch| switch.bridge.namespace == name) {
        let bridge = index(name, switch.bridge.interface)?;
        for port in &switch.ports {
            let message = LinkUnspec::new_with_index(index(name, port)?).controller(bridge).build();
            link.link().set(message).execute().await.trying(|| format!("{name}/{port} could not be plugged into its switch"))?;
        }
    }
    for at in topology.addresses.iter().filter(|at| at.namespace == name) {
        let address: Cidr = at.address.parse()?;
        let request = link.address().add(index(name, at.interface)?, address.address().into(), address.prefix());
        request.execute().await.trying(|| format!("{} could not be set on {name}/{}", at.address, at.interface))?;
    }
    for at in topology.neighbours.iter().filter(|at| at.namespace == name) {
        let address: Cidr = at.address.parse()?;
        let known = link.neighbours().add(index(name, at.interface)?, address.address().into());
        let known = known.link_layer_address(&at.hardware).state(NeighbourState::Permanent);
        known.execute().await.trying(|| format!("the hardware address of {address} could not be made known to {name}"))?;
    }
    let switches = topology.switches.iter().map(|switch| switch.bridge).filter(|bridge| bridge.namespace == name);
    for bridge in switches {
        up(name, bridge.interface, &link).await?;
    }
    Ok(())
}

async fn up(namespace: &str, interface: &str, link: &Handle) -> Result<(), Failure> {
    let message = LinkUnspec::new_with_index(index(namespace, interface)?).up().build();
    link.link().set(message).execute().await.trying(|| format!("{namespace}/{interface} could not be brought up"))
}

/// Takes an interface of this process's own namespace down, or brings it up again, as a cable that is pulled and plugged.
///
/// # Errors
/// There is no such interface, or no right.
pub fn set_up(namespace: &str, interface: &str, yes: bool) -> Result<(), Failure> {
    by_netlink(async |link| {
        let message = LinkUnspec::new_with_index(index(namespace, interface)?);
        let message = if yes { message.up() } else { message.down() };
        link.link().set(message.build()).execute().await.trying(|| format!("{namespace}/{interface} could not be changed"))
    })
}

async fn bring_up(topology: &Topology, name: &str, link: Handle) -> Result<(), Failure> {
    let tuns = topology.tuns.iter().filter(|(namespace, _)| *namespace == name).map(|(_, tun)| *tun);
    let tap = topology.taps.contains(&name).then_some(TAP);
    for interface in ends(topology, name).chain(tuns).chain(tap).chain(["lo"]) {
        up(name, interface, &link).await?;
    }
    Ok(())
}

/// Waits until every cable in a namespace has carrier.
async fn carrier(topology: &Topology, name: &str, _link: Handle) -> Result<(), Failure> {
    let mut waiting: HashSet<String> = ends(topology, name).map(str::to_owned).collect();
    // Subscribes to events before it reads the present state, so that no change is missed.
    let (connection, link, mut events) =
        rtnetlink::new_multicast_connection(&[MulticastGroup::Link]).trying(|| "a netlink socket could not be made")?;
    tokio::spawn(connection);
    let mut present = link.link().get().execute();
    while let Some(message) = present.try_next().await.trying(|| format!("the interfaces of {name} cannot be listed"))? {
        note(&mut waiting, &message);
    }
    let all_carry = async {
        while !waiting.is_empty() {
            match events.next().await.map(|(message, _)| message.payload) {
                Some(NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(message))) => note(&mut waiting, &message),
                Some(_) => {}
                None => break,
            }
        }
    };
    let in_time = tokio::time::timeout(CARRIER_WITHIN, all_carry).await.is_ok();
    if in_time && waiting.is_empty() {
        return Ok(());
    }
    let list = waiting.into_iter().collect::<Vec<_>>().join(", ");
    Err(Failure::new(ErrorCode::Environment, format!("the kernel reports no carrier on {list} in the namespace {name}")))
}

/// Removes an interface from the list when it is up.
fn note(waiting: &mut HashSet<String>, message: &LinkMessage) {
    let up = message.attributes.iter().any(|attribute| matches!(attribute, LinkAttribute::OperState(State::Up)));
    let name = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name),
        _ => None,
    });
    if let (true, Some(name)) = (up, name) {
        waiting.remove(name);
    }
}

fn index(namespace: &str, interface: &str) -> Result<u32, Failure> {
    if_nametoindex(interface).trying(|| format!("{namespace}/{interface} cannot be found"))
}
