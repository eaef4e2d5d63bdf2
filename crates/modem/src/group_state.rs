//! What a terminal of a group adds to the soft state: every neighbour's timing, and the route table.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::acquire::Timing;
use super::group::{Group, cell_of};
use super::phy::numerology::FrameClock;
use super::phy::parameters::Parameters;
use super::relay::LONGEST;
use super::soft_state::{Room, SoftState};
use protocol::Route;

/// A terminal's ears.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupState {
    /// The terminal's own index.
    pub index: u8,
    /// The others that it hears.
    pub neighbours: Vec<NeighbourState>,
    /// Its route table.
    pub routes: Vec<Route>,
}

/// What is known of a neighbour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeighbourState {
    /// Its index.
    pub index: u8,
    /// Some tick at which a subframe 0 of it arrives, modulo a frame.
    pub origin: u64,
    /// Carrier frequency offset, Hz.
    pub cfo_hz: f32,
    /// Number of its frame at the state's tick.
    pub frame: Option<u16>,
    /// Tick up to which its subframes have been decoded.
    pub decoded: u64,
    /// Sequence number of its next payload.
    pub expected: Option<u16>,
    /// What has arrived of a packet of which more is to come, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiving: Option<String>,
}

impl GroupState {
    /// What has arrived of packets, by neighbour.
    ///
    /// # Errors
    /// A sentence when one of them is none.
    pub fn parts(&self) -> Result<Vec<Option<Vec<u8>>>, String> {
        let read = |text: &String| match STANDARD.decode(text) {
            Ok(part) if part.len() <= LONGEST => Ok(part),
            Ok(part) => Err(format!("the soft state carries a packet of {} bytes; they have at most {LONGEST}", part.len())),
            Err(why) => Err(format!("a packet in the soft state is not base64: {why}")),
        };
        self.neighbours.iter().map(|neighbour| neighbour.receiving.as_ref().map(read).transpose()).collect()
    }
}

impl Group {
    /// Its part of the soft state, for a tick.
    pub fn state(&self, tick: u64) -> GroupState {
        let neighbours = self.chains.iter().filter_map(|chain| {
            let timing = chain.receiver.timing()?;
            Some(NeighbourState {
                index: chain.index,
                origin: timing.clock.origin,
                cfo_hz: timing.cfo,
                frame: chain.receiver.frame_at(tick),
                decoded: chain.receiver.decoded(),
                expected: chain.receiver.reassembler.expected(),
                receiving: None,
            })
        });
        GroupState { index: self.me, neighbours: neighbours.collect(), routes: self.relay.routes.table() }
    }

    /// Puts what has arrived of packets into the state, as far as there is room.
    pub fn parts(&self, state: &mut GroupState, room: &mut Room) {
        for neighbour in &mut state.neighbours {
            let chain = self.chains.iter().find(|chain| chain.index == neighbour.index);
            let part = chain.and_then(|chain| chain.receiver.reassembler.part());
            part.into_iter().for_each(|part| room.take(part, |text| neighbour.receiving = Some(text)));
        }
    }

    /// Goes on where another terminal was that had this place; `known` is its group and how that works, `parts` what it had of packets.
    ///
    /// # Errors
    /// A sentence for routes that can not be; nothing is changed then.
    pub fn inherit(
        &mut self,
        known: (u16, Parameters),
        state: &SoftState,
        told: &GroupState,
        parts: Vec<Option<Vec<u8>>>,
    ) -> Result<(), String> {
        self.relay.routes.install(&told.routes)?;
        self.relay.resume(state.link);
        self.known = Some(known);
        self.chains.iter_mut().for_each(|chain| chain.receiver.aim(cell_of(chain.index, self.known)));
        for (neighbour, part) in told.neighbours.iter().zip(parts) {
            let Some(chain) = self.chains.iter_mut().find(|chain| chain.index == neighbour.index) else { continue };
            let Some(cell) = cell_of(neighbour.index, self.known) else { continue };
            let timing = Timing { clock: FrameClock { origin: neighbour.origin }, cfo: neighbour.cfo_hz };
            let frame = neighbour.frame.map(|number| (timing.clock.frame_start(state.tick), number));
            chain.receiver.inherit(cell, timing, frame, neighbour.decoded);
            chain.receiver.reassembler.resume(neighbour.expected, part);
        }
        if let Some(first) = self.chains.first_mut() {
            first.receiver.quality.resume(state.link);
        }
        Ok(())
    }
}
