//! The receiving side of a terminal in a group: a receiver for every other terminal, whose timing to follow, and the relay behind them.

mod handover;
mod standby;

use std::sync::Arc;

use rustfft::FftPlanner;

use super::membership::Membership;
use super::outlet::{Outlet, Sync};
use super::phy::cell::Cell;
use super::phy::duplex::LinkDirection;
use super::phy::history::SampleHistory;
use super::phy::numerology::{FrameClock, SUBFRAME_TICKS, TICK_RATE};
use super::phy::parameters::{Parameters, TerminalRole};
use super::phy::sync_signals::CellId;
use super::queue::PacketQueue;
use super::receive::{Effort, Receiver};
use super::relay::{LONGEST, Relay};
use super::segment::Reassembler;
use super::settings::ModemSettings;
use protocol::Link;
use workload::samples::Block;

/// Hops of a terminal without a timing.
pub const NO_TIMING: u8 = 255;

/// Most hops of a timing that others follow: two hops reach everybody.
const MOST_HOPS: u8 = 1;

/// A terminal that is not found is searched for without a pause for this long, s; later, while others are in sync, at intervals.
const EAGER: f64 = 0.5;
/// Subframes from one such search to the next, and those that it lasts: a frame, and what a window overlaps.
const PERIOD: u64 = 128;
const SEARCH: u64 = 12;

/// A slave that has received nobody for this long, s, assumes that what it was told of the group is wrong.
const PATIENCE: f64 = 2.0;

/// A terminal that is silent for this long, s, has to be found again.
const GONE: f64 = 2.0;

/// One of the other terminals.
struct TerminalReceiver {
    /// Its index.
    index: u8,
    /// Its receiver.
    receiver: Receiver,
    output: ReceiverOutput,
}

/// What a receiver gives out.
#[derive(Default)]
struct ReceiverOutput {
    packets: Vec<Vec<u8>>,
    notes: Vec<String>,
    sync: Option<Sync>,
}

impl Outlet for ReceiverOutput {
    fn burst(&mut self, _: &Block) {}

    fn packet(&mut self, packet: &[u8]) {
        self.packets.push(packet.to_vec());
    }

    fn sync(&mut self, sync: Sync) {
        self.sync = Some(sync);
    }

    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }
}

impl TerminalReceiver {
    fn synced(&self) -> bool {
        self.output.sync == Some(Sync::Synced)
    }

    /// Hops of its timing, if it is one to follow.
    fn hops(&self) -> Option<u8> {
        // The master does not have to report it.
        let hops = if self.index == 0 { Some(0) } else { self.receiver.hops() };
        hops.filter(|hops| *hops <= MOST_HOPS && self.synced())
    }
}

/// The receiving side of a terminal.
pub struct GroupReceiver {
    me: u8,
    role: TerminalRole,
    /// Packets and routes.
    pub relay: Relay,
    chains: Vec<TerminalReceiver>,
    /// Whose timing this terminal has.
    followed: Option<usize>,
    /// group_ID and how the group works, once known.
    known: Option<(u16, Parameters)>,
    sync: Sync,
    /// Tick since which nobody is in sync.
    alone: Option<u64>,
}

impl GroupReceiver {
    /// The receiving side of a terminal with these settings, which puts packets into `outgoing`.
    pub fn new(
        settings: &ModemSettings,
        membership: &Membership,
        outgoing: Arc<PacketQueue>,
        planner: &mut FftPlanner<f32>,
    ) -> Self {
        let (me, terminals) = (membership.index, membership.terminals.clone());
        let known = settings.cell.map(|cell| (cell.group(), settings.parameters));
        let bandwidth = settings.parameters.numerology.bandwidth;
        let others = (0..terminals.len() as u8).filter(|index| *index != me);
        let chains = others.map(|index| {
            let mut receiver = Receiver::for_direction(bandwidth, LinkDirection::Terminal(index), cell_of(index, known), planner);
            receiver.reassembler = Reassembler::with_longest(LONGEST);
            TerminalReceiver { index, receiver, output: ReceiverOutput::default() }
        });
        Self {
            chains: chains.collect(),
            relay: Relay::new(me, terminals, outgoing),
            me,
            role: settings.role,
            followed: None,
            known,
            sync: Sync::NoSamples,
            alone: None,
        }
    }

