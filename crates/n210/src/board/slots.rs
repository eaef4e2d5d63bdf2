//! The boards and the converters behind them: what registers 0, 20 to 22 and 184 to 188 reach.

use super::ad5623::Ad5623;
use super::ad7922::Ad7922;
use super::ad9510::{Ad9510, Output};
use super::ad9777::Ad9777;
use super::adf435x::{Kind, Power, Synthesizer};
use super::ads62p44::Ads62p44;
use super::gpio::{self, Gpio, Pins, RunningChains};
use super::spi::{Core, Transfer};
use super::wbx::{self, Revision};
use super::{Board, Equipment, sbx};
use crate::air::tuning::FrontEnd;
use crate::device::clock::Tick;
use n210_wire::dsp::Direction;
use n210_wire::register::sr;

/// Lock detect is the lowest pin of each half; the one above shows what the synthesizer is told to show.
const LOCK_PIN: u32 = 1;
const SHOWN_PIN: u32 = 2;
const TX_HALF: u32 = 16;

/// Status word.
const REFERENCE_LOCKED: u32 = 1 << 11;
const SPI_READY: u32 = 1 << 12;

/// Register 0, lowest two bits: which reference.
const REFERENCE: u32 = 3;
const FROM_OUTSIDE: u32 = 0;
const INTERNAL: u32 = 2;

/// SPI slaves by their bits.
const CLOCK: u32 = 0x001;
const DAC: u32 = 0x002;
const RX_VOLTAGES: u32 = 0x004;
const RX_METER: u32 = 0x008;
const RX_SYNTHESIZER: u32 = 0x010;
const TX_VOLTAGES: u32 = 0x020;
const TX_METER: u32 = 0x040;
const TX_SYNTHESIZER: u32 = 0x080;
const ADC: u32 = 0x100;

/// What hardware is in the slots, whatever its EEPROMs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fitted {
    Nothing,
    /// Wires only.
    Plain,
    Sbx(Kind),
    Wbx(Revision),
}

/// What may lose its lock by a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// The 100 MHz clock to its reference.
    Reference,
    /// The receive board's synthesizer.
    Receive,
    /// The transmit board's synthesizer.
    Transmit,
}

/// Boards, converters, clock, and the pins and wires to them.
#[derive(Debug)]
pub struct Boards {
    fitted: Fitted,
    gpsdo: bool,
    reference: u32,
    spi: Core,
    gpio: Gpio,
    clock: Ad9510,
    dac: Ad9777,
    adc: Ads62p44,
    voltages: [Ad5623; 2],
    meters: [Ad7922; 2],
    /// Of the receive board and of the transmit board; without power, or without a board, they have no effect.
    synthesizers: [Synthesizer; 2],
    running: RunningChains,
    lost: [bool; 3],
    changed: bool,
}

impl Boards {
    /// All of it after power-up.
    pub fn new(equipment: Equipment) -> Self {
        let fitted = match equipment.board {
            Board::None => Fitted::Nothing,
            Board::Lf | Board::Basic => Fitted::Plain,
            Board::Sbx => Fitted::Sbx(Kind::Adf4350),
            Board::SbxV4 => Fitted::Sbx(Kind::Adf4351),
            Board::WbxV2 => Fitted::Wbx(Revision::V2),
            Board::Wbx => Fitted::Wbx(Revision::V3),
            Board::WbxV4 => Fitted::Wbx(Revision::V4),
        };
        Self::with(fitted, equipment.gpsdo)
    }

    fn with(fitted: Fitted, gpsdo: bool) -> Self {
        let kind = match fitted {
            Fitted::Sbx(kind) => kind,
            Fitted::Wbx(Revision::V4) => Kind::Adf4351,
            _ => Kind::Adf4350,
        };
        Self {
            fitted,
            gpsdo,
            reference: INTERNAL,
            spi: Core::default(),
            gpio: Gpio::default(),
            clock: Ad9510::new(),
            dac: Ad9777::new(),
            adc: Ads62p44::new(),
            voltages: Default::default(),
            meters: Default::default(),
            synthesizers: [Synthesizer::new(kind), Synthesizer::new(kind)],
            running: RunningChains::default(),
            lost: [false; 3],
            changed: true,
        }
    }

