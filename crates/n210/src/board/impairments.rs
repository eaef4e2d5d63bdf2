//! What real front ends do to a signal that they should not. A key that is not given does nothing.

use num_complex::Complex;

use crate::air::FULL_SCALE;
use crate::air::iq::IqMatrix;

/// Thermal noise in the 100 MHz that converters see, dBm: -174 dBm in each Hz.
const THERMAL_DBM: f64 = -94.0;

/// What drives the receive converter to full scale at gain 0, dBm.
const FULL_SCALE_DBM: f64 = 0.0;

/// Directions of the offsets of radios in the plane of I and Q: far from one another however many there are, radians.
const GOLDEN_ANGLE: f64 = 2.399_963;

/// Impairments of one radio.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Impairments {
    /// DC offset of the receive converters, dB against full scale.
    pub rx_dc_offset_dbfs: Option<f32>,
    /// Gain of the receiver's Q against its I, dB.
    pub rx_iq_gain_imbalance_db: Option<f32>,
    /// What is missing from the receiver's quarter turn between I and Q, degrees.
    pub rx_iq_phase_imbalance_degrees: Option<f32>,
    /// Noise figure of the receiving board, dB: its noise grows with its gain.
    pub rx_noise_figure_db: Option<f32>,
    /// Carrier that leaks out of the transmitter's mixer, dB against a full-scale signal.
    pub tx_lo_leakage_dbfs: Option<f32>,
    /// Gain of the transmitter's Q against its I, dB.
    pub tx_iq_gain_imbalance_db: Option<f32>,
    /// What is missing from the transmitter's quarter turn between I and Q, degrees.
    pub tx_iq_phase_imbalance_degrees: Option<f32>,
    /// Phase noise of each oscillator, root of the mean square, degrees.
    pub phase_noise_degrees: Option<f32>,
    /// Time until an oscillator that was tuned is locked, ms.
    pub lock_time_ms: Option<f32>,
}

/// Sets of impairments that have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImpairmentSet {
    /// An ideal front end.
    None,
    /// An uncalibrated SBX.
    Typical,
}

impl ImpairmentSet {
    /// What it stands for. Typical values are orders of magnitude of data sheets: of the modulators and demodulators of these boards (ADL5375,
    /// ADL5387: 0.1 to 0.3 dB, some tenths to one degree, carrier 40 to 50 dB down), of their synthesizer (ADF4350: 0.5 ps of jitter,
    /// 0.4 degrees at 2.1 GHz; calibration and settling of some 100 us) and of the boards (noise figure of 5 to 8 dB).
    pub fn impairments(self) -> Impairments {
        match self {
            Self::None => Impairments::default(),
            Self::Typical => Impairments {
                rx_dc_offset_dbfs: Some(-40.0),
                rx_iq_gain_imbalance_db: Some(0.2),
                rx_iq_phase_imbalance_degrees: Some(1.0),
                rx_noise_figure_db: Some(8.0),
                tx_lo_leakage_dbfs: Some(-40.0),
                tx_iq_gain_imbalance_db: Some(-0.2),
                tx_iq_phase_imbalance_degrees: Some(1.0),
                phase_noise_degrees: Some(0.4),
                lock_time_ms: Some(0.3),
            },
        }
    }
}

fn amplitude(dbfs: Option<f32>) -> f64 {
    dbfs.map_or(0.0, |dbfs| FULL_SCALE * 10_f64.powf(f64::from(dbfs) / 20.0))
}

impl Impairments {
    /// These, where `other` says nothing else.
    #[must_use]
    pub fn changed(self, other: Self) -> Self {
        Self {
            rx_dc_offset_dbfs: other.rx_dc_offset_dbfs.or(self.rx_dc_offset_dbfs),
            rx_iq_gain_imbalance_db: other.rx_iq_gain_imbalance_db.or(self.rx_iq_gain_imbalance_db),
            rx_iq_phase_imbalance_degrees: other.rx_iq_phase_imbalance_degrees.or(self.rx_iq_phase_imbalance_degrees),
            rx_noise_figure_db: other.rx_noise_figure_db.or(self.rx_noise_figure_db),
            tx_lo_leakage_dbfs: other.tx_lo_leakage_dbfs.or(self.tx_lo_leakage_dbfs),
            tx_iq_gain_imbalance_db: other.tx_iq_gain_imbalance_db.or(self.tx_iq_gain_imbalance_db),
            tx_iq_phase_imbalance_degrees: other.tx_iq_phase_imbalance_degrees.or(self.tx_iq_phase_imbalance_degrees),
            phase_noise_degrees: other.phase_noise_degrees.or(self.phase_noise_degrees),
            lock_time_ms: other.lock_time_ms.or(self.lock_time_ms),
        }
    }

    /// What the receiving board does to I and Q.
    pub fn receive_matrix(&self) -> IqMatrix {
        let (gain, phase) = (self.rx_iq_gain_imbalance_db, self.rx_iq_phase_imbalance_degrees);
        IqMatrix::imbalance(gain.unwrap_or(0.0), phase.unwrap_or(0.0))
    }

    /// What the transmitting board does to I and Q.
    pub fn transmit_matrix(&self) -> IqMatrix {
        let (gain, phase) = (self.tx_iq_gain_imbalance_db, self.tx_iq_phase_imbalance_degrees);
        IqMatrix::imbalance(gain.unwrap_or(0.0), phase.unwrap_or(0.0))
    }

    /// DC offset of the receive converters of radio number `radio`, steps.
    pub fn receive_offset(&self, radio: usize) -> Complex<f64> {
        Complex::from_polar(amplitude(self.rx_dc_offset_dbfs), GOLDEN_ANGLE * (radio + 1) as f64)
    }

    /// Carrier of the transmitter of radio number `radio`, steps.
    pub fn transmit_offset(&self, radio: usize) -> Complex<f64> {
        Complex::from_polar(amplitude(self.tx_lo_leakage_dbfs), -GOLDEN_ANGLE * (radio + 1) as f64)
    }

    /// Noise that the receiving board brings to its converters at an amplitude gain, in all of their band, steps.
    pub fn receive_noise(&self, gain: f32) -> f64 {
        let figure = |figure: f32| THERMAL_DBM + f64::from(figure) - FULL_SCALE_DBM;
        self.rx_noise_figure_db.map_or(0.0, |db| FULL_SCALE * 10_f64.powf(figure(db) / 20.0) * f64::from(gain))
    }

    /// Phase noise of an oscillator, radians.
    pub fn phase_noise(&self) -> f32 {
        self.phase_noise_degrees.unwrap_or(0.0).to_radians()
    }

    /// Ticks until an oscillator is locked.
    pub fn lock_ticks(&self) -> u64 {
        (f64::from(self.lock_time_ms.unwrap_or(0.0)) * n210_wire::TICKS_PER_SECOND as f64 / 1e3).round() as u64
    }
}