    /// Direction in which this terminal transmits.
    pub const fn direction(&self) -> LinkDirection {
        LinkDirection::Terminal(self.me)
    }

    /// This terminal's own cell, once the group is known, and how it works.
    pub fn cell(&self) -> Option<(CellId, Parameters)> {
        let (group, parameters) = self.known?;
        Some((CellId::from_parts(group, u16::from(self.me))?, parameters))
    }

    fn followed(&self) -> Option<&TerminalReceiver> {
        self.chains.get(self.followed?)
    }

    /// The receiver of the terminal that is followed.
    pub fn leader(&self) -> Option<&Receiver> {
        Some(&self.followed()?.receiver)
    }

    /// The frames that a slave transmits in.
    pub fn clock(&self) -> Option<FrameClock> {
        self.followed()?.receiver.clock()
    }

    /// Number of the group's frame at a tick.
    pub fn frame_at(&self, tick: u64) -> Option<u16> {
        self.followed()?.receiver.frame_at(tick)
    }

    /// Over how many hops this terminal's timing comes from the master.
    pub fn hops(&self) -> u8 {
        match self.role {
            TerminalRole::Master | TerminalRole::BaseStation => 0,
            TerminalRole::Slave => self.followed().and_then(TerminalReceiver::hops).map_or(NO_TIMING, |hops| hops + 1),
        }
    }

    /// Quality of the link that is followed; counters of all.
    pub fn link(&self) -> Link {
        let mut link = self.followed().map_or_else(Link::default, |chain| chain.receiver.link());
        (link.blocks_good, link.blocks_bad, link.subframes_lost) = (0, 0, 0);
        for part in self.chains.iter().map(|chain| chain.receiver.link()) {
            link.blocks_good += part.blocks_good;
            link.blocks_bad += part.blocks_bad;
            link.subframes_lost += part.subframes_lost;
        }
        self.relay.link(link)
    }

    /// Received packets of which a part was missing.
    pub fn broken(&self) -> u64 {
        self.chains.iter().map(|chain| chain.receiver.reassembler.broken).sum()
    }

    /// Does what the latest samples allow.
    pub fn work(&mut self, history: &SampleHistory, out: &mut impl Outlet) {
        let now = history.end();
        let heard = self.chains.iter().any(TerminalReceiver::synced);
        for n in 0..self.chains.len() {
            let chain = &mut self.chains[n];
            let effort = match chain.receiver.in_vain(now) {
                // One receiver is enough for the survey.
                _ if !heard && n == 0 => Effort::Full,
                _ if !heard => Effort::Search,
                seconds if seconds < EAGER => Effort::Search,
                _ if now / SUBFRAME_TICKS % PERIOD < SEARCH => Effort::Search,
                _ => Effort::Rest,
            };
            chain.receiver.work(history, effort, &mut chain.output);
            if self.followed != Some(n) && chain.output.sync == Some(Sync::Lost) && chain.receiver.silence(now) > GONE {
                chain.receiver.forget();
            }
            self.pass_on(n, now, out);
            self.learn(n);
        }
        self.doubt(now, out);
        self.follow(out);
        if self.cell().is_some() {
            let heard = self.chains.iter().any(TerminalReceiver::synced);
            self.relay.routes.work(now, heard, |text| out.note(&text));
        }
        self.tell(out);
    }

