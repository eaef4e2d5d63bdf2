//! The air: levels, spectra, phases and noise against what the theory of the filters says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod front_ends;
mod noise;
mod signal;
mod spectrum;

use std::f64::consts::{PI, TAU};

use num_complex::Complex;

use super::medium::{Medium, Path, Tap};
use super::tones::{rx, tone, tx};
use super::tuning::{FrontEnd, Tuning};
use super::*;

/// Silence but for what is sent.
fn quiet(path: Path) -> Medium {
    Medium { path, noise_dbfs: -200.0, seed: 7 }
}

fn samples(bytes: &[u8]) -> Vec<Complex<f64>> {
    let words = bytes.as_chunks::<4>().0.iter().map(|bytes| dsp::sample_of(*bytes));
    words.map(|s| Complex::new(f64::from(s.re), f64::from(s.im))).collect()
}

fn hear(air: &mut Air, radio: usize, tuning: Tuning, start: Tick, count: usize) -> Vec<Complex<f64>> {
    let mut bytes = vec![0; count * 4];
    air.receive(radio, tuning, start, &mut bytes);
    samples(&bytes)
}

/// Frequency response of a chain set as UHD sets it, by the closed forms of its filters; frequency in turns per tick.
///
/// The level is that of the registers: 1 at DC, but for the half-band filters and for a CORDIC that is not quite 1.65.
fn theory(tuning: &Tuning, frequency: f64) -> Complex<f64> {
    let (direction, word, _) = tuning.words;
    let cic = f64::from(word & 0xFF);
    let (small, large) = if direction == Direction::Receive { (0x200, 0x100) } else { (0x100, 0x200) };
    let sine = (PI * frequency).sin();
    let ratio = if sine.abs() < 1e-12 { 1.0 } else { (PI * frequency * cic).sin() / (cic * sine) };
    let (mut level, mut delay) = (ratio.powi(4), 2.0 * (cic - 1.0));
    let half_band = |taps: &[f64], spacing: f64| {
        let wave = |n: usize| (TAU * frequency * spacing * (2.0 * n as f64 + 1.0)).cos();
        0.5 + taps.iter().enumerate().map(|(n, tap)| tap / 131_072.0 * wave(n)).sum::<f64>()
    };
    let mut spacing = cic;
    if word & small != 0 {
        level *= half_band(&[75_809.0, -10_690.0], spacing);
        delay += 3.0 * spacing;
        spacing *= 2.0;
    }
    if word & large != 0 {
        let taps = [82_359.0, -24_706.0, 11_953.0, -6_107.0, 2_959.0, -1_271.0, 445.0, -107.0];
        level *= half_band(&taps, spacing);
        delay += 15.0 * spacing;
    }
    Complex::from_polar(level * 1.646_760_258 / 1.65 * f64::from(tuning.gain), -TAU * frequency * delay)
}

/// What a receiver receives of an endless tone of a transmitter whose sample 0 falls on tick `origin`, by theory.
///
/// The tone stands at all of its images; each is received with its own phase.
fn heard_by_theory(
    from: &Tuning,
    to: &Tuning,
    turns: f64,
    amplitude: f64,
    origin: Tick,
    start: Tick,
    count: usize,
) -> Vec<Complex<f64>> {
    let apart = turn::turns_from_word(from.frequency.wrapping_add(to.frequency)).cast_signed() as f64 / 2_f64.powi(64);
    let images: Vec<_> = (0..from.decimation)
        .map(|image| {
            let at = (turns + f64::from(image)) / f64::from(from.decimation);
            (at, theory(from, at) * theory(to, at + apart) * amplitude)
        })
        .collect();
    (0..count as u64)
        .map(|n| {
            let tick = start + n * u64::from(to.decimation);
            let since = (tick - origin) as f64;
            let sum: Complex<f64> = images.iter().map(|(at, level)| level * Complex::cis(TAU * (at * since).fract())).sum();
            let held = turn::turns_from_word(from.phase_at_power_up().wrapping_add(to.phase_at_power_up()));
            let shift = turn::turns_from_word(from.frequency.wrapping_add(to.frequency));
            sum * turn::phasor(held.wrapping_add(shift.wrapping_mul(tick)))
        })
        .collect()
}

/// Level of a signal, root of the mean power.
fn level(signal: &[Complex<f64>]) -> f64 {
    (signal.iter().map(Complex::norm_sqr).sum::<f64>() / signal.len() as f64).sqrt()
}

fn decibels(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

/// The largest distance between two signals.
fn distance(a: &[Complex<f64>], b: &[Complex<f64>]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max)
}
