//! The impairments that a scene gives to a radio: their ranges.

use std::ops::RangeInclusive;

use super::check::Checker;
use super::text::{FrontEndText, Number};
use crate::board::impairments::Impairments;
use protocol::Failure;

/// Constants that a front end adds, dB against full scale.
const CONSTANT: RangeInclusive<f64> = -200.0..=0.0;
/// Q against I: beyond these no correction helps.
const GAIN: RangeInclusive<f64> = -3.0..=3.0;
const PHASE: RangeInclusive<f64> = -20.0..=20.0;
/// Noise figure, dB.
const FIGURE: RangeInclusive<f64> = 0.0..=60.0;
/// Root of the mean square, degrees: an oscillator that is locked.
const PHASE_NOISE: RangeInclusive<f64> = 0.0..=10.0;
/// A second is longer than any program waits for a lock.
const LOCK_TIME: RangeInclusive<f64> = 0.0..=1_000.0;

impl Checker<'_> {
    /// Single impairments; none is given where there is no text.
    pub fn front_end(&self, text: Option<&FrontEndText>) -> Result<Impairments, Failure> {
        let Some(text) = text else { return Ok(Impairments::default()) };
        let value = |number: &Number, limits: RangeInclusive<f64>, unit: &str| {
            number.as_ref().map(|number| self.number(number, limits, unit).map(|value| value as f32)).transpose()
        };
        Ok(Impairments {
            rx_dc_offset_dbfs: value(&text.rx_dc_offset_dbfs, CONSTANT, "dB")?,
            rx_iq_gain_imbalance_db: value(&text.rx_iq_gain_imbalance_db, GAIN, "dB")?,
            rx_iq_phase_imbalance_degrees: value(&text.rx_iq_phase_imbalance_degrees, PHASE, "degrees")?,
            rx_noise_figure_db: value(&text.rx_noise_figure_db, FIGURE, "dB")?,
            tx_lo_leakage_dbfs: value(&text.tx_lo_leakage_dbfs, CONSTANT, "dB")?,
            tx_iq_gain_imbalance_db: value(&text.tx_iq_gain_imbalance_db, GAIN, "dB")?,
            tx_iq_phase_imbalance_degrees: value(&text.tx_iq_phase_imbalance_degrees, PHASE, "degrees")?,
            phase_noise_degrees: value(&text.phase_noise_degrees, PHASE_NOISE, "degrees")?,
            lock_time_ms: value(&text.lock_time_ms, LOCK_TIME, "ms")?,
        })
    }
}
