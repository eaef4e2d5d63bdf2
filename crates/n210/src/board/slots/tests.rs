//! Boards under the words that UHD 4.3.0.0 sent to them, and the frequencies that it then reported.

use proptest::prelude::*;

use super::*;

/// Six registers and, before them, one of them with the counters held.
type Tune = [u32; 7];

/// Frequencies of an SBX and the words for them.
const SBX: [(f64, Tune); 5] = [
    (400e6, [0x6500_CA4A, 0x0040_0005, 0x003A_723C, 0x0001_0013, 0x6500_CA42, 0x0000_7FF9, 0x000C_0000]),
    (900e6, [0x6500_8A4A, 0x0040_0005, 0x002F_A23C, 0x0001_001B, 0x6500_8A42, 0x0000_7FF9, 0x0012_0000]),
    (1_234_566_544.566_545, [0x6500_8A4A, 0x0040_0005, 0x001F_A23C, 0x0001_001B, 0x6500_8A42, 0x0000_7FF9, 0x0018_B0F8]),
    (2.45e9, [0x6500_8A4A, 0x0040_0005, 0x000F_A23C, 0x0001_001B, 0x6500_8A42, 0x0000_7FF9, 0x0031_0000]),
    (4.4e9, [0x6500_8A4A, 0x0040_0005, 0x000F_A23C, 0x0001_001B, 0x6500_8A42, 0x0800_7FF9, 0x0058_0000]),
];

/// Frequencies of a WBX and the words for them.
const WBX: [(f64, Tune); 6] = [
    (68.75e6, [0x6500_8A4A, 0x0040_0005, 0x00CF_A23C, 0x0000_801B, 0x6500_8A42, 0x0000_7FF9, 0x002C_0000]),
    (100e6, [0x6500_8A4A, 0x0040_0005, 0x00CF_A23C, 0x0000_801B, 0x6500_8A42, 0x0000_7FF9, 0x0040_0000]),
    (433_919_413.919_414, [0x6500_8A4A, 0x0040_0005, 0x002F_A23C, 0x0001_001B, 0x6500_8A42, 0x0000_7FF9, 0x0011_5B50]),
    (900e6, [0x6500_8A4A, 0x0040_0005, 0x001F_A23C, 0x0001_001B, 0x6500_8A42, 0x0000_7FF9, 0x0024_0000]),
    (1_234_566_544.566_545, [0x6500_8A4A, 0x0040_0005, 0x000F_A23C, 0x0001_001B, 0x6500_8A42, 0x0000_7FF9, 0x0031_61F0]),
    (2.2e9, [0x6500_8A4A, 0x0040_0005, 0x000F_A234, 0x0001_001B, 0x6500_8A42, 0x0800_7FF9, 0x0058_0000]),
];

/// Idle, receiving, transmitting, both, direction, after UHD made the board and set gain 0; transmit in the high half.
const SBX_PINS: [u32; 5] = [0x4008_4008, 0x4008_400C, 0x401C_4008, 0x401C_400C, 0xFFFC_FFFC];
const WBX_PINS: [u32; 5] = [0x80C4_00DC, 0x80C4_80DC, 0x00C4_80DC, 0x00C4_80DC, 0xC0FE_BFDC];

/// The same with 20.5 dB of receive and 31.5 (31) dB of transmit gain.
const SBX_GAINS: [u32; 5] = [0x4008_6908, 0x4008_690C, 0x7F1C_6908, 0x7F1C_690C, 0xFFFC_FFFC];
const WBX_GAINS: [u32; 5] = [0x80C4_29DC, 0x80C4_A9DC, 0x40FE_A9DC, 0x40FE_A9DC, 0xC0FE_BFDC];

const RX_WORD: u32 = 0x6000_0010;
const TX_WORD: u32 = 0x6000_0080;
const CLOCK_WORD: u32 = 0x5800_0001;
const BOTH: [Direction; 2] = [Direction::Receive, Direction::Transmit];

fn spi(boards: &mut Boards, control: u32, words: &[u32]) {
    boards.write(sr::SPI_CONTROL, control, 0);
    for word in words {
        boards.write(sr::SPI_DATA, *word, 0);
    }
}

fn set_pins(boards: &mut Boards, pins: [u32; 5]) {
    for (register, value) in (gpio::FIRST_REGISTER..).zip(pins) {
        boards.write(register, value, 0);
    }
}

