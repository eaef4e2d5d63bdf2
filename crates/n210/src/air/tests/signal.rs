//! Phase, paths, limits, packets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

/// What radio 1 receives of a tone of radio 0, both at the lab's rate and at 0 Hz, once the filters are full.
fn steady(air: &mut Air, turns: f64, count: usize) -> Vec<Complex<f64>> {
    air.transmit(0, tx(52, 0), 0, tone(12_000.0, turns, count + 300));
    hear(air, 1, rx(52, 0), 200 * 52, count)
}

/// What comes of the tone's amplitude at DC with no path: the halved scale and the filters' own.
fn nominal() -> f64 {
    let mut air = Air::new(2, quiet(Path::default()));
    level(&steady(&mut air, 0.0, 50))
}

#[test]
fn frequencies_are_exact_to_the_register_for_days() {
    let step = dsp::frequency_of(1);
    for (days, word) in [(0_u64, 1_u32), (3, 1), (30, 12_345), (3_000, 0xFFFF_F000)] {
        let origin = days * 86_400 * 100_000_000 + 17;
        let (from, to) = (tx(52, 0x1234_5678_u32.wrapping_add(word)), rx(52, 0x1234_5678_u32.wrapping_neg()));
        let mut air = Air::new(2, quiet(Path::default()));
        air.transmit(0, from, origin, tone(20_000.0, 0.0, 2_000));
        let heard = hear(&mut air, 1, to, origin + 400 * 52, 1_000);
        let right = heard_by_theory(&from, &to, 0.0, 20_000.0, origin, origin + 400 * 52, 1_000);
        assert!(distance(&heard, &right) < 2.0, "{days} days, {:.3} Hz: {}", step * f64::from(word), distance(&heard, &right));
    }
}

#[test]
fn an_oscillator_starts_with_its_chain_and_goes_on_through_retuning() {
    let word = dsp::tx_tuning_word(3e6);
    let (mut from, mut to) = (tx(52, word), rx(52, word.wrapping_neg()));
    let heard = |from: Tuning, to: Tuning| {
        let mut air = Air::new(2, quiet(Path::default()));
        air.transmit(0, from, 520_000, tone(20_000.0, 0.0, 200));
        hear(&mut air, 1, to, 520_000 + 100 * 52, 1)[0]
    };
    let before = heard(from, to);
    let later = |to: &mut Tuning, at: Tick| to.start(at, at);
    later(&mut to, 500_017);
    // The receiver's word shifts down: started later, it lags by as much.
    let turned = heard(from, to) / before;
    assert!((turned - turn::phasor(turn::turns_from_word(word).wrapping_mul(500_017))).norm() < 1e-3, "{turned}");
    from.start(500_017, 500_017);
    assert!((heard(from, to) - before).norm() < 2.0, "both started at the same tick");
    let same = from;
    from.set_frequency(word.wrapping_add(99), 510_000);
    from.set_frequency(word, 510_000);
    assert_eq!(same.phase_at_power_up(), from.phase_at_power_up());
    from.set_frequency(word.wrapping_add(99), 519_000);
    let phase = |tuning: &Tuning| tuning.phase_at_power_up().wrapping_add(tuning.frequency.wrapping_mul(519_000));
    assert_eq!(phase(&from), phase(&same), "no jump at the tick of the change");
}

