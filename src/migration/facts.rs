//! What the steps of a flow learn for later ones, and the times that agents and engine keep.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use serde_json::Value;

use protocol::{Accelerator, ControlValues, GuestCopy, Handover, ImageFile, Mechanism, TracePart, Unsent};

/// How long the signal processing may take to re-synchronise.
pub const SYNC_DEADLINE: Duration = Duration::from_secs(5);
/// How long a destination that goes on where the source was may take for its first good subframe: it needs a few ms, and as long again is what going
/// back takes.
pub const CONFIRM_DEADLINE: Duration = Duration::from_millis(30);
/// Kept beyond a deadline that the asked agent keeps itself, so that its own sentence arrives before we give up on it.
pub const MARGIN: Duration = Duration::from_secs(1);

/// An agent that has not answered by then within a cut is given up.
pub const FROZEN: Duration = Duration::from_millis(250);
/// A frozen source goes on by itself after this, unless another host has the radio's address: twice what a whole hot move may take, since a busy
/// machine needs 150 ms for a freeze alone.
pub const LEASE: Duration = Duration::from_millis(200);
/// Nobody takes over later than this after the source was asked to freeze: its lease begins after that, and the rest of it is for claiming the
/// streams.
pub const TAKE_OVER_WITHIN: Duration = Duration::from_millis(170);

/// The same two for a pod: its dump, its copy and its restore take several tenths of a second, and several times as long on a busy machine.
pub const POD_LEASE: Duration = Duration::from_secs(15);
/// As [`TAKE_OVER_WITHIN`], of a pod.
pub const POD_TAKE_OVER_WITHIN: Duration = Duration::from_millis(14_500);

/// What earlier steps learnt.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Address of the source's tun.
    pub tun_ip: String,
    /// The source's control variables and routes; it has routes in the relay scenario only.
    pub values: ControlValues,
    /// The soft state of the source's D2D process, of the latest step that read it.
    pub state: Value,
    /// The receive stream of the source's USRP process; null where that does not tell.
    pub stream: Value,
    /// Where the source's USRP process was frozen.
    pub mark: Value,
    /// The parts of the cut.
    pub trace: Vec<TracePart>,
    /// What the processes counted at the cut.
    pub handover: Option<Handover>,
    /// The images of the source's pod.
    pub images: Vec<ImageFile>,
    /// What the mechanism that moves the work reports of itself.
    pub mechanism: Option<Mechanism>,
    /// What runs the source's guest.
    pub accelerator: Option<Accelerator>,
    /// Where the destination waits for the guest.
    pub guest_at: Option<SocketAddrV4>,
    /// How the guest's memory is copied.
    pub copy: GuestCopy,
    /// What the source's programs have sent since the freeze.
    pub unsent: Unsent,
    /// How many of those packets the destination has sent.
    pub packets_forwarded: u64,
    /// The highest epoch of the radio's owner that any host knows, or that this order has asked for.
    pub epoch: u64,
    /// The source has been frozen, so that another host may have become the owner since.
    pub frozen: bool,
    /// The radio is to be taken although another host's eth3 still answers for its address.
    pub force: bool,
    /// The radio is to be taken although a machine that is no host of this cluster has its address: the service goes back to where it was,
    /// or the operator has said so.
    pub despite_foreign: bool,
    /// A failover: whoever gets the radio's samples serves, whoever else answers for its address.
    pub by_radio: bool,
    /// The host that has the work before the order, by name: the source, or the other one where nothing is moved.
    pub source: String,
    /// The other host of the pool does not answer.
    pub other_silent: bool,
}

/// How long a copy may take until the guest can be stopped: one that dirties memory faster than it is copied never can.
pub const CONVERGE_WITHIN: Duration = Duration::from_secs(60);

impl Facts {
    /// Where the guest is to go; nowhere before that was learnt.
    pub(super) fn guest_destination(&self) -> SocketAddrV4 {
        self.guest_at.unwrap_or(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))
    }

    /// The epoch of the next owner: above all that were, so that no host takes a late word of the old owner for news.
    pub(super) fn next_epoch(&self) -> u64 {
        self.epoch.saturating_add(1)
    }
}