fn tune(boards: &mut Boards, words: &Tune) {
    spi(boards, RX_WORD, words);
    spi(boards, TX_WORD, words);
}

/// Boards with their clocks on, at full rate, as UHD makes them.
fn made(fitted: Fitted) -> Boards {
    let mut boards = Boards::with(fitted, false);
    let clocks = [0x5780, 0x5380, 0x4300, 0x4100, 0x5A01];
    spi(&mut boards, CLOCK_WORD, &clocks.map(|word| word << 8));
    set_pins(&mut boards, if matches!(fitted, Fitted::Sbx(_)) { SBX_PINS } else { WBX_PINS });
    boards
}

fn near(front: FrontEnd, lo: f64, db: f32) {
    assert!((front.lo - lo).abs() < 1.0, "{} Hz instead of {lo}", front.lo);
    assert!((20.0 * front.gain.log10() - db).abs() < 0.01, "{} instead of {db} dB", 20.0 * front.gain.log10());
}

#[test]
fn oscillators_are_where_uhd_says() {
    for (fitted, table) in [
        (Fitted::Sbx(Kind::Adf4350), &SBX[..]),
        (Fitted::Sbx(Kind::Adf4351), &SBX[..]),
        (Fitted::Wbx(Revision::V3), &WBX[..]),
        (Fitted::Wbx(Revision::V4), &WBX[..]),
    ] {
        let mut boards = made(fitted);
        assert_eq!(boards.front(Direction::Receive).gain, 0.0, "not programmed");
        for (hz, words) in table {
            tune(&mut boards, words);
            for direction in BOTH {
                near(boards.front(direction), *hz, 0.0);
            }
            assert_eq!(boards.pins() & 0x0001_0001, 0x0001_0001, "{fitted:?} at {hz}");
        }
    }
}

#[test]
fn the_later_synthesizer_divides_by_32() {
    // 3.2 GHz / 32, feedback of the oscillator itself.
    let mut words = WBX[1].1;
    words[2] = words[2] & !(7 << 20) | 5 << 20;
    for (fitted, hz) in [(Kind::Adf4350, None), (Kind::Adf4351, Some(100e6))] {
        let mut boards = made(Fitted::Sbx(fitted));
        tune(&mut boards, &words);
        let front = boards.front(Direction::Receive);
        assert_eq!((front.gain != 0.0).then_some(front.lo), hz);
    }
}

#[test]
fn gains_are_those_of_the_state_that_a_running_chain_makes() {
    for (fitted, tuning, gains, tx_db) in
        [(Fitted::Sbx(Kind::Adf4350), SBX[1].1, SBX_GAINS, 31.5), (Fitted::Wbx(Revision::V3), WBX[3].1, WBX_GAINS, 31.0)]
    {
        let mut boards = made(fitted);
        tune(&mut boards, &tuning);
        set_pins(&mut boards, gains);
        for running in [RunningChains::default(), RunningChains { rx: true, tx: true }] {
            boards.follow(running);
            near(boards.front(Direction::Receive), 900e6, 20.5);
            near(boards.front(Direction::Transmit), 900e6, tx_db);
        }
    }
}

#[test]
fn the_second_wbx_has_its_transmit_gain_from_a_voltage() {
    let mut boards = made(Fitted::Wbx(Revision::V2));
    set_pins(&mut boards, [0x80DC_00DC, 0x80DC_80DC, 0x00DC_80DC, 0x00DC_80DC, 0x80DC_BFDC]);
    tune(&mut boards, &WBX[3].1);
    // UHD: 1.4 V less 36 mV for each dB, of 3.3 V in 4095 steps.
    for db in [0_u32, 10, 25] {
        let code = (f64::from(4095) * (1.4 - 0.036 * f64::from(db)) / 3.3).round() as u32;
        spi(&mut boards, 0x9800_0020, &[(3 << 19 | code << 4) << 8]);
        let got = 20.0 * boards.front(Direction::Transmit).gain.log10();
        assert!((got - db as f32).abs() < 0.02, "{got} instead of {db} dB");
    }
}

