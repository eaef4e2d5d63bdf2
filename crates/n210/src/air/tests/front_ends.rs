//! What front ends do to I and Q, against what the same matrices do to numbers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::super::iq::IqMatrix;
use super::super::offset::{LOOP_TICKS, Offset};
use super::super::path_filter::{PathFilter, ReceivingChain, Scratch, Transmitter, Way};
use super::super::split::Split;
use super::super::track::Track;
use super::super::turn::Carrier;
use super::*;

const ODD: IqMatrix = IqMatrix([[0.9, -0.2], [0.3, 1.1]]);

/// A receiver whose front end has this matrix behind its converters.
fn receiver(frequency: u32, matrix: IqMatrix) -> Tuning {
    let mut to = rx(52, frequency);
    to.set_front(FrontEnd { iq: matrix, behind_converter: matrix, ..FrontEnd::default() });
    to
}

/// A transmitter with this matrix.
fn transmitter(frequency: u32, matrix: IqMatrix, carrier: Complex<f64>) -> Tuning {
    let mut from = tx(52, frequency);
    from.set_front(FrontEnd { iq: matrix, offset: Offset::fixed(carrier), ..FrontEnd::default() });
    from
}

fn noisy() -> Air {
    Air::new(2, Medium { path: Path::default(), noise_dbfs: -30.0, seed: 7 })
}

/// The same signal, heard as it is and by another pair of chains.
fn both(from: Tuning, to: Tuning, path: &Path) -> [Vec<Complex<f64>>; 2] {
    [(tx(52, from.frequency), rx(52, to.frequency)), (from, to)].map(|(from, to)| {
        let mut air = Air::new(2, quiet(path.clone()));
        air.transmit(0, from, 0, tone(9_000.0, 0.037, 2_000));
        hear(&mut air, 1, to, 800 * 52, 300)
    })
}

/// Amplitude and phase of a carrier, so many turns from each sample to the next.
fn carrier(signal: &[Complex<f64>], turns: f64) -> Complex<f64> {
    let waves = signal.iter().enumerate().map(|(n, sample)| sample * Complex::cis(-TAU * (turns * n as f64).fract()));
    waves.sum::<Complex<f64>>() / signal.len() as f64
}

#[test]
fn without_a_frequency_a_matrix_does_to_a_signal_what_it_does_to_numbers() {
    let echo = Path { delay: 37, taps: vec![Tap { delay: 520, gain_db: -3.0, phase_degrees: 70.0 }], ..Path::default() };
    for path in [Path::default(), echo] {
        let [plain, turned] = both(tx(52, 0), receiver(0, ODD), &path);
        let right: Vec<_> = plain.iter().map(|z| ODD.apply(*z)).collect();
        assert!(distance(&turned, &right) < 2.5, "receiver: {}", distance(&turned, &right));
    }
    let leak = Complex::new(500.0, -300.0);
    let [plain, turned] = both(transmitter(0, ODD, leak), rx(52, 0), &Path::default());
    let right: Vec<_> = plain.iter().map(|z| ODD.apply(*z) + leak * of_a_carrier()).collect();
    assert!(distance(&turned, &right) < 3.0, "transmitter: {}", distance(&turned, &right));
}

/// What is received of a transmitter's carrier: filters, and no register of the transmit side.
fn of_a_carrier() -> f64 {
    (theory(&tx(52, 0), 0.0) * theory(&rx(52, 0), 0.0)).norm() / f64::from(tx(52, 0).gain)
}

/// Level of what is received of a constant of 9000.
fn nominal(frequency: u32) -> f64 {
    let mut air = Air::new(2, quiet(Path::default()));
    air.transmit(0, tx(52, frequency), 0, tone(9_000.0, 0.0, 2_000));
    level(&hear(&mut air, 1, rx(52, frequency.wrapping_neg()), 800 * 52, 100))
}

