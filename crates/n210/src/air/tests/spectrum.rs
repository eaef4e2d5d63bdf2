//! Frequency response, alias rejection, delay.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

const AMPLITUDE: f64 = 15_000.0;

/// Transmits a tone and receives it once both chains are full; and what theory says to it.
fn through(from: Tuning, to: Tuning, turns: f64, origin: Tick, start: Tick, count: usize) -> [Vec<Complex<f64>>; 2] {
    let mut air = Air::new(2, quiet(Path::default()));
    let ticks = start - origin + count as u64 * u64::from(to.decimation);
    air.transmit(0, from, origin, tone(AMPLITUDE, turns, (ticks / u64::from(from.decimation) + 2) as usize));
    let heard = hear(&mut air, 1, to, start, count);
    [heard, heard_by_theory(&from, &to, turns, AMPLITUDE, origin, start, count)]
}

fn allowed() -> impl Strategy<Value = u32> {
    (2_u32..=512).prop_filter("a rate that the device has", |d| dsp::is_allowed(*d))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// All that the filters, the grids and the oscillators do, at any two rates.
    #[test]
    fn a_tone_is_heard_as_the_theory_of_the_filters_says(
        (from, to) in prop_oneof![allowed().prop_map(|d| (d, d)), (allowed(), allowed())],
        turns in -0.5..0.5,
        apart in -0.6..0.6,
        carrier: u32,
        offset in 0_u64..1000,
    ) {
        let apart = dsp::frequency_word(apart * dsp::rate_of(from.max(to)));
        let (origin, start) = (100_000, 141_000 + offset);
        let (from, to) = (tx(from, carrier), rx(to, apart.wrapping_sub(carrier)));
        prop_assume!((from.shift() + to.shift()).abs() < 49e6);
        let [heard, theory] = through(from, to, turns, origin, start, 60);
        // Rounding of what is sent and of what is received, and the ends of the filters that are left out.
        prop_assert!(distance(&heard, &theory) < 2.2, "{}", distance(&heard, &theory));
    }
}

#[test]
fn the_passband_of_an_even_rate_is_flat_and_its_edge_is_steep() {
    // The droop of both chains at 0.4 of the rate: CIC filters of 13, 4 and 1 behind two half-band filters; one of 13 without any,
    // where a neighbouring image adds to the tone.
    for (d, droop) in [(52, -1.63), (16, -1.56), (4, -0.49), (13, -19.37)] {
        let level_at = |turns: f64| {
            let [heard, _] = through(tx(d, 0), rx(d, 0), turns, 0, 40_000 - 40_000 % u64::from(d), 200);
            decibels(level(&heard) / AMPLITUDE)
        };
        let middle = level_at(0.0);
        let shape: Vec<f64> = (1..=40).map(|n| level_at(f64::from(n) / 100.0) - middle).collect();
        let least = shape.iter().copied().fold(f64::MAX, f64::min);
        let most = shape.iter().copied().fold(f64::MIN, f64::max);
        assert!((least - droop).abs() < 0.02 && most < 0.12, "d {d}: {least:.2} to {most:.2} dB");
    }
}

#[test]
fn a_tone_beyond_a_slower_receivers_band_is_rejected() {
    // The transmitter at 25 Msps sends a tone so far from the receiver's centre, in Nyquist bands of 1.923 Msps.
    let rejection = |d: u32, bands: f64| {
        let turns = bands * dsp::rate_of(d) / 2.0 / dsp::rate_of(4);
        let [heard, _] = through(tx(4, 0), rx(d, 0), turns, 0, 60_000, 500);
        decibels(level(&heard) / AMPLITUDE)
    };
    for (d, bands, most) in [(52, 1.4, -80.0), (52, 2.0, -80.0), (52, 6.2, -80.0), (13, 1.9, -75.0)] {
        assert!(rejection(d, bands) < most, "d {d}, {bands} bands: {:.1} dB", rejection(d, bands));
    }
    // The small half-band filter, with 7 taps, has its weak places.
    assert!((rejection(52, 3.1) + 45.8).abs() < 0.3);
    // An odd rate has nothing but its CIC: there is hardly any rejection just beyond its band.
    assert!(rejection(13, 1.1) > -25.0);
}

#[test]
fn nothing_is_heard_before_it_is_sent_and_the_delay_is_that_of_the_filters() {
    // Ticks of both chains together: twice 2 (CIC - 1) + 3 CIC + 30 CIC where both half-band filters are on.
    for (d, delay) in [(4, 66), (8, 136), (13, 48), (16, 276), (52, 906), (100, 1_746), (512, 8_956)] {
        let mut air = Air::new(2, quiet(Path::default()));
        let start = 100_000;
        air.transmit(0, tx(d, 0), start, (0..1).map(|_| Sample::new(30_000, 0)));
        let sweep: Vec<(u64, f64)> = (start - 50..start + 20_000)
            .step_by(usize::try_from(d / 4).unwrap().max(1))
            .map(|tick| (tick, hear(&mut air, 1, rx(d, 0), tick, 1)[0].re))
            .collect();
        assert!(sweep.iter().all(|(tick, value)| *tick >= start || *value == 0.0));
        let weight: f64 = sweep.iter().map(|(_, value)| value).sum();
        let centre = sweep.iter().map(|(tick, value)| (tick - start.min(*tick)) as f64 * value).sum::<f64>() / weight;
        assert!((centre - f64::from(delay)).abs() < 0.02 * f64::from(delay) + 1.0, "d {d}: {centre}");
    }
}

#[test]
fn every_rate_has_the_level_that_its_registers_say() {
    for d in (2..=512).filter(|d| dsp::is_allowed(*d)) {
        let (from, to) = (tx(d, 0), rx(d, 0));
        let factors = dsp::scale_word(Direction::Transmit, from.words.1).1 * dsp::scale_word(Direction::Receive, to.words.1).1;
        let [heard, theory] = through(from, to, 0.0, 0, 40_000, 20);
        let (gain, right) = (level(&heard) / AMPLITUDE, level(&theory) / AMPLITUDE);
        assert!(decibels(gain / right).abs() < 0.01, "{d}: {gain} for {right}");
        // Against the host's idea of 1: the CORDIC twice and the small half-band filter twice, 0.09 dB in all.
        assert!(decibels(gain * factors).abs() < 0.1, "{d}: {}", gain * factors);
    }
}

#[test]
fn transmit_and_receive_chains_alone_have_their_own_half_band_filters() {
    // With one half-band filter, the transmitter has the small one and the receiver the large one.
    let (from, to) = (FilterChain::new(Direction::Transmit, 0x119), FilterChain::new(Direction::Receive, 0x119));
    assert_eq!((from.span(), to.span()), (4 * 24 + 6 * 25, 4 * 24 + 30 * 25));
    for direction in [Direction::Transmit, Direction::Receive] {
        for word in [0x001, 0x101, 0x201, 0x301, 0x31A, 0x380, 0x0FF] {
            assert_eq!(FilterChain::new(direction, word).impulse().len(), FilterChain::new(direction, word).span() + 1);
        }
    }
}