#[test]
fn lock_needs_a_legal_oscillator_power_and_a_clock() {
    let words = SBX[1].1;
    let with = |number: usize, word: u32| {
        let mut words = words;
        words[number] = word;
        words
    };
    let [_, r5, r4, _, r2, r1, r0] = words;
    for (what, words, locked) in [
        ("as it is", words, true),
        ("2.1 GHz", with(6, 21 << 15), false),
        ("4.5 GHz", with(6, 45 << 15), false),
        ("a fraction of 1 and more", with(6, r0 | 0xFFF << 3), false),
        ("no modulus", with(5, r1 & !0x7FF8), false),
        ("counters held", with(4, r2 | 8), false),
        ("powered down", with(4, r2 | 0x20), false),
        ("comparison at 100 MHz", with(4, r2 & !(0x3FF << 14 | 1 << 24) | 1 << 14), false),
        ("integer part below 75 at 8/9", with(5, r1 | 1 << 27), false),
        ("oscillator off", with(2, r4 | 1 << 11), false),
        ("divided by 32, which it cannot", with(2, r4 & !(7 << 20) | 5 << 20), false),
        ("lock pin low", with(1, r5 & !(3 << 22)), false),
    ] {
        let mut boards = made(Fitted::Sbx(Kind::Adf4350));
        tune(&mut boards, &words);
        assert_eq!(boards.pins() & 0x0001_0001, if locked { 0x0001_0001 } else { 0 }, "{what}");
    }
    for (what, break_it) in [
        ("chip not enabled", (|boards| set_pins(boards, SBX_PINS.map(|pins| pins & !0x0008_0008))) as fn(&mut Boards)),
        ("supply off", |boards| set_pins(boards, SBX_PINS.map(|pins| pins | 0x0020_0020))),
        ("pins let go at UHD's exit", |boards| set_pins(boards, [0; 5])),
        ("clocks off", |boards| spi(boards, CLOCK_WORD, &[0x0043_0100, 0x0041_0100, 0x005A_0100])),
        ("a fault", |boards| [Lock::Receive, Lock::Transmit].into_iter().for_each(|lock| boards.lose(lock, true))),
    ] {
        let mut boards = made(Fitted::Sbx(Kind::Adf4350));
        tune(&mut boards, &words);
        break_it(&mut boards);
        assert_eq!(boards.pins() & 0x0001_0001, 0, "{what}");
        for direction in BOTH {
            let front = boards.front(direction);
            assert_eq!((front.lo, front.gain, front.leak), (0.0, 0.0, 0.0), "{what}");
        }
    }
}

#[test]
fn a_cut_way_is_silent_though_the_oscillator_is_locked() {
    for (fitted, words, pins, way) in [
        (Fitted::Sbx(Kind::Adf4350), SBX[1].1, [0x4008_4008; 4], "mixers off"),
        // The shared connector leads out, and is the receiver's choice.
        (Fitted::Sbx(Kind::Adf4350), SBX[1].1, [0x4018_000C; 4], "receiver at the transmitter's connector"),
        (Fitted::Sbx(Kind::Adf4350), SBX[1].1, [0x001C_400C; 4], "calibration of the transmitter"),
        (Fitted::Wbx(Revision::V3), WBX[3].1, [0x80C4_80CC; 4], "baseband off"),
    ] {
        let mut boards = made(fitted);
        tune(&mut boards, &words);
        let [idle, rx, tx, both] = pins;
        set_pins(&mut boards, [idle, rx, tx, both, 0xFFFC_FFFC]);
        let silent = BOTH.map(|direction| boards.front(direction).gain == 0.0);
        assert!(silent.contains(&true), "{way}");
        assert_eq!(boards.pins() & 1, 1, "{way}");
    }
}

#[test]
fn converters_silence_plain_boards_and_shift_what_they_play() {
    let mut boards = Boards::new(Equipment::default());
    let gains = |boards: &Boards| BOTH.map(|direction| boards.front(direction).gain);
    assert_eq!(gains(&boards), [1.0, 1.0]);
    spi(&mut boards, 0x9000_0100, &[0x1706_0000]);
    near(boards.front(Direction::Receive), 0.0, 3.0);
    spi(&mut boards, 0x5000_0002, &[0x01A2_0000]);
    near(boards.front(Direction::Transmit), 100e6, 0.0);
    // UHD's exit.
    spi(&mut boards, 0x5000_0002, &[0x000C_0000]);
    spi(&mut boards, 0x9000_0100, &[0x14B4_0000]);
    assert_eq!(gains(&boards), [0.0, 0.0]);
    let none = Boards::new(Equipment { board: Board::None, ..Equipment::default() });
    assert_eq!(gains(&none), [0.0, 0.0]);
}