#[test]
fn boards_with_oscillators_add_to_what_the_registers_shift() {
    let front = |lo, gain| FrontEnd { lo, gain, ..FrontEnd::default() };
    let mut air = Air::new(2, quiet(Path::default()));
    let behind = |front: FrontEnd, mut chain: Tuning| {
        chain.set_front(front);
        chain
    };
    let from = behind(front(2.400e9, 0.5), tx(52, dsp::tx_tuning_word(250_000.0)));
    let to = behind(front(2.3999e9, 0.5), rx(52, 0));
    air.transmit(0, from, 0, tone(20_000.0, 0.0, 1_000));
    let heard = hear(&mut air, 1, to, 52 * 300, 500);
    // 350 kHz above the receiver's centre.
    let turn = Complex::cis(TAU * 350e3 / dsp::rate_of(52));
    assert!(heard.windows(2).all(|pair| (pair[1] - pair[0] * turn).norm() < 3.0) && level(&heard) > 2_000.0);
    // 100 MHz apart is no alias of 0.
    let far = behind(front(2.500e9, 1.0), to);
    assert_eq!(level(&hear(&mut air, 1, far, 52 * 300, 500)), 0.0);
    let off = behind(FrontEnd::OFF, to);
    assert_eq!(level(&hear(&mut air, 1, off, 52 * 300, 500)), 0.0);
}

#[test]
fn a_carrier_offset_turns_what_is_heard_without_a_jump() {
    let mut air = Air::new(2, quiet(Path::default()));
    air.set_carrier_offset(0, 150.0);
    air.set_carrier_offset(1, -50.0);
    let heard = steady(&mut air, 0.0, 2_000);
    let turn = Complex::cis(TAU * 200.0 / dsp::rate_of(52));
    let right: Vec<_> = (0..2_000).map(|n| heard[0] * turn.powi(n)).collect();
    assert!(distance(&heard, &right) < 2.5, "{}", distance(&heard, &right));
    // Changed after the last that was received: the phase goes on.
    air.set_carrier_offset(0, 500.0);
    let start = 200 * 52 + 1_990 * 52;
    let after = hear(&mut air, 1, rx(52, 0), start, 5)[0];
    let angle = (after / heard[1_990]).arg().abs();
    let most = TAU * 350.0 * 1_990.0 / dsp::rate_of(52);
    assert!(angle < most + 1e-3, "{angle}");
}

#[test]
fn paths_have_gain_delay_and_obstacles() {
    let far = Path { gain_db: -20.0, delay: 10 * 52, ..Path::default() };
    let mut air = Air::new(3, quiet(far.clone()));
    let heard = steady(&mut air, 0.0, 100);
    assert!(decibels(level(&heard) / nominal() * 10.0).abs() < 0.01);
    // Ten samples later than without.
    let step = |air: &mut Air| hear(air, 1, rx(52, 0), 0, 60);
    let late = step(&mut air);
    air.set_path(0, 1, Path { delay: 0, ..far.clone() });
    assert!(distance(&late[10..], &step(&mut air)[..50]) <= 1.0);
    air.set_path(0, 1, Path { blocked: true, ..far.clone() });
    assert_eq!(level(&step(&mut air)), 0.0);
    assert!(level(&hear(&mut air, 2, rx(52, 0), 10_400, 10)) > 0.0, "another way is free");
    // No radio receives itself without a cable.
    assert_eq!(level(&hear(&mut air, 0, rx(52, 0), 10_400, 10)), 0.0);
    air.set_path(0, 0, Path::default());
    assert!((level(&hear(&mut air, 0, rx(52, 0), 10_400, 10)) / nominal() - 1.0).abs() < 1e-3);
    // Unknown radios, absurd delays and gains do no harm.
    air.set_path(7, 0, far.clone());
    air.set_noise(9, 0.0);
    air.set_carrier_offset(9, 1.0);
    for (gain_db, delay) in [(f32::NAN, 3), (f32::INFINITY, 3), (0.0, u64::MAX), (0.0, 1 << 30)] {
        let tap = Tap { delay, gain_db, phase_degrees: f32::NAN };
        air.set_path(0, 1, Path { gain_db, delay, blocked: false, taps: vec![tap] });
        step(&mut air);
    }
}