    /// Whether a setting register is one of theirs.
    pub fn own(register: u8) -> bool {
        matches!(register, sr::CLOCK | sr::SPI_DIVIDER..=sr::SPI_DATA | gpio::FIRST_REGISTER..=gpio::DIRECTION)
    }

    /// Writes a setting register.
    pub fn write(&mut self, register: u8, value: u32, now: Tick) {
        self.changed = true;
        match register {
            sr::CLOCK => self.reference = value & REFERENCE,
            sr::SPI_DIVIDER => self.spi.set_divider(value),
            sr::SPI_CONTROL => self.spi.set_control(value),
            sr::SPI_DATA => {
                let transfer = self.spi.start(value, now);
                let miso = self.shift(&transfer);
                self.spi.finish(&transfer, miso);
            }
            _ => {
                self.gpio.write(register, value);
                self.supply();
            }
        }
    }

    /// An SPI transfer by the firmware: slaves, data right-justified, bits; gives the word of [`Boards::received`] if wanted.
    pub fn transact(&mut self, slaves: u32, data: u32, [_, _, bits, readback]: [u8; 4], now: Tick) -> u32 {
        self.write(sr::SPI_CONTROL, u32::from(bits & 0x3F) << 24 | slaves & 0x00FF_FFFF, now);
        self.write(sr::SPI_DATA, data.wrapping_shl(u32::BITS.wrapping_sub(u32::from(bits))), now);
        if readback == 0 { 0 } else { self.received() }
    }

    /// Moves bits through every slave that is selected. The converter for reception and the voltages have no line back.
    fn shift(&mut self, transfer: &Transfer) -> u128 {
        let Transfer { slaves, bits, mosi } = *transfer;
        let mut miso = 0;
        let is = |slave| slaves & slave != 0;
        if is(CLOCK) {
            miso |= self.clock.transfer(mosi, bits);
        }
        if is(DAC) {
            miso |= self.dac.transfer(mosi, bits);
        }
        if is(ADC) {
            self.adc.transfer(mosi, bits);
        }
        for (slave, voltages) in [RX_VOLTAGES, TX_VOLTAGES].into_iter().zip(&mut self.voltages) {
            if is(slave) {
                voltages.transfer(mosi, bits);
            }
        }
        for (slave, meter) in [RX_METER, TX_METER].into_iter().zip(&mut self.meters) {
            if is(slave) {
                miso |= meter.transfer(mosi, bits);
            }
        }
        for (slave, synthesizer) in [RX_SYNTHESIZER, TX_SYNTHESIZER].into_iter().zip(&mut self.synthesizers) {
            if is(slave) {
                synthesizer.transfer(mosi, bits);
            }
        }
        self.supply();
        miso
    }

    /// How the synthesizer of a direction (0 receives) is powered.
    fn power(&self, direction: usize, pins: Pins) -> Power {
        match (self.fitted, direction) {
            (Fitted::Sbx(_), 0) => sbx::power(pins.rx),
            (Fitted::Sbx(_), _) => sbx::power(pins.tx),
            (Fitted::Wbx(revision), 0) => revision.rx_power(pins.rx),
            (Fitted::Wbx(revision), _) => revision.tx_power(pins.tx),
            _ => Power::default(),
        }
    }

    /// Synthesizers without supply forget what was written.
    fn supply(&mut self) {
        let pins = self.gpio.driven(self.running).into();
        for direction in [0, 1] {
            if !self.power(direction, pins).supplied {
                self.synthesizers[direction].forget();
            }
        }
    }

    /// Frequency of a direction's synthesizer in Hz; none when it is not locked.
    fn synthesized(&self, direction: usize, pins: Pins) -> Option<f64> {
        let (output, lock) = if direction == 0 { (Output::RxBoard, Lock::Receive) } else { (Output::TxBoard, Lock::Transmit) };
        let works = self.power(direction, pins) == Power { supplied: true, enabled: true } && !self.lost[lock as usize];
        works.then(|| self.synthesizers[direction].locked_hz(self.clock.output_hz(output))).flatten()
    }

