//! The boards and the converters behind them: what registers 0, 20 to 22 and 184 to 188 reach.

use super::ad5623::Ad5623;
use super::ad7922::Ad7922;
use super::ad9510::{Ad9510, Output};
use super::ad9777::Ad9777;
use super::adf435x::{Kind, Power, Synthesizer};
use super::ads62p44::Ads62p44;
use super::corrections::{ReceiveCorrections, TransmitCorrections};
use super::gpio::{self, Gpio, Pins, RunningChains};
use super::impairments::Impairments;
use super::spi::{Core, Transfer};
use super::wbx::{self, Revision};
use super::{Board, Equipment, sbx};
use crate::air::iq::IqMatrix;
use crate::air::offset::Offset;
use crate::air::tuning::FrontEnd;
use crate::device::clock::Tick;
use n210_wire::dsp::Direction;
use n210_wire::register::sr;
use num_complex::Complex;

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

/// From the transmitter to the receiver over the switch at their shared connector, dB: its isolation.
const LEAK_DB: f32 = -50.0;

/// What goes to converters A and B: I and Q, or on an SBX, which has its modulator's Q at converter A, Q and I.
const IQ: u32 = 0x10;
const QI: u32 = 0x01;

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
    /// When an oscillator that was tuned will be locked.
    locking: [Option<Tick>; 2],
    receive: ReceiveCorrections,
    transmit: TransmitCorrections,
    /// Of the radio with this number in its process.
    impairments: (Impairments, usize),
    running: RunningChains,
    lost: [bool; 3],
    /// Tick of the latest write.
    now: Tick,
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
            locking: [None; 2],
            receive: ReceiveCorrections::default(),
            transmit: TransmitCorrections::new(if matches!(fitted, Fitted::Sbx(_)) { QI } else { IQ }),
            impairments: (Impairments::default(), 0),
            running: RunningChains::default(),
            lost: [false; 3],
            now: 0,
            changed: true,
        }
    }

    /// Whether a setting register is one of theirs.
    pub fn own(register: u8) -> bool {
        ReceiveCorrections::own(register)
            || TransmitCorrections::own(register)
            || matches!(register, sr::CLOCK | sr::SPI_DIVIDER..=sr::SPI_DATA | gpio::FIRST_REGISTER..=gpio::DIRECTION)
    }

    /// Their impairments.
    pub fn impairments(&self) -> Impairments {
        self.impairments.0
    }

    /// Sets the impairments of a radio with this number.
    pub fn impair(&mut self, impairments: Impairments, radio: usize, now: Tick) {
        self.receive.settle(self.receive_offset(), now);
        self.impairments = (impairments, radio);
        (self.now, self.changed) = (now, true);
    }

    /// DC offset of the receive converters.
    fn receive_offset(&self) -> Complex<f64> {
        let (impairments, radio) = self.impairments;
        impairments.receive_offset(radio)
    }

    /// When an oscillator will be locked that is not yet.
    pub fn due(&self) -> Option<Tick> {
        self.locking.into_iter().flatten().min()
    }

    /// Oscillators whose time has come are locked. True if there is one.
    pub fn lock(&mut self, now: Tick) -> bool {
        let locks = |due: &mut Option<Tick>| due.take_if(|due| *due <= now).is_some();
        let [receive, transmit] = self.locking.each_mut().map(locks);
        self.changed |= receive || transmit;
        receive || transmit
    }

    /// Writes a setting register.
    pub fn write(&mut self, register: u8, value: u32, now: Tick) {
        (self.now, self.changed) = (now, true);
        match register {
            _ if ReceiveCorrections::own(register) => self.receive.write(register, value, self.receive_offset(), now),
            _ if TransmitCorrections::own(register) => self.transmit.write(register, value),
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
        let lock_ticks = self.impairments.0.lock_ticks();
        for (direction, slave) in [RX_SYNTHESIZER, TX_SYNTHESIZER].into_iter().enumerate() {
            if is(slave) && self.synthesizers[direction].transfer(mosi, bits) && lock_ticks > 0 {
                self.locking[direction] = Some(self.now.saturating_add(lock_ticks));
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
        let powered = self.power(direction, pins) == Power { supplied: true, enabled: true };
        let works = powered && !self.lost[lock as usize] && self.locking[direction].is_none();
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

    /// What is done to a chain that runs.
    pub fn front(&self, direction: Direction) -> FrontEnd {
        let mut running = self.running;
        let receives = direction == Direction::Receive;
        *(if receives { &mut running.rx } else { &mut running.tx }) = true;
        let pins = Pins::from(self.gpio.driven(running));
        let front = if receives { self.receive_front(pins) } else { self.transmit_front(pins) };
        if front.converts { front } else { FrontEnd::OFF }
    }

    fn receive_front(&self, pins: Pins) -> FrontEnd {
        let (db, leak_db, oscillator) = match self.fitted {
            Fitted::Nothing => (None, None, None),
            Fitted::Plain => (Some(0.0), None, Some(0.0)),
            Fitted::Sbx(_) => (sbx::receive_db(pins), sbx::receive_leak_db(pins), self.oscillator(0, pins)),
            Fitted::Wbx(revision) => (revision.receive_db(pins), revision.receive_leak_db(pins), self.oscillator(0, pins)),
        };
        let amplitude = |db: Option<f32>| amplitude(db.filter(|_| oscillator.is_some()), self.adc.gain_db());
        let impairments = self.impairments.0;
        let behind_converter = self.receive.matrix();
        FrontEnd {
            lo: oscillator.unwrap_or_default(),
            gain: amplitude(db),
            leak: amplitude(leak_db.map(|db| db + LEAK_DB)),
            converts: self.clock.is_on(Output::Adc) && self.adc.is_on(),
            iq: impairments.receive_matrix().then(behind_converter),
            behind_converter,
            offset: self.receive.offset(self.receive_offset(), self.now),
            noise: impairments.receive_noise(amplitude(db)),
            phase_noise: impairments.phase_noise(),
        }
    }

    fn transmit_front(&self, pins: Pins) -> FrontEnd {
        let (db, leak_db, oscillator) = match self.fitted {
            Fitted::Nothing => (None, None, None),
            Fitted::Plain => (Some(0.0), None, Some(0.0)),
            Fitted::Sbx(_) => (sbx::transmit_db(pins), sbx::transmit_leak_db(pins), self.oscillator(1, pins)),
            Fitted::Wbx(revision) => {
                let voltages = &self.voltages[1];
                (revision.transmit_db(pins, voltages), revision.transmit_leak_db(pins, voltages), self.oscillator(1, pins))
            }
        };
        let amplitude = |db: Option<f32>| amplitude(db.filter(|_| oscillator.is_some()), 0.0);
        let wired = if matches!(self.fitted, Fitted::Sbx(_)) { IqMatrix::SWAP } else { IqMatrix::IDENTITY };
        let (impairments, radio) = self.impairments;
        let board = wired.then(impairments.transmit_matrix());
        let carrier = board.apply(self.transmit.offset()) + impairments.transmit_offset(radio);
        FrontEnd {
            lo: oscillator.map_or(0.0, |lo| lo + self.dac.shift_hz()),
            gain: amplitude(db),
            leak: amplitude(leak_db),
            converts: self.clock.is_on(Output::Dac) && self.dac.is_on(),
            iq: self.transmit.matrix().then(board),
            offset: Offset::fixed(carrier),
            phase_noise: impairments.phase_noise(),
            ..FrontEnd::OFF
        }
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

/// Of a way with this gain and what the converter adds; none is cut.
fn amplitude(db: Option<f32>, converter_db: f32) -> f32 {
    db.map_or(0.0, |db| 10_f32.powf((db + converter_db) / 20.0))
}

#[cfg(test)]
mod tests;