#[test]
fn a_second_ray_cuts_a_notch_where_theory_says() {
    let delay = 130_u64;
    for (phase_degrees, near) in [(0.0, 1), (90.0, 1), (180.0, 400)] {
        let tap = |delay| vec![Tap { delay, gain_db: 0.0, phase_degrees }];
        // Notches are where the ray's phase, less its delay, is half a turn.
        let notch = (f64::from(phase_degrees) / 360.0 - 0.5).rem_euclid(1.0) / delay as f64 * 52.0;
        for (turns, hole) in [(notch, true), (notch - 0.1, false)] {
            let turns = (turns + 0.5).rem_euclid(1.0) - 0.5;
            let mut air = Air::new(2, quiet(Path { taps: tap(delay), ..Path::default() }));
            let heard = level(&steady(&mut air, turns, 200)) / nominal();
            assert!(if hole { heard < 0.01 } else { heard > 0.3 }, "{phase_degrees} degrees, {turns}: {heard}");
        }
        // A ray so late that it is a filter of its own: a constant carrier is received twice, or not at all.
        let mut air = Air::new(2, quiet(Path { taps: tap(near * 52 * 10), ..Path::default() }));
        air.transmit(0, tx(52, 0), 0, tone(12_000.0, 0.0, 6_000));
        let sum = level(&hear(&mut air, 1, rx(52, 0), 5_000 * 52, 50)) / nominal();
        assert!((sum - 2.0 * f64::from(phase_degrees / 2.0).to_radians().cos().abs()).abs() < 0.01, "{sum}");
    }
}

/// Off the receiver's frequency, what comes later comes as it was, phase and all: by the path's delay as by a ray's.
#[test]
fn a_delay_moves_a_signal_as_a_whole() {
    let from = tx(52, dsp::tx_tuning_word(100e3));
    let listen = |path: Path, later: Tick| {
        let mut air = Air::new(2, quiet(path));
        air.transmit(0, from, 0, tone(12_000.0, 0.01, 1_000));
        hear(&mut air, 1, rx(52, 0), 400 * 52 + later, 50)
    };
    let at_once = listen(Path::default(), 0);
    assert!(level(&at_once) > 1_000.0);
    let late = listen(Path { delay: 130, ..Path::default() }, 130);
    assert!(distance(&late, &at_once) < 3.0, "{}", distance(&late, &at_once));
    // A ray so strong that the direct one is nothing beside it.
    let tap = Tap { delay: 130, gain_db: 60.0, phase_degrees: 0.0 };
    let late = listen(Path { gain_db: -60.0, taps: vec![tap], ..Path::default() }, 130);
    assert!(distance(&late, &at_once) < 20.0, "{}", distance(&late, &at_once));
}

#[test]
fn a_change_of_an_oscillator_leaves_its_phase() {
    let mut air = Air::new(2, quiet(Path::default()));
    air.set_carrier_offset(0, 1_000.0);
    air.transmit(0, tx(52, 0), 0, tone(12_000.0, 0.0, 6_000));
    let mut now = || hear(&mut air, 1, rx(52, 0), 260_000, 1)[0];
    let before = now();
    // 2.6 turns since power-up.
    assert!((before.arg() - TAU * 0.6 + TAU).abs() < 0.1, "{before}");
    air.set_carrier_offset(0, 0.0);
    // But for what the filters held back meanwhile: 0.01 turns.
    let after = hear(&mut air, 1, rx(52, 0), 260_000, 1)[0];
    assert!((after / before).arg().abs() < 0.1, "{before} {after}");
}

#[test]
fn a_scale_beyond_the_hosts_drives_the_transmitter_to_its_limits() {
    let mut from = tx(52, 0);
    from.gain = 2.0;
    let [cut, most] = [30_000.0, 16_384.0].map(|amplitude| {
        let mut air = Air::new(2, quiet(Path { gain_db: -20.0, ..Path::default() }));
        air.transmit(0, from, 0, tone(amplitude, 0.0, 400));
        hear(&mut air, 1, rx(52, 0), 200 * 52, 50)
    });
    assert!(distance(&cut, &most) <= 1.0 && level(&most) > 500.0, "{} {}", level(&cut), level(&most));
}