#[test]
fn the_clock_locks_to_what_is_there() {
    for (gpsdo, source, locked) in [(false, 0x12, true), (false, 0x1C, false), (true, 0x1C, true), (true, 0x15, false)] {
        let mut boards = Boards::new(Equipment { gpsdo, ..Equipment::default() });
        assert_eq!(boards.status(0), SPI_READY, "not before it is programmed");
        let words = [0x0940, 0x0A04, 0x0400, 0x0500, 0x0605, 0x0B00, 0x0C01, 0x0847, 0x5A01];
        spi(&mut boards, CLOCK_WORD, &words.map(|word| word << 8));
        boards.write(sr::CLOCK, source, 0);
        assert_eq!(boards.status(Tick::MAX), SPI_READY | (u32::from(locked) * REFERENCE_LOCKED), "{source:#x}");
        assert_eq!(boards.status(0) & SPI_READY, 0, "busy with the words");
        boards.lose(Lock::Reference, true);
        assert_eq!(boards.status(Tick::MAX), SPI_READY);
    }
}

#[test]
fn the_firmware_reads_registers_back() {
    let mut boards = Boards::new(Equipment::default());
    let shape = |readback| [b'f', b'r', 24, readback];
    assert_eq!(boards.transact(CLOCK, 0x00_4802, shape(0), 0), 0);
    assert_eq!(boards.transact(CLOCK, 0x80_4800, shape(1), 0) & 0xFF, 0x02);
    assert_eq!(boards.transact(ADC, 0x80_4800, [0, 0, 16, 1], 0) & 0xFFFF, 0, "it has no line back");
    for bits in [0, 33, 255] {
        boards.transact(u32::MAX, u32::MAX, [0, 0, bits, 1], 0);
    }
}

proptest! {
    #[test]
    fn no_words_panic(writes in prop::collection::vec((prop::sample::select(vec![0_u8, 20, 21, 22, 24, 25, 27, 28, 128, 131, 132, 184, 185, 186, 187, 188]), any::<u32>()), 0..60), kind in 0..5, rx: bool, tx: bool) {
        let board = [Board::Lf, Board::Sbx, Board::Wbx, Board::None, Board::WbxV2][kind as usize];
        let mut boards = Boards::new(Equipment { board, gpsdo: rx, ..Equipment::default() });
        for (register, value) in writes {
            boards.write(register, value, 0);
            boards.follow(RunningChains { rx, tx });
            for direction in BOTH {
                let front = boards.front(direction);
                prop_assert!(front.lo.is_finite() && front.gain.is_finite() && front.gain >= 0.0);
            }
            boards.pins();
            boards.status(5);
        }
    }
}

#[test]
fn a_synthesizer_without_power_forgets() {
    let mut boards = made(Fitted::Sbx(Kind::Adf4350));
    tune(&mut boards, &SBX[3].1);
    assert!(BOTH.iter().all(|direction| boards.front(*direction).gain > 0.0));
    // Bit 5 of each half takes the power away.
    let [idle, rx, tx, both, direction] = SBX_PINS;
    set_pins(&mut boards, [idle | 0x0020_0020, rx | 0x0020_0020, tx | 0x0020_0020, both | 0x0020_0020, direction]);
    set_pins(&mut boards, SBX_PINS);
    assert!(BOTH.iter().all(|direction| boards.front(*direction).gain == 0.0));
    tune(&mut boards, &SBX[3].1);
    assert!(BOTH.iter().all(|direction| boards.front(*direction).gain > 0.0));
}

#[test]
fn an_oscillator_takes_its_time_to_lock() {
    let mut boards = made(Fitted::Sbx(Kind::Adf4350));
    boards.impair(Impairments { lock_time_ms: Some(1.0), ..Impairments::default() }, 0, 0);
    tune(&mut boards, &SBX[1].1);
    assert_eq!((boards.due(), boards.pins() & 0x0001_0001), (Some(100_000), 0));
    assert!(BOTH.iter().all(|direction| boards.front(*direction).gain == 0.0));
    assert!(!boards.lock(99_999) && boards.lock(100_000) && boards.due().is_none());
    assert_eq!(boards.pins() & 0x0001_0001, 0x0001_0001);
    assert!(BOTH.iter().all(|direction| boards.front(*direction).gain > 0.0));
    // The other registers do not disturb it.
    spi(&mut boards, RX_WORD, &SBX[1].1[..6]);
    assert!(boards.due().is_none());
}

