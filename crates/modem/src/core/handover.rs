//! One modem continues for another one: the soft state of a whole modem.

use super::Modem;
use crate::acquire::Timing;
use crate::phy::numerology::FrameClock;
use crate::queue::MTU;
use crate::receive_side::ReceiveSide;
use crate::relay::LONGEST;
use crate::soft_state::{CarriedPackets, ModemSoftState, Room, check_clock, packet};

/// Most bytes of packets that are forwarded: more than any bandwidth carries while work changes hands, and far from what a request may have.
const MOST_FORWARDED: usize = 64 << 10;

impl Modem {
    /// What a modem elsewhere needs to go on where this one is, on the same device clock; none before this one is in sync. A frozen
    /// modem's state also holds the packets that are under way or wait; a running one still sends its packets itself.
    pub fn export(&self) -> Option<ModemSoftState> {
        let receiver = match &self.receive_side {
            ReceiveSide::Link(receiver) => receiver,
            ReceiveSide::Group(group) => group.leader()?,
        };
        let (cell, parameters) = self.receive_side.cell()?;
        let timing = receiver.timing()?;
        let now = self.history.end();
        let (_, tick) = timing.clock.next_subframe(now);
        let state = ModemSoftState {
            version: ModemSoftState::VERSION,
            cell: cell.number(),
            parameters: ModemSoftState::words(&parameters),
            origin: timing.clock.origin,
            cfo_hz: timing.cfo,
            tick,
            frame: self.receive_side.frame_at(tick),
            decoded: receiver.decoded(),
            next_free: self.next_free,
            sent: self.segmenter.sequence(),
            expected: receiver.reassembler.expected(),
            link: self.report().link,
            carried: CarriedPackets::default(),
            group: match &self.receive_side {
                ReceiveSide::Link(_) => None,
                ReceiveSide::Group(group) => Some(group.state(tick)),
            },
        };
        Some(if self.frozen { self.with_packets(state) } else { state })
    }

    fn with_packets(&self, mut state: ModemSoftState) -> ModemSoftState {
        let mut room = state.room();
        match (&self.receive_side, &mut state.group) {
            (ReceiveSide::Group(group), Some(told)) => group.parts(told, &mut room),
            (ReceiveSide::Group(_), None) => {}
            (ReceiveSide::Link(receiver), _) => {
                receiver
                    .reassembler
                    .part()
                    .into_iter()
                    .for_each(|part| room.place(part, |text| state.carried.receiving = Some(text)));
            }
        }
        let carried = &mut state.carried;
        if self.segmenter.under_way() {
            room.place(self.segmenter.rest(), |text| carried.sending = Some(text));
        }
        let waiting = &mut carried.waiting;
        // In their order: behind one that does not fit, none does.
        self.segmenter.waiting().for_each(|packet| room.append(packet, waiting));
        self.outgoing.show(|packet| room.append(packet, waiting));
        if let ReceiveSide::Group(group) = &self.receive_side {
            self.queue.show(|packet| group.relay.routed(packet).iter().for_each(|packet| room.append(packet, waiting)));
        }
        carried.left_behind = room.left_behind();
        state
    }

    /// Packets from tun since the freeze, in base64, the oldest first, as many as a request has room for: no state of this modem holds them.
    pub fn unsent(&self) -> Vec<String> {
        let (mut room, mut packets) = (Room::with_bytes(MOST_FORWARDED), Vec::new());
        self.queue.show_later(|packet| room.append(packet, &mut packets));
        packets
    }

    /// Sends what another modem could not ([`Self::unsent`]), behind what waits here (3GPP 36.300, 10.1.2.3.1: data forwarding).
    ///
    /// # Errors
    /// A sentence when there is something that is no packet; nothing is sent then.
    pub fn forward(&mut self, packets: &[String]) -> Result<(), String> {
        let read = |text: &String| packet(text, MTU).map_err(|why| format!("what is to be forwarded has {why}"));
        let packets = packets.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        packets.iter().for_each(|packet| self.queue.push(packet));
        Ok(())
    }

    /// Goes on where another modem on the same device clock was: straight to decoding, without a search. Only a good CRC proves the
    /// state; without one the search begins.
    ///
    /// # Errors
    /// A sentence when the state does not fit; nothing is changed then.
    pub fn inherit(&mut self, state: &ModemSoftState) -> Result<(), String> {
        let (cell, parameters) = state.check(&self.settings)?;
        let packets = state.carried.packets(if state.group.is_some() { LONGEST } else { MTU })?;
        let parts = state.group.as_ref().map(|group| group.parts()).transpose()?;
        // While no samples flow the clock is not known; the next block will tell.
        let flows = self.receive_side.has_samples();
        if flows {
            check_clock(state.tick, self.history.end())?;
        }
        match (&mut self.receive_side, &state.group) {
            (ReceiveSide::Group(group), Some(told)) => {
                group.inherit((cell.group(), parameters), state, told, parts.unwrap_or_default())?;
            }
            (ReceiveSide::Link(receiver), _) => {
                let timing = Timing { clock: FrameClock { origin: state.origin }, cfo: state.cfo_hz };
                let frame = state.frame.map(|number| (timing.clock.frame_start(state.tick), number));
                let cell = receiver.cell_for(cell, parameters);
                receiver.inherit(cell, timing, frame, state.decoded);
                receiver.quality.resume(state.link);
                receiver.reassembler.resume(state.expected, packets.receiving);
            }
            (ReceiveSide::Group(_), None) => {
                return Err("the soft state is not of a terminal in a group, which this modem is".into());
            }
        }
        self.inherited = (!flows).then_some(state.tick);
        self.segmenter.resume(state.sent, packets.sending, packets.waiting);
        self.next_free = self.next_free.max(state.next_free);
        self.left_behind = state.carried.left_behind;
        if let Some(cell) = self.transmitted() {
            cell.complete();
        }
        Ok(())
    }
}
