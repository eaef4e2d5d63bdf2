//! What a received sample costs, for benches/reception.rs.

use std::time::Instant;

use super::iq::IqMatrix;
use super::offset::Offset;
use super::tones::{rx, tone, tx};
use super::tuning::FrontEnd;
use super::*;
use num_complex::Complex;

/// Nanoseconds per received sample between ideal front ends, the best of some runs.
fn cost(from: Option<u32>, to: u32, apart: f64, noise_dbfs: f32) -> f64 {
    cost_between((from, to), (0.0, apart, 0.0), noise_dbfs, [FrontEnd::default(); 2])
}

/// What docs/n210.md calls typical, of a transmitter and of a receiver; without the noise of their boards.
fn typical() -> [FrontEnd; 2] {
    let front = |gain_db: f32, offset: f64| FrontEnd {
        iq: IqMatrix::imbalance(gain_db, 1.0),
        offset: Offset::fixed(Complex::new(offset, 0.0)),
        phase_noise: 0.4_f32.to_radians(),
        ..FrontEnd::default()
    };
    let receiver = front(0.2, FULL_SCALE / 100.0);
    [front(-0.2, FULL_SCALE / 100.0), FrontEnd { behind_converter: receiver.iq, ..receiver }]
}

/// The same between these front ends, of the transmitter at `hertz` with an oscillator that is off by `carrier`, and of the receiver so much
/// further.
fn cost_between(
    (from, to): (Option<u32>, u32),
    (hertz, apart, carrier): (f64, f64, f64),
    noise_dbfs: f32,
    fronts: [FrontEnd; 2],
) -> f64 {
    let mut air = Air::new(2, Medium { path: Path { gain_db: -10.0, ..Path::default() }, noise_dbfs, seed: 1 });
    air.set_carrier_offset(0, carrier);
    let mut receiver = rx(to, dsp::rx_tuning_word(hertz + apart));
    receiver.set_front(fronts[1]);
    if let Some(from) = from {
        let mut transmitter = tx(from, dsp::tx_tuning_word(hertz));
        transmitter.set_front(fronts[0]);
        air.transmit(0, transmitter, 0, tone(9_000.0, 0.01, track::MEMORY));
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
    // As the pool's radio hears the lab's.
    let [ideal, typical] =
        [[FrontEnd::default(); 2], typical()].map(|fronts| cost_between((Some(16), 16), (20e6, 0.0, 300.0), -70.0, fronts));
    print(format!("d 16 to 16 at 20 MHz, 300 Hz apart, noise of -70 dBFS: {ideal:.2} ns, with typical front ends {typical:.2} ns"));
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