/// Mirror images lie on the other side of the oscillator, not of the chain's frequency.
#[test]
fn images_and_carrier_lie_around_the_oscillator() {
    let rate = dsp::rate_of(52);
    // The transmit chain at 300 kHz, the receive chain at 100 kHz, the tone 50 kHz above: 350 kHz, and -350 kHz its image.
    let (up, down, tone_hz) = (300e3, 100e3, 0.037 * rate);
    let at = |hertz: f64| hertz / rate;
    let from = transmitter(dsp::tx_tuning_word(up), ODD, Complex::new(700.0, 0.0));
    let to = receiver(dsp::rx_tuning_word(down), IqMatrix([[1.0, 0.0], [0.0, 0.8]]));
    let [plain, turned] = both(from, to, &Path::default());
    let unit = carrier(&plain, at(up + tone_hz - down)).norm();
    let measured = |hertz: f64| carrier(&turned, at(hertz)).norm() / unit;
    // What falls off in the filters is left to a margin of 8 %.
    for (what, hertz, right) in [
        ("signal", up + tone_hz - down, ODD.direct().norm() * 0.9),
        ("the receiver's image", -up - tone_hz - down, ODD.direct().norm() * 0.1),
        ("the transmitter's image", -up - tone_hz - down, ODD.direct().norm() * 0.1),
        ("the carrier", -down, 700.0 / 9_000.0 / f64::from(from.gain) * 0.9),
        ("where nothing is", 55e3, 0.0),
    ] {
        let level = measured(hertz);
        let slack = 0.08 * right + 0.02;
        let both_images = if what.contains("image") { ODD.mirrored().norm() * 0.9 } else { 0.0 };
        assert!((level - right).abs() < slack + both_images, "{what}: {level:.4} instead of {right:.4}");
    }
    // Apart from one another: only the transmitter's, only the receiver's, and the image of an image, which is the signal's place again.
    for (from, to, hertz, right) in [
        (from, rx(52, dsp::rx_tuning_word(down)), -up - tone_hz - down, ODD.mirrored().norm()),
        (tx(52, dsp::tx_tuning_word(up)), receiver(dsp::rx_tuning_word(down), ODD), -up - tone_hz - down, ODD.mirrored().norm()),
        (
            transmitter(dsp::tx_tuning_word(up), IqMatrix::SWAP, Complex::default()),
            rx(52, dsp::rx_tuning_word(down)),
            -up - tone_hz - down,
            1.0,
        ),
        (
            transmitter(dsp::tx_tuning_word(up), IqMatrix::SWAP, Complex::default()),
            receiver(dsp::rx_tuning_word(down), IqMatrix::SWAP),
            up + tone_hz - down,
            1.0,
        ),
    ] {
        let [_, turned] = both(from, to, &Path::default());
        let level = carrier(&turned, at(hertz)).norm() / unit;
        assert!((level / right - 1.0).abs() < 0.08, "{hertz} Hz: {level:.4} instead of {right:.4}");
    }
}

/// A mirror image of a mirror image is the signal, in phase as well; and one alone is what conjugates on the other side of the oscillator are.
#[test]
fn images_have_the_phase_of_what_they_mirror() {
    let echo = Path { delay: 37, taps: vec![Tap { delay: 520, gain_db: -3.0, phase_degrees: 0.0 }], ..Path::default() };
    // The phase of a path is that at the receive chain's frequency, and a mirror image gets its conjugate: with a delay, that frequency is 0 here.
    for (path, up, down) in [(Path::default(), 300e3, 100e3), (Path::default(), 0.0, -150e3), (echo, 300e3, 0.0)] {
        let (up, down) = (dsp::tx_tuning_word(up), dsp::rx_tuning_word(down));
        let [plain, twice] = both(transmitter(up, IqMatrix::SWAP, Complex::default()), receiver(down, IqMatrix::SWAP), &path);
        assert!(distance(&twice, &plain) < 2.5, "{}", distance(&twice, &plain));
        for (from, to) in [(IqMatrix::SWAP, IqMatrix::IDENTITY), (IqMatrix::IDENTITY, IqMatrix::SWAP)] {
            let [_, once] = both(transmitter(up, from, Complex::default()), receiver(down, to), &path);
            let mut air = Air::new(2, quiet(path.clone()));
            air.transmit(0, tx(52, up.wrapping_neg()), 0, tone(9_000.0, -0.037, 2_000));
            let mirrored: Vec<_> = hear(&mut air, 1, rx(52, down), 800 * 52, 300).iter().map(|z| z * Complex::i()).collect();
            assert!(distance(&once, &mirrored) < 3.5, "{}", distance(&once, &mirrored));
        }
    }
}

