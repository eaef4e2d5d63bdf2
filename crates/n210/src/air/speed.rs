//! What a received sample costs, for benches/reception.rs.

use std::time::Instant;

use super::tones::{rx, tone, tx};
use super::*;
use num_complex::Complex;

/// Nanoseconds per received sample, the best of some runs.
fn cost(from: Option<u32>, to: u32, apart: f64, noise_dbfs: f32) -> f64 {
    let mut air = Air::new(2, Medium { path: Path { gain_db: -10.0, ..Path::default() }, noise_dbfs, seed: 1 });
    let receiver = rx(to, dsp::rx_tuning_word(apart));
    if let Some(from) = from {
        air.transmit(0, tx(from, 0), 0, tone(9_000.0, 0.01, track::MEMORY));
    }
    let mut bytes = [0; 363 * 4];
    let span = from.unwrap_or(4) as usize * track::MEMORY / to as usize / 363;
    let packets = (span * 3 / 4).min(1_000) as u64;
    let mut run = || {
        let begun = Instant::now();
        for packet in 0..packets {
            air.receive(1, receiver, 40_000 + packet * 363 * u64::from(to), &mut bytes);
        }
        begun.elapsed().as_nanos() as f64 / (packets * 363) as f64
    };
    (0..20).map(|_| run()).fold(f64::MAX, f64::min)
}

/// Nanoseconds per received sample, a line for each case.
pub fn nanoseconds_per_sample(print: &mut dyn FnMut(String)) {
    print(format!("without filters: {:.2} ns", reference()));
    print(format!("noise alone, d 52: {:.2} ns", cost(None, 52, 0.0, -47.0)));
    print(format!("nothing at all, d 52: {:.2} ns", cost(None, 52, 0.0, -200.0)));
    for (from, to) in [(52, 52), (13, 13), (4, 4), (4, 16), (16, 4), (52, 50)] {
        let (same, off) = (cost(Some(from), to, 0.0, -47.0), cost(Some(from), to, 1_000.0, -47.0));
        print(format!("d {from} to {to}: {same:.2} ns, tuned 1 kHz apart {off:.2} ns"));
    }
}

/// A yardstick for loaded machines: what the air did before it had filters, a random number and a turn per sample.
fn reference() -> f64 {
    let deviates: Vec<f32> = (0..1 << 14).map(|n| (n as f32).sin() * 100.0).collect();
    let sent: Vec<Sample> = tone(9_000.0, 0.01, 1 << 18).collect();
    let (mut bytes, mut sum, mut state) = ([0_u8; 363 * 4], vec![Complex::<f32>::default(); 363], 1_u64);
    let mut run = || {
        let begun = Instant::now();
        for packet in 0..700 {
            let mut phasor = Complex::new(0.3_f32, 0.0);
            let advance = std::hint::black_box(Complex::new(1.0_f32, 0.0));
            sum.fill(Complex::default());
            for (slot, sample) in sum.iter_mut().zip(&sent[packet * 363..]) {
                *slot += Complex::new(f32::from(sample.re), f32::from(sample.im)) * phasor;
                phasor *= advance;
            }
            for (slot, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(&sum) {
                state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                let bits = mixed ^ (mixed >> 31);
                let (re, im) =
                    (value.re + deviates[bits as usize % (1 << 14)], value.im + deviates[(bits >> 32) as usize % (1 << 14)]);
                *slot = dsp::sample_bytes(Sample::new(rounded(re, 1.0), rounded(im, 1.0)));
            }
            std::hint::black_box(&bytes);
        }
        begun.elapsed().as_nanos() as f64 / (700.0 * 363.0)
    };
    (0..20).map(|_| run()).fold(f64::MAX, f64::min)
}
