//! The settings of the radio as register values, from the operator's description.

use std::net::Ipv4Addr;

use super::wire::{SAMPLES_PER_PACKET, TICKS_PER_SECOND};
use crate::config::Radio;

/// Frequencies that the radio's own mixers reach, Hz: half the master clock.
const DSP_REACH: f64 = 50e6;

/// Highest total decimation with every step allowed, with even steps, and at all (in steps of 4).
const EVERY: u64 = 128;
const EVEN: u64 = 256;
const FOURTH: u64 = 512;

/// Lowest decimation at which 16-bit samples fit a gigabit Ethernet.
const FASTEST: u64 = 4;

/// What the attach writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The radio.
    pub device: Ipv4Addr,
    /// Ticks per sample, both ways.
    pub decimation: u64,
    /// Samples in a full packet.
    pub samples_per_packet: usize,
    /// Receive chain.
    pub rx: Chain,
    /// Transmit chain.
    pub tx: Chain,
}

/// Register values of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// Decimation or interpolation word.
    pub rate: u32,
    /// Scale word.
    pub scale: u32,
    /// Frequency word; `None` where the front end's oscillator does the tuning, which initialisation has set.
    pub frequency: Option<u32>,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the radio.
    Receive,
    /// To the radio.
    Transmit,
}

impl Plan {
    /// The plan for a radio.
    ///
    /// # Errors
    /// A sentence when the radio's description can not be honoured.
    pub fn new(radio: &Radio) -> Result<Self, String> {
        let device = radio.device().map_err(|f| f.message)?;
        let decimation = decimation(radio.rate)?;
        Ok(Self {
            device,
            decimation,
            samples_per_packet: SAMPLES_PER_PACKET,
            // The receive mixer shifts down by the wanted frequency, the transmit mixer up.
            rx: Chain::new(Direction::Receive, decimation, -radio.rx_freq),
            tx: Chain::new(Direction::Transmit, decimation, radio.tx_freq),
        })
    }
}

impl Chain {
    fn new(direction: Direction, decimation: u64, frequency: f64) -> Self {
        let (rate, cic) = rate_word(direction, decimation);
        let frequency = (frequency.abs() <= DSP_REACH).then(|| frequency_word(frequency));
        Self { rate, scale: scale_word(direction, cic), frequency }
    }
}

/// Ticks per sample for a rate, samples/s.
///
/// # Errors
/// A sentence when the radio has no such rate.
pub fn decimation(rate: f64) -> Result<u64, String> {
    let clock = TICKS_PER_SECOND as f64;
    let nearest = (clock / rate).round();
    if !(FASTEST as f64..=FOURTH as f64).contains(&nearest) {
        return Err(format!("the rate of {rate} samples/s is outside what the radio streams, {} to {} samples/s", clock / 512.0, clock / 4.0));
    }
    let nearest = nearest as u64;
    // Half a sample a second: 100e6/52 written with seven digits is still 100e6/52.
    if (clock / nearest as f64 - rate).abs() > 0.5 {
        return Err(format!("the radio has no rate of {rate} samples/s; the nearest is {} (100e6 / {nearest})", clock / nearest as f64));
    }
    let allowed = nearest <= EVERY || (nearest <= EVEN && nearest % 2 == 0) || nearest % 4 == 0;
    if allowed { Ok(nearest) } else { Err(format!("the radio can not divide its clock by {nearest} for {rate} samples/s")) }
}

/// The rate register and the CIC filter's share of the decimation: half-band filters (bits 8 and 9) take a factor of two each.
fn rate_word(direction: Direction, decimation: u64) -> (u32, u64) {
    let (mut rest, mut word) = (decimation, 0);
    let first = direction == Direction::Transmit || decimation >= FASTEST;
    for (bit, usable) in [(1 << 8, first), (1 << 9, true)] {
        if usable && rest.is_multiple_of(2) {
            word |= bit;
            rest /= 2;
        }
    }
    (word | rest as u32, rest)
}

/// The scale register: undoes the CIC filter's growth, up to the power of two that the filter itself shifts away.
fn scale_word(direction: Direction, cic: u64) -> u32 {
    /// Gain of the mixer, which rotates by CORDIC.
    const CORDIC: f64 = 1.65;
    /// 1.0 of the 18-bit signed scale register.
    const UNITY: f64 = 131_072.0;
    let growth = (cic as f64).powi(if direction == Direction::Receive { 4 } else { 3 });
    let gain = growth.log2().ceil().exp2() / (CORDIC * growth);
    // A gain beyond the register's range is halved here; the samples then arrive at half scale (a few decimations only).
    let factor = 1.0 + gain.log2().ceil().max(0.0);
    (UNITY * gain / factor).round() as u32
}

/// A frequency in units of the clock / 2^32, two's complement.
fn frequency_word(frequency: f64) -> u32 {
    (frequency / TICKS_PER_SECOND as f64 * 2f64.powi(32)).round() as i64 as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn register_words_are_those_that_stock_uhd_writes() {
        // Decimation, receive rate and scale, transmit rate and scale, as seen on the wire.
        let table: [(u64, u32, u32, u32, u32); 11] = [
            (4, 0x301, 0x1364E, 0x301, 0x1364E),
            (5, 0x005, 0x1FC67, 0x005, 0x13DC0),
            (8, 0x302, 0x1364E, 0x302, 0x1364E),
            (10, 0x105, 0x1FC67, 0x105, 0x13DC0),
            (16, 0x304, 0x1364E, 0x304, 0x1364E),
            (20, 0x305, 0x1FC67, 0x305, 0x13DC0),
            (50, 0x119, 0x1A07B, 0x119, 0x14560),
            (100, 0x319, 0x1A07B, 0x319, 0x14560),
            (200, 0x332, 0x1A07B, 0x332, 0x14560),
            (400, 0x364, 0x1A07B, 0x364, 0x14560),
            (512, 0x380, 0x1364E, 0x380, 0x1364E),
        ];
        for (d, rx_rate, rx_scale, tx_rate, tx_scale) in table {
            let (rx, tx) = (Chain::new(Direction::Receive, d, 0.0), Chain::new(Direction::Transmit, d, 0.0));
            assert_eq!((rx.rate, rx.scale, tx.rate, tx.scale), (rx_rate, rx_scale, tx_rate, tx_scale), "decimation {d}");
        }
    }

    #[test]
    fn frequencies_are_signed_parts_of_the_clock() {
        assert_eq!(frequency_word(10e6), 0x1999_999A);
        assert_eq!(frequency_word(-10e6), 0xE666_6666);
        assert_eq!(frequency_word(0.0), 0);
        assert_eq!(Chain::new(Direction::Transmit, 52, 2.4e9).frequency, None);
    }

    #[test]
    fn rates_that_the_radio_lacks_are_refused_with_a_sentence() {
        for (rate, expected) in [(100e6 / 52.0, Ok(52)), (1.923_076_9e6, Ok(52)), (1e6, Ok(100)), (25e6, Ok(4)), (195_312.5, Ok(512))] {
            assert_eq!(decimation(rate), expected, "{rate}");
        }
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 50e6, 1.92e6, 1.0, 100e6 / 129.0, 100e6 / 258.0] {
            assert!(decimation(rate).unwrap_err().contains("samples/s"), "{rate}");
        }
    }
}
