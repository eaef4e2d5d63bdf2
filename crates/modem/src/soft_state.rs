//! What a modem on another host needs to continue for this one: everything that it would otherwise have to find again on the air.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::group_state::GroupState;
use super::phy::broadcast::Broadcast;
use super::phy::duplex::Duplex;
use super::phy::numerology::{SUBFRAME_TICKS, TICK_RATE};
use super::phy::parameters::{Parameters, TerminalRole};
use super::phy::sync_signals::CellId;
use super::settings::ModemSettings;
use protocol::Link;

/// Greatest carrier frequency offset that makes sense, Hz.
const MOST_CFO: f32 = 20_000.0;

/// No tick and no counter of a working modem is beyond this.
const MOST: u64 = 1 << 60;

/// Most bytes of a state as JSON.
pub const MOST_BYTES: usize = 4096;

/// No modem sends bursts further ahead than this, ticks: the longest lead, and the difference between two hosts' latest samples.
pub const MOST_AHEAD: u64 = 60 * SUBFRAME_TICKS;

/// A state may be ahead of the samples by this much, s: the other host may have received them sooner.
const MOST_EARLY: f64 = 0.1;

/// A state may be older than the samples by this much, s. Oscillators 5 ppm apart drift by half a prefix in half a second; beyond some
/// seconds nothing of it holds, and only the search helps.
const MOST_OLD: f64 = 10.0;

/// Whether a state of a tick can be of the clock that shows `now`.
///
/// # Errors
/// A sentence that says why not.
pub fn check_clock(tick: u64, now: u64) -> Result<(), String> {
    let ahead = (tick as f64 - now as f64) / TICK_RATE;
    if ahead > MOST_EARLY {
        return Err(format!(
            "the soft state is {ahead:.1} s ahead of the radio's clock: it is of another radio, or of before a reset"
        ));
    }
    if -ahead > MOST_OLD {
        return Err(format!("the soft state is {:.1} s old; after {MOST_OLD} s its timing no longer holds", -ahead));
    }
    Ok(())
}

/// Soft state, on the clock of the device that both modems use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModemSoftState {
    /// Of this layout.
    pub version: u32,
    /// phy_cell_ID.
    pub cell: u16,
    /// How the cell works, as the broadcast block says it.
    pub parameters: Vec<u8>,
    /// Some tick at which a subframe 0 of the far end arrives, modulo a frame.
    pub origin: u64,
    /// Carrier frequency offset, Hz.
    pub cfo_hz: f32,
    /// Tick for which `frame` is told.
    pub tick: u64,
    /// Number of the far end's frame then.
    pub frame: Option<u16>,
    /// Tick up to which subframes have been decoded.
    pub decoded: u64,
    /// Tick before which the next burst cannot begin.
    pub next_free: u64,
    /// Sequence number of the next payload to transmit.
    pub sent: u16,
    /// Sequence number of the next payload expected.
    pub expected: Option<u16>,
    /// Counters.
    pub link: Link,
    /// Packets of a frozen modem.
    #[serde(default, skip_serializing_if = "CarriedPackets::is_empty")]
    pub carried: CarriedPackets,
    /// Of a terminal in a group: `cell` is its own, `origin` to `expected` are of whom it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupState>,
}

/// Packets that are carried over, in base64.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedPackets {
    /// What has arrived of a packet of which more is to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiving: Option<String>,
    /// What has yet to be sent of a packet that has been sent in part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sending: Option<String>,
    /// Packets that wait, the oldest first.
    #[serde(default)]
    pub waiting: Vec<String>,
    /// Packets for which there was no room.
    #[serde(default)]
    pub left_behind: u64,
}

/// Packets that are carried over.
#[derive(Debug)]
pub struct Packets {
    /// What has arrived of a packet.
    pub receiving: Option<Vec<u8>>,
    /// What has yet to be sent of a packet.
    pub sending: Vec<u8>,
    /// Packets that wait.
    pub waiting: VecDeque<Vec<u8>>,
}

impl CarriedPackets {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The packets, of at most `longest` bytes.
    ///
    /// # Errors
    /// A sentence when one of them is not a packet.
    pub fn packets(&self, longest: usize) -> Result<Packets, String> {
        let read = |text: &String| packet(text, longest).map_err(|why| format!("the soft state carries {why}"));
        Ok(Packets {
            receiving: self.receiving.as_ref().map(read).transpose()?,
            sending: self.sending.as_ref().map(read).transpose()?.unwrap_or_default(),
            waiting: self.waiting.iter().map(read).collect::<Result<_, _>>()?,
        })
    }
}

