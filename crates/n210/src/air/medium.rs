//! What lies between the radios, as a scene describes it.

/// A medium that is the same everywhere, until single paths are set.
#[derive(Debug, Clone, PartialEq)]
pub struct Medium {
    /// From every transmitter to every other radio. A radio does not receive itself unless a path from it to itself is set.
    pub path: Path,
    /// Noise power in a receiver's band against a full-scale carrier, dB.
    pub noise_dbfs: f32,
    /// Seed of the noise.
    pub seed: u64,
}

/// The way from one transmitter to one receiver.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Path {
    /// Amplitude gain of the direct ray, dB.
    pub gain_db: f32,
    /// Delay of the direct ray, in ticks of 10 ns.
    pub delay: u64,
    /// An obstacle: nothing arrives, by no ray.
    pub blocked: bool,
    /// Further rays.
    pub taps: Vec<Tap>,
}

/// A reflection: a ray beside the direct one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tap {
    /// Delay after the direct ray, in ticks of 10 ns.
    pub delay: u64,
    /// Gain against the direct ray, dB.
    pub gain_db: f32,
    /// Phase against the direct ray at the receiver, in degrees.
    pub phase_degrees: f32,
}
