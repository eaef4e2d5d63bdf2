//! What a modem elsewhere needs to go on where one is: everything that it would otherwise have to find again on the air.

use serde::{Deserialize, Serialize};

use super::phy::broadcast::Broadcast;
use super::phy::parameters::{Parameters, Role};
use super::phy::sync_signals::CellId;
use super::settings::Settings;
use crate::protocol::Link;

/// Greatest carrier frequency offset that makes sense, Hz.
const MOST_CFO: f32 = 20_000.0;

/// No tick and no counter of a sound modem is beyond this.
const MOST: u64 = 1 << 60;

/// Soft state, on the clock of the device that both modems use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoftState {
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
    /// Tick before which the next burst can not begin.
    pub next_free: u64,
    /// Sequence number of the next payload to transmit.
    pub sent: u16,
    /// Sequence number of the next payload expected.
    pub expected: u16,
    /// Counters.
    pub link: Link,
}

impl SoftState {
    /// The version of this layout.
    pub const VERSION: u32 = 1;

    /// Parameters as bytes.
    pub fn words(parameters: &Parameters) -> Vec<u8> {
        Broadcast { parameters: *parameters, role: Role::Master, frame: 0 }.bytes().to_vec()
    }

    /// The cell and its parameters, if a modem with these settings can go on with them.
    ///
    /// # Errors
    /// A sentence that says what does not fit.
    pub fn check(&self, settings: &Settings) -> Result<(CellId, Parameters), String> {
        if self.version != Self::VERSION {
            return Err(format!("the soft state has version {}; this modem reads version {}", self.version, Self::VERSION));
        }
        let cell = CellId::new(self.cell).ok_or_else(|| format!("the soft state names cell {}; there are 0 to 503", self.cell))?;
        let read = Broadcast::read(&self.parameters).ok_or("the soft state's parameters can not be read")?;
        let (theirs, ours) = (read.parameters.numerology.bandwidth, settings.parameters.numerology.bandwidth);
        if theirs.ticks_per_sample() != ours.ticks_per_sample() {
            return Err(format!("the soft state is of a bandwidth of {} MHz; this modem has {} MHz", theirs.mhz(), ours.mhz()));
        }
        if !self.cfo_hz.is_finite() || self.cfo_hz.abs() > MOST_CFO {
            return Err(format!("the soft state's frequency offset of {} Hz is beyond {MOST_CFO} Hz", self.cfo_hz));
        }
        let Link { blocks_good, blocks_bad, packets_in, packets_out, subframes_lost, .. } = self.link;
        let numbers = [self.origin, self.tick, self.next_free, blocks_good, blocks_bad, packets_in, packets_out, subframes_lost];
        if let Some(number) = numbers.into_iter().find(|number| *number > MOST) {
            return Err(format!("the soft state holds the number {number}, which no tick and no counter can be"));
        }
        if let Some(own) = settings.cell.filter(|own| *own != cell && settings.role != Role::Slave) {
            return Err(format!("the soft state is of cell {}; this modem has cell {}", cell.number(), own.number()));
        }
        Ok((cell, read.parameters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modem::core::{Modem, Outlet};
    use crate::modem::receive::Sync;
    use crate::protocol::Control;
    use crate::workload::samples::{Block, Sample};
    use proptest::prelude::*;

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
        fn any_state_is_refused_or_does_no_harm(cell in 0u16..600, origin: u64, tick: u64, next_free: u64, shift in 0u32..64, frame: Option<u16>,
            cfo in -30_000f32..30_000.0, sent: u16, expected: u16, blocks_good: u64, at in 0u64..1 << 40) {
            let settings = Settings::read(&Control::new(), false, None).unwrap();
            let state = SoftState {
                version: 1, cell, parameters: SoftState::words(&settings.parameters), origin: origin >> shift, cfo_hz: cfo,
                tick: tick >> shift, frame, next_free: next_free >> shift, sent, expected,
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