#[test]
fn the_multiplexer_takes_one_converter_or_both() {
    let heard = |word: u32| {
        let mut to = rx(52, 0);
        to.set_multiplexer(word);
        both(tx(52, 0), to, &Path::default())
    };
    for (word, of) in [
        (0, (|z| z) as fn(Complex<f64>) -> Complex<f64>),
        (1, |z| Complex::new(z.im, z.re)),
        (2, |z| Complex::new(z.re, 0.0)),
        (3, |z| Complex::new(z.im, 0.0)),
    ] {
        let [plain, turned] = heard(word);
        let right: Vec<_> = plain.iter().map(|z| of(*z)).collect();
        assert!(distance(&turned, &right) < 1.5, "{word}: {}", distance(&turned, &right));
    }
    // One converter alone: half the amplitude, and the image as loud.
    let [plain, real] = heard(2);
    let unit = carrier(&plain, 0.037).norm();
    for turns in [0.037, -0.037] {
        assert!((carrier(&real, turns).norm() / unit - 0.5).abs() < 0.01);
    }
}

#[test]
fn each_converter_has_noise_of_its_own() {
    for frequency in [0, dsp::rx_tuning_word(3e6)] {
        let noise = |word: u32| {
            let mut to = rx(52, frequency);
            to.set_multiplexer(word);
            hear(&mut noisy(), 0, to, 52_000, 40_000)
        };
        let [both, a, b, again] = [0, 2, 3, 2].map(noise);
        let power = |signal: &[Complex<f64>]| 20.0 * (level(signal) / level(&both)).log10();
        assert!((power(&a) + 3.01).abs() < 0.1 && (power(&b) + 3.01).abs() < 0.1, "half the power each");
        assert_eq!(a, again);
        let product: Complex<f64> = a.iter().zip(&b).map(|(a, b)| a * b.conj()).sum();
        let alike = product.norm() / a.len() as f64 / level(&a) / level(&b);
        assert!(alike < 0.03, "{frequency}: {alike}");
        // The two together are what both give.
        let right: Vec<_> = a.iter().zip(&b).map(|(a, b)| a + b * Complex::i()).collect();
        assert!(distance(&right, &both) < 3.0, "{}", distance(&right, &both));
    }
}

#[test]
fn an_offset_is_a_carrier_at_the_oscillator_that_the_loop_takes_out() {
    let value = Complex::new(300.0, -100.0);
    let with = |offset: Offset, frequency: u32, start: Tick| {
        let mut to = rx(52, frequency);
        to.set_front(FrontEnd { offset, ..FrontEnd::default() });
        hear(&mut Air::new(1, quiet(Path::default())), 0, to, start, 400)
    };
    let scale = theory(&rx(52, 0), 0.0).norm();
    let still = with(Offset::fixed(value), 0, 52_000);
    assert!(still.iter().all(|sample| (sample - value * scale).norm() < 2.0), "{} instead of {}", still[0], value * scale);
    let off = with(Offset::fixed(value), dsp::rx_tuning_word(100e3), 52_000);
    let turns = -100e3 / dsp::rate_of(52);
    assert!((carrier(&off, turns).norm() / (value.norm() * scale) - 1.0).abs() < 0.02);
    let later = 52_000 + LOOP_TICKS as Tick;
    let decaying = Offset { decaying: value, since: 52_000, ..Offset::default() };
    let mean = with(decaying, 0, later).iter().sum::<Complex<f64>>() / 400.0;
    let left = (-1.0_f64 - 200.0 * 52.0 / LOOP_TICKS).exp();
    assert!((mean - value * scale * left).norm() < 1.5, "{mean}");
    assert_eq!(level(&with(decaying, 0, 52_000 + 20 * LOOP_TICKS as Tick)), 0.0);
}