#[test]
fn levels_beyond_full_scale_are_cut() {
    let mut air = Air::new(2, quiet(Path { gain_db: 30.0, ..Path::default() }));
    let loud = steady(&mut air, 0.0, 100);
    assert!(loud.iter().all(|s| (s.re - 32_767.0).abs() <= 1.0), "{:?}", loud[0]);
    // Where the receive scale halves, the converter's limit is half of what is received.
    let to = rx(28, 0);
    assert!(dsp::scale_word(Direction::Receive, to.words.1).1 == 2.0 || to.gain > 0.9);
    let mut to = rx(52, 0);
    to.gain = 0.5;
    assert!(hear(&mut air, 1, to, 10_400, 10).iter().all(|s| (s.re - 16_384.0).abs() <= 1.0));
}

#[test]
fn a_stream_begins_with_empty_filters() {
    let mut air = Air::new(2, quiet(Path::default()));
    let whole = steady(&mut air, 0.0, 100);
    let mut to = rx(52, 0);
    to.start(200 * 52, 200 * 52);
    let begun = hear(&mut air, 1, to, 200 * 52, 100);
    assert_eq!(begun[0], Complex::default());
    assert!(begun[8].re < 0.6 * whole[8].re && begun[40..] == whole[40..]);
    let again = [0..7, 7..30, 30..100].map(|part| hear(&mut air, 1, to, (200 + part.start as u64) * 52, part.len()));
    assert_eq!(again.concat(), begun, "in pieces");
}

#[test]
fn what_is_older_than_the_memory_is_silence() {
    let mut air = Air::new(2, quiet(Path::default()));
    air.transmit(0, tx(4, 0), 0, tone(1_000.0, 0.0, track::MEMORY + 100));
    let heard = hear(&mut air, 1, rx(4, 0), 4, 300);
    assert!(heard[..90].iter().all(|s| s.norm() == 0.0) && heard[150..].iter().all(|s| s.norm() > 500.0));
    // Single samples in bursts of their own.
    for n in 0..40_000 {
        air.transmit(0, tx(4, 0), 10_000_000 + n * 100, tone(1_000.0, 0.0, 1));
    }
    assert!(level(&hear(&mut air, 1, rx(4, 0), 13_900_000, 300)) > 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// How samples are put into packets makes no difference to what is received.
    #[test]
    fn packets_leave_no_trace(
        rates in prop::sample::select(vec![(52, 52), (4, 16), (16, 4), (13, 7), (100, 4), (5, 52)]),
        sent in prop::collection::vec(1_usize..400, 1..20),
        heard in prop::collection::vec(1_usize..400, 1..8),
        apart in prop::sample::select(vec![0.0, 10_000.0]),
        offset in 0_u64..200,
    ) {
        let (from, to) = (tx(rates.0, 0), rx(rates.1, dsp::rx_tuning_word(apart)));
        let medium = Medium { noise_dbfs: -40.0, ..quiet(Path::default()) };
        let all: Vec<Sample> = tone(9_000.0, 0.0123, sent.iter().sum()).collect();
        let total: usize = heard.iter().sum();
        let mut whole = Air::new(2, medium.clone());
        whole.transmit(0, from, 50_000, all.iter().copied());
        let mut pieces = Air::new(2, medium);
        let mut at = 0;
        for count in sent {
            pieces.transmit(0, from, 50_000 + at as u64 * u64::from(from.decimation), all[at..at + count].iter().copied());
            at += count;
        }
        let start = 49_900 + offset;
        let right = hear(&mut whole, 1, to, start, total);
        let mut got = Vec::new();
        for count in heard {
            got.extend(hear(&mut pieces, 1, to, start + got.len() as u64 * u64::from(to.decimation), count));
        }
        // A last bit may fall to the other side: the wheel of a turning phase starts again with each packet.
        prop_assert!(distance(&got, &right) <= if apart == 0.0 { 0.0 } else { 1.5 }, "{}", distance(&got, &right));
    }
}