    /// Says which chains run. True if front ends may have changed since this was last asked.
    pub fn follow(&mut self, running: RunningChains) -> bool {
        let changed = self.changed || running != self.running;
        (self.running, self.changed) = (running, false);
        changed
    }

    /// Makes something lose its lock, or lets it lock again.
    #[allow(dead_code, reason = "for the faults of a scene")]
    pub fn lose(&mut self, lock: Lock, lost: bool) {
        self.lost[lock as usize] = lost;
        self.changed = true;
    }

    /// What the boards do to a chain that runs. Gain 0 when the way is cut or the converter is off.
    pub fn front(&self, direction: Direction) -> FrontEnd {
        let off = FrontEnd { lo: 0.0, gain: 0.0 };
        let receives = direction == Direction::Receive;
        let mut running = self.running;
        *(if receives { &mut running.rx } else { &mut running.tx }) = true;
        let pins = Pins::from(self.gpio.driven(running));
        let front = match self.fitted {
            Fitted::Nothing => None,
            Fitted::Plain => Some((0.0, 0.0)),
            Fitted::Sbx(_) if receives => sbx::receive_db(pins).zip(self.oscillator(0, pins)),
            Fitted::Sbx(_) => sbx::transmit_db(pins).zip(self.oscillator(1, pins)),
            Fitted::Wbx(revision) if receives => revision.receive_db(pins).zip(self.oscillator(0, pins)),
            Fitted::Wbx(revision) => revision.transmit_db(pins, &self.voltages[1]).zip(self.oscillator(1, pins)),
        };
        let (converts, gain_db, shift) = if receives {
            (self.clock.is_on(Output::Adc) && self.adc.is_on(), self.adc.gain_db(), 0.0)
        } else {
            (self.clock.is_on(Output::Dac) && self.dac.is_on(), 0.0, self.dac.shift_hz())
        };
        front.filter(|_| converts).map_or(off, |(db, lo)| FrontEnd { lo: lo + shift, gain: 10_f32.powf((db + gain_db) / 20.0) })
    }

    /// What reaches a direction's mixer, as it mixes it, in Hz.
    fn oscillator(&self, direction: usize, pins: Pins) -> Option<f64> {
        let divider = if matches!(self.fitted, Fitted::Wbx(_)) { wbx::MIXER_DIVIDER } else { 1.0 };
        let mixed = self.synthesized(direction, pins)? / divider;
        self.synthesizers[direction].output_is_on().then_some(mixed)
    }

    /// All pins of the boards, transmit in the high half.
    pub fn pins(&self) -> u32 {
        let driven = Pins::from(self.gpio.driven(self.running));
        let inputs = [0, 1].map(|direction| {
            if !self.power(direction, driven).enabled {
                return 0;
            }
            let (detect, shown) = self.synthesizers[direction].pins(self.synthesized(direction, driven).is_some());
            (u32::from(detect) * LOCK_PIN) | (u32::from(shown) * SHOWN_PIN)
        });
        self.gpio.read(self.running, inputs[0] | inputs[1] << TX_HALF)
    }

    /// Bits that SPI received.
    pub fn received(&self) -> u32 {
        self.spi.received()
    }

    /// The status word. The fast control port finds SPI always ready: it waits for that.
    pub fn status(&self, now: Tick) -> u32 {
        // Only the GPSDO supplies 10 MHz.
        let reference = match self.reference {
            INTERNAL => true,
            FROM_OUTSIDE => self.gpsdo,
            _ => false,
        };
        let locked = self.clock.shows_lock(reference) && !self.lost[Lock::Reference as usize];
        (u32::from(locked) * REFERENCE_LOCKED) | (u32::from(self.spi.is_ready(now)) * SPI_READY)
    }
}

#[cfg(test)]
mod tests;