#[test]
fn a_boards_noise_is_beside_the_converters() {
    let heard = |noise: f64, converts: bool, gain: f32| {
        let mut to = rx(52, 0);
        to.set_front(FrontEnd { noise, converts, gain, ..FrontEnd::default() });
        level(&hear(&mut noisy(), 0, to, 52_000, 40_000))
    };
    let own = heard(0.0, true, 1.0);
    // As much again, in all of the converters' band.
    let as_much = FULL_SCALE * 10_f64.powf(-30.0 / 20.0) * 52_f64.sqrt();
    assert!((heard(as_much, true, 1.0) / own - 2_f64.sqrt()).abs() < 0.01);
    assert_eq!(heard(0.0, true, 0.0), own, "a receiver that is cut off has its converters' noise");
    assert_eq!(heard(0.0, false, 1.0), 0.0, "a converter that is off has none");
}

#[test]
fn phase_noise_has_its_power_and_leaves_the_level() {
    for (ends, mirrored) in [([0.02, 0.0], false), ([0.0, 0.02], false), ([0.02, 0.02], false), ([0.02, 0.0], true)] {
        let mut air = Air::new(2, quiet(Path::default()));
        let (mut from, mut to) = (tx(52, 0), rx(52, 0));
        from.set_front(FrontEnd { phase_noise: ends[0], ..FrontEnd::default() });
        let iq = if mirrored { IqMatrix::SWAP } else { IqMatrix::IDENTITY };
        to.set_front(FrontEnd { phase_noise: ends[1], iq, ..FrontEnd::default() });
        air.transmit(0, from, 0, tone(16_000.0, 0.0, 60_000));
        let heard = hear(&mut air, 1, to, 800 * 52, 50_000);
        let middle = carrier(&heard, 0.0);
        let phases: Vec<f64> = heard.iter().map(|sample| (sample / middle).arg()).collect();
        let rms = (phases.iter().map(|phase| phase * phase).sum::<f64>() / phases.len() as f64).sqrt();
        let right = f64::from(ends[0].hypot(ends[1]));
        assert!((rms / right - 1.0).abs() < 0.1, "{ends:?}: {rms} instead of {right}");
        assert!(heard.iter().all(|sample| (sample.norm() / middle.norm() - 1.0).abs() < 3e-3));
        // It moves within the loop's bandwidth, not from sample to sample.
        let steps = phases.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum::<f64>() / phases.len() as f64;
        assert!(steps.sqrt() < rms * 0.8, "{ends:?}");
    }
}

