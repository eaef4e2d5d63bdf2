//! Noise: power, colour, sameness.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

const COUNT: usize = 65_536;

fn noisy(dbfs: f32, seed: u64) -> Air {
    Air::new(2, Medium { path: Path::default(), noise_dbfs: dbfs, seed })
}

fn power_db(heard: &[Complex<f64>]) -> f64 {
    decibels(level(heard) / 32_767.0)
}

#[test]
fn it_has_its_power_and_no_mean_at_every_rate() {
    for d in [2, 4, 5, 7, 13, 16, 52, 100, 512] {
        let to = rx(d, 0);
        let factor = dsp::scale_word(Direction::Receive, to.words.1).1;
        let heard = hear(&mut noisy(-40.0, 7), 0, to, 40_000, COUNT);
        let power = power_db(&heard) + decibels(factor);
        assert!((power + 40.0).abs() < 0.15, "d {d}: {power}");
        let mean = heard.iter().sum::<Complex<f64>>() / COUNT as f64;
        assert!(mean.norm() < 6.0 * level(&heard) / (COUNT as f64).sqrt());
        // Gaussian: the fourth moment of a circular one is twice the square of the second.
        let fourth = heard.iter().map(|s| s.norm_sqr().powi(2)).sum::<f64>() / COUNT as f64 / level(&heard).powi(4);
        assert!((fourth - 2.0).abs() < 0.06, "d {d}: {fourth}");
    }
    let mut air = noisy(-40.0, 7);
    air.set_noise(0, -60.0);
    assert!((power_db(&hear(&mut air, 0, rx(52, 0), 40_000, COUNT)) + 60.0).abs() < 0.15);
    assert!((power_db(&hear(&mut air, 1, rx(52, 0), 40_000, COUNT)) + 40.0).abs() < 0.15);
    air.set_noise(0, -200.0);
    assert_eq!(level(&hear(&mut air, 0, rx(52, 0), 40_000, COUNT)), 0.0);
}

/// Mean power in each of `bins` equal bands.
fn spectrum(heard: &[Complex<f64>], bins: usize) -> Vec<f64> {
    let transform = rustfft::FftPlanner::new().plan_fft_forward(1024);
    let mut power = vec![0.0; bins];
    for block in heard.as_chunks::<1024>().0 {
        let mut block = *block;
        transform.process(&mut block);
        for (n, value) in block.iter().enumerate() {
            power[n * bins / 1024] += value.norm_sqr();
        }
    }
    power
}

#[test]
fn it_has_the_colour_of_the_receive_filters() {
    for d in [13, 16, 52] {
        let to = rx(d, 0);
        let heard = hear(&mut noisy(-20.0, 3), 0, to, 40_000, COUNT * 2);
        let measured = spectrum(&heard, 16);
        // White noise at the converter: the power of the response at all that folds onto a frequency.
        let folded = |turns: f64| -> f64 { (0..d).map(|n| theory(&to, (turns + f64::from(n)) / f64::from(d)).norm_sqr()).sum() };
        let right: Vec<f64> =
            (0..16).map(|bin| (0..64).map(|n| folded((f64::from(bin) + f64::from(n) / 64.0) / 16.0)).sum()).collect();
        let (total, of) = (measured.iter().sum::<f64>(), right.iter().sum::<f64>());
        for (bin, (measured, right)) in measured.iter().zip(&right).enumerate() {
            let off = 10.0 * (measured / total / (right / of)).log10();
            assert!(off.abs() < 0.5, "d {d}, band {bin}: {off:.2} dB");
        }
    }
}

#[test]
fn chains_that_are_set_alike_hear_the_same() {
    let (mut air, mut other) = (noisy(-40.0, 7), noisy(-40.0, 7));
    let mut to = rx(52, dsp::rx_tuning_word(3e6));
    let start = 52 * 1_000_000 + 17;
    let whole = hear(&mut air, 0, to, start, 10_000);
    // Other packets, another order, another instance.
    let mut pieces = Vec::new();
    for count in [1, 362, 363, 5_000, 274, 4_000] {
        hear(&mut other, 1, to, 0, 10);
        pieces.extend(hear(&mut other, 0, to, start + 52 * pieces.len() as u64, count));
    }
    assert_eq!(pieces, whole);
    // A chain that started later lags by a constant phase, in its noise as in its signals.
    to.start(12_345, 12_345);
    let later = hear(&mut air, 0, to, start, 10_000);
    let turn = turn::phasor(turn::turns_from_word(to.frequency).wrapping_mul(12_345).wrapping_neg());
    let right: Vec<_> = whole.iter().map(|sample| sample * turn).collect();
    assert!(distance(&later, &right) < 1.5);
    // Another radio, frequency, grid, rate or seed: another noise.
    let alike = |a: &[Complex<f64>], b: &[Complex<f64>]| {
        let product: Complex<f64> = a.iter().zip(b).map(|(a, b)| a * b.conj()).sum();
        product.norm() / a.len() as f64 / level(a) / level(b)
    };
    assert!(alike(&later, &whole) > 0.99);
    for (seed, radio, to, start) in [
        (7, 1, to, start),
        (8, 0, to, start),
        (7, 0, rx(52, 0), start),
        (7, 0, rx(50, to.frequency), start),
        (7, 0, to, start + 1),
        (7, 0, to, start + 52 * 4096),
    ] {
        let heard = hear(&mut noisy(-40.0, seed), radio, to, start, 10_000);
        assert!(alike(&heard, &whole) < 0.06, "seed {seed}, radio {radio}, {start}");
    }
}

#[test]
fn no_block_of_it_comes_again() {
    let heard = hear(&mut noisy(-40.0, 7), 0, rx(52, 0), 4096 * 52, 4096 * 40);
    let blocks: Vec<_> = heard.chunks(4096).collect();
    for (n, block) in blocks.iter().enumerate() {
        assert!(blocks[n + 1..].iter().all(|other| other != block), "block {n}");
    }
}
