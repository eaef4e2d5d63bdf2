//! The settings of the radio as register values, from the operator's description.

use std::net::Ipv4Addr;

use config::Radio;
use n210_wire::dsp::{self, Direction};
use n210_wire::{SAMPLES_PER_PACKET, TICKS_PER_SECOND};

use super::delay;

/// Frequencies that the radio's own mixers reach, Hz: half the master clock.
const DSP_REACH: f64 = TICKS_PER_SECOND as f64 / 2.0;

/// Lowest decimation at which 16-bit samples fit a gigabit Ethernet.
const FASTEST: u32 = 4;

/// Largest value of the 18-bit signed scale registers, a gain of one.
const LARGEST_SCALE: u32 = 0x1_FFFF;

/// How far a rate may be from what the radio has, samples/s: 100e6/52 written with seven digits is still 100e6/52.
const RATE_TOLERANCE: f64 = 0.5;

/// What the attach writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RadioPlan {
    /// The radio.
    pub device: Ipv4Addr,
    /// Ticks per sample, both ways.
    pub decimation: u32,
    /// Samples in a full packet.
    pub samples_per_packet: usize,
    /// Receive chain.
    pub rx: ChainRegisters,
    /// Transmit chain.
    pub tx: ChainRegisters,
}

/// Register values of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainRegisters {
    /// Decimation or interpolation word.
    pub rate: u32,
    /// Scale word.
    pub scale: u32,
    /// Frequency word; `None` where the front end's oscillator does the tuning, which initialisation has set.
    pub frequency: Option<u32>,
    /// Ticks between the time of a sample and its moment at the converter.
    pub delay: u64,
}

impl RadioPlan {
    /// The plan for a radio whose front ends have no oscillator of their own (LFRX, LFTX, Basic), or which initialisation has tuned.
    ///
    /// # Errors
    /// A sentence when the radio's description cannot be honoured.
    pub fn new(radio: &Radio) -> Result<Self, String> {
        let device = radio.args.n210().map_err(|why| format!("{why}; `baton-uhd stream` moves its samples"))?;
        let decimation = decimation(radio.rate)?;
        Ok(Self {
            device,
            decimation,
            samples_per_packet: SAMPLES_PER_PACKET,
            rx: ChainRegisters::new(Direction::Receive, decimation, radio.rx_freq)?,
            tx: ChainRegisters::new(Direction::Transmit, decimation, radio.tx_freq)?,
        })
    }
}

impl ChainRegisters {
    fn new(direction: Direction, decimation: u32, hertz: f64) -> Result<Self, String> {
        let rate = dsp::decimation_word(direction, decimation)
            .ok_or_else(|| format!("the radio cannot divide its clock by {decimation}"))?;
        let tuning = if direction == Direction::Receive { dsp::rx_tuning_word } else { dsp::tx_tuning_word };
        let frequency = (hertz.abs() <= DSP_REACH).then(|| tuning(hertz));
        let delay = if direction == Direction::Receive { delay::receive(rate) } else { delay::transmit(rate) };
        Ok(Self { rate, scale: scale(direction, rate), frequency, delay })
    }
}

/// Where the ideal gain is more than the register holds, stock UHD halves the register and has the host double every sample. Loud
/// samples would clip, so we take the register's largest value instead: at most 1.7 dB less, and nothing clips.
fn scale(direction: Direction, rate: u32) -> u32 {
    match dsp::scale_word(direction, rate) {
        (word, factor) if factor <= 1.0 => word,
        _ => LARGEST_SCALE,
    }
}

/// Ticks per sample for a rate, samples/s.
fn decimation(rate: f64) -> Result<u32, String> {
    let (slowest, fastest) = (dsp::rate_of(dsp::MAX_DECIMATION), dsp::rate_of(FASTEST));
    if !(slowest..=fastest).contains(&rate) {
        return Err(format!("the rate of {rate} samples/s is outside what the radio streams, {slowest} to {fastest} samples/s"));
    }
    let decimation = dsp::nearest_decimation(rate);
    let nearest = dsp::rate_of(decimation);
    if (nearest - rate).abs() > RATE_TOLERANCE {
        return Err(format!("the radio has no rate of {rate} samples/s; the nearest is {nearest} (100e6 / {decimation})"));
    }
    Ok(decimation)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// The pool radio of the first storey.
    pub fn radio() -> Radio {
        Radio {
            args: "addr=192.168.10.2".parse().unwrap(),
            rate: 100e6 / 52.0,
            tx_freq: 10e6,
            rx_freq: 20e6,
            gain: 0.0,
            tx_ant: String::new(),
            rx_ant: String::new(),
            reference: config::Reference::Internal,
            bw: 30e6,
        }
    }

    #[test]
    fn the_first_storey_has_these_registers() {
        let plan = RadioPlan::new(&radio()).unwrap();
        assert_eq!((plan.device, plan.decimation), (Ipv4Addr::new(192, 168, 10, 2), 52));
        // 52 = 13 x 2 x 2; the transmit CIC of 13 asks for a gain of 1.13, which the register does not hold.
        assert_eq!((plan.rx.rate, plan.rx.frequency, plan.rx.delay), (0x30D, Some(0xCCCC_CCCD), 622));
        assert_eq!(plan.tx, ChainRegisters { rate: 0x30D, scale: 0x1_FFFF, frequency: Some(0x1999_999A), delay: 721 });
    }

    #[test]
    fn no_scale_is_more_than_1_7_db_from_ideal() {
        for decimation in (FASTEST..=dsp::MAX_DECIMATION).filter(|d| dsp::is_allowed(*d)) {
            for direction in [Direction::Receive, Direction::Transmit] {
                let chain = ChainRegisters::new(direction, decimation, 0.0).unwrap();
                let gain = dsp::chain_gain(direction, chain.rate, chain.scale);
                assert!((0.82..=1.0001).contains(&gain), "{direction:?} {decimation}: {gain}");
            }
        }
    }

    #[test]
    fn frequencies_beyond_the_mixers_are_left_to_the_front_end() {
        assert_eq!(ChainRegisters::new(Direction::Transmit, 52, 2.4e9).unwrap().frequency, None);
    }

    #[test]
    fn rates_that_the_radio_lacks_are_refused_with_a_sentence() {
        for (rate, expected) in [(100e6 / 52.0, 52), (1.923_076_9e6, 52), (1e6, 100), (25e6, 4), (195_312.5, 512)] {
            assert_eq!(decimation(rate), Ok(expected), "{rate}");
        }
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 50e6, 1.92e6, 1.0, 100e6 / 129.0, 100e6 / 258.0] {
            assert!(decimation(rate).unwrap_err().contains("samples/s"), "{rate}");
        }
    }
}