/// A leak inside the board is no path: it needs the board's way, and no other radio hears it.
#[test]
fn a_board_leaks_into_itself() {
    let mut air = Air::new(2, quiet(Path::default()));
    let mut from = tx(52, 0);
    from.set_front(FrontEnd { gain: 0.0, leak: 2.0, ..FrontEnd::default() });
    air.transmit(0, from, 0, tone(9_000.0, 0.0, 2_000));
    let mut heard = |radio: usize, leak: f32| {
        let mut to = rx(52, 0);
        to.set_front(FrontEnd { leak, ..FrontEnd::default() });
        level(&hear(&mut air, radio, to, 800 * 52, 100))
    };
    assert!((heard(0, 0.25) / nominal(0) - 0.5).abs() < 1e-3);
    assert_eq!((heard(0, 0.0), heard(1, 0.25)), (0.0, 0.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// How samples are put into packets makes no difference, whatever front ends do.
    #[test]
    fn packets_leave_no_trace_with_front_ends(
        rates in prop::sample::select(vec![(52, 52), (4, 16), (16, 4), (13, 7)]),
        heard in prop::collection::vec(1_usize..400, 1..8),
        apart in prop::sample::select(vec![0.0, 10_000.0]),
        offset in 0_u64..200,
    ) {
        let (mut from, mut to) = (tx(rates.0, 12_345), rx(rates.1, dsp::rx_tuning_word(apart)));
        let offset_of = Offset { fixed: Complex::new(200.0, 30.0), decaying: Complex::new(99.0, 0.0), since: 10 };
        let front = FrontEnd { iq: ODD, behind_converter: ODD, offset: offset_of, noise: 300.0, phase_noise: 0.01, ..FrontEnd::default() };
        from.set_front(front);
        to.set_front(front);
        let mut air = Air::new(2, Medium { noise_dbfs: -40.0, ..quiet(Path::default()) });
        air.transmit(0, from, 50_000, tone(9_000.0, 0.0123, 4_000));
        let start = 49_900 + offset;
        let right = hear(&mut air, 1, to, start, heard.iter().sum());
        let mut got = Vec::new();
        for count in heard {
            got.extend(hear(&mut air, 1, to, start + got.len() as u64 * u64::from(to.decimation), count));
        }
        prop_assert!(distance(&got, &right) <= 2.5, "{}", distance(&got, &right));
    }
}

/// What a path makes of a tone when parts below a level are left out.
fn over_a_path(path: &Path, (from, to): (Tuning, Tuning), offset: f64, inaudible: f64) -> Vec<Complex<f64>> {
    let mut track = Track::new();
    track.record(from, 0, tone(9_000.0, 0.037, 4_000));
    let mut carrier = Carrier::default();
    carrier.set(offset, 0);
    let listener = ReceivingChain { radio: 1, tuning: to, carrier: Carrier::default(), start: 30_000, inaudible };
    let mut sum = Split::default();
    sum.reset(363);
    let transmitter = Transmitter { radio: 0, track: &track, carrier };
    PathFilter::new(path.clone()).add(&mut sum, &listener, transmitter, Way::Antennas, &mut Scratch::new(1));
    sum.re.iter().zip(&sum.im).map(|(re, im)| Complex::new(f64::from(*re), f64::from(*im))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A mirror image of a mirror image lies beside the signal and becomes part of it; what is far out of the band is left out. Neither may
    /// change a sample by more than the level that counts as not heard, times the parts that there are.
    #[test]
    fn what_is_not_heard_changes_nothing_that_is(
        offset in prop_oneof![Just(0.0), Just(3.0), -2_000.0..2_000.0_f64],
        delay in 0..4_000_u64,
        echo in any::<bool>(),
        tuned in prop_oneof![Just(0_u32), Just(0x1234_5678), Just(0xC000_0000)],
        gain in 0.01..2.0_f64,
    ) {
        let taps = if echo { vec![Tap { delay: 520, gain_db: -6.0, phase_degrees: 70.0 }] } else { Vec::new() };
        let path = Path { delay, taps, ..Path::default() };
        let imbalance = IqMatrix([[1.0, 0.0], [gain / 50.0, 1.0 - gain / 20.0]]);
        let chains = (transmitter(tuned, imbalance, Complex::new(90.0, -40.0)), receiver(tuned.wrapping_neg(), imbalance));
        // Below nothing: each part by itself, even where two lie in one place.
        let exact = over_a_path(&path, chains, offset, -1.0);
        for inaudible in [0.02, 0.5, 5.0] {
            let heard = over_a_path(&path, chains, offset, inaudible);
            prop_assert!(distance(&heard, &exact) <= 6.0 * inaudible, "{} at {inaudible}", distance(&heard, &exact));
        }
    }
}

/// A stretch of carrier in its middle is a constant, at its edges it is filtered: both have to meet.
#[test]
fn a_carrier_that_goes_on_is_the_same_as_one_that_begins() {
    let chains = (transmitter(0x0100_0000, IqMatrix::IDENTITY, Complex::new(3_000.0, 0.0)), rx(52, 0));
    let silent = |count: usize| std::iter::repeat_n(Sample::default(), count);
    let heard = |count: usize, (start, length): (Tick, usize)| {
        let mut air = Air::new(2, quiet(Path::default()));
        air.transmit(0, chains.0, 0, silent(count));
        hear(&mut air, 1, chains.1, start, length)
    };
    let whole = heard(2_000, (0, 900));
    // In the middle, piece by piece.
    for at in [200, 363, 500] {
        let piece = heard(2_000, (at as u64 * 52, 100));
        assert!(distance(&piece, &whole[at..at + 100]) < 1.5, "{}", distance(&piece, &whole[at..at + 100]));
    }
    // Over its end.
    let ended = heard(400, (0, 900));
    assert!(distance(&ended[..380], &whole[..380]) < 1.5);
    assert!(ended[450..].iter().all(|z| z.norm() < 1.5));
}