/// Pins of UHD with both antennas at CAL, and gains of 20.5 dB of reception and all of transmission.
#[test]
fn calibration_leads_the_transmitter_to_the_receiver_and_not_to_the_air() {
    for (fitted, words, [rx_only, both], tx_db) in [
        (Fitted::Sbx(Kind::Adf4350), &SBX[1].1, [0x0008_290C, 0x3F1C_290C], 31.5),
        (Fitted::Wbx(Revision::V3), &WBX[3].1, [0x80C4_29DC, 0xC0FE_29DC], 31.0),
    ] {
        let mut boards = made(fitted);
        tune(&mut boards, words);
        set_pins(&mut boards, [rx_only, rx_only, both, both, 0xFFFE_FFFE]);
        boards.follow(RunningChains { rx: true, tx: true });
        let (receive, transmit) = (boards.front(Direction::Receive), boards.front(Direction::Transmit));
        assert_eq!(transmit.gain, 0.0, "{fitted:?}: not on the air");
        let db = 20.0 * (receive.leak * transmit.leak).log10();
        assert!((db - (20.5 - 50.0 + tx_db)).abs() < 0.01, "{fitted:?}: {db} dB");
        // The second connector is apart from the switch.
        let second = if matches!(fitted, Fitted::Sbx(_)) { 0x4000 } else { 0x8000 };
        set_pins(&mut boards, [rx_only, rx_only, both ^ second, both ^ second, 0xFFFE_FFFE]);
        assert_eq!(boards.front(Direction::Receive).leak, 0.0, "{fitted:?}");
    }
}

#[test]
fn corrections_take_out_what_a_front_end_does() {
    let mut boards = Boards::new(Equipment::default());
    let impairments = Impairments {
        rx_iq_gain_imbalance_db: Some(0.5),
        rx_iq_phase_imbalance_degrees: Some(2.0),
        tx_iq_gain_imbalance_db: Some(-0.4),
        tx_iq_phase_imbalance_degrees: Some(-1.5),
        tx_lo_leakage_dbfs: Some(-30.0),
        rx_dc_offset_dbfs: Some(-30.0),
        rx_noise_figure_db: Some(6.0),
        ..Impairments::default()
    };
    boards.impair(impairments, 1, 0);
    let image = |boards: &Boards, direction| {
        let iq = boards.front(direction).iq;
        20.0 * (iq.mirrored().norm() / iq.direct().norm()).log10()
    };
    assert!(BOTH.iter().all(|direction| image(&boards, *direction) > -35.0));
    assert!((boards.front(Direction::Transmit).offset.fixed.norm() - 1036.2).abs() < 1.0);
    // -94 dBm and 6 dB against 0 dBm at gain 0.
    assert!((boards.front(Direction::Receive).noise - 32_767.0 * 10_f64.powf(-88.0 / 20.0)).abs() < 1e-3);
    // Half of what the registers say acts.
    let word = |value: f64| (value * 2.0 * 131_072.0).round() as i32 as u32;
    let imbalance = |gain_db: f64, degrees: f64| (10_f64.powf(gain_db / 20.0), degrees.to_radians());
    let (gain, phase) = imbalance(0.5, 2.0);
    boards.write(sr::RX_MAGNITUDE, word(gain * phase.cos() - 1.0), 5);
    boards.write(sr::RX_PHASE, word(-gain * phase.sin()), 5);
    let (gain, phase) = imbalance(-0.4, -1.5);
    boards.write(sr::TX_MAGNITUDE, word(gain * phase.cos() - 1.0), 5);
    boards.write(sr::TX_PHASE, word(-gain * phase.sin()), 5);
    assert!(BOTH.iter().all(|direction| image(&boards, *direction) < -80.0), "{:?}", BOTH.map(|d| image(&boards, d)));
    let leak = boards.impairments().transmit_offset(1);
    // Q at the board is made of I and Q at the converter.
    let (i, q) = (-leak.re, (-leak.im + leak.re * gain * phase.sin()) / (gain * phase.cos()));
    boards.write(sr::TX_OFFSET_I, (i / 32_768.0 * 8_388_608.0).round() as i32 as u32, 5);
    boards.write(sr::TX_OFFSET_Q, (q / 32_768.0 * 8_388_608.0).round() as i32 as u32, 5);
    assert!(boards.front(Direction::Transmit).offset.fixed.norm() < 0.1);
    // The loop has taken the receiver's offset out after a while.
    let offset = boards.front(Direction::Receive).offset;
    assert!(!offset.is_nothing(5) && offset.is_nothing(20_000_000));
}