/// A packet of at most `longest` bytes out of its base64.
///
/// # Errors
/// What it is instead.
pub fn packet(text: &str, longest: usize) -> Result<Vec<u8>, String> {
    match STANDARD.decode(text) {
        Ok(packet) if (1..=longest).contains(&packet.len()) => Ok(packet),
        Ok(packet) => Err(format!("a packet of {} bytes; they have 1 to {longest}", packet.len())),
        Err(why) => Err(format!("a packet that is not base64: {why}")),
    }
}

/// Room for packets in a state.
#[derive(Debug)]
pub struct Room {
    bytes: usize,
    left_behind: u64,
}

impl Room {
    /// JSON beside a packet's base64: names of fields, quotes, commas.
    const FRINGE: usize = 16;

    /// For so many bytes.
    pub const fn with_bytes(bytes: usize) -> Self {
        Self { bytes, left_behind: 0 }
    }

    /// Packets for which there was none.
    pub const fn left_behind(&self) -> u64 {
        self.left_behind
    }

    /// Hands a packet's base64 to `put` if there is room.
    pub fn place(&mut self, packet: &[u8], put: impl FnOnce(String)) {
        let need = packet.len().div_ceil(3) * 4 + Self::FRINGE;
        match self.bytes.checked_sub(need) {
            Some(left) => {
                self.bytes = left;
                put(STANDARD.encode(packet));
            }
            None => self.left_behind += 1,
        }
    }

    /// Appends a packet if there is room, and was for those before it.
    pub fn append(&mut self, packet: &[u8], waiting: &mut Vec<String>) {
        if self.left_behind > 0 {
            self.left_behind += 1;
        } else {
            self.place(packet, |text| waiting.push(text));
        }
    }
}

impl ModemSoftState {
    /// The version of this layout.
    pub const VERSION: u32 = 2;

    /// Parameters as bytes.
    pub fn words(parameters: &Parameters) -> Vec<u8> {
        Broadcast { parameters: *parameters, role: TerminalRole::Master, frame: 0, hops: 0 }.bytes().to_vec()
    }

    /// Reads a state as `export` gives it.
    ///
    /// # Errors
    /// A sentence when it is not a state of this version.
    pub fn read(state: &Value) -> Result<Self, String> {
        let bytes = state.to_string().len();
        if bytes > MOST_BYTES {
            return Err(format!("the soft state has {bytes} bytes; this modem's has at most {MOST_BYTES}"));
        }
        let version = state.get("version").and_then(Value::as_u64);
        let version = version.ok_or("the soft state tells no version: it is cut short, or of another program")?;
        if version != u64::from(Self::VERSION) {
            return Err(format!("the soft state has version {version}; this modem reads version {}", Self::VERSION));
        }
        Self::deserialize(state).map_err(|why| format!("the soft state cannot be read: {why}"))
    }

    /// Room that is left for packets.
    pub fn room(&self) -> Room {
        let own = serde_json::to_string(self).map_or(MOST_BYTES, |text| text.len());
        // The object of the packets itself, and the count of those left behind.
        Room::with_bytes(MOST_BYTES.saturating_sub(own + 80))
    }

    /// The cell and its parameters, if a modem with these settings can go on with them.
    ///
    /// # Errors
    /// A sentence that says what does not fit.
    pub fn check(&self, settings: &ModemSettings) -> Result<(CellId, Parameters), String> {
        if self.version != Self::VERSION {
            return Err(format!("the soft state has version {}; this modem reads version {}", self.version, Self::VERSION));
        }
        let cell = CellId::new(self.cell).ok_or_else(|| format!("the soft state names cell {}; there are 0 to 503", self.cell))?;
        let read = Broadcast::read(&self.parameters).ok_or("the soft state's parameters cannot be read")?;
        let (theirs, ours) = (read.parameters.numerology.bandwidth, settings.parameters.numerology.bandwidth);
        if theirs.ticks_per_sample() != ours.ticks_per_sample() {
            return Err(format!("the soft state is of a bandwidth of {} MHz; this modem has {} MHz", theirs.mhz(), ours.mhz()));
        }
        if !self.cfo_hz.is_finite() || self.cfo_hz.abs() > MOST_CFO {
            return Err(format!("the soft state's frequency offset of {} Hz is beyond {MOST_CFO} Hz", self.cfo_hz));
        }
        let Link { blocks_good, blocks_bad, packets_in, packets_out, packets_resent, subframes_lost, .. } = self.link;
        let numbers = [
            self.origin,
            self.tick,
            self.decoded,
            self.next_free,
            blocks_good,
            blocks_bad,
            packets_in,
            packets_out,
            packets_resent,
            subframes_lost,
        ];
        if let Some(number) = numbers.into_iter().find(|number| *number > MOST) {
            return Err(format!("the soft state holds the number {number}, which no tick and no counter can be"));
        }
        if let Some(tick) = [self.next_free, self.decoded].into_iter().find(|tick| *tick > self.tick + MOST_AHEAD) {
            let ms = (tick - self.tick) as f64 / TICK_RATE * 1000.0;
            return Err(format!("the soft state holds a tick that is {ms:.0} ms ahead of itself"));
        }
        self.check_cell(cell, &read.parameters, settings)?;
        self.check_group(&read.parameters, settings)?;
        Ok((cell, read.parameters))
    }

