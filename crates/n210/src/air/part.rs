//! What two front ends make of one stream of samples: the signal, its mirror images, and the carrier that leaks out with it.

use num_complex::Complex;

use super::tuning::{FrontEnd, Tuning};

/// Where there is no noise, parts whose largest samples would be less than this, in steps of the converter, are left out.
const LEAST: f64 = 0.02;

/// Where there is, so are those that would be less than this part of its amplitude: some 30 dB below the noise of one sample.
const BELOW_NOISE: f64 = 1.0 / 32.0;

/// Largest samples that are not heard beside noise of an amplitude, both in steps of the converter.
pub fn inaudible(noise: f64) -> f64 {
    LEAST.max(BELOW_NOISE * noise)
}

/// Largest sample.
const FULL: f64 = 32_768.0;

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The samples.
    Samples,
    /// Their mirror image by the transmitter: conjugates, at the negative of the chain's frequency.
    Mirrored,
    /// The carrier of the transmitter's oscillator.
    Carrier,
}

/// A part of what is received.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// What is sent.
    pub source: Source,
    /// The receiver mirrors it around its own oscillator.
    pub mirrored: bool,
    /// Its factor, against samples or against a constant of 1.
    pub factor: Complex<f64>,
    /// Its largest sample, in steps of the converter.
    pub largest: f64,
}

impl Part {
    /// Whether the receiver gets conjugates of the samples: the mirror image of a mirror image is the signal again.
    pub fn is_conjugated(&self) -> bool {
        self.source != Source::Carrier && (self.source == Source::Mirrored) != self.mirrored
    }
}

/// Parts of what a transmitter sends and a receiver receives, over a way of this amplitude; what is not heard even without filters is left out.
pub fn parts(from: &Tuning, to: &FrontEnd, amplitude: f64, inaudible: f64) -> impl Iterator<Item = Part> {
    let sent = [
        (Source::Samples, from.front.iq.direct() * f64::from(from.gain), FULL),
        (Source::Mirrored, from.front.iq.mirrored() * f64::from(from.gain), FULL),
        (Source::Carrier, from.front.offset.fixed, 1.0),
    ];
    let received = [(false, to.iq.direct()), (true, to.iq.mirrored())];
    let all = sent.into_iter().flat_map(move |(source, out, largest)| {
        received.into_iter().map(move |(mirrored, factor)| {
            let factor = if mirrored { out.conj() * factor } else { out * factor } * amplitude;
            Part { source, mirrored, factor, largest: factor.norm() * largest }
        })
    });
    all.filter(move |part| part.largest >= inaudible)
}
