//! How good the air link is.

use super::phy::demodulate::Measured;
use protocol::Link;

/// Weight of a new block in the means.
const GAIN: f32 = 0.1;

/// Weight of a new block in the block error rate: some hundred blocks count.
const ERROR_GAIN: f32 = 0.01;

/// Counters and means.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quality {
    link: Link,
    /// Signal to noise ratio, linear.
    snr: Option<f32>,
    /// Power of the error vector, relative.
    evm: Option<f32>,
    errors: Option<f32>,
}

fn follow(mean: &mut Option<f32>, value: f32, gain: f32) {
    *mean = Some(mean.map_or(value, |mean| mean + gain * (value - mean)));
}

impl Quality {
    /// A block with a good CRC that completed some packets.
    pub fn good(&mut self, measured: Measured, packets: u64) {
        self.link.blocks_good += 1;
        self.link.packets_in += packets;
        follow(&mut self.evm, measured.evm, GAIN);
        follow(&mut self.errors, 0.0, ERROR_GAIN);
        if self.snr.is_none() {
            self.measured(measured.snr);
        }
    }

    /// A block with a bad CRC.
    pub fn bad(&mut self) {
        self.link.blocks_bad += 1;
        follow(&mut self.errors, 1.0, ERROR_GAIN);
    }

    /// Nothing was received in a subframe; whether something should have been.
    pub fn absent(&mut self, expected: bool) {
        self.link.subframes_lost += u64::from(expected);
        if expected {
            follow(&mut self.errors, 1.0, ERROR_GAIN);
        }
    }

    /// Reference signals were received with this signal to noise ratio, linear.
    pub fn measured(&mut self, snr: f32) {
        follow(&mut self.snr, snr, GAIN);
    }

    /// The figures, with the carrier frequency offset, Hz.
    pub fn link(&self, cfo: Option<f32>) -> Link {
        Link {
            snr_db: self.snr.map(|snr| 10.0 * snr.max(1e-3).log10()),
            evm_percent: self.evm.map(|evm| 100.0 * evm.sqrt()),
            cfo_hz: cfo,
            block_error_rate: self.errors,
            ..self.link
        }
    }

    /// Packets were delivered that had been held back.
    pub fn delivered(&mut self, packets: u64) {
        self.link.packets_in += packets;
    }

    /// Counters as another receiver had them, to go on with.
    pub fn resume(&mut self, counters: Link) {
        self.link = counters;
    }
}