    /// A terminal of a group takes the state of one that had its place.
    fn check_group(&self, parameters: &Parameters, settings: &ModemSettings) -> Result<(), String> {
        let in_group = matches!(parameters.duplex, Duplex::Group { .. });
        let (told, own) = match (&self.group, &settings.group) {
            (None, None) if !in_group => return Ok(()),
            (Some(told), Some(own)) if in_group => (told, own),
            _ => return Err("either the soft state or this modem is of a terminal in a group, the other is not".into()),
        };
        if told.index != own.index {
            return Err(format!("the soft state is of terminal {}; this modem is terminal {}", told.index, own.index));
        }
        for neighbour in &told.neighbours {
            let bounded = neighbour.origin <= MOST && neighbour.decoded <= self.tick + MOST_AHEAD;
            if !bounded || !neighbour.cfo_hz.is_finite() || neighbour.cfo_hz.abs() > MOST_CFO {
                return Err(format!("the soft state's timing of terminal {} cannot be", neighbour.index));
            }
        }
        Ok(())
    }

    /// A modem that was told its cell stays there.
    fn check_cell(&self, cell: CellId, parameters: &Parameters, settings: &ModemSettings) -> Result<(), String> {
        let Some(own) = settings.cell else { return Ok(()) };
        if own != cell {
            return Err(format!("the soft state is of cell {}; this modem has cell {}", cell.number(), own.number()));
        }
        let (theirs, ours) = (parameters, &settings.parameters);
        if theirs.rnti != ours.rnti {
            return Err(format!("the soft state is of RNTI {}; this modem has RNTI {}", theirs.rnti, ours.rnti));
        }
        if (theirs.numerology.prefix, theirs.duplex) != (ours.numerology.prefix, ours.duplex) {
            return Err("the soft state is of another cyclic prefix or duplex mode than this modem was told".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Modem;
    use crate::outlet::{Outlet, Sync};
    use proptest::prelude::*;
    use protocol::Control;
    use workload::samples::{Block, Sample};

    struct Nowhere;

    impl Outlet for Nowhere {
        fn burst(&mut self, _: &Block) {}
        fn packet(&mut self, _: &[u8]) {}
        fn sync(&mut self, _: Sync) {}
        fn note(&mut self, _: &str) {}
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_state_is_refused_or_does_no_harm(cell in 0u16..600, origin: u64, tick: u64, ahead in 0u64..10_000_000, shift in 0u32..64, frame: Option<u16>,
            cfo in -30_000f32..30_000.0, sent: u16, expected: u16, blocks_good: u64, at in 0u64..1 << 40) {
            let settings = ModemSettings::read(&Control::new(), false, None, &[]).unwrap();
            let state = ModemSoftState {
                version: 2, cell, parameters: ModemSoftState::words(&settings.parameters), origin: origin >> shift, cfo_hz: cfo,
                tick: tick >> shift, frame, next_free: (tick >> shift).saturating_add(ahead), sent, expected: Some(expected),
                decoded: (tick >> shift).saturating_sub(ahead), carried: CarriedPackets::default(), group: None,
                link: Link { blocks_good: blocks_good >> shift, ..Link::default() },
            };
            let mut modem = Modem::new(settings, 8);
            let _ = modem.inherit(&state);
            for n in 0..8 {
                let samples: Vec<Sample> = (0..900).map(|i| Sample::new(i * 31 % 997, i * 17 % 991)).collect();
                modem.receive(at + n * 900 * 56, &samples, &mut Nowhere);
            }
            let _ = (modem.export(), modem.report());
        }
    }
}