    /// Hands on what a receiver gave out; while it is held back, the hellos alone.
    fn pass_on(&mut self, n: usize, now: u64, out: &mut impl Outlet) {
        let chain = &mut self.chains[n];
        for packet in chain.output.packets.drain(..) {
            if chain.receiver.overhears() {
                self.relay.overheard(chain.index, &packet, now);
            } else {
                self.relay.arrived(chain.index, &packet, now, |packet| out.packet(packet));
            }
        }
        chain.output.notes.drain(..).for_each(|text| out.note(&format!("terminal {}: {text}", chain.index)));
    }

    /// Tells all receivers what one of them has learned of the group.
    fn learn(&mut self, n: usize) {
        let chain = &self.chains[n];
        let Some((cell, parameters)) = chain.receiver.cell().filter(|_| chain.synced()) else { return };
        let known = Some((cell.group(), parameters));
        if self.known == known || self.role != TerminalRole::Slave {
            return;
        }
        self.known = known;
        for chain in &mut self.chains {
            chain.receiver.aim(cell_of(chain.index, known));
        }
    }

    /// A slave that has received nobody for a while searches for any group.
    fn doubt(&mut self, now: u64, out: &mut impl Outlet) {
        if self.chains.iter().any(TerminalReceiver::synced) {
            self.alone = None;
            return;
        }
        let alone = *self.alone.get_or_insert(now);
        let (Some((group, _)), TerminalRole::Slave) = (self.known, self.role) else { return };
        if (now.saturating_sub(alone) as f64) < PATIENCE * TICK_RATE {
            return;
        }
        out.note(&format!("group {group} has not been found within {PATIENCE:.0} s: the modem now searches for any group"));
        self.known = None;
        self.chains.iter_mut().for_each(|chain| chain.receiver.aim(None));
    }

    /// Follows the terminal with the fewest hops to the master; keeps the one that it has while there is no better one.
    fn follow(&mut self, out: &mut impl Outlet) {
        let best = (0..self.chains.len()).filter_map(|n| Some((self.chains[n].hops()?, n))).min();
        let now = self.followed().and_then(TerminalReceiver::hops);
        let Some((hops, n)) = best.filter(|(hops, _)| now.is_none_or(|now| *hops < now)) else { return };
        let before = self.followed.replace(n);
        if self.role == TerminalRole::Slave && before.is_some_and(|before| before != n) {
            let (index, of) = (self.chains[n].index, if hops == 0 { "the master" } else { "one hop from the master" });
            out.note(&format!("the frame timing is now that of terminal {index}, {of}"));
        }
    }

    /// Reports the state of sync: a slave's is that of the terminal it follows, a master's the best of all.
    fn tell(&mut self, out: &mut impl Outlet) {
        let best = self.chains.iter().find(|chain| chain.synced()).filter(|_| self.role != TerminalRole::Slave);
        let sync = best.or_else(|| self.followed()).and_then(|chain| chain.output.sync).unwrap_or(Sync::Searching);
        self.turn(sync, out);
    }

    fn turn(&mut self, sync: Sync, out: &mut impl Outlet) {
        if self.sync != sync {
            self.sync = sync;
            out.sync(sync);
        }
    }

    /// Whether samples arrive.
    pub fn has_samples(&self) -> bool {
        self.sync != Sync::NoSamples
    }

    /// No samples arrive any more.
    pub fn no_samples(&mut self, out: &mut impl Outlet) {
        self.chains.iter_mut().for_each(|chain| chain.receiver.no_samples(&mut chain.output));
        self.alone = None;
        self.turn(Sync::NoSamples, out);
    }

    /// The device clock was set back.
    pub fn forget(&mut self) {
        self.chains.iter_mut().for_each(|chain| chain.receiver.forget());
        self.relay.routes.forget();
        (self.followed, self.alone) = (None, None);
    }
}

/// A terminal's cell in a group that is known.
fn cell_of(index: u8, known: Option<(u16, Parameters)>) -> Option<Arc<Cell>> {
    let (group, parameters) = known?;
    let id = CellId::from_parts(group, u16::from(index))?;
    Some(Arc::new(Cell::new(id, parameters, LinkDirection::Terminal(index))))
}
