//! One terminal of a group continues for another one.

use super::{GroupReceiver, cell_of};
use crate::acquire::Timing;
use crate::group_state::{GroupState, NeighbourState};
use crate::phy::numerology::FrameClock;
use crate::phy::parameters::Parameters;
use crate::soft_state::{ModemSoftState, Room};

impl GroupReceiver {
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
            part.into_iter().for_each(|part| room.place(part, |text| neighbour.receiving = Some(text)));
        }
    }

    /// Goes on where another terminal was that had this place; `known` is its group and how that works, `parts` what it had of packets.
    ///
    /// # Errors
    /// A sentence for routes that cannot be; nothing is changed then.
    pub fn inherit(
        &mut self,
        known: (u16, Parameters),
        state: &ModemSoftState,
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
